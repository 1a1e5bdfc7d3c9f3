"""Scores of the detector: log odds of its two looks, and the probability that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Calibration:
    """How raw outputs become the probability of a face; fitted on photos held out from training.

    Attributes:
        proposal_weight: Factor on the logit of the proposal's raw score.
        refiner_weight: Factor on the logit of the refiner; 0 where there is none.
        offset: Added to both.
        candidate_score: Proposals with a lower raw score are dropped.
        gate_lower: Proposals with at least this raw score are refined,
        gate_upper: and with less than this one. Others keep their boxes.
        logit_below_gate: Stands for the refiner's logit of proposals below `gate_lower`,
        logit_above_gate: and for that of proposals of at least `gate_upper`.
        knots: Points `(logit, probability)` of a rising curve that replaces the sigmoid, by
            rising logit; empty for the sigmoid itself.
    """

    proposal_weight: float = 1.0
    refiner_weight: float = 0.0
    offset: float = 0.0
    candidate_score: float = 0.05
    knots: Sequence[tuple[float, float]] = ()
    gate_lower: float = 0.0
    gate_upper: float = 2.0
    logit_below_gate: float = 0.0
    logit_above_gate: float = 0.0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The calibration that a weights file describes.

        Raises:
            ValueError: If a value is missing, no number or not finite, or the curve does not rise.
            TypeError: If there is a field of another name.
        """
        given = dict(values)
        knots = given.pop("knots", ())
        if not isinstance(knots, list | tuple) or not all(
            isinstance(knot, list | tuple) and len(knot) == 2 for knot in knots
        ):
            raise ValueError("`knots` must be a list of pairs")
        numbers = [*given.values(), *(value for knot in knots for value in knot)]
        if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
            raise ValueError("a calibration must consist of finite numbers")
        if any(after[0] <= before[0] for before, after in pairwise(knots)):
            raise ValueError("`knots` must rise")
        return cls(**given, knots=tuple((float(x), float(y)) for x, y in knots))

    def scores(
        self, proposal: npt.NDArray[np.float32], refiner: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Probabilities float32 `(n,)` from both logits `(n,)`."""
        weighed = self.proposal_weight * proposal + self.refiner_weight * refiner + self.offset
        logits = weighed.astype(np.float32)
        plain = sigmoid(logits)
        if not self.knots:
            return plain
        at, probabilities = np.asarray(self.knots, np.float64).T
        curve = np.interp(logits, at, probabilities).astype(np.float32)
        # Where the curve is flat, a trace of the sigmoid keeps the boxes in their order.
        mixed: npt.NDArray[np.float32] = np.float32(0.999) * curve + np.float32(0.001) * plain
        return mixed


def ungated_scores(
    calibration: Calibration,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Raw scores `(n,)` of proposals without a refiner, rising, and scores for them `(n,)`.

    Where there is no refiner at all, these are all raw scores; else those below `gate_lower`.
    """
    least = calibration.candidate_score
    # The margin is for the rounding of a raw score's logit.
    highest = calibration.gate_lower - 1e-6 if calibration.refiner_weight else 1.0
    if calibration.proposal_weight < 0:  # then scores fall with raw scores
        highest = least
    raw = np.linspace(least, max(least, highest), 64, dtype=np.float32)
    refiner = np.full(
        len(raw), calibration.logit_below_gate if calibration.refiner_weight else 0, np.float32
    )
    return raw, calibration.scores(logit(raw), refiner)


def logit(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log odds float32 of scores in [0, 1]."""
    # A score that float32 has rounded to 0 or 1 keeps a finite logit.
    clipped = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores float32 in [0, 1] of log odds."""
    # Beyond 80 the score is 0 or 1 in float32 anyway, and further on `exp` overflows.
    return (1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -80, 80)))).astype(np.float32)
