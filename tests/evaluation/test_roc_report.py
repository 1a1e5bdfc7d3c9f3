"""The report on scored rows: figures against their definitions, JSON without NaN, the picture."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from PIL import Image

from facesmith.errors import WriteError
from facesmith.evaluation.roc_report import RocReport, draw_roc, report, write_report
from facesmith.metrics.roc import EXERCISE_THRESHOLDS, UndefinedMetricWarning
from oracles import pairwise_auc, rates_at

# Faces at .9, .6, .4; others at .6, .1: worked out by hand in test_roc.py.
LABELS, SCORES = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.6, 0.6, 0.4, 0.1])


def made(labels=LABELS, scores=SCORES, *, photos=None, **more) -> RocReport:
    named = {"network": "compact", "rows": "all rows of patches.npz"} | more
    return report(labels, scores, photos=photos, **named)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, overlapping scores with ties, and the photos of the rows: five rows each."""
    r = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    scores = np.round(1 / (1 + np.exp(-r.normal(labels * 4 - 2, 1.5))), 3)
    return labels, scores, np.arange(n) // 5


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


def test_figures_are_those_of_their_definitions():
    labels, scores, photos = drawn(100, seed=0)
    found = made(labels, scores, photos=photos)
    assert (found.n_faces, found.n_others, found.n_photos) == (50, 50, 20)
    assert found.curve.auc == pytest.approx(pairwise_auc(labels, scores))
    assert found.accuracy == np.mean((scores >= 0.5) == labels)
    best = found.curve.best
    assert (best.tpr, best.fpr) == pytest.approx(rates_at(labels, scores, best.threshold))
    # Nearest to (0, 1) of all thresholds that make a difference.
    distances = [math.hypot(1 - t, f) for t, f in (rates_at(labels, scores, s) for s in scores)]
    assert math.hypot(1 - best.tpr, best.fpr) == pytest.approx(min(distances))
    assert found.accuracy_at_best == np.mean((scores >= best.threshold) == labels)
    for name in ("auc", "accuracy", "accuracy_at_best", "tpr", "fpr"):
        low, high = getattr(found.intervals, name)
        assert 0 <= low <= high <= 1, name


def test_json_is_the_public_contract(tmp_path):
    _, json_path = write_report(made(), tmp_path / "new" / "folder")
    stored = json.loads(json_path.read_text(), parse_constant=pytest.fail)  # no NaN, no Infinity
    assert stored["auc"] == pytest.approx(0.75)
    assert stored["accuracy"] == pytest.approx(0.6)
    assert stored["best"] == {"threshold": 0.4, "tpr": 1.0, "fpr": 0.5}
    assert stored["curve"]["threshold"] == [None, 0.9, 0.6, 0.4, 0.1]  # at infinity, nothing
    assert stored["curve"]["fpr"] == [0, 0, 0.5, 0.5, 1]
    assert stored["curve"]["tpr"] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert stored["intervals"]["resampled"] == "rows"
    assert (stored["n_faces"], stored["n_others"], stored["n_photos"]) == (3, 2, None)


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_only_is_null_in_the_json_and_still_a_picture(tmp_path, label):
    labels, scores = np.full(4, label), np.array([0.1, 0.2, 0.8, 0.9])
    with pytest.warns(UndefinedMetricWarning):
        found = made(labels, scores)
    picture, json_path = write_report(found, tmp_path)
    stored = json.loads(json_path.read_text(), parse_constant=pytest.fail)
    assert stored["auc"] is None
    assert stored["best"] == {"threshold": None, "tpr": None, "fpr": None}
    assert stored["accuracy"] == 0.5
    assert stored["accuracy_at_best"] is None
    assert stored["intervals"]["auc"] == [None, None]
    known, unknown = ("tpr", "fpr") if label else ("fpr", "tpr")
    assert stored["curve"][known] == [0, 0.25, 0.5, 0.75, 1]
    assert set(stored["curve"][unknown]) == {None}
    assert size_of(picture)[0] > 600


def test_all_scores_equal_is_a_straight_line_of_area_one_half():
    found = made(np.array([0, 1, 1]), np.full(3, 0.7))
    assert found.curve.auc == 0.5
    assert (found.curve.best.tpr, found.curve.best.fpr) == (0, 0)  # as near as (1, 1), stricter
    assert found.to_dict()["best"]["threshold"] is None


def test_exercise_thresholds_are_hundredths():
    labels, scores, photos = drawn(100, seed=1)
    found = made(labels, scores, photos=photos, thresholds=EXERCISE_THRESHOLDS)
    assert found.to_dict()["curve"]["threshold"] == pytest.approx(
        [i / 100 for i in range(100, -1, -1)]
    )
    assert round(found.curve.best.threshold * 100) == pytest.approx(
        100 * found.curve.best.threshold
    )


def test_same_seed_same_files(tmp_path):
    labels, scores, photos = drawn(60, seed=2)
    files = [
        [path.read_bytes() for path in write_report(made(labels, scores, photos=photos), folder)]
        for folder in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]


def test_the_curve_runs_where_the_picture_shows_it(tmp_path):
    """A perfect curve hugs the left and the upper edge: its colour is there and nowhere else."""
    path = tmp_path / "roc.png"
    draw_roc([made(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))], path)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = (abs(pixels - (0, 0x72, 0xB2)).sum(axis=2) < 20).nonzero()
    height, width = pixels.shape[:2]
    assert blue[1].min() < 0.2 * width  # the vertical part
    columns = np.bincount(blue[1], minlength=width)
    assert columns.max() > 0.6 * height
    assert columns.argmax() < 0.2 * width


@pytest.mark.parametrize("n", [1, 2, 7])
def test_several_curves_in_one_picture(tmp_path, n):
    reports = [made(*drawn(100, seed)[:2], network=f"net {seed}") for seed in range(n)]
    path = tmp_path / "roc.png"
    draw_roc(reports, path)
    assert size_of(path)[0] > 600


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "roc.png"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("facesmith.files.atomic.os.fsync", refuse)

    with pytest.raises(WriteError, match=r"roc\.png: the disk is full"):
        draw_roc([made()], Path(path))
    assert path.read_bytes() == b"old"
