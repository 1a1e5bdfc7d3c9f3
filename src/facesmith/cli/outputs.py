"""No output of a command is one of its inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from facesmith.cli.paths import NewPath
from facesmith.files.marks import protect

# Annotations and tables, which a command may read from a folder that it is given, as photos are.
_READ_FROM_FOLDERS = (".csv", ".json", ".txt", ".xml", ".yaml", ".yml")


class WritingCommand(click.Command):
    """A command that checks before it starts that no output is an input.

    Args:
        rewrites: Names of the parameters whose files the command reads and then writes anew.
        way_on: What to do after Ctrl-C; or a function that says it, given the words.
    """

    def __init__(
        self,
        *args: Any,
        rewrites: Sequence[str] = (),
        way_on: str | Callable[[Sequence[str]], str] = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._rewrites, self.way_on = rewrites, way_on

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or say which output it must not write."""
        inputs = [
            (param, path)
            for param in self.params
            if not _is_output(param)
            for path in _existing(param, ctx.params.get(param.name or ""))
        ]
        protect(path for param, path in inputs if param.name not in self._rewrites)
        _check_outputs(self, ctx.params, inputs)
        return super().invoke(ctx)


def _check_outputs(
    command: click.Command,
    values: dict[str, Any],
    inputs: Sequence[tuple[click.Parameter, Path]],
) -> None:
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
            if not out.is_dir():
                for file in _written(param, out):
                    _check_file(name, file, _name(other), path)
            elif force and Path(os.path.realpath(path)).is_relative_to(place):
                raise click.UsageError(
                    f"{_name(other)} reads {path}, and {name} {out} with --force would delete it. "
                    f"Copy {path.name} out of the folder first, or choose another {name}."
                )


def _check_file(name: str, out: Path, other: str, path: Path) -> None:
    """Refuse a file that is read, or that looks like one of those read from a folder."""
    if not out.exists():
        return
    from facesmith.images.files import HEIF_SUFFIXES, IMAGE_SUFFIXES  # noqa: PLC0415 - loads NumPy

    inside = path.is_dir() and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(path))
    read = out.name.lower().endswith((*_READ_FROM_FOLDERS, *IMAGE_SUFFIXES, *HEIF_SUFFIXES))
    if out.samefile(path) or (inside and read):
        raise click.UsageError(
            f"{name} {out} is read by {other}: an output is never an input. Choose another {name}."
        )


def _written(param: click.Parameter, out: Path) -> tuple[Path, ...]:
    """The file that an option names, and the picture that goes beside it."""
    beside = param.type.beside if isinstance(param.type, NewPath) else ""
    return (out, out.with_suffix(beside)) if beside and out.name else (out,)


def _is_output(param: click.Parameter) -> bool:
    return isinstance(param.type, NewPath)


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
