"""The paired bootstrap: no difference, a sure one, and the slow obvious way."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall
from facesmith.metrics.paired import FIGURES, paired_changes
from facesmith.metrics.scored_rows import ScoredRows, match_scores

BOX = np.array([[0, 0, 20, 20]], np.float32)
AWAY = np.array([[100, 100, 120, 120]], np.float32)


def rows(right: list[list[bool]], scores: list[list[float]], n_faces: list[int]) -> ScoredRows:
    """Rows of photos, from one list a photo."""
    numbers = [i for i, photo in enumerate(right) for _ in photo]
    return ScoredRows(
        np.array([score for photo in scores for score in photo], np.float64),
        np.array([each for photo in right for each in photo], bool),
        np.array(numbers, np.int64),
        np.array(n_faces, np.float64),
    )


def drawn_photos(
    seed: int, n_photos: int = 30
) -> tuple[list[AnnotatedFaces], list[list[Faces]], list[ScoredRows]]:
    """Photos with 0 to 2 faces, and what two detectors find in them, equal scores among it."""
    rng = np.random.default_rng(seed)
    truths, found = [], [[], []]
    for _ in range(n_photos):
        n = int(rng.integers(0, 3))
        corner = np.arange(n)[:, None] * 40.0
        faces = np.concatenate([corner, corner, corner + 20, corner + 20], axis=1)
        truths.append(AnnotatedFaces(faces.astype(np.float32), np.zeros(n, bool)))
        for each, chance in zip(found, (0.5, 0.8), strict=True):
            hit = faces[rng.random(n) < chance]
            false = np.repeat(AWAY, rng.integers(0, 3), axis=0)
            boxes = np.concatenate([hit, false]).astype(np.float32)
            each.append(Faces(boxes, rng.integers(1, 10, len(boxes)).astype(np.float32) / 10))
    matched = [match_scores(truths, each, iou_threshold=0.5) for each in found]
    return truths, found, matched


def test_a_detector_compared_with_itself_differs_by_exactly_nothing():
    _, _, (one, _) = drawn_photos(seed=3)
    for change in paired_changes(one, one).values():
        assert change.difference == 0
        assert change.interval == (0, 0)
        assert not change.told


@pytest.mark.parametrize("seed", range(4))
def test_figures_and_intervals_are_those_of_photos_drawn_one_by_one(seed):
    truths, found, (old, new) = drawn_photos(seed)
    changes = paired_changes(old, new, (0.5, 0.3), n_resamples=60, seed=7)

    def figures(which: int, threshold: float, photos: list[int]) -> list[float]:
        curve = precision_recall([truths[i] for i in photos], [found[which][i] for i in photos])
        at = curve.at_score(float(np.float32(threshold)))
        return [curve.average_precision, curve.recall_at(0.1), at["recall"], at["false_per_photo"]]

    n = len(truths)
    every = list(range(n))
    drawn = np.random.default_rng(7).integers(0, n, (60, n))
    differences = np.array(
        [np.subtract(figures(1, 0.3, d), figures(0, 0.5, d)) for d in drawn.tolist()]
    )
    for place, name in enumerate(FIGURES):
        change = changes[name]
        assert change.old == pytest.approx(figures(0, 0.5, every)[place], abs=1e-12)
        assert change.new == pytest.approx(figures(1, 0.3, every)[place], abs=1e-12)
        wanted = np.percentile(differences[:, place], [2.5, 97.5])
        assert change.interval == pytest.approx(tuple(wanted), abs=1e-9)


def test_a_detector_that_finds_every_second_face_more_is_told():
    n = 40
    old = rows([[i % 2 == 0] for i in range(n)], [[0.9]] * n, [1] * n)
    new = rows([[True]] * n, [[0.9]] * n, [1] * n)
    changes = paired_changes(old, new)
    assert changes["ap"].old == pytest.approx(0.25)  # one point: precision 0.5, recall 0.5
    assert changes["ap"].new == 1
    assert changes["ap"].told
    assert changes["recall"].difference == pytest.approx(0.5)
    low, high = changes["recall"].interval
    assert 0.3 < low < 0.5 < high < 0.7
    assert changes["false_per_photo"].difference == pytest.approx(-0.5)
    back = paired_changes(new, old)["recall"]
    assert back.interval == pytest.approx((-high, -low))


def test_where_nothing_is_found_or_nothing_is_there():
    none = rows([[], []], [[], []], [1, 1])
    changes = paired_changes(none, none)
    assert [changes[name].new for name in FIGURES] == [0, 0, 0, 0]
    free = rows([[False], []], [[0.9], []], [0, 0])
    changes = paired_changes(free, free)
    assert np.isnan(changes["ap"].new)
    assert np.isnan(changes["recall"].interval[0])
    assert not changes["ap"].told
    assert changes["false_per_photo"].new == 0.5
    nothing = rows([], [], [])
    assert np.isnan(paired_changes(nothing, nothing)["ap"].new)


def test_other_photos_are_refused():
    one, two = rows([[True]], [[0.9]], [1]), rows([[True]], [[0.9]], [2])
    with pytest.raises(ValueError, match="same photos and faces"):
        paired_changes(one, two)
