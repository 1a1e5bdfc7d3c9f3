"""The plan of going on: what follows from the number of photos and faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from facesmith.detection.detector import shipped_weights
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.plan import ENOUGH_FACES, plan_training, warning_anew

SETS = [(20, 40), (150, 400), (1000, 2500), (10_000, 30_000)]


def test_more_photos_bear_more_steps_of_a_higher_rate() -> None:
    plans = [plan_training(*each) for each in SETS]
    steps = [plan.steps for plan in plans]
    rates = [plan.learning_rate for plan in plans]
    assert steps == sorted(steps)
    assert rates == sorted(rates)
    assert 100 <= steps[0] <= 300  # a minute or two on one core
    assert 300 <= steps[1] <= 900
    assert 1000 <= steps[2] <= 3000
    assert 5000 <= steps[3] <= 10_000


def test_each_photo_is_seen_less_often_where_there_are_more() -> None:
    seen = []
    for n_photos, n_faces in SETS:
        plan = plan_training(n_photos, n_faces)
        seen.append(plan.steps * plan.batch_size / n_photos)
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] > 15


@pytest.mark.parametrize(("n_photos", "n_faces"), [*SETS, (1, 0), (3, 1), (49, 5000)])
def test_a_step_can_be_filled_and_the_steps_add_up(n_photos: int, n_faces: int) -> None:
    plan = plan_training(n_photos, n_faces)
    n_learned = max(n_photos - round(plan.held_out * n_photos), 1)
    per_epoch = n_learned * plan.rounds // plan.batch_size
    assert per_epoch >= 1
    assert plan.steps == per_epoch * plan.epochs
    assert 1 <= plan.validate_every <= plan.epochs


def test_enough_faces_are_held_out_where_a_fifth_has_them() -> None:
    for n_photos, n_faces in ((150, 600), (1000, 2500), (10_000, 30_000)):
        plan = plan_training(n_photos, n_faces)
        assert plan.held_out * n_faces >= ENOUGH_FACES * 0.99
    few = plan_training(120, 250)
    assert few.held_out == 0.2
    assert few.reasons["held out"] == "Held out: 20% of the photos."


def test_with_few_photos_parts_stay_as_they_are() -> None:
    few, more, many = (plan_training(*each) for each in SETS[:3])
    assert few.frozen > 0
    assert few.keep_refiner
    assert more.frozen == 0
    assert more.keep_refiner
    assert not many.keep_refiner
    for plan in (few, more):
        assert "refiner stays" in plan.reasons["refiner"]
    assert "refiner" not in many.reasons


def test_passes_that_are_given_are_passes_over_the_photos() -> None:
    plan = plan_training(1000, 2500, epochs=3)
    assert (plan.rounds, plan.epochs) == (1, 3)
    tiny = plan_training(10, 20, epochs=3)
    assert tiny.rounds * 8 >= tiny.batch_size


def test_the_page_has_the_figures_of_the_plan() -> None:
    page = (Path(__file__).parents[2] / "docs" / "train.md").read_text(encoding="utf-8")
    for n_photos, n_faces in SETS:
        plan = plan_training(n_photos, n_faces)
        rate = f"{plan.learning_rate:.1e}".replace(".0e", "e").replace("e-0", "e-")
        steps = f"{plan.steps:,} of {plan.batch_size} crops"
        row = next(line for line in page.splitlines() if f"| {n_photos:,}, {n_faces:,} |" in line)
        assert f"| {plan.held_out:.0%} |".replace("%", " %") in row or "at most 300" in row
        assert f"| {steps} | {rate} |" in row
        assert ("the refiner" in row) == plan.keep_refiner
        assert ("the first two stages" in row) == (plan.frozen == 2)


def test_no_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        plan_training(0, 0)
    with pytest.raises(ValueError, match="negative"):
        plan_training(5, -1)


def test_a_training_from_random_weights_that_cannot_work_is_told() -> None:
    text = warning_anew(180, 115)
    assert "180 steps on 115 photos" in text
    assert "--from shipped" in text
    assert warning_anew(14_000, 7500) == ""
    assert warning_anew(14_000, 115) != ""


def test_the_plan_becomes_settings_and_forgetting_takes_what_holds_back() -> None:
    plan = plan_training(20, 40)
    config = DetectorConfig.continued(shipped_weights(), plan)
    proposals = config.proposals
    assert (proposals.batch_size, proposals.rounds, proposals.frozen) == (
        *(plan.batch_size, plan.rounds, plan.frozen),
    )
    assert proposals.retention > 0
    assert proposals.blend < 1
    assert proposals.fixed_statistics
    assert config.keep_refiner
    assert config.min_choice_faces == ENOUGH_FACES
    free = config.forgetting()
    assert (free.proposals.retention, free.proposals.blend, free.proposals.frozen) == (0, 1, 0)
    assert not free.proposals.fixed_statistics
    assert free.refiner is not None
    assert (free.refiner.retention, free.keep_refiner) == (0, False)
    assert free.proposals.loop == proposals.loop


def test_settings_of_before_describe_runs_of_before() -> None:
    """Left out is only what a run of an earlier version could not have, where it is off."""
    described = DetectorConfig().described()
    assert "keep_refiner" not in described
    assert "retention" not in described["proposals"]
    assert described["proposals"]["batch_size"] == 32
    without = replace(DetectorConfig(), refiner=None, keep_refiner=True).described()
    assert without["refiner"] is None
    assert without["keep_refiner"]
    proposals = replace(DetectorConfig().proposals, rounds=2)
    assert replace(DetectorConfig(), proposals=proposals).described()["proposals"]["rounds"] == 2
