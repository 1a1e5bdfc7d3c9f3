"""The progress of long work: the library reports it, and the caller decides what to show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Progress:
    """What long work calls; the methods of this class do nothing. Override them to show it.

    Example:
        >>> class Printed(Progress):
        ...     def report(self, label: str, done: int, total: int, note: str = "") -> None:
        ...         print(f"{label}: {done} of {total}")
        >>> for letter in Printed().each("ab", "Letters"):
        ...     print(letter)
        Letters: 0 of 2
        a
        Letters: 1 of 2
        b
        Letters: 2 of 2
    """

    def report(self, label: str, done: int, total: int, note: str = "") -> None:
        """So much of a piece of work is done.

        Args:
            label: What is being done, such as "Training".
            done: Steps done, in [0, total]; work that goes on where it stopped begins above 0.
            total: Steps in all. Work may end before.
            note: How it stands, such as "epoch 3  loss 0.1234".
        """

    def say(self, text: str) -> None:
        """A line about what comes next, such as "Refiner: 5120 patches an epoch."."""

    def each(self, items: Collection[Item], label: str) -> Iterator[Item]:
        """The items in order; each counts as done when the next one is asked for."""
        self.report(label, 0, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            self.report(label, done, len(items))

    def counter(self, label: str, total: int) -> Callable[[], None]:
        """What to call after each of so many steps."""
        steps = self.each(range(total), label)
        next(steps, None)

        def step() -> None:
            next(steps, None)

        return step


NO_PROGRESS = Progress()


def duration(seconds: float) -> str:
    """Seconds in words: `48 s`, `12 min`, `2 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
