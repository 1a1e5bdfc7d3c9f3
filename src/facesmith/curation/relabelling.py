"""New labels of a photo from what a committee of detectors says of it.

Every box gets attributes: `committee` says what became of it; `pose` and `drawn`, how often a
training shows it, are those of faces to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes
from facesmith.curation.committee import CommitteeConfig, Judge, Opinion, ask_committee
from facesmith.curation.poses import poses_of
from facesmith.faces import Faces

# How often a training shows a face of each pose, compared with a frontal one.
POSE_WEIGHTS = {
    "turned": 3.0,
    "hidden": 2.5,
    "bowed": 2.0,
    "half": 1.3,
    "frontal": 1.0,
    "unknown": 1.0,
}


def relabelled(
    photo: AnnotatedPhoto,
    found: Sequence[Faces],
    judges: Sequence[Judge],
    *,
    points_of: tuple[Faces, npt.NDArray[np.float32]],
    config: CommitteeConfig | None = None,
) -> AnnotatedPhoto:
    """The photo with the committee's labels.

    A box without any vote is ignored. Boxes that somebody looked at (`labelled_by: looked_at`) stay
    as they are. Other ignored boxes are undecided: one gives way to a face on which two votes agree
    and stays otherwise.

    Args:
        photo: The photo with its original labels.
        found: What each judge found in it.
        judges: The judges, same order.
        points_of: Faces with five points each, for the poses, see `poses_of`.
        config: Thresholds of the committee.
    """
    config = config or CommitteeConfig()
    by_eye = np.array([a.get("labelled_by") == "looked_at" for a in photo.attributes], bool)
    undecided = photo.ignored & ~by_eye
    decided = np.flatnonzero(~undecided)
    opinion = ask_committee(photo.boxes[decided], found, judges, config)
    boxes, ignored = photo.boxes.copy(), photo.ignored.copy()
    attributes = [dict(each) for each in photo.attributes]
    for place, row in enumerate(decided):
        verdict = "by eye" if by_eye[row] else _verdict(opinion, place)
        attributes[row]["committee"] = verdict
        if verdict == "unsupported":
            ignored[row] = True
        elif verdict == "moved":
            boxes[row] = opinion.boxes[place]
    raised = clip_boxes(opinion.raised, photo.width, photo.height)
    solid = (raised[:, 2:] - raised[:, :2] > 1).all(axis=1)
    to_faces = box_iou(boxes, raised[solid & opinion.agreed]).max(axis=1, initial=0)
    stays = ~undecided | (to_faces < config.same_iou)
    to_undecided = box_iou(raised, photo.boxes[undecided]).max(axis=1, initial=0)
    new = np.flatnonzero(solid & (opinion.agreed | (to_undecided < config.same_iou))).tolist()
    kept = np.flatnonzero(stays)
    result = replace(
        photo,
        boxes=clip_boxes(np.concatenate([boxes[kept], raised[new]]), photo.width, photo.height),
        ignored=np.concatenate([ignored[kept], ~opinion.agreed[new]]),
        attributes=(
            *(attributes[row] for row in kept),
            *({"committee": _origin(opinion, place)} for place in new),
        ),
        **photo.points_of(kept, n_new=len(new)),
    )
    return _with_poses(result, points_of)


def _verdict(opinion: Opinion, place: int) -> str:
    """What becomes of an annotated box."""
    if opinion.votes[place] == 0:
        return "unsupported"
    return "moved" if opinion.moved[place] else f"{opinion.votes[place]} votes"


def _origin(opinion: Opinion, place: int) -> str:
    """Where a new box comes from: added, or raised with which confidence, in steps of 0.2."""
    if opinion.agreed[place]:
        return "added"
    steps = min(int(opinion.confidence[place] * 5), 5)
    return f"raised by {opinion.raised_votes[place]} {steps / 5:.1f}"


def _with_poses(
    photo: AnnotatedPhoto, points_of: tuple[Faces, npt.NDArray[np.float32]]
) -> AnnotatedPhoto:
    """The photo with `pose` and `drawn` of each face to learn.

    A face that only one vote sees, though it is not turned or bowed, is hidden, dark or blurred.
    """
    attributes = []
    poses = poses_of(photo.boxes, *points_of)
    for said, pose, ignored in zip(photo.attributes, poses, photo.ignored, strict=True):
        if ignored:
            attributes.append(said)
            continue
        doubted = said.get("committee") == "1 votes" and pose not in ("turned", "bowed")
        kind = "hidden" if doubted else pose
        attributes.append({**said, "pose": kind, "drawn": f"{POSE_WEIGHTS[kind]:g}"})
    return replace(photo, attributes=tuple(attributes))
