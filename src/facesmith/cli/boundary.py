"""Where the command ends: whatever goes wrong becomes one readable line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, TextIO

import click

from facesmith.errors import FacesmithError, StoppedError, missing_packages_named
from facesmith.printable import message_text, one_line, shortened_text

DEBUG_VARIABLE = "FACESMITH_DEBUG"
STOPPED = 130  # exit code after Ctrl-C, as shells have it
# Without a file's name these are about standard output: writers of files name theirs.
_OF_OUTPUT = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EDQUOT)
_LOADER = "<frozen importlib._bootstrap>"  # runs whenever a module is loaded
_while_loading = {"way on": ""}  # see `way_on_while_loading`
_LONGEST_REASON = 300  # characters of an unexpected exception's own words


class _UnstrippedText(io.StringIO):
    """Text that click takes for a terminal's, so that it keeps escape sequences to be shown."""

    def isatty(self) -> bool:
        return True


class _Stopped(click.ClickException):
    """The work was asked to stop."""

    exit_code = STOPPED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the words alone: what was asked for is no error."""
        click.echo(self.format_message(), file=file, err=True)


@contextmanager
def failures_in_words(*, debug: bool, way_on: Callable[[], str]) -> Iterator[None]:
    """Turn whatever is raised in here into an exception of click's that says it in words.

    Args:
        debug: Print the traceback too.
        way_on: Gives what to do after Ctrl-C; may be empty.
    """
    try:
        with missing_packages_named():
            yield
    except click.exceptions.Exit:
        raise
    except click.ClickException as error:
        if "\n" not in error.message:
            raise
        if type(error) is click.UsageError:
            raise click.UsageError(one_line(error.message), error.ctx) from error
        if type(error) is click.ClickException:
            raise click.ClickException(one_line(error.message)) from error
        raise  # click's own, which list choices in lines
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        if debug:
            traceback.print_exception(error)
        if isinstance(error, OSError) and error.errno == errno.EPIPE and not error.filename:
            raise  # who read our output wants no more; `run_command` ends without a word
        raise _in_words(error, way_on) from error


def _in_words(error: BaseException, way_on: Callable[[], str]) -> click.ClickException:
    match error:
        case FacesmithError():
            words = one_line(f"{error} {way_on() if error.can_go_on else ''}".rstrip())
            return (
                _Stopped(words) if isinstance(error, StoppedError) else click.ClickException(words)
            )
        case _ if _was_interrupted(error):
            return _Stopped(f"Stopped on request. {way_on()}".rstrip())
        case MemoryError():
            return click.ClickException(
                "Too little memory. Close other programs, or pass fewer --workers."
            )
        case OSError():
            return click.ClickException(one_line(_system_error(error)))
    words = shortened_text(" ".join(str(error).split()), _LONGEST_REASON)
    reason = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return click.ClickException(
        f"This should not have happened ({reason}). Please report it with what the same command "
        "prints after `facesmith --debug`."
    )


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: modules that are interrupted while they load say otherwise."""
    while error is not None and not isinstance(error, KeyboardInterrupt | click.Abort):
        error = error.__cause__ or error.__context__
    return error is not None


def _system_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None and error.errno in _OF_OUTPUT:
        return _output_error(error)
    if error.filename is None:
        return f"The system refused: {reason}."
    return f"{os.fsdecode(error.filename)}: {reason}."


def _output_error(error: OSError) -> str:
    closed = error.errno == errno.EBADF
    reason = "it is closed" if closed else error.strerror or str(error)
    return f"Cannot write to standard output: {reason}. Send it to a file on a disk with room."


def run_command(call: Callable[[], Any]) -> int:
    """Call a command of click's that raises rather than exits; returns the exit code.

    Failures are printed on standard error, with control characters escaped.
    """
    _open_standard_streams()
    code: int
    try:
        with _stopped_while_loading():
            result = call()
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except click.ClickException as error:
        code = error.exit_code
        _show(error)
    except (click.Abort, KeyboardInterrupt):
        code = STOPPED
        _show(_Stopped("Stopped on request."))
    except OSError as error:
        code = 1
        if error.errno != errno.EPIPE:
            _show(click.ClickException(_output_error(error)))
    _give_up_full_output()
    return code


def way_on_by_resume(*, resume: bool, force: bool) -> str:
    """How a command with an option --resume goes on, by which options it was given."""
    how = " with --resume instead of --force" if force else " with --resume at its end"
    how = "" if resume else how
    return f"The same command{how} goes on where it stopped."


def way_on_while_loading(way_on: str) -> None:
    """Set what to do after Ctrl-C while a module is loaded, a sentence."""
    _while_loading["way on"] = way_on


@contextmanager
def _stopped_while_loading() -> Iterator[None]:
    """End at once on Ctrl-C while a module is loaded: compiled ones crash where that is raised.

    Nothing is half done then that a kill would spoil.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        each = frame
        while each is not None:
            if each.f_code.co_filename == _LOADER:
                words = f"Stopped on request. {_while_loading['way on']}"
                os.write(2, words.rstrip().encode() + b"\n")
                os._exit(STOPPED)
            each = each.f_back
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _show(error: click.ClickException) -> None:
    text = _UnstrippedText()
    error.show(text)
    with suppress(OSError):  # standard error is closed or full: nobody can be told
        click.echo(message_text(text.getvalue()), nl=False, err=True)


def _open_standard_streams() -> None:
    """Give a closed standard stream something to fail at.

    Else the next file that is opened takes its number, and what is printed goes into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        with suppress(OSError):
            try:
                os.fstat(number)
            except OSError:
                # Reading gives nothing; writing fails, where it is not for messages only.
                opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # What the encoding of the terminal lacks is written as an escape.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_full_output() -> None:
    """What could not be written is not tried again while Python ends: that would say so twice."""
    stream: TextIO
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
