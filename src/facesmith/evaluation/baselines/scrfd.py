"""SCRFD in ONNX Runtime.

Source:
    Guo et al., "Sample and computation redistribution for efficient face detection", 2021, and the
    code published with it, github.com/deepinsight/insightface, detection/scrfd: input and decoding.
    Its public weights may be used for research only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.boxes import non_maximum_suppression
from facesmith.evaluation.baselines.baseline import BaselineError, faces_in
from facesmith.evaluation.baselines.onnx_files import open_onnx
from facesmith.faces import N_LANDMARKS, Faces

_STRIDES = (8, 16, 32)
_COARSEST = 32  # both sides of the input are a multiple of this
_ANCHORS = 2  # boxes at each place of a map
_NMS_IOU = 0.4  # as in the makers' code
_MEAN, _SCALE = 127.5, 128.0  # of the pixels, RGB
_KINDS = {1: "scores", 4: "boxes", 2 * N_LANDMARKS: "points"}  # by the last side of an output
_WHAT = "the weights of an SCRFD, .onnx"


class SCRFD:
    """SCRFD from an ONNX file, with or without points.

    With a free input size photos are looked at in their own size, padded to 32 pixels; with a fixed
    one they are shrunk or enlarged to fit, as its makers do. The threshold is 0.5. Safe to call
    from several threads.
    """

    min_score = 0.5
    modules: tuple[str, ...] = ("onnxruntime",)

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        self._session = open_onnx(path, _WHAT, threads)
        self.weights_paths: tuple[Path, ...] = (path,)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise BaselineError(f"{path}: expected {_WHAT}, found no single image input.")
        self._input = inputs[0].name
        sides = inputs[0].shape[2:]
        self._size: tuple[int, int] | None = None  # height and width where they are fixed
        if all(isinstance(side, int) for side in sides):
            self._size = (sides[0], sides[1])
        try:
            self._levels(np.zeros((*(self._size or (_COARSEST, _COARSEST)), 3), np.uint8))
        except ValueError as error:
            raise BaselineError(f"{path}: expected {_WHAT}, {error}.") from error
        except Exception as error:  # the runtime's exceptions have no common base
            raise BaselineError(f"{path}: expected {_WHAT} ({error}).") from error

    @property
    def has_landmarks(self) -> bool:
        """Whether the file gives points, too."""
        return len(self._session.get_outputs()) == 3 * len(_STRIDES)

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`."""
        found = self._find(image, min_score)
        return Faces(found.boxes, found.scores)

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        """The faces in one image with their landmarks, see `Baseline`."""
        return self._find(image, min_score)

    def _find(self, image: npt.NDArray[np.uint8], min_score: float | None) -> Faces:
        min_score = self.min_score if min_score is None else min_score
        pixels, scale = self._fitted(image)
        boxes: list[npt.NDArray[np.floating]] = []
        scores: list[npt.NDArray[np.floating]] = []
        points: list[npt.NDArray[np.floating]] = []
        for stride, level in zip(_STRIDES, self._levels(pixels), strict=True):
            likely = level["scores"][:, 0]
            cells = np.flatnonzero(likely >= min_score)
            rows, columns = np.divmod(cells // _ANCHORS, pixels.shape[1] // stride)
            centre = np.stack([columns, rows], axis=1) * stride
            sides = level["boxes"][cells] * stride  # to the left, up, to the right, down
            boxes.append(np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], axis=1))
            scores.append(likely[cells])
            if "points" in level:
                offsets = level["points"][cells].reshape(-1, N_LANDMARKS, 2) * stride
                points.append(centre[:, None] + offsets)
        found, order = faces_in(
            np.concatenate(boxes) / scale, np.concatenate(scores), image, min_score
        )
        kept = non_maximum_suppression(found.boxes, found.scores, _NMS_IOU)
        marks = None
        if self.has_landmarks:
            marks = (np.concatenate(points) / scale).astype(np.float32)[order[kept]]
        return Faces(found.boxes[kept], found.scores[kept], marks)

    def _fitted(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
        """The image at the upper left of the input, and by how much it is enlarged."""
        height, width = image.shape[:2]
        scale = 1.0
        if self._size is None:
            size = (-(-height // _COARSEST) * _COARSEST, -(-width // _COARSEST) * _COARSEST)
        else:
            size = self._size
            scale = min(size[0] / height, size[1] / width)
            side_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
            resized = Image.fromarray(image).resize(side_wh, Image.Resampling.BILINEAR)
            image = np.asarray(resized)
        padded = np.zeros((*size, 3), np.uint8)
        padded[: image.shape[0], : image.shape[1]] = image
        return padded, scale

    def _levels(self, pixels: npt.NDArray[np.uint8]) -> list[dict[str, npt.NDArray[np.float32]]]:
        """Kind of output -> its rows `(places * 2, ...)`, for each stride.

        Raises:
            ValueError: If the outputs are others than those of an SCRFD.
        """
        rgb = (pixels[..., ::-1].astype(np.float32) - _MEAN) / _SCALE
        inputs = {self._input: np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])}
        outputs: list[Any] = self._session.run(None, inputs)
        height, width = pixels.shape[:2]
        stride_of = {(height // s) * (width // s) * _ANCHORS: s for s in _STRIDES}
        levels: dict[int, dict[str, npt.NDArray[np.float32]]] = {s: {} for s in _STRIDES}
        for output in outputs:
            rows = output.reshape(-1, output.shape[-1]) if output.ndim else output
            if rows.ndim != 2 or rows.shape[1] not in _KINDS or len(rows) not in stride_of:
                raise ValueError(f"got an output of the shape {list(output.shape)}")
            levels[stride_of[len(rows)]][_KINDS[rows.shape[1]]] = rows
        kinds = [set(level) for level in levels.values()]
        if any(each != kinds[0] or not {"scores", "boxes"} <= each for each in kinds):
            raise ValueError("found no scores and boxes at the strides 8, 16 and 32")
        return list(levels.values())
