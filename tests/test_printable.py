"""Text for people: numbers with their nouns, and messages on one line."""

from __future__ import annotations

import pytest

from facesmith.printable import counted, one_line, without_password
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:hush@host/x", "http://host/x"),
        ("--mirror=https://me:hu@sh@host:80/", "--mirror=https://host:80/"),
        ("http://me:hu/sh@host/", "http://host/"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("me@host", "me@host"),
    ],
)
def test_addresses_are_shown_without_passwords(text: str, shown: str) -> None:
    assert without_password(text) == shown
