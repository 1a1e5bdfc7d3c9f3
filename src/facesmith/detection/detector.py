"""The face detector as the base install runs it: propose on the whole photo, then look again.

A small fully convolutional network looks at the whole photo once and proposes boxes; where the
weights bring one along, a 64x64 classifier takes a second look at a well-cut patch of each
proposal, and corrects its score and its box. Both run in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.boxes import clip_boxes, non_maximum_suppression
from facesmith.detection.calibration import Calibration, dull_scores, logit, sigmoid
from facesmith.detection.decoding import decode
from facesmith.detection.refiner import SecondLook
from facesmith.detection.resizing import scaled
from facesmith.detection.rotations import UPRIGHT, look_in_turns
from facesmith.detection.sessions import open_session
from facesmith.faces import Faces
from facesmith.files import checksum

PROPOSALS_FILE = "detector.onnx"
SECOND_LOOK_FILE = "second_look.onnx"
NMS_IOU = (
    0.4  # two real faces seldom overlap more than this, two boxes of one face nearly always do
)
# Photos are looked at in at most this many of the network's smallest faces along the longer side,
# so that a huge photo takes no longer than one of 800 pixels; `min_face` asks for more or less.
FACES_ALONG_SIDE = 80
COARSER = 3  # factor between the scale of one look and that of the next, for larger faces
# A large face leaves a box of at least this part of `tallest_face`, with at least this raw score,
# in the look before the coarsest; without any, that look is saved. Of 1,368 crops around held-out
# faces, 0.2 to 1.3 of the height, none changed at a threshold of 0.5.
FORESHADOWED = 0.4
FORESHADOWING_SCORE = 0.15
_NAME_DIGITS = 12  # of a detector's name, hexadecimal: enough to tell detectors apart
LARGEST_ENLARGEMENT = 2.0  # photos are blown up by at most this factor when `min_face` is tiny
SMALL_PHOTO_ENLARGEMENT = 1.5  # and by at most this one when they are small


class Detector:
    """Finds the faces in a photo. Safe to call from several threads.

    Attributes:
        metadata: What the weights file says of itself.
        min_score: Faces with a lower score are left out unless a call says otherwise.
        smallest_face: Height of the smallest face that the network finds at its input, pixels.
        tallest_face: Faces higher than this at the network's input are found better at a third
            of the scale, and so on by thirds: each look costs a ninth of the one before. From the
            coarser of two scales come faces of more than half this height at the finer one, so
            that neither misses one at the limit.
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
        # Weights of before these were stored have three strides and look at large faces early.
        self.tallest_face = float(self.metadata.get("tallest_face", 210.0))
        self._enlarged_to = float(self.metadata.get("enlarged_to", 0.0))
        self._multiple = int(self.metadata.get("input_multiple", self._strides[-1]))
        self._unit = float(self.metadata["box_unit"])
        self._calibration = Calibration(**self.metadata["calibration"])
        self._dull = dull_scores(self._calibration)
        self._second_look: SecondLook | None = None
        if self._calibration.second:
            self._second_look = SecondLook(path.with_name(SECOND_LOOK_FILE), threads)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        *,
        min_score: float | None = None,
        min_face: float | None = None,
        turns: Sequence[int] = UPRIGHT,
    ) -> Faces:
        """Find the faces in one image.

        Args:
            image: uint8 `(height, width, 3)`, BGR, upright. Not modified.
            min_score: Leave out faces with a lower score, in [0, 1]; `None`: the threshold stored
                with the weights.
            min_face: Height of the smallest face to look for, pixels of `image`. A larger value
                is faster: the time falls with its square. `None`: `smallest_face` pixels, or
                1/80 of the longer side for photos where that is more. Photos of less than 640
                pixels are then enlarged by up to half, where the weights ask for it.
            turns: By how much to turn the image counter-clockwise for each look at it, some of 0,
                90, 180 and 270 degrees. `(0, 180)` finds faces upside down too, all four those at
                any angle; each look takes the time of a call. Boxes are of `image` as it is.

        Returns:
            The faces, best score first; empty if there are none.

        Raises:
            ValueError: If the image has another shape or type, or a value is out of range.
        """
        if min_score is None:
            min_score = self.min_score
        if not 0 <= min_score <= 1:
            raise ValueError(f"`min_score` must be between 0 and 1; got min_score={min_score}.")
        if tuple(turns) != UPRIGHT:
            _check_image(image)
            look = partial(self, min_score=min_score, min_face=min_face)
            return look_in_turns(look, image, turns)
        calibration = self._calibration
        boxes, raw = self.candidates(image, self._least_raw_score(min_score), min_face=min_face)
        logits = logit(raw)
        second = np.zeros_like(logits)
        if self._second_look is not None:
            second, boxes = look_again(self._second_look, image, boxes, raw, calibration)
        height, width = image.shape[:2]
        boxes = clip_boxes(boxes, width, height)
        scores = calibration.scores(logits, second)
        good = (scores >= min_score) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = boxes[good], scores[good]
        if self._second_look is None:  # then no box has changed, and few scores their order
            kept = np.argsort(-scores, kind="stable")
        else:
            kept = non_maximum_suppression(boxes, scores, NMS_IOU)
        return Faces(boxes[kept], scores[kept])

    def candidates(
        self,
        image: npt.NDArray[np.uint8],
        min_raw_score: float,
        *,
        min_face: float | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the proposal network alone finds, before second look and calibration.

        Args:
            image: uint8 `(height, width, 3)`, BGR.
            min_raw_score: Leave out boxes with a lower raw score, in (0, 1).
            min_face: As in a call of the detector.

        Returns:
            Boxes float32 `(n, 4)`, pixels of `image`, inside it, and raw scores float32 `(n,)`,
            best first, after suppression of overlapping boxes.
        """
        _check_image(image)
        height, width = image.shape[:2]
        wanted, foreshadowing = logit(np.array([min_raw_score, FORESHADOWING_SCORE], np.float32))
        least = float(min(wanted, foreshadowing))  # so that no look depends on what is wanted
        pixels, scale_xy = scaled(image, self.input_scale(width, height, min_face))
        boxes, logits = self._propose(pixels, scale_xy, least)
        while pixels.shape[0] > self.tallest_face:
            highest = self.tallest_face / float(scale_xy[1])  # in pixels of the image, as boxes are
            last = pixels.shape[0] <= COARSER * self.tallest_face
            large = boxes[:, 3] - boxes[:, 1] >= FORESHADOWED * highest
            if last and not (large & (logits >= foreshadowing)).any():
                break
            pixels = np.asarray(Image.fromarray(pixels).reduce(COARSER))
            scale_xy = scale_xy / np.float32(COARSER)
            finer = _with_heights(boxes, logits, 0, highest)
            coarser = _with_heights(*self._propose(pixels, scale_xy, least), highest / 2, np.inf)
            boxes, logits = (np.concatenate(pair) for pair in zip(finer, coarser, strict=True))
        boxes = clip_boxes(boxes, width, height)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (logits >= wanted)
        boxes, raw = boxes[inside], sigmoid(logits[inside])
        kept = non_maximum_suppression(boxes, raw, NMS_IOU)
        return boxes[kept], raw[kept]

    def input_scale(self, width: int, height: int, min_face: float | None = None) -> float:
        """Factor by which a photo of this size is scaled before the network sees it.

        Photos may be decoded at this scale at once, which is faster; boxes then come in pixels
        of the smaller image.
        """
        if min_face is None:
            longer = max(width, height)
            enlarged = min(max(self._enlarged_to / longer, 1.0), SMALL_PHOTO_ENLARGEMENT)
            min_face = max(self.smallest_face / enlarged, longer / FACES_ALONG_SIDE)
        if not min_face > 0:
            raise ValueError(f"`min_face` must be positive, in pixels; got min_face={min_face}.")
        return min(self.smallest_face / min_face, LARGEST_ENLARGEMENT)

    def _least_raw_score(self, min_score: float) -> float:
        """A raw score below which no proposal reaches `min_score`, so that it may be left out.

        Scores rise with raw scores: what is left out could have suppressed only what is, too.
        """
        raw, scores = self._dull
        below = int(np.searchsorted(scores, min_score))
        return float(raw[max(below - 1, 0)])

    def _propose(
        self, pixels: npt.NDArray[np.uint8], scale_xy: npt.NDArray[np.float32], least: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the cells that reach a logit of `least` propose.

        Args:
            pixels: The photo as the network sees it, uint8 `(height, width, 3)`.
            scale_xy: Its pixels per pixel of the photo, across and down, float32 `(2,)`.
            least: A logit.

        Returns:
            Boxes `(n, 4)`, pixels of the photo, and logits `(n,)`.
        """
        batch = padded(pixels, self._multiple)[None]
        maps: list[Any] = self._session.run(None, {self._input: batch})
        boxes, logits = decode(maps, self._strides, self._unit, least)
        photo_pixels: npt.NDArray[np.float32] = np.tile(1 / scale_xy, 2)
        return boxes * photo_pixels, logits


def padded(image: npt.NDArray[np.uint8], multiple: int) -> npt.NDArray[np.uint8]:
    """The image in an upper left corner, with black to the right and below.

    Args:
        image: uint8 `(height, width, 3)`.
        multiple: What the sides of the result are divisible by, pixels.

    Returns:
        uint8, contiguous; the image itself where its sides are divisible already.
    """
    height, width = image.shape[:2]
    shape_hw = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
    if shape_hw == (height, width):
        return np.ascontiguousarray(image)
    result = np.zeros((*shape_hw, 3), np.uint8)
    result[:height, :width] = image
    return result


def look_again(
    second_look: SecondLook,
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.float32],
    raw: npt.NDArray[np.float32],
    calibration: Calibration,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The second look at the doubtful ones of some proposals.

    Args:
        second_look: Judges and corrects.
        image: uint8 `(height, width, 3)`, BGR.
        boxes: Proposals, float32 `(n, 4)`, pixels of `image`.
        raw: Their raw scores `(n,)`.
        calibration: Says which are doubtful.

    Returns:
        Logits float32 `(n,)`, and boxes float32 `(n, 4)`, those of doubtful proposals corrected.
    """
    sure = raw >= calibration.sure_score
    logits = np.where(sure, calibration.sure_second, calibration.dull_second).astype(np.float32)
    boxes = boxes.copy()
    doubtful = ~sure & (raw >= calibration.look_score)
    logits[doubtful], boxes[doubtful] = second_look(image, boxes[doubtful])
    return logits, boxes


def _with_heights(
    boxes: npt.NDArray[np.float32], logits: npt.NDArray[np.float32], lowest: float, highest: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Those boxes `(n, 4)` and logits `(n,)` whose height is in `[lowest, highest)`."""
    heights = boxes[:, 3] - boxes[:, 1]
    chosen = (heights >= lowest) & (heights < highest)
    return boxes[chosen], logits[chosen]


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


def detector_name(detector: Detector, model: str | Path | None) -> str:
    """A short name that changes whenever the weights do: the start of their SHA-256.

    Args:
        detector: The loaded detector.
        model: What it was loaded from: a run folder, a weights file, or `None` for the weights
            that come along.
    """
    path = shipped_weights() if model is None else Path(model)
    path = path / PROPOSALS_FILE if path.is_dir() else path
    sums = checksum(path)
    if detector.metadata["calibration"]["second"]:
        sums += checksum(path.with_name(SECOND_LOOK_FILE))
    return sha256(sums.encode()).hexdigest()[:_NAME_DIGITS]


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
