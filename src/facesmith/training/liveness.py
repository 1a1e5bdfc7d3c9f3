"""How processes of a training wait for each other, and not for one that has ended or is stopped."""

from __future__ import annotations

import ctypes
import datetime as dt
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist

from facesmith.errors import TrainingError

SILENCE_SECONDS = 300  # after which a process is given up
_BETWEEN_SIGNS = 5.0  # seconds
_LOOK_SECONDS = 1.0  # between two looks at the others while one waits for them


class ParticipantError(TrainingError):
    """Another process of the training has ended, or is silent; it may have said why."""


class SignsOfLife:
    """A thread that tells the others that this process lives, and hears it of them.

    It goes on while the process validates or reads photos, and stops with the process.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        """Begin; `store` is the processes' own, which all write to and read from."""
        self.size = size
        self._store, self._rank = store, rank
        self._heard: tuple[bytes, ...] = ()
        self._ended = threading.Event()
        self._store.set(str(rank), "0")
        threading.Thread(target=self._work, name="signs of life", daemon=True).start()

    def end(self) -> None:
        """Tell and hear no more."""
        self._ended.set()

    def watch(self) -> Watch:
        """For one wait: which process has become silent."""
        return Watch(self)

    @property
    def heard(self) -> tuple[bytes, ...]:
        """What each process, by its number, told last; empty in the beginning."""
        return self._heard

    def _work(self) -> None:
        number, names = 0, [str(rank) for rank in range(self.size)]
        while not self._ended.wait(_BETWEEN_SIGNS):
            number += 1
            try:
                self._store.set(str(self._rank), str(number))
                self._heard = tuple(self._store.multi_get(names))
            except RuntimeError:  # the first process has ended: the connections to it tell
                return


class Watch:
    """Counts the looks at which a process had nothing new to tell.

    Looks, not the time: after Ctrl-Z and `fg` all processes have been silent for as long.
    """

    def __init__(self, signs: SignsOfLife) -> None:
        self._signs = signs
        self._last: dict[int, bytes] = {}
        self._looks: dict[int, int] = {}

    def silent(self, seconds: float) -> int | None:
        """A process without a sign for `SILENCE_SECONDS`, looked at every so many seconds."""
        heard = self._signs.heard
        for rank in range(self._signs.size):
            told = heard[rank] if heard else b""
            if told != self._last.get(rank):
                self._last[rank], self._looks[rank] = told, 0
            self._looks[rank] += 1
            if self._looks[rank] * seconds > SILENCE_SECONDS:
                return rank
        return None


def wait_for(work: Any, signs: SignsOfLife | None) -> None:
    """See `World.wait`."""
    if dist.get_backend() != "gloo" or signs is None:
        with ended_in_words():
            work.wait()
        return
    watch = signs.watch()
    with ended_in_words():
        while True:
            try:
                work.wait(dt.timedelta(seconds=_LOOK_SECONDS))
                return
            except RuntimeError:
                if work.is_completed():
                    work.wait()  # what it raises, if it has failed
                    return
            silent = watch.silent(_LOOK_SECONDS)
            if silent is not None:
                _keep_group()
                raise ParticipantError(
                    f"Process {silent} of this training has given no sign of life for "
                    f"{SILENCE_SECONDS / 60:g} min: it is stopped, or its machine cannot be "
                    "reached. End what is left of it, and go on with --resume and the same "
                    "number of processes."
                )


@contextmanager
def ended_in_words() -> Iterator[None]:
    """Inside, another process that has ended is a `TrainingError`, not a closed connection."""
    try:
        yield
    except RuntimeError as error:
        raise ParticipantError(
            f"Another process of this training has ended or cannot be reached ({reason(error)}). "
            "Go on with --resume and the same number of processes."
        ) from error


def reason(error: RuntimeError) -> str:
    """What gloo says, without the place in its source and its guesses at causes."""
    first = str(error).strip().split("\n")[0]
    return re.sub(r"^\[\S+:\d+\]\s*", "", first).split(". ")[0].rstrip(".")[:200]


def _keep_group() -> None:
    """Keep the connections to the end of this process: closing them would wait for the others."""
    group = dist.group.WORLD
    if group is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(group))
