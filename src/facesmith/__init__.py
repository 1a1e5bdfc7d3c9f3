"""Forge your own face detector, and fit small neural nets to tables of points.

The names in `__all__` are the public interface, described in docs/python.md; modules below this
one are open to read, and may change with any version. Importing the package loads nothing heavy:
each name is imported when it is first used.

Example:
    >>> import facesmith
    >>> facesmith.Faces.empty().boxes
    array([], shape=(0, 4), dtype=float32)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facesmith._version import __version__
from facesmith.errors import missing_packages_named

if TYPE_CHECKING:
    from facesmith.annotations import load_annotations as load_annotations
    from facesmith.anonymisation import CoverConfig as CoverConfig
    from facesmith.anonymisation import anonymise as anonymise
    from facesmith.approximation import FunctionApproximator as FunctionApproximator
    from facesmith.detection.detector import Detector as Detector
    from facesmith.detection.detector import load_detector as load_detector
    from facesmith.detection.detector import shipped_weights as shipped_weights
    from facesmith.detection.opening import open_detector as open_detector
    from facesmith.detection.photos import DetectionConfig as DetectionConfig
    from facesmith.detection.photos import detect_photos as detect_photos
    from facesmith.detection.windows import SlidingClassifier as SlidingClassifier
    from facesmith.evaluation.coco import evaluate as evaluate
    from facesmith.faces import Faces as Faces
    from facesmith.images import read_image as read_image
    from facesmith.images import write_image as write_image
    from facesmith.pictures.alignment import align_faces as align_faces
    from facesmith.training.detector import train_detector as train_detector
    from facesmith.training.detector_config import DetectorConfig as DetectorConfig

_HOMES = {
    "CoverConfig": "facesmith.anonymisation",
    "DetectionConfig": "facesmith.detection.photos",
    "Detector": "facesmith.detection.detector",
    "DetectorConfig": "facesmith.training.detector_config",
    "Faces": "facesmith.faces",
    "FunctionApproximator": "facesmith.approximation",
    "SlidingClassifier": "facesmith.detection.windows",
    "align_faces": "facesmith.pictures.alignment",
    "anonymise": "facesmith.anonymisation",
    "detect_photos": "facesmith.detection.photos",
    "evaluate": "facesmith.evaluation.coco",
    "load_annotations": "facesmith.annotations",
    "load_detector": "facesmith.detection.detector",
    "open_detector": "facesmith.detection.opening",
    "read_image": "facesmith.images",
    "shipped_weights": "facesmith.detection.detector",
    "train_detector": "facesmith.training.detector",
    "write_image": "facesmith.images",
}

__all__ = [
    "CoverConfig",
    "DetectionConfig",
    "Detector",
    "DetectorConfig",
    "Faces",
    "FunctionApproximator",
    "SlidingClassifier",
    "__version__",
    "align_faces",
    "anonymise",
    "detect_photos",
    "evaluate",
    "load_annotations",
    "load_detector",
    "open_detector",
    "read_image",
    "shipped_weights",
    "train_detector",
    "write_image",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        with missing_packages_named():
            return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'facesmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
