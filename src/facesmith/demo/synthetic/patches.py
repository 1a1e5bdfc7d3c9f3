"""A patch set without a single photo: synthetic faces and what might be taken for one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.animals import ANIMALS, draw_animal
from facesmith.demo.synthetic.backgrounds import draw_background
from facesmith.demo.synthetic.bust import draw_bust
from facesmith.demo.synthetic.camera import Float32Image, UInt8Image, shade_bust, take_photo
from facesmith.demo.synthetic.canvas import Canvas, random_colour
from facesmith.demo.synthetic.face import Shifts
from facesmith.demo.synthetic.head import Head, HeadShape, Pose
from facesmith.demo.synthetic.objects import OBJECTS, draw_object
from facesmith.demo.synthetic.person import Person, View, draw_person, draw_view, pick
from facesmith.demo.synthetic.portrait import Portrait
from facesmith.detection.patches import PATCH_SIZE
from facesmith.patches.file import (
    BACKGROUND,
    FACE,
    FACE_FREE,
    NOT_A_FACE,
    PART,
    WRONG_SCALE,
    Patches,
)
from facesmith.patches.splitting import SplitShares, draw_splits

ROWS = 11_038  # as many as the exercise's own file has
ROWS_PER_PERSON = 8  # of which every other one is a face
_CHUNK = 64  # rows that a process draws before it hands them over
_MIDDLE = PATCH_SIZE / 2
_PERSON_STREAM = 1 << 40  # sets the generator of a person apart from that of any row
_LARGE_STREAM = 1 << 41  # and that of a person's large picture from both

# What a row without a face shows: how often, and its kind.
NON_FACES = {
    "clutter": (0.25, BACKGROUND),
    "object": (0.24, FACE_FREE),
    "animal": (0.17, FACE_FREE),
    "half": (0.1, PART),
    "small": (0.05, WRONG_SCALE),
    "large": (0.05, WRONG_SCALE),
    "scrambled": (0.06, NOT_A_FACE),
    "behind": (0.08, NOT_A_FACE),
}
# Faces put together wrongly: shifts of each part in half heights of the head, None for missing.
_SCRAMBLES: tuple[Shifts, ...] = (
    {"left_eye": (0.0, 0.62), "right_eye": (0.0, 0.62), "mouth": (0.0, -0.7), "nose": (0.0, -0.1)},
    {
        "left_eye": (0.32, -0.35),
        "right_eye": (-0.32, 0.45),
        "nose": (0.4, 0),
        "mouth": (-0.35, -0.3),
    },
    {"left_eye": None, "right_eye": None, "nose": None, "mouth": None},
    {"left_eye": (0.31, 0.0), "right_eye": None, "nose": None, "mouth": (0.0, 0.0)},
    {"left_eye": None, "right_eye": None, "nose": (0.0, -0.3), "mouth": (0.0, 0.0)},
    {"left_eye": (0.62, 0.35), "right_eye": (0.0, -0.3), "nose": None, "mouth": (0.0, -0.55)},
)


@dataclass(frozen=True, eq=False)
class SyntheticRow:
    """One patch, what it shows and of whom."""

    image: npt.NDArray[np.uint8]  # (64, 64, 3), BGR
    label: int
    kind: int
    photo_name: str


def draw_patches(
    count: int = ROWS,
    seed: int = 0,
    *,
    processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> Patches:
    """Draw a balanced patch set.

    Every other row is a face. All pictures of one synthetic person count as one photo, so that no
    person is in two splits. A row depends on the seed and its number only.

    Another seed gives other people and things. With more than one of the `processes` that draw, a
    script that calls this needs the usual `if __name__ == "__main__":`. `on_progress` is called
    with the number of rows just finished, now and then.

    Raises:
        ValueError: If `count` or `processes` is below 1.

    Example:
        >>> patches = draw_patches(6, seed=3)
        >>> patches.images.shape, patches.labels.ravel().tolist()
        ((6, 64, 64, 3), [1, 0, 1, 0, 1, 0])
    """
    for name, value in (("count", count), ("processes", processes)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1; got {name}={value}.")
    rows: list[SyntheticRow] = []
    for chunk in _chunks(count, seed, processes):
        rows += chunk
        if on_progress is not None:
            on_progress(len(chunk))
    names = [row.photo_name for row in rows]
    photo_names = tuple(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(photo_names)}
    photo_indices = np.array([numbers[name] for name in names], dtype=np.int32)
    return Patches(
        images=np.stack([row.image for row in rows]),
        labels=np.array([[row.label] for row in rows], np.uint8),
        photo_indices=photo_indices,
        photo_names=photo_names,
        splits=draw_splits(photo_names, seed, SplitShares())[photo_indices],
        kinds=np.array([row.kind for row in rows], np.uint8),
    )


def draw_row(seed: int, row: int) -> SyntheticRow:
    """Draw one row of the set that `seed` stands for."""
    rng = np.random.default_rng([seed, row])
    number = row // ROWS_PER_PERSON
    person, photo_name = _person(seed, number), f"person-{number:05d}"
    if row % 2 == 0:
        what, label, kind = "face", 1, FACE
    else:
        what = pick(rng, {name: weight for name, (weight, _) in NON_FACES.items()})
        label, kind = 0, NON_FACES[what][1]
    if what in ("clutter", "object", "animal"):
        picture, what = _draw_thing(what, rng)
        photo_name = f"{what}-{row:05d}"
    else:
        picture = _draw_portrait(what, person, rng)
    image = take_photo(picture, rng)[..., ::-1]
    return SyntheticRow(np.ascontiguousarray(image), label, kind, photo_name)


def draw_large_face(seed: int, person_number: int, side: int) -> npt.NDArray[np.uint8]:
    """A person of the set of `seed`, by a better camera, uint8 `(side, side, 3)`, BGR."""
    rng = np.random.default_rng([seed, _LARGE_STREAM + person_number])
    person = _person(seed, person_number)
    view = draw_view(rng, person)
    pose = Pose(side / 2, side * 0.48, side * 0.36, view.yaw, view.pitch, view.roll)
    picture = draw_portrait(draw_background(rng, side, side), person, view, pose, rng)
    image = take_photo(picture, rng, harshness=0.15)[..., ::-1]
    return np.ascontiguousarray(image)


def _person(seed: int, number: int) -> Person:
    return draw_person(np.random.default_rng([seed, _PERSON_STREAM + number]))


def _draw_portrait(what: str, person: Person, rng: np.random.Generator) -> Float32Image:
    """A face, or a picture of the same person that shows none."""
    view = draw_view(rng, person)
    background = draw_background(rng, PATCH_SIZE, PATCH_SIZE)
    if what == "face" and rng.random() < 0.12:  # somebody stands behind
        background = _add_neighbour(background, rng)
    shifts: Shifts | None = None
    x, y = _MIDDLE + rng.normal(0, 1.4, 2)
    half_height = rng.uniform(22, 30)
    if what == "half":
        away = rng.uniform(24, 34) * rng.choice([-1, 1])
        x, y = (x + away, y + rng.normal(0, 6)) if rng.random() < 0.6 else (x, y + away)
    elif what == "small":
        half_height = rng.uniform(5.5, 9.5)
        x, y = rng.uniform(14, 50), rng.uniform(10, 34)
    elif what == "large":
        half_height = rng.uniform(62, 100)
        x, y = _MIDDLE + half_height * rng.uniform(-0.5, 0.5, 2)
    elif what == "scrambled":
        shifts = _SCRAMBLES[rng.integers(0, len(_SCRAMBLES))]
    pose = Pose(float(x), float(y), float(half_height), view.yaw, view.pitch, view.roll)
    return draw_portrait(
        background, person, view, pose, rng, shifts=shifts, from_behind=what == "behind"
    )


def draw_portrait(
    background: UInt8Image,
    person: Person,
    view: View,
    pose: Pose,
    rng: np.random.Generator,
    *,
    shifts: Shifts | None = None,
    from_behind: bool = False,
) -> Float32Image:
    """A lit person in front of a background uint8 RGB, float32 RGB of its size, in [0, 255].

    `shifts` and `from_behind` as in `draw_bust`; chance also puts things before the face.
    """
    head = Head(person.shape, pose)
    canvas = Canvas(background, 3 if pose.half_height < 45 else 2)
    portrait = Portrait(canvas, head.surface, pose.half_height, rng, head, person, view)
    draw_bust(portrait, shifts=shifts, from_behind=from_behind)
    if shifts is None and not from_behind and rng.random() < 0.08:
        _draw_obstacle(canvas, head, rng)
    picture, solid = canvas.finish()
    return shade_bust(picture, solid, head, view)


def _draw_obstacle(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Something in front of a corner of the face: a hand, a cup, a ball, a pole."""
    size = head.pose.half_height
    side = rng.choice([-1, 1])
    x, y = head.point(side * rng.uniform(0.5, 0.75), rng.uniform(0.55, 0.95))
    what = str(rng.choice(["hand", "mug", "ball", "pole"]))
    if what == "pole":
        end = np.array([x + rng.normal(0, 0.3) * size, -10.0])
        canvas.line(np.stack([(x, 500.0), end]), random_colour(rng), 0.2 * size)
    else:
        draw_object(canvas, what, x, y, 0.42 * size, rng)


def _add_neighbour(background: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """Someone else, cut off by the edge of the patch."""
    person = draw_person(rng)
    view = draw_view(rng, person)
    x = _MIDDLE + rng.choice([-1, 1]) * rng.uniform(30, 38)
    pose = Pose(x, rng.uniform(24, 44), rng.uniform(14, 26), view.yaw, view.pitch, view.roll)
    picture = draw_portrait(background, person, view, pose, rng)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _draw_thing(what: str, rng: np.random.Generator) -> tuple[Float32Image, str]:
    """Clutter, a thing or an animal, and its name."""
    if what == "clutter":
        return draw_background(rng, PATCH_SIZE, PATCH_SIZE, busy=0.8).astype(np.float32), what
    canvas = Canvas(draw_background(rng, PATCH_SIZE, PATCH_SIZE))
    x, y = _MIDDLE + rng.normal(0, 2.5, 2)
    size = rng.uniform(18, 29)
    names, draw = (ANIMALS, draw_animal) if what == "animal" else (OBJECTS, draw_object)
    name = names[rng.integers(0, len(names))]
    draw(canvas, name, float(x), float(y), float(size), rng)
    picture, solid = canvas.finish()
    light = draw_view(rng, draw_person(rng))
    egg = Head(HeadShape(width=0.9), Pose(float(x), float(y), float(size)))
    return shade_bust(picture, solid, egg, light), name


def _chunks(count: int, seed: int, processes: int) -> Iterator[list[SyntheticRow]]:
    """All rows in order, `_CHUNK` at a time."""
    chunks = [(seed, start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    if processes == 1:
        yield from map(_draw_chunk, chunks)
        return
    # Started afresh, not forked: a fork copies the locks of threads that do not come along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(_draw_chunk, chunks)


def _draw_chunk(chunk: tuple[int, int, int]) -> list[SyntheticRow]:
    seed, start, stop = chunk
    return [draw_row(seed, row) for row in range(start, stop)]
