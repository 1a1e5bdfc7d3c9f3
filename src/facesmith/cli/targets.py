"""The options that store a threshold by what it is to keep, alike in `roc` and `train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.numbers import FiniteRange
from facesmith.cli.options import Command, with_options

if TYPE_CHECKING:
    from facesmith.metrics.operating_point import Promise, Target

_PROMISES: dict[str, Promise] = {
    "target_fpr": "fpr",
    "target_fppi": "false_per_photo",
    "target_precision": "precision",
}
_OPTIONS = (
    click.option(
        "--target-fpr",
        type=FiniteRange(0, 1),
        metavar="RATE",
        help="Store a threshold of this false positive rate.",
    ),
    click.option(
        "--target-fppi",
        type=FiniteRange(0),
        metavar="NUMBER",
        help="Store a threshold of so many false boxes a photo.",
    ),
    click.option(
        "--target-precision",
        type=FiniteRange(0, 1),
        metavar="SHARE",
        help="Store a threshold with this share of faces.",
    ),
)


def target_options(command: Command) -> Command:
    """The three options of a command."""
    return with_options(command, _OPTIONS)


def read_target(options: dict[str, Any], *, detector: bool) -> Target | None:
    """Take the three options out of those of a command; `None` where none was given.

    Raises:
        click.UsageError: If more than one was given, or one that is for the other kind.
    """
    from facesmith.metrics.operating_point import Target  # noqa: PLC0415 - see `cli`

    values = {name: options.pop(name) for name in _PROMISES}
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise click.UsageError("Pass one of --target-fpr, --target-fppi and --target-precision.")
    if "target_fpr" in given and detector:
        raise click.UsageError(
            "--target-fpr is for classifiers; a detector has no rate of false positives. Pass "
            "--target-fppi with the number of false boxes a photo."
        )
    if "target_fppi" in given and not detector:
        raise click.UsageError(
            "--target-fppi is for detectors; a classifier sees patches, not photos. Pass "
            "--target-fpr with the false positive rate."
        )
    return next((Target(_PROMISES[name], value) for name, value in given.items()), None)
