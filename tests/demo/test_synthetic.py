"""Drawn patches: the same from seed and row, fairly split, and geometry worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facesmith.demo.synthetic.animals import ANIMALS, draw_animal
from facesmith.demo.synthetic.backgrounds import draw_background
from facesmith.demo.synthetic.camera import shade_bust, take_photo
from facesmith.demo.synthetic.canvas import Canvas, Place, rgb
from facesmith.demo.synthetic.head import Head, HeadShape, Pose, hull
from facesmith.demo.synthetic.objects import OBJECTS, draw_object
from facesmith.demo.synthetic.patches import (
    ROWS_PER_PERSON,
    draw_large_face,
    draw_patches,
    draw_row,
)
from facesmith.demo.synthetic.person import draw_person, draw_view
from facesmith.demo.synthetic.textures import texture
from facesmith.metrics.roc import area_under_curve
from facesmith.patches import KINDS, Patches
from facesmith.patches.file import FACE


@pytest.fixture(scope="module")
def patches() -> Patches:
    return draw_patches(240, seed=5)


def test_a_row_depends_on_seed_and_number_only(patches: Patches) -> None:
    for row in (0, 7, 100, 239):
        drawn = draw_row(5, row)
        np.testing.assert_array_equal(drawn.image, patches.images[row])
        assert drawn.label == patches.labels[row, 0]
        assert drawn.photo_name == patches.photo_names[patches.photo_indices[row]]
    assert not np.array_equal(draw_row(6, 7).image, patches.images[7])


def test_processes_change_nothing(patches: Patches) -> None:
    together = draw_patches(70, seed=5, processes=2)
    np.testing.assert_array_equal(together.images, patches.images[:70])
    np.testing.assert_array_equal(together.splits, patches.splits[:70])


def test_every_other_row_is_a_face_and_every_kind_of_non_face_appears(patches: Patches) -> None:
    assert patches.labels[:, 0].tolist() == [1, 0] * 120
    assert ((patches.kinds == FACE) == (patches.labels[:, 0] == 1)).all()
    named = {KINDS[kind] for kind in patches.kinds}
    assert named == set(KINDS) - {"beside a face"}


def test_no_person_is_in_two_splits(patches: Patches) -> None:
    for number in range(240 // ROWS_PER_PERSON):
        rows = np.arange(number * ROWS_PER_PERSON, (number + 1) * ROWS_PER_PERSON)
        names = [patches.photo_names[i] for i in patches.photo_indices[rows]]
        of_person = [n.startswith("person-") for n in names]
        assert of_person[::2] == [True] * (ROWS_PER_PERSON // 2)
        assert len({n for n in names if n.startswith("person-")}) == 1
        assert len(set(patches.splits[rows][of_person].tolist())) == 1
    assert set(patches.splits.tolist()) == {0, 1, 2}


def test_brightness_gives_nothing_away(patches: Patches) -> None:
    """A net must not win by a trick: neither mean nor contrast of a patch tells faces."""
    grey = patches.images.astype(float).mean(axis=3).reshape(240, -1)
    for feature in (grey.mean(axis=1), grey.std(axis=1)):
        assert abs(area_under_curve(patches.labels[:, 0], feature) - 0.5) < 0.2


@pytest.mark.parametrize("name", ["count", "processes"])
def test_counts_below_one_are_errors(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1; got {name}=0"):
        draw_patches(**{"count": 4, name: 0})


def test_a_large_face_has_the_size_asked_for() -> None:
    image = draw_large_face(0, 3, 90)
    assert image.shape == (90, 90, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, draw_large_face(0, 3, 90))


POINTS = [
    # pose, point in space, pixels: centre (30, 40), half height 10
    ({}, (0.5, -1.0, 0.7), (35, 30)),  # seen from the front, depth does not show
    ({"yaw": math.pi / 6}, (0.0, 0.0, 1.0), (35, 40)),  # the nose goes right by sin 30 = 1/2
    ({"roll": math.pi / 2}, (0.0, -1.0, 0.0), (40, 40)),  # the crown falls to the right
    ({"pitch": math.pi / 6}, (0.0, 0.0, 1.0), (30, 35)),  # looking up, the nose rises
]


@pytest.mark.parametrize(("angles", "point", "expected"), POINTS)
def test_a_posed_head_projects_as_worked_out_by_hand(
    angles: dict[str, float], point: tuple[float, float, float], expected: tuple[float, float]
) -> None:
    head = Head(HeadShape(), Pose(30, 40, 10, **angles))
    x, y, z = (np.array([value]) for value in point)
    np.testing.assert_allclose(head.project(x, y, z)[0], expected, atol=1e-9)


def test_the_ear_turns_out_of_sight() -> None:
    head = Head(HeadShape(), Pose(0, 0, 10, yaw=0.6))  # looks right: its right cheek goes away
    assert head.faces_viewer(0.7, 0) < 0 < head.faces_viewer(-0.7, 0)


def test_hull_keeps_corners_only() -> None:
    corners = np.array([[0, 0], [4, 0], [4, 3], [0, 3]], dtype=float)
    inside = np.array([[1, 1], [2, 2], [3.9, 1.5]])
    found = hull(np.concatenate([inside, corners]))
    assert {tuple(point) for point in found} == {tuple(point) for point in corners}


def test_a_place_turns_and_squeezes() -> None:
    place = Place(10, 20, 4, roll=math.pi / 2, squeeze=0.5)
    np.testing.assert_allclose(place.at(1.0, 0.0), [10, 22], atol=1e-9)  # right turns down
    turned = Place(0, 0, 1, turn=0.4)
    # Narrower by 0.25 * 0.4; what stands out by 1 moves by 0.4.
    np.testing.assert_allclose(turned.at(1.0, 2.0, 1.0), [1.3, 2])


def test_canvas_remembers_what_is_solid() -> None:
    canvas = Canvas(np.zeros((20, 30, 3), np.uint8), 4)
    square = np.array([[5, 5], [15, 5], [15, 15], [5, 15]], dtype=float)
    canvas.polygon(square, rgb(200, 100, 50), solid=True)
    canvas.polygon(square + np.array([12, 0]), rgb(10, 10, 10))
    picture, solid = canvas.finish()
    assert picture[10, 10].tolist() == [200, 100, 50]
    assert solid[10, 10] == 1
    assert solid[10, 25] == 0  # drawn, but not solid
    # 10x10 pixels; the outline itself is painted too, a quarter of a pixel wide.
    assert 100 <= solid.sum() <= 10.25**2 + 0.1


def test_light_from_the_left_brightens_the_left_of_solid_things_only() -> None:
    view = draw_view(np.random.default_rng(0), draw_person(np.random.default_rng(0)))
    view = type(view)(**{**vars(view), "light": (-1.0, 0.0, 0.5), "ambient": 0.4, "diffuse": 0.6})
    picture = np.full((64, 64, 3), 100, np.float32)
    solid = np.zeros((64, 64), np.float32)
    solid[10:54, 10:54] = 1
    lit = shade_bust(picture, solid, Head(HeadShape(), Pose(32, 32, 25)), view)
    assert (lit[:10] == 100).all()
    assert lit[32, 14].mean() > 1.5 * lit[32, 50].mean()
    assert (picture == 100).all()  # not modified


@pytest.mark.parametrize("seed", range(6))
def test_overexposed_skin_keeps_its_hue(seed: int) -> None:
    """Clipped one by one, the channels of pale skin would all end at white or green."""
    skin = np.tile(np.float32([246, 215, 190]) * 1.6, (32, 32, 1))
    skin[:20] = 20  # a dark scene: the camera opens up
    red, green, blue = (
        take_photo(skin, np.random.default_rng(seed), harshness=0)[24:].reshape(-1, 3).mean(axis=0)
    )
    grey = abs(red - blue) < 3  # one photo in fourteen is black and white
    assert grey or red > green > blue


@pytest.mark.parametrize("name", ["cloud", "rough", "fine", "streak", "grain", "leaf", "curl"])
def test_textures_lie_around_zero(name: str) -> None:
    field = texture(name, np.random.default_rng(1), 200, 150)
    assert field.shape == (150, 200)
    assert abs(field).max() <= 1
    assert abs(field.mean()) < 0.25
    assert field.std() > 0.1
    np.testing.assert_array_equal(field, texture(name, np.random.default_rng(1), 200, 150))


@pytest.mark.parametrize("name", [*ANIMALS, *OBJECTS])
def test_animals_and_things_stand_where_they_are_put(name: str) -> None:
    canvas = Canvas(np.full((120, 120, 3), 128, np.uint8), 2)
    draw = draw_animal if name in ANIMALS else draw_object
    draw(canvas, name, 60.0, 60.0, 15.0, np.random.default_rng(2))
    picture, solid = canvas.finish()
    touched = np.argwhere((picture != 128).any(axis=2))
    # At most three half heights from the middle: ears, stems and shoulders.
    assert (abs(touched - 60) <= 3.2 * 15).all()
    assert solid[50:70, 50:70].mean() > 0.5


def test_backgrounds_fill_any_shape() -> None:
    for seed in range(60):
        scene = draw_background(np.random.default_rng(seed), 70, 40, busy=0.7)
        assert scene.shape == (40, 70, 3)
        assert scene.dtype == np.uint8
