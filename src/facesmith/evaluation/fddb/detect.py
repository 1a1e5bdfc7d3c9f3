"""Our detector's detections of FDDB's images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from facesmith.detection.detector import Detector
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.errors import AnnotationError, ImageError
from facesmith.evaluation.fddb.detections import FddbDetections
from facesmith.evaluation.fddb.folds import Fold
from facesmith.evaluation.fddb.sizes import find_image

# Far below any useful threshold: the curves show what the detector could still find.
MIN_SCORE = 0.01


def detect_fddb(
    detector: Detector,
    folds: Sequence[Fold],
    images_dir: str | Path,
    *,
    progress: Callable[[], object] | None = None,
) -> FddbDetections:
    """Find the faces in the images of some folds, `images_dir` being where their names start from.

    Raises:
        AnnotationError: If an image is missing.
        ImageError: If one cannot be read: an evaluation leaves none out.
    """
    sources = []
    for fold in folds:
        for name in fold.names:
            path = find_image(name, images_dir)
            if path is None:
                raise AnnotationError(
                    f"The image {name} of fold {fold.number} is missing: there is no file "
                    f"{Path(images_dir) / name}.jpg."
                )
            sources.append(PhotoSource(name, path))
    regions, scores = {}, {}
    for found in detect_photos(detector, sources, DetectionConfig(MIN_SCORE)):
        if found.error is not None:
            raise ImageError(found.error)
        corners = found.faces.boxes.astype(np.float64)
        name = found.source.name
        regions[name] = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        scores[name] = found.faces.scores.astype(np.float64)
        if progress is not None:
            progress()
    return FddbDetections("rectangle", regions, scores)
