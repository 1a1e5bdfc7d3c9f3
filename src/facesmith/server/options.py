"""The options of requests, which stand in their query and are called as those of the command."""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal

from fastapi import Query
from PIL import ImageColor
from pydantic import BaseModel, ConfigDict, Field, field_validator

from facesmith.anonymisation import CoverConfig
from facesmith.detection import DetectionConfig, PhotoDetector
from facesmith.detection.rotations import read_rotations
from facesmith.images import MAX_MEMORY
from facesmith.server.problems import wrong_request

_LARGEST_FACE = 100_000.0  # pixels: no photo is as large
_LARGEST_MARGIN = 10.0


class DetectOptions(BaseModel):
    """How faces are found."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, description="Of the photo, where the body is one.")
    min_score: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="Lowest score; else that of the weights."
    )
    find_all: bool = Field(default=False, description="Miss fewer faces, at one false box a photo.")
    min_face: float | None = Field(
        None,
        gt=0,
        le=_LARGEST_FACE,
        allow_inf_nan=False,
        description="Height of the smallest face, pixels; larger is faster.",
    )
    rotations: str = Field(
        "0",
        description="Turn each photo by these: 0,180 finds faces upside down too.",
        examples=["0,90,180,270"],
    )

    @field_validator("rotations")
    @classmethod
    def _known(cls, value: str) -> str:
        read_rotations(value)
        return value

    def config(
        self, detector: PhotoDetector, max_memory: int = MAX_MEMORY, *, landmarks: bool = False
    ) -> DetectionConfig:
        """What the detector takes.

        Raises:
            Problem: If the options do not go together, or not with the weights.
        """
        min_score = self.min_score
        if self.find_all:
            if min_score is not None:
                raise wrong_request("find_all and min_score exclude each other. Leave one out.")
            min_score = detector.find_all_score
            if min_score is None:
                raise wrong_request(
                    "These weights store no score for find_all. Give one, such as min_score=0.1."
                )
        if landmarks and not detector.has_landmarks:
            raise wrong_request("These weights find no landmarks. Ask for none.")
        rotations = read_rotations(self.rotations)
        return DetectionConfig(
            min_score, self.min_face, None, rotations, max_memory, landmarks=landmarks
        )


class LandmarkOptions(DetectOptions):
    """How faces are found and described."""

    landmarks: bool = Field(default=False, description="Find five points of each face, too.")


class CropOptions(DetectOptions):
    """How faces are found and cut out."""

    crop_margin: float = Field(
        0.2, ge=0, le=_LARGEST_MARGIN, allow_inf_nan=False, description="Room, in box sides."
    )


class AlignOptions(DetectOptions):
    """How faces are found and cut out upright."""

    size: int = Field(112, ge=1, le=4096, description="Side of each, pixels.")


class CoverOptions(DetectOptions):
    """How faces are found and covered."""

    fill: Literal["solid", "mosaic", "blur"] = Field(
        "solid", description="Of the cover; a blur can be undone."
    )
    colour: str = Field("black", description="Of solid.", examples=["#1e90ff"])
    shape: Literal["box", "ellipse"] = Field("box", description="Of the cover.")
    margin: float = Field(
        0.2, ge=0, le=2, allow_inf_nan=False, description="Of the face, added on each side."
    )
    keep_metadata: bool = Field(
        default=False, description="Keep time, camera and author; no places."
    )
    boxes: str | None = Field(
        None,
        description="Cover these and no others: a JSON list of [x, y, width, height], pixels of "
        "the upright photo. It may be a field of the form instead.",
        examples=["[[120, 80, 64, 72]]"],
    )

    def cover(self) -> CoverConfig:
        """How faces are covered.

        Raises:
            Problem: If there is no such colour.
        """
        try:
            red, green, blue, *_ = ImageColor.getrgb(self.colour)
        except ValueError:
            raise wrong_request(
                f"`colour`: {self.colour[:50]!r} is no colour; pass one as black or '#1e90ff'."
            ) from None
        return CoverConfig(self.fill, self.shape, self.margin, (red, green, blue))


def boxes_of(text: str) -> list[list[float]]:
    """Boxes as the detector has them, `[x_min, y_min, x_max, y_max]`, from `[[x, y, w, h], ...]`.

    Raises:
        Problem: If it is no such list.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    good = isinstance(given, list) and all(
        isinstance(box, list)
        and len(box) == 4
        and all(type(n) in (int, float) and math.isfinite(n) and abs(n) < 1e6 for n in box)
        and box[2] > 0
        and box[3] > 0
        for box in given
    )
    if not good:
        raise wrong_request(
            f"`boxes`: got {text[:100]!r}; expected a JSON list of [x, y, width, height], "
            "pixels, each with an area."
        )
    return [[x, y, x + width, y + height] for x, y, width, height in given]


DetectQuery = Annotated[LandmarkOptions, Query()]
CropQuery = Annotated[CropOptions, Query()]
AlignQuery = Annotated[AlignOptions, Query()]
CoverQuery = Annotated[CoverOptions, Query()]
