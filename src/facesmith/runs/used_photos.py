"""Which photos a detector's run has learned from, so that nobody judges it on them unawares.

A photo is known by its bytes, wherever it lies and whatever it is called now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from facesmith.annotations import AnnotatedPhoto
from facesmith.files import write_json
from facesmith.printable import counted
from facesmith.untrusted import ContentError, read_json

USED_NAME = "photos.json"  # in the run folder
_READ = 2**16  # bytes of a file that tell it from others, beside its size


@dataclass(frozen=True)
class SeenPhotos:
    """How many of some photos a run knows."""

    trained_on: int = 0  # photos that it learned from
    held_out: int = 0  # photos that chose its weights, calibration and threshold
    n: int = 0  # all of them

    def warning(self, run: str) -> str:
        """A sentence for people; empty where the run knows none of the photos."""
        if not self.trained_on + self.held_out:
            return ""
        parts = [f"{self.trained_on:,} it was trained on"] * (self.trained_on > 0)
        parts += [f"{self.held_out:,} its weights and threshold were chosen on"] * (
            self.held_out > 0
        )
        return (
            f"of {counted(self.n, 'photo')} {run} has seen {' and '.join(parts)}, so that the "
            "figures are too good. Pass photos that took no part in the training."
        )


def write_used_photos(
    folder: str | Path, training: Sequence[AnnotatedPhoto], held_out: Sequence[AnnotatedPhoto]
) -> None:
    """Write `photos.json` into a run folder: the names of the photos, and what tells each apart.

    Raises:
        OSError: If a photo cannot be read.
    """
    parts = (("training", training), ("held_out", held_out))
    content = {part: {p.name: _fingerprint(p.path) for p in photos} for part, photos in parts}
    write_json(Path(folder) / USED_NAME, content)


def held_out_names(folder: str | Path) -> frozenset[str]:
    """The names of the photos that a run has held out.

    Raises:
        ContentError: If it has not noted them.
    """
    path = Path(folder) / USED_NAME
    try:
        return frozenset(read_json(path)["held_out"])
    except (KeyError, TypeError) as error:
        raise ContentError(f"{path}: expected the photos of a training ({error!r}).") from error


def seen_photos(folder: str | Path, photos: Sequence[AnnotatedPhoto]) -> SeenPhotos:
    """How many of the photos the run in a folder knows; none where it has not noted them."""
    try:
        content = read_json(Path(folder) / USED_NAME)
        training, held_out = (set(content[part].values()) for part in ("training", "held_out"))
        sizes = {int(text.partition("-")[0]) for text in training | held_out}
    except (ContentError, KeyError, AttributeError, TypeError, ValueError):
        return SeenPhotos(n=len(photos))
    fingerprints = _fingerprints(photos, sizes)
    return SeenPhotos(
        sum(each in training for each in fingerprints),
        sum(each in held_out for each in fingerprints),
        len(photos),
    )


def n_shared(photos: Sequence[AnnotatedPhoto], others: Sequence[AnnotatedPhoto]) -> int:
    """How many of the photos are among others, by their bytes; those that cannot be read are not.

    Photos that differ in the size of their files are not read.
    """
    sizes = _sizes(photos) & _sizes(others)
    known = set(_fingerprints(others, sizes)) - {""}
    return sum(each in known for each in _fingerprints(photos, sizes))


def _sizes(photos: Sequence[AnnotatedPhoto]) -> set[int]:
    """The sizes of the photos' files, bytes."""
    sizes = set()
    for photo in photos:
        with suppress(OSError):
            sizes.add(photo.path.stat().st_size)
    return sizes


def _fingerprints(photos: Sequence[AnnotatedPhoto], sizes: Collection[int]) -> list[str]:
    """What tells each photo whose file has one of these sizes; of others, not read, nothing."""
    found = []
    for photo in photos:
        try:
            known = photo.path.stat().st_size in sizes
            found.append(_fingerprint(photo.path) if known else "")
        except OSError:
            found.append("")
    return found


def _fingerprint(path: Path) -> str:
    """The size of a file, and a digest of its beginning and its end."""
    with path.open("rb") as file:
        digest = sha256(file.read(_READ))
        size = path.stat().st_size
        file.seek(max(size - _READ, 0))
        digest.update(file.read(_READ))
    return f"{size}-{digest.hexdigest()[:24]}"
