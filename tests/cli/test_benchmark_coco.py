"""`facesmith benchmark coco`, with a detector that finds white spots and with others' output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from spot_detector import spots


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, three faces of which one is ignored.

    The detector's boxes begin 12 px before a spot and are 32x32: on one.png (28, 20) and (84, 52),
    on two.png (36, 28).
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val").mkdir()
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save("val/one.png")
    Image.fromarray(spots(120, 90, (48, 40))).save("val/two.png")
    coco = {
        "images": [{"id": 1, "file_name": "one.png"}, {"id": 2, "file_name": "two.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [84, 52, 32, 32], "iscrowd": 1},
            # Only 14 of 32 px in common with what is found, an IoU of 14 / 32 = 0.4375.
            {"id": 3, "image_id": 2, "category_id": 1, "bbox": [36, 28, 32, 14], "iscrowd": 0},
        ],
        "categories": [{"id": 1, "name": "face"}],
    }
    Path("val.json").write_text(json.dumps(coco))
    return tmp_path


def run(*arguments: object) -> Result:
    words = ["benchmark", "coco", "--annotations", "val.json", "--images", "val"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def figures(*arguments: object) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.stderr
    values: dict[str, Any] = json.loads(result.stdout)
    return values


@pytest.mark.usefixtures("folder")
def test_the_detector_is_scored_at_both_overlaps(spot_weights: Path) -> None:
    # Equal scores enter together: at 0.5 one right, one false of two faces, so AP is 1/2 * 1/2.
    values = figures("--model", spot_weights, "--min-height", 0)
    assert values["ap"] == {"0.5": 0.25, "0.4": 1.0}
    assert values["recall"] == {"0.5": 0.5, "0.4": 1.0}
    # The one point has 1 false box in 2 photos at 0.5.
    assert values["recall_at_false_per_photo"]["0.5"] == {"0.1": 0.0, "1.0": 0.5}
    assert (values["photos"], values["faces"], values["ignored_faces"]) == (2, 2, 1)
    assert values["detections"] == 3
    assert values["scored"] == f"facesmith, {spot_weights.as_posix()}"
    # By default the face of 14 px does not count, and the box on it is dropped where it matches.
    low = figures("--model", spot_weights, "--iou", 0.4)
    assert (low["ap"], low["faces"], low["ignored_faces"]) == ({"0.4": 1.0}, 1, 2)
    assert low["min_height"] == 16
    none = figures("--model", spot_weights, "--min-score", 0.99)
    assert none["detections"] == 0


@pytest.mark.usefixtures("folder")
def test_what_detect_prints_and_coco_results_give_the_figures_of_the_detector(
    spot_weights: Path,
) -> None:
    detected = CliRunner().invoke(main, ["detect", "val", "--json", "--model", str(spot_weights)])
    Path("faces.jsonl").write_text(detected.stdout)
    entries = [(1, 28, 20, 32, 32), (1, 84, 52, 32, 32), (2, 36, 28, 32, 32)]
    results = [{"image_id": i, "category_id": 1, "bbox": box, "score": -7} for i, *box in entries]
    Path("results.json").write_text(json.dumps(results))
    for rule in ("voc", "coco"):
        ours = figures("--model", spot_weights, "--rule", rule)
        for name in ("faces.jsonl", "results.json"):
            theirs = figures("--detections", name, "--rule", rule)
            assert theirs == ours | {"scored": name}


@pytest.mark.usefixtures("folder")
def test_the_table_and_the_files(spot_weights: Path) -> None:
    result = run("--model", spot_weights, "--out", "new/out", "--iou", "0.4")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[1:] == [
        "photos     2 with 1 face; 2 ignored",
        "rule       VOC 2010, every point of the curve, faces lower than 16 px ignored",
        "IoU        AP      recall  recall at 0.1 / 1 false boxes a photo",
        "0.4        1.0000  1.0000  1.0000 / 1.0000",
        f"written    {Path('new/out/coco.json')}, {Path('new/out/precision_recall.png')}",
    ]
    assert result.stderr == "2 photos with 2 faces; 0 entries left out.\n"
    written = json.loads(Path("new/out/coco.json").read_text())
    assert written["ap"] == {"0.4": 1.0}
    assert written["curves"]["0.4"]["recall"] == [1.0]
    with Image.open("new/out/precision_recall.png") as picture:
        assert min(picture.size) > 400
    assert run("--model", spot_weights, "--quiet").output == ""


@pytest.mark.usefixtures("folder")
def test_bad_annotations_are_named_and_the_rest_is_scored(spot_weights: Path) -> None:
    Path("val/two.png").unlink()
    Path("faces.jsonl").write_text(
        '{"file": "val/one.png", "faces": [{"box": [28, 20, 60, 52], "score": 0.5}]}\n'
        '{"file": "val/two.png", "faces": []}\n'
    )
    for options in (("--model", spot_weights), ("--detections", "faces.jsonl")):
        result = run(*options, "--json")
        assert result.exit_code == 0
        assert "Left out: val.json image 2" in result.stderr
        assert json.loads(result.stdout)["photos"] == 1


@pytest.mark.usefixtures("folder")
def test_without_a_face_that_counts_the_table_has_no_figures() -> None:
    Path("results.json").write_text("[]")
    result = run("--detections", "results.json", "--min-height", 50)
    assert "0.5        -       -       - " in result.stdout
    assert figures("--detections", "results.json", "--min-height", 50)["ap"]["0.5"] is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--detections", "val.json", "--model", "val"), 2, "either --detections"),
        (("--detections", "gone.json"), 2, "does not exist"),
        (("--iou", "50"), 2, "--iou"),
        (("--min-score", "7"), 2, "our scores are from 0 to 1"),
        (("--detections", "val.json"), 1, "expected a line of `facesmith detect --json`"),
        (("--detections", "results.json", "--out", "val.json/x"), 1, "Cannot write"),
    ],
)
def test_wrong_use_ends_with_one_line(options: tuple[str, ...], code: int, message: str) -> None:
    Path("results.json").write_text("[]")
    result = run(*options)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_the_face_may_be_one_of_several_categories() -> None:
    coco = json.loads(Path("val.json").read_text())
    coco["categories"] = [{"id": 1, "name": "head"}, {"id": 2, "name": "hat"}]
    Path("val.json").write_text(json.dumps(coco))
    entry = {"image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32], "score": 3}
    Path("results.json").write_text(json.dumps([entry, entry | {"category_id": 2}]))
    refused = run("--detections", "results.json")
    assert refused.exit_code == 1
    assert "Name it with --category" in refused.stderr
    values = figures("--detections", "results.json", "--category", "head", "--format", "coco")
    assert (values["detections"], values["recall"]["0.5"]) == (1, 1.0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("option", ["--iou", "--min-height"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_options_take_finite_numbers_only(option: str, value: str) -> None:
    result = run(option, value)
    assert result.exit_code == 2
    assert option in result.stderr
