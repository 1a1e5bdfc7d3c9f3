"""What the library tells of its progress, and that it draws nothing itself."""

import ast
from pathlib import Path

import pytest

from facesmith.progress import NO_PROGRESS
from told_progress import Told

SOURCE = Path(__file__).parents[1] / "src" / "facesmith"


def test_an_item_is_done_when_the_next_is_asked_for() -> None:
    told = Told()
    items = told.each([7, 8], "Photos")
    assert next(items) == 7
    assert told.reports == [("Photos", 0, 2)]
    assert list(items) == [8]
    assert told.reports[1:] == [("Photos", 1, 2), ("Photos", 2, 2)]


def test_a_counter_tells_each_step() -> None:
    told = Told()
    step = told.counter("Photos", 2)
    assert told.reports == [("Photos", 0, 2)]
    for _ in range(2):
        step()
    assert told.reports[1:] == [("Photos", 1, 2), ("Photos", 2, 2)]
    step()  # one too many is no error
    assert len(told.reports) == 3


def test_by_default_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    NO_PROGRESS.say("Training next.")
    assert list(NO_PROGRESS.each("ab", "Letters")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_only_the_command_line_prints() -> None:
    """Bars are drawn in one module, and no other room imports click."""
    drawing, clicking = [], []
    for path in SOURCE.rglob("*.py"):
        text, name = path.read_text(), path.relative_to(SOURCE).as_posix()
        if "progressbar" in text:
            drawing.append(name)
        for node in ast.walk(ast.parse(text)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if any(module.split(".")[0] == "click" for module in modules):
                clicking.append(name)
    assert drawing == ["cli/progress.py"]
    assert "cli/progress.py" in clicking
    assert [name for name in clicking if not name.startswith("cli/")] == []
