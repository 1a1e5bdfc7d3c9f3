"""What `facesmith anonymise` prints for people: a line a file, and the counts at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesmith.anonymisation.report import covered_in_words
from facesmith.printable import counted

if TYPE_CHECKING:
    from facesmith.anonymisation.photos import PhotoRecord
    from facesmith.faces import Faces


def photo_in_words(record: PhotoRecord) -> str:
    """The line of a covered photo."""
    if len(record.covered):
        covered = counted(len(record.covered), "face") + " covered"
    else:
        covered = "none covered" if len(record.spared) else "no face"
    if len(record.spared):
        covered += f", {len(record.spared):,} left on purpose: {_places(record.spared)}"
    words = [f"{record.name} -> {record.out}", covered]
    if len(record.left):
        words.append(f"may still be seen: {_places(record.left)}")
    return "  ".join(words)


def film_in_words(line: dict[str, Any]) -> str:
    """The line of a covered film, from that of the journal."""
    film = line["film"]
    covered = f"{covered_in_words(line)} covered"
    if line["spared"]:
        covered += f", {counted(line['spared'], 'box', 'boxes')} left on purpose"
    words = [
        f"{line['file']} -> {line['out']}",
        f"{counted(film['frames'], 'frame')}, {film['seconds']:.1f} s",
        covered,
    ]
    if film["looked_again"]:
        words.append(f"{counted(film['looked_again'], 'frame')} looked at again")
    words += [
        f"{'left on purpose' if left.get('on_purpose') else 'may still be seen'}: "
        f"{left['score']:.2f} at {left['time']:.2f} s, frame {left['frame']}"
        for left in line["left"]
    ]
    return "  ".join(words)


def summary(
    counts: dict[str, int], report: Path, n_before: int | None, *, looked_again: bool
) -> list[str]:
    """The sentences at the end of a run.

    Args:
        counts: Of the report.
        report: Its page.
        n_before: Files that an earlier run had done; `None`: none could be.
        looked_again: Whether results were looked at again.
    """
    parts = []
    if counts["photos"] or not counts["films"]:
        faces = counted(counts["faces_in_photos"], "face")
        parts.append(f"{faces} in {counted(counts['photos'], 'photo')}")
    if counts["films"]:
        boxes, tracks = counts["boxes_without_tracks"], counts["tracks_in_films"]
        covered = [counted(tracks, "track")] if tracks or not boxes else []
        covered += [counted(boxes, "box", "boxes")] if boxes else []
        parts.append(f"{' and '.join(covered)} in {counted(counts['films'], 'film')}")
    words = f"Covered: {', '.join(parts)}"
    if n_before is not None:
        now = counts["photos"] + counts["films"] - n_before
        words += f" ({counted(now, 'file')} done now, {n_before:,} before)"
    if counts["errors"]:
        words += f"; {counted(counts['errors'], 'error')}"
    said = [f"{words}."]
    on_purpose = counts["left_on_purpose"]
    by_mistake = counts["left"] - on_purpose
    if on_purpose:
        said.append(f"{counted(on_purpose, 'place')} left on purpose, see {report}.")
    if by_mistake:
        said.append(f"{counted(by_mistake, 'place')} may still show a face, see {report}.")
    elif looked_again:
        said.append(f"The second look found {'nothing else' if on_purpose else 'nothing'} that "
                    f"may be a face; see {report}.")  # fmt: skip
    else:
        said.append(f"The results were not looked at again; see {report}.")
    if counts["doubtful_tracks"]:
        said.append(f"{counted(counts['doubtful_tracks'], 'track')} to look at, see {report}.")
    return said


def _places(faces: Faces) -> str:
    return " ".join(
        f"{score:.2f} [{', '.join(f'{edge:.0f}' for edge in box)}]"
        for box, score in zip(faces.boxes, faces.scores, strict=True)
    )
