"""`facesmith detect` and the benchmarks with a patch classifier that finds white squares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.images import write_image
from square_classifier import FACE, SQUARE_SCORE, box_of, squares


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    write_image(Path("photos/one.png"), squares(200, 160, (40, 24)))
    write_image(Path("photos/none.png"), squares(120, 90))
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def detect(weights: Path, *words: object) -> Result:
    scale = ("--min-face", FACE, "--max-face", FACE, "--min-score", 0.97)
    return run("detect", "photos", "--model", weights, *scale, *words)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("photos")
def test_json_is_that_of_the_detector(square_weights: Path, spot_weights: Path) -> None:
    none, one = lines(detect(square_weights, "--json"))
    assert none == {"file": "photos/none.png", "width": 120, "height": 90, "faces": []}
    assert one["faces"] == [
        {"box": [round(edge, 1) for edge in box_of(40, 24)], "score": SQUARE_SCORE}
    ]
    by_detector = lines(run("detect", "photos/one.png", "--model", spot_weights, "--json"))[0]
    assert by_detector["faces"]
    assert shape_of(one) == shape_of(by_detector)


def shape_of(value: Any) -> Any:
    """Names and types of what JSON holds, a list as its first item."""
    if isinstance(value, dict):
        return {name: shape_of(item) for name, item in value.items()}
    return [shape_of(value[0])] if isinstance(value, list) else type(value)


@pytest.mark.usefixtures("photos")
def test_drawings_crops_and_workers(square_weights: Path) -> None:
    written = ("--draw", "seen", "--crops", "crops", "--csv", "faces.csv")
    alone = detect(square_weights, "--json", *written, "--workers", 1)
    assert {path.name for path in Path("seen").glob("*.jpg")} == {
        "one_faces.jpg", "none_faces.jpg",
    }  # fmt: skip
    assert [path.name for path in Path("crops").glob("*.jpg")] == ["one_face_1.jpg"]
    assert len(Path("faces.csv").read_text().splitlines()) == 2
    assert detect(square_weights, "--json", "--workers", 2).stdout == alone.stdout


@pytest.mark.usefixtures("photos")
def test_stride_and_scales_are_options(square_weights: Path) -> None:
    # At a stride of 64 the windows begin at -16, 48, ...: none is near the square.
    assert lines(detect(square_weights, "--json", "--stride", 64))[1]["faces"] == []
    # From 25 pixels in steps of 4 the scales are for 25 and 98: none for 49.
    words = ("--min-face", FACE / 2, "--max-face", 200, "--scale-step", 4)
    assert lines(detect(square_weights, "--json", *words))[1]["faces"] == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--stride", 0), 2, "0 is not in the range 1<=x<=64"),
        (("--stride", -1), 2, "-1 is not in the range"),
        (("--scale-step", 1.00001), 2, "1.00001 is not in the range 1.02<=x<=4"),
        (("--scale-step", "nan"), 2, "finite"),
        (("--max-face", 0), 2, "not in the range x>0"),
        (("--min-face", 90, "--max-face", 50), 2, "--min-face 90 is more than --max-face 50"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_what_makes_no_sense_is_refused(
    square_weights: Path, words: tuple[object, ...], code: int, message: str
) -> None:
    result = run("detect", "photos", "--model", square_weights, *words)
    assert result.exit_code == code
    assert message in result.stderr


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_detector_has_no_windows(spot_weights: Path, workers: int) -> None:
    words = ("--model", spot_weights, "--stride", 8, "--workers", workers)
    result = run("detect", "photos", *words)
    assert result.exit_code == 1
    assert "has no windows" in result.stderr
    assert "settings of a classifier" in result.stderr


def test_help_fits_a_screen() -> None:
    assert len(run("detect", "--help").stdout.splitlines()) <= 50


@pytest.fixture
def annotated(photos: Path) -> tuple[object, ...]:
    left, top, right, bottom = box_of(40, 24)
    box = [left, top, right - left, bottom - top]
    content = {
        "images": [{"id": 1, "file_name": "one.png"}, {"id": 2, "file_name": "none.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "face"}],
    }
    (photos / "faces.json").write_text(json.dumps(content))
    return "--annotations", "faces.json", "--images", "photos", "--json"


def test_benchmark_coco_scores_a_classifier(
    annotated: tuple[object, ...], square_weights: Path
) -> None:
    done = run("benchmark", "coco", *annotated, "--model", square_weights, "--min-score", 0.9)
    values = json.loads(done.stdout)
    assert values["ap"] == {"0.5": 1.0, "0.4": 1.0}


def test_benchmark_compare_takes_a_classifier(
    annotated: tuple[object, ...], square_weights: Path
) -> None:
    run_folder = square_weights.parent
    words = ("--detector", f"squares=classifier:{run_folder}", "--size", "64x48")
    done = run("benchmark", "compare", *annotated, *words)
    assert done.exit_code == 0, done.stderr
    (found,) = json.loads(done.stdout)["detectors"]
    assert found["detector"] == "squares"
    without_file = run("benchmark", "compare", *annotated, "--detector", "classifier")
    assert "classifier needs its weights file" in without_file.stderr
