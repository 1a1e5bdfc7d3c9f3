"""Writes the pictures of README and docs into `docs/pictures/`.

python docs/make_pictures.py --demo demo-out [--only NAME]

`make pictures` runs it. Photographs are WebP; charts are SVG or WebP, NAME-light and
NAME-dark. `figures.json` has the figures of `benchmarks/results/` that the charts show: a
test fails where they have changed since. The curves of the classifiers come from DEMO, the folder
of a `facesmith demo`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import picture_charts as charts
import picture_photos as photos
from picture_flows import FLOWS
from PIL import Image

from facesmith.approximation.experiment.compare import run_monkey_saddle

FOLDER = Path(__file__).resolve().parent / "pictures"
FIGURES = FOLDER / "figures.json"
QUALITY = 82

PHOTOS: dict[str, Callable[[], Image.Image]] = {
    "found": photos.found,
    "found-small": photos.found_small,
    "hidden": photos.hidden,
    "hidden-small": photos.hidden_small,
    "aligned": photos.aligned,
    "film": photos.film,
}
SHEETS = ("audit", "failures")


def write_photo(name: str, picture: Image.Image) -> None:
    """A photograph as WebP."""
    picture.save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


def write_chart(name: str, draw: Callable[[charts.Theme], charts.Figure]) -> None:
    """A chart in light and dark."""
    for shade, theme in charts.THEMES.items():
        svg = charts.as_svg(draw, theme)
        (FOLDER / f"{name}-{shade}.svg").write_text(svg, encoding="utf-8")


def answer(theme: charts.Theme) -> str:
    """What a server answers, as SVG: the faces that the detector finds in the astronaut's photo."""
    faces = photos.detector()(photos.bgr(photos.data.astronaut()))
    box = [round(float(edge)) for edge in faces.boxes[0]]
    lines = ["POST /v1/detect", "", "{", '  "faces": [{', f'    "box": {box},',
             f'    "score": {faces.scores[0]:.2f}', "  }]", "}"]  # fmt: skip
    colours = [theme.colours[0], *[theme.ink] * (len(lines) - 1)]
    text = "".join(
        f'<text x="22" y="{46 + 30 * i}" fill="{colour}">{line.replace(" ", "&#160;")}</text>'
        for i, (line, colour) in enumerate(zip(lines, colours, strict=True))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 280" width="420" height="280" '
        'font-family="monospace" font-size="20">'
        f'<rect x="1" y="1" width="418" height="278" rx="14" fill="none" stroke="{theme.line}" '
        f'stroke-width="2"/>{text}</svg>\n'
    )


def badge(left: str, right: str, colour: str) -> str:
    """A badge of two words, as SVG."""
    widths = [7 * len(word) + 14 for word in (left, right)]
    whole = sum(widths)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{left}: {right}" font-family="Verdana,DejaVu Sans,sans-serif" '
        'font-size="11" fill="#fff" text-anchor="middle">'
        f'<rect width="{whole}" height="20" rx="4" fill="#444c56"/>'
        f'<path fill="{colour}" '
        f'd="M{widths[0]} 0h{widths[1] - 4}q4 0 4 4v12q0 4 -4 4H{widths[0]}z"/>'
        f'<text x="{widths[0] / 2}" y="14">{left}</text>'
        f'<text x="{widths[0] + widths[1] / 2}" y="14">{right}</text></svg>\n'
    )


def badges() -> dict[str, str]:
    """The badges of README, by what `pyproject.toml` says."""
    settings = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]
    versions = [line.rpartition(" ")[2] for line in project["classifiers"]
                if line.startswith("Programming Language :: Python :: 3.")]  # fmt: skip
    return {
        "badge-tests": badge("tests", "make check", "#0b7a55"),
        "badge-types": badge("types", "mypy strict" if settings["tool"]["mypy"]["strict"] else "",
                             "#0b7a55"),
        "badge-python": badge("Python", " | ".join(versions), "#1d5fc4"),
        "badge-licence": badge("licence", project["license"], "#1d5fc4"),
    }  # fmt: skip


def write_drawings() -> None:
    """Badges, and what is written as SVG by hand."""
    for name, text in badges().items():
        (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")
    for name, svg in {"served": answer, **FLOWS}.items():
        for shade, theme in charts.THEMES.items():
            (FOLDER / f"{name}-{shade}.svg").write_text(svg(theme), encoding="utf-8")


def main() -> None:
    """Draws what is asked for and says how large it all is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--demo", type=Path, required=True, help="folder of a `facesmith demo`")
    parser.add_argument("--only", action="append", help="draw these alone")
    arguments = parser.parse_args()

    def asked(name: str) -> bool:
        return not arguments.only or name in arguments.only

    FOLDER.mkdir(exist_ok=True)
    for name, photo in PHOTOS.items():
        if asked(name):
            write_photo(name, photo())
    if any(asked(name) for name in SHEETS):
        for name, sheet in photos.sheets().items():
            write_photo(name, sheet)
    for network in ("compact", "pointwise"):
        if asked("roc") and not (arguments.demo / network / "roc.json").is_file():
            words = (sys.executable, "-m", "facesmith", "roc", str(arguments.demo / network))
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own command
    drawn: dict[str, Callable[[charts.Theme], charts.Figure]] = {
        "speed-accuracy": charts.speed_accuracy,
        "going-on": charts.going_on,
        "reliability": charts.reliability,
        "roc": partial(charts.roc, demo=arguments.demo),
        "training": partial(charts.training, demo=arguments.demo),
    }
    if asked("surface"):
        fit = run_monkey_saddle(("bayesian-ensemble",))
        for shade, theme in charts.THEMES.items():
            pixels = charts.as_pixels(partial(charts.surface, fit=fit), theme)
            write_photo(f"surface-{shade}", pixels)
    for name, draw in drawn.items():
        if asked(name):
            write_chart(name, draw)
    write_drawings()
    figures = {name: collect() for name, collect in charts.FIGURES.items()}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"wrote {FOLDER}: {size / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
