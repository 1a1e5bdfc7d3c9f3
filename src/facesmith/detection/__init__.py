"""Finding faces: a photo in, `Faces` out. Needs the base install only.

`load_detector` gives a detector for one image; `detect_photos` takes many photos, and
`facesmith.detection.processes` shares them out to several processes. Nothing here imports what
lies above: no training, no evaluation, no command.
"""

from facesmith.detection.detector import Detector, load_detector
from facesmith.detection.photos import DetectionConfig, PhotoFaces, PhotoSource, detect_photos

__all__ = [
    "DetectionConfig",
    "Detector",
    "PhotoFaces",
    "PhotoSource",
    "detect_photos",
    "load_detector",
]
