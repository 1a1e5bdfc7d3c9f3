"""What `facesmith approximate` is asked for: its options as the settings of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from facesmith.approximation.experiment.adam_settings import COMPARABLE, AdamSettings, combinations
from facesmith.cli.numbers import FiniteRange
from facesmith.errors import TrainingError
from facesmith.files import checksum

_Command = TypeVar("_Command", bound=Callable[..., Any])

METHODS = ("linear", "tanh-adam", "default")
_ADAM_METHODS = ("linear", "tanh-adam")
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


def training_options(command: _Command) -> _Command:
    """The options that set how nets are trained."""
    options = (
        click.option(
            "--epochs",
            type=click.IntRange(1),
            help="Passes over the training rows, by Adam.  [default: 500]",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            help="Rows per step of Adam.  [default: 16]",
        ),
        click.option(
            "--learning-rate", type=_LEARNING_RATE, help="Of Adam; constant.  [default: 0.01]"
        ),
        click.option(
            "--depth",
            type=click.IntRange(0),
            help="Tanh layers of tanh-adam, between two hidden layers without.  [default: 1]",
        ),
        click.option(
            "--units",
            type=click.IntRange(1),
            help="Units of each hidden layer of linear and tanh-adam.  [default: 64]",
        ),
        click.option(
            "--max-iter",
            type=click.IntRange(1),
            help="Most iterations of the default method; it ends by itself.  [default: its own]",
        ),
        click.option(
            "--compare",
            type=_Comparison(),
            multiple=True,
            metavar="NAME=A,B,...",
            help="Train with each of these values and compare; NAME is batch-size, learning-rate, "
            "depth or units. Repeated, every combination, up to 24.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def config_of_options(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a new run, as its config.json keeps them.

    Raises:
        UsageError: If the options do not go together.
    """
    _check_usage(options)
    compare = _joined_values(options["compare"])
    settings = {
        name: options[name]
        for name in ("epochs", *COMPARABLE.values())
        if options[name] is not None
    }
    for name in compare:
        if COMPARABLE[name] in settings:
            raise click.UsageError(f"--{name} and --compare {name} exclude each other.")
    methods = tuple(dict.fromkeys(options["methods"]))
    if not methods:
        if compare or (settings and not options["monkey_saddle"]):
            methods = ("tanh-adam",)
        else:
            methods = METHODS if options["monkey_saddle"] else ("default",)
    if (settings or compare) and not set(methods) & set(_ADAM_METHODS):
        raise click.UsageError(
            "What is set for Adam, with --compare too, belongs to the methods linear and "
            "tanh-adam; add --method tanh-adam."
        )
    if "depth" in (*settings, *compare) and "tanh-adam" not in methods:
        raise click.UsageError("The linear net has no tanh layers: --depth belongs to tanh-adam.")
    adam = AdamSettings(**settings)
    try:
        combinations(adam, compare)
    except ValueError as error:
        raise click.UsageError(f"--compare: {error}") from error
    config: dict[str, Any] = {
        "methods": list(methods),
        "seed": options["seed"],
        "adam": adam.to_dict(),
        "compare": {name: list(values) for name, values in compare.items()},
        "max_iter": options["max_iter"],
    }
    points: Path | None = options["points"]
    if points is not None:
        names = options["inputs"].split(",") if options["inputs"] else ()
        config |= {
            "points": points.as_posix(),
            "points_sha256": checksum(points),
            "target": options["target"],
            "inputs": list(dict.fromkeys(name.strip() for name in names)),
            "test_fraction": options["test_fraction"],
            "validation_fraction": options["validation_fraction"],
            "skip_bad_lines": options["skip_bad_lines"],
        }
    return config


def config_to_resume(saved: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run that goes on: the saved ones, with more epochs or iterations.

    Args:
        saved: Those of the run folder.
        options: Those of the options that the command line named; any of them but --epochs and
            --max-iter has to say what the run did before.

    Raises:
        UsageError: If an option says something else.
        TrainingError: If the table has changed, or is gone.
    """
    config = {**saved, "adam": dict(saved["adam"])}
    said = {
        **saved,
        **saved["adam"],
        "monkey_saddle": "points" not in saved,
        "methods": tuple(saved["methods"]),
        "compare": {name: tuple(values) for name, values in saved["compare"].items()},
    }
    given = dict(options)
    if "compare" in given:
        given["compare"] = _joined_values(given["compare"])
    if "inputs" in given:
        given["inputs"] = [name.strip() for name in given["inputs"].split(",")]
    points = given.pop("points", None)
    for name, value in given.items():
        if name not in _MAY_CHANGE and said.get(name) != value:
            option = "method" if name == "methods" else name.replace("_", "-")
            raise click.UsageError(
                f"--resume goes on with the run's own settings; it had another --{option}. Leave "
                "it out, or fit anew with --force."
            )
    if "epochs" in given:
        config["adam"]["epochs"] = given["epochs"]
    if "max_iter" in given:
        config["max_iter"] = given["max_iter"]
    if points is not None:
        config["points"] = points.as_posix()
    if "points" in config:
        path = Path(config["points"])
        if not path.is_file():
            raise TrainingError(f"{path} is gone; pass the table that the run was fitted to.")
        if "points_sha256" not in saved or checksum(path) != saved["points_sha256"]:
            raise TrainingError(
                f"{path} is not the table that the run was fitted to, or has changed since. Fit "
                "anew with --force."
            )
    return config


def _joined_values(
    compare: tuple[tuple[str, tuple[float, ...]], ...],
) -> dict[str, tuple[float, ...]]:
    """The values to compare by name; a name that is repeated adds to its values."""
    joined: dict[str, tuple[float, ...]] = {}
    for name, values in compare:
        joined[name] = tuple(dict.fromkeys((*joined.get(name, ()), *values)))
    return joined


def _check_usage(options: dict[str, Any]) -> None:
    points, target, monkey_saddle = (
        options[name] for name in ("points", "target", "monkey_saddle")
    )
    if monkey_saddle == (points is not None):
        raise click.UsageError("Pass either a file of POINTS or --monkey-saddle.")
    if points is not None and target is None:
        raise click.UsageError("Pass --target COLUMN: the column of POINTS to predict.")
    if monkey_saddle and (target is not None or options["inputs"] is not None):
        raise click.UsageError("--target and --inputs belong to a file of POINTS.")
