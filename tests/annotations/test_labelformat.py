"""labelformat, an independent converter, reads what is written here, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import save
from facesmith.annotations import AnnotatedPhoto, load_annotations, write_annotations

pytest.importorskip("labelformat")
from labelformat.formats import (
    COCOObjectDetectionInput,
    CVATObjectDetectionInput,
    CVATObjectDetectionOutput,
    PascalVOCObjectDetectionInput,
    YOLOv8ObjectDetectionInput,
)

BOXES = {
    "a.jpg": [[10.25, 20, 40.5, 60.75], [150, 1, 201, 99]],
    "sub dir/b.png": [],
    "c.jpg": [[0, 0, 201, 99]],
}
Found = dict[str, list[tuple[str, list[float]]]]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in BOXES:
        save(tmp_path / "photos" / name, (201, 99))
    return tmp_path / "photos"


@pytest.fixture
def photos(images: Path) -> list[AnnotatedPhoto]:
    """The last box of the first photo is an ignored region."""
    found = []
    for name, boxes in BOXES.items():
        here = np.array(boxes, np.float32).reshape(-1, 4)
        ignored = np.arange(len(here)) > 0
        found.append(AnnotatedPhoto(images / name, here, ignored, name, 201, 99))
    return found


def read(source: Any) -> Found:
    return {
        label.image.filename: [
            (each.category.name, [each.box.xmin, each.box.ymin, each.box.xmax, each.box.ymax])
            for each in label.objects
        ]
        for label in source.get_labels()
    }


def expected(second: str) -> Found:
    names = ("face", second)
    return {
        name: [(names[place], pytest.approx(box, abs=1e-4)) for place, box in enumerate(boxes)]
        for name, boxes in BOXES.items()
    }


def test_coco_and_cvat(tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]) -> None:
    write_annotations(tmp_path / "c.json", photos, images, format="coco")
    # To it a crowd is a box like others.
    assert read(COCOObjectDetectionInput(tmp_path / "c.json")) == expected("face")
    write_annotations(tmp_path / "c.xml", photos, images, format="cvat")
    assert read(CVATObjectDetectionInput(tmp_path / "c.xml")) == expected("unsure")


def test_yolo(tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]) -> None:
    write_annotations(tmp_path / "yolo", photos, images, format="yolo")
    (tmp_path / "yolo/images").symlink_to(images)
    found = read(YOLOv8ObjectDetectionInput(tmp_path / "yolo/data.yaml", "train"))
    assert found == expected("unsure")


def test_voc(tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]) -> None:
    """It takes the numbers as they stand: the first pixel is 1 in the file."""
    write_annotations(tmp_path / "voc", photos, images, format="voc")
    found = read(PascalVOCObjectDetectionInput(tmp_path / "voc", "face"))
    assert found["a.jpg"] == [("face", [11, 21, 41, 61]), ("face", [151, 2, 201, 99])]
    assert found["c.jpg"] == [("face", [1, 1, 201, 99])]


def test_what_it_writes_is_read(tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]) -> None:
    write_annotations(tmp_path / "c.xml", photos, images, format="cvat")
    CVATObjectDetectionOutput(tmp_path / "cvat", "task").save(
        CVATObjectDetectionInput(tmp_path / "c.xml")
    )
    found = load_annotations(tmp_path / "cvat/annotations.xml", images, strict=True)
    for photo, given in zip(found.photos, photos, strict=True):
        np.testing.assert_allclose(photo.boxes, given.boxes, atol=1e-4)
        assert photo.ignored.tolist() == given.ignored.tolist()
