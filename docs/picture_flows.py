"""Pictures of how long work runs: boxes and arrows, as SVG, each in a light and a dark version.

Pictures are 400 units wide, so that letters of 13 units can be read on a phone. Boxes with round
corners do something; those with square ones are files and folders; orange ones are questions.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from picture_charts import Theme

WIDE, LETTERS, LINE = 400, 13, 17
LEFT, MIDDLE, RIGHT = 100, 200, 300  # of two columns and between


class Flow:
    """A drawing that grows by boxes, arrows and words.

    Args:
        theme: Its colours.
        tall: Units.
    """

    def __init__(self, theme: Theme, tall: int) -> None:
        self.theme, self.tall = theme, tall
        self.parts: list[str] = []

    def box(self, x: int, y: int, wide: int, *lines: str, kind: str = "work") -> int:
        """Draw a box around lines with its top at `y` and its middle at `x`; where it ends."""
        tall = LINE * len(lines) + 13
        colour = {
            "work": self.theme.colours[0], "file": self.theme.colours[2],
            "question": self.theme.colours[1], "end": self.theme.faint,
        }[kind]  # fmt: skip
        round_by = 0 if kind == "file" else 9
        self.parts.append(
            f'<rect x="{x - wide // 2}" y="{y}" width="{wide}" height="{tall}" rx="{round_by}" '
            f'fill="{colour}" fill-opacity=".1" stroke="{colour}" stroke-width="1.6"/>'
        )
        for i, line in enumerate(lines):
            self.words(x, y + 18 + LINE * i, line, "middle")
        return y + tall

    def words(
        self, x: int, y: int, line: str, anchor: str = "start", *, faint: bool = False
    ) -> None:
        """Write a line from `x` on, up to it, or around it."""
        colour = self.theme.faint if faint else self.theme.ink
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(line)}</text>'
        )

    def beside(self, x: int, y: int, *lines: str) -> None:
        """Write lines to the right of an arrow."""
        for i, line in enumerate(lines):
            self.words(x + 9, y + LINE * i, line, faint=True)

    def line(self, x: int, y: int, to_x: float, to_y: float) -> None:
        """A line without a head."""
        self.parts.append(
            f'<path d="M{x} {y}L{to_x:.1f} {to_y:.1f}" stroke="{self.theme.faint}" '
            'stroke-width="1.6" stroke-linecap="square"/>'
        )

    def arrow(self, x: int, y: int, to_x: int, to_y: int) -> None:
        """An arrow, with a head at its end."""
        dx, dy = to_x - x, to_y - y
        length = (dx * dx + dy * dy) ** 0.5
        ux, uy = dx / length, dy / length
        back_x, back_y = to_x - 8 * ux, to_y - 8 * uy
        corners = [
            (to_x, to_y),
            (back_x - 4 * uy, back_y + 4 * ux),
            (back_x + 4 * uy, back_y - 4 * ux),
        ]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
        self.line(x, y, back_x, back_y)
        self.parts.append(f'<polygon points="{points}" fill="{self.theme.faint}"/>')

    def panel(self, x: int, y: int, wide: int, tall: int, title: str) -> None:
        """A frame around boxes."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{wide}" height="{tall}" rx="4" fill="none" '
            f'stroke="{self.theme.line}" stroke-width="1.6"/>'
        )
        self.words(x + wide // 2, y + 18, title, "middle", faint=True)

    def svg(self) -> str:
        """The drawing as the text of a file."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {self.tall}" '
            f'width="{WIDE}" height="{self.tall}" font-size="{LETTERS}" '
            'font-family="Verdana,DejaVu Sans,Arial,sans-serif" letter-spacing="-.35">'
            f"{''.join(self.parts)}</svg>\n"
        )


def bulk(theme: Theme) -> str:
    """From inputs over shards to Parquet files."""
    flow = Flow(theme, 522)
    flow.box(55, 10, 90, "inputs", kind="file")
    flow.words(152, 19, "listed, sorted", "middle", faint=True)
    flow.arrow(101, 25, 205, 25)
    end = flow.box(RIGHT, 10, 180, "listing.jsonl", kind="file")
    flow.arrow(RIGHT, end, RIGHT, 104)
    flow.words(291, 66, "cut into shards of 250 photos;", "end", faint=True)
    flow.words(291, 83, "those that have a file are left out", "end", faint=True)
    flow.panel(10, 106, 184, 184, "--engine local")
    flow.panel(206, 106, 184, 184, "--engine dask")
    for x in (LEFT, RIGHT):
        flow.box(x, 134, 140, "this command")
    for x in (56, 144):
        flow.arrow(x, 165, x, 248)
        flow.box(x, 250, 84, f"process {1 if x == 56 else 2}")
    flow.words(LEFT, 203, "two tasks", "middle", faint=True)
    flow.words(LEFT, 220, "each", "middle", faint=True)
    flow.arrow(RIGHT, 165, RIGHT, 192)
    flow.words(RIGHT - 9, 183, "two a worker", "end", faint=True)
    flow.box(RIGHT, 193, 110, "scheduler")
    for x in (255, 343):
        flow.arrow(RIGHT, 224, x, 248)
        flow.box(x, 250, 84, f"worker {'1' if x == 255 else 'n'}")
    for x, to_x in ((LEFT, 150), (RIGHT, 250)):
        flow.arrow(x, 290, to_x, 316)
    end = flow.box(
        MIDDLE, 318, 290, "reads and decodes ahead, finds faces,", "writes a hidden file"
    )
    flow.arrow(MIDDLE, end, MIDDLE, end + 42)
    flow.beside(MIDDLE, end + 16, "renamed in one step:", "whole, or not there")
    end = flow.box(MIDDLE, end + 43, 190, "part-00000017.parquet", kind="file")
    flow.arrow(MIDDLE, end, MIDDLE, end + 42)
    flow.beside(MIDDLE, end + 16, "all there: counted,", "compared with listing")
    flow.box(MIDDLE, end + 43, 190, "manifest.json", kind="file")
    return flow.svg()


def several_processes(theme: Theme) -> str:
    """A step of two processes."""
    flow = Flow(theme, 536)

    def both(y: int, *lines: str) -> int:
        for x in (LEFT, RIGHT):
            end = flow.box(x, y, 180, *lines)
        return end

    def down(y: int) -> int:
        for x in (LEFT, RIGHT):
            flow.arrow(x, y, x, y + 19)
        return y + 20

    flow.box(LEFT, 10, 180, "process 0", "writes the run folder")
    y = down(flow.box(RIGHT, 10, 180, "process 1", "on this or another machine"))
    y = down(both(y, "boxes of all 32 crops,", "pixels of its own 16"))
    flow.box(LEFT, y, 180, "rows 0 to 15", "through the network")
    y = down(flow.box(RIGHT, y, 180, "rows 16 to 31", "through the network"))
    y = down(flow.box(MIDDLE, y, 380, "exchanged: statistics of batch normalisation,",
                      "outputs of all 32 rows", kind="question"))  # fmt: skip
    y = down(both(y, "loss of all 32 rows"))
    y = down(both(y, "backward, own rows"))
    y = down(flow.box(MIDDLE, y, 380, "exchanged: sum of the gradients", kind="question"))
    y = both(y, "the same step")
    flow.arrow(LEFT, y, LEFT, y + 19)
    flow.box(LEFT, y + 20, 180, "validates, tells the others,", "writes checkpoints")
    flow.line(190, y + 44, RIGHT, y + 44)
    flow.arrow(RIGHT, y + 44, RIGHT, y + 2)
    return flow.svg()


def tune(theme: Theme) -> str:
    """From trials that share a journal to the verdict."""
    flow = Flow(theme, 452)
    top = flow.box(
        MIDDLE, 10, 380, "tune/journal.log", "what was tried, and what came of it", kind="file"
    )
    for x, lines in ((LEFT, ("process 1", "trains trial-0000/")),
                     (RIGHT, ("process 2, any machine", "trains trial-0001/"))):  # fmt: skip
        flow.arrow(x - 60, top, x - 60, 112)
        flow.beside(x - 60, 88, "settings")
        flow.arrow(x + 26, 112, x + 26, top)
        flow.beside(x + 26, 88, "AP")
        end = flow.box(x, 113, 180, *lines)
        flow.arrow(x, end, x, end + 23)
    y = flow.box(MIDDLE, end + 24, 380, "after each validation: below the median",
                 "of the other trials, from 30 % on?", kind="question")  # fmt: skip
    for x, words, line in ((LEFT, "yes", "stopped early"), (RIGHT, "no", "trained to the end")):
        flow.arrow(x, y, x, y + 27)
        flow.beside(x, y + 18, words)
        end = flow.box(x, y + 28, 180, line, kind="end" if words == "yes" else "work")
        flow.arrow(x, end, (x + MIDDLE) // 2, end + 33)
    flow.words(MIDDLE, end + 14, "--trials are done", "middle", faint=True)
    y = flow.box(MIDDLE, end + 34, 380, "confirm/: the defaults and the best settings again,",
                 "other seeds, other photos held out")  # fmt: skip
    flow.arrow(MIDDLE, y, MIDDLE, y + 23)
    flow.box(
        MIDDLE,
        y + 24,
        380,
        "best.json, report.html, trials.json",
        "parallel.png, importance.png",
        kind="file",
    )
    return flow.svg()


def fetch(theme: Theme) -> str:
    """From addresses over checks to a folder."""
    flow = Flow(theme, 446)
    flow.box(70, 10, 120, "own addresses", "in order")
    flow.box(200, 10, 120, "--mirror", "URL")
    end = flow.box(330, 10, 120, "--mirror", "DIR", kind="file")
    flow.arrow(70, end, 70, end + 31)
    flow.arrow(200, end, 200, end + 31)
    flow.words(135, end + 20, "goes on", "middle", faint=True)
    y = flow.box(
        135, end + 32, 250, "originalPics.tar.gz.part", "its .json: ETag or date, size", kind="file"
    )
    flow.arrow(135, y, 135, y + 27)
    flow.beside(135, y + 18, "complete")
    flow.arrow(330, end, 330, y + 27)
    y = flow.box(
        MIDDLE,
        y + 28,
        380,
        "size and checksum as published,",
        "or as --sha256 says?",
        kind="question",
    )
    flow.arrow(120, y, 120, y + 27)
    flow.beside(120, y + 18, "yes")
    flow.arrow(330, y, 330, y + 27)
    flow.beside(330, y + 18, "no")
    flow.box(330, y + 28, 120, "an error, a", "download is deleted", kind="end")
    y = flow.box(
        125, y + 28, 230, ".originalPics.1f2e3d4c.tmp/", "each entry checked, SHA-256", kind="file"
    )
    flow.arrow(120, y, 120, y + 25)
    y = flow.box(125, y + 26, 230, "as many files", "as the set has?", kind="question")
    flow.arrow(240, y - 23, 268, y - 23)
    flow.words(254, y - 30, "no", "middle", faint=True)
    flow.box(330, y - 47, 120, "an error, folder", "is deleted", kind="end")
    flow.arrow(120, y, 120, y + 27)
    flow.beside(120, y + 18, "yes")
    flow.box(
        MIDDLE,
        y + 28,
        380,
        "originalPics.sha256, then originalPics/,",
        "renamed in one step, then fetched.json",
        kind="file",
    )
    return flow.svg()


FLOWS: dict[str, Callable[[Theme], str]] = {
    "how-bulk": bulk,
    "how-several-processes": several_processes,
    "how-tune": tune,
    "how-fetch": fetch,
}
