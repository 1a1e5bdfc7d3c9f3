"""Recipes: settings files that come along, each of them all that decides one training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesmith.runs.settings import SettingsError, read_settings

_FOLDER = Path(__file__).parent / "recipes"


def recipe_names() -> tuple[str, ...]:
    """The recipes that come along, by name."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def read_recipe(name: str) -> dict[str, Any]:
    """The settings of a recipe for detectors, see `facesmith.runs.settings.with_changes`.

    Raises:
        SettingsError: If there is no such recipe.
    """
    if name not in recipe_names():
        raise SettingsError(f"No recipe {name}. There is: {', '.join(recipe_names())}.")
    return read_settings(_FOLDER / f"{name}.toml", "detector")
