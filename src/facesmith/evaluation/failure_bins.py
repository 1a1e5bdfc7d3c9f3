"""Faces and boxes in bins: by what is measured of them, with a rate and its interval each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan, sqrt

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.photo_conditions import (
    BORDER_PX,
    NEIGHBOUR_REACH,
    SHARPNESS_SIDE,
    FaceConditions,
)

_Z = 1.959963984540054  # the normal distribution has 95 % within so many standard deviations

_HEIGHTS = (10.0, 16.0, 24.0, 48.0, 96.0, 200.0)
_HEIGHT_LABELS = ["below 10 px", "10-16 px", "16-24 px", "24-48 px", "48-96 px", "96-200 px"]
_HEIGHT_LABELS += ["200 px and more"]
_SHARPNESS = (0.5, 1.0, 2.0)
_BRIGHTNESS = (64.0, 96.0, 128.0, 160.0)
_NEAR_BORDER = 0.25  # face heights
_NEIGHBOURS = (1.0, 2.0, 4.0)
_IN_PHOTO = (2.0, 5.0, 10.0, 20.0)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NOT_STATED = "not stated"
_FEWEST = 5  # faces or boxes of a bin: fewer say nothing about a kind
_CLEARLY = 0.02  # with many faces also differences show that are not worth anybody's time
_MAX_WORDS = 12  # an attribute with more different words is a name or a remark, not a condition

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Bin:
    """Faces or boxes that are alike in one respect."""

    label: str  # what they have in common
    n: int  # how many there are
    n_good: int  # how many of them were found (faces) or are right (boxes)
    mean_score: float  # mean score of the good ones, in [0, 1]; NaN if there is none
    expected: float  # the rate that this one is held against; NaN if there is none
    advice: str  # what to do where the bin is weak, without a full stop

    @property
    def rate(self) -> float:
        """Recall of faces or precision of boxes; NaN for an empty bin."""
        return self.n_good / self.n if self.n else nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate, see `wilson_interval`."""
        return wilson_interval(self.n_good, self.n)

    @property
    def weak(self) -> bool:
        """Whether the interval of five or more lies clearly, by 0.02, below what is expected."""
        return self.n >= _FEWEST and self.interval[1] < self.expected - _CLEARLY


@dataclass(frozen=True)
class Breakdown:
    """All faces, or all boxes, by one condition."""

    name: str  # the condition
    explanation: str  # how it is measured, one sentence
    bins: tuple[Bin, ...]  # the bins in their order, empty ones among them


def wilson_interval(n_good: int, n: int) -> tuple[float, float]:
    """95 % interval of a share: lower and upper limit, (0, 1) of none.

    Faces of one photo are not quite independent: it is a little too narrow.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Example:
        >>> [round(limit, 4) for limit in wilson_interval(8, 10)]
        [0.4902, 0.9433]
    """
    if n == 0:
        return 0.0, 1.0
    share = n_good / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # The limits are exactly 0 and 1 where none or all are good; rounding may miss them.
    low = 0.0 if n_good == 0 else max(middle - half, 0.0)
    high = 1.0 if n_good == n else min(middle + half, 1.0)
    return low, high


def face_breakdowns(
    conditions: FaceConditions,
    attributes: Sequence[Mapping[str, str]],
    found: BoolArray,
    scores: FloatArray,
) -> tuple[Breakdown, ...]:
    """Recall by every condition, and by each attribute that the annotations state.

    Of `n` faces what was measured, what the annotations say, whether each was found, bool `(n,)`,
    and the score of its box where it was, `(n,)`.
    """
    parts = []
    for name, explanation, labels, places in (*_measured(conditions), *_stated(attributes)):
        judged = np.isin(places, [i for i, (_, advice) in enumerate(labels) if advice])
        recall = float(found[judged].mean()) if judged.any() else nan
        bins = [
            _bin(label, found, scores, places == i, recall if say else nan, f"Add photos {say}")
            for i, (label, say) in enumerate(labels)
        ]
        parts.append(Breakdown(name, explanation, tuple(bins)))
    return tuple(parts)


def box_breakdowns(
    heights: FloatArray, scores: FloatArray, right: BoolArray
) -> tuple[Breakdown, ...]:
    """Precision of the boxes that count, by height (pixels) and by score, `(n,)` each.

    By height it is held against the precision of all boxes; by score against the bin's mean score.
    """
    precision = float(right.mean()) if len(right) else nan
    by_height, by_score = [], []
    places = _place(heights, _HEIGHTS)
    for number, label in enumerate(_HEIGHT_LABELS):
        advice = f"Add photos of what false_boxes.png shows at {label}, face-free ones too"
        by_height.append(_bin(label, right, scores, places == number, precision, advice))
    places = _place(scores, _SCORES)
    for number, label in enumerate(f"{low:g}-{high:g}" for low, high in pairwise((0, *_SCORES, 1))):
        here = places == number
        mean = float(scores[here].mean()) if here.any() else nan
        advice = f"Calibrate: scores of {label} promise too much"
        by_score.append(_bin(label, right, scores, here, mean, advice))
    return (
        Breakdown("box height", "Height of the box found, pixels.", tuple(by_height)),
        Breakdown("score", "Held against the mean score of the bin.", tuple(by_score)),
    )


# Faces in bins: name, explanation, label and advice of each bin, and each face's bin. A bin without
# advice is one of those that could not be judged; it is held against nothing.
_Sorted = tuple[str, str, list[tuple[str, str]], IntArray]


def _measured(conditions: FaceConditions) -> list[_Sorted]:
    """All faces by all that is measured."""
    sharp = _place(conditions.sharpness, _SHARPNESS)
    sharp[np.isnan(conditions.sharpness)] = len(_SHARPNESS) + 1
    at_border = conditions.border <= BORDER_PX
    near_border = conditions.border <= _NEAR_BORDER * conditions.height
    return [
        (
            "face height",
            "Height of the annotated box, pixels.",
            [(_HEIGHT_LABELS[0], "with faces lower than 10 px, if it looks for those")]
            + [(label, f"with faces of {label}") for label in _HEIGHT_LABELS[1:]],
            _place(conditions.height, _HEIGHTS),
        ),
        (
            "sharpness",
            f"Variance of the Laplacian for its contrast, the face at {SHARPNESS_SIDE} px.",
            [
                ("blurred, < 0.5", "with blurred faces (out of focus, in motion)"),
                ("soft, 0.5-1", "with slightly blurred faces"),
                ("sharp, 1-2", "with sharp faces"),
                ("very sharp, >= 2", "with faces full of detail, or full of noise"),
                (f"not judged, < {SHARPNESS_SIDE} px", ""),
            ],
            sharp,
        ),
        (
            "brightness",
            "Mean luma of the box, 0 (black) to 255 (white).",
            [
                ("dark, < 64", "with dark faces (at night, against the light, dark skin)"),
                ("64-96", "with rather dark faces (in the shade, indoors, dark skin)"),
                ("96-128", "with faces in middling light"),
                ("128-160", "with faces in bright light"),
                ("bright, >= 160", "with very bright faces (in the sun, under flash, on stage)"),
            ],
            _place(conditions.brightness, _BRIGHTNESS),
        ),
        (
            "border",
            f"Distance from the photo's edge; within {BORDER_PX:g} px the box touches it.",
            [
                ("touches the edge", "with faces that the edge cuts off"),
                ("close to the edge", "with faces less than a quarter of their height from it"),
                ("further in", "with faces well inside"),
            ],
            np.select([at_border, near_border], [0, 1], 2),
        ),
        (
            "neighbours",
            f"Other faces whose centre lies within {NEIGHBOUR_REACH:g} face heights.",
            [
                ("none", "with faces that stand alone"),
                ("1", "of two heads together"),
                ("2-3", "of people in close groups"),
                ("4 and more", "of crowds, where faces hide each other"),
            ],
            _place(conditions.neighbours, _NEIGHBOURS),
        ),
        (
            "faces in photo",
            "All annotated faces of the photo, ignored ones too.",
            [
                ("1", "of one person"),
                ("2-4", "of 2 to 4 people"),
                ("5-9", "of 5 to 9 people"),
                ("10-19", "of 10 to 19 people"),
                ("20 and more", "of 20 people and more"),
            ],
            _place(conditions.in_photo, _IN_PHOTO),
        ),
    ]


def _stated(attributes: Sequence[Mapping[str, str]]) -> list[_Sorted]:
    """All faces by all that the annotations state, the mask first."""
    sorted_by: list[_Sorted] = []
    names = {name for said in attributes for name in said}
    for name in sorted(names, key=lambda name: (name != "mask", name)):
        words = Counter(said[name] for said in attributes if name in said)
        if len(words) > _MAX_WORDS:
            continue
        labels = sorted(words, key=lambda word: (-words[word], word))
        bins = [(label, f"with faces whose {name} is {label}") for label in labels]
        if any(name not in said for said in attributes):
            bins.append((NOT_STATED, f"with faces like those without a word on {name}"))
        place = [labels.index(said[name]) if name in said else len(labels) for said in attributes]
        sorted_by.append((name, "As the annotations say.", bins, np.array(place, np.int64)))
    return sorted_by


def _bin(
    label: str, good: BoolArray, scores: FloatArray, here: BoolArray, expected: float, advice: str
) -> Bin:
    good_here = good & here
    mean_score = float(scores[good_here].mean()) if good_here.any() else nan
    return Bin(label, int(here.sum()), int(good_here.sum()), mean_score, expected, advice)


def _place(values: npt.NDArray[np.generic], edges: Sequence[float]) -> IntArray:
    """Number of the bin of each value; a value on an edge belongs to the bin above it.

    Scores are float32, in which 0.7 is a little less than in float64: edges are taken likewise.
    """
    return np.searchsorted(np.array(edges, np.float32), values.astype(np.float32), side="right")
