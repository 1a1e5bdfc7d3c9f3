"""What was tried and what was chosen in a fit, in words."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
from facesmith.approximation.experiment.points import Split


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
    if len(kept) == 1:
        summary += f" Kept {names[0]}"
    else:
        parts = (f"{name} {each.weight:.0%}" for name, each in zip(names, kept, strict=True))
        summary += f" Kept {len(kept)} and averages them: {', '.join(parts)}"
    summary += f", for the greatest log evidence, {kept[0].score:.4g} a row"
    others = [each.score for each in tried if each.weight == 0]
    summary += f"; the best of the others has {max(others):.4g}." if others else "."
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
    predictions, deviations = approximator.function_.predict_with_std(split.test.inputs)
    inside = np.abs(predictions - split.test.targets[:, None]) <= 1.96 * deviations
    summary += f" Its 95 % intervals hold {int(inside.sum()):,} of {inside.size:,} test rows."
    return summary


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
