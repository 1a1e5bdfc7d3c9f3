"""YuNet in ONNX Runtime.

Source:
    Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", 2023; weights of
    ShiqiYu/libfacedetection.train, exported with free height and width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.boxes import non_maximum_suppression
from facesmith.evaluation.baselines.baseline import BaselineError, faces_in
from facesmith.evaluation.baselines.onnx_files import open_onnx
from facesmith.faces import Faces

_STRIDES = (8, 16, 32)
_COARSEST = 32  # both sides of the input are a multiple of this
_NMS_IOU = 0.45  # as in the makers' test configuration
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox")]
_POINTS = [f"kps_{stride}" for stride in _STRIDES]
_WHAT = "the weights of a YuNet, .onnx, with free height and width"


class YuNet:
    """YuNet from an ONNX file. Photos are looked at in their own size, padded to 32 pixels.

    The score is the geometric mean of the outputs for class and object, as its makers have it; the
    threshold is 0.5. Safe to call from several threads.
    """

    min_score = 0.5
    modules: tuple[str, ...] = ("onnxruntime",)

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        self._session = open_onnx(path, _WHAT, threads)
        self.weights_paths: tuple[Path, ...] = (path,)
        inputs = self._session.get_inputs()
        present = {output.name for output in self._session.get_outputs()}
        missing = set(_OUTPUTS) - present
        if missing or len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise BaselineError(
                f"{path}: expected {_WHAT}, one image in and the outputs {', '.join(_OUTPUTS)}; "
                f"found no {', '.join(sorted(missing)) or 'single image input'}."
            )
        if any(isinstance(side, int) for side in inputs[0].shape[2:]):
            height, width = inputs[0].shape[2:]
            raise BaselineError(
                f"{path}: expected {_WHAT}, found the fixed input {width}x{height}. "
                "OpenCV takes such a file: opencv-yunet:PATH."
            )
        self._input = inputs[0].name
        self.has_landmarks = present.issuperset(_POINTS)

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`."""
        return self._find(image, min_score, points=False)[0]

    def with_points(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> tuple[Faces, npt.NDArray[np.float32]]:
        """The faces in one image, and float32 `(n, 5, 2)`, five points of each in its pixels.

        The points are both eyes, the nose and both corners of the mouth.

        Raises:
            BaselineError: If the file has no outputs for points.
        """
        if not self.has_landmarks:
            raise BaselineError(f"This YuNet has no points: no outputs {', '.join(_POINTS)}.")
        return self._find(image, min_score, points=True)

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        """The faces in one image with their landmarks, see `with_points`."""
        found, points = self.with_points(image, min_score=min_score)
        return Faces(found.boxes, found.scores, points)

    def _find(
        self, image: npt.NDArray[np.uint8], min_score: float | None, *, points: bool
    ) -> tuple[Faces, npt.NDArray[np.float32]]:
        """The faces, and their points where these are asked for, `(0, 5, 2)` otherwise."""
        min_score = self.min_score if min_score is None else min_score
        height, width = image.shape[:2]
        padded_shape = (-(-height // _COARSEST) * _COARSEST, -(-width // _COARSEST) * _COARSEST, 3)
        padded = np.zeros(padded_shape, np.float32)
        padded[:height, :width] = image
        pixels = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
        wanted = _OUTPUTS + _POINTS if points else _OUTPUTS
        outputs: list[Any] = self._session.run(wanted, {self._input: pixels})
        boxes, scores, marks = [], [], []
        for i, stride in enumerate(_STRIDES):
            face, is_object, raw = (maps[0] for maps in outputs[3 * i : 3 * i + 3])
            level = np.sqrt(np.clip(face[:, 0], 0, 1) * np.clip(is_object[:, 0], 0, 1))
            cells = np.flatnonzero(level >= min_score)
            raw = raw[cells]
            rows, columns = np.divmod(cells, padded.shape[1] // stride)
            corner = np.stack([columns, rows], axis=1)
            centre = (corner + raw[:, :2]) * stride
            half = np.exp(raw[:, 2:]) * stride / 2
            boxes.append(np.concatenate([centre - half, centre + half], axis=1))
            scores.append(level[cells])
            if points:
                offsets = outputs[len(_OUTPUTS) + i][0][cells].reshape(-1, 5, 2)
                marks.append((corner[:, None] + offsets) * stride)
        found, order = faces_in(np.concatenate(boxes), np.concatenate(scores), image, min_score)
        kept = non_maximum_suppression(found.boxes, found.scores, _NMS_IOU)
        all_marks = np.concatenate([np.zeros((0, 5, 2)), *marks]).astype(np.float32)
        return found[kept], all_marks[order[kept]] if points else all_marks
