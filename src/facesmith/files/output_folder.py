"""The folder that a command fills, and what may be deleted to fill it again."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facesmith.errors import WriteError
from facesmith.files.atomic import is_unfinished, remove_unfinished
from facesmith.files.marks import (
    MARK_NAME,
    Mark,
    claim,
    close_marks,
    open_mark,
    read_mark,
)
from facesmith.files.reading import refuse_irregular
from facesmith.files.write_errors import write_error

_LOCK_NAME = ".facesmith.lock"
_RUNNING_NAME = ".facesmith.running"
_OWN_NAMES = frozenset({MARK_NAME, _LOCK_NAME, _RUNNING_NAME})
# What file managers leave in a folder that looks empty.
_OF_THE_SYSTEM = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


class OutputFolder:
    """A folder that facesmith fills, known by its mark.

    While it is open, every file that `facesmith.files.replacing` writes into it is listed in the
    mark, and a file that the mark does not list is never replaced.

    Args:
        path: The folder; it may be missing.
        task: What it is filled by, as messages name it: "training", "demo".
        option: What the folder is passed by, as messages name it.
    """

    def __init__(self, path: str | Path, task: str, option: str = "--out") -> None:
        self.path, self.task, self.option = Path(path), task, option

    def check(self, *, force: bool = False, resume: str = "") -> None:
        """Refuse a folder that `start` would refuse; changes nothing.

        Args:
            force: Whether what an earlier run of the same task left may be deleted.
            resume: What the message says of going on, such as "--resume to go on with it, ".

        Raises:
            WriteError: If it is a file, or holds something and `force` is not given, or holds what
                facesmith did not write for this task.
        """
        self._check_is_folder()
        if not self._entries():
            return
        if not force:
            if read_mark(self.path) is None:  # neither option would help
                raise WriteError(
                    f"The folder {self.path} holds files that facesmith did not write. Pass "
                    "another --out."
                )
            raise WriteError(
                f"The folder {self.path} is not empty. Pass {resume}--force to replace "
                f"{_earlier(self.task)}, or another --out."
            )
        mark = read_mark(self.path)
        if mark is None:
            raise WriteError(
                f"--force replaces only what facesmith wrote, and {self.path} does not carry its "
                f"mark, the file {MARK_NAME}. Delete the folder yourself, or pass another --out."
            )
        if mark.task != self.task:
            raise WriteError(
                f"{self.path} holds {_earlier(mark.task)}, and --force replaces only "
                f"{_earlier(self.task)}. Delete it yourself, or pass another --out."
            )
        others = self.others()
        if others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            raise WriteError(
                f"--force deletes only what facesmith wrote, and {self.path} holds other files: "
                f"{', '.join(others[:3])}{more}. Move them, or pass another --out."
            )

    def start(self, *, force: bool = False, resume: str = "") -> None:
        """Make the folder, empty but for its mark.

        Raises:
            WriteError: See `check`; or if the folder cannot be made or emptied.
        """
        self.check(force=force, resume=resume)
        if self._entries():
            self._clear()
        self._make()
        open_mark(self.path, self.task)

    def discard(self) -> None:
        """Delete what was written since `start`, the mark too: a failed run leaves nothing."""
        self._clear()

    def add(self, *names: str, force: bool = False) -> None:
        """Make the folder, or write beside what it holds; files of others are never replaced.

        Args:
            names: Files that will be written, to be refused at once.
            force: Replace files of others all the same.

        Raises:
            WriteError: If it is a file or cannot be made, or one of `names` is a file of others.
        """
        self._check_is_folder()
        self._make()
        open_mark(self.path, self.task, force=force)
        for name in names:
            claim(self.path / name)

    def adopt(self, *names: str) -> None:
        """List files of the opened folder that an earlier command wrote and this one changes."""
        mark = open_mark(self.path, self.task)
        for name in names:
            if (self.path / name).is_file():
                mark.add(name)

    def check_report(self) -> None:
        """Refuse a folder that `report` would refuse; changes nothing.

        Raises:
            WriteError: If it is a file, or holds files and no mark.
        """
        self._check_is_folder()
        if self.path.exists() and read_mark(self.path) is None and self.others():
            raise WriteError(
                f"{self.path} holds files and does not carry facesmith's mark, the file "
                f"{MARK_NAME}. Pass as --out an empty folder, or one that does not exist yet."
            )

    def report(self) -> None:
        """Make the folder, or write over what an earlier command of facesmith left in it.

        Raises:
            WriteError: See `check_report`; or if it cannot be made.
        """
        self.check_report()
        self.add()

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """A folder to write into, whose files take the place of the earlier ones at the end.

        The earlier ones stay when writing fails. `check` comes first, see there.
        """
        self._make()
        mark = open_mark(self.path, self.task)
        remove_unfinished(self.path)
        staging = self.path / f".new.{secrets.token_hex(4)}.tmp"
        try:
            staging.mkdir()
            yield staging
            self._remove_listed(mark)
            for path in sorted(p for p in staging.rglob("*") if p.is_file()):
                name = path.relative_to(staging)
                mark.add(name.as_posix())
                (self.path / name.parent).mkdir(parents=True, exist_ok=True)
                path.replace(self.path / name)
        except OSError as error:
            raise write_error(self.path, error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from filling the folder; who is killed leaves no lock behind.

        The folder is made, if need be.

        Raises:
            WriteError: If another process fills it.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - not part of the base install

        self._check_is_folder()
        new = [each for each in (self.path, *self.path.parents) if not each.exists()]
        self._make()
        running = self.path / _RUNNING_NAME
        lock = FileLock(self.path / _LOCK_NAME, timeout=0)
        try:
            for path in (running, self.path / _LOCK_NAME):
                if os.path.lexists(path):
                    refuse_irregular(path, path.lstat().st_mode)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            lock.acquire()
        except Timeout as error:
            raise WriteError(
                f"{self.path} is being written by {_who(running)}. Wait until it ends, or pass "
                f"another {self.option}."
            ) from error
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and not os.access(self.path, os.W_OK):
                raise write_error(self.path, error) from error
            try:
                yield  # a file system without locks
            finally:
                close_marks(self.path)
            return
        try:
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            about = {"process": os.getpid(), "host": platform.node(), "since": since}
            with suppress(OSError):
                running.write_text(json.dumps(about), encoding="utf-8")
            yield
        finally:
            close_marks(self.path)
            with suppress(OSError):  # Windows keeps an open file; it is no harm
                running.unlink(missing_ok=True)
                (self.path / _LOCK_NAME).unlink(missing_ok=True)
            lock.release()
            with suppress(OSError):  # it holds something now
                for each in new:
                    each.rmdir()

    def others(self) -> list[str]:
        """Names of the files in the folder, and those below, that facesmith did not write."""
        return sorted(self._others(self.path, ""))

    def _others(self, folder: Path, prefix: str, listed: frozenset[str] = frozenset()) -> list[str]:
        # A mark below counts only where the one above lists it: else it is of another run.
        own = not prefix or f"{prefix}{MARK_NAME}" in listed
        mark = read_mark(folder) if own else None
        if mark is not None:
            listed |= {f"{prefix}{name}" for name in mark.names}
        others = []
        for entry in folder.iterdir():
            name = f"{prefix}{entry.name}"
            if entry.is_dir() and not entry.is_symlink():
                if not is_unfinished(entry):
                    others += self._others(entry, f"{name}/", listed)
            elif not (
                name in listed
                or entry.name in _OF_THE_SYSTEM
                or (entry.name in _OWN_NAMES and mark is not None)
                or is_unfinished(entry)
            ):
                others.append(name)
        return others

    def _entries(self) -> list[Path]:
        """What the folder holds, but for the traces of this process and of the system."""
        if not self.path.exists():
            return []
        ignored = _OF_THE_SYSTEM | _OWN_NAMES
        found = [entry for entry in self.path.iterdir() if entry.name not in ignored]
        return [entry for entry in found if not is_unfinished(entry)]

    def _clear(self) -> None:
        """Delete what facesmith wrote; only after `check`."""
        mark = read_mark(self.path)
        try:
            if mark is not None:
                self._remove_listed(mark)
                mark.path.unlink(missing_ok=True)
            remove_unfinished(self.path)
        except OSError as error:
            raise write_error(self.path, error) from error

    def _remove_listed(self, mark: Mark) -> None:
        for name in sorted(mark.names):
            path = _own_file(mark.path.parent, name)
            if path is None:
                continue
            inner = read_mark(path.parent) if path.name == MARK_NAME else None
            if inner is not None and path.parent != mark.path.parent:
                self._remove_listed(inner)
                for own in _OWN_NAMES:
                    (path.parent / own).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        for folder in sorted((p for p in self.path.rglob("*") if p.is_dir()), reverse=True):
            with suppress(OSError):  # not empty
                folder.rmdir()

    def _check_is_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise WriteError(f"{self.path} is a file; pass a folder as {self.option}.")

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self.path, error) from error


def _earlier(task: str) -> str:
    """What an earlier command of a task left, as messages name it."""
    return f"earlier {task}" if task.endswith("s") else f"an earlier {task}"


def _own_file(folder: Path, name: str) -> Path | None:
    """The file that a mark lists; `None` if it is a folder, or a link leads out of `folder`."""
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        return None
    place = folder.resolve() / Path(name).parent
    return path if path.parent.resolve() == place else None


def _who(running: Path) -> str:
    try:
        about = json.loads(running.read_text(encoding="utf-8"))
        return f"process {about['process']} on {about['host']}, since {about['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
