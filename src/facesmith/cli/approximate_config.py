"""What `facesmith approximate` is asked for: its options as the settings of a run."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from facesmith.approximation.experiment.settings import (
    COMPARABLE,
    ENSEMBLE,
    METHODS,
    AdamSettings,
    ApproximationConfig,
    current_name,
)
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.errors import TrainingError
from facesmith.files import checksum, open_regular
from facesmith.runs.settings import SettingsError, read_settings, with_changes
from facesmith.untrusted import MAX_BYTES

# Settings that the exercise's points have no use for.
_OF_TABLES = (
    *("points_sha256", "target", "inputs"),
    *("test_fraction", "validation_fraction", "skip_bad_lines"),
)
LEARNING_RATE = FiniteRange(0, min_open=True)
_VALUE_TYPES: dict[str, click.ParamType[Any]] = {
    "batch-size": WholeRange(1),
    "learning-rate": LEARNING_RATE,
    "depth": WholeRange(0),
    "units": WholeRange(1),
}


def _checksum(points: str, config: Path | None) -> str:
    """The checksum of the table that the command line or a file of settings names."""
    named = f"{points}, which {config} names," if config else points
    if not os.path.lexists(points):
        raise TrainingError(f"{named} does not exist. Pass POINTS.")
    try:
        open_regular(points, MAX_BYTES).close()
        return checksum(points)
    except OSError as error:
        reason = error.strerror or error
        raise TrainingError(f"{named} cannot be read: {reason}. Pass another POINTS.") from error


class Method(click.Choice):  # type: ignore[type-arg]  # generic in newer releases only
    """One of the methods; the names of earlier versions are understood, too."""

    def __init__(self) -> None:
        super().__init__(METHODS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The method's name today, or a usage error."""
        return super().convert(current_name(value), param, ctx)


class Comparison(click.ParamType["tuple[str, tuple[float, ...]]"]):
    """`NAME=VALUE,VALUE,...`: a setting and the values of it to compare."""

    name = "comparison"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[float, ...]]:
        """The name and its values, or a usage error."""
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


def names_without_blanks(_: click.Context, param: click.Parameter, names: str | None) -> str | None:
    """The names as given; a usage error where a blank after a comma has parted them."""
    if names is not None and names.rstrip().endswith(","):
        raise click.BadParameter(
            f"{names!r} ends with a comma. Write A,B without blanks, or put the names in quotes.",
            param=param,
        )
    return names


def config_of_options(options: dict[str, Any]) -> ApproximationConfig:
    """The settings of a new run: the defaults, changed by a file, changed by the options.

    Raises:
        UsageError: If the options do not go together.
        TrainingError: If the file of settings cannot be used.
    """
    path: Path | None = options["config"]
    saved = read_settings(path, "approximation") if path else {}
    with_changes(ApproximationConfig(), saved)  # what stands in the file alone
    given = _given({k: v for k, v in options.items() if v is not None and v is not False})
    points = _points(given, saved)
    compare = given.get("compare", saved.get("compare", {}))
    adam = {each.name: given[each.name] for each in fields(AdamSettings) if each.name in given}
    for name in compare:
        if name.replace("-", "_") in adam:
            raise click.UsageError(f"--{name} and --compare {name} exclude each other.")
    methods = [current_name(m) for m in given.get("methods", saved.get("methods", ()))]
    if not methods:
        methods = list(METHODS) if points is None else [ENSEMBLE]
        if compare or ((adam or saved.get("adam")) and points is not None):
            methods = ["tanh-adam"]
    if (adam or "compare" in given) and set(methods) == {ENSEMBLE}:
        raise click.UsageError(
            "What is set for Adam, with --compare too, belongs to the methods linear and "
            "tanh-adam; add --method tanh-adam."
        )
    known = {each.name for each in fields(ApproximationConfig)}
    settings = {
        **saved,
        **{name: value for name, value in given.items() if name in known},
        "methods": methods,
        "adam": {**saved.get("adam", {}), **adam},
        "points": points,
    }
    if points is None:
        settings = {name: value for name, value in settings.items() if name not in _OF_TABLES}
    else:
        settings["points_sha256"] = _checksum(points, path)
    try:
        return with_changes(ApproximationConfig(), settings)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that say something, as settings: repeated ones joined, lists parted."""
    given = {name: value for name, value in options.items() if value != ()}
    if "methods" in given:
        given["methods"] = tuple(dict.fromkeys(given["methods"]))
    if "inputs" in given:
        names = (name.strip() for name in given["inputs"].split(","))
        given["inputs"] = tuple(dict.fromkeys(names))
    if "points" in given:
        given["points"] = given["points"].as_posix()
    compare: dict[str, tuple[float, ...]] = {}
    for name, values in given.get("compare", ()):
        compare[name] = tuple(dict.fromkeys((*compare.get(name, ()), *values)))
    return {**given, "compare": compare} if compare else given


def _points(given: dict[str, Any], saved: dict[str, Any]) -> str | None:
    """The file of points, of the options or of the file of settings; None for the exercise's."""
    exercise = "monkey_saddle" in given
    if exercise == ("points" in given) and (exercise or "points" not in saved):
        raise click.UsageError("Pass either a file of POINTS or --monkey-saddle.")
    points: str | None = None if exercise else given.get("points", saved.get("points"))
    if points is None and ("target" in given or "inputs" in given):
        raise click.UsageError("--target and --inputs belong to a file of POINTS.")
    if points is not None and not ("target" in given or saved.get("target")):
        raise click.UsageError("Pass --target COLUMN: the column of POINTS to predict.")
    return points


def config_to_resume(saved: ApproximationConfig, options: dict[str, Any]) -> ApproximationConfig:
    """The settings of a run that goes on: the saved ones, with more epochs or iterations.

    `options` are those that the command line named; any of them but --epochs and --max-iter has to
    say what the run did before.

    Raises:
        UsageError: If an option says something else.
        TrainingError: If the table has changed, or is gone.
    """
    said = {**vars(saved), **vars(saved.adam), "monkey_saddle": saved.points is None}
    given = _given(options)
    points = given.pop("points", saved.points)
    for name, value in given.items():
        if name not in ("epochs", "max_iter") and said.get(name) != value:
            option = "method" if name == "methods" else name.replace("_", "-")
            raise click.UsageError(
                f"--resume goes on with the run's own settings; it had another --{option}. Leave "
                "it out, or fit anew with --force."
            )
    if points is not None:
        if not Path(points).is_file():
            raise TrainingError(f"{points} is gone; pass the table that the run was fitted to.")
        if checksum(points) != saved.points_sha256:
            raise TrainingError(
                f"{points} is not the table that the run was fitted to, or has changed since. Fit "
                "anew with --force."
            )
    return replace(
        saved,
        adam=replace(saved.adam, epochs=given.get("epochs", saved.adam.epochs)),
        max_iter=given.get("max_iter", saved.max_iter),
        points=points,
    )
