"""The face detector as the base install runs it: propose on the whole photo, then look again.

A small fully convolutional network looks at the whole photo once and proposes boxes; where the
weights bring one along, a 64x64 classifier takes a second look at a well-cut patch of each
proposal, and corrects its score and its box. Both run in ONNX Runtime.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.boxes import clip_boxes, non_maximum_suppression
from facesmith.faces import Faces
from facesmith.sessions import open_session

PROPOSALS_FILE = "detector.onnx"
SECOND_LOOK_FILE = "second_look.onnx"
NMS_IOU = 0.4  # two real faces seldom overlap more than this, two boxes of one face nearly always do
# Photos are looked at in at most this many of the network's smallest faces along the longer side,
# so that a huge photo does not take seconds; `min_face` asks for more or less.
FACES_ALONG_SIDE = 128
LARGEST_ENLARGEMENT = 2.0  # photos are blown up by at most this factor when `min_face` is tiny


class Detector:
    """Finds the faces in a photo. Safe to call from several threads.

    Attributes:
        metadata: What the weights file says of itself.
        min_score: Faces with a lower score are left out unless a call says otherwise.
        smallest_face: Height of the smallest face that the network finds at its input, pixels.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        if path.is_dir():
            path = path / PROPOSALS_FILE
        self._session, self.metadata = open_session(path, kind="detector", threads=threads)
        self._input = self._session.get_inputs()[0].name
        self.min_score = float(self.metadata["threshold"])
        self.smallest_face = float(self.metadata["smallest_face"])
        self._strides: list[int] = self.metadata["strides"]
        self._unit = float(self.metadata["box_unit"])
        calibration: dict[str, float] = self.metadata["calibration"]
        self._slope, self._offset = calibration["slope"], calibration["offset"]

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        *,
        min_score: float | None = None,
        min_face: float | None = None,
    ) -> Faces:
        """Find the faces in one image.

        Args:
            image: uint8 `(height, width, 3)`, BGR, upright. Not modified.
            min_score: Leave out faces with a lower score, in [0, 1]; `None`: the threshold stored
                with the weights.
            min_face: Height of the smallest face to look for, pixels of `image`. A larger value
                is faster: the time falls with its square. `None`: `smallest_face` pixels, or
                1/128 of the longer side for photos where that is more.

        Returns:
            The faces, best score first; empty if there are none.

        Raises:
            ValueError: If the image has another shape or type, or a value is out of range.
        """
        _check_image(image)
        if min_score is None:
            min_score = self.min_score
        if not 0 <= min_score <= 1:
            raise ValueError(f"`min_score` must be between 0 and 1; got min_score={min_score}.")
        height, width = image.shape[:2]
        scale = self.input_scale(width, height, min_face)
        # A calibrated score is a function of the logit that rises: one threshold serves both.
        least = (_logit(min_score) - self._offset) / self._slope
        boxes, logits = self._propose(image, scale, least)
        scores = _sigmoid(self._slope * logits + self._offset)
        boxes = clip_boxes(boxes, width, height)
        kept = non_maximum_suppression(boxes, scores, NMS_IOU)
        return Faces(boxes[kept], scores[kept])

    def input_scale(self, width: int, height: int, min_face: float | None = None) -> float:
        """Factor by which a photo of this size is scaled before the network sees it.

        Photos may be decoded at this scale at once, which is faster; boxes then come in pixels
        of the smaller image.
        """
        if min_face is None:
            min_face = max(self.smallest_face, max(width, height) / FACES_ALONG_SIDE)
        if not min_face > 0:
            raise ValueError(f"`min_face` must be positive, in pixels; got min_face={min_face}.")
        return min(self.smallest_face / min_face, LARGEST_ENLARGEMENT)

    def _propose(
        self, image: npt.NDArray[np.uint8], scale: float, least: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Boxes `(n, 4)` in pixels of `image` and logits `(n,)` of all cells of at least `least`."""
        height, width = image.shape[:2]
        size_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
        if size_wh != (width, height):
            resized = Image.fromarray(image).resize(
                size_wh, Image.Resampling.BILINEAR, reducing_gap=2.0
            )
            image = np.asarray(resized)
        coarsest = self._strides[-1]
        padded_shape = (-(-size_wh[1] // coarsest) * coarsest, -(-size_wh[0] // coarsest) * coarsest)
        if padded_shape != image.shape[:2]:
            padded = np.zeros((*padded_shape, 3), np.uint8)
            padded[: size_wh[1], : size_wh[0]] = image
            image = padded
        maps: list[Any] = self._session.run(
            None, {self._input: np.ascontiguousarray(image)[None]}
        )
        boxes, logits = [], []
        for stride, level in zip(self._strides, maps, strict=True):
            rows, columns = np.nonzero(level[0, 0] >= least)
            cells = level[0][:, rows, columns]  # (5, k)
            centre = (np.stack([columns, rows]) + np.float32(0.5) + cells[1:3]) * stride
            half = np.exp(np.clip(cells[3:5], -5, 5)) * np.float32(stride * self._unit / 2)
            boxes.append(np.concatenate([centre - half, centre + half]).T)
            logits.append(cells[0])
        back = np.float32([width / size_wh[0], height / size_wh[1]] * 2)
        return np.concatenate(boxes).astype(np.float32) * back, np.concatenate(logits)


def load_detector(model: str | Path | None = None, threads: int = 1) -> Detector:
    """Load a detector.

    Args:
        model: A run folder, or its `detector.onnx`; `None` for the weights that ship with
            facesmith.
        threads: CPU threads of one call. One is best for photos in a row; two do not help small
            nets reliably.

    Returns:
        A callable: `faces = detector(image_bgr)`.

    Raises:
        WeightsError: If the file is missing, damaged or holds something else.

    Example:
        >>> import numpy as np
        >>> from facesmith import load_detector
        >>> len(load_detector()(np.zeros((120, 160, 3), np.uint8)))
        0
    """
    return Detector(shipped_weights() if model is None else model, threads)


def shipped_weights() -> Path:
    """The weights file inside the package."""
    return Path(str(files("facesmith") / "weights" / PROPOSALS_FILE))


def _check_image(image: npt.NDArray[np.uint8]) -> None:
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"`image` must be a NumPy array; got {type(image).__name__}. Read files with "
            "facesmith.read_image."
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must be uint8 of shape (height, width, 3), channels BGR; "
            f"got shape {image.shape}, dtype {image.dtype}."
        )


def _logit(probability: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(np.float64(probability)) - np.log1p(-np.float64(probability)))


def _sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
