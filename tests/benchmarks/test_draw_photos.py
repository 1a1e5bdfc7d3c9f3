"""Drawn photos for the exercise: people where their boxes are, the same at every run."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from benchmark_modules import load_benchmark


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    return load_benchmark("draw_photos")


def test_a_face_is_drawn_in_its_box_and_the_same_at_every_run(drawing: ModuleType) -> None:
    size, places = (120, 100), [(60.0, 45.0, 26.0)]
    picture, boxes = drawing.draw_people(size, places, (7, 1))
    assert picture.shape == (100, 120, 3)
    assert picture.dtype == np.uint8
    ((x, y, width, height),) = boxes
    assert (x, y, width, height) == (42.3, 30.7, 35.4, 40.3)
    again, _ = drawing.draw_people(size, places, (7, 1))
    np.testing.assert_array_equal(picture, again)
    # Without the person the same scene differs in the box and not at the border above.
    empty, _ = drawing.draw_people(size, [], (7, 1))
    change = np.abs(picture.astype(float) - empty).mean(axis=2)
    inside = change[int(y) : int(y + height), int(x) : int(x + width)]
    assert inside.mean() > 2 * change[:5].mean()


def test_annotations_name_each_photo_and_its_faces(drawing: ModuleType) -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    content = drawing.coco({"a.png": (picture, [[1, 2, 3, 4]]), "b.png": (picture, [])})
    assert [image["file_name"] for image in content["images"]] == ["a.png", "b.png"]
    assert content["images"][1] == {"id": 2, "file_name": "b.png", "width": 40, "height": 30}
    assert content["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    ]


def test_wide_photos_have_as_many_people_as_those_of_the_exercise(
    drawing: ModuleType,
) -> None:
    for n in drawing.WIDE_PEOPLE:
        places = drawing.places_of_a_group(np.random.default_rng(n), n)
        assert len(places) == n
        for x, y, half_height in places:
            assert half_height < x < 978 - half_height
            assert half_height < y < 350 - half_height
