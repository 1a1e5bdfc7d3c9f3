"""YuNet in ONNX Runtime, as a peer to measure against.

Source:
    Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", 2023; weights of
    ShiqiYu/libfacedetection.train.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from facesmith.boxes import clip_boxes, non_maximum_suppression
from facesmith.faces import Faces

STRIDES = (8, 16, 32)
NMS_IOU = 0.45


class YuNet:
    """A callable like `facesmith.Detector`; photos are looked at in their own size."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._names = [f"{kind}_{s}" for s in STRIDES for kind in ("cls", "obj", "bbox")]

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float = 0.5) -> Faces:
        """Find the faces in one image, as `facesmith.Detector` does."""
        height, width = image.shape[:2]
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
        padded[:height, :width] = image
        outputs: list[Any] = self._session.run(
            self._names, {"input": np.ascontiguousarray(padded.transpose(2, 0, 1)[None])}
        )
        boxes, scores = [], []
        for i, stride in enumerate(STRIDES):
            face, is_object, raw = (maps[0] for maps in outputs[3 * i : 3 * i + 3])
            level = np.sqrt(np.clip(face[:, 0], 0, 1) * np.clip(is_object[:, 0], 0, 1))
            cells = np.flatnonzero(level >= min_score)
            raw = raw[cells]
            rows, columns = np.divmod(cells, padded.shape[1] // stride)
            centre = (np.stack([columns, rows], axis=1) + raw[:, :2]) * stride
            half = np.exp(raw[:, 2:]) * stride / 2
            boxes.append(np.concatenate([centre - half, centre + half], axis=1))
            scores.append(level[cells])
        found = clip_boxes(np.concatenate(boxes), width, height)
        inside = (found[:, 2:] > found[:, :2]).all(axis=1)
        found, best = found[inside], np.concatenate(scores)[inside]
        kept = non_maximum_suppression(found, best, NMS_IOU)
        return Faces(found[kept], best[kept])
