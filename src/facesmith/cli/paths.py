"""Paths on the command line: what must exist, what is written, and what is never replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from facesmith.errors import WriteError
from facesmith.files import OutputFolder


class NewPath(click.Path):
    """A file or folder to write. `-` is refused: it means standard output elsewhere.

    Args:
        folder: Whether it is a folder.
        either: Whether it may be a file or a folder.
        beside: The suffix of what is written beside the file.
    """

    def __init__(self, *, folder: bool = False, either: bool = False, beside: str = "") -> None:
        self.beside = beside
        super().__init__(dir_okay=folder or either, file_okay=either or not folder, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, or a usage error."""
        if not str(value):
            self.fail("it is empty, which would be the folder you are in: that is '.'.", param, ctx)
        if str(value) == "-":
            self.fail(
                "'-' would be standard output; name a file, or ./- for one called so.", param, ctx
            )
        if "://" in str(value):
            self.fail(
                f"{value} is an address; expected a place on this machine. Write to one, and copy "
                "it from there.", param, ctx,
            )  # fmt: skip
        path = Path(super().convert(value, param, ctx))  # type: ignore[arg-type]
        if _is_special(path):
            self.fail(f"{path} is a pipe or a device; name a file on a disk.", param, ctx)
        _check_parent(path)
        return path


class ReportFolder(NewPath):
    """A folder that a command writes its report to; one with files needs facesmith's mark."""

    def __init__(self) -> None:
        super().__init__(folder=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; refused at once where the report could not be written later."""
        path = super().convert(value, param, ctx)
        OutputFolder(path, "report").check_report()
        return path


def _is_special(path: Path) -> bool:
    """Whether a path is of the system's own, which a file must never take the place of."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # missing; or making it will tell
    of_system = path.absolute().parts[1:2] in (("dev",), ("proc",))  # /dev/stdout is a link
    return not stat.S_ISDIR(mode) and (not stat.S_ISREG(mode) or (of_system and path.is_symlink()))


def _check_parent(path: Path) -> None:
    """Refuse, before any work is done, a new path in a place where nothing can be made.

    Raises:
        WriteError: If what is above it is a file, or a folder that may not be written to.
    """
    if os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112 - never raises
        return
    places = (path.absolute(), *path.absolute().parents)
    above = next(each for each in places if os.path.lexists(each))
    if not os.path.isdir(above):  # noqa: PTH112 - unlike pathlib's it never raises
        raise WriteError(f"Cannot write {path}: {above} is no folder. Choose another place.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise WriteError(
            f"Cannot write {path}: nothing may be written to {above}. Choose a folder that you may "
            "write to."
        )


EXISTING = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = NewPath()
NEW_FILE_WITH_PICTURE = NewPath(beside=".png")
NEW_FOLDER = NewPath(folder=True)
NEW_FILE_OR_FOLDER = NewPath(either=True)
REPORT_FOLDER = ReportFolder()


def open_report(folder: Path) -> None:
    """Make the folder of a report, or write over an earlier one in it."""
    OutputFolder(folder, "report").report()


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """End the command where it would replace a file without --force."""
    for path in paths:
        if path.exists() and not force:
            raise click.ClickException(f"{path} exists. Pass --force to replace it.")


def refuse_file(out: Path) -> None:
    """End the command where `--out` names a file instead of a folder."""
    if out.is_file():
        raise click.UsageError(f"--out {out} is a file; name a folder.")


def refuse_resume_and_force(*, resume: bool, force: bool) -> None:
    """End the command where both are given."""
    if resume and force:
        raise click.UsageError("--resume goes on with a run, --force replaces it; choose one.")
