"""`facesmith benchmark landmarks`: a detector that finds white spots, and others' output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from landmark_networks import FIXED, export_fixed
from spot_detector import export_spot_detector, spots

# A spot at (x, y) has the box (x - 12, y - 12, x + 20, y + 20) and, as the patch is 1.5 times as
# wide, points at 48 * FIXED about its centre.
POINTS = 48 * np.array(FIXED)
NAMES = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"]


def keypoints(x: float, y: float, shift: float = 0.0) -> list[float]:
    """Those of a face with this centre, all moved to the right."""
    return [each for px, py in POINTS for each in (x + px + shift, y + py, 2)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos with four faces: found with an error of 0, of 4 pixels, without points, missed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val").mkdir()
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save("val/one.png")
    Image.fromarray(spots(200, 90, (48, 40))).save("val/two.png")
    coco = {
        "images": [{"id": 1, "file_name": "one.png"}, {"id": 2, "file_name": "two.png"}],
        "annotations": [
            {"image_id": 1, "bbox": [28, 20, 32, 32], "keypoints": keypoints(44, 36)},
            {"image_id": 1, "bbox": [84, 52, 32, 32], "keypoints": keypoints(100, 68, 4)},
            {"image_id": 2, "bbox": [36, 28, 32, 32]},
            {"image_id": 2, "bbox": [150, 20, 32, 32], "keypoints": keypoints(166, 36)},
        ],
        "categories": [{"id": 1, "name": "face", "keypoints": NAMES}],
    }
    for i, each in enumerate(coco["annotations"]):
        each |= {"id": i, "category_id": 1}
    Path("val.json").write_text(json.dumps(coco))
    (tmp_path / "run").mkdir()
    export_spot_detector(tmp_path / "run/detector.onnx")
    export_fixed(tmp_path / "run/landmarks.onnx")
    return tmp_path


def run(*arguments: object) -> Result:
    words = ["benchmark", "landmarks", "--annotations", "val.json", "--images", "val"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def figures(*arguments: object) -> dict[str, Any]:
    result = run("--json", "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    values: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return values


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("border", [0, 0.5])
def test_a_run_is_measured(border: float) -> None:
    values = figures("--model", "run", "--border", border)
    assert (values["photos"], values["faces"]) == (2, 3)
    measured = values["detectors"]["run"]["all"]
    assert (measured["found"], measured["not_found"]) == (2, 1)
    assert measured["nme"] == pytest.approx(4 / 32 / 2, abs=1e-3)
    assert measured["failures"] == {"0.08": 0.5, "0.1": 0.5}
    assert measured["roll_error"] == pytest.approx(0, abs=0.1)
    assert values["protocol"]["border"] == border


@pytest.mark.usefixtures("folder")
def test_annotated_boxes_lose_no_face() -> None:
    values = figures("--model", "run", "--boxes", "annotated")
    measured = values["detectors"]["run"]["all"]
    assert (measured["found"], measured["not_found"]) == (3, 0)
    assert measured["nme"] == pytest.approx(4 / 32 / 3, abs=1e-3)


@pytest.mark.usefixtures("folder")
def test_detections_from_files_are_compared_with_a_detector() -> None:
    """Everything 2 pixels too low; the second file finds one face only."""
    lines = []
    for name, size, centres in (("one", (160, 120), [(44, 36), (100, 68)]), ("two", (200, 90), [])):
        faces = [
            {
                "box": [x - 16, y - 16, x + 16, y + 16],
                "score": 0.9,
                "landmarks": (POINTS + np.array([x, y + 2])).tolist(),
            }
            for x, y in centres
        ]
        line = {"file": f"{name}.png", "width": size[0], "height": size[1], "faces": faces}
        lines.append(json.dumps(line))
    Path("found.jsonl").write_text("\n".join(lines))
    box = {"image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32], "score": 0.4}
    Path("coco.json").write_text(json.dumps([{**box, "keypoints": keypoints(44, 36)}]))
    values = figures(
        "--detector", "run=facesmith:run", "--detector", "lines=detections:found.jsonl",
        "--detections", "coco.json",
    )  # fmt: skip
    assert list(values["detectors"]) == ["run", "lines", "coco"]
    assert values["faces_that_all_found"] == 1
    lines_alone = values["detectors"]["lines"]["all"]
    assert lines_alone["nme"] == pytest.approx((2 + np.hypot(4, 2)) / 2 / 32, abs=1e-3)
    assert values["detectors"]["lines"]["common"]["nme"] == pytest.approx(2 / 32, abs=1e-3)
    change = values["detectors"]["lines"]["nme_against_first"]
    assert change["difference"] == pytest.approx(2 / 32, abs=1e-3)
    assert change["interval"] == [None, None], "too few faces"
    assert values["detectors"]["coco"]["all"]["not_found"] == 2
    none = figures("--detections", "coco.json", "--min-score", 0.5)
    assert none["detectors"]["coco"]["all"]["nme"] is None


@pytest.mark.usefixtures("folder")
def test_tables_and_files_are_written() -> None:
    result = run("--detector", "a=facesmith:run", "--detector", "b=facesmith:run", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "2 photos with 3 faces that have points" in result.stdout
    assert "the 2 faces" in result.stdout
    assert "error less a" in result.stdout
    assert json.loads(Path("out/landmarks.json").read_text())["faces"] == 3
    with Image.open("out/cumulative_error.png") as picture:
        assert picture.format == "PNG"


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_measured_is_said() -> None:
    result = run("--detector", "dlib:x")
    assert result.exit_code == 2
    assert "Write dlib alone" in result.stderr
    Path("run/landmarks.onnx").unlink()
    result = run("--model", "run")
    assert result.exit_code == 1
    assert "not without landmarks.onnx" in result.stderr
    box = {"image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32], "score": 0.4}
    for points, said in ((None, "got nothing"), ([1, 2, 3], "got [1, 2, 3]")):
        Path("coco.json").write_text(json.dumps([{**box, "keypoints": points}]))
        result = run("--detections", "coco.json")
        assert result.exit_code == 1
        assert "expected five points [x, y] as `landmarks`" in result.stderr
        assert said in result.stderr
    Path("empty.json").write_text("[]")
    result = run("--detections", "empty.json")
    assert result.exit_code == 1
    assert "empty.json lists no face of these photos" in result.stderr
    result = run("--detections", "coco.json", "--boxes", "annotated")
    assert result.exit_code == 2
    assert "coco brings boxes of its own" in result.stderr
    result = run("--boxes", "annotated", "--border", 0.1)
    assert result.exit_code == 2
    assert "do not go with --boxes annotated" in result.stderr


@pytest.mark.usefixtures("folder")
def test_annotations_without_points_are_refused() -> None:
    content = json.loads(Path("val.json").read_text())
    for each in content["annotations"]:
        each.pop("keypoints", None)
    Path("val.json").write_text(json.dumps(content))
    result = run("--model", "run")
    assert result.exit_code == 1
    assert "val.json: none of its 4 faces has points" in result.stderr
