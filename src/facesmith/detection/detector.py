"""The face detector as the base install runs it: propose on the whole photo, then look again.

A small fully convolutional network looks at the whole photo once and proposes boxes; where the
weights bring one along, a 64x64 classifier judges a well-cut patch of each proposal, and corrects
its score and its box. Both run in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.boxes import clip_boxes
from facesmith.detection.calibration import Calibration, logit, sigmoid, ungated_scores
from facesmith.detection.decoding import decode
from facesmith.detection.landmarks import LANDMARKS_FILE, LandmarkFinder
from facesmith.detection.photo_detector import PhotoDetector, check_image
from facesmith.detection.pyramid import COARSER, Pyramid, ScalePlan
from facesmith.detection.refiner import Refiner, refine
from facesmith.detection.resizing import scaled
from facesmith.detection.sessions import check_graph, description_errors, finite, open_session
from facesmith.detection.suppression import suppress_overlapping
from facesmith.errors import WeightsError
from facesmith.faces import Faces
from facesmith.files import checksum

PROPOSALS_FILE = "detector.onnx"
REFINER_FILE = "refiner.onnx"
# The coarsest look is skipped unless the look before it proposes a box of at least this part of
# `tallest_face` with at least this raw score: every large face leaves such a box. Checked on 1,368
# crops around held-out faces (0.2 to 1.3 of the height): no result at a threshold of 0.5 changed.
COARSEST_LOOK_HEIGHT = 0.4
COARSEST_LOOK_SCORE = 0.15
# The refiner cuts its patches from the same image as the proposal network looks at: with fewer
# pixels average precision falls by up to 3 points, see docs/decisions/0010-big-folders.md.
_SPARE_SIZE_REFINER = 2.0
_LARGEST_MULTIPLE = 256  # pixels; the input of a network is divisible by so much at most
_NAME_DIGITS = 12  # of a detector's name, hexadecimal: enough to tell detectors apart


class Detector(PhotoDetector):
    """Finds the faces in a photo. Safe to call from several threads.

    The smallest faces that it looks for where a call does not say are of `smallest_face` pixels, or
    of 1/80 of the longer side for photos where that is more. Photos of less than 640 pixels are
    then enlarged by up to half, where the weights ask for it.

    Attributes:
        calibration: How raw outputs become scores, and which proposals are refined.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        if path.is_dir():
            path = path / PROPOSALS_FILE
        self._path, self._threads = path.absolute(), threads
        self._session, self.metadata = open_session(path, kind="detector", threads=threads)
        with description_errors(path):
            self.min_score = finite(self.metadata, "threshold")
            found_all = self.metadata.get("find_all")
            self.find_all_score = finite(found_all, "threshold") if found_all else None
            self._strides = _strides(self.metadata["strides"])
            self.pyramid = Pyramid(
                smallest_face=_positive(self.metadata, "smallest_face"),
                tallest_face=_positive(self.metadata, "tallest_face"),
                enlarged_to=finite(self.metadata, "enlarged_to"),  # 0: nothing is
            )
            self._multiple = int(_positive(self.metadata, "input_multiple"))
            self._unit = _positive(self.metadata, "box_unit")
            self.calibration = Calibration.from_dict(self.metadata["calibration"])
            scores = (self.min_score, self.find_all_score or 0.0)
            if (
                not all(0 <= score <= 1 for score in scores)
                or not 1 <= self._multiple <= _LARGEST_MULTIPLE
            ):
                raise ValueError("`threshold` or `input_multiple` is out of range")
        self._input = self._session.get_inputs()[0].name
        check_graph(path, self._try_out)
        self._ungated = ungated_scores(self.calibration)
        self._refiner: Refiner | None = None
        if self.calibration.refiner_weight:
            self._refiner = Refiner(path.with_name(REFINER_FILE), threads)
        self.spare_size = 1.0 if self._refiner is None else _SPARE_SIZE_REFINER
        self._landmark_finder: LandmarkFinder | None = None
        self._opening_landmarks = Lock()

    def __reduce__(self) -> tuple[type[Detector], tuple[Path, int]]:
        """Pickles as the path of its file, which is opened anew: in a process pool, for one."""
        return type(self), (self._path, self._threads)

    @property
    def has_landmarks(self) -> bool:
        """Whether calls may ask for landmarks: whether `landmarks.onnx` lies beside the weights."""
        return self._path.with_name(LANDMARKS_FILE).exists()

    def landmark_finder(self) -> LandmarkFinder:
        """What finds the landmarks, opened at the first call; see `PhotoDetector`."""
        with self._opening_landmarks:
            if self._landmark_finder is None:
                path = self._path.with_name(LANDMARKS_FILE)
                if not path.exists():
                    raise WeightsError(
                        f"{path}: no such file, so these weights find no landmarks. Copy the "
                        f"{LANDMARKS_FILE} of weights that do beside {self._path.name}, or ask for "
                        "no landmarks."
                    )
                self._landmark_finder = LandmarkFinder(path, self._threads)
            return self._landmark_finder

    def _try_out(self) -> None:
        """Raises if the network does not give what the description says."""
        side = self._multiple
        pixels = np.zeros((side, side, 3), np.uint8)
        maps = self._session.run(None, {self._input: pixels[None]})
        if len(maps) != len(self._strides):
            raise ValueError(f"it has {len(maps)} outputs for {len(self._strides)} strides")
        for found, stride in zip(maps, self._strides, strict=True):
            wanted = (1, 5, -(-side // stride), -(-side // stride))
            if found.shape != wanted or found.dtype != np.float32:
                raise ValueError(f"an output is {found.dtype} of shape {found.shape}")

    def _look(self, image: npt.NDArray[np.uint8], plan: ScalePlan, min_score: float) -> Faces:
        boxes, raw = self.candidates(image, self._min_raw_score(min_score), plan)
        logits = logit(raw)
        refiner_logits = np.zeros_like(logits)
        if self._refiner is not None:
            refiner_logits, boxes = refine(self._refiner, image, boxes, raw, self.calibration)
        boxes = clip_boxes(boxes, plan.width, plan.height)
        scores = self.calibration.scores(logits, refiner_logits)
        good = (scores >= min_score) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = boxes[good], scores[good]
        if self._refiner is None:  # then no box has changed, and few scores their order
            kept = np.argsort(-scores, kind="stable")
        else:
            kept = suppress_overlapping(boxes, scores)
        return Faces(boxes[kept], scores[kept])

    def candidates(
        self,
        image: npt.NDArray[np.uint8],
        min_raw_score: float,
        plan: ScalePlan | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the proposal network alone finds, before refiner and calibration.

        Args:
            image: uint8 `(height, width, 3)`, BGR.
            min_raw_score: Leave out boxes with a lower raw score, in (0, 1).
            plan: At which scales to look; `None`: those of a call of the detector.

        Returns:
            Boxes float32 `(n, 4)`, pixels of `image`, inside it, and raw scores float32 `(n,)`,
            best first, after suppression of overlapping boxes.
        """
        check_image(image)
        height, width = image.shape[:2]
        plan = plan or self.pyramid.plan(width, height)
        wanted, sign = logit(np.array([min_raw_score, COARSEST_LOOK_SCORE], np.float32))
        min_logit = float(min(wanted, sign))  # so that no look depends on what is wanted
        pixels, scale_xy = scaled(image, plan.scale)
        boxes, logits = self._propose(pixels, scale_xy, min_logit)
        n_coarser = plan.n_coarser(pixels.shape[0])
        for number in range(1, n_coarser + 1):
            # In pixels of the image, as boxes are.
            tallest = self.pyramid.tallest_face / float(scale_xy[1])
            large = boxes[:, 3] - boxes[:, 1] >= COARSEST_LOOK_HEIGHT * tallest
            if number == n_coarser and not (large & (logits >= sign)).any():
                break
            pixels = np.asarray(Image.fromarray(pixels).reduce(COARSER))
            scale_xy = scale_xy / np.float32(COARSER)
            finer = _with_heights(boxes, logits, 0, tallest)
            proposed = self._propose(pixels, scale_xy, min_logit)
            coarser = _with_heights(*proposed, tallest / 2, np.inf)
            boxes, logits = (np.concatenate(pair) for pair in zip(finer, coarser, strict=True))
        boxes = clip_boxes(boxes, width, height)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (logits >= wanted)
        boxes, raw = boxes[inside], sigmoid(logits[inside])
        kept = suppress_overlapping(boxes, raw)
        return boxes[kept], raw[kept]

    def _min_raw_score(self, min_score: float) -> float:
        """A raw score below which no proposal reaches `min_score`, so that it may be left out.

        Scores rise with raw scores: what is left out could have suppressed only what is, too.
        """
        raw, scores = self._ungated
        below = int(np.searchsorted(scores, min_score))
        return float(raw[max(below - 1, 0)])

    def _propose(
        self, pixels: npt.NDArray[np.uint8], scale_xy: npt.NDArray[np.float32], min_logit: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The boxes of all cells with at least a logit.

        Args:
            pixels: The photo as the network sees it, uint8 `(height, width, 3)`.
            scale_xy: Its pixels per pixel of the photo, across and down, float32 `(2,)`.
            min_logit: The logit.

        Returns:
            Boxes `(n, 4)`, pixels of the photo, and logits `(n,)`.
        """
        batch = padded(pixels, self._multiple)[None]
        maps: list[Any] = self._session.run(None, {self._input: batch})
        boxes, logits = decode(maps, self._strides, self._unit, min_logit)
        photo_pixels: npt.NDArray[np.float32] = np.tile(1 / scale_xy, 2)
        return boxes * photo_pixels, logits


def _strides(value: object) -> list[int]:
    if not isinstance(value, list) or not value or len(value) > 16:
        raise ValueError(f"`strides` must be a list of whole numbers; got {value!r}")
    if not all(type(stride) is int and 1 <= stride <= _LARGEST_MULTIPLE for stride in value):
        raise ValueError(f"`strides` must be whole numbers above 0; got {value!r}")
    return value


def _positive(metadata: Mapping[str, Any], name: str) -> float:
    number = finite(metadata, name)
    if not 0 < number < 1e6:
        raise ValueError(f"`{name}` must be positive; got {number}")
    return number


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
            facesmith. `refiner.onnx`, where the detector has one, and `landmarks.onnx`, where
            landmarks are asked for, are opened beside it.
        threads: CPU threads of one call. One is best for photos in a row; two do not help small
            nets reliably.

    Returns:
        A callable: `faces = detector(image_bgr)`, or `detector(image_bgr, landmarks=True)` for
        the five landmarks of each face too.

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
    if detector.calibration.refiner_weight:
        sums += checksum(path.with_name(REFINER_FILE))
    return sha256(sums.encode()).hexdigest()[:_NAME_DIGITS]
