"""How long a training will take, by a clock that the tests set."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from facesmith.progress import duration
from facesmith.training.pace import Pace


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def run(pace: Pace, clock: Clock, steps: range, seconds: float) -> list[str]:
    """The lines that are said while these steps take so many seconds each."""
    lines = []
    for step in steps:
        clock.now += seconds
        pace.step(step)
        lines.append(pace.news())
    return [line for line in lines if line]


def test_nothing_is_known_before_the_first_steps() -> None:
    clock = Clock()
    pace = Pace(100, clock=clock)
    assert pace.seconds_left is None
    assert pace.note() == ""
    assert run(pace, clock, range(1, 10), 2.0) == []
    assert run(pace, clock, range(10, 11), 2.0) == ["About 3 min for 90 steps, by the first 10."]
    assert pace.seconds_left == pytest.approx(180)
    assert pace.note() == "3 min left"


def test_it_is_said_anew_where_it_was_far_off() -> None:
    clock = Clock()
    pace = Pace(1000, clock=clock)
    assert len(run(pace, clock, range(1, 301), 1.0)) == 1
    again = run(pace, clock, range(301, 420), 3.0)
    assert 1 <= len(again) <= 3
    assert again[0].startswith("Now about ")
    assert pace.seconds_left == pytest.approx(3.0 * 581)


def test_a_resumed_training_counts_its_own_steps_only() -> None:
    clock = Clock()
    pace = Pace(1000, 900, clock=clock)
    run(pace, clock, range(901, 911), 10.0)
    assert pace.seconds_left == pytest.approx(900)


def test_short_trainings_are_not_worth_a_line() -> None:
    clock = Clock()
    assert run(Pace(100, clock=clock), clock, range(1, 101), 0.1) == []


def test_a_few_steps_are_timed_too() -> None:
    clock = Clock()
    pace = Pace(3, clock=clock)
    run(pace, clock, range(1, 4), 1.0)
    assert pace.seconds_left == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.4, "12 s"), (100, "2 min"), (3600, "60 min"), (7530, "2 h 06 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
