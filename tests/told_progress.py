"""A progress that keeps what it is told."""

from facesmith.progress import Progress


class Told(Progress):
    """What was said and reported, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.reports: list[tuple[str, int, int]] = []
        self.notes: list[str] = []

    def report(self, label: str, done: int, total: int, note: str = "") -> None:
        self.reports.append((label, done, total))
        self.notes.append(note)

    def say(self, text: str) -> None:
        self.said.append(text)
