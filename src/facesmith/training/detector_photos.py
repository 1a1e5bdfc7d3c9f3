"""The photos of a detector training: which can be learned from, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from facesmith.annotations import AnnotatedPhoto
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress


def usable_photos(
    photos: Sequence[AnnotatedPhoto], progress: Progress = NO_PROGRESS
) -> list[AnnotatedPhoto]:
    """The photos to learn from: where a box was lost, nothing is taken for background."""
    usable = [
        photo if photo.complete else photo.without_background()
        for photo in photos
        if photo.complete or len(photo.boxes)
    ]
    n_incomplete = sum(not photo.complete for photo in photos)
    if n_incomplete:
        progress.say(
            f"Incomplete: {counted(n_incomplete, 'photo')} lost boxes, so that nothing in them is "
            "background."
        )
    return usable


def photos_checksum(photos: Sequence[AnnotatedPhoto], attribute: str = "") -> str:
    """SHA-256 over names, boxes, ignore flags and points, in order; the pixels are on trust.

    Where an attribute of the boxes is named, what it says counts too.
    """
    digest = sha256()
    for photo in photos:
        digest.update(photo.name.encode() + b"\0")
        digest.update(photo.boxes.astype("<f4").tobytes())
        digest.update(photo.ignored.tobytes())
        if photo.landmark_visibility.any():
            digest.update(photo.landmarks.astype("<f4").tobytes())
            digest.update(photo.landmark_visibility.tobytes())
        if attribute:
            said = [words.get(attribute, "") for words in photo.attributes]
            digest.update("\0".join(said).encode() + b"\0")
    return digest.hexdigest()
