"""What several detectors say of one photo: which boxes they support, which faces have no box.

A box that any detector supports shows a face: a single judge would remove what it cannot see, and
a training on what is left would see still less. A face without a box is added only where two
independent votes agree. Detectors that learned from the same photos err alike and share one vote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.boxes import Float32Array, box_area, box_intersection, box_iou
from facesmith.faces import Faces


@dataclass(frozen=True)
class Judge:
    """A detector in the committee.

    Attributes:
        name: What to call it.
        vote: Judges with the same word have one vote together.
        min_score: Its boxes with a lower score do not count.
        sure_score: Its boxes with at least this score are surely faces.

    Raises:
        ValueError: If the scores are not in order within (0, 1].
    """

    name: str
    vote: str
    min_score: float
    sure_score: float

    def __post_init__(self) -> None:
        if not 0 < self.min_score <= self.sure_score <= 1:
            raise ValueError(
                "`min_score` and `sure_score` must rise within (0, 1]; got "
                f"{self.min_score} and {self.sure_score} of {self.name}."
            )


@dataclass(frozen=True)
class CommitteeConfig:
    """Thresholds of the committee.

    Attributes:
        support_iou: A detection that overlaps a box at least this much supports it.
        contained: So does one with this share of its area in the box, if it is large enough.
        min_area: Large enough: this share of the box's area.
        same_iou: Detections of two judges that overlap this much are of one face.
        beside_iou: A detection has nothing to do with a box that it overlaps less than this.
        moved_iou: Where two votes agree on a place that overlaps a box less than this, it moves.
        min_height: Lower faces are never added, only ignored; pixels.
        min_second_confidence: Two votes agree where one has confidence 1 and the other this much.
            A judge's confidence is 0 at its `min_score` and 1 at its `sure_score`.
        min_single_confidence: A single vote with less confidence raises no face. Most of what it
            would raise are hands and knees, which a training should see as background.
        min_votes: 2: as above. 1: a vote with confidence 1 is enough.

    Raises:
        ValueError: If `min_votes` is neither 1 nor 2.
    """

    support_iou: float = 0.3
    contained: float = 0.7
    min_area: float = 0.2
    same_iou: float = 0.4
    beside_iou: float = 0.2
    moved_iou: float = 0.5
    min_height: float = 8.0
    min_second_confidence: float = 0.3
    min_single_confidence: float = 0.8
    min_votes: int = 2

    def __post_init__(self) -> None:
        if self.min_votes not in (1, 2):
            raise ValueError(f"`min_votes` must be 1 or 2; got min_votes={self.min_votes}.")


@dataclass(frozen=True, eq=False)
class Opinion:
    """What the committee says of one photo.

    Attributes:
        votes: How many votes support each annotated box, int64 `(n,)`.
        boxes: The annotated boxes, float32 `(n, 4)`; moved where two votes agree on another place.
        moved: Which of them were, bool `(n,)`.
        raised: Faces without a box, float32 `(m, 4)`, most votes first.
        raised_votes: How many votes are for each, int64 `(m,)`.
        confidence: The highest confidence of a judge in each, from 0 on, 1: sure; float64 `(m,)`.
        second_confidence: The highest of the next vote, 0 where there is none; float64 `(m,)`.
        agreed: Which are faces to the committee; the others are to be ignored. bool `(m,)`.
    """

    votes: npt.NDArray[np.int64]
    boxes: Float32Array
    moved: npt.NDArray[np.bool_]
    raised: Float32Array
    raised_votes: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    second_confidence: npt.NDArray[np.float64]
    agreed: npt.NDArray[np.bool_]


def ask_committee(
    boxes: Float32Array,
    found: Sequence[Faces],
    judges: Sequence[Judge],
    config: CommitteeConfig | None = None,
) -> Opinion:
    """What the committee says of one photo.

    Args:
        boxes: The annotated boxes, float32 `(n, 4)`.
        found: What each judge found, down to its `min_score`.
        judges: The judges, same order.
        config: The thresholds.

    Raises:
        ValueError: If the lengths differ.
    """
    config = config or CommitteeConfig()
    if len(found) != len(judges):
        raise ValueError(f"`found` must have one entry a judge; got {len(found)}.")
    clusters = _clusters(found, judges, config)
    voices = sorted({judge.vote for judge in judges})
    support = np.zeros((len(boxes), len(voices)), bool)
    for judge, faces in zip(judges, found, strict=True):
        heard = faces.boxes[faces.scores >= judge.min_score]
        support[:, voices.index(judge.vote)] |= _supported(boxes, heard, config)
    placed, moved = _moved_boxes(boxes, [c for c in clusters if c.agreed(config)], config)
    raised = [
        c for c in clusters if c.confidence >= config.min_single_confidence or len(c.votes) > 1
    ]
    free = [c for c in raised if _is_free(c.box, placed, config)]
    free.sort(key=lambda c: (-len(c.votes), -c.confidence, *c.box))
    tall = [float(c.box[3] - c.box[1]) >= config.min_height for c in free]
    return Opinion(
        votes=support.sum(axis=1),
        boxes=placed,
        moved=moved,
        raised=np.array([c.box for c in free], np.float32).reshape(-1, 4),
        raised_votes=np.array([len(c.votes) for c in free], np.int64),
        confidence=np.array([c.confidence for c in free], np.float64),
        second_confidence=np.array([c.second_confidence for c in free], np.float64),
        agreed=np.array([c.agreed(config) and t for c, t in zip(free, tall, strict=True)], bool),
    )


@dataclass(frozen=True, eq=False)
class _Cluster:
    """Detections of one face by several judges.

    Attributes:
        box: Mean of the votes' boxes, each the mean of its judges'.
        votes: Those that see the face.
        confidence: The highest confidence of a judge.
        second_confidence: The highest of the next vote; 0 where there is none.
    """

    box: Float32Array
    votes: frozenset[str]
    confidence: float
    second_confidence: float

    def agreed(self, config: CommitteeConfig) -> bool:
        """Whether enough votes agree on it, see `CommitteeConfig.min_second_confidence`."""
        second = config.min_votes == 1 or self.second_confidence >= config.min_second_confidence
        return self.confidence >= 1 and second


def _clusters(
    found: Sequence[Faces], judges: Sequence[Judge], config: CommitteeConfig
) -> list[_Cluster]:
    """Detections of one face each, the highest confidence first; each detection is in one."""
    boxes, owner, confidence = [], [], []
    for number, (judge, faces) in enumerate(zip(judges, found, strict=True)):
        heard = faces.scores >= judge.min_score
        boxes.append(faces.boxes[heard])
        owner.append(np.full(int(heard.sum()), number))
        room = max(judge.sure_score - judge.min_score, 1e-6)
        confidence.append((faces.scores[heard] - judge.min_score) / room)
    all_boxes = np.concatenate([np.zeros((0, 4), np.float32), *boxes])
    owners = np.concatenate([np.zeros(0, int), *owner])
    confidences = np.concatenate([np.zeros(0, np.float32), *confidence])
    overlap = box_iou(all_boxes, all_boxes)
    left = np.ones(len(all_boxes), bool)
    clusters = []
    for first in np.argsort(-confidences, kind="stable"):
        if not left[first]:
            continue
        near = left & (overlap[first] >= config.same_iou)
        left &= ~near
        of_vote: dict[str, list[Float32Array]] = {}
        confidence_of: dict[str, float] = {}
        for number in np.unique(owners[near]):
            mine = np.flatnonzero(near & (owners == number))
            best = mine[np.argmax(overlap[first][mine])]
            vote = judges[number].vote
            of_vote.setdefault(vote, []).append(all_boxes[best])
            confidence_of[vote] = max(confidence_of.get(vote, 0.0), float(confidences[mine].max()))
        box = np.mean([np.mean(parts, axis=0) for parts in of_vote.values()], axis=0)
        clusters.append(
            _Cluster(box.astype(np.float32), frozenset(of_vote), *_two_highest(confidence_of))
        )
    return clusters


def _two_highest(of_vote: Mapping[str, float]) -> tuple[float, float]:
    first, second, *_ = *sorted(of_vote.values(), reverse=True), 0.0
    return first, second


def _supported(
    boxes: Float32Array, heard: Float32Array, config: CommitteeConfig
) -> npt.NDArray[np.bool_]:
    """Which boxes a detection lies on."""
    overlap = box_iou(boxes, heard)
    areas = np.maximum(box_area(heard), 1e-6)[None]
    inside = box_intersection(boxes, heard) / areas >= config.contained
    large = areas >= config.min_area * box_area(boxes)[:, None]
    lies_on = (overlap >= config.support_iou) | (inside & large)
    return np.asarray(lies_on.any(axis=1), bool)


def _moved_boxes(
    boxes: Float32Array, agreed: Sequence[_Cluster], config: CommitteeConfig
) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
    """The boxes, those beside a face on which two votes agree moved there; and which were.

    A box moves only where it and the face overlap each other more than any other.
    """
    moved = np.zeros(len(boxes), bool)
    if not len(boxes) or not agreed:
        return boxes, moved
    places = np.array([cluster.box for cluster in agreed], np.float32)
    overlap = box_iou(boxes, places)
    best = overlap.argmax(axis=1)
    mutual = overlap.argmax(axis=0)[best] == np.arange(len(boxes))
    highest = overlap[np.arange(len(boxes)), best]
    moved = mutual & (highest >= config.beside_iou) & (highest < config.moved_iou)
    placed = boxes.copy()
    placed[moved] = places[best[moved]]
    return placed, moved


def _is_free(box: Float32Array, boxes: Float32Array, config: CommitteeConfig) -> bool:
    """Whether no annotated box has to do with a face."""
    one = box[None]
    if (box_iou(one, boxes) >= config.beside_iou).any():
        return False
    shared = box_intersection(one, boxes).max(axis=1, initial=0)
    return bool(shared[0] < config.contained * max(float(box_area(one)[0]), 1e-6))
