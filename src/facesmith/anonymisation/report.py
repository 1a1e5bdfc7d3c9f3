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
            "boxes_without_tracks": sum(
                line["film"].get("boxes", 0) for line in films if not line["film"]["tracks"]
            ),
            "spared": sum(line["spared"] for line in self.done),
            "left": sum(len(line["left"]) for line in self.done),
            "left_on_purpose": sum(_n_on_purpose(line) for line in self.done),
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
            if left.get("on_purpose"):
                said = f"left on purpose, {said}"
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
        n_photos, n_films = (counts[kind] for kind in ("photos", "films"))
        faces, tracks = counts["faces_in_photos"], counts["tracks_in_films"]
        tiles = [_tile(faces, f"{_s('face', faces)} covered; photos: {n_photos:,}")] * bool(
            n_photos
        )
        boxes = counts["boxes_without_tracks"]
        if tracks or (n_films and not boxes):
            tiles.append(_tile(tracks, f"{_s('track', tracks)} covered; films: {n_films:,}"))
        if boxes:
            told = "boxes of a file" if boxes > 1 else "box of a file"
            tiles.append(_tile(boxes, f"{told} covered; films: {n_films:,}"))
        on_purpose, errors = counts["left_on_purpose"], counts["errors"]
        left = counts["left"] - on_purpose if self.verified else None
        told = f"{_s('place', left)} may still show a face"
        tiles.append(_tile(left, told, wrong=bool(left)))
        if on_purpose:
            told = f"{_s('place', on_purpose)} left on purpose"
            tiles.append(_tile(on_purpose, told, wrong=True))
        told = f"{_s('file', errors)} that could not be done"
        tiles.append(_tile(errors, told, wrong=bool(errors)))
        whole = self.settings.get("verify_step") == 0.0
        left_section = _left_section(shown, counts, self.done, whole=whole) if self.verified else ""
        return template.substitute(
            style=page_style(),
            note=escape(_NOTE),
            verdict=escape(self._verdict()),
            tiles="".join(tiles),
            sections="\n".join(
                [
                    left_section,
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
        counts = self.counts
        on_purpose, errors = counts["left_on_purpose"], counts["errors"]
        left = counts["left"] - on_purpose
        if not self.verified:
            told = "The results were not looked at again"
        elif left:
            told = f"{counted(left, 'place')} may still show a face"
        else:
            told = "The second look found no face that is still to be seen by mistake"
        if not on_purpose:
            told = told.removesuffix(" by mistake")
        elif self.verified:
            told += f"; {counted(on_purpose, 'place')} left on purpose"
        return f"{told}; {counted(errors, 'file')} could not be done." if errors else f"{told}."


_NOTE = (
    "facesmith supports anonymisation; look at the output. A detector misses faces, and people are "
    "also known by clothes, place, voice and company."
)


def _without_settings(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "settings"}


def covered_in_words(line: dict[str, Any]) -> str:
    """What was covered in a file; of films tracks, or boxes where a box file gave them."""
    if "film" not in line:
        return counted(len(line["faces"]), "face")
    film = line["film"]
    if film.get("boxes") and not film["tracks"]:
        return counted(film["boxes"], "box", "boxes")
    return counted(film["tracks"], "track")


def _n_on_purpose(line: dict[str, Any]) -> int:
    return sum(bool(left.get("on_purpose")) for left in line["left"])


def _s(noun: str, n: int | None) -> str:
    return noun if n == 1 else f"{noun}s"


def _tile(number: int | None, what: str, *, wrong: bool = False) -> str:
    shown = "-" if number is None else f"{number:,}"
    return (
        f'<div class="tile{" wrong" * wrong}"><span class="number">{shown}</span>'
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
    shown: Sequence[tuple[Image.Image, str, str]],
    counts: dict[str, int],
    done: Sequence[dict[str, Any]],
    *,
    whole: bool,
) -> str:
    n_left, n_spared = counts["left"], counts["spared"]
    how = (
        f"<p>The detector looked at {'all' if whole else 'parts'} of the results again, at other "
        "scales than before. Listed is what has the score of <code>--verify-score</code> and less "
        "than half of its pixels covered: a mosaic may look like a face itself.</p>"
    )
    if n_spared:
        how += (
            f"<p>{counted(n_spared, 'box', 'boxes')} of photos and frames were left out on purpose "
            "(<code>--except</code>, <code>--only</code>).</p>"
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
            covered_in_words(line),
            str(len(line["left"]) - _n_on_purpose(line)),
            f"{line['spared']:,}",
            line["input"]["sha256"] or "-",
            line["output"]["sha256"],
        )
        for line in done
    ]
    head = (
        "file", "covered file", "covered", "may be left", "left on purpose", "SHA-256 of the file",
        "of the covered file",
    )  # fmt: skip
    return _section("Files", _table(head, rows)) if rows else ""


def _settings_section(settings: dict[str, Any]) -> str:
    rows = [(name, json.dumps(value)) for name, value in settings.items()]
    return _section("Settings", _table(("setting", "value"), rows))
