"""Which of a file's categories are human faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from facesmith.errors import AnnotationError
from facesmith.printable import shortened_text

# The category of ignored regions in formats that have no other word for them.
UNSURE = "unsure"
FACE_NAMES = ("face", "human face", "person-face", "person face", "faces")
Key = TypeVar("Key", int, str, int | str)


def choose_categories(
    path: Path, names: Mapping[Key, str], wanted: Sequence[str] | None
) -> dict[Key, bool]:
    """Keys of the categories whose boxes are kept -> whether these are ignored regions.

    Kept are faces and, as ignored regions, what is called `unsure`; the user may want it as faces.

    Args:
        path: The annotations, for the message.
        names: Key of each category in the file -> its name.
        wanted: Names or keys that the user gave; `None`: the only category, or the one called face.

    Raises:
        AnnotationError: If a wanted one is not there, or the choice is not clear.

    Example:
        >>> choose_categories(Path("a.json"), {1: "Face", 2: "car", 3: "Unsure"}, None)
        {1: False, 3: True}
    """
    faces = _faces(path, names, wanted)
    unsure = {key for key, name in names.items() if name.strip().lower() == UNSURE} - faces
    return dict.fromkeys(faces, False) | dict.fromkeys(unsure, True)


def _faces(path: Path, names: Mapping[Key, str], wanted: Sequence[str] | None) -> set[Key]:
    listed = shortened_text(", ".join(repr(name) for name in names.values())) or "none"
    if wanted is not None:
        chosen = {key for key, name in names.items() if name in wanted or str(key) in wanted}
        spoken = {names[key] for key in chosen} | {str(key) for key in chosen}
        for word in wanted:
            if word not in spoken:
                raise AnnotationError(f"{path}: there is no category {word!r}; found {listed}.")
        return chosen
    spelt = {key: name.strip().lower() for key, name in names.items()}
    spelt = {key: name for key, name in spelt.items() if name != UNSURE}
    if len(spelt) <= 1:
        return set(spelt)
    chosen = {key for key, name in spelt.items() if name in FACE_NAMES}
    if len({spelt[key] for key in chosen}) != 1:  # Face and face are one
        raise AnnotationError(
            f"{path}: which category is the face? Found {listed}. Name it with --category (in "
            "Python: categories=[...]), several times if several are."
        )
    return chosen
