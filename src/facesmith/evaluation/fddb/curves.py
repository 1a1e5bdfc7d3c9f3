"""FDDB's two ROC curves: pooling over images, points of them, official files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.fddb.detections import FddbDetections
from facesmith.evaluation.fddb.folds import Fold
from facesmith.evaluation.fddb.matching import Matching
from facesmith.evaluation.fddb.polygons import ellipse_spans
from facesmith.evaluation.fddb.spans import Spans, each, rectangle_spans, shared_pixels, starts_of
from facesmith.files import write_bytes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# False positives at which the figures are usually quoted, over all ten folds.
FALSE_POSITIVES = (100, 250, 500, 1000, 2000)
# The same for a single fold, a tenth of the images.
FOLD_FALSE_POSITIVES = (10, 25, 50, 100, 200)
DISCRETE_NAME = "DiscROC.txt"
CONTINUOUS_NAME = "ContROC.txt"
# The threshold that the official tool gives to an image without detections: above every score.
NO_DETECTION = sys.float_info.max
_CHUNK = 4096  # detections drawn at once


@dataclass(frozen=True)
class CurvePoint:
    """The curves at a number of false positives."""

    false_positives: int  # the number that was asked for
    reached: int  # the false positives at this point, at most as many as asked for
    n_found: int  # faces found, with an overlap above one half
    discrete_tpr: float  # these by all faces
    continuous_tpr: float  # the highest continuous TPR within so many false positives
    threshold: float | None  # score of this point; `None` above every score: nothing is found
    beyond_end: bool  # whether the curve ends before so many false positives


@dataclass(frozen=True, eq=False)
class FddbCurves:
    """Both curves, one point a distinct score, thresholds rising as in the official files."""

    # Float64 `(n,)`; where an image has no detection, the official tool adds a last point above
    # every score, with nothing found.
    thresholds: FloatArray
    n_found: IntArray  # faces found at each, with an overlap above one half, int64 `(n,)`
    overlaps: FloatArray  # sum of the overlaps of all matched pairs, float64 `(n,)`
    false_positives: IntArray  # detections that found no face, for both curves, int64 `(n,)`
    n_faces: int  # all annotated faces
    n_images: int  # all images
    n_detections: int  # all detections

    @property
    def discrete_tpr(self) -> FloatArray:
        """Faces found by all faces, float64 `(n,)`."""
        return self.n_found / self.n_faces

    @property
    def continuous_tpr(self) -> FloatArray:
        """Sum of the overlaps by all faces, float64 `(n,)`."""
        return self.overlaps / self.n_faces

    def at(self, false_positives: int) -> CurvePoint:
        """The best within a number of false positives."""
        within = np.flatnonzero(self.false_positives <= false_positives)
        beyond_end = int(self.false_positives.max(initial=0)) < false_positives
        if not len(within):
            return CurvePoint(false_positives, 0, 0, 0.0, 0.0, None, beyond_end)
        # Of equally many found, the fewest false positives, then the highest threshold.
        best = max(within, key=lambda i: (self.n_found[i], -self.false_positives[i], i))
        threshold = float(self.thresholds[best])
        found, reached = int(self.n_found[best]), int(self.false_positives[best])
        tprs = float(self.discrete_tpr[best]), float(self.continuous_tpr[within].max())
        score = None if threshold == NO_DETECTION else threshold
        return CurvePoint(false_positives, reached, found, *tprs, score, beyond_end)

    def to_dict(self, false_positives: Sequence[int] = FALSE_POSITIVES) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "n_images": self.n_images,
            "n_faces": self.n_faces,
            "n_detections": self.n_detections,
            "points": [vars(self.at(number)).copy() for number in false_positives],
        }

    def write(self, folder: str | Path, prefix: str = "") -> tuple[Path, Path]:
        """Write `DiscROC.txt` and `ContROC.txt` as the official tool does.

        Six significant digits, thresholds rising. Lines end in carriage return and line feed, as in
        the published curves of others. `prefix` is put before both names.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        false = self.false_positives
        discrete = zip(self.discrete_tpr, false, self.thresholds, strict=True)
        continuous = zip(self.continuous_tpr, false, strict=True)
        paths = folder / f"{prefix}{DISCRETE_NAME}", folder / f"{prefix}{CONTINUOUS_NAME}"
        write_bytes(paths[0], "".join(f"{a:.6g} {n} {b:.6g}\r\n" for a, n, b in discrete).encode())
        write_bytes(paths[1], "".join(f"{a:.6g} {n}\r\n" for a, n in continuous).encode())
        return paths


@dataclass(frozen=True, eq=False)
class ScoredImages:
    """What each detection changes, of all images in the order of the folds."""

    fold: IntArray  # number of the fold, int64 `(n,)` for n detections
    scores: FloatArray  # float64 `(n,)`; falling within an image
    found: IntArray  # faces found more, or fewer, with this detection than without, int64 `(n,)`
    overlaps: FloatArray  # the change of the sum of overlaps, float64 `(n,)`


def score_images(
    folds: Sequence[Fold], detections: FddbDetections, sizes_wh: IntArray
) -> ScoredImages:
    """Match the detections of every image with its faces.

    `sizes_wh` holds width and height of the images in the order of the folds, `(n, 2)`.
    """
    names = [name for fold in folds for name in fold.names]
    faces = [ellipses for fold in folds for ellipses in fold.ellipses]
    face_image = np.repeat(np.arange(len(names)), [len(rows) for rows in faces])
    face_spans = ellipse_spans(
        np.concatenate([*faces, np.zeros((0, 5))]), sizes_wh[face_image].reshape(-1, 2)
    )
    n_columns = 5 if detections.shape == "ellipse" else 4
    tables = [detections.regions[name] for name in names]
    regions = np.concatenate([*tables, np.zeros((0, n_columns))])
    counts = np.array([len(detections.scores[name]) for name in names], np.int64)
    image = np.repeat(np.arange(len(names)), counts)
    touched = _overlaps(face_spans, face_image, regions, image, sizes_wh)
    scores = np.concatenate([*(detections.scores[name] for name in names), np.zeros(0)])
    order = np.lexsort((np.arange(len(scores)), -scores, image))
    found, overlaps = np.zeros(len(scores), np.int64), np.zeros(len(scores))
    matching, matched_image = Matching(), -1
    images = image.tolist()
    for place, detection in enumerate(order.tolist()):
        if images[detection] != matched_image:
            matching, matched_image = Matching(), images[detection]
        faces_touched = touched.get(detection)
        if faces_touched:
            n_before, total_before = matching.n_matched, matching.total
            matching.add(detection, faces_touched)
            found[place] = matching.n_matched - n_before
            overlaps[place] = matching.total - total_before
    fold_of_image = np.array([fold.number for fold in folds for _ in fold.names], np.int64)
    return ScoredImages(fold_of_image[image[order]], scores[order], found, overlaps)


def pool(scored: ScoredImages, folds: Sequence[Fold], detections: FddbDetections) -> FddbCurves:
    """The curves over the images of some of the folds that were scored, together.

    Among `detections` images without any are found.
    """
    counts = np.isin(scored.fold, [fold.number for fold in folds])
    scores, found, overlaps = scored.scores[counts], scored.found[counts], scored.overlaps[counts]
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    # Detections of equal score enter together: the last of each run of equals has them all.
    last = np.append(np.diff(scores) != 0, True)[: len(scores)]
    n_found = np.cumsum(found[order])[last]
    totals = np.cumsum(overlaps[order])[last]
    n_detections = np.flatnonzero(last) + 1
    thresholds = scores[last]
    names = [name for fold in folds for name in fold.names]
    no_detection = any(not len(detections.scores[name]) for name in names)
    if no_detection and (not len(thresholds) or thresholds[0] < NO_DETECTION):
        thresholds = np.append(NO_DETECTION, thresholds)
        n_found, n_detections = np.append(0, n_found), np.append(0, n_detections)
        totals = np.append(0.0, totals)
    return FddbCurves(
        thresholds=thresholds[::-1],
        n_found=n_found[::-1].astype(np.int64),
        overlaps=totals[::-1],
        false_positives=(n_detections - n_found)[::-1].astype(np.int64),
        n_faces=sum(fold.n_faces for fold in folds),
        n_images=len(names),
        n_detections=int(counts.sum()),
    )


def _overlaps(
    faces: Spans, face_image: IntArray, regions: FloatArray, image: IntArray, sizes_wh: IntArray
) -> dict[int, dict[int, float]]:
    """Intersection over union of every detection with the faces that it touches."""
    n_faces = np.bincount(face_image, minlength=len(sizes_wh))
    first_face = starts_of(n_faces)[:-1]
    face_areas, face_bounds = faces.areas, faces.bounds()
    draw = ellipse_spans if regions.shape[1] == 5 else rectangle_spans
    touched: dict[int, dict[int, float]] = {}
    for start in range(0, len(regions), _CHUNK):
        part = slice(start, start + _CHUNK)
        spans = draw(regions[part], sizes_wh[image[part]])
        areas, bounds = spans.areas, spans.bounds()
        mine, within = each(n_faces[image[part]])
        face = first_face[image[part]][mine] + within
        low = np.maximum(bounds[mine, :2], face_bounds[face, :2])
        high = np.minimum(bounds[mine, 2:], face_bounds[face, 2:])
        near = (low <= high).all(axis=1)
        pairs = np.stack([face[near], mine[near]], axis=1)
        shared = shared_pixels(faces, spans, pairs)
        pairs, shared = pairs[shared > 0], shared[shared > 0]
        union = face_areas[pairs[:, 0]] + areas[pairs[:, 1]] - shared
        for (which, detection), iou in zip(pairs.tolist(), (shared / union).tolist(), strict=True):
            touched.setdefault(start + detection, {})[which] = iou
    return touched
