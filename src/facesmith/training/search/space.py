"""What a search may change: names of settings, and from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, isfinite
from pathlib import Path
from typing import Any

from facesmith.runs.settings import SettingsError, read_settings, with_changes
from facesmith.training.detector_config import DetectorConfig

Value = float | int
_POSITIVE = frozenset({"epochs", "learning_rate", "batch_size"})
_JUDGING = frozenset(
    {
        "proposals.held_out",
        "proposals.max_held_out",
        "proposals.loop.seed",
        "refiner.loop.seed",
    }
)


@dataclass(frozen=True)
class Parameter:
    """One setting that a search changes.

    Attributes:
        name: Of the setting, with dots, such as `proposals.loop.learning_rate`.
        low: Smallest value; unused where there are `choices`.
        high: Largest value.
        log: Whether factors count, not differences.
        choices: The only values, where there are any.
    """

    name: str
    low: Value = 0
    high: Value = 0
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers."""
        values = self.choices or (self.low, self.high)
        return all(isinstance(value, int) for value in values)

    @property
    def label(self) -> str:
        """Its name as pictures and messages have it."""
        return label_of(self.name)

    def position(self, value: Value) -> float:
        """Where a value lies between the lowest, 0, and the highest, 1."""
        from math import log  # noqa: PLC0415 - the attribute has its name

        if self.choices:
            ordered = sorted(self.choices)
            near = min(range(len(ordered)), key=lambda i: abs(ordered[i] - value))
            return near / max(len(ordered) - 1, 1)
        if self.log:
            return log(value / self.low) / log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def nearest(self, value: Value) -> Value:
        """The value of this parameter that is nearest to another."""
        if self.choices:
            return min(self.choices, key=lambda choice: abs(choice - value))
        return min(max(value, self.low), self.high)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a file of `--space`."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "log": self.log}


def label_of(name: str) -> str:
    """A short name of a setting that is not another one's."""
    return name.removeprefix("proposals.").replace("loop.", "")


def default_space(config: DetectorConfig, n_photos: int) -> tuple[Parameter, ...]:
    """What is worth changing of a training: steps, augmentation, sizes, the gate.

    Only settings that the training uses are there: those of the refiner where one is trained, those
    that hold on to earlier weights where it goes on from some.

    Args:
        config: The default settings, with the share of the photos to hold out.
        n_photos: Photos in all: only batches that those to learn from can fill are there.
    """
    n_learned = n_photos - ceil(config.proposals.held_out * n_photos)
    sizes = _around(config.proposals.batch_size, n_learned * config.proposals.rounds)
    loop = config.proposals.loop
    space = [
        Parameter("proposals.loop.learning_rate", loop.learning_rate / 4, loop.learning_rate * 4,
                  log=True),
        Parameter("proposals.loop.epochs", max(loop.epochs // 2, 1), loop.epochs * 2, log=True),
        Parameter("proposals.batch_size", choices=sizes),
        Parameter("proposals.crops.face_anchored", 0.3, 0.9),
        Parameter("proposals.crops.smallest_face", 6.0, 20.0, log=True),
        Parameter("proposals.crops.cut_through", 0.0, 0.3),
        Parameter("proposals.crops.rotate", 0.0, 0.8),
        Parameter("proposals.crops.grey", 0.0, 0.4),
    ]  # fmt: skip
    if config.proposals.retention:
        space += [
            Parameter("proposals.retention", 0.1, 3.0, log=True),
            Parameter("proposals.blend", 0.4, 1.0),
        ]
    if config.refiner is not None and not config.keep_refiner:
        rate = config.refiner.loop.learning_rate
        space += [
            Parameter("refiner.loop.learning_rate", rate / 4, rate * 4, log=True),
            Parameter("refiner.gate_lower", 0.05, 0.35),
            Parameter("refiner.gate_upper", 0.45, 0.9),
        ]
    return tuple(space)


def _around(size: int, most: int) -> tuple[int, ...]:
    """Half of it, itself and twice of it, itself even where it is above the most."""
    return tuple(s for s in sorted({max(size // 2, 1), size, size * 2}) if s <= max(size, most))


def read_space(path: str | Path, config: DetectorConfig) -> tuple[Parameter, ...]:
    """The parameters of a JSON or TOML file: name -> `low` and `high`, `log`; or `choices`.

    Raises:
        SettingsError: If the file cannot be used, a name is no setting, or its values do not fit.
    """
    content = read_settings(path, "search")
    space = tuple(_parameter(f"{path}: {name}", name, each) for name, each in content.items())
    if not space:
        raise SettingsError(f"{path} names no setting.")
    for parameter in space:  # unknown names and values of another type end here
        for value in parameter.choices or (parameter.low, parameter.high):
            with_changes(config, settings_of({parameter.name: value}))
        part, _, last = parameter.name.partition(".")
        if last and getattr(config, part, None) is None:
            raise SettingsError(
                f"{path}: {parameter.name} is not used, since `{part}` is off. Leave it out."
            )
        smallest = min(parameter.choices or (parameter.low,))
        if last.rpartition(".")[2] in _POSITIVE and smallest <= 0:
            raise SettingsError(f"{path}: {parameter.name} must be above 0; got {smallest}.")
        if parameter.name in _JUDGING:
            raise SettingsError(
                f"{path}: {parameter.name} decides which photos trials are judged on, so their "
                "figures could not be compared. Leave it out."
            )
    # A file may say 0 to 1 of a setting that takes fractions.
    return tuple(
        replace(each, low=float(each.low), high=float(each.high))
        if not each.choices and isinstance(_value_in(config, each.name), float)
        else each
        for each in space
    )


def _parameter(where: str, name: str, content: Any) -> Parameter:
    if not isinstance(content, Mapping):
        raise SettingsError(f"{where} must have `low` and `high`, or `choices`; got {content!r}.")
    unknown = sorted(set(content) - {"low", "high", "log", "choices"})
    if unknown:
        raise SettingsError(f"{where} has {unknown[0]!r}; expected low, high, log or choices.")
    choices = content.get("choices", ())
    if not isinstance(choices, list | tuple):
        raise SettingsError(f"{where}: `choices` must be a list of numbers; got {choices!r}.")
    values: list[Any] = list(choices) if choices else [content.get("low"), content.get("high")]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values) or not all(
        isfinite(value) for value in values
    ):
        raise SettingsError(f"{where}: expected numbers, got {values!r}.")
    if choices:
        return Parameter(name, choices=tuple(values))
    low, high = values
    log = bool(content.get("log", False))
    if not low < high or (log and low <= 0):
        raise SettingsError(
            f"{where}: `low` must be less than `high`{', and positive' if log else ''}; got "
            f"low={low}, high={high}."
        )
    return Parameter(name, low, high, log)


def settings_of(values: Mapping[str, Value]) -> dict[str, Any]:
    """Settings in settings, as files of `--config` have them, of names with dots.

    Example:
        >>> settings_of({"proposals.loop.epochs": 3, "proposals.batch_size": 8})
        {'proposals': {'loop': {'epochs': 3}, 'batch_size': 8}}
    """
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.split(".")
        inner = nested
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


def values_in(config: DetectorConfig, space: tuple[Parameter, ...]) -> dict[str, Value]:
    """The values that a config has of a search's parameters; they may lie out of the ranges."""
    return {parameter.name: _value_in(config, parameter.name) for parameter in space}


def _value_in(config: DetectorConfig, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value
