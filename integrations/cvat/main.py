"""facesmith as an automatic annotator of CVAT: a function for its serverless platform, Nuclio.

Source:
    CVAT's documentation, "Serverless tutorial": what a detector is sent and answers.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from facesmith.detection import DetectionConfig, PhotoSource, detect_photos, open_detector

LABEL = "face"


def init_context(context: Any) -> None:
    """Open the detector, once for each of Nuclio's workers."""
    context.user_data.detector = open_detector(os.environ.get("FACESMITH_MODEL"))


def handler(context: Any, event: Any) -> Any:
    """Find the faces in one photo.

    The event's body has `image`, base64, and may have `threshold`, the lowest score; without it
    that of the weights counts.
    """
    body = event.body if isinstance(event.body, dict) else json.loads(event.body)
    threshold = body.get("threshold")
    config = DetectionConfig(None if threshold is None else float(threshold))
    photo = PhotoSource("the photo", base64.b64decode(body["image"]))
    (found,) = detect_photos(context.user_data.detector, [photo], config)
    if found.error is not None:
        context.logger.error(found.error)
        return _answer(context, {"error": found.error}, 422)
    boxes = [
        {
            "confidence": str(round(score, 4)),
            "label": LABEL,
            "points": [round(edge, 1) for edge in box],
            "type": "rectangle",
        }
        for box, score in zip(found.faces.boxes.tolist(), found.faces.scores.tolist(), strict=True)
    ]
    return _answer(context, boxes, 200)


def _answer(context: Any, content: Any, status: int) -> Any:
    return context.Response(
        body=json.dumps(content), headers={}, content_type="application/json", status_code=status
    )
