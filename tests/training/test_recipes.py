"""Recipes: the settings files that come along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from facesmith.cli import main
from facesmith.cli.train_settings import Basis, with_options
from facesmith.runs.settings import SettingsError, with_changes
from facesmith.training.calibration import equal_sources
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.landmark_config import LandmarkConfig
from facesmith.training.own_mining import OwnMiningConfig
from facesmith.training.recipe_files import read_recipe, recipe_names


def _config(name: str, **options: object) -> DetectorConfig:
    basis = Basis(read_recipe(name), None, planned=False, why="")
    return with_options(basis.config(), None, **options)


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_are_settings_of_a_detector(name: str) -> None:
    config = _config(name)
    assert config != DetectorConfig()
    assert config.proposals.loop.threads == 1, "weights depend on it to the last bit"
    assert config.refiner is not None
    assert config.refiner.loop.threads == 1


def test_the_shipped_recipe_mines_and_aims_at_a_precision() -> None:
    config = _config("shipped", epochs=6)
    assert config.proposals.loop.epochs == 6
    assert config.own_mining is not None
    assert config.target_precision == 0.99
    assert config.weigh_sources


def test_other_recipes_are_named() -> None:
    with pytest.raises(
        SettingsError, match=r"No recipe best for this training. There is: .*shipped"
    ):
        read_recipe("best")


@pytest.mark.parametrize("option", [["--from", "shipped"], ["--quick"], ["--config", "a.toml"]])
def test_a_recipe_is_all_the_settings(tmp_path: Path, monkeypatch, option: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("faces.json", "a.toml"):
        Path(name).write_text("{}" if name.endswith("json") else "")
    words = ["train", "faces.json", "--images", ".", "--out", "run", "--recipe", "shipped"]
    result = CliRunner().invoke(main, [*words, *option])
    assert result.exit_code == 2
    assert f"{option[0]} does not go with it" in result.output


@pytest.mark.parametrize(
    ("after", "epochs", "expected"), [(0.67, 100, 67), (0.0, 5, 0), (1.0, 5, 5), (2.0, 5, 5)]
)
def test_mining_comes_after_a_share_of_the_passes(after: float, epochs: int, expected: int) -> None:
    assert OwnMiningConfig(after=after).pause(epochs) == expected


def test_sources_weigh_alike() -> None:
    weights = equal_sources(["a", "b", "a", "a", "face-free"])
    np.testing.assert_allclose(weights, [5 / 9, 5 / 3, 5 / 9, 5 / 9, 5 / 3])


def test_the_recipe_of_landmarks_sets_a_training_of_landmarks():
    config = with_changes(LandmarkConfig(), read_recipe("landmarks", "landmarks"))
    assert config.source_power == -0.5
    assert config.loop.threads == 1  # the number decides the last bits
    with pytest.raises(SettingsError, match="There is: shipped"):
        read_recipe("landmarks")
