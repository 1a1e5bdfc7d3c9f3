"""A browser, the page as `facesmith serve` gives it, and photos to drop on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from PIL import Image
from skimage import data

from browser_pages import OpenPage, photo
from facesmith.export.web import export_site

CHROMIUM = os.environ.get("FACESMITH_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# A camera of coloured stripes, and no question whether the page may use it.
_OPTIONS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; without it, or without Playwright, the test is skipped."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install playwright"
    )
    if not Path(CHROMIUM).exists():
        pytest.skip(f"Chromium is missing: {CHROMIUM}; FACESMITH_CHROMIUM may name another")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_address() -> Iterator[str]:
    """Where `facesmith serve` serves the page."""
    pytest.importorskip("fastapi", reason="FastAPI is missing: pip install facesmith[serve]")
    from facesmith.server import create_app  # noqa: PLC0415 - an extra
    from local_servers import served_app  # noqa: PLC0415 - an extra

    with served_app(create_app()) as address:
        yield address


@pytest.fixture
def open_page(browser: Any) -> Iterator[OpenPage]:
    """Opens an address in a fresh browser profile.

    At the end it fails on any request to another place, and on any error in the page's console.
    """
    contexts, foreign, errors = [], [], []

    def open_address(address: str, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, **options)
        contexts.append(context)
        page = context.new_page()

        def requested(request: Any) -> None:
            own = (address, f"blob:{urljoin(address, '/')}", "data:")
            if not request.url.startswith(own):
                foreign.append(request.url)

        def said(message: Any) -> None:
            # That a server answered with an error is no error of the page.
            if message.type == "error" and "Failed to load resource" not in message.text:
                errors.append(message.text)

        context.on("request", requested)
        page.on("console", said)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.locator("#version").filter(has_text="facesmith").wait_for()
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert not foreign
    assert not errors


@pytest.fixture(scope="session")
def astronaut() -> dict[str, Any]:
    """A photo with one face, as the browser takes files."""
    return photo("astronaut.jpg", Image.fromarray(data.astronaut()))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported site, in a folder below the one that is served."""
    named = os.environ.get("FACESMITH_ORT_WEB")  # the archive of the npm package, or its folder
    if not named and not shutil.which("npm"):
        pytest.skip("npm is missing, and FACESMITH_ORT_WEB names no archive of onnxruntime-web")
    folder = tmp_path_factory.mktemp("web") / "some place" / "faces"
    export_site(folder, runtime=Path(named) if named else None)
    return folder
