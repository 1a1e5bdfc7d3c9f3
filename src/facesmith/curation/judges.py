"""The judges of a committee by the names that users give them: votes, scores, what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.committee import Judge
from facesmith.errors import EvaluationError
from facesmith.evaluation.baselines import DetectorName
from facesmith.faces import Faces
from facesmith.images import read_image
from facesmith.progress import NO_PROGRESS, Progress

DETECTIONS = "detections"  # the kind of a judge that is a file of detections
# Kinds that learned from the same photos.
_FAMILIES = {"facesmith-proposals": "facesmith", "opencv-yunet": "yunet"}
# Kind -> the lowest score that counts, and the one from which on a box is surely a face.
_SCORES = {
    "facesmith": (0.15, 0.5),
    "facesmith-proposals": (0.3, 0.7),
    "classifier": (0.8, 0.95),
    "yunet": (0.3, 0.6),
    "opencv-yunet": (0.3, 0.6),
    "opencv-haar": (0.5, 0.8),
    "mtcnn": (0.7, 0.9),
    "mediapipe": (0.5, 0.7),
    "dlib": (0.5, 0.7),
    DETECTIONS: (0.15, 0.5),
}
# A lowest and a sure score mean these on the common scale.
_COMMON = (0.3, 0.8)


def name_judges(
    names: Sequence[DetectorName],
    votes: Mapping[str, str] | None = None,
    scores: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[Judge, ...]:
    """The judges that detectors are, each with its vote and scores.

    Detectors of one family have one vote together: facesmith and its proposals, all YuNets. A file
    of detections does not tell who found them and has a vote of its own.

    Args:
        names: The detectors; the kind `detections` is a file of what one found.
        votes: Label -> vote, in place of the family.
        scores: Label -> lowest score that counts and score from which on a box is surely a face,
            in place of those of the kind.

    Raises:
        EvaluationError: If `votes` or `scores` name no judge, or scores do not rise in (0, 1].
    """
    votes, scores = votes or {}, scores or {}
    labels = [name.label for name in names]
    unknown = next((label for label in (*votes, *scores) if label not in labels), None)
    if unknown is not None:
        raise EvaluationError(
            f"No judge is called {unknown!r}; the judges are {', '.join(labels)}."
        )
    judges = []
    for name in names:
        family = name.label if name.kind == DETECTIONS else _FAMILIES.get(name.kind, name.kind)
        lowest, sure = scores.get(name.label, _SCORES[name.kind])
        try:
            judges.append(Judge(name.label, votes.get(name.label, family), lowest, sure))
        except ValueError as error:
            raise EvaluationError(
                f"Judge {name.label}: expected two scores that rise within (0, 1], got {lowest:g} "
                f"and {sure:g}."
            ) from error
    return tuple(judges)


def with_threshold(judge: Judge, threshold: float) -> Judge:
    """The judge, surely right from this score on; its lowest score is lowered if need be."""
    return replace(judge, sure_score=threshold, min_score=min(judge.min_score, threshold))


def n_votes(judges: Sequence[Judge]) -> int:
    """How many independent votes the judges have."""
    return len({judge.vote for judge in judges})


def look_at(
    photos: Sequence[AnnotatedPhoto],
    detectors: Sequence[Callable[..., Faces]],
    min_scores: Sequence[float],
    progress: Progress = NO_PROGRESS,
) -> list[list[Faces]]:
    """What each detector finds in each photo; each photo is read once.

    Args:
        photos: The photos.
        detectors: Called as `detector(image, min_score=...)` with an image in BGR.
        min_scores: Down to which score each is asked, same order.
        progress: Told how many photos are done.

    Raises:
        ImageError: If a photo cannot be read.
    """
    found: list[list[Faces]] = [[] for _ in detectors]
    if not detectors:
        return found
    for photo in progress.each(photos, "Photos"):
        image = read_image(photo.path)
        for detector, min_score, faces in zip(detectors, min_scores, found, strict=True):
            faces.append(detector(image, min_score=min_score))
    return found


def on_common_scale(judge: Judge, faces: Faces) -> Faces:
    """The faces with scores that mean the same for all judges.

    The judge's `min_score` becomes 0.3, its `sure_score` 0.8; between these, 0 and 1 the scale is
    straight.
    """
    scores = faces.scores.astype(np.float64)
    lowest, sure = judge.min_score, judge.sure_score
    below = np.interp(scores, [0, lowest, sure], [0, *_COMMON])
    above = _COMMON[1] + (1 - _COMMON[1]) * (scores - sure) / max(1 - sure, 1e-6)
    # float32 first: a score that is the sure one counts as sure.
    same = faces.scores >= np.float32(sure)
    common = np.clip(np.where(same, np.maximum(above, _COMMON[1]), below), 0, 1)
    return replace(faces, scores=common.astype(np.float32))
