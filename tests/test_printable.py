"""Text for people: numbers with their nouns, and messages on one line."""

from __future__ import annotations

from facesmith.printable import counted, one_line
from facesmith.training.plan import plan_training, warning_anew


def test_one_of_a_thing_is_named_in_the_singular() -> None:
    assert counted(1, "step") == "1 step"
    assert counted(0, "step") == "0 steps"
    assert counted(2000, "box", "boxes") == "2,000 boxes"
    assert counted(1, "box", "boxes") == "1 box"


def test_line_ends_become_escapes() -> None:
    assert one_line("a\r\nb") == "a\\r\\nb"


def test_a_training_of_one_step_says_so() -> None:
    assert plan_training(1, 1, 1).reasons["steps"].startswith("1 step of ")
    assert "1 step on 1 photo are" in warning_anew(1, 1)
