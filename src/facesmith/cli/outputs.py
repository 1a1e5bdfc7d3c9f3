"""What commands may write, and where: no output is an input, no file of others is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from facesmith.files import OutputFolder


class OutputFile(click.Path):
    """A file that a command writes.

    One that exists is replaced with `--force` only, or where it begins as the command's own do.

    Args:
        begins: The first bytes of a file that may be replaced without asking.
    """

    def __init__(self, begins: bytes | None = None) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.begins = begins

    def is_own(self, path: Path) -> bool:
        """Whether a file was written by the command, or holds nothing."""
        if self.begins is None:
            return False
        try:
            with path.open("rb") as file:
                head = file.read(len(self.begins))
        except OSError:
            return False
        return head in (self.begins, b"")


class ReportFolder(click.Path):
    """A folder that a command writes its report to; one with files needs facesmith's mark."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; refused at once where the report could not be written later."""
        path: Path = super().convert(value, param, ctx)  # type: ignore[assignment]
        OutputFolder(path, "report").check_report()
        return path


def open_report(folder: Path) -> None:
    """Make the folder of a report, or write over an earlier one in it."""
    OutputFolder(folder, "report").report()


class WritingCommand(click.Command):
    """A command that checks before it starts that no output is an input."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or say which output it must not write."""
        _check_outputs(self, ctx.params)
        return super().invoke(ctx)


def _check_outputs(command: click.Command, values: dict[str, Any]) -> None:
    inputs = [
        (param, path)
        for param in command.params
        if not _is_output(param)
        for path in _existing(param, values.get(param.name or ""))
    ]
    force = bool(values.get("force"))
    seen: dict[str, str] = {}
    for param in filter(_is_output, command.params):
        out: Path | None = values.get(param.name or "")
        if out is None:
            continue
        name = _name(param)
        place = os.path.realpath(out)
        if place in seen and not out.is_dir():
            raise click.UsageError(f"{seen[place]} and {name} name the same file, {out}.")
        seen[place] = name
        for other, path in inputs:
            if isinstance(param.type, OutputFile):
                _check_file(param.type, name, out, _name(other), path)
            elif force and Path(os.path.realpath(path)).is_relative_to(place):
                raise click.UsageError(
                    f"{_name(other)} reads {path}, and {name} {out} with --force would delete it. "
                    f"Choose another {name}."
                )
        kind = param.type
        if isinstance(kind, OutputFile) and out.exists() and not force and not kind.is_own(out):
            raise click.ClickException(
                f"{out} exists. Pass --force to replace it, or choose another {name}."
            )


def _check_file(kind: OutputFile, name: str, out: Path, other: str, path: Path) -> None:
    """Refuse a file that is read, or that lies, as somebody else's, in a folder that is read."""
    if not out.exists():
        return
    inside = path.is_dir() and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(path))
    if out.samefile(path) or (inside and not kind.is_own(out)):
        raise click.UsageError(
            f"{name} {out} is read by {other}: an output is never an input. Choose another {name}."
        )


def _is_output(param: click.Parameter) -> bool:
    kind = param.type
    return isinstance(kind, OutputFile | ReportFolder) or param.name in _OUTPUT_FOLDERS


_OUTPUT_FOLDERS = ("out", "draw_dir", "crops_dir")


def _existing(param: click.Parameter, value: Any) -> Iterator[Path]:
    """The files and folders that a value names, as `judge=kind:PATH` too."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from _existing(param, each)
    elif isinstance(value, Path) and value.exists():
        yield value
    elif isinstance(value, str) and not isinstance(param.type, click.Choice):
        for text in {value, value.partition("=")[2], value.rpartition(":")[2]}:
            if text and os.path.lexists(text):
                yield Path(text)


def _name(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        return param.human_readable_name
    return max(param.opts, key=len)
