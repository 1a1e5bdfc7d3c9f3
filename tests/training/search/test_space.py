"""What a search may change, and files that say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from facesmith.runs.settings import SettingsError, with_changes
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.search import Parameter, default_space, read_space, settings_of

SPACE = (
    Parameter("proposals.loop.learning_rate", 1e-4, 1e-2, log=True),
    Parameter("proposals.batch_size", choices=(4, 8)),
    Parameter("proposals.loop.epochs", 1, 3),
)


def test_the_space_changes_settings_that_are_there() -> None:
    config = DetectorConfig()
    space = default_space(config, 1000)
    names = [parameter.name for parameter in space]
    assert "refiner.gate_lower" in names
    assert "proposals.retention" not in names  # nothing is gone on from
    assert "refiner.gate_lower" not in [
        p.name for p in default_space(replace(config, refiner=None), 1000)
    ]
    for parameter in space:
        for value in parameter.choices or (parameter.low, parameter.high):
            with_changes(config, settings_of({parameter.name: value}))
        middle = parameter.nearest(-1e9)
        assert parameter.position(middle) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "names no setting"),
        ({"proposals.nothing": {"low": 1, "high": 2}}, "Unknown setting"),
        ({"proposals.blend": 3}, "must have `low` and `high`"),
        ({"proposals.blend": {"low": 1}}, "expected numbers"),
        ({"proposals.blend": {"low": 2, "high": 1}}, "`low` must be less"),
        ({"proposals.blend": {"low": 0, "high": 1, "log": True}}, "and positive"),
        ({"proposals.blend": {"from": 0}}, "has 'from'"),
    ],
)
def test_what_is_no_space(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "space.json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=message):
        read_space(tmp_path / "space.json", DetectorConfig())


def test_a_space_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(
        '["proposals.loop.learning_rate"]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n'
        '["proposals.batch_size"]\nchoices = [4, 8]\n'
        '["proposals.loop.epochs"]\nlow = 1\nhigh = 3\n'
    )
    assert read_space(tmp_path / "space.toml", DetectorConfig()) == SPACE


def test_batches_that_the_photos_cannot_fill_are_not_searched() -> None:
    """Half of the trials on 70 photos would be refused otherwise."""
    config = with_changes(DetectorConfig(), {"proposals": {"batch_size": 32, "held_out": 0.2}})
    sizes = {n: default_space(config, n)[2].choices for n in (20, 70, 100)}
    assert default_space(config, 70)[2].name == "proposals.batch_size"
    assert sizes == {20: (16, 32), 70: (16, 32), 100: (16, 32, 64)}
