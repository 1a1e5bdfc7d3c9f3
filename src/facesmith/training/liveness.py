"""Signs of life of the processes of a training, so that nobody waits for one that is stopped."""

from __future__ import annotations

import threading
from typing import Any

SILENCE_SECONDS = 300  # after which a process is given up
_BETWEEN_SIGNS = 5.0  # seconds


class SignsOfLife:
    """A thread that tells the others that this process lives, and hears it of them.

    It goes on while the process validates or reads photos, and stops with the process.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        """Begin; `store` is the processes' own, which all write to and read from."""
        self._store, self._rank, self._size = store, rank, size
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
        number, names = 0, [str(rank) for rank in range(self._size)]
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
        for rank in range(self._signs._size):
            told = heard[rank] if heard else b""
            if told != self._last.get(rank):
                self._last[rank], self._looks[rank] = told, 0
            self._looks[rank] += 1
            if self._looks[rank] * seconds > SILENCE_SECONDS:
                return rank
        return None
