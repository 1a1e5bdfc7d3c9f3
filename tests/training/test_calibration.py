"""How raw outputs become probabilities, on photos held out from training."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

pytest.importorskip("torch")

from facesmith.boxes import box_iou
from facesmith.detection.calibration import Calibration
from facesmith.detection.refiner import refine
from facesmith.training.calibration import (
    HeldOutBoxes,
    _weights,
    fit_calibration,
    held_out_boxes,
    with_mean_logits,
)
from fixed_proposals import OnePhoto, Proposer

LOOKS = Calibration(candidate_score=0.03)


def test_only_doubtful_proposals_are_looked_at_again():
    """Nor below ones: both keep their boxes and get the logit of their kind."""
    asked = []

    def look(image, boxes):
        del image
        asked.append(boxes.copy())
        return np.full(len(boxes), 7, np.float32), boxes + 1

    boxes = np.float32([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]])
    before = boxes.copy()
    looks = Calibration(
        gate_lower=0.25, gate_upper=0.5, logit_below_gate=-2.0, logit_above_gate=3.0
    )
    raw = np.float32([0.9, 0.5, 0.25, 0.2])
    logits, found = refine(look, np.zeros((20, 60, 3), np.uint8), boxes, raw, looks)
    assert logits.tolist() == [3, 3, 7, -2]
    assert found.tolist() == [*before[:2].tolist(), [41, 1, 51, 11], before[3].tolist()]
    assert np.array_equal(asked[0], before[2:3])
    assert np.array_equal(boxes, before)


def test_what_is_not_looked_at_gets_the_mean_logit_of_its_kind():
    def look(image, boxes):
        del image
        return np.arange(len(boxes), dtype=np.float32), boxes

    detector = Proposer((50, 50, 100, 100), (74, 50, 124, 100), (150, 150, 180, 180))  # all 0.5
    photo = OnePhoto((50, 50, 100, 100))
    sure = with_mean_logits(Calibration(gate_upper=0.5), detector, look, photo)
    assert (sure.logit_below_gate, sure.logit_above_gate) == (0, 1)
    below = with_mean_logits(Calibration(gate_lower=0.6), detector, look, photo)
    assert (below.logit_below_gate, below.logit_above_gate) == (1, 0)
    nothing = with_mean_logits(Calibration(), Proposer(), look, OnePhoto())
    assert nothing == Calibration()


def test_sources_change_how_sure_boxes_are_and_not_their_order():
    """The second logit says nothing in the common source and all in the rare one."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (1_000, 2)).astype(np.float32)
    rare = np.arange(1_000) >= 900
    labels = np.where(rare, logits[:, 1] > 0, logits[:, 0] + rng.normal(0, 1, 1_000) > 0)
    alike, by_source = (
        fit_calibration(boxes_of(logits, labels, weights=weights), True, LOOKS).calibration
        for weights in (np.ones(1_000), np.where(rare, 5.0, 0.56))
    )
    ratio = by_source.refiner_weight / by_source.proposal_weight
    assert ratio == pytest.approx(alike.refiner_weight / alike.proposal_weight, rel=1e-6)
    assert by_source.proposal_weight != pytest.approx(alike.proposal_weight, rel=0.05)


def test_each_face_is_found_once():
    """Two boxes far enough apart to stay, both on one face: the second is as wrong as a third."""
    detector = Proposer((50, 50, 100, 100), (74, 50, 124, 100), (150, 150, 180, 180))
    photos = OnePhoto((58, 50, 112, 100), (0, 0, 30, 30))
    overlap = box_iou(detector.boxes, photos.faces)
    assert (overlap[:2, 0] >= 0.4).all()
    boxes = held_out_boxes(detector, None, photos, [""], LOOKS)
    assert boxes.labels.tolist() == [True, False, False]
    assert np.array_equal(boxes.logits, np.zeros((3, 2), np.float32))  # the odds of 0.5


def test_boxes_that_the_refiner_moves_together_count_once():
    def look(image, boxes):
        del image
        moved = np.repeat(np.float32([[50, 50, 100, 100]]), len(boxes), axis=0)
        return np.float32([1, 3, -2]), moved

    detector = Proposer((50, 50, 100, 100), (74, 50, 124, 100), (150, 150, 180, 180))
    boxes = held_out_boxes(detector, look, OnePhoto((50, 50, 100, 100)), [""], LOOKS)
    assert boxes.labels.tolist() == [True]
    assert boxes.logits.tolist() == [[0, 3]]


def test_ignored_faces_do_not_calibrate():
    detector = Proposer((50, 50, 100, 100), (150, 150, 180, 180))
    photos = OnePhoto((50, 50, 100, 100), ignored=(0,))
    boxes = held_out_boxes(detector, None, photos, [""], LOOKS)
    assert boxes.labels.tolist() == [False]
    assert len(boxes.logits) == 1


def boxes_of(logits, labels, per_photo=5, weights=None) -> HeldOutBoxes:
    """Boxes, so many a photo."""
    numbers = np.arange(len(labels)) // per_photo
    weights = np.ones(len(labels)) if weights is None else weights
    return HeldOutBoxes(np.float32(logits), np.asarray(labels, bool), numbers, weights)


def test_calibration_finds_the_true_odds():
    """Labels drawn from a known probability: the fitted one agrees with it."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 2)).astype(np.float32)
    truth = 0.5 * logits[:, 0] + 1.5 * logits[:, 1] - 1
    labels = rng.random(len(logits)) < 1 / (1 + np.exp(-truth))
    fitted = fit_calibration(boxes_of(logits, labels), True, LOOKS)
    assert fitted.method in ("temperature", "logistic")  # isotonic has more freedom than it needs
    assert fitted.calibration.proposal_weight == pytest.approx(0.5, abs=0.05)
    assert fitted.calibration.refiner_weight == pytest.approx(1.5, abs=0.1)
    assert fitted.calibration.offset == pytest.approx(-1, abs=0.1)
    expected = 1 / (1 + np.exp(-truth))
    found = fitted.calibration.scores(logits[:, 0], logits[:, 1])
    assert np.abs(found - expected).max() < 0.03
    assert fitted.calibration_error < 0.02


def test_logits_that_are_only_too_bold_need_one_factor():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (5_000, 1)).astype(np.float32)
    labels = rng.random(len(logits)) < 1 / (1 + np.exp(-logits[:, 0] / 3))
    fitted = fit_calibration(boxes_of(np.repeat(logits, 2, axis=1), labels), False, LOOKS)
    # Three free numbers fit no better than one: whichever is taken, the odds are a third.
    at_two = fitted.calibration.scores(np.float32([2]), np.float32([0]))[0]
    assert at_two == pytest.approx(1 / (1 + np.exp(-2 / 3)), abs=0.03)
    assert fitted.log_losses["temperature"] == pytest.approx(
        fitted.log_losses["logistic"], abs=2e-3
    )


def test_a_step_needs_a_free_curve():
    """No sigmoid fits scores that are right one time in two below 1, and always above."""
    rng = np.random.default_rng(3)
    logits = np.repeat(rng.uniform(-4, 4, (4_000, 1)), 2, axis=1)
    labels = (logits[:, 0] > 1) | (rng.random(len(logits)) < 0.5)
    fitted = fit_calibration(boxes_of(logits, labels), False, LOOKS)
    assert fitted.method == "isotonic"
    assert fitted.log_losses["isotonic"] < fitted.log_losses["logistic"] - 0.01
    found = fitted.calibration.scores(np.float32([-3, -2, 0, 2, 3]), np.zeros(5, np.float32))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.5, 1, 1], atol=0.08)
    assert (np.diff(found) > 0).all()  # flat parts keep the order
    stored = Calibration(**json.loads(json.dumps(asdict(fitted.calibration))))
    again = stored.scores(np.float32([-3, -2, 0, 2, 3]), np.zeros(5, np.float32))
    assert np.array_equal(found, again)


def test_sources_of_photos_count_the_same():
    """Three boxes of one source and one of another; two of a face-free photo weigh 1 each."""
    photos = np.array([0, 0, 0, 1, 2, 2])
    weights = _weights(photos, ["selfies", "press", "face-free"])
    # Four boxes of two sources: two for each source.
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2, 1, 1])


def test_the_source_of_a_rare_kind_is_heard():
    """Right half of the time in the common source, always in the rare one: three in four."""
    labels = np.array([0, 1] * 50 + [1] * 4)
    weights = np.where(np.arange(104) < 100, 0.52, 13.0)
    even = fit_calibration(boxes_of(np.zeros((104, 2)), labels, 1, weights), False, LOOKS)
    at_zero = even.calibration.scores(np.float32([0]), np.float32([0]))[0]
    assert at_zero == pytest.approx(0.75, abs=0.01)


def test_calibration_without_the_refiner_ignores_it():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (500, 2)).astype(np.float32)
    fitted = fit_calibration(boxes_of(logits, logits[:, 0] > 0.3), False, LOOKS).calibration
    assert fitted.refiner_weight == 0
    assert np.array_equal(
        fitted.scores(logits[:, 0], logits[:, 1]), fitted.scores(logits[:, 0], -logits[:, 1])
    )


@pytest.mark.parametrize("label", [True, False])
def test_calibration_of_one_label_only_keeps_the_raw_scores(label):
    logits = np.float32([[-1, 0], [2, 0]])
    fitted = fit_calibration(boxes_of(logits, np.full(2, label)), False, LOOKS)
    assert (fitted.method, fitted.log_losses) == ("none", {})
    assert fitted.calibration == LOOKS
    expected = 1 / (1 + np.exp(-logits[:, 0]))
    found = fitted.calibration.scores(logits[:, 0], logits[:, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
