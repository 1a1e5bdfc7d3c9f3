"""Paths on the command line: what must exist, and what is not to be overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

EXISTING = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """End the command where it would replace a file without --force."""
    for path in paths:
        if path.exists() and not force:
            raise click.ClickException(f"{path} exists. Pass --force to replace it.")


def refuse_resume_and_force(*, resume: bool, force: bool) -> None:
    """End the command where both are given."""
    if resume and force:
        raise click.UsageError("--resume goes on with a run, --force replaces it; choose one.")
