"""`facesmith roc` on a run folder, on a weights file, and on what is neither."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch")

from facesmith.cli import main  # noqa: E402
from facesmith.detection.classifier import load_classifier  # noqa: E402
from facesmith.patches import save_patches  # noqa: E402
from oracles import pairwise_auc  # noqa: E402
from synthetic_rows import part_of, save_synthetic, synthetic_patches  # noqa: E402


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder beside its patches: 64 rows for testing, hardly trained."""
    folder = tmp_path_factory.mktemp("finished")
    patches = save_synthetic(folder / "patches.npz", n_photos=64)
    words = ["train", str(patches), "--network", "pointwise", "--out", str(folder / "run")]
    result = CliRunner().invoke(main, [*words, "--epochs", "2", "--threads", "1", "--quiet"])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy to write into."""
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def roc(*words: object) -> Result:
    return CliRunner().invoke(main, ["roc", *map(str, words)])


def figures(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    values: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return values


def test_the_test_split_of_the_runs_own_patches(run):
    found = figures(roc(run, "--json"))
    rows = synthetic_patches(64)
    test = rows.rows_of("test")
    labels = rows.labels[test, 0]
    scores = load_classifier(run / "classifier.onnx")(rows.images[test])
    assert (found["n_faces"], found["n_others"], found["n_photos"]) == (16, 16, 16)
    assert found["rows"] == "test split of the run's patches"
    assert found["network"] == "pointwise"
    assert found["auc"] == pytest.approx(pairwise_auc(labels, scores))
    assert found["accuracy"] == np.mean((scores >= 0.5) == labels)
    assert set(found["best"]) == {"threshold", "tpr", "fpr"}
    assert found["intervals"]["resampled"] == "photos"
    assert json.loads((run / "roc.json").read_text()) == found
    assert (run / "roc.png").read_bytes().startswith(b"\x89PNG")


def test_other_patches_another_folder_and_a_weights_file(run, tmp_path):
    other = save_synthetic(tmp_path / "other.npz", n_photos=20, seed=1)
    whole = figures(roc(run, "--patches", other, "--out", tmp_path / "out", "--json"))
    assert (whole["n_faces"], whole["n_others"]) == (20, 20)
    assert whole["rows"] == "all rows of other.npz"
    assert sorted(p.name for p in (tmp_path / "out").glob("[!.]*")) == ["roc.json", "roc.png"]
    assert not (run / "roc.png").exists()
    part = figures(roc(run / "classifier.onnx", "--patches", other, "--split", "train", "--json"))
    assert part["n_faces"] == 10
    assert (run / "roc.png").exists()  # beside the weights


@pytest.mark.parametrize(
    ("option", "thresholds"),
    [
        (["--thresholds", "0.9,0.1,0.5"], [0.9, 0.5, 0.1]),
        (["--exercise-thresholds"], [i / 100 for i in range(100, -1, -1)]),
    ],
)
def test_only_at_given_thresholds(run, finished, option, thresholds):
    data = finished / "patches.npz"
    found = figures(roc(run, "--patches", data, *option, "--json"))
    assert found["curve"]["threshold"] == pytest.approx(thresholds)
    assert len(found["curve"]["tpr"]) == len(found["curve"]["fpr"]) == len(thresholds)
    assert any(found["best"]["threshold"] == pytest.approx(value) for value in thresholds)


def test_the_table_and_quiet(run):
    lines = roc(run).stdout.splitlines()
    assert lines[0] == "pointwise, test split of the run's patches"
    assert lines[1] == "rows          16 faces, 16 others from 16 photos"
    heads = [line.split()[0] for line in lines[2:]]
    assert heads[:2] == ["AUC", "accuracy"]
    assert heads[3:] == ["TPR", "FPR", "picture"]
    assert all("(95 %: " in line for line in lines[2:-1])
    assert roc(run, "--quiet").stdout == ""


def test_patches_that_have_gone_or_changed_since(run, finished, tmp_path):
    config = json.loads((run / "config.json").read_text())
    moved = tmp_path / "moved.npz"
    config["config"]["data_path"] = str(moved)
    (run / "config.json").write_text(json.dumps(config))
    gone = roc(run)
    assert gone.exit_code == 1
    assert f"was trained on {moved}, which is gone. Pass --patches FILE." in gone.stderr
    save_synthetic(moved, n_photos=64, seed=3)
    changed = roc(run)
    assert changed.exit_code == 1
    assert f"{moved} has changed since" in changed.stderr
    assert figures(roc(run, "--patches", moved, "--split", "test", "--json"))["n_faces"] == 16
    shutil.copy(finished / "patches.npz", moved)
    assert figures(roc(run, "--json"))["n_faces"] == 16


def test_a_run_that_is_not_finished_is_named(tmp_path):
    result = roc(tmp_path)
    assert result.exit_code == 1
    assert "has no classifier.onnx" in result.stderr
    assert "--resume" in result.stderr


def test_no_rows_in_the_split_is_named(run, tmp_path):
    rows = synthetic_patches(8)
    keep = rows.splits == 0
    save_patches(tmp_path / "train-only.npz", part_of(rows, keep))
    result = roc(run, "--patches", tmp_path / "train-only.npz", "--split", "test")
    assert result.exit_code == 1
    assert "No rows in the test split of train-only.npz" in result.stderr


def test_one_label_only_says_so_in_one_line(run, tmp_path):
    rows = synthetic_patches(8, seed=9)
    path = tmp_path / "faces.npz"
    save_patches(path, part_of(rows, rows.labels[:, 0] == 1))
    result = roc(run, "--patches", path, "--json")
    found = figures(result)
    assert found["auc"] is None
    assert found["best"] == {"threshold": None, "tpr": None, "fpr": None}
    assert 0 <= found["accuracy"] <= 1
    assert "No non-face among 8 rows" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    told = roc(run, "--patches", path).stdout
    assert "undefined" in told
    assert "nan" not in told
    assert "nearest to (0, 1)" not in told


def test_patches_in_place_of_the_run_are_named(finished):
    result = roc(finished / "patches.npz")
    assert result.exit_code == 1
    assert "patches.npz holds patches; expected the run folder" in result.stderr
    assert "--patches" in result.stderr


def test_weights_that_score_nan_are_named(run, tmp_path):
    model = onnx.load(run / "classifier.onnx")
    for weights in model.graph.initializer:
        values = np.full_like(onnx.numpy_helper.to_array(weights), np.nan)
        if values.shape == (1,):  # the bias of the last layer
            weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    path = tmp_path / "damaged.onnx"
    onnx.save(model, path)
    result = roc(path, "--patches", save_synthetic(tmp_path / "rows.npz", n_photos=4))
    assert result.exit_code == 1
    assert "scores 8 of 8 rows as NaN or infinite. The weights are damaged" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--thresholds", "0.5,1.5"], "expected numbers from 0 to 1, e.g. 0.1,0.5,0.9"),
        (["--thresholds", "nan"], "expected numbers from 0 to 1"),
        (["--thresholds", "half"], "expected numbers from 0 to 1"),
        (["--thresholds", "0.5", "--exercise-thresholds"], "Pass either"),
        (["--split", "some"], "'some' is not one of"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run, words, message):
    result = roc(run, *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_target_chooses_on_validation_rows_and_is_stored(run):
    found = figures(roc(run, "--target-fpr", "0.25", "--json"))
    rows = synthetic_patches(64)
    chosen_on = rows.rows_of("validation")
    classifier = load_classifier(run / "classifier.onnx")
    point = found["operating_point"]
    assert classifier.threshold == point["threshold"]
    assert classifier.metadata["operating_point"] == point
    scores, labels = classifier(rows.images[chosen_on]), rows.labels[chosen_on, 0]
    others = scores[labels == 0]
    assert (others >= point["threshold"]).mean() == pytest.approx(point["reached"])
    assert point["reached"] <= 0.25
    # One other more would break the promise.
    lower = np.sort(scores[scores < point["threshold"]])[::-1]
    assert (others >= lower[0]).mean() > 0.25 or not len(lower)
    test = rows.rows_of("test")
    tests, truth = classifier(rows.images[test]), rows.labels[test, 0] == 1
    assert found["at_threshold"]["tpr"] == (tests[truth] >= point["threshold"]).mean()
    assert found["at_threshold"]["fpr"] == (tests[~truth] >= point["threshold"]).mean()
    assert "stored" in roc(run, "--target-precision", "0.5").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--target-fpr", "0.1", "--target-precision", "0.9"), 2, "one of --target-fpr"),
        (("--target-fpr", "1.5"), 2, "not in the range"),
        (("--target-fppi", "0.1"), 2, "Pass --target-fpr with the false positive rate"),
        (("--images", "."), 2, "pass --annotations and --images"),
    ],
)
def test_targets_that_make_no_sense(run, words, code, message):
    result = roc(run, *words)
    assert result.exit_code == code
    assert message in result.output


def test_rows_that_the_run_was_trained_on_are_told_in_one_line(run, finished, tmp_path):
    own = roc(run, "--split", "train")
    assert own.exit_code == 0
    (line,) = [each for each in own.stderr.splitlines() if each.startswith("Warning")]
    assert "was trained on 64 of 64 rows: the figures are too good" in line
    # The same pixels under another name, 64 of 128 rows of which were for training.
    other = shutil.copy(finished / "patches.npz", tmp_path / "renamed.npz")
    assert "was trained on 64 of 128 rows" in roc(run, "--patches", other).stderr
    assert roc(run, "--patches", other, "--split", "test").stderr == ""
    assert roc(run).stderr == ""
