"""The page as axe-core judges it, and as little to load."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from browser_pages import OpenPage, finished

FIRST_PAINT_BYTES = 100_000


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any], scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(page_address, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    assert axe.run(page).violations_count == 0, axe.run(page).generate_report()
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"}
    page.set_input_files("#files", [astronaut, text])
    finished(page, "Done")
    page.locator(".face").focus()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    page.click("#next")
    page.click("#open-camera-again")
    page.locator("#take:enabled").wait_for()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_first_paint_needs_few_bytes() -> None:
    page = files("facesmith") / "server" / "page"
    sizes = {each.name: len(each.read_bytes()) for each in page.iterdir()}
    assert "index.html" in sizes
    assert sum(sizes.values()) < FIRST_PAINT_BYTES, sizes
