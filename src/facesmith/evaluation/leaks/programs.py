"""The programs that are measured: a command each, its CPU time, and what it wrote."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facesmith.errors import EvaluationError

PLACES = ("input", "output", "folder", "colour", "picture")
_LAST_WORDS = 300  # characters of what a program said before it failed


@dataclass(frozen=True)
class Program:
    """A program that covers faces.

    Attributes:
        name: What it is called.
        words: Its command, word by word, with `{input}`, and `{output}` or `{folder}`, in it.
    """

    name: str
    words: Sequence[str]

    def __post_init__(self) -> None:
        text = " ".join(self.words)
        if "{input}" not in text or not ("{output}" in text or "{folder}" in text):
            raise EvaluationError(
                f"The command of {self.name} must contain {{input}}, the film to cover, and "
                "{output}, the file to write, or {folder}, where to write one of the same name; "
                f"got {text!r}."
            )

    def check(self) -> str:
        """The file that its first word names.

        Raises:
            EvaluationError: If there is none.
        """
        found = shutil.which(self.words[0])
        if found is None:
            raise EvaluationError(
                f"{self.name}: there is no program {self.words[0]}. Install it first."
            )
        return found


@dataclass(frozen=True)
class Ran:
    """What running a program took.

    Attributes:
        cpu_seconds: User and system time of it and its children; `None` where the system does not
            tell.
        seconds: By the clock.
    """

    cpu_seconds: float | None
    seconds: float


def ours(model: Path | None = None, options: Sequence[str] = ()) -> Program:
    """`facesmith anonymise` of this installation, with its own settings but for the colour.

    Args:
        model: Weights; `None`: those that come along.
        options: Further options of the command.
    """
    words = [sys.executable, "-m", "facesmith", "anonymise", "{input}", "--out", "{folder}"]
    words += ["--fill", "solid", "--colour", "{colour}", "--no-verify", "--quiet", *options]
    if model is not None:
        words += ["--model", str(model)]
    return Program("facesmith", words)


def parse_program(text: str) -> Program:
    """A program given as `NAME=COMMAND`.

    Raises:
        EvaluationError: If it is none.
    """
    name, _, command = text.partition("=")
    if not name.strip() or not command.strip() or any(each in name for each in "/\\ "):
        raise EvaluationError(
            f"{text!r} is no program: expected NAME=COMMAND, such as "
            "'deface=deface {input} -o {output}'; the name without blanks and slashes."
        )
    try:
        return Program(name, shlex.split(command))
    except ValueError as error:
        raise EvaluationError(f"{text!r}: {error}. Check the quotes.") from error


def run(
    program: Program, film: Path, folder: Path, colour: tuple[int, int, int], picture: Path
) -> tuple[Path, Ran]:
    """Have a program cover a film.

    Args:
        program: The program.
        film: The film.
        folder: An empty folder for what it writes.
        colour: To cover faces in.
        picture: A file with a picture of only that colour.

    Returns:
        The covered film, and what it took.

    Raises:
        EvaluationError: If it cannot be started, fails, or writes no film.
    """
    output = folder / film.name
    values = {
        "input": str(film),
        "output": str(output),
        "folder": str(folder),
        "colour": "#{:02x}{:02x}{:02x}".format(*colour),
        "picture": str(picture),
    }
    words = [_filled(word, values) for word in program.words]
    before, began = _children_seconds(), time.perf_counter()
    try:
        done = subprocess.run(  # noqa: S603 - the user named the program; no shell
            [program.check(), *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise EvaluationError(f"{program.name} cannot be started: {error}.") from error
    seconds, after = time.perf_counter() - began, _children_seconds()
    said = done.stdout.decode(errors="replace").strip()[-_LAST_WORDS:]
    if done.returncode:
        raise EvaluationError(
            f"{program.name} failed at {film.name} with exit code {done.returncode}: {said}"
        )
    if not output.is_file():
        raise EvaluationError(f"{program.name} did not write {output}. It said: {said}")
    used = None if before is None or after is None else after - before
    return output, Ran(used, seconds)


def _filled(word: str, values: dict[str, str]) -> str:
    for name in PLACES:
        word = word.replace("{" + name + "}", values[name])
    return word


def _children_seconds() -> float | None:
    """CPU time of all children that have ended, and of theirs; `None` on Windows."""
    try:
        import resource  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
