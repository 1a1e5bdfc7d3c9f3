"""The options `--target-fpr` and `--target-precision`, alike in `roc` and `train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facesmith.cli.numbers import FiniteRange
from facesmith.cli.options import Command, with_options

if TYPE_CHECKING:
    from facesmith.metrics.operating_point import Target

_OPTIONS = (
    click.option(
        "--target-fpr",
        type=FiniteRange(0),
        metavar="RATE",
        help="Store the lowest threshold with at most this false positive rate; of a detector, "
        "with at most so many false boxes a photo.",
    ),
    click.option(
        "--target-precision",
        type=FiniteRange(0, 1),
        metavar="SHARE",
        help="Store the lowest threshold from which on this share of what is found are faces.",
    ),
)


def target_options(command: Command) -> Command:
    """Both options of a command."""
    return with_options(command, _OPTIONS)


def read_target(
    target_fpr: float | None, target_precision: float | None, *, detector: bool
) -> Target | None:
    """What the options ask for; `None` where they were not given.

    Raises:
        click.UsageError: If both were given, or a classifier's FPR is above 1.
    """
    from facesmith.metrics.operating_point import Target  # noqa: PLC0415 - see `cli`

    if target_fpr is not None and target_precision is not None:
        raise click.UsageError("Pass either --target-fpr or --target-precision.")
    if target_precision is not None:
        return Target("precision", target_precision)
    if target_fpr is None:
        return None
    if detector:
        return Target("false_per_photo", target_fpr)
    if target_fpr > 1:
        raise click.UsageError(
            f"--target-fpr {target_fpr:g}: a rate is from 0 to 1, e.g. 0.01 for one in a hundred."
        )
    return Target("fpr", target_fpr)
