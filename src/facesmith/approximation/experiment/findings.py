"""What a fit says in one sentence, and where its noise and its errors contradict each other."""

from __future__ import annotations

import math

import numpy as np

from facesmith.approximation.experiment.points import Split
from facesmith.approximation.experiment.report import Approximation, ApproximationReport
from facesmith.approximation.experiment.summaries import format_error, format_r2

# An estimated noise so many times the error on the test rows tells of wrong training rows.
_NOISE_TOO_LARGE = 2.0
# Root mean square of the test errors over their deviation by the median: 1 for normal errors.
_LONG_TAILS = 5.0
# Part of the targets' deviation that the largest test error reaches at least to count as gross.
_GROSS = 0.3
_NAMED = 3  # rows farthest from the fit
# Test rows below which neither ratio says anything.
_FEW_ROWS = 10
# Estimated noise as a part of the targets' deviation, from which on all of it is noise.
_ALL_NOISE = 0.8


def answer(report: ApproximationReport) -> str:
    """How good the chosen fit is, in a sentence."""
    fit = report.chosen
    target = report.split.target_name or "the target"
    if not math.isfinite(fit.rmse):
        return f"{fit.label} has no finite errors on the test rows."
    errors = f"typical error {format_error(fit.rmse)} (RMSE)"
    if fit.noise is not None:
        errors += f"; estimated noise {format_error(fit.noise)}"
    if _all_is_noise(fit, report.split):
        return (
            f"These inputs do not explain {target}: on the test rows the fit is no better than "
            f"their mean (R2 {format_r2(fit.r2)}); {errors}."
        )
    if math.isnan(fit.r2):
        return f"The test rows have one target only: no part explained; {errors}."
    part = f"{_percent(fit.r2)} of" if fit.r2 > 0 else f"nothing (R2 {format_r2(fit.r2)}) of"
    who = "Explains"
    if len(report.approximations) > 1:
        who = f"{fit.label}, the chosen one, explains"
    return f"{who} {part} the variance of the test rows; {errors}."


def wrong_rows(fit: Approximation, split: Split) -> tuple[str, ...]:
    """A note where a few rows of a table may be grossly wrong and were not left out."""
    parts = (split.train, split.validation, split.test)
    if fit.noise is None or len(split.test) < _FEW_ROWS or not math.isfinite(fit.rmse):
        return ()
    if split.test.lines is None:
        return ()
    errors = np.abs(fit.predictions - split.test.targets)
    spread = float(np.concatenate([part.targets for part in parts]).std())
    if fit.rmse > 0 and fit.noise > _NOISE_TOO_LARGE * fit.rmse and fit.noise > _GROSS * spread:
        said = (
            f"The estimated noise, {format_error(fit.noise)}, is {fit.noise / fit.rmse:.2g} times "
            "the error on the test rows"
        )
    elif errors.max() > _GROSS * spread and fit.rmse > _LONG_TAILS * 1.4826 * float(
        np.median(errors)
    ):
        said = (
            f"Half of the test rows are off by less than {format_error(float(np.median(errors)))}, "
            f"one by {format_error(float(errors.max()))}"
        )
    else:
        return ()
    off = np.concatenate([p.targets - fit.function.predict(p.inputs)[:, 0] for p in parts])
    lines = np.concatenate([part.lines for part in parts if part.lines is not None])
    farthest = sorted(lines[np.argsort(-np.abs(off), kind="stable")[:_NAMED]].tolist())
    note = (
        f"{said}: a few rows may be grossly wrong. The farthest from the fit: lines "
        f"{', '.join(map(str, farthest))}. Look at them, or try another --seed."
    )
    return (note,)


def _all_is_noise(fit: Approximation, split: Split) -> bool:
    """Whether the fit says itself that the targets are noise, and the test rows agree."""
    if fit.noise is None or not fit.r2 <= 0:
        return False
    return fit.noise >= _ALL_NOISE * float(split.train.targets.std())


def _percent(part: float) -> str:
    """A positive part of 1 for people, cut off, so that only all of it is 100 %.

    Example:
        >>> _percent(0.937), _percent(0.99996), _percent(0.004), _percent(1.0)
        ('93 %', '99.99 %', '0.4 %', '100 %')
    """
    digits = 0 if 0.01 <= part < 0.99 or part == 1 else 2
    cut = math.floor(part * 100 * 10**digits + 1e-9) / 10**digits
    return f"{cut:.{digits}f}".rstrip("0").rstrip(".") + " %" if digits else f"{cut:.0f} %"
