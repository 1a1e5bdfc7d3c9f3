"""A patch classifier over a whole photo: 64x64 windows at many places and scales, hits merged.

It is called like the detector and gives the same `Faces`. The photo is brought to each scale once,
cut into windows there, and these are scored in batches. Only `pointwise` sees a whole scale at
once, see there: 3x3 convolutions meet zeros beyond the border of a patch, and would meet the photo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from facesmith.boxes import clip_boxes, suppress
from facesmith.detection.classifier import BATCH_SIZE, Classifier
from facesmith.detection.patches import CONTEXT, PATCH_SIZE
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.pointwise import open_pointwise
from facesmith.detection.pyramid import ScalePlan
from facesmith.detection.resizing import scaled
from facesmith.detection.suppression import same_face
from facesmith.detection.window_plan import WindowConfig, WindowPlan, WindowPyramid
from facesmith.errors import WeightsError
from facesmith.faces import Faces

Float32Array = npt.NDArray[np.float32]
Image3 = npt.NDArray[np.uint8]

CLASSIFIER_FILE = "classifier.onnx"  # of a run folder
# Thresholds where none was chosen for the classifier. That of patches, 0.5, is one for one window;
# a photo has thousands. Chosen for about one false box a photo, on photos of the training set which
# no patch came from: `compact` puts 0.6 into each of 18, `pointwise` 1.2 into each of 36.
# `pointwise` learns labels of 0 and 1, so that its scores come closer to 1; the others learn 0.95.
MIN_SCORE = 0.95
MIN_SCORES = {"pointwise": 0.99}  # by network
# Windows leave the photo by so many pixels: faces touch its border. The outermost pixels are
# repeated there, as where the patches of the training were cut.
MARGIN = PATCH_SIZE // 4
# Windows this far apart are scored first, those between afterwards, beside one of at least this
# score: at a stride of 8 all 163 boxes of 20 photos of the training set stayed as they were.
COARSE_STRIDE = 16  # pixels
PROMISING = 0.5
# Hits of a photo that are merged, the best ones: there are more only at scores that nobody uses.
MOST_HITS = 10_000

# Of a window, pixels around the face in it.
_INSET = PATCH_SIZE * (1 - 1 / (1 + CONTEXT)) / 2


class SlidingClassifier(PhotoDetector):
    """Finds the faces in a photo with a patch classifier. Safe to call from several threads.

    Its own `min_score` is the threshold that was chosen for the classifier (`facesmith train
    --target-fpr`, `facesmith roc`), or where none was, 0.95, of `pointwise` 0.99. The smallest
    faces that it looks for where a call does not say are of 24 pixels, or of 1/32 of the longer
    side if that is more. An image that is smaller than a window is padded with its border pixels.
    """

    spare_size = 1.0
    find_all_score = None

    def __init__(
        self, path: str | Path, threads: int = 1, config: WindowConfig | None = None
    ) -> None:
        path = Path(path)
        if path.is_dir():
            path = path / CLASSIFIER_FILE
        self._path, self._threads = path.absolute(), threads
        self._config = config or WindowConfig()
        self._classifier = Classifier(path, threads)
        size_wh = self._classifier.preprocessing.size_wh
        if size_wh not in (None, (PATCH_SIZE, PATCH_SIZE)):
            raise WeightsError(
                f"{path} holds a classifier of patches of {size_wh[0]}x{size_wh[1]} pixels; "
                f"expected {PATCH_SIZE}x{PATCH_SIZE}. Train one with `facesmith train`."
            )
        self._whole = open_pointwise(path, self._classifier)
        self.metadata = self._classifier.metadata
        chosen = "operating_point" in self.metadata  # else its threshold is for patches, not photos
        network = str(self.metadata.get("network"))
        usual = MIN_SCORES.get(network, MIN_SCORE)
        self.min_score = self._classifier.threshold if chosen else usual
        self.pyramid = WindowPyramid(config=self._config)

    def __reduce__(self) -> tuple[type[SlidingClassifier], tuple[Path, int, WindowConfig]]:
        """Pickles as the path of its file, which is opened anew: in a process pool, for one."""
        return type(self), (self._path, self._threads, self._config)

    def _look(self, image: Image3, plan: ScalePlan, min_score: float) -> Faces:
        boxes, scores = self.windows(image, plan)
        hits = scores >= min_score
        faces = merged_windows(boxes[hits], scores[hits])
        inside = clip_boxes(faces.boxes, plan.width, plan.height)
        area = (inside[:, 2:] > inside[:, :2]).all(axis=1)
        return Faces(inside[area], faces.scores[area])

    def windows(self, image: Image3, plan: ScalePlan) -> tuple[Float32Array, Float32Array]:
        """The windows of one image that were scored, before they are merged.

        Returns:
            The box of the face that each window would show, float32 `(n, 4)`, pixels of `image`,
            which it may leave; scores, float32 `(n,)`. The finest scale comes first.
        """
        n_scales = plan.n_scales if isinstance(plan, WindowPlan) else 1
        finest, finest_xy = scaled(image, plan.scale)
        boxes, scores = [], []
        for number in range(n_scales):
            pixels, scale_xy = scaled(finest, self._config.scale_step**-number)
            corners, found = self._score_scale(pixels)
            inner = np.concatenate([corners + _INSET, corners + (PATCH_SIZE - _INSET)], axis=1)
            boxes.append((inner / np.tile(scale_xy * finest_xy, 2)).astype(np.float32))
            scores.append(found)
        return np.concatenate(boxes), np.concatenate(scores)

    def _score_scale(self, pixels: Image3) -> tuple[npt.NDArray[np.intp], Float32Array]:
        """The windows of one scale: upper left corners `(n, 2)` in its pixels, x first; scores."""
        stride = self._config.stride
        around = padded_for_windows(pixels, stride)
        if self._whole is not None and self._whole.fits(stride):
            scores = self._whole(around, stride)
            rows, columns = (axis.ravel() for axis in np.indices(scores.shape))
            return np.stack([columns, rows], axis=1) * stride - MARGIN, scores.ravel()
        # Channels lie side by side: whole lines of a window are copied, not single pixels.
        lines = around.reshape(len(around), -1)
        every = sliding_window_view(lines, (PATCH_SIZE, PATCH_SIZE * 3))[::stride, :: stride * 3]
        scores = np.full(every.shape[:2], np.nan, np.float32)
        wanted = np.zeros(scores.shape, bool)
        coarse = max(COARSE_STRIDE // stride, 1)
        wanted[::coarse, ::coarse] = True
        self._score(every, wanted, scores)
        promising = np.nan_to_num(scores) >= min(PROMISING, self.min_score)
        self._score(every, _beside(promising, coarse - 1) & ~wanted, scores)
        rows, columns = np.nonzero(~np.isnan(scores))
        return np.stack([columns, rows], axis=1) * stride - MARGIN, scores[rows, columns]

    def _score(self, every: Image3, wanted: npt.NDArray[np.bool_], scores: Float32Array) -> None:
        """Score the wanted windows into their places of `scores`, in batches.

        Args:
            every: All windows, uint8 `(rows, columns, 64, 192)`, a view.
            wanted: bool `(rows, columns)`.
            scores: float32 `(rows, columns)`, written to.
        """
        rows, columns = np.nonzero(wanted)
        for start in range(0, len(rows), BATCH_SIZE):
            batch = rows[start : start + BATCH_SIZE], columns[start : start + BATCH_SIZE]
            patches = every[batch].reshape(-1, PATCH_SIZE, PATCH_SIZE, 3)
            scores[batch] = self._classifier(patches)


def padded_for_windows(pixels: Image3, stride: int) -> Image3:
    """The image with its border pixels repeated around it, so that windows cover all of it.

    Args:
        pixels: uint8 `(height, width, 3)`.
        stride: Pixels between windows.

    Returns:
        uint8; `MARGIN` pixels more on the left and at the top, at least as many on the right and
        at the bottom; at least as large as a window.
    """
    sides = []
    for side in pixels.shape[:2]:
        n_strides = -(-max(side + 2 * MARGIN - PATCH_SIZE, 0) // stride)
        sides.append((MARGIN, n_strides * stride + PATCH_SIZE - MARGIN - side))
    return np.pad(pixels, [*sides, (0, 0)], mode="edge")


def merged_windows(boxes: Float32Array, scores: Float32Array) -> Faces:
    """Each face once: a box goes if one with a higher score is of the same face, see `same_face`.

    To ask for several windows that agree, or to average their boxes, was tried: with as many faces
    found there are as many false boxes, see `docs/detect.md`.

    Args:
        boxes: float32 `(n, 4)`.
        scores: float32 `(n,)`, in [0, 1]. Of equal ones the earlier comes first.

    Returns:
        The faces, best score first.
    """
    best = np.argsort(-scores, kind="stable")[:MOST_HITS]
    boxes, scores = boxes[best], scores[best]
    kept = suppress(np.arange(len(boxes)), lambda a, b: same_face(boxes[a], boxes[b]))
    return Faces(boxes[kept], scores[kept])


def _beside(chosen: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """Those chosen and up to `reach` around each, across, down and aslant, of the same shape."""
    side = 2 * reach + 1
    return np.asarray(sliding_window_view(np.pad(chosen, reach), (side, side)).any(axis=(2, 3)))
