"""What HTML reports share: their style, and pictures that stand in the page itself."""

from __future__ import annotations

import base64
import io
from importlib.resources import files
from pathlib import Path

from PIL import Image

_JPEG_QUALITY = 86


def page_style() -> str:
    """The style sheet of a report, for light and dark, phones and desks."""
    return (files("facesmith.pictures") / "page.css").read_text(encoding="utf-8")


def png_file(path: Path) -> str:
    """A PNG file as a data URI."""
    return data_uri("png", path.read_bytes())


def stored(picture: Image.Image, kind: str) -> str:
    """A picture as a data URI, stored as `"jpeg"` or `"png"`."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": _JPEG_QUALITY} if kind == "jpeg" else {}))
    return data_uri(kind, buffer.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """An image file of that kind as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
