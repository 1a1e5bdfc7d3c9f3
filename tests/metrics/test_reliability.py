"""Whether scores mean what they say: bins worked out by hand, matching, intervals, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facesmith.cli import main
from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces
from facesmith.metrics.reliability import (
    expected_error_interval,
    reliability,
)
from facesmith.metrics.scored_rows import ScoredRows, match_scores


def slow_expected_error(scores, right, n_bins=10) -> float:
    """One bin after the other, one box after the other."""
    error = 0.0
    for i in range(n_bins):
        inside = [
            (score, hit)
            for score, hit in zip(scores, right, strict=True)
            if i / n_bins <= score < (i + 1) / n_bins or (i == n_bins - 1 and score == 1)
        ]
        if inside:
            mean = sum(score for score, _ in inside) / len(inside)
            share = sum(hit for _, hit in inside) / len(inside)
            error += abs(mean - share) * len(inside) / len(scores)
    return error


def test_bins_worked_out_by_hand():
    # 0.05 and 0.15 lie in bins of their own, both wrong: gaps 0.05 and 0.15. Two of 0.95, one
    # right: gap 0.45. Mean over four boxes: (0.05 + 0.15 + 2 * 0.45) / 4 = 0.275.
    compared = reliability([0.05, 0.15, 0.95, 0.95], [False, False, True, False])
    assert compared.counts.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert compared.expected_error == pytest.approx(0.275)
    assert compared.largest_error == pytest.approx(0.45)
    assert np.isnan(compared.mean_scores[2])


def test_edges_belong_to_the_bin_above_and_one_to_the_last():
    compared = reliability([0.0, 0.5, 1.0], [False, True, True], n_bins=2)
    assert compared.counts.tolist() == [1, 2]


def test_it_agrees_with_a_slow_count():
    rng = np.random.default_rng(0)
    scores = rng.random(300)
    right = rng.random(300) < scores**2
    expected = slow_expected_error(scores, right)
    assert reliability(scores, right).expected_error == pytest.approx(expected, rel=1e-12)


def test_no_boxes_are_undefined():
    compared = reliability([], [])
    assert np.isnan(compared.expected_error)
    assert np.isnan(compared.largest_error)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_scores_that_are_no_probabilities(bad):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        reliability([0.5, bad], [True, False])


def test_matching_counts_each_face_once_and_leaves_out_ignored_ones():
    face, low = (10, 10, 50, 50), (60, 10, 70, 20)
    truth = AnnotatedFaces(np.float32([face, low]), np.zeros(2, bool))
    found = Faces(
        np.float32([face, (12, 10, 52, 50), low, (80, 80, 99, 99)]),
        np.float32([0.9, 0.8, 0.7, 0.6]),
    )
    empty = AnnotatedFaces(np.zeros((0, 4), np.float32), np.zeros(0, bool))
    boxes = match_scores([truth, empty], [found, Faces.empty()], iou_threshold=0.4, min_height=16)
    assert boxes.scores == pytest.approx([0.9, 0.8, 0.6])
    assert boxes.right.tolist() == [True, False, False]
    assert boxes.photos.tolist() == [0, 0, 0]
    assert boxes.faces_per_photo.tolist() == [1, 0]


def test_the_interval_draws_whole_photos():
    """All boxes in one photo of two: a resample has the figure itself, or no box at all."""
    boxes = ScoredRows(
        np.array([0.9, 0.9]), np.array([True, False]), np.array([0, 0]), np.array([2.0, 0.0])
    )
    assert expected_error_interval(boxes) == pytest.approx((0.4, 0.4))
    none = ScoredRows(np.zeros(0), np.zeros(0, bool), np.zeros(0, int), np.zeros(3))
    assert np.isnan(expected_error_interval(none)).all()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """One grey photo with one face, and what a detector found in it."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "photos" / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40]}],
        "categories": [{"id": 1, "name": "face"}],
    }
    (tmp_path / "val.json").write_text(json.dumps(content))
    found = [
        {"image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.75},
        {"image_id": 1, "category_id": 1, "bbox": [60, 60, 30, 30], "score": 0.25},
    ]
    (tmp_path / "found.json").write_text(json.dumps(found))
    return tmp_path


def run(folder: Path, *words: str):
    start = ["benchmark", "reliability", "--annotations", str(folder / "val.json")]
    return CliRunner().invoke(main, [*start, "--images", str(folder / "photos"), *words])


def test_the_command_prints_and_writes(photo):
    pytest.importorskip("matplotlib")
    found = ("--detections", str(photo / "found.json"))
    result = run(photo, *found, "--json", "--out", str(photo / "out"))
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    # Gaps of 0.25 in both bins.
    assert figures["expected_calibration_error"] == pytest.approx(0.25)
    assert figures["n_boxes"] == 2
    assert [each["boxes"] for each in figures["bins"]] == [0, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    assert json.loads((photo / "out" / "reliability.json").read_text()) == figures
    assert (photo / "out" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    table = run(photo, *found)
    assert "expected calibration error 0.2500" in table.stdout
    assert run(photo, *found, "--quiet").stdout == ""


def test_the_command_on_no_boxes_says_so(photo):
    result = run(photo, "--detections", str(photo / "found.json"), "--min-score", "0.9")
    assert result.exit_code == 0, result.output
    assert "undefined" in result.stdout
