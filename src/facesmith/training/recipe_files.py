"""Recipes: settings files that come along, each of them all that decides one training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesmith.runs.settings import SettingsError, read_settings

_FOLDER = Path(__file__).parent / "recipes"


_OF_LANDMARKS = ("landmarks",)  # all others are of detectors


def recipe_names(task: str = "detector") -> tuple[str, ...]:
    """The recipes that come along for `detector` or `landmarks`, by name."""
    names = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    return tuple(name for name in names if (name in _OF_LANDMARKS) == (task == "landmarks"))


def read_recipe(name: str, task: str = "detector") -> dict[str, Any]:
    """The settings of a recipe, see `facesmith.runs.settings.with_changes`.

    Raises:
        SettingsError: If there is no such recipe for this task.
    """
    names = recipe_names(task)
    if name not in names:
        raise SettingsError(f"No recipe {name} for this training. There is: {', '.join(names)}.")
    return read_settings(_FOLDER / f"{name}.toml", task)
