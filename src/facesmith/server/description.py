"""What OpenAPI says of bodies and answers, with examples."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from facesmith._version import __version__
from facesmith.server.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_FACE = {
    "type": "object",
    "required": ["box", "score"],
    "properties": {
        "box": {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "description": "x_min, y_min, x_max, y_max, pixels of the upright photo.",
        },
        "score": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "The probability that it is a face.",
        },
        "landmarks": {
            "type": "array",
            "description": "x and y of the eye on the left of the photo, that on the right, the "
            "tip of the nose, and the corners of the mouth.",
            "items": {"type": "array", "items": {"type": "number"}},
        },
        "landmark_scores": {"type": "array", "items": {"type": "number"}},
    },
}
_PHOTO = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "faces": {"type": "array", "items": _FACE},
        "error": {"type": "string", "description": "Why it could not be read; of a form."},
    },
}
_EXAMPLE = {
    "file": "portrait.jpg",
    "width": 512,
    "height": 512,
    "faces": [{"box": [179.0, 63.2, 274.4, 188.5], "score": 0.9987}],
}
FACES: Responses = {
    200: {
        "description": "The faces, best score first.",
        "content": {
            "application/json": {
                "schema": {"oneOf": [_PHOTO, {"type": "array", "items": _PHOTO}]},
                "examples": {
                    "a photo": {"value": _EXAMPLE},
                    "a form": {"value": [_EXAMPLE, {"file": "b.jpg", "error": "b.jpg is empty."}]},
                },
            }
        },
    }
}
ZIP: Responses = {
    200: {
        "description": "The faces, and `faces.jsonl`: a line a photo.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
PHOTO_BACK: Responses = {
    200: {
        "description": "The photo, covered.",
        "headers": {
            "X-Facesmith-Covered": {
                "description": "How many boxes are covered.",
                "schema": {"type": "integer"},
            }
        },
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
MODEL: Responses = {
    200: {
        "description": "The weights, and what was measured at their thresholds on photos that no "
        "training saw.",
        "content": {
            "application/json": {
                "example": {
                    "facesmith": __version__,
                    "weights": {"detector.onnx": "9f86d081884c7d65..."},
                    "threshold": 0.8785,
                    "find_all_threshold": 0.0393,
                    "landmarks": True,
                    "precision": [
                        {
                            "score": 0.8785,
                            "precision": 0.9901,
                            "recall": 0.8916,
                            "false_per_photo": 0.0281,
                            "faces": 950,
                            "photos": 300,
                        }
                    ],
                }
            }
        },
    }
}
BOXES_FIELD = {
    "boxes": {
        "type": "string",
        "description": "Cover these and no others: JSON, a list of [x, y, width, height].",
        "example": "[[120, 80, 64, 72]]",
    }
}
_INTERFACE = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="face"/></RectangleLabels></View>'
)
SETUP_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["schema"],
                    "properties": {
                        "project": {"type": "string"},
                        "schema": {"type": "string", "description": "The labelling interface."},
                        "hostname": {"type": "string"},
                        "access_token": {"type": "string", "description": "Not used."},
                    },
                },
                "example": {"project": "1.1700000000", "schema": _INTERFACE},
            }
        },
    }
}
PREDICT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["tasks", "label_config"],
                    "properties": {
                        "tasks": {"type": "array", "items": {"type": "object"}},
                        "label_config": {"type": "string"},
                        "project": {"type": "string"},
                        "params": {"type": "object"},
                    },
                },
                "example": {
                    "tasks": [{"id": 7, "data": {"image": "/data/upload/1/9c1f2e3a-a.jpg"}}],
                    "label_config": _INTERFACE,
                    "project": "1.1700000000",
                    "params": {},
                },
            }
        },
    }
}
PREDICTED: Responses = {
    200: {
        "description": "A result for each task, in their order.",
        "content": {
            "application/json": {
                "example": {
                    "model_version": "facesmith-3f2a9c81d04e",
                    "results": [
                        {
                            "model_version": "facesmith-3f2a9c81d04e",
                            "score": 0.9993,
                            "result": [
                                {
                                    "id": "facesmith-7-1",
                                    "type": "rectanglelabels",
                                    "from_name": "label",
                                    "to_name": "image",
                                    "original_width": 512,
                                    "original_height": 512,
                                    "image_rotation": 0,
                                    "value": {
                                        "x": 35.0,
                                        "y": 13.1,
                                        "width": 17.5,
                                        "height": 19.8,
                                        "rotation": 0,
                                        "rectanglelabels": ["face"],
                                    },
                                    "score": 0.9993,
                                }
                            ],
                        }
                    ],
                }
            }
        },
    }
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def problems(*statuses: int) -> Responses:
    """Answers that are no success."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": _PROBLEM,
                    "example": {
                        "type": "urn:facesmith:problem:unreadable-photo",
                        "title": "Unreadable photo",
                        "status": 422,
                        "detail": "notes.txt is not an image that can be read. Expected JPEG, "
                        "PNG, WebP, TIFF, GIF, BMP, AVIF and JPEG 2000.",
                    },
                }
            },
        }
        for status in statuses
    }


def takes_photos(fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """A body that is a photo, or a form with files; and with further fields."""
    photo = {"schema": {"type": "string", "format": "binary"}}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
            **(fields or {}),
        },
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "image/jpeg": photo,
                "image/png": photo,
                "application/octet-stream": photo,
                "multipart/form-data": {"schema": form},
            },
        }
    }
