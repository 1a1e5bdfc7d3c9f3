"""What is said of a photo as JSON: by `facesmith detect --json`, and by the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facesmith.detection.photos import PhotoFaces
from facesmith.faces import Faces


def photo_as_dict(found: PhotoFaces, aligned: Sequence[str] = ()) -> dict[str, Any]:
    """The photo's name and size, and its faces; or its name and error.

    Args:
        found: The photo.
        aligned: The files of the aligned faces, if they are written.
    """
    if found.error is not None:
        return {"file": found.source.name, "error": found.error}
    faces = [face_as_dict(face) for face in found.faces]
    if aligned:
        for face, path in zip(faces, aligned, strict=True):
            face["aligned"] = path
    return {
        "file": found.source.name,
        "width": found.width,
        "height": found.height,
        "faces": faces,
    }


def face_as_dict(face: Faces) -> dict[str, Any]:
    """The one face in `face`: edges to a tenth of a pixel, scores to four digits."""
    (box,), (score,) = face.boxes.astype(float).tolist(), face.scores.astype(float).tolist()
    values: dict[str, Any] = {"box": [round(edge, 1) for edge in box], "score": round(score, 4)}
    if face.landmarks is not None:
        (points,) = face.landmarks.astype(float).tolist()
        values["landmarks"] = [[round(x, 1), round(y, 1)] for x, y in points]
    if face.landmark_scores is not None:
        (scores,) = face.landmark_scores.astype(float).tolist()
        values["landmark_scores"] = [round(each, 4) for each in scores]
    return values
