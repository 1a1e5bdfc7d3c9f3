"""The order in which labels are best corrected: the most doubtful photo first."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.labelling.labels import DOUBT, Labels
from facesmith.files import write_bytes

COLUMNS = ("file", "doubt", "faces", "ignored")


def photo_doubt(photo: AnnotatedPhoto) -> float:
    """The doubt of a photo's most doubtful box, from 0 to 1; 0 without a box."""
    return max((float(said[DOUBT]) for said in photo.attributes), default=0.0)


def most_doubtful_first(labels: Labels) -> tuple[AnnotatedPhoto, ...]:
    """The photos, sorted by doubt; those of the same doubt in their order."""
    return tuple(sorted(labels.photos, key=lambda photo: -photo_doubt(photo)))


def write_order(labels: Labels, path: Path) -> None:
    """Write a table of the photos, the most doubtful first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for photo in most_doubtful_first(labels):
        n_ignored = int(photo.ignored.sum())
        n_faces = len(photo.ignored) - n_ignored
        writer.writerow([photo.name, f"{photo_doubt(photo):.2f}", n_faces, n_ignored])
    write_bytes(path, text.getvalue().encode(errors="surrogateescape"))
