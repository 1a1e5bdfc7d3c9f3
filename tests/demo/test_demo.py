"""The demo: its folder, its words, its photos, and the report as a browser would read it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facesmith.cli import main
from facesmith.cli.demo import _summary
from facesmith.demo import photos, words
from facesmith.demo.report import render
from facesmith.demo.results import Demo, DemoConfig, start_folder
from facesmith.demo.run import run_demo
from facesmith.detection.detector import load_detector
from facesmith.errors import FacesmithError, WriteError
from facesmith.faces import Faces
from facesmith.files import write_bytes
from facesmith.patches import load_patches
from facesmith.runs.folder import RunFolder
from spot_detector import SPOT_SCORE, spots
from told_progress import Told

QUICK = DemoConfig(
    rows=120, seed=5, methods=("bayesian-ensemble",), epochs={"pointwise": 2, "compact": 1}
)


@pytest.fixture(scope="module")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos for the detector of white spots: one with a "face", one without."""
    folder = tmp_path_factory.mktemp("photos")
    for name, image in (
        ("astronaut.png", spots(96, 64, (40, 24))),
        ("coffee.png", spots(64, 64)),
    ):
        Image.fromarray(image).save(folder / name)
    return folder


@contextmanager
def _known(weights: Path, folder: Path) -> Iterator[None]:
    """Known weights and known photos in place of those that come along."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facesmith.detection.detector.shipped_weights", lambda: weights)
        patch.setattr("facesmith.demo.photos._folder", lambda: folder)
        yield


@pytest.fixture
def small_world(spot_weights: Path, photo_folder: Path) -> Iterator[None]:
    with _known(spot_weights, photo_folder):
        yield


@pytest.fixture(scope="module")
def demo(spot_weights: Path, photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    with _known(spot_weights, photo_folder):
        # A name that HTML must not take for a tag.
        return run_demo(tmp_path_factory.mktemp("demo") / "a <b> & c", QUICK)


class _Page(HTMLParser):
    """Balanced tags, what is referred to, and the text that a reader sees."""

    VOID = ("meta", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [str(v) for k, v in attrs if k in ("src", "href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(scope="module")
def page(demo: Demo) -> _Page:
    return _Page((demo.out / "report.html").read_text(encoding="utf-8"))


def test_the_report_stands_alone(demo: Demo, page: _Page) -> None:
    assert page.open == []
    # 2 photos, 12 people, contact sheet, 2 losses, ROC, 1 learning curve, 1 surface, and mistakes.
    assert len(page.references) >= 20
    assert all(reference.startswith("data:image/") for reference in page.references)
    html = (demo.out / "report.html").read_text(encoding="utf-8")
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_names_in_the_report_are_text(demo: Demo) -> None:
    name = '<b>|*"<script>'
    renamed = replace(
        demo,
        machine=name,
        photos=tuple(replace(photo, title=name) for photo in demo.photos),
        seconds={name: 2.0},
    )
    html = render(renamed)
    page = _Page(html)
    assert page.open == []
    assert "<script" not in html
    assert page.text.count(name) >= 2 + len(demo.photos)


def test_the_report_tells_the_figures_of_the_run(demo: Demo, page: _Page) -> None:
    text = " ".join(page.text.split())
    assert "$" not in text  # no place of the template was left empty
    assert "their figures hold for drawings only" in text
    for classifier in demo.classifiers:
        assert f"{classifier.report.curve.auc:.4f}" in text
        assert f"{classifier.metrics['parameters']:,}" in text
    assert words.figure(demo.approximation["bayesian-ensemble"].l2_error) in text
    assert demo.approximation["bayesian-ensemble"].verdict.text in text
    assert f"An astronaut: 1 face (score {SPOT_SCORE:.2f})" in text
    assert "A cup of coffee: no faces" in text
    assert "All 2 photos came out as they should." in text
    assert "a <b> & c" in text
    *steps, last = demo.seconds
    assert all(step in text for step in steps)
    assert last == "Writing the report"  # which the report itself cannot know


def test_a_false_box_is_no_good_news(demo: Demo) -> None:
    """The tiles begin with what was found, and a wrong one is marked as such."""
    face, free = demo.photos
    wrong = replace(demo, photos=(face, replace(free, faces=face.faces)))
    for report, tile in ((demo, "tile"), (wrong, "tile wrong")):
        tiles = render(report).split('<div class="tiles">')[1].split("</div><div ")
        assert tiles[0].startswith('<div class="tile"><span class="number">1 face<')
        right = int(tile == "tile")
        assert tiles[1].startswith(f'class="{tile}"><span class="number">{right} of 1<')


def test_each_net_is_judged_on_photos_by_its_own_curve(demo: Demo) -> None:
    """200 patches scored by chance have an AUC of 0.42 to 0.58 in 19 of 20 cases."""
    weak, better = demo.classifiers
    said = words.on_real_patches(
        [replace(weak, real_auc=0.52, real_accuracy=0.5),
         replace(better, real_auc=0.83, real_accuracy=0.74)]
    )  # fmt: skip
    assert "pointwise: AUC 0.52, accuracy 50%, no better than guessing;" in said
    assert "compact: AUC 0.83, accuracy 74%, better than guessing, and not to be" in said
    assert words.on_real_patches([replace(weak, real_auc=math.nan)]) == ""


def test_the_folder_holds_what_the_report_tells_of(demo: Demo) -> None:
    figures = json.loads((demo.out / "demo.json").read_text())
    assert figures["task"] == "demo"
    assert [c["network"] for c in figures["drawn_patches"]] == ["pointwise", "compact"]
    assert figures["photos"][0]["boxes"] == [[28.0, 12.0, 60.0, 44.0]]  # see spot_detector
    patches = load_patches(demo.out / "patches.npz")
    assert len(patches) == 120
    for name in ("contact-sheet.png", "roc.png", "monkey-saddle/metrics.json"):
        assert (demo.out / name).stat().st_size > 0
    for network in ("pointwise", "compact"):
        assert (demo.out / network / "classifier.onnx").exists()


def test_mistakes_are_the_worst_and_on_the_wrong_side(demo: Demo) -> None:
    for classifier in demo.classifiers:
        high = [patch.score for patch in classifier.taken_for_faces]
        low = [patch.score for patch in classifier.missed]
        assert high == sorted(high, reverse=True)
        assert low == sorted(low)
        assert all(score >= 0.5 for score in high)
        assert all(score < 0.5 for score in low)
        wrong = classifier.n_taken_for_faces + classifier.n_missed
        rows = classifier.report.n_faces + classifier.report.n_others
        assert classifier.report.accuracy == pytest.approx(1 - wrong / rows)


def test_the_summary_names_what_is_drawn(demo: Demo) -> None:
    text = "\n".join(_summary(demo))
    assert f"astronaut.png: 1 face (score {SPOT_SCORE:.2f})" in text
    assert "1 face-free photo: no boxes" in text
    assert text.count("(says nothing of photos)") == 2
    assert "bayesian-ensemble: L2 error" in text


@pytest.mark.usefixtures("small_world")
def test_a_second_demo_needs_force(demo: Demo) -> None:
    with pytest.raises(FacesmithError, match="not empty"):
        run_demo(demo.out, QUICK)
    assert (demo.out / "report.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("small_world")
def test_the_command_prints_where_the_report_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    start_folder(out, force=False)  # an earlier demo that was killed at once
    result = CliRunner().invoke(main, ["demo", "--out", str(out), "--rows", "400", "--force"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].split() == ["report", str(out / "report.html")]
    assert "tanh-adam: L2 error" in result.stdout
    assert "Drawing 400 patches" in result.stderr
    assert (out / "report.html").exists()


@pytest.mark.usefixtures("small_world")
def test_the_command_leaves_a_foreign_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    for options, message in (
        ([], "holds files that facesmith did not write. Pass another --out"),
        (["--force"], "does not carry its mark"),
    ):
        result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path), *options])
        assert result.exit_code == 1
        assert message in result.stderr
        assert (tmp_path / "mine.txt").read_text() == "keep"


def test_missing_weights_end_the_demo_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "facesmith.detection.detector.shipped_weights", lambda: tmp_path / "none.onnx"
    )
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "none.onnx" in result.stderr
    assert not (tmp_path / "out").exists()


def test_start_folder(tmp_path: Path) -> None:
    folder = start_folder(tmp_path / "deep" / "out", force=False)
    write_bytes(folder / "left.txt", b"from an earlier demo")
    start_folder(folder, force=True)
    assert {entry.name for entry in folder.iterdir()} == {".facesmith", "demo.json"}
    other = tmp_path / "run"
    RunFolder(other).start({}, resume=False, force=False)
    with pytest.raises(WriteError, match="holds an earlier training, and --force replaces only"):
        start_folder(other, force=True)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(WriteError, match="is a file"):
        start_folder(file, force=True)


def test_photos_are_those_that_are_there(
    spot_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "_folder", lambda: tmp_path)
    with pytest.raises(FacesmithError, match="No sample photos"):
        photos.search_photos(load_detector(spot_weights))
    assert photos.real_patches() is None
    Image.fromarray(spots(64, 64, (24, 24), (48, 48))).save(tmp_path / "coffee.png")
    told = Told()
    (photo,) = photos.search_photos(load_detector(spot_weights), told)
    assert (photo.title, photo.expected, len(photo.faces)) == ("a cup of coffee", 0, 2)
    assert told.reports[-1] == ("", 1, 1)
    assert words.photos_summary([photo]) == (
        "0 of 1 photos came out as they should. Wrong: a cup of coffee: no faces there, 2 found."
    )
    fine = replace(photo, faces=Faces.empty())
    assert words.photos_summary([fine, fine]) == "All 2 photos came out as they should."


def test_real_patches_are_half_faces() -> None:
    found = photos.real_patches()
    assert found is not None
    images, labels = found
    assert images.shape == (200, 64, 64, 3)
    assert images.dtype == np.uint8
    assert labels.tolist() == [1] * 100 + [0] * 100
    assert images.std() > 20


def test_every_photo_of_the_demo_comes_with_scikit_image() -> None:
    assert all((photos._folder() / name).is_file() for name in photos.PHOTOS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (856.149, "856.1"),
        (10010.2, "10,010.2"),
        (0.03716, "0.0372"),
        (12.345, "12.3"),
        (math.nan, "-"),
    ],
)
def test_figures_are_readable(value: float, text: str) -> None:
    assert words.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (42.4, "42 s"), (99.4, "99 s"), (100, "1 min 40 s"), (239.7, "4 min 00 s")],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_counts_and_scores_read_well() -> None:
    assert words.counted(0, "face") == "no faces"
    assert words.counted(1, "box", "boxes") == "1 box"
    assert words.counted(1200, "box", "boxes") == "1,200 boxes"
    assert words.scores([]) == ""
    assert words.scores([0.987, 0.5]) == " (score 0.99, 0.50)"
    assert words.scores([0.9] * 5) == " (score 0.90, 0.90, 0.90, 0.90, ...)"
