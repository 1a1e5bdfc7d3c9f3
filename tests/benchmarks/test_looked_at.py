"""What looking at the photos showed of the annotations that `benchmarks/detection.py` judges by."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmark_modules import load_benchmark
from facesmith.annotations import AnnotatedPhoto


@pytest.fixture(scope="module")
def looking() -> ModuleType:
    return load_benchmark("looked_at")


def photo(name: str) -> AnnotatedPhoto:
    boxes = np.float32([[10, 10, 30, 40], [50.04, 20, 80, 60.02]])
    return AnnotatedPhoto(Path(name), boxes, np.array([False, False]), name, 100, 80)


def seen(tmp_path: Path, **kinds: list[list[float]]) -> Path:
    path = tmp_path / "looked_at.json"
    path.write_text(json.dumps({"some": {"a.jpg": kinds}}))
    return path


def test_what_is_wrong_is_ignored(looking, tmp_path):
    path = seen(tmp_path, faces=[[-3, 50, 20, 79]], no_faces=[[50, 20, 80, 60]])
    first, second = looking.looked_at("some", [photo("a.jpg"), photo("b.jpg")], path)
    assert first.ignored.tolist() == [False, True, True]
    np.testing.assert_array_equal(first.boxes[:2], photo("a.jpg").boxes)
    assert first.boxes[2].tolist() == [0, 50, 20, 79], "inside the photo"
    assert second.ignored.tolist() == [False, False]
    (other,) = looking.looked_at("another set", [photo("a.jpg")], path)
    assert len(other.boxes) == 2


def test_a_file_of_other_annotations_is_refused(looking, tmp_path):
    path = seen(tmp_path, no_faces=[[50, 20, 90, 70]])
    with pytest.raises(ValueError, match=r"a\.jpg: no annotated box at \[50"):
        looking.looked_at("some", [photo("a.jpg")], path)


def test_the_file_names_boxes(looking):
    for photos in json.loads(looking.PATH.read_text()).values():
        for kinds in photos.values():
            assert set(kinds) <= {"faces", "no_faces"}
            boxes = np.array([box for found in kinds.values() for box in found])
            assert boxes.shape[1] == 4
            assert (boxes[:, :2] < boxes[:, 2:]).all()
