"""`facesmith audit`: a detector that finds white spots judges annotations with known errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.annotations import load_annotations
from facesmith.cli import main
from spot_detector import SPOT_SCORE, spots


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos; the detector finds (28, 20) and (84, 52) on one.png, (36, 28) on two.png, 32x32.

    The first has a box. On the second is none, and one.png has a box where nothing is. The face of
    two.png is inside of an ignored box.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save("photos/one.png")
    Image.fromarray(spots(200, 90, (48, 40))).save("photos/two.png")
    coco = {
        "images": [
            {"id": 1, "file_name": "one.png", "source": "s"},
            {"id": 2, "file_name": "two.png"},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [110, 2, 30, 30],
             "attributes": {"mask": "no"}},
            {"id": 3, "image_id": 2, "category_id": 1, "bbox": [30, 20, 60, 60], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "face"}],
    }  # fmt: skip
    Path("faces.json").write_text(json.dumps(coco))
    return tmp_path


def run(*arguments: object) -> Result:
    words = ["audit", "faces.json", "--images", "photos", "--out", "out"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def figures(*arguments: object) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.stderr
    values: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return values


def corrected() -> list[list[tuple[list[float], bool, dict[str, str]]]]:
    photos = load_annotations("out/corrected.json", "photos").photos
    return [
        [
            (box, ignored, dict(said))
            for box, ignored, said in zip(
                photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
            )
        ]
        for photo in photos
    ]


def refuse(number: int) -> None:
    rows = list(csv.reader(Path("out/decisions.csv").read_text().splitlines()))
    rows[number][-1] = "refuse"
    with Path("out/decisions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.usefixtures("folder")
def test_wrong_boxes_and_missed_faces_are_found(spot_weights: Path) -> None:
    values = figures("--model", spot_weights)
    assert (values["n_photos"], values["n_boxes"]) == (2, 2)
    wrong, missed = values["findings"]
    assert (wrong["kind"], wrong["reason"], wrong["file"]) == ("suspicious", "no face", "one.png")
    assert (wrong["box"], wrong["score"], wrong["page"]) == ([110, 2, 140, 32], 1, "suspicious.png")
    assert (missed["kind"], missed["file"], missed["number"]) == ("missed", "one.png", 2)
    assert (missed["box"], missed["source"]) == ([84, 52, 116, 84], "s")
    assert missed["score"] == pytest.approx(SPOT_SCORE, abs=1e-3)
    assert json.loads(Path("out/audit.json").read_text()) == values
    assert corrected() == [
        [
            ([28, 20, 60, 52], False, {}),
            ([110, 2, 140, 32], True, {"mask": "no", "audit": "suspicious"}),
            ([84, 52, 116, 84], True, {"audit": "missed"}),
        ],
        [([30, 20, 90, 80], True, {})],
    ]
    sources = [photo["source"] for photo in json.loads(Path("out/corrected.json").read_text())
               ["images"] if "source" in photo]  # fmt: skip
    assert sources == ["s"]


@pytest.mark.usefixtures("folder")
def test_findings_are_refused_and_missed_faces_added(spot_weights: Path) -> None:
    run("--model", spot_weights)
    refuse(1)
    # Without --decisions the refusal would be lost.
    result = run("--model", spot_weights)
    assert result.exit_code == 1
    assert "refuses 1 finding, which this audit would overwrite" in result.stderr
    values = figures("--model", spot_weights, "--decisions", "out/decisions.csv", "--add-missed")
    assert [finding["decision"] for finding in values["findings"]] == ["refuse", "accept"]
    assert [ignored for _, ignored, _ in corrected()[0]] == [False, False, False]
    assert corrected()[0][1][2] == {"mask": "no"}
    # What was decided is there the next time.
    assert Path("out/decisions.csv").read_text().count("refuse") == 1
    result = run("--model", spot_weights, "--decisions", "out/decisions.csv")
    assert "refused     1 of these findings" in result.stdout
    assert "added " not in result.stdout
    result = run("--model", spot_weights, "--decisions", "out/decisions.csv", "--add-missed")
    assert "\nadded       1 of the missed as faces\n" in result.stdout
    assert "\nNext: facesmith train out/corrected.json --images " in result.stdout


def limits(**values: float) -> str:
    """A settings file with these values."""
    Path("settings.json").write_text(json.dumps(values))
    return "settings.json"


@pytest.mark.usefixtures("folder")
def test_detections_of_any_detector_judge() -> None:
    rows = [(1, [28, 20, 32, 32], 0.9), (1, [110, 2, 30, 30], 0.3), (2, [120, 20, 20, 20], 0.85)]
    results = [
        {"image_id": image, "category_id": 1, "bbox": box, "score": score}
        for image, box, score in rows
    ]
    Path("results.json").write_text(json.dumps(results))
    result = run("--detections", "results.json", "--json", "--config", limits(min_suspicion=0.5))
    values = json.loads(result.stdout)
    told = [(f["kind"], f["file"], f["score"]) for f in values["findings"]]
    assert told == [("suspicious", "one.png", 0.7), ("missed", "two.png", 0.85)]
    assert values["judged_by"] == "results.json"
    assert "the lowest score in results.json is 0.30" in result.stderr
    strict = figures("--detections", "results.json", "--config", limits(min_score=0.9))
    assert strict["findings"] == []
    both = limits(min_height=21, min_suspicion=0.6)
    high = figures("--detections", "results.json", "--config", both)
    assert [finding["kind"] for finding in high["findings"]] == ["suspicious"]


@pytest.mark.usefixtures("folder")
def test_the_summary_and_quiet(spot_weights: Path) -> None:
    result = run("--model", spot_weights)
    lines = result.stdout.splitlines()
    assert lines[0] == f"judged by   {spot_weights.as_posix()}"
    assert "--folds finds more" in result.stdout
    assert "found       1 of 2 boxes" in lines
    assert "suspicious  1 of 2 boxes (50.0 %): 1 no face" in lines
    assert "missed      1 face without a box, score 0.8 and more" in lines
    assert "2 photos with 2 faces; 0 entries left out." in result.stderr
    quiet = run("--model", spot_weights, "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.usefixtures("folder")
def test_folds_say_beforehand_how_long_they_take(
    spot_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def stand_in(photos: Any, out: Path, **options: Any) -> Any:
        from facesmith.curation.label_audit.folds import FoldDetections  # noqa: PLC0415
        from facesmith.faces import Faces  # noqa: PLC0415

        found = [Faces(photo.boxes, np.ones(len(photo.boxes), np.float32)) for photo in photos]
        asked.update(options, out=out)
        return FoldDetections(found, [spot_weights for _ in photos])

    monkeypatch.setattr("facesmith.curation.label_audit.folds.detect_in_folds", stand_in)
    result = run("--folds", "--threads", 1, "--epochs", 2, "--negatives", "photos")
    assert result.exit_code == 0, result.output
    assert "Training 3 detectors, about 1 minute on 1 CPU core." in result.stderr
    assert "judged by   3 detectors, each trained on the other photos" in result.stdout
    assert "finds more" not in result.stdout
    assert (asked["n_folds"], asked["out"]) == (3, Path("out/folds"))
    assert asked["config"].proposals.loop.epochs == 2
    assert [photo.name for photo in asked["face_free"]] == ["photos/one.png", "photos/two.png"]
    run("--folds", 5, "--seed", 4)
    assert asked["config"].proposals.loop.epochs > 8, "few photos, more often"
    assert (asked["n_folds"], asked["config"].proposals.loop.seed) == (5, 4)


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_used_is_named(spot_weights: Path) -> None:
    coco = json.loads(Path("faces.json").read_text())
    coco["images"].append({"id": 3, "file_name": "gone.png"})
    Path("faces.json").write_text(json.dumps(coco))
    result = run("--model", spot_weights)
    assert result.exit_code == 0
    assert "Left out: faces.json image 3" in result.stderr
    assert "1 entry left out, and missing in corrected.json" in result.stderr


@pytest.mark.usefixtures("folder")
def test_a_detector_that_finds_little_is_no_judge() -> None:
    Path("found.jsonl").write_text(
        '{"file": "one.png", "faces": [{"box": [28, 20, 60, 52], "score": 0.4}]}\n'
        '{"file": "two.png", "faces": []}\n'
    )
    result = run("--detections", "found.jsonl")
    assert result.exit_code == 1
    assert "Judged by" in result.stderr
    assert "only 0 of 2 boxes are found with a score of 0.5" in result.stderr
    assert not Path("out/corrected.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", ".", "--folds"], 2, "Pass one of --folds and --model"),
        (["--detections", "faces.json", "--model", "."], 2, "Pass one of --model and --detections"),
        (["--epochs", "3"], 2, "--epochs goes with --folds"),
        (["--negatives", "photos"], 2, "--negatives goes with --folds"),
        (["--seed", "0"], 2, "--seed goes with --folds"),
        (["--folds", "1"], 2, "--folds"),
        (["--config", "faces.json"], 1, "Unknown setting 'images'. Known here: min_height"),
        (["--decisions", "gone.csv"], 2, "does not exist"),
        (["--decisions", "faces.json"], 1, "expected the columns number, kind"),
        (["--model", "faces.json"], 1, "faces.json"),
        (["--folds", "2"], 1, "32 photos"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, arguments: Any, code: int, message: str) -> None:
    del folder
    if arguments[0] == "--folds" and code == 1:
        pytest.importorskip("torch")
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
