"""Where covered photos go: the tree of the inputs, below the output folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from facesmith.errors import WriteError


def root_of(given: str, *, alone: bool) -> Path:
    """The folder that becomes the output folder for what an input stands for.

    Args:
        given: A file, a folder or a pattern, as it was given.
        alone: Whether it is the only input. Of several folders each keeps its name.

    Example:
        >>> root_of("holiday/2024/*.jpg", alone=False).as_posix()
        'holiday/2024'
    """
    path = Path(given)
    if path.is_dir():
        return path if alone else path.absolute().parent
    if glob.has_magic(given) and not path.exists():
        plain = []
        for part in PurePath(given).parts:
            if glob.has_magic(part):
                break
            plain.append(part)
        return Path(*plain)
    return path.parent


def output_names(
    paths: Sequence[Path],
    roots: Sequence[Path],
    written_as: Callable[[Path, str], str] = lambda _, name: name,
    reserved: Sequence[str] = (),
) -> dict[str, str]:
    """The name of each file, with forward slashes -> that of its output, relative to its folder.

    Args:
        paths: The files.
        roots: Of each file, see `root_of`.
        written_as: From a file and its name to the name that it is written under.
        reserved: Names that the command itself writes.

    Raises:
        WriteError: If two would be written to the same place, upper and lower case being the same.
    """
    names: dict[str, str] = {}
    taken: dict[str, Path] = {name.casefold(): Path(name) for name in reserved}
    for path, root in zip(paths, roots, strict=True):
        relative = os.path.relpath(path.absolute(), root.absolute())
        if relative.startswith(".."):
            relative = path.name
        name = written_as(path, Path(relative).as_posix())
        if name.casefold() in map(str.casefold, reserved):
            raise WriteError(
                f"{path} would be written to {name}, which is a name of the report's files. Rename "
                "it, or pass it by its folder's folder."
            )
        other = taken.setdefault(name.casefold(), path)
        if other != path:
            raise WriteError(
                f"{other} and {path} would both be written to {name}. Pass the folder above them, "
                "or cover them in two runs."
            )
        names[path.as_posix()] = name
    return names
