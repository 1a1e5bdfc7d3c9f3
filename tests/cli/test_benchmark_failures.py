"""`facesmith benchmark failures`: a detector that finds white spots, and others' output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from spot_detector import SPOT_SCORE, spots


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos with three faces; the detector finds the first two and a spot that is no face.

    Its boxes begin 12 px before a spot and are 32x32: on one.png (28, 20) and (84, 52), on two.png
    (36, 28), where there is no face.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val").mkdir()
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save("val/one.png")
    Image.fromarray(spots(200, 90, (48, 40))).save("val/two.png")
    masked = {"attributes": {"mask": "with_mask"}}
    coco = {
        "images": [{"id": 1, "file_name": "one.png"}, {"id": 2, "file_name": "two.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [84, 52, 32, 32], **masked},
            {"id": 3, "image_id": 2, "category_id": 1, "bbox": [150, 20, 20, 20], **masked},
        ],
        "categories": [{"id": 1, "name": "face"}],
    }
    Path("val.json").write_text(json.dumps(coco))
    return tmp_path


def run(*arguments: object) -> Result:
    words = ["benchmark", "failures", "--annotations", "val.json", "--images", "val"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def figures(*arguments: object) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.stderr
    values: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return values


def bins(values: dict[str, Any], name: str) -> dict[str, tuple[int, int]]:
    """Label -> how many faces, how many found, of one condition."""
    (part,) = (each for each in values["faces"] if each["condition"] == name)
    return {b["label"]: (b["n_faces"], b["n_found"]) for b in part["bins"] if b["n_faces"]}


@pytest.mark.usefixtures("folder")
def test_the_detector_is_judged_at_its_own_threshold(spot_weights: Path) -> None:
    values = figures("--model", spot_weights)
    assert (values["n_photos"], values["n_faces"], values["n_found"]) == (2, 3, 2)
    assert (values["n_boxes"], values["n_false_boxes"]) == (3, 1)
    assert bins(values, "face height") == {"16-24 px": (1, 0), "24-48 px": (2, 2)}
    assert bins(values, "mask") == {"with_mask": (2, 1), "not stated": (1, 1)}
    assert [(miss["file"], miss["reason"]) for miss in values["misses"]] == [
        ("two.png", "not seen")
    ]
    false = values["false_boxes"][0]
    assert (false["file"], false["box"], false["kind"]) == ("two.png", [36, 28, 68, 60], "no face")
    assert false["score"] == pytest.approx(SPOT_SCORE, abs=1e-3)
    # Above its scores nothing counts, and each face that it saw is below the threshold.
    strict = figures("--model", spot_weights, "--min-score", 0.99)
    reasons = sorted(miss["reason"] for miss in strict["misses"])
    assert reasons == ["below the threshold", "below the threshold", "not seen"]
    assert strict["n_boxes"] == 0


@pytest.mark.usefixtures("folder")
def test_detections_of_any_detector_are_judged_from_a_score_on() -> None:
    rows = [(1, [28, 20, 32, 32], 0.9), (1, [84, 52, 32, 32], 0.3), (2, [0, 0, 20, 20], 0.2)]
    results = [
        {"image_id": image, "category_id": 1, "bbox": box, "score": score}
        for image, box, score in rows
    ]
    Path("results.json").write_text(json.dumps(results))
    result = run("--detections", "results.json", "--json")
    assert json.loads(result.stdout)["n_found"] == 2
    assert "down to a score of 0.20; --min-score" in result.stderr
    values = figures("--detections", "results.json", "--min-score", 0.5)
    assert (values["scored"], values["n_found"], values["n_boxes"]) == ("results.json", 1, 1)
    assert values["misses"][0]["reason"] == "below the threshold"
    # The box of 32 px on a face of 32 px that lies 8 px higher has an IoU of 24 / 40 = 0.6.
    results[0]["bbox"] = [28, 12, 32, 32]
    Path("results.json").write_text(json.dumps(results))
    assert figures("--detections", "results.json", "--iou", 0.59)["n_found"] == 2
    assert figures("--detections", "results.json", "--iou", 0.61)["n_found"] == 1
    assert figures("--detections", "results.json", "--min-height", 24)["n_faces"] == 2


def test_the_table_the_files_and_quiet(folder: Path, spot_weights: Path) -> None:
    result = run("--model", spot_weights, "--out", "deep/out")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[2].startswith("recall     0.667  (95 %: 0.208-0.939)  2 of 3 faces found")
    assert lines[4] == "misses     1 not seen, 0 badly placed, 0 below the threshold"
    row = next(line for line in lines if line.startswith("  24-48 px"))
    assert row.split() == ["24-48", "px", "2", "2", "1.000", "0.342-1.000", "0.98"]
    names = ["breakdown.png", "failures.json", "false_boxes.png", "misses.png"]
    assert sorted(path.name for path in (folder / "deep/out").glob("[!.]*")) == names
    written = json.loads((folder / "deep/out/failures.json").read_text())
    assert written == figures("--model", spot_weights)
    quiet = run("--model", spot_weights, "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.usefixtures("folder")
def test_weak_bins_are_marked_and_lead_to_advice() -> None:
    # 20 large faces found, 20 of 12 px missed.
    large = [[5 + 20 * (i % 5), 2 + 25 * (i // 5), 18, 24] for i in range(20)]
    small = [[110 + 14 * (i % 5), 2 + 14 * (i // 5), 12, 12] for i in range(20)]
    coco = json.loads(Path("val.json").read_text())
    coco["annotations"] = [
        {"id": i, "image_id": 2, "category_id": 1, "bbox": box}
        for i, box in enumerate([*large, *small], start=1)
    ]
    Image.new("RGB", (200, 110), (90, 90, 90)).save("val/two.png")
    Path("val.json").write_text(json.dumps(coco))
    faces = [{"box": [x, y, x + w, y + h], "score": 0.9} for x, y, w, h in large]
    lines = [{"file": "one.png", "faces": []}, {"file": "two.png", "faces": faces}]
    Path("faces.jsonl").write_text("\n".join(map(json.dumps, lines)))
    output = run("--detections", "faces.jsonl", "--min-score", 0.5).stdout
    marked = [line.split("  ")[1].strip() for line in output.splitlines() if line.endswith("<")]
    assert "10-16 px" in marked
    assert "24-48 px" not in marked
    assert "Add photos with faces of 10-16 px: 20 of 20 faces are missed." in output
    assert "\n--out DIR writes" in output  # advice may speak of the pictures


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", ".", "--detections", "val.json"], 2, "Pass either --detections"),
        (["--iou", "0"], 2, "--iou"),
        (["--iou", "1.1"], 2, "--iou"),
        (["--min-score", "2"], 2, "--min-score"),
        (["--detections", "gone.json"], 2, "does not exist"),
        (["--detections", "bad.jsonl"], 1, "bad.jsonl"),
        (["--model", "val.json"], 1, "val.json"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, arguments: Any, code: int, message: str) -> None:
    (folder / "bad.jsonl").write_text('{"file": "one.png", "faces": [{"box": [1, 2], "score": 1}]}')
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_a_photo_that_is_damaged_behind_its_header_is_left_out_and_named(
    spot_weights: Path,
) -> None:
    Path("val/one.png").write_bytes(Path("val/one.png").read_bytes()[:60])
    result = run("--model", spot_weights)
    assert result.exit_code == 0
    assert "Left out: " in result.stderr
    assert "one.png" in result.stderr
