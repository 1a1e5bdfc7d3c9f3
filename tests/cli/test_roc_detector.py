"""`facesmith roc` on a detector: recall over false boxes, its threshold chosen and stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from spot_detector import SPOT_SCORE, export_spot_detector, spots

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from facesmith.annotations import load_annotations
from facesmith.cli import main
from facesmith.detection.detector import load_detector
from facesmith.runs.used_photos import write_used_photos


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A detector that finds white spots, four photos with one each, one of them no face."""
    (tmp_path / "run").mkdir()
    export_spot_detector(tmp_path / "run" / "detector.onnx")
    (tmp_path / "photos").mkdir()
    images, annotations = [], []
    for i in range(4):
        Image.fromarray(spots(96, 96, (40, 40))).save(tmp_path / "photos" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 96, "height": 96})
        if i:
            box = {"id": i, "image_id": i, "category_id": 1, "bbox": [28, 28, 32, 32]}
            annotations.append(box)
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face"}],
    }
    (tmp_path / "val.json").write_text(json.dumps(content))
    return tmp_path / "run"


def roc(run: Path, *words: object) -> Result:
    photos = ["--annotations", run.parent / "val.json", "--images", run.parent / "photos"]
    return CliRunner().invoke(main, ["roc", *map(str, [run, *photos, *words])])


def test_figures_of_a_detector_that_is_right_three_times_in_four(run):
    result = roc(run, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    # Four boxes of equal score, three right: one point of precision 3/4 and recall 1.
    assert found["ap"] == pytest.approx(0.75)
    assert found["curve"]["false_per_photo"] == [0.25]
    assert found["recall_at_0.1"] == 0
    assert found["recall_at_1"] == 1
    assert found["expected_calibration_error"] == pytest.approx(SPOT_SCORE - 0.75, abs=1e-3)
    assert json.loads((run / "roc.json").read_text()) == found
    assert (run / "roc.png").read_bytes().startswith(b"\x89PNG")


def test_a_target_is_chosen_and_stored_with_the_weights(run):
    result = roc(run, "--target-fppi", "0.5")
    assert result.exit_code == 0, result.output
    assert "stored" in result.stdout
    detector = load_detector(run)
    assert detector.min_score == pytest.approx(SPOT_SCORE / 2, abs=1e-3)
    assert detector.metadata["operating_point"]["target"] == "false_per_photo"
    assert len(detector(spots(96, 96, (40, 40)))) == 1


def test_a_target_out_of_reach_is_named_and_changes_nothing(run):
    before = (run / "detector.onnx").read_bytes()
    result = roc(run, "--target-precision", "0.9")
    assert result.exit_code == 1
    assert "No threshold keeps a precision of at least 0.9" in result.output
    assert "the best is 0.7500" in result.output
    assert (run / "detector.onnx").read_bytes() == before


def test_a_detector_needs_photos_and_takes_no_patches(run):
    result = CliRunner().invoke(main, ["roc", str(run)])
    assert result.exit_code == 2
    assert "pass --annotations and --images" in result.output
    result = roc(run, "--split", "test")
    assert result.exit_code == 2
    assert "--split goes with a classifier" in result.output


def test_photos_that_the_run_was_trained_on_are_told_in_one_line(run):
    photos = load_annotations(run.parent / "val.json", run.parent / "photos").photos
    other = photos[0].path.with_name("other.png")
    Image.fromarray(spots(99, 99, (24, 40))).save(other)
    held_out = [replace(photos[0], path=other)]
    write_used_photos(run, photos[1:2], held_out)
    # All four pictures are the same, and known by what is in them.
    result = roc(run)
    assert result.exit_code == 0, result.output
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("Warning")]
    assert "of 4 photos" in line
    assert "4 it was trained on" in line
    assert json.loads((run / "roc.json").read_text())["photos_trained_on"] == 4
    content = json.loads((run / "photos.json").read_text())
    content["training"], content["held_out"] = {}, content["training"]
    (run / "photos.json").write_text(json.dumps(content))
    assert "4 its weights and threshold were chosen on" in roc(run).stderr
    content["held_out"] = {"other.png": "1-0"}
    (run / "photos.json").write_text(json.dumps(content))
    result = roc(run)
    assert "Warning" not in result.output
    assert json.loads((run / "roc.json").read_text())["photos_trained_on"] == 0
