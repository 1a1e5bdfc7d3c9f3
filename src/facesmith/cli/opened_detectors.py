"""Opening the detectors that a user names, and saying which of `all` are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.evaluation.baselines import Baseline, DetectorName


def open_detectors(
    names: Sequence[DetectorName], threads: int
) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Label -> the detector that runs, and label -> why another one does not.

    Raises:
        BaselineError: If one that is not optional cannot be used.
    """
    from facesmith.evaluation.baselines import BaselineError, open_baseline  # noqa: PLC0415 - see `cli`

    baselines: dict[str, Baseline] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            baselines[name.label] = open_baseline(name, threads)
        except BaselineError as error:
            if not name.optional:
                raise
            left_out[name.label] = str(error)
            echo(f"Left out: {name.label}. {error}", err=True)
    return baselines, left_out
