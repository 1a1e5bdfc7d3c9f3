"""The page that a fit leaves: of one input, of an older run, and of one that takes its place."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from facesmith.cli import main
from facesmith.files.marks import MARK_NAME


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty points of one input; the present folder is a new one."""
    monkeypatch.chdir(tmp_path)
    x = np.linspace(-1, 1, 40)
    np.savetxt("points.csv", np.column_stack([x, x**2]), delimiter=";", header="x;y", comments="")
    return Path("points.csv")


def fit(*words: object) -> Result:
    return CliRunner().invoke(main, ["approximate", *map(str, words)], catch_exceptions=False)


def page(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def test_one_input_has_its_curve_and_no_surface(table: Path) -> None:
    out = table.parent / "run"
    assert fit(table, "--target", "y", "--out", out).exit_code == 0
    shown = re.findall(r'alt="([^"]*)"', page(out))
    assert "The fitted curve of bayesian-ensemble, and the points" in shown
    assert not any("surface" in words for words in shown)
    assert "y as a function of x: " in page(out)
    assert f"facesmith approximate --predict NEW.csv --model {out}" in unescape(
        re.sub(r"</?span>", "", page(out))
    )


def test_a_run_from_before_there_was_a_page_gets_one_by_going_on(table: Path) -> None:
    out = table.parent / "run"
    net = (table, "--target", "y", "--method", "tanh-adam", "--epochs", 1, "--out", out)
    assert fit(*net).exit_code == 0
    (out / "report.html").unlink()
    mark = out / MARK_NAME
    mark.write_text(mark.read_text().replace('"report.html"\n', ""))
    assert fit("--resume", "--out", out, "--epochs", 2).exit_code == 0
    assert "tanh-adam" in page(out)


def test_a_page_of_the_user_s_is_never_written_over(table: Path) -> None:
    out = table.parent / "run"
    net = (table, "--target", "y", "--method", "tanh-adam", "--epochs", 1, "--out", out)
    assert fit(*net).exit_code == 0
    mark = out / MARK_NAME
    mark.write_text(mark.read_text().replace('"report.html"\n', ""))
    (out / "report.html").write_text("mine")
    for words in ((*net, "--force"), ("--resume", "--out", out, "--epochs", 2)):
        result = fit(*words)
        assert result.exit_code == 1
        assert "report.html" in result.stderr
        assert page(out) == "mine"


def test_force_leaves_nothing_of_the_former_page(table: Path) -> None:
    out = table.parent / "run"
    assert fit(table, "--target", "y", "--out", out).exit_code == 0
    net = ("--method", "tanh-adam", "--epochs", 1)
    assert fit(table, "--target", "x", *net, "--out", out, "--force").exit_code == 0
    assert "x as a function of y: " in page(out)
    assert "bayesian-ensemble" not in page(out)
