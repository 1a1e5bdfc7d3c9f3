"""What `facesmith approximate` is asked for: its options as the settings of a run."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from facesmith.approximation.experiment.settings import COMPARABLE, METHODS, ApproximationConfig
from facesmith.cli.numbers import FiniteRange
from facesmith.cli.options import Command, with_options
from facesmith.cli.paths import FILE
from facesmith.errors import TrainingError
from facesmith.files import checksum

_ADAM_METHODS = ("linear", "tanh-adam")
_ADAM_OPTIONS = ("epochs", "batch_size", "learning_rate")
_PLAIN_OPTIONS = ("seed", "max_iter", "target", "test_fraction", "skip_bad_lines")
# Settings that the exercise's points have no use for.
_OF_TABLES = (
    *("points_sha256", "target", "inputs"),
    *("test_fraction", "validation_fraction", "skip_bad_lines"),
)
# What a run that goes on may change.
_MAY_CHANGE = ("epochs", "max_iter")
_LEARNING_RATE = FiniteRange(0, min_open=True)
_VALUE_TYPES: dict[str, click.ParamType[Any]] = {
    "batch-size": click.IntRange(1),
    "learning-rate": _LEARNING_RATE,
    "depth": click.IntRange(0),
    "units": click.IntRange(1),
}


class _Comparison(click.ParamType["tuple[str, tuple[float, ...]]"]):
    """`NAME=VALUE,VALUE,...`: a setting and the values of it to compare."""

    name = "comparison"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[float, ...]]:
        name, sign, listing = str(value).partition("=")
        if name not in COMPARABLE or not sign:
            self.fail(
                f"{value!r}: expected NAME=VALUE,VALUE with a NAME among {', '.join(COMPARABLE)}, "
                "for example batch-size=1,100.",
                param,
                ctx,
            )
        kind = _VALUE_TYPES[name]
        return name, tuple(kind.convert(each.strip(), param, ctx) for each in listing.split(","))


def training_options(command: Command) -> Command:
    """The options that set how nets are trained."""
    options = (
        click.option(
            "--epochs",
            type=click.IntRange(1),
            help="Passes over the training rows, by Adam.  [default: 500]",
        ),
        click.option(
            "--batch-size", type=click.IntRange(1), help="Rows per step of Adam.  [default: 16]"
        ),
        click.option(
            "--learning-rate", type=_LEARNING_RATE, help="Of Adam; constant.  [default: 0.01]"
        ),
        click.option(
            "--max-iter",
            type=click.IntRange(1),
            help="Most iterations of the default method.  [default: its own]",
        ),
        click.option(
            "--compare",
            type=_Comparison(),
            multiple=True,
            metavar="NAME=A,B,...",
            help="Train with each of these values and compare; NAME is batch-size, learning-rate, "
            "depth or units. Repeated, every combination, up to 24.",
        ),
        click.option(
            "--config",
            type=FILE,
            help="Settings in JSON or TOML, or a run's config.json; options here go before it.",
        ),
    )
    return with_options(command, options)


def config_of_options(options: dict[str, Any]) -> ApproximationConfig:
    """The settings of a new run: the defaults, changed by a file, changed by the options.

    Raises:
        UsageError: If the options do not go together.
        TrainingError: If the file of settings cannot be used.
    """
    path: Path | None = options["config"]
    saved = _read_settings(path) if path else {}
    # Not `value not in (None, False)`: a seed of 0 equals False.
    given = {k: v for k, v in options.items() if v is not None and v is not False and v != ()}
    points = _points(given, saved)
    compare = _joined_values(given["compare"]) if "compare" in given else saved.get("compare", {})
    adam = {name: given[name] for name in _ADAM_OPTIONS if name in given}
    for name, field in COMPARABLE.items():
        if name in compare and field in adam:
            raise click.UsageError(f"--{name} and --compare {name} exclude each other.")
    methods = list(dict.fromkeys(given.get("methods", saved.get("methods", ()))))
    if not methods:
        methods = list(METHODS) if points is None else ["default"]
        if compare or ((adam or saved.get("adam")) and points is not None):
            methods = ["tanh-adam"]
    if (adam or "compare" in given) and not set(methods) & set(_ADAM_METHODS):
        raise click.UsageError(
            "What is set for Adam, with --compare too, belongs to the methods linear and "
            "tanh-adam; add --method tanh-adam."
        )
    settings = {
        **saved,
        **{name: given[name] for name in _PLAIN_OPTIONS if name in given},
        "methods": methods,
        "adam": {**saved.get("adam", {}), **adam},
        "compare": compare,
        "points": points,
    }
    if "inputs" in given:
        settings["inputs"] = _names(given["inputs"])
    if points is None:
        settings = {name: value for name, value in settings.items() if name not in _OF_TABLES}
    elif not Path(points).is_file():
        raise TrainingError(f"{points}, which {path} names, does not exist. Pass POINTS.")
    else:
        settings["points_sha256"] = checksum(points)
    try:
        return ApproximationConfig.from_dict(settings)
    except ValueError as error:
        # What stood in the file alone was checked before.
        raise click.UsageError(str(error)) from error


def _points(given: dict[str, Any], saved: dict[str, Any]) -> str | None:
    """The file of points, of the options or of the file of settings; None for the exercise's."""
    if "monkey_saddle" in given and "points" in given:
        raise click.UsageError("Pass either a file of POINTS or --monkey-saddle.")
    if "monkey_saddle" in given:
        points = None
    elif "points" in given:
        points = given["points"].as_posix()
    elif "points" in saved:
        points = saved["points"]
    else:
        raise click.UsageError("Pass either a file of POINTS or --monkey-saddle.")
    if points is None and ("target" in given or "inputs" in given):
        raise click.UsageError("--target and --inputs belong to a file of POINTS.")
    if points is not None and not ("target" in given or saved.get("target")):
        raise click.UsageError("Pass --target COLUMN: the column of POINTS to predict.")
    return points


def _read_settings(path: Path) -> dict[str, Any]:
    """The settings in a JSON or TOML file, or in the config.json of a run."""
    try:
        text = path.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
        if isinstance(settings, dict) and "facesmith" in settings:
            settings = {"points": None, **settings["config"]}
        if not isinstance(settings, dict):
            raise TypeError('expected an object such as {"adam": {"depth": 2}}')
        ApproximationConfig.from_dict(settings)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} holds no settings to use: {error}.") from error
    return settings


def config_to_resume(saved: ApproximationConfig, given: dict[str, Any]) -> ApproximationConfig:
    """The settings of a run that goes on: the saved ones, with more epochs or iterations.

    Args:
        saved: Those of the run folder.
        given: The options that the command line named; any of them but --epochs and --max-iter has
            to say what the run did before.

    Raises:
        UsageError: If an option says something else.
        TrainingError: If the table has changed, or is gone.
    """
    said = {
        **vars(saved),
        **vars(saved.adam),
        "monkey_saddle": saved.points is None,
        "compare": dict(saved.compare),
    }
    given = dict(given)
    if "compare" in given:
        given["compare"] = _joined_values(given["compare"])
    if "inputs" in given:
        given["inputs"] = _names(given["inputs"])
    points = given.pop("points", saved.points)
    for name, value in given.items():
        if name not in _MAY_CHANGE and said.get(name) != value:
            option = "method" if name == "methods" else name.replace("_", "-")
            raise click.UsageError(
                f"--resume goes on with the run's own settings; it had another --{option}. Leave "
                "it out, or fit anew with --force."
            )
    if points is not None:
        path = Path(points)
        if not path.is_file():
            raise TrainingError(f"{path} is gone; pass the table that the run was fitted to.")
        if checksum(path) != saved.points_sha256:
            raise TrainingError(
                f"{path} is not the table that the run was fitted to, or has changed since. Fit "
                "anew with --force."
            )
        points = path.as_posix()
    return replace(
        saved,
        adam=replace(saved.adam, epochs=given.get("epochs", saved.adam.epochs)),
        max_iter=given.get("max_iter", saved.max_iter),
        points=points,
    )


def _names(listing: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in listing.split(",")))


def _joined_values(
    compare: tuple[tuple[str, tuple[float, ...]], ...],
) -> dict[str, tuple[float, ...]]:
    """The values to compare by name; a name that is repeated adds to its values."""
    joined: dict[str, tuple[float, ...]] = {}
    for name, values in compare:
        joined[name] = tuple(dict.fromkeys((*joined.get(name, ()), *values)))
    return joined
