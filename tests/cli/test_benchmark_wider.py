"""`facesmith benchmark wider`, on others' predictions and with a detector of white spots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from spot_detector import spots
from wider_files import save_ground_truth, save_predictions, two_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images with a white spot each, whose boxes are (28, 20) and (36, 28), 32x32 px.

    The second face counts in the setting hard alone.
    """
    monkeypatch.chdir(tmp_path)
    truth = two_images()
    save_ground_truth(tmp_path / "truth", truth)
    for each, corner in zip(truth, ((40, 32), (48, 40)), strict=True):
        path = tmp_path / "images" / each.event / f"{each.name}.jpg"
        path.parent.mkdir(parents=True)
        Image.fromarray(spots(160, 120, corner)).save(path, quality=100)
    return tmp_path


def write(name: str = "found") -> str:
    """The folder of the predictions: three boxes in two images."""
    save_predictions(Path(name))
    return name


def run(*arguments: object) -> Result:
    words = ["benchmark", "wider", "--ground-truth", "truth", *map(str, arguments)]
    return CliRunner().invoke(main, words)


def figures(*arguments: object) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.stderr
    values: dict[str, Any] = json.loads(result.stdout)
    return values


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("protocol", ["common", "strict"])
def test_predictions_are_scored_in_three_settings(protocol: str) -> None:
    # False, right: precision 1/2 at recall 1. Hard: false, right, right: 2/3 at recall 1.
    # The last box lies on an ignored face in the other settings.
    values = figures("--predictions", write(), "--protocol", protocol)
    assert values == {
        "scored": "found",
        "protocol": protocol,
        "images": 2,
        "detections": 3,
        "ap": {"easy": 0.5, "medium": 0.5, "hard": pytest.approx(2 / 3)},
        "faces": {"easy": 1, "medium": 1, "hard": 2},
        "image_scale": None,
    }


@pytest.mark.usefixtures("folder")
def test_the_detector_is_run_and_its_predictions_are_written(spot_weights: Path) -> None:
    options = ("--images", "images", "--model", spot_weights, "--protocol", "strict")
    values = figures(*options, "--predictions", "new/found", "--min-face", 10)
    assert values["ap"] == {"easy": 1.0, "medium": 1.0, "hard": 1.0}
    assert values["image_scale"] == {"min": 1.0, "max": 1.0}
    name, count, box = Path("new/found/0--Parade/one.txt").read_text().splitlines()
    assert (name, count) == ("one.jpg", "1")
    assert [float(word) for word in box.split()] == pytest.approx([28, 20, 32, 32, 0.98], abs=0.01)
    # Scoring what was written gives the same.
    again = figures("--predictions", "new/found", "--protocol", "strict")
    assert again["ap"] == values["ap"]
    refused = run(*options, "--predictions", "new/found")
    assert refused.exit_code == 2
    assert "is not empty. Leave out --images" in refused.stderr
    # At half the scale the spot is no cell of its own any more.
    half = figures(*options, "--out", "half", "--min-face", 20)
    assert half["image_scale"] == {"min": 0.5, "max": 0.5}
    assert half["scored"] == "half/predictions"


@pytest.mark.usefixtures("folder")
def test_the_table_and_the_files() -> None:
    result = run("--predictions", write(), "--out", "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "scored       found",
        "images       2 with 3 boxes predicted",
        "image scale  not known here; state it with the figures",
        "protocol     common, IoU 0.5",
        "setting      AP      faces",
        "easy         0.5000  1",
        "medium       0.5000  1",
        "hard         0.6667  2",
    ]
    written = json.loads(Path("out/wider.json").read_text())
    assert written["curves"]["hard"]["recall"][-1] == 1
    with Image.open("out/precision_recall.png") as picture:
        assert min(picture.size) > 400
    assert run("--predictions", "found", "--quiet").output == ""


@pytest.mark.usefixtures("folder")
def test_equal_scores_are_warned_of() -> None:
    folder = Path(write())
    (folder / "1--Handshaking" / "two.txt").write_text("two\n0\n")
    result = run("--predictions", folder)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: all scores are 0.5")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "Pass --predictions, what a detector found, or --images"),
        (("--predictions", "gone"), 2, "the folder gone does not exist"),
        (("--predictions", "images", "--min-face", "1"), 2, "--min-face goes with --images"),
        (("--images", "images"), 2, "--images needs --predictions or --out"),
        (("--images", "truth", "--out", "out"), 1, "one.jpg is missing, and 1 more"),
        (("--predictions", "images"), 1, "one.txt is missing, and 1 more"),
        (("--ground-truth", "images", "--predictions", "images"), 1, "wider_face_val.mat"),
        (("--predictions", "found", "--out", "images/0--Parade/one.jpg/x"), 1, "Cannot write"),
    ],
)
def test_wrong_use_ends_with_one_line(options: tuple[str, ...], code: int, message: str) -> None:
    write()
    result = run(*options)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_a_broken_image_ends_the_run(spot_weights: Path) -> None:
    Path("images/0--Parade/one.jpg").write_bytes(b"no image")
    result = run("--images", "images", "--out", "out", "--model", spot_weights)
    assert result.exit_code == 1
    assert "one.jpg" in result.stderr
