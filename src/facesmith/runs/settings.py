"""Settings files: what `--config` of every command takes, and settings changed by them."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from facesmith.errors import FacesmithError
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, parsed_json, read_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Config = TypeVar("Config", bound=DataclassInstance)

# Of a run's config.json: what it was made from, which options of the command say again.
_NOT_SETTINGS = frozenset({"task", "data", "data_path", "start", "teacher", "processes"})


class SettingsError(FacesmithError):
    """A settings file, or one setting, cannot be used."""


def read_settings(path: str | Path, task: str) -> dict[str, Any]:
    """Settings to change from a JSON or TOML file, or all those of an earlier run's `config.json`.

    Args:
        path: The file; TOML if its name ends in `.toml`, else JSON.
        task: What is to be set, such as `"detector"`: the run of another task is refused.

    Raises:
        SettingsError: If the file holds no settings, or those of another task's run.
    """
    path = Path(path)
    toml = path.suffix.lower() == ".toml"
    try:
        text = read_text(path)
        content = tomllib.loads(text) if toml else parsed_json(text, str(path))
    except ContentError as error:
        kind = "TOML" if toml else "JSON"
        raise SettingsError(f"{error} Expected a {kind} file with settings.") from error
    except (ValueError, RecursionError) as error:
        reason = shortened_text(str(error))
        raise SettingsError(f"{path}: expected a TOML file with settings ({reason}).") from error
    if isinstance(content, dict) and "facesmith" in content:
        content = content.get("config")
        if isinstance(content, dict):
            if content.get("task", task) != task:
                raise SettingsError(
                    f"{path} is of the run of a {content['task']}; expected that of a {task}."
                )
            content = {name: v for name, v in content.items() if name not in _NOT_SETTINGS}
    if not isinstance(content, dict):
        raise SettingsError(
            f'{path}: expected a JSON object such as {{"loop": {{"epochs": 20}}}}, '
            f"got a {type(content).__name__}."
        )
    return content


def with_changes(config: Config, changes: Mapping[str, Any], prefix: str = "") -> Config:
    """A dataclass of settings with some of them changed.

    Args:
        config: The settings.
        changes: Name -> value; those of settings in settings are nested. `None` or `False` turns
            off what may be `None`.
        prefix: What stands before the names in messages.

    Raises:
        SettingsError: If a name is unknown, or a value has the wrong type or does not fit.
    """
    known = sorted(each.name for each in fields(config))
    hints = get_type_hints(type(config))
    values = {}
    for name, value in changes.items():
        if name not in known:
            raise SettingsError(
                f"Unknown setting '{prefix}{name}'. Known here: {', '.join(known)}."
            )
        values[name] = _value(f"{prefix}{name}", getattr(config, name), value, hints[name])
    try:
        return replace(config, **values)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _value(name: str, old: Any, new: Any, hint: Any) -> Any:
    """The new value of one setting, of the type of the old one."""
    kinds = get_args(hint)
    optional = NoneType in kinds
    if optional:
        if new is None or new is False:  # TOML has no null
            return None
        (hint,) = (kind for kind in kinds if kind is not NoneType)
        old = hint() if old is None else old
        if is_dataclass(hint):
            new = {} if new is True else new
    if is_dataclass(old) and not isinstance(old, type):
        if isinstance(new, Mapping):
            return with_changes(old, new, f"{name}.")
        raise SettingsError(f"Setting '{name}' must be dict; got {new!r}.")
    if kinds[1:] == (...,):
        if not isinstance(new, list | tuple):
            raise SettingsError(f"Setting '{name}' must be a list; got {new!r}.")
        return tuple(_value(name, kinds[0](), each, None) for each in new)
    if isinstance(old, tuple):
        if not isinstance(new, list | tuple) or len(new) != len(old):
            raise SettingsError(f"Setting '{name}' must be {len(old)} values; got {new!r}.")
        return tuple(_value(name, a, b, None) for a, b in zip(old, new, strict=True))
    if isinstance(old, float) and type(new) in (int, float) and math.isfinite(new):
        return float(new)
    if type(new) is type(old) and not isinstance(old, float):
        return new
    expected = "a finite number" if isinstance(new, float) else type(old).__name__
    if isinstance(old, int):
        expected = "int" if type(old) is int else "bool"
    raise SettingsError(f"Setting '{name}' must be {expected}; got {new!r}.")
