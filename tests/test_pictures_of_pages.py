"""The pictures of README and docs: there, small, in light and dark, and of the present figures."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
MOST = 1.5e6  # bytes of all pictures


def named_in(path: Path) -> set[Path]:
    found = re.findall(r'(?:src|srcset)="([^"]+)"', path.read_text(encoding="utf-8"))
    return {(path.parent / name).resolve() for name in found}


def test_every_picture_is_shown_and_every_shown_one_is_there() -> None:
    shown = set().union(*(named_in(path) for path in PAGES))
    drawn = {path.resolve() for path in FOLDER.iterdir() if path.suffix in (".svg", ".webp")}
    assert shown == drawn
    assert sum(path.stat().st_size for path in drawn) <= MOST


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pictures_have_words_and_both_shades(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    images = re.findall(r"<img [^>]*>", text)
    assert [image for image in images if not re.search(r'alt="[^"]{8,}"', image)] == []
    for source, image in re.findall(r'srcset="([^"]+)"><img src="([^"]+)"', text):
        assert source == image.replace("-light.", "-dark.") != image


def test_charts_show_the_figures_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "docs")])
    from picture_charts import FIGURES  # noqa: PLC0415 - found by the line above

    now = json.loads(json.dumps({name: collect() for name, collect in FIGURES.items()}))
    drawn = json.loads((FOLDER / "figures.json").read_text("utf-8"))
    assert drawn == now, "run: make pictures"


def test_pictures_carry_no_traces() -> None:
    for path in FOLDER.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r'href="(?!#)', text), "nothing is loaded from elsewhere"
    for path in FOLDER.glob("*.webp"):
        with Image.open(path) as picture:
            assert not picture.getexif()
            assert "icc_profile" not in picture.info
