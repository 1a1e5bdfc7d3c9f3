"""The exported site: finds what the package finds, needs no network after the first visit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from browser_pages import OpenPage, finished, lines, photo, shown
from facesmith.detection import PhotoSource, detect_photos, load_detector
from facesmith.detection.photos import DetectionConfig
from local_servers import FileServer

pytestmark = pytest.mark.slow  # opens networks in the browser, and may fetch their runtime


@pytest.fixture
def server(site: Path) -> Iterator[FileServer]:
    """Serves the site below a path."""
    serving = FileServer(site.parent.parent)
    serving.address += "some%20place/faces/"
    yield serving
    serving.stop()


def photos() -> list[dict[str, Any]]:
    """Photos of all kinds that the package treats differently."""
    whole = Image.fromarray(data.astronaut())
    sideways = whole.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    see_through = whole.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(whole.size))
    return [
        photo("as it is.jpg", whole, quality=95),
        photo("small.png", whole.resize((200, 200))),
        photo("wide.jpg", whole.crop((0, 0, 512, 260)).resize((1500, 760)), quality=90),
        photo("tall.png", whole.crop((150, 20, 330, 512)).resize((450, 1200))),
        photo("large.jpg", whole.resize((2100, 2100)), quality=90),
        photo("turned.jpg", sideways, exif=exif, quality=95),
        photo("see-through.png", see_through),
        photo("grey.jpg", whole.convert("L")),
        photo("none.jpg", Image.fromarray(data.chelsea())),
    ]


def test_the_browser_finds_what_the_package_finds(open_page: OpenPage, server: FileServer) -> None:
    files = photos()
    page = open_page(server.address)
    page.set_input_files("#files", files)
    finished(page, "Done")
    page.focus("#threshold")
    page.keyboard.press("Home")
    found = lines(page)
    sources = [PhotoSource(each["name"], each["buffer"]) for each in files]
    config = DetectionConfig(min_score=float(page.input_value("#threshold")), landmarks=True)
    n_faces = 0
    for there, here in zip(found, detect_photos(load_detector(), sources, config), strict=True):
        assert (there["file"], there["width"], there["height"]) == (
            here.source.name,
            here.width,
            here.height,
        )
        boxes = np.array([face["box"] for face in there["faces"]]).reshape(-1, 4)
        scores = np.array([face["score"] for face in there["faces"]])
        assert len(boxes) == len(here.faces), here.source.name
        np.testing.assert_allclose(boxes, here.faces.boxes, atol=0.5, err_msg=here.source.name)
        np.testing.assert_allclose(scores, here.faces.scores, atol=0.005)
        for face, landmarks in zip(there["faces"], here.faces.landmarks, strict=True):
            side = max(face["box"][2] - face["box"][0], face["box"][3] - face["box"][1])
            np.testing.assert_allclose(face["landmarks"], landmarks, atol=0.02 * side)
        n_faces += len(boxes)
    assert n_faces > len(files)


def test_the_site_works_without_a_network_after_the_first_visit(
    open_page: OpenPage, server: FileServer, astronaut: dict[str, Any]
) -> None:
    page = open_page(server.address)
    page.evaluate("navigator.serviceWorker.ready.then(() => {})")
    server.stop()
    page.reload()
    page.set_input_files("#files", astronaut)
    shown(page, 1)
    assert "stay on this computer" in page.inner_text("#privacy")


def test_a_text_file_is_refused_in_words(open_page: OpenPage, server: FileServer) -> None:
    page = open_page(server.address)
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"}
    page.set_input_files("#files", text)
    page.get_by_text("notes.txt is not a photo that this browser can read").wait_for()


def test_all_files_are_kept_for_later(site: Path) -> None:
    script = (site / "offline.js").read_text(encoding="utf-8")
    listed = dict(re.findall(r'"([^"]+)": "([0-9a-f]{16})"', script))
    present = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in site.rglob("*")
        if path.is_file() and path.name not in ("offline.js", ".facesmith")
    }
    assert listed == present
    assert {"runtime/LICENSE.txt", "runtime/ThirdPartyNotices.txt"} < set(present)
