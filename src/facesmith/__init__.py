"""Forge your own face detector, and fit small neural nets to tables of points.

Importing this package loads nothing heavy: each name below is imported when it is first used.

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
    from facesmith.anonymisation import CoverConfig as CoverConfig
    from facesmith.anonymisation import anonymise as anonymise
    from facesmith.approximation import FunctionApproximator as FunctionApproximator
    from facesmith.detection.detector import Detector as Detector
    from facesmith.detection.detector import load_detector as load_detector
    from facesmith.detection.opening import open_detector as open_detector
    from facesmith.detection.windows import SlidingClassifier as SlidingClassifier
    from facesmith.faces import Faces as Faces
    from facesmith.images import read_image as read_image
    from facesmith.pictures.alignment import align_faces as align_faces

_HOMES = {
    "CoverConfig": "facesmith.anonymisation",
    "Detector": "facesmith.detection.detector",
    "Faces": "facesmith.faces",
    "FunctionApproximator": "facesmith.approximation",
    "SlidingClassifier": "facesmith.detection.windows",
    "align_faces": "facesmith.pictures.alignment",
    "anonymise": "facesmith.anonymisation",
    "load_detector": "facesmith.detection.detector",
    "open_detector": "facesmith.detection.opening",
    "read_image": "facesmith.images",
}

__all__ = [
    "CoverConfig",
    "Detector",
    "Faces",
    "FunctionApproximator",
    "SlidingClassifier",
    "__version__",
    "align_faces",
    "anonymise",
    "load_detector",
    "open_detector",
    "read_image",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        with missing_packages_named():
            return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'facesmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
