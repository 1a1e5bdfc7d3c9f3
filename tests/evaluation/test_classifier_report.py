"""A classifier's report: curves, figures and errors in one page, with test rows and without."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from facesmith.cli import main
from facesmith.evaluation.classifier_report import write_classifier_report
from synthetic_rows import save_synthetic


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches and a run that has hardly learned."""
    folder = tmp_path_factory.mktemp("reported")
    patches = save_synthetic(folder / "patches.npz", n_photos=64)
    words = ["train", str(patches), "--network", "pointwise", "--out", str(folder / "run")]
    result = CliRunner().invoke(main, [*words, "--epochs", "2", "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert f"report      {folder / 'run' / 'report.html'}" in result.stdout
    return folder


def test_a_training_leaves_its_report(folder):
    run = folder / "run"
    html = (run / "report.html").read_text(encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_text())
    assert f"It is right on {metrics['test']['accuracy']:.1%} of 32 test patches" in html
    assert "33,377 parameters; of 2 epochs" in html
    sources = re.findall(r'<img src="([^"]{10})', html)
    assert set(sources) == {"data:image"}
    n_wrong = round((1 - metrics["test"]["accuracy"]) * 32)
    assert html.count("<figcaption>") == min(n_wrong, 24) or n_wrong > 12
    assert len(sources) == 3 + html.count("<figcaption>")
    assert not re.search(r"<(script|link)|url\(|href", html)
    text = (run / "report.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\(([^)]+)\)", text)
    assert shown == ["report/roc.png", "report/loss.png", "report/validation.png"]
    assert all((run / name).is_file() for name in shown)
    assert f"facesmith roc {run} --target-fpr 0.01" in text


def test_without_the_patches_there_are_learning_curves_only(folder, tmp_path):
    run = Path(shutil.copytree(folder / "run", tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config["config"]["data_path"] = str(tmp_path / "gone.npz")
    (run / "config.json").write_text(json.dumps(config))
    (run / "report" / "roc.png").unlink()
    html, markdown = write_classifier_report(run)
    assert "How good is it?" not in html.read_text()
    assert "How it learned" in html.read_text()
    assert "roc.png" not in markdown.read_text()
