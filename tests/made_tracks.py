"""Faces that move as told, what a detector would make of them, and public metrics of tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facesmith.boxes import box_iou
from facesmith.faces import Faces
from facesmith.video import FrameFaces

SIZE_WH = (640, 360)
Path = Callable[[float], tuple[float, float, float] | None]  # time -> centre x, y and side


@dataclass
class Scene:
    """True boxes of each frame, and what a detector saw of them."""

    frames: list[FrameFaces] = field(default_factory=list)
    truth: list[dict[int, np.ndarray]] = field(default_factory=list)


def straight(x: float, y: float, vx: float, vy: float, side: float = 40, **span: float) -> Path:
    """A face that moves in a straight line, pixels and pixels a second."""

    def at(time: float) -> tuple[float, float, float] | None:
        if not span.get("begins", -1e9) <= time <= span.get("ends", 1e9):
            return None
        return x + vx * time, y + vy * time, side

    return at


def waving(x: float, y: float, swing: float, seconds: float, side: float = 40) -> Path:
    """A face that swings from left to right, `swing` pixels each way, once in so many seconds."""
    return lambda time: (x + swing * np.sin(2 * np.pi * time / seconds), y, side)


def make(
    paths: Sequence[Path],
    times: Sequence[float],
    *,
    noise: float = 0.04,
    missed: Callable[[int, float], float] = lambda _, __: 0.0,
    faint: Callable[[int, float], bool] = lambda _, __: False,
    false_boxes: float = 0.0,
    seed: int = 0,
) -> Scene:
    """A scene of moving faces.

    Args:
        paths: Of each face.
        times: Of each frame, seconds.
        noise: Of the detector's edges, as a part of the side.
        missed: Face and time -> the probability that the detector misses it.
        faint: Face and time -> whether its score is low.
        false_boxes: Of high score, a frame, anywhere.
        seed: Of what is random.
    """
    random = np.random.default_rng(seed)
    scene = Scene()
    for number, time in enumerate(times):
        truth, boxes, scores = {}, [], []
        for face, path in enumerate(paths):
            place = path(time)
            if place is None:
                continue
            x, y, side = place
            box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
            truth[face] = box
            if random.random() < missed(face, time):
                continue
            boxes.append(box + random.normal(0, noise * side, 4))
            scores.append(0.4 if faint(face, time) else 0.9)
        for _ in range(random.poisson(false_boxes)):
            x, y = random.uniform(30, 610), random.uniform(30, 330)
            boxes.append(np.array([x - 20, y - 20, x + 20, y + 20]))
            scores.append(0.8)
        found = Faces(np.reshape(boxes, (-1, 4)), np.array(scores))
        scene.frames.append(FrameFaces(number, float(time), SIZE_WH, found))
        scene.truth.append(truth)
    return scene


def metrics(scene: Scene, tracked: Sequence[FrameFaces]) -> dict[str, float]:
    """IDF1, HOTA and switches of ids by TrackEval, the authors' own evaluation of HOTA."""
    from trackeval.metrics import CLEAR, HOTA, Identity  # noqa: PLC0415 - a test skips without it

    track_names = sorted({n for frame in tracked for n in frame.tracks.tolist()})
    rank = {name: index for index, name in enumerate(track_names)}
    true_names = sorted({n for truth in scene.truth for n in truth})
    data: dict[str, Any] = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for truth, frame in zip(scene.truth, tracked, strict=True):
        data["gt_ids"].append(np.array([true_names.index(n) for n in truth], int))
        data["tracker_ids"].append(np.array([rank[n] for n in frame.tracks.tolist()], int))
        boxes = np.reshape([*truth.values()], (-1, 4))
        data["similarity_scores"].append(box_iou(boxes, frame.faces.boxes).astype(float))
    data["num_timesteps"] = len(scene.truth)
    data["num_gt_ids"], data["num_tracker_ids"] = len(true_names), len(track_names)
    data["num_gt_dets"] = sum(map(len, data["gt_ids"]))
    data["num_tracker_dets"] = sum(map(len, data["tracker_ids"]))
    hota = HOTA().eval_sequence(data)
    return {
        "HOTA": float(np.mean(hota["HOTA"])),
        "AssA": float(np.mean(hota["AssA"])),
        "IDF1": float(Identity({"PRINT_CONFIG": False}).eval_sequence(data)["IDF1"]),
        "switches": float(CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)["IDSW"]),
        "ids": float(len(track_names)),
    }
