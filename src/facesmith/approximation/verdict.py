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
# ... and this many standard errors of the smoothed curve, so that noise does not count.
_NOISE_FACTOR = 4.0
# Meanwhile the training error must have fallen by this part of it.
_SMALLEST_FALL = 0.10
# A net whose training error stays above this part of a constant's error underfits.
_UNDERFIT_FRACTION = 0.5
# A validation error that fell by more than this over the last tenth is still falling.
_STILL_FALLING = 0.05
# Changes below this part of a constant's error are too small to speak of.
_NEGLIGIBLE_FRACTION = 1e-3


@dataclass(frozen=True, eq=False)
class History:
    """The mean absolute error of train and validation while a method learned.

    Attributes:
        step_name: What one step is: "epoch" or "iteration".
        train: float64 `(n,)`, target units; entry 0 belongs to step 1.
        validation: float64 `(n,)`, likewise.
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
        kind: "overfit", "underfit", "unsteady", "still-learning" or "settled".
        best_step: Where the smoothed validation error was lowest, counted from 1.
        rise: By what part the smoothed validation error ended above that minimum.
        text: The same for people, one to two sentences.
    """

    kind: Literal["overfit", "underfit", "unsteady", "still-learning", "settled"]
    best_step: int
    rise: float
    text: str


def judge(history: History, constant_error: float) -> Verdict:
    """Say whether a net overfits, underfits, wavers, still learns or has settled.

    Both curves are smoothed by a moving median over a twentieth of the steps. Then, in this order:

    - **settled**: the validation error ends below a thousandth of the error of the best constant.
    - **overfit**: the validation error ends above its minimum, by 5 % and by four standard errors
      of the smoothed curve at least, while the training error fell by 10 % or more since that
      minimum. It overfits from the step of the minimum on, by the rise since then.
    - **underfit**: the training error ends above half of the error of the best constant.
    - **unsteady**: the validation error ends above its minimum, as for overfit, but the training
      error did not fall since.
    - **still-learning**: the validation error fell by more than 5 % over the last tenth.
    - **settled**: none of these.

    Args:
        history: The curves.
        constant_error: Mean absolute error of the best constant on the training rows (about
            their median), the yardstick of underfitting; target units.

    Returns:
        The verdict.

    Example:
        >>> steps = np.arange(1, 201)
        >>> valley = 1 + abs(steps - 80) / 100
        >>> verdict = judge(History("epoch", 1 / steps, valley), constant_error=1.0)
        >>> verdict.kind, verdict.best_step, round(verdict.rise, 2)
        ('overfit', 78, 1.12)
    """
    n_steps = len(history.train)
    _, train = smooth_curve(history.train)
    first, validation = smooth_curve(history.validation)
    best = int(np.argmin(validation))
    best_step = best + first
    lowest, end = float(validation[best]), float(validation[-1])
    rise = end / lowest - 1 if lowest > 0 else 0.0
    step = history.step_name

    if end < _NEGLIGIBLE_FRACTION * constant_error:
        return Verdict(
            "settled",
            best_step,
            rise,
            f"No overfitting to speak of: the validation error ended at {_figure(end)}, "
            f"{100 * end / constant_error:.2g}% of what a constant would miss by.",
        )
    centred = history.validation[first - 1 : first - 1 + len(validation)]
    noise = _relative_noise(centred, validation) / _window(n_steps) ** 0.5
    fell = train[-1] <= (1 - _SMALLEST_FALL) * train[best]
    rose = rise > max(_SMALLEST_RISE, _NOISE_FACTOR * noise)
    if rose and fell:
        return Verdict(
            "overfit",
            best_step,
            rise,
            f"Overfits from about {step} {best_step} on: since then the validation error rose by "
            f"{rise:.0%} (mean abs. error {_figure(lowest)} to {_figure(end)}) while the training "
            f"error went on falling ({_figure(train[best])} to {_figure(train[-1])}).",
        )
    if train[-1] > _UNDERFIT_FRACTION * constant_error:
        return Verdict(
            "underfit",
            best_step,
            rise,
            f"Underfits: even on its training rows the mean abs. error stays at "
            f"{_figure(train[-1])}, {train[-1] / constant_error:.0%} of what a constant would "
            "miss by. The net is too stiff for these points, or they are mostly noise.",
        )
    if rose:
        return Verdict(
            "unsteady",
            best_step,
            rise,
            f"Unsteady, not overfitting: the validation error ended {rise:.0%} above its lowest "
            f"(about {step} {best_step}, {_figure(lowest)} to {_figure(end)}), but the training "
            f"error did not fall meanwhile ({_figure(train[best])} to {_figure(train[-1])}). "
            "Smaller steps would help.",
        )
    earlier = float(validation[max(0, len(validation) - 1 - max(1, n_steps // 10))])
    gap = end / float(train[-1]) if train[-1] > 0 else 1.0
    if end < (1 - _STILL_FALLING) * earlier:
        return Verdict(
            "still-learning",
            best_step,
            rise,
            f"Still learning: over the last tenth of the {step}s the validation error fell by "
            f"{1 - end / earlier:.0%}, to {_figure(end)}. More {step}s would help.",
        )
    return Verdict(
        "settled",
        best_step,
        rise,
        f"Settled without overfitting: mean abs. error {_figure(end)} on validation rows, "
        f"{gap:.1f} times that on training rows, and no longer changing much.",
    )


def smooth_curve(
    values: npt.NDArray[np.float64],
) -> tuple[int, npt.NDArray[np.float64]]:
    """Moving median over a twentieth of the curve.

    Args:
        values: One error per step, float64 `(n,)`, n >= 1.

    Returns:
        The step, counted from 1, at the centre of the first full window, and the median of every
        full window, float64 `(n - window + 1,)`.

    Example:
        >>> smooth_curve(np.array([1.0, 2.0, 30.0]))
        (1, array([ 1.,  2., 30.]))
    """
    window = _window(len(values))
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    return window // 2 + 1, np.asarray(np.median(windows, axis=1), dtype=np.float64)


def _window(n_steps: int) -> int:
    """Steps in the moving median: odd, so that it has a centre."""
    return max(1, round(n_steps * _WINDOW_FRACTION) - 1) | 1


def _relative_noise(values: npt.NDArray[np.float64], smooth: npt.NDArray[np.float64]) -> float:
    """Standard deviation of a step's error about the smoothed curve, as a part of it.

    From the median deviation (1.4826 times it for a normal distribution), so that a steep start
    of the curve does not count; 1.25 is the standard error of a median over that of a mean.
    """
    deviations = np.abs(values - smooth)[smooth > 0] / smooth[smooth > 0]
    return 1.25 * 1.4826 * float(np.median(deviations)) if len(deviations) else 0.0


def _figure(value: float) -> str:
    """Three significant digits, without an exponent where that stays readable."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
