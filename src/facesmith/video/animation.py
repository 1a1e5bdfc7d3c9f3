"""Animated WebP and PNG, which Pillow reads; FFmpeg takes a WebP of several frames for damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facesmith.errors import VideoError
from facesmith.images import MAX_PIXELS
from facesmith.video.libav import import_av
from facesmith.video.reading import Video

if TYPE_CHECKING:
    import av

ANIMATION_SUFFIXES = (".apng", ".gif", ".png", ".webp")  # of photos as well
_MILLISECOND = Fraction(1, 1000)


def n_image_frames(path: str | Path) -> int:
    """Frames of an image file; 1 for photos and for what Pillow does not read."""
    try:
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - damaged files make Pillow fail in countless ways
        return 1


class Animation(Video):
    """An image file with several frames, each shown for its own time; what is clear is white."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        try:
            self._image = Image.open(path)
        except FileNotFoundError:
            raise VideoError(f"{path} does not exist. Check the name.") from None
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise VideoError(
                f"{path} is no animation that can be read: {error}. Copy it again from where it "
                "came."
            ) from error
        self.size_wh = self._image.size
        if self._image.width * self._image.height > MAX_PIXELS:
            self.close()
            raise VideoError(
                f"{path} has frames of more than {MAX_PIXELS // 10**6} million pixels, the most "
                "that is decoded. Reduce it first."
            )

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def _decoded(
        self,
        on_other: Callable[[Any], None] | None,  # noqa: ARG002 - there are no other streams
    ) -> Iterator[tuple[int | None, Fraction, av.VideoFrame]]:
        av = import_av()
        begins = 0
        for number in range(getattr(self._image, "n_frames", 1)):
            try:
                self._image.seek(number)
                shown = self._image.convert("RGBA")
            except (OSError, EOFError, SyntaxError, ValueError) as error:
                self.counts.broken += 1
                self.counts.why_ended = str(error) or "its end is missing"
                return
            on_white = Image.new("RGBA", shown.size, "white")
            on_white.alpha_composite(shown)
            pixels = np.asarray(on_white.convert("RGB"))
            raw = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            yield begins, _MILLISECOND, raw
            begins += max(round(self._image.info.get("duration", 0)), 1)
