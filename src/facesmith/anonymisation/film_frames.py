"""One frame of a film with its faces covered, as little of it converted as can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.covering import Paint, cover
from facesmith.anonymisation.placing import stored_boxes
from facesmith.video import VideoFrame
from facesmith.video.libav import import_av

_FULL_RANGE = 2  # FFmpeg's number of 0..255
_BT709 = 1


@dataclass(frozen=True, eq=False)
class FrameCover:
    """Covers faces in frames.

    Attributes:
        config: How.
    """

    config: CoverConfig

    def __call__(
        self, frame: VideoFrame, boxes: npt.NDArray[np.floating]
    ) -> tuple[VideoFrame, npt.NDArray[np.uint8] | None]:
        """The frame for `VideoWriter.write`: with other raw pixels, or with an image to show.

        Args:
            frame: As it was decoded; not modified.
            boxes: `(n, 4)`, pixels of the upright frame.
        """
        if not len(boxes):
            return frame, None
        raw = frame.raw
        if raw.format.name != "yuv420p" or raw.width % 2 or raw.height % 2:
            image = frame.image().copy()
            cover(image, boxes, self.config, Paint(self.config.colour[::-1], self.config.picture))
            return frame, image
        return replace(frame, raw=self._planes(frame, boxes)), None

    def _planes(self, frame: VideoFrame, boxes: npt.NDArray[np.floating]) -> Any:
        """The frame with its planes covered: what is not covered is not converted at all."""
        raw: Any = frame.raw
        placed = stored_boxes(boxes, frame.orientation, frame.size_wh)
        width, height = raw.width, raw.height
        pixels = raw.to_ndarray(format="yuv420p")
        bright = pixels[:height].reshape(height, width, 1)
        n = (width // 2) * (height // 2)
        flat = pixels[height:].reshape(-1)
        planes = [bright, *(flat[i * n : (i + 1) * n] for i in (0, 1))]
        colours, picture = self._colours(raw, frame)
        for i, plane in enumerate(planes):
            values = plane if i == 0 else plane.reshape(height // 2, width // 2, 1)
            shown = None if picture is None else picture[:, :, i : i + 1]
            scale = (1.0, 1.0) if i == 0 else (0.5, 0.5)
            cover(values, placed, self.config, Paint((colours[i],), shown), scale)
        covered = import_av().VideoFrame.from_ndarray(pixels, format="yuv420p")
        covered.pts, covered.time_base = raw.pts, raw.time_base
        covered.colorspace, covered.color_range = raw.colorspace, raw.color_range
        covered.color_primaries, covered.color_trc = raw.color_primaries, raw.color_trc
        if raw.duration:
            covered.duration = raw.duration
        return covered

    def _colours(
        self, raw: Any, frame: VideoFrame
    ) -> tuple[tuple[float, ...], npt.NDArray[np.float32] | None]:
        """The colour and the picture as brightness and two differences, as the film has them."""
        matrix = _to_ycc(int(raw.colorspace) == _BT709, int(raw.color_range) == _FULL_RANGE)
        colour = matrix @ np.array([*self.config.colour, 1.0])
        picture = None
        if self.config.picture is not None:
            small = frame.orientation.stored(self._small_picture)
            rgb = small[..., ::-1].astype(np.float32)
            picture = (rgb @ matrix[:, :3].T + matrix[:, 3]).astype(np.float32)
        return tuple(colour.tolist()), picture

    @cached_property
    def _small_picture(self) -> npt.NDArray[np.uint8]:
        """The picture at no more than 512 pixels: it is converted for each frame."""
        assert self.config.picture is not None
        image = Image.fromarray(np.ascontiguousarray(self.config.picture))
        image.thumbnail((512, 512))
        return np.asarray(image)


def _to_ycc(bt709: bool, full: bool) -> npt.NDArray[np.float64]:
    """From red, green, blue and 1 to brightness and colour differences, float64 `(3, 4)`.

    Source:
        ITU-R BT.601 and BT.709.
    """
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    luma = np.array([red, 1 - red - blue, blue])
    rows = np.stack(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )
    scale, offset = (1, 0) if full else (219 / 255, 16)
    rows *= np.array([[scale], [1 if full else 224 / 255], [1 if full else 224 / 255]])
    return np.concatenate([rows, [[offset], [128], [128]]], axis=1)
