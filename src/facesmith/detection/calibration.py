"""Scores of the detector: log odds of its two looks, and the probability that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Calibration:
    """How raw outputs become the probability of a face; fitted on photos held out from training.

    Attributes:
        first: Factor on the logit of the proposal's raw score.
        second: Factor on the logit of the second look; 0 where there is none.
        offset: Added to both.
        candidate_score: Proposals with a lower raw score are dropped.
        look_score: Raw score from which on proposals get a second look.
        sure_score: Raw score from which on they do not; their boxes stay as proposed, too.
        dull_second: The logit that the second look is taken to give below `look_score`.
        sure_second: And from `sure_score` on.
        knots: Points `(logit, probability)` of a rising curve, by rising logit, which takes the
            place of the sigmoid; empty for the sigmoid itself.
    """

    first: float = 1.0
    second: float = 0.0
    offset: float = 0.0
    candidate_score: float = 0.05
    knots: Sequence[tuple[float, float]] = ()
    look_score: float = 0.0
    sure_score: float = 2.0
    dull_second: float = 0.0
    sure_second: float = 0.0

    def scores(
        self, first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Probabilities float32 `(n,)` from both logits `(n,)`."""
        logits = (self.first * first + self.second * second + self.offset).astype(np.float32)
        plain = sigmoid(logits)
        if not self.knots:
            return plain
        at, probabilities = np.asarray(self.knots, np.float64).T
        curve = np.interp(logits, at, probabilities).astype(np.float32)
        # Where the curve is flat, a trace of the sigmoid keeps the boxes in their order.
        mixed: npt.NDArray[np.float32] = np.float32(0.999) * curve + np.float32(0.001) * plain
        return mixed


def dull_scores(
    calibration: Calibration,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Raw scores `(n,)` of proposals without a second look, rising, and scores for them `(n,)`.

    Where there is no second look at all, these are all raw scores; else those below `look_score`.
    """
    least = calibration.candidate_score
    # The margin is for the rounding of a raw score's logit.
    highest = calibration.look_score - 1e-6 if calibration.second else 1.0
    if calibration.first < 0:  # then scores fall with raw scores
        highest = least
    raw = np.linspace(least, max(least, highest), 64, dtype=np.float32)
    second = np.full(len(raw), calibration.dull_second if calibration.second else 0, np.float32)
    return raw, calibration.scores(logit(raw), second)


def logit(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log odds float32 of scores in [0, 1]."""
    # A score that float32 has rounded to 0 or 1 keeps a finite logit.
    clipped = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores float32 in [0, 1] of log odds."""
    # Beyond 80 the score is 0 or 1 in float32 anyway, and further on `exp` overflows.
    return (1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -80, 80)))).astype(np.float32)
