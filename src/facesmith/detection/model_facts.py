"""What the weights say of themselves: their sums, their thresholds and what those mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, shipped_weights
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.windows import CLASSIFIER_FILE
from facesmith.files import checksum


def model_facts(detector: PhotoDetector, model: Path | None) -> dict[str, Any]:
    """Version, thresholds and measured precision of the weights, ready for JSON.

    `precision` lists what was measured on photos that no training saw, at the thresholds that the
    weights store; `None` where they store none. Between them scores tell: they are calibrated, so
    that of 100 boxes with a score of 0.7 about 70 are faces.
    """
    points = [
        point
        for name in ("find_all", "operating_point")
        if (point := _measured(detector.metadata.get(name))) is not None
    ]
    return {
        "facesmith": __version__,
        "weights": {path.name: checksum(path) for path in _files(model)},
        "threshold": detector.min_score,
        "find_all_threshold": detector.find_all_score,
        "landmarks": detector.has_landmarks,
        "precision": points or None,
    }


def _files(model: Path | None) -> list[Path]:
    path = shipped_weights() if model is None else model
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        names = [PROPOSALS_FILE, CLASSIFIER_FILE]
        path = next((folder / name for name in names if (folder / name).is_file()), folder)
    if path.name == CLASSIFIER_FILE:
        return [path]
    others = [folder / name for name in (REFINER_FILE, LANDMARKS_FILE)]
    return [path, *(each for each in others if each.is_file())]


def _measured(stored: Any) -> dict[str, float | int] | None:
    """One threshold of a weights file as counts say it.

    From the share of faces found and either target, precision or false boxes a photo, follows the
    other.
    """
    try:
        n_faces, n_photos = stored["n_faces"], stored["n_groups"]
        recall, reached = float(stored["tpr"]), float(stored["reached"])
        found = recall * n_faces
        if stored["target"] == "precision":
            false = found / reached - found
        elif stored["target"] == "false_per_photo":
            false = reached * n_photos
        else:
            return None
        return {
            "score": float(stored["threshold"]),
            "precision": round(found / (found + false), 4),
            "recall": round(recall, 4),
            "false_per_photo": round(false / n_photos, 4),
            "faces": int(n_faces),
            "photos": int(n_photos),
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
