"""A run's report: both pages hold the verdict, pictures and steps; hostile names are harmless."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.run_pages import command_block, page
from facesmith.evaluation.run_pictures import read_log
from facesmith.evaluation.run_report import flat, next_steps, write_run_report
from facesmith.evaluation.verdict import Judged, Verdict, judge
from facesmith.faces import Faces
from facesmith.progress import duration

HOSTILE = "<script>alert(1)</script>|*.png"
FACE, FALSE = [10.0, 10.0, 50.0, 50.0], [60.0, 10.0, 90.0, 50.0]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with one log and what a training says of it."""
    run = tmp_path / "run"
    (run / "proposals").mkdir(parents=True)
    (run / "proposals" / "log.csv").write_text(
        "epoch,train_loss,validation_ap,seconds\n1,2.5,,1\n2,2.0,0.5,2\n3,1.5,0.75,3\n"
    )
    metrics = {
        "photos": 40,
        "photos_held_out": 12,
        "proposals": {"best_epoch": 3, "epochs": 3, "seconds": 754.0},
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    config = {"command": ["x", "train", "my faces.json"], "config": {"a": {"b": "<i>"}, "c": [1]}}
    (run / "config.json").write_text(json.dumps(config))
    return run


def verdict_of(folder: Path, old: bool, new: bool, n: int = 30) -> Verdict:
    """Faces that the old and the new detector find, or do not; the new one has a false box."""
    photos, both = [], ([], [])
    for i in range(n):
        path = folder / f"{i}.png"
        Image.new("RGB", (96, 64), (i, 90, 120)).save(path)
        name = HOSTILE if i == 0 else path.name
        photos.append(AnnotatedPhoto(path, np.float32([FACE]), np.zeros(1, bool), name, 96, 64))
        for found, hit in zip(both, (old, new), strict=True):
            rows = [[*FACE, 0.9]] * (hit and i > 0) + [[*FALSE, 0.6]] * (found is both[1])
            table = np.float32(rows).reshape(-1, 5)
            found.append(Faces(table[:, :4], table[:, 4]))
    before, after = (Judged(each, 0.5, f) for each, f in zip(("<b>old", "new"), both, strict=True))
    return judge(before, after, photos, source="held out")


class Tags(HTMLParser):
    """Notes all tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_file_with_all_in_it_and_nothing_hostile(run, tmp_path):
    verdict = verdict_of(tmp_path, old=False, new=True)
    html_path, _ = write_run_report(run, verdict)
    html = html_path.read_text(encoding="utf-8")
    page = Tags(html)
    assert page.open == []
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "b", "i"})
    for tag, attributes in page.tags:
        assert not {"href", "srcset", "onerror"} & set(attributes)
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")
    assert "url(" not in html
    assert "$" not in re.sub(r"base64,[^\"]*", "", html), "every place of the template is filled"
    assert verdict.words()[1:] in html
    assert "The new detector is better" in html
    # One miss, 30 false boxes of which 24 are shown, the curves, two pictures of learning.
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 1 + 24 + 1 + 2
    for words in (
        "it misses 1 of 30 faces in these photos, and 30 of its 59 boxes belong to no face",
        "Of 3 epochs the weights of epoch 3 were kept. It was still getting better at the end",
        "28 photos to learn from, 12 held out",
        "<td>13 min</td>",
        "facesmith train &#x27;my faces.json&#x27;",
        "<td>a.b</td><td>&lt;i&gt;</td>",
        f"facesmith detect PHOTOS --model {run.as_posix()}",
    ):
        assert words in re.sub("</?span>", "", html), words


def test_markdown_has_its_pictures_beside_it(run, tmp_path):
    verdict = verdict_of(tmp_path, old=False, new=True)
    _, path = write_run_report(run, verdict)
    text = path.read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert shown == [
        "report/precision_recall.png", "report/misses.png", "report/false_boxes.png",
        "report/proposals-loss.png", "report/proposals-validation.png",
    ]  # fmt: skip
    for name in shown:
        with Image.open(run / name) as picture:
            picture.verify()
    assert "| AP at IoU 0.5 |" in text
    assert "\\<b\\>old" in text
    assert "<" not in text.replace("\\<", "")
    assert "    facesmith train 'my faces.json'" in text


def test_a_time_limit_and_too_few_faces_to_choose_by_are_told(run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["proposals"]["stopped"] = "time limit"
    metrics["calibration"] = {"method": "kept"}
    (run / "metrics.json").write_text(json.dumps(metrics))
    verdict = replace(verdict_of(tmp_path, old=False, new=True), chosen_here=False)
    _, path = write_run_report(run, verdict)
    text = path.read_text(encoding="utf-8")
    assert "The time limit ended the training there: --resume goes on." in text
    assert "more --epochs" not in text
    assert "12 held out, too few to choose calibration and threshold by." in text
    assert "flatters" not in text


def test_one_validation_cannot_say_that_it_was_still_getting_better(run, tmp_path):
    log = run / "proposals" / "log.csv"
    head, *rows = log.read_text().splitlines()
    log.write_text("\n".join([head, rows[-1]]))
    _, path = write_run_report(run, verdict_of(tmp_path, old=False, new=True))
    text = path.read_text(encoding="utf-8")
    assert "the weights of epoch 3 were kept." in text
    assert "still getting better" not in text
    assert "proposals-validation.png" not in text, "a curve of one point says nothing"


def test_a_run_that_says_nothing_of_itself_still_gets_its_pages(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    verdict = verdict_of(tmp_path, old=True, new=False, n=3)
    html, markdown = write_run_report(run, verdict)
    assert "How it learned" not in html.read_text()
    assert "No difference can be told yet" in markdown.read_text()
    empty = judge(Judged("old", 0.5, []), Judged("new", 0.5, []), [])
    html, markdown = write_run_report(run, empty)
    assert "misses 0 of 0 faces" in html.read_text()
    assert "precision_recall" not in markdown.read_text()


def test_the_next_step_follows_from_the_verdict(tmp_path):
    worse = verdict_of(tmp_path, old=True, new=False)
    assert worse.kind == "worse"
    first = next_steps(worse, "run")[0]
    assert first.command == "facesmith detect PHOTOS --model '<b>old'"
    shipped = replace(worse, old=replace(worse.old, name="shipped"))
    assert next_steps(shipped, "run")[0].command == "facesmith detect PHOTOS"
    better = verdict_of(tmp_path, old=False, new=True)
    assert next_steps(better, "my run")[0].command == "facesmith detect PHOTOS --model 'my run'"
    few = verdict_of(tmp_path, old=False, new=True, n=3)
    assert next_steps(few, "run")[0].command.startswith("facesmith label PHOTOS")


def test_steps_are_commands_that_exist(tmp_path):
    import click  # noqa: PLC0415

    from facesmith.cli import main  # noqa: PLC0415

    for kind in ((True, False), (False, True)):
        for step in next_steps(verdict_of(tmp_path, *kind), "run"):
            words = step.command.split()[1:]
            command: click.Command | None = main
            while isinstance(command, click.Group):
                command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None, step.command
            options = {opt for param in command.params for opt in param.opts}
            assert {word for word in words if word.startswith("--")} <= options, step.command


def test_a_log_with_gaps_and_without(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,a,b\n1,2.5,\n2,nan,0.5\n")
    curves = read_log(path)
    assert (curves["a"].epochs, curves["a"].values) == ((1,), (2.5,))
    assert (curves["b"].epochs, curves["b"].values) == ((2,), (0.5,))
    assert read_log(tmp_path / "gone.csv") == {}
    path.write_text("nothing\n1\n")
    assert read_log(path) == {}


def test_settings_and_times_in_words():
    assert flat({"a": {"b": 1, "c": {"d": None}}, "e": []}) == {"a.b": 1, "a.c.d": None, "e": []}
    assert flat(None) == {}
    assert [duration(s) for s in (0.4, 99, 100, 3000, 7500)] == [
        "0 s", "99 s", "2 min", "50 min", "2 h 05 min",
    ]  # fmt: skip


def test_a_long_command_breaks_between_its_words_only() -> None:
    """And long words within themselves: nothing is wider than a telephone."""
    html = command_block("facesmith detect '<b>' --model runs/mine")
    words = re.findall(r"<span>(.*?)</span>", html)
    assert words == ["facesmith", "detect", "&#x27;&lt;b&gt;&#x27;", "--model", "runs/mine"]
    assert (
        re.sub(r"<[^>]*>", "", html) == "facesmith detect &#x27;&lt;b&gt;&#x27; --model runs/mine"
    )
    style = page("t", "", "", [], [html])
    assert "pre code { white-space: pre-wrap; overflow-wrap: anywhere; }" in style
    assert "pre span { display: inline-block; max-width: 100%; }" in style
