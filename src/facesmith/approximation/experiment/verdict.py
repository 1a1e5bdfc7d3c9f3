"""Reading learning curves: does a net overfit, from when on, and by how much?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

# A curve is smoothed over this part of its length (a moving median, centred).
_WINDOW_FRACTION = 1 / 20
# The smoothed validation error must end this far above its minimum to count as overfitting ...
_SMALLEST_RISE = 0.05
# ... and, as a ratio, so many standard errors of the smoothed curve. A curve of pure noise ends 4
# above its own minimum in one case of eight, 6 in one of a hundred.
_NOISE_FACTOR = 6.0
# A window of fewer steps smooths too little to measure the noise by what it leaves.
_SMALLEST_WINDOW = 5
# Meanwhile the smoothed training error must have fallen by this part of it, and by as many of its
# own standard errors.
_SMALLEST_FALL = 0.02
# A net whose training error stays above this part of a constant's error underfits.
_UNDERFIT_FRACTION = 0.5
# Half of the training that lowered its error by more than this has not reached the bottom.
_SMALLEST_PROGRESS = 0.002
# A validation error that fell by more than this over the last tenth is still falling.
_STILL_FALLING = 0.05
# Changes below this part of a constant's error are too small to speak of.
_NEGLIGIBLE_FRACTION = 1e-3
# Validation rows; of fewer, a single odd one bends the curve.
_FEW_ROWS = 10
_SMALLER_STEPS = " Smaller steps would help: a lower learning rate, or larger batches."
_LARGER_STEPS = " or larger steps (a higher learning rate, smaller batches)"

_Kind = Literal[
    "overfit", "underfit", "unsteady", "still-learning", "settled", "diverged", "unjudged"
]


@dataclass(frozen=True, eq=False)
class History:
    """The mean absolute error of train and validation while a method learned.

    A step is an "epoch" or an "iteration"; the curves are float64 `(n,)`, in units of the target,
    and their entry 0 belongs to step 1.
    """

    step_name: str
    train: npt.NDArray[np.float64]
    validation: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.train.ndim != 1 or not 0 < len(self.train) == len(self.validation):
            raise ValueError(
                "`train` and `validation` must be curves of the same length, at least 1; "
                f"got shapes {self.train.shape} and {self.validation.shape}."
            )


@dataclass(frozen=True)
class Verdict:
    """What a pair of learning curves says.

    Attributes:
        kind: "overfit", "underfit", "unsteady", "still-learning", "settled", "diverged" or, with
            too few validation rows, "unjudged".
        best_step: Where the smoothed validation error was lowest, counted from 1.
        rise: By what part the smoothed validation error ended above that minimum.
        text: The same for people, one to three sentences.
    """

    kind: _Kind
    best_step: int
    rise: float
    text: str


def assess_overfitting(
    history: History, constant_error: float, n_validation: int = _FEW_ROWS, *, by_adam: bool = True
) -> Verdict:
    """Say whether a net overfits, underfits, wavers, still learns or has settled.

    Both curves are smoothed by a moving median over a twentieth of the steps. Then, in this order:

    - **diverged**: an error is no finite number.
    - **unjudged**: there are fewer than 10 validation rows.
    - **settled**: the validation error ends below a thousandth of the error of the best constant.
    - **overfit**: the validation error ends above its minimum, by 5 % and by six standard errors
      of the smoothed curve at least, while the training error fell by 2 % and six standard errors
      or more since that minimum. It overfits from the step of the minimum on, by the rise since
      then. Where the training error ends above half of the best constant's, the text says that it
      underfits as well: the net is too stiff, and what it still learns does not carry over.
    - **underfit**: the training error ends above half of the error of the best constant. The text
      says whether it was still falling in the second half of the steps.
    - **unsteady**: the validation error ends above its minimum, as for overfit, but the training
      error did not fall since.
    - **still-learning**: the validation error fell by more than 5 % over the last tenth.
    - **settled**: none of these.

    `constant_error` is the mean absolute error of the best constant on the training rows, their
    median, in units of the target. `n_validation` counts the validation rows. Without `by_adam`
    the text advises no learning rate and no batches.

    Example:
        >>> steps = np.arange(1, 201)
        >>> valley = 1 + abs(steps - 80) / 100
        >>> verdict = assess_overfitting(History("epoch", 1 / steps, valley), constant_error=1.0)
        >>> verdict.kind, verdict.best_step, round(verdict.rise, 2)
        ('overfit', 78, 1.12)
    """
    step = history.step_name
    finite = np.isfinite(history.train) & np.isfinite(history.validation)
    if not finite.all():
        number = int(np.argmin(finite)) + 1
        text = (
            f"Diverged: from {step} {number} on the error is no finite number. The steps are too "
            "long for these targets: lower the learning rate, or give the targets in another unit."
            if by_adam
            else f"Diverged: from {step} {number} on the error is no finite number. Give the "
            "targets in another unit."
        )
        return Verdict("diverged", number, 0.0, text)
    _, train = smooth_curve(history.train)
    first, validation = smooth_curve(history.validation)
    best = int(np.argmin(validation))
    best_step = best + first
    lowest, end = float(validation[best]), float(validation[-1])
    train_then, train_end = float(train[best]), float(train[-1])
    rise = end / lowest - 1 if lowest > 0 else 0.0
    if n_validation < _FEW_ROWS:
        rows = "validation row" if n_validation == 1 else "validation rows"
        text = f"{n_validation} {rows}: too few for a word on overfitting."
        return Verdict("unjudged", best_step, rise, text)
    rose = lowest > 0 and _rises(lowest, end, _SMALLEST_RISE, history.validation)
    fell = _rises(train_end, train_then, _SMALLEST_FALL, history.train)
    underfits = train_end > _UNDERFIT_FRACTION * constant_error
    earlier = float(validation[max(0, len(validation) - 1 - max(1, len(history.train) // 10))])

    kind: _Kind
    if end < _NEGLIGIBLE_FRACTION * constant_error:
        kind = "settled"
        text = (
            f"No overfitting to speak of: the validation error ended at {_figure(end)}, "
            f"{_tiny(end / constant_error)} of the error of a constant."
        )
    elif rose and fell:
        kind = "overfit"
        text = (
            f"Overfits from about {step} {best_step} on: since then the validation error rose by "
            f"{rise:.0%} (mean abs. error {_figure(lowest)} to {_figure(end)}) while the training "
            f"error went on falling ({_figure(train_then)} to {_figure(train_end)})."
        )
        if underfits:
            text += (
                f" It underfits as well: even its training rows it misses by "
                f"{train_end / constant_error:.0%} of what a constant would."
            )
    elif underfits:
        kind = "underfit"
        text = (
            f"Underfits: even on its training rows the mean abs. error stays at "
            f"{_figure(train_end)}, {train_end / constant_error:.0%} of what a constant would "
            "miss by. "
        )
        middle = float(train[len(train) // 2])
        if _rises(train_end, middle, _SMALLEST_PROGRESS, history.train):
            text += (
                f"The second half of the {step}s still lowered it from {_figure(middle)}: more "
                f"{step}s" + _LARGER_STEPS * by_adam + " come before a larger net."
            )
        elif by_adam:
            text += "The net is too stiff for these points, or they are mostly noise."
        else:
            text += "The targets are mostly noise, or depend on other inputs."
    elif rose:
        kind = "unsteady"
        text = (
            f"Unsteady, not overfitting: the validation error ended {rise:.0%} above its lowest "
            f"(about {step} {best_step}, {_figure(lowest)} to {_figure(end)}), but the training "
            f"error did not fall meanwhile ({_figure(train_then)} to {_figure(train_end)})."
        ) + _SMALLER_STEPS * by_adam
    elif end < (1 - _STILL_FALLING) * earlier:
        kind = "still-learning"
        text = (
            f"Still learning: over the last tenth of the {step}s the validation error fell by "
            f"{1 - end / earlier:.0%}, to {_figure(end)}. More {step}s would help."
        )
    else:
        gap = f", {end / train_end:.1f} times that on training rows" if train_end > 0 else ""
        kind = "settled"
        text = (
            f"Settled without overfitting: mean abs. error {_figure(end)} on validation rows{gap}, "
            "and no longer changing much."
        )
    return Verdict(kind, best_step, rise, text)


def smooth_curve(values: npt.NDArray[np.float64]) -> tuple[int, npt.NDArray[np.float64]]:
    """Moving median over a twentieth of the curve.

    Of `(n,)` errors, n >= 1, it gives the step, counted from 1, at the centre of the first full
    window, and the median of every full window, float64 `(n - window + 1,)`.

    Example:
        >>> smooth_curve(np.array([1.0, 2.0, 30.0]))
        (1, array([ 1.,  2., 30.]))
    """
    # Odd, so that it has a centre.
    window = max(1, round(len(values) * _WINDOW_FRACTION) - 1) | 1
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    return window // 2 + 1, np.asarray(np.median(windows, axis=1), dtype=np.float64)


def _rises(low: float, high: float, smallest: float, curve: npt.NDArray[np.float64]) -> bool:
    """Whether `high` is above `low` by this part of it, and by more than the curve's noise."""
    return high > low * max(1 + smallest, float(np.exp(_NOISE_FACTOR * _noise(curve))))


def _noise(values: npt.NDArray[np.float64]) -> float:
    """Standard error of the smoothed curve, as a part of it.

    From the median deviation of a step from it (1.4826 times that is the standard deviation of a
    normal distribution), so that a steep start of the curve does not count; 1.25 is the standard
    error of a median over that of a mean. A window of three steps or one follows the noise itself:
    there the bends of the curve, its second differences, tell more. Their variance is six times
    that of independent noise.
    """
    first, smooth = smooth_curve(values)
    window = len(values) - len(smooth) + 1
    noise = 1.25 * _deviation(values[first - 1 : first - 1 + len(smooth)] - smooth, smooth)
    if window < _SMALLEST_WINDOW:
        bends = np.diff(values, 2)
        noise = max(noise, _deviation(bends, values[1 : 1 + len(bends)]) / float(np.sqrt(6)))
    return noise / float(np.sqrt(window))


def _deviation(deviations: npt.NDArray[np.float64], level: npt.NDArray[np.float64]) -> float:
    """Standard deviation as a part of the level, by the median; 0 without any."""
    parts = np.abs(deviations[level > 0]) / level[level > 0]
    return 1.4826 * float(np.median(parts)) if len(parts) else 0.0


def _tiny(ratio: float) -> str:
    """A small ratio for people.

    Example:
        >>> _tiny(0.0004), _tiny(6e-7)
        ('0.04%', 'less than 0.01%')
    """
    return f"{ratio:.2%}" if ratio >= 1e-4 else "less than 0.01%"


def _figure(value: float) -> str:
    """Three significant digits, without an exponent where that stays readable."""
    if 1000 <= value < 1e7:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
