"""What was tried and what was chosen in a fit, in words."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from scipy.special import bdtr

from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
from facesmith.approximation.experiment.points import Split
from facesmith.approximation.model.fitted import TWO_SIDED_95, FittedFunction
from facesmith.approximation.model.intervals import interval_factors

# Lines and columns that are named; more are counted.
_MOST_NAMED = 12
# Counts of test rows that chance gives less often, on either side, speak against 95 %.
_BY_CHANCE = 0.025


def format_error(value: float) -> str:
    """An error for people: one decimal from 100 on, else three significant digits.

    Example:
        >>> format_error(855.9234), format_error(10011.3), format_error(0.037193)
        ('855.9', '10,011.3', '0.0372')
    """
    return f"{value:,.1f}" if 100 <= value < 1e7 else f"{value:.3g}"


def format_r2(value: float) -> str:
    """R2 for people: four decimals, cut off, so that only a perfect fit has 1.0000.

    Example:
        >>> format_r2(0.99996), format_r2(1.0), format_r2(-1234.5), format_r2(float("nan"))
        ('0.9999', '1.0000', '-1,234.5', 'undefined')
    """
    if math.isnan(value):
        return "undefined"
    if value < -100:
        return f"{value:,.1f}" if value > -1e7 else f"{value:.3g}"
    return f"{math.floor(value * 10_000) / 10_000:.4f}"


def summary_of_ensemble(approximator: Any, split: Split) -> str:
    """What the search tried, what it kept, why, and how surely."""
    tried = approximator.tried_
    counts = Counter((each.kernel, each.hidden_layer_sizes) for each in tried)
    listing = ", ".join(
        _name(*kind) + (f" ({count} starts)" if count > 1 else "")
        for kind, count in sorted(counts.items())
    )
    kept = sorted((each for each in tried if each.weight > 0), key=lambda each: -each.weight)
    summary = f"Tried {len(tried)} fits: {listing}."
    names = [_name(each.kernel, each.hidden_layer_sizes) for each in kept]
    best = max((each.score for each in tried if each.weight == 0), default=None)
    if best is not None and best > kept[0].score and names == ["a plane"]:
        summary += (
            " No fit is clearly better than a plane: the plane is kept. Its log evidence is "
            f"{kept[0].score:.4g} a row; the best of the others has {best:.4g}."
        )
    else:
        if len(kept) == 1:
            summary += f" Kept {names[0]}"
        else:
            parts = (f"{name} {each.weight:.0%}" for name, each in zip(names, kept, strict=True))
            summary += f" Kept {len(kept)} and averages them: {', '.join(parts)}"
        summary += f", for the greatest log evidence, {kept[0].score:.4g} a row"
        summary += "." if best is None else f"; the best of the others has {best:.4g}."
    whole = "numbers of the process that weighs most"
    if not kept[0].kernel:
        n_parameters = approximator.function_.members[0].n_parameters
        whole = f"of the {n_parameters:,} parameters of the net that weighs most"
    summary += (
        f" The {len(split.train):,} training rows determine "
        f"{approximator.n_effective_parameters_:.0f} {whole}; "
        f"estimated noise of {split.target_name or 'the target'}: "
        f"{format_error(approximator.noise_std_)}."
    )
    summary += _bent_columns(approximator.function_, split) + _outliers(approximator, split)
    return summary + _own_estimate(approximator.function_, split)


def _own_estimate(function: FittedFunction, split: Split) -> str:
    """How many test rows the function's own estimate holds, and what `--predict` makes of it."""
    predictions, deviations = function.predict_with_std(split.test.inputs)
    inside = np.abs(predictions - split.test.targets[:, None]) <= TWO_SIDED_95 * deviations
    scores = function.with_held_out(split.test.inputs, split.test.targets).held_out_scores
    measured = float(interval_factors(scores, 0.95, 1)[0])
    return (
        " Its own estimate of where 95 % lie, 1.96 deviations to either side, holds "
        f"{int(inside.sum()):,} of {inside.size:,} test rows: "
        f"{_judged(int(inside.sum()), inside.size, measured)}."
    )


def _judged(count: int, n: int, measured: float) -> str:
    """Whether so many of n rows are what chance makes of 95 %; measured are the deviations then.

    Example:
        >>> _judged(77, 80, 1.78)
        'as it should; --predict measures 1.78 deviations on these rows and uses them'
        >>> _judged(50, 60, 2.49)
        'too narrow; --predict widens it to the 2.49 deviations that these rows ask for'
        >>> _judged(240, 240, 1.2)
        'too wide; --predict narrows it to the 1.20 deviations that these rows ask for'
    """
    change = "widens" if measured > TWO_SIDED_95 else "narrows"
    asked = f"--predict {change} it to the {measured:.2f} deviations that these rows ask for"
    if float(bdtr(count, n, 0.95)) < _BY_CHANCE:
        return f"too narrow; {asked}"
    if count and 1 - float(bdtr(count - 1, n, 0.95)) < _BY_CHANCE:
        return f"too wide; {asked}"
    return f"as it should; --predict measures {measured:.2f} deviations on these rows and uses them"


def _bent_columns(function: FittedFunction, split: Split) -> str:
    """Which columns were bent by a logarithm; empty for none."""
    names = []
    if function.input_bends is not None:
        bent = zip(split.input_names, function.input_bends[:, 1], strict=True)
        names += [name for name, width in bent if width > 0]
    if function.output_bends is not None:
        names.append(split.target_name or "the target")
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f" Fitted by their logarithm: {', '.join(names[:_MOST_NAMED])}{more}."


def _outliers(approximator: Any, split: Split) -> str:
    """Which training rows were left out; empty for none."""
    outliers = np.flatnonzero(approximator.outliers_)
    if not len(outliers):
        return ""
    train = split.train
    off = train.targets - approximator.function_.predict(train.inputs)[:, 0]
    farthest = int(outliers[np.argmax(np.abs(off[outliers]))])
    said = f" Left out as outliers: {len(outliers)} of {len(train):,} training rows"
    if train.lines is not None:
        lines = sorted(train.lines[outliers].tolist())
        more = f" and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else ""
        noun = "line" if len(lines) == 1 else "lines"
        said += f", {noun} {', '.join(map(str, lines[:_MOST_NAMED]))}{more}"
    target = train.targets[farthest]
    return f"{said}; the farthest is {target:.4g} where {target - off[farthest]:.4g} is expected."


def _name(kernel: str, hidden: tuple[int, ...]) -> str:
    """A Gaussian process, or a net by its hidden layers.

    Example:
        >>> _name("", ()), _name("", (20,)), _name("", (8, 8)), _name("gaussian", ())
        ('a plane', '20 units', '8-8 units', 'a Gaussian process')
    """
    if kernel:
        return "a Gaussian process" if kernel == "gaussian" else "a Gaussian process (Matern)"
    return f"{'-'.join(map(str, hidden))} units" if hidden else "a plane"


def summary_of_adam(end: AdamCheckpoint, n_parameters: int, n_rows: int) -> str:
    """How a net was trained by Adam, and whether it could follow noise."""
    settings = end.settings
    layers = f"{settings.depth} tanh layer" + ("s" if settings.depth != 1 else "")
    layers = "no tanh" if end.method == "linear" else layers
    summary = (
        f"Tried one training: Adam {settings.learning_rate:g}, batches of {settings.batch_size}, "
        f"{settings.epochs:,} epochs, {settings.units} units a layer, {layers}; kept the weights "
        "of the last epoch, as the exercise does."
    )
    if n_parameters > n_rows:
        rows = f"{n_rows:,} training rows"
        summary += f" {n_parameters:,} parameters for {rows}: it can follow noise."
    return summary
