"""Photos that a run has learned from are known again, wherever they lie."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facesmith.annotations import AnnotatedPhoto
from facesmith.runs.used_photos import SeenPhotos, seen_photos, write_used_photos


def photo(path: Path, content: bytes | None = None) -> AnnotatedPhoto:
    if content is not None:
        path.write_bytes(content)
    return AnnotatedPhoto(path, np.zeros((0, 4)), np.zeros(0, bool), path.name, 9, 9)


def test_photos_are_known_by_their_bytes(tmp_path):
    long = bytes(300_000)
    learned = [photo(tmp_path / "a.jpg", b"one"), photo(tmp_path / "b.jpg", long)]
    held = [photo(tmp_path / "c.jpg", b"three")]
    write_used_photos(tmp_path, learned, held)
    assert seen_photos(tmp_path, [*learned, *held]) == SeenPhotos(2, 1, 3)
    renamed = photo(tmp_path / "renamed.jpg", long)
    same_name = photo(tmp_path / "a.jpg", b"two")
    changed_end = photo(tmp_path / "d.jpg", long[:-1] + b"!")
    gone = photo(tmp_path / "gone.jpg")
    assert seen_photos(tmp_path, [renamed, same_name, changed_end, gone]) == SeenPhotos(1, 0, 4)


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"training": {"a": 3}, "held_out": {}}'])
def test_a_run_without_usable_notes_knows_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "photos.json").write_text(content)
    assert seen_photos(tmp_path, [photo(tmp_path / "a.jpg", b"one")]) == SeenPhotos(0, 0, 1)


def test_the_warning_says_what_the_photos_were_for(tmp_path):
    assert SeenPhotos(0, 0, 5).warning("runs/mine") == ""
    warning = SeenPhotos(3, 1, 5).warning("runs/mine")
    seen = "3 it was trained on and 1 its weights and threshold were chosen on"
    assert warning.startswith(f"of 5 photos runs/mine has seen {seen}")
    write_used_photos(tmp_path, [photo(tmp_path / "ü.jpg", b"x")], [])
    assert json.loads((tmp_path / "photos.json").read_text(encoding="utf-8"))["held_out"] == {}
