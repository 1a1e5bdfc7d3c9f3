"""`facesmith mine`: a detector that finds white spots, on photos with and without faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.curation.hard_negatives import read_mined
from spot_detector import spots


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One photo without faces and one with a face; both have a spot where there is none.

    The detector's boxes begin 12 px before a spot and are 32x32: on pets/dog.png (28, 20), on
    val/one.png (28, 20), the face, and (84, 52).
    """
    monkeypatch.chdir(tmp_path)
    for name in ("val", "pets"):
        Path(name).mkdir()
    Image.fromarray(spots(160, 120, (40, 32))).save("pets/dog.png")
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save("val/one.png")
    coco = {
        "images": [{"id": 1, "file_name": "one.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [28, 20, 32, 32]}],
        "categories": [{"id": 1, "name": "face"}],
    }
    Path("val.json").write_text(json.dumps(coco))
    return tmp_path


def run(weights: Path, *arguments: object) -> Result:
    words = ["mine", "--model", weights, "--out", "mined.json", *arguments]
    return CliRunner().invoke(main, [str(word) for word in words])


ANNOTATED = ("--annotations", "val.json", "--images", "val")


@pytest.mark.usefixtures("folder")
def test_false_boxes_are_written_and_drawn(spot_weights: Path) -> None:
    result = run(spot_weights, "--negatives", "pets", *ANNOTATED)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "face-free   1 false box with a score of at least 0.20, in 1 of 1 photo",
        "background  0 false boxes with a score of at least 0.20, in 0 of 1 photo",
        (
            "left out    1 box above 0.50 in the background: likely faces without a box. "
            "`facesmith audit` shows them"
        ),
        "written     mined.json, mined.png",
    ]
    (box,) = read_mined("mined.json")
    assert (box.file, box.box) == ("pets/dog.png", (28, 20, 60, 52))
    with Image.open("mined.png") as sheet:
        assert sheet.width > 1000


@pytest.mark.usefixtures("folder")
def test_a_folder_of_people_taken_for_face_free_is_named(spot_weights: Path) -> None:
    warning = "of --negatives with a box of a score of at least 0.9. Do they show people?"
    result = run(spot_weights, "--negatives", "pets")
    assert result.exit_code == 0
    assert f"Warning: 1 of 1 photo {warning}" in result.stderr
    for number in range(4):
        Image.new("RGB", (160, 120), (90, 90, 90)).save(f"pets/{number}.png")
    assert warning not in run(spot_weights, "--negatives", "pets", "--force").stderr


@pytest.mark.usefixtures("folder")
def test_counts_as_json(spot_weights: Path) -> None:
    result = run(
        spot_weights, "--negatives", "pets", *ANNOTATED, "--max-background-score", 1, "--json"
    )
    counts: dict[str, Any] = json.loads(result.stdout)
    assert counts == {
        "photos": {"face-free": 1, "background": 1},
        "boxes": {"face-free": 1, "background": 1},
        "likely_faces_left_out": 0,
        "incomplete_photos_left_out": 0,
        "unreadable_photos_left_out": 0,
        "boxes_written": 2,
    }
    kinds = [box.kind for box in read_mined("mined.json")]
    assert sorted(kinds) == ["background", "face-free"]


@pytest.mark.usefixtures("folder")
def test_files_are_replaced_with_force_only(spot_weights: Path) -> None:
    Path("mined.png").write_bytes(b"a drawing")
    refused = run(spot_weights, "--negatives", "pets")
    assert refused.exit_code == 1
    assert "mined.png exists. Pass --force" in refused.stderr
    assert Path("mined.png").read_bytes() == b"a drawing"
    assert run(spot_weights, "--negatives", "pets", "--force", "--quiet").output == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Nothing to search"),
        (("--images", "val"), "--annotations and --images go together"),
        (("--negatives", "pets", "--out", "mined.png"), "would be its contact sheet"),
        (("--negatives", "pets", "--min-score", "nan"), "expected a finite number"),
    ],
)
def test_wrong_command_lines(spot_weights: Path, words: tuple[str, ...], message: str) -> None:
    result = run(spot_weights, *words)
    assert result.exit_code == 2
    assert message in result.stderr
