"""Finding faces: a photo in, `Faces` out. Needs the base install only.

`load_detector` gives a detector for one image, `open_detector` either that or a patch classifier
that slides over the image; `detect_photos` takes many photos, and `facesmith.detection.processes`
shares them out to several processes. Nothing here imports what lies above: no training, no
evaluation, no command.
"""

from facesmith.detection.detector import Detector, load_detector
from facesmith.detection.landmarks import LandmarkFinder
from facesmith.detection.opening import open_detector
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.photos import DetectionConfig, PhotoFaces, PhotoSource, detect_photos
from facesmith.detection.window_plan import WindowConfig
from facesmith.detection.windows import SlidingClassifier

__all__ = [
    "DetectionConfig",
    "Detector",
    "LandmarkFinder",
    "PhotoDetector",
    "PhotoFaces",
    "PhotoSource",
    "SlidingClassifier",
    "WindowConfig",
    "detect_photos",
    "load_detector",
    "open_detector",
]
