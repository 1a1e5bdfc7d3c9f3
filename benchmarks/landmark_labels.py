"""Adds five points to annotated faces, where two YuNets and their mirror images agree on them.

    python benchmarks/landmark_labels.py ANNOTATIONS --images PHOTOS --out OUT.json \
        --points yunet_n.onnx --points yunet_s.onnx

Every judge looks at a photo and at its mirror image. A face gets the mean of all points if each of
these looks finds it (IoU of 0.4 and more), and all of its points lie near the mean: at most
`MAX_APART` times the square root of the box's area away. Other faces keep their box alone. Judges
do not say which points are hidden: the farther eye and corner of the mouth count as hidden where
the head is turned by `HIDDEN_FROM` degrees and more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_iou
from facesmith.errors import FacesmithError
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.faces import MIRRORED_LANDMARKS
from facesmith.images import read_photo
from facesmith.metrics.landmarks import yaw_angles

MIN_SCORE = 0.3
MIN_IOU = 0.4
MIN_HEIGHT = 20.0  # pixels: points of smaller faces are guesses
MAX_APART = 0.06
HIDDEN_FROM = 65.0
Floats = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("annotations", type=Path, help="COCO JSON")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--points", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    judges = [YuNet(path) for path in arguments.points]
    annotations = json.loads(arguments.annotations.read_text())
    faces: dict[int, list[dict[str, Any]]] = {}
    for face in annotations["annotations"]:
        if not face.get("iscrowd") and face["bbox"][3] >= MIN_HEIGHT:
            faces.setdefault(face["image_id"], []).append(face)
    n_agreed = 0
    for photo in annotations["images"]:
        listed = faces.get(photo["id"], [])
        if not listed:
            continue
        try:
            image = read_photo(arguments.images / photo["file_name"]).image
        except FacesmithError:
            continue
        boxes = np.array([face["bbox"] for face in listed], np.float32)
        boxes[:, 2:] += boxes[:, :2]
        points, agreed = agreed_points(judges, image, boxes)
        n_agreed += int(agreed.sum())
        hidden = far_points(points)
        for face, five, far, known in zip(listed, points.tolist(), hidden, agreed, strict=True):
            if known:
                face["keypoints"] = [
                    value
                    for (x, y), out_of_sight in zip(five, far, strict=True)
                    for value in (round(x, 2), round(y, 2), 1 if out_of_sight else 2)
                ]
                face["num_keypoints"] = len(five)
    annotations["categories"][0]["keypoints"] = [
        "right_eye", "left_eye", "nose", "right_mouth", "left_mouth",
    ]  # fmt: skip
    arguments.out.write_text(json.dumps(annotations))
    print(f"{n_agreed} of {sum(map(len, faces.values()))} faces have points.")


def agreed_points(
    judges: list[YuNet], image: npt.NDArray[np.uint8], boxes: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Mean points `(n, 5, 2)` of the faces in boxes `(n, 4)`, and on which all looks agree."""
    width = image.shape[1]
    looks, found = [], np.ones(len(boxes), bool)
    for judge in judges:
        for mirrored in (False, True):
            seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
            faces, points = judge.with_points(seen, min_score=MIN_SCORE)
            there = faces.boxes.copy()
            if mirrored:
                there[:, [0, 2]] = width - there[:, [2, 0]]
                points = points[:, MIRRORED_LANDMARKS] * np.float32([-1, 1]) + np.float32(
                    [width, 0]
                )
            overlaps = box_iou(boxes, there)
            found &= overlaps.max(axis=1, initial=0) >= MIN_IOU
            best = overlaps.argmax(axis=1) if len(there) else None
            looks.append(np.zeros((len(boxes), 5, 2)) if best is None else points[best])
    mean: Floats = np.mean(looks, axis=0).astype(np.float32)
    size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    apart = np.linalg.norm(np.array(looks) - mean, axis=3).max(axis=(0, 2)) / size
    return mean, found & (apart <= MAX_APART)


def far_points(points: Floats) -> npt.NDArray[np.bool_]:
    """Which points `(n, 5, 2)` lie on the far side of a head turned far to the side, `(n, 5)`."""
    hidden = np.zeros(points.shape[:2], bool)
    turned = yaw_angles(points) >= HIDDEN_FROM
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    across = np.stack([down[:, 1], -down[:, 0]], axis=1)  # towards the left eye
    nose_to_left = ((points[:, 2] - eyes) * across).sum(axis=1) > 0
    hidden[:, 0] = hidden[:, 3] = turned & ~nose_to_left
    hidden[:, 1] = hidden[:, 4] = turned & nose_to_left
    return hidden


if __name__ == "__main__":
    main()
