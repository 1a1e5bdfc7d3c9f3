"""`facesmith train --only landmarks`, at the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch")

from facesmith import load_detector  # noqa: E402
from facesmith.cli import main  # noqa: E402
from facesmith.detection.landmarks import LANDMARKS_FILE, LandmarkFinder  # noqa: E402

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
CENTRES = np.array([[-12, -9], [12, -9], [0, 3], [-9, 15], [9, 15]])


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """70 photos of two boxes of 48 px each with five marks in it, and COCO JSON with the marks."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(70):
        image = np.full((80, 160, 3), 90, np.uint8)
        images.append({"id": number, "file_name": f"{number}.png", "width": 160, "height": 80})
        for left in (16, 96):
            points = CENTRES + rng.integers(-4, 5, (5, 2)) + (left + 24, 40)
            for (x, y), colour in zip(points, COLOURS, strict=True):
                image[y - 2 : y + 2, x - 2 : x + 2] = colour
            annotations.append(
                {
                    "id": len(annotations), "image_id": number, "category_id": 1,
                    "bbox": [left, 16, 48, 48], "iscrowd": 0,
                    "keypoints": [int(v) for x, y in points for v in (x, y, 2)],
                }
            )  # fmt: skip
        Image.fromarray(image).save(folder / "photos" / f"{number}.png")
    names = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"]
    coco = {
        "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "keypoints": names}],
    }  # fmt: skip
    (folder / "points.json").write_text(json.dumps(coco))
    return folder


def train(folder, *options):
    given = [str(folder / "points.json"), "--images", str(folder / "photos"), *map(str, options)]
    return CliRunner().invoke(main, ["train", *given, "--only", "landmarks"])


def test_landmarks_are_learned_and_the_detector_stays_as_it_is(marked, tmp_path):
    out = tmp_path / "points"
    options = ("--epochs", 20, "--batch-size", 16, "--learning-rate", 0.003, "--threads", 1)
    result = train(marked, "--out", out, *options)
    assert result.exit_code == 0, result.output
    metrics = json.loads((out / "metrics.json").read_text())["landmarks"]
    assert metrics["faces"] + metrics["faces_held_out"] == 140
    assert f"Learned from {metrics['faces']} faces" in result.output
    # A network that has learned nothing is off by about a fifth of the box.
    assert metrics["nme"][metrics["kept"]] < 0.1
    finder = LandmarkFinder(out / LANDMARKS_FILE)
    assert finder.context == 0.3
    image = np.zeros((240, 320, 3), np.uint8)
    shipped, new = load_detector(), load_detector(out)
    assert shipped(image, min_score=0.01) == new(image, min_score=0.01)
    again = train(marked, "--out", out, "--resume", *options)
    assert again.exit_code == 0, again.output
    assert json.loads((out / "metrics.json").read_text())["landmarks"]["nme"] == metrics["nme"]


def test_too_few_points_are_refused(marked, tmp_path):
    coco = json.loads((marked / "points.json").read_text())
    for face in coco["annotations"][60:]:
        del face["keypoints"]
    few = tmp_path / "few.json"
    few.write_text(json.dumps(coco))
    given = [str(few), "--images", str(marked / "photos"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["train", *given, "--only", "landmarks"])
    assert result.exit_code == 1
    assert "at least 100 faces with points" in result.output
    assert not (tmp_path / "run").exists()


def test_options_of_other_trainings_are_refused(marked, tmp_path):
    result = train(marked, "--out", tmp_path / "run", "--quick")
    assert result.exit_code == 2
    assert "--quick does not go with --only landmarks" in result.output
