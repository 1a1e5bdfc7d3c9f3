"""Figures in README, model card and docs pages are those of their sources."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_figures", ROOT / "docs/make_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIGURES = load_generator()


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FIGURES.PAGES, ids=page_id)
def test_figures_are_those_of_their_sources(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == FIGURES.renewed(text), "run: python docs/make_figures.py"


@pytest.mark.parametrize("path", FIGURES.PAGES, ids=page_id)
def test_measured_fractions_have_a_source(path: Path) -> None:
    assert not FIGURES.unmarked(path.read_text(encoding="utf-8"))


def test_all_blocks_are_shown_somewhere() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FIGURES.PAGES]
    shown = {found[1] for text in texts for found in FIGURES.BLOCK.finditer(text)}
    assert shown == set(FIGURES.BLOCKS)


def test_a_stale_figure_is_put_right_and_an_unknown_one_is_an_error() -> None:
    mark = "<!-- figure: weights/threshold as 2 -->{}<!-- /figure -->"
    right = FIGURES.figure("weights/threshold", "2")
    assert FIGURES.renewed(mark.format("0.73")) == mark.format(right)
    with pytest.raises(KeyError, match="no_such"):
        FIGURES.renewed("<!-- figure: weights/no_such -->1<!-- /figure -->")


def test_a_fraction_outside_of_marks_is_seen() -> None:
    assert FIGURES.unmarked("AP is .799 here") == ["AP is .799 here"]
    assert not FIGURES.unmarked("<!-- stated by: its paper -->.799<!-- /stated --> and 0.5")


def test_outputs_on_pages_have_no_times() -> None:
    output = """\
compact: 76,497 parameters, 50 epochs in 159 s, 1,422 patches/s

method       RMSE  seconds  verdict
linear   13,259.9      9.6  underfit
default    0.0638  1,004.4  settled
after 3.5

ms   8.4 / 13.2  91 MB"""
    assert (
        FIGURES.without_times(output)
        == """\
compact: 76,497 parameters, 50 epochs in ... s, ... patches/s

method       RMSE  seconds  verdict
linear   13,259.9      ...  underfit
default    0.0638      ...  settled
after 3.5

ms          ...  91 MB"""
    )


@pytest.mark.parametrize("path", [ROOT / "CONTRIBUTING.md", *FIGURES.PAGES], ids=page_id)
def test_outputs_of_commands_are_generated(path: Path) -> None:
    """A block of commands has commands alone, but for those that a results file holds."""
    typed = FIGURES.BLOCK.sub("", path.read_text(encoding="utf-8"))
    for block in re.findall(r"^```console\n(.*?)^```", typed, re.MULTILINE | re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines()
        assert [line for line in lines if not line.startswith("$ ")] == []


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("path", DECISIONS, ids=page_id)
def test_a_decision_record_is_a_page_with_the_same_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    wanted = ["Context", "Decision", "Alternatives", "Consequences"]
    assert [part for part in parts if part in wanted] == wanted
    assert len(text) <= 60 * 100, "move tables of trials to benchmarks/results/experiments.csv"
