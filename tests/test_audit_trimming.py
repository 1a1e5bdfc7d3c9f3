"""Cutting the boxes of one source of photos in an audit's corrected annotations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesmith.annotations import AnnotatedPhoto
from facesmith.audit.trimming import Trim, trim
from facesmith.errors import AnnotationError

CUT = Trim("stock", 0.2, 0.1, 0.0, -0.05)


def photo(*boxes: tuple[float, float, float, float], source: str = "stock") -> AnnotatedPhoto:
    return AnnotatedPhoto(
        name="one.jpg",
        path=Path("one.jpg"),
        width=300,
        height=200,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=np.zeros(len(boxes), bool),
        attributes=tuple({} for _ in boxes),
        source=source,
    )


def boxes_after(*boxes: tuple[float, float, float, float], cut: Trim = CUT) -> list[list[float]]:
    (after,) = trim([photo(*boxes)], [cut])
    assert after.boxes.dtype == np.float32
    return np.round(after.boxes, 3).tolist()


def test_squares_and_wider_boxes_lose_all_of_it() -> None:
    assert boxes_after((50, 50, 150, 150), (50, 50, 170, 150)) == [
        [70, 60, 150, 155],
        [70, 60, 170, 155],
    ]


def test_narrow_boxes_lose_less() -> None:
    # As narrow as a trimmed square, narrower still, and half-way.
    assert boxes_after((50, 50, 130, 150), (50, 50, 100, 150), (50, 50, 140, 150)) == [
        [50, 50, 130, 150],
        [50, 50, 100, 150],
        [60, 55, 140, 152.5],
    ]


def test_without_a_cut_across_every_box_loses_all() -> None:
    assert boxes_after((50, 50, 80, 150), cut=Trim("stock", 0, 0.1, 0, 0)) == [[50, 60, 80, 150]]


def test_boxes_stay_in_the_photo() -> None:
    assert boxes_after((0, 100, 100, 200)) == [[20, 110, 100, 200]]


def test_other_sources_and_what_else_a_photo_holds_stay() -> None:
    marked = replace(
        photo((50, 50, 150, 150)), ignored=np.array([True]), attributes=({"mask": "no"},)
    )
    other, empty = photo((50, 50, 150, 150), source="press"), photo()
    after = trim([other, marked, empty], [CUT])
    assert after[0] is other
    assert after[1].ignored.tolist() == [True]
    assert after[1].attributes == ({"mask": "no"},)
    assert after[2].boxes.shape == (0, 4)
    assert marked.boxes.tolist() == [[50, 50, 150, 150]], "the photos stay as they are"


@pytest.mark.parametrize(
    ("trims", "message"),
    [
        ([Trim("stocks", 0.1, 0, 0, 0)], "No photo has the source 'stocks'; there are 'stock'."),
        ([CUT, CUT], "Two trims are for the same source"),
    ],
)
def test_trims_that_fit_no_source_are_named(trims: list[Trim], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        trim([photo()], trims)


@pytest.mark.parametrize("value", [0.5, -0.6, float("nan"), float("inf")])
def test_a_cut_that_leaves_nothing_is_refused(value: float) -> None:
    with pytest.raises(AnnotationError, match=r"between -0\.5 and 0\.5"):
        Trim("stock", 0, value, 0, 0)
