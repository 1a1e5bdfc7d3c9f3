"""What the tests in a browser share."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

OpenPage = Callable[..., Any]  # of the fixture `open_page`
_KINDS = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}


def photo(name: str, image: Image.Image, **options: Any) -> dict[str, Any]:
    """A picture as a file that Playwright chooses; the suffix decides the format."""
    kind = _KINDS[name.rpartition(".")[2]]
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": buffer.getvalue()}


def finished(page: Any, text: str) -> None:
    """Wait until the page says that it is done, and how."""
    from playwright.sync_api import expect  # noqa: PLC0415 - an extra of the developers

    expect(page.locator("#status")).to_contain_text(text, timeout=30_000)


def shown(page: Any, n: int) -> Any:
    """The boxes, once there are so many."""
    from playwright.sync_api import expect  # noqa: PLC0415 - an extra of the developers

    faces = page.locator(".face")
    expect(faces).to_have_count(n, timeout=30_000)
    return faces


def lines(page: Any) -> list[dict[str, Any]]:
    """What the page saves as JSON."""
    with page.expect_download() as saved:
        page.click("[data-save=json]")
    text = saved.value.path().read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
