"""What the page saves: boxes, crops and anonymised photos."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from browser_pages import OpenPage, finished, photo
from facesmith.annotations import load_annotations
from facesmith.detection import PhotoSource, detect_photos, load_detector
from facesmith.detection.as_json import photo_as_dict
from facesmith.detection.photos import DetectionConfig

CAT = "cat.png"


@pytest.fixture
def both(open_page: OpenPage, page_address: str, astronaut: dict[str, Any]) -> Any:
    """The page with a photo of one face and one of none."""
    page = open_page(page_address)
    page.set_input_files("#files", [astronaut, photo(CAT, Image.fromarray(data.chelsea()))])
    finished(page, "Done")
    return page


def saved(page: Any, kind: str, folder: Path) -> Path:
    """The file that a button saves."""
    with page.expect_download() as download:
        page.click(f"[data-save={kind}]")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_json_is_that_of_the_command(both: Any, astronaut: dict[str, Any], tmp_path: Path) -> None:
    path = saved(both, "json", tmp_path)
    assert path.name == "faces.jsonl"
    source = PhotoSource("astronaut.jpg", astronaut["buffer"])
    (found,) = detect_photos(load_detector(), [source], DetectionConfig(landmarks=True))
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == photo_as_dict(found)
    assert second == {"file": CAT, "width": 451, "height": 300, "faces": []}


def test_csv_has_a_row_a_face(both: Any, tmp_path: Path) -> None:
    with saved(both, "csv", tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["face"]) for row in rows] == [("astronaut.jpg", "1")]
    assert float(rows[0]["x_max"]) - float(rows[0]["x_min"]) == pytest.approx(90, abs=10)
    assert 0 <= float(rows[0]["left_mouth_score"]) <= 1


def test_coco_is_read_again(both: Any, astronaut: dict[str, Any], tmp_path: Path) -> None:
    path = saved(both, "coco", tmp_path)
    (tmp_path / "astronaut.jpg").write_bytes(astronaut["buffer"])
    Image.fromarray(data.chelsea()).save(tmp_path / CAT)
    photos = load_annotations(path, tmp_path).photos
    assert {each.name: len(each.boxes) for each in photos} == {"astronaut.jpg": 1, CAT: 0}
    assert photos[0].has_points.all()


def test_one_crop_is_saved_as_it_is(both: Any, tmp_path: Path) -> None:
    path = saved(both, "crops", tmp_path)
    assert path.name == "astronaut_face_1.jpg"
    with Image.open(path) as crop:
        assert crop.size == pytest.approx((126, 142), abs=8)
        assert not crop.getexif()


@pytest.mark.parametrize("fill", ["solid", "mosaic"])
def test_anonymised_photos_come_in_a_zip(
    both: Any, tmp_path: Path, fill: str, astronaut: dict[str, Any]
) -> None:
    both.check(f"input[value={fill}]")
    path = saved(both, "anonymised", tmp_path)
    assert path.name == "anonymised.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["astronaut_anonymised.jpg", "cat_anonymised.png"]
        covered, cat = (
            np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in archive.namelist()
        )
    assert (cat == data.chelsea()).all()
    (face,) = detect_photos(load_detector(), [PhotoSource("", astronaut["buffer"])])
    x_min, y_min, x_max, y_max = face.faces.boxes[0].astype(int)
    inside = covered[y_min:y_max, x_min:x_max].astype(int)
    if fill == "solid":
        assert inside.max() < 12  # of a JPEG
    else:
        # Six squares across: within each of them nothing changes but the noise of a JPEG.
        assert np.median(np.abs(np.diff(inside, axis=1))) <= 1
        assert inside.std() > 10
    far = np.abs(covered[:40].astype(int) - data.astronaut()[:40])
    assert far.mean() < 4
