"""The report of a run: `report.html` for people, `report.json`, a sheet of what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facesmith._version import __version__
from facesmith.files import write_bytes, write_json
from facesmith.images import read_image
from facesmith.pictures.contact_sheet import (
    CELL,
    FAINT,
    HEAD,
    INK,
    MARGIN,
    cut_cell,
    empty_sheet,
    fitted,
    write_sheet,
)
from facesmith.pictures.pages import page_style, stored
from facesmith.printable import counted, one_line, printable

REPORT_NAMES = ("report.html", "report.json", "left.png")
_MOST_SHOWN = 96  # pictures of what is left
_MOST_ROWS = 1000  # of a table; report.json has all
_COLUMNS, _GAP, _TEXT_ROOM = 8, 12, 42


@dataclass
class Report:
    """What a report tells.

    Attributes:
        folder: Where it goes, and where the covered files lie.
        settings: What decides what is written.
        done: The lines of covered files, as the journal has them; without those of frames.
        errors: Name of each file that could not be done -> why.
        pictures: Of what is left in films, by file and first frame.
        verified: Whether results were looked at again.
    """

    folder: Path
    settings: dict[str, Any]
    done: Sequence[dict[str, Any]]
    errors: dict[str, str] = field(default_factory=dict)
    pictures: dict[tuple[str, int], Image.Image] = field(default_factory=dict)
    verified: bool = True

    def write(self) -> None:
        """Write all of it; raises a `WriteError` where that is not possible."""
        shown = list(self._shown())
        if shown:
            write_sheet(self.folder / "left.png", self._sheet(shown))
        write_json(self.folder / "report.json", self._as_dict())
        write_bytes(self.folder / "report.html", self._page(shown).encode())

    @property
    def counts(self) -> dict[str, int]:
        """The main figures."""
        photos = [line for line in self.done if "film" not in line]
        films = [line for line in self.done if "film" in line]
        return {
            "photos": len(photos),
            "films": len(films),
            "faces_in_photos": sum(len(line["faces"]) for line in photos),
            "tracks_in_films": sum(line["film"]["tracks"] for line in films),
            "spared": sum(line["spared"] for line in self.done),
            "left": sum(len(line["left"]) for line in self.done),
            "files_with_left": sum(bool(line["left"]) for line in self.done),
            "doubtful_tracks": sum(len(line["film"]["doubtful"]) for line in films),
            "errors": len(self.errors),
        }

    def _as_dict(self) -> dict[str, Any]:
        return {
            "facesmith": __version__,
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "note": _NOTE,
            "verified": self.verified,
            "counts": self.counts,
            "settings": self.settings,
            "files": [_without_settings(line) for line in self.done],
            "errors": [{"file": name, "error": why} for name, why in self.errors.items()],
        }

    def _shown(self) -> Iterator[tuple[Image.Image, str, str]]:
        """Pictures of what is left, the best score first, with two lines of text each."""
        rows = [
            (line, left)
            for line in self.done
            for left in line["left"]
            if "film" not in line or (line["file"], left["frame"]) in self.pictures
        ]
        rows.sort(key=lambda row: -row[1]["score"])
        for line, left in rows[:_MOST_SHOWN]:
            said = f"score {left['score']:.2f}"
            if "film" in line:
                picture = self.pictures[line["file"], left["frame"]]
                yield picture, line["file"], f"{said}, frame {left['frame']}, {left['time']:.2f} s"
                continue
            box = np.array(left["box"], np.float32)
            image = read_image(self.folder / line["out"])
            yield cut_cell(image, box, box[None]), line["file"], said

    def _sheet(self, shown: Sequence[tuple[Image.Image, str, str]]) -> Image.Image:
        row = CELL + _TEXT_ROOM + _GAP
        width = 2 * MARGIN + _COLUMNS * (CELL + _GAP) - _GAP
        height = HEAD + -(-len(shown) // _COLUMNS) * row + MARGIN // 2
        title = "What may still be a face"
        sheet = empty_sheet((width, height), title, "The best scores first; look at each")
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
        for place, (picture, name, said) in enumerate(shown):
            line, column = divmod(place, _COLUMNS)
            left, top = MARGIN + column * (CELL + _GAP), HEAD + line * row
            sheet.paste(picture, (left, top))
            draw.text(
                (left, top + CELL + 5), fitted(one_line(printable(name)), CELL, font), INK, font
            )
            draw.text((left, top + CELL + 21), said, FAINT, font)
        return sheet

    def _page(self, shown: Sequence[tuple[Image.Image, str, str]]) -> str:
        template = Template((files("facesmith.anonymisation") / "report.html").read_text("utf-8"))
        counts = self.counts
        covered = (("photos", "faces"), ("films", "tracks"))
        tiles = [
            (f"{counts[f'{faces}_in_{kind}']:,}", f"{faces} covered; {kind}: {counts[kind]:,}")
            for kind, faces in covered
            if counts[kind]
        ]
        tiles += [
            (f"{counts['left']:,}" if self.verified else "-", "places may still show a face"),
            (f"{counts['errors']:,}", "files that could not be done"),
        ]
        return template.substitute(
            style=page_style(),
            note=escape(_NOTE),
            verdict=escape(self._verdict()),
            tiles="".join(_tile(*each) for each in tiles),
            sections="\n".join(
                [
                    _left_section(shown, counts["left"], self.done) if self.verified else "",
                    _doubtful_section(self.done),
                    _errors_section(self.errors),
                    _files_section(self.done),
                    _settings_section(self.settings),
                ]
            ),
            version=escape(__version__),
            date=f"{datetime.now():%Y-%m-%d %H:%M}",
        )

    def _verdict(self) -> str:
        left, errors = self.counts["left"], self.counts["errors"]
        if not self.verified:
            told = "The results were not looked at again"
        elif left:
            told = f"{counted(left, 'place')} may still show a face"
        else:
            told = "The second look found no face that is still to be seen"
        return f"{told}; {errors:,} files could not be done." if errors else f"{told}."


_NOTE = (
    "facesmith supports anonymisation; look at the output. A detector misses faces, and people are "
    "also known by clothes, place, voice and company."
)


def _without_settings(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "settings"}


def _tile(number: str, what: str) -> str:
    return (
        f'<div class="tile"><span class="number">{escape(number)}</span>'
        f'<span class="what">{escape(what)}</span></div>'
    )


def _section(title: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{''.join(parts)}\n</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    more = len(rows) - _MOST_ROWS
    cells = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(one_line(printable(each)))}</td>" for each in row) + "</tr>"
        for row in rows[:_MOST_ROWS]
    )
    rest = f"<p>{more:,} more stand in report.json.</p>" if more > 0 else ""
    return f'<div class="scroll"><table><tr>{cells}</tr>{body}</table></div>{rest}'


def _left_section(
    shown: Sequence[tuple[Image.Image, str, str]], n_left: int, done: Sequence[dict[str, Any]]
) -> str:
    how = (
        "<p>The detector looked at the results again, at other scales than before. Listed is what "
        "has the score of <code>--verify-score</code> and less than half of its pixels "
        "covered: a mosaic may look like a face itself.</p>"
    )
    films = [line["film"] for line in done if "film" in line]
    if films:
        looks, frames = (sum(film[key] for film in films) for key in ("looked_again", "frames"))
        how += f"<p>Of films {looks:,} of {frames:,} frames were looked at again" + (
            "; what shows between them only is not listed.</p>" if looks < frames else ".</p>"
        )
    if not n_left:
        return _section("What may still be seen", how, "<p>Nothing.</p>")
    cells = "".join(
        f'<figure><img src="{stored(picture, "jpeg")}" alt=""><figcaption>'
        f'<span class="name">{escape(one_line(printable(name)))}</span>'
        f"{escape(said)}</figcaption></figure>"
        for picture, name, said in shown
    )
    more = n_left - len(shown)
    rest = f"<p>{more:,} more stand in report.json.</p>" if more > 0 else ""
    return _section("What may still be seen", how, f'<div class="cells">{cells}</div>', rest)


def _doubtful_section(done: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            line["file"],
            str(track["track"]),
            f"{track['time']:.2f} - {track['last_time']:.2f}",
            str(track["seen"]),
            f"{track['score']:.2f}",
            ", ".join(track["why"]),
        )
        for line in done
        for track in line.get("film", {}).get("doubtful", ())
    ]
    if not rows:
        return ""
    told = (
        "<p>Short tracks and those of low scores may be no faces. Where one ends in mid-frame, the "
        "face may go on uncovered: look at what comes after it.</p>"
    )
    head = ("film", "track", "seconds", "frames seen", "best score", "why")
    return _section("Tracks to look at", told, _table(head, rows))


def _errors_section(errors: dict[str, str]) -> str:
    rows = list(errors.items())
    return _section("Not done", _table(("file", "why"), rows)) if rows else ""


def _files_section(done: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            line["file"],
            line["out"],
            str(line["film"]["tracks"] if "film" in line else len(line["faces"])),
            str(len(line["left"])),
            line["input"]["sha256"] or "-",
            line["output"]["sha256"],
        )
        for line in done
    ]
    head = ("file", "covered file", "faces", "left", "SHA-256 of the file", "of the covered file")
    return _section("Files", _table(head, rows)) if rows else ""


def _settings_section(settings: dict[str, Any]) -> str:
    rows = [(name, json.dumps(value)) for name, value in settings.items()]
    return _section("Settings", _table(("setting", "value"), rows))
