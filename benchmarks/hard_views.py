"""Hard views of annotated photos: turned, cut out so that a face fills them, cut through, shrunk.

Each function takes a photo and gives views of it. What is drawn depends on the photo's name alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_intersection, clip_boxes
from facesmith.detection.rotations import ROTATIONS, UPRIGHT, rotated, rotated_back
from facesmith.training.crops import turned_ellipses

LOWEST = 16.0  # pixels; faces lower than this in the photo are ignored but where small ones count
SMALL = (10.0, 24.0)  # pixels
CROWD = 8  # faces
FILLING_FROM = 100.0  # pixels of a face that is cut out to fill the frame
FILLING_SIDE = 480  # pixels of the shorter side of that frame
FILLING_ASPECTS = (3 / 4, 1.0, 4 / 3)
CUT_FROM = 24.0  # pixels of a face that is cut through
CUTS_A_PHOTO = 2
VISIBLE = (0.5, 0.75)  # part of its box that a cut leaves

Boxes = npt.NDArray[np.float32]
Ignored = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class View:
    """What the detectors are shown, and what they should find.

    Attributes:
        image: uint8 `(height, width, 3)`, BGR.
        boxes: float32 `(n, 4)`, pixels of `image`.
        ignored: bool `(n,)`: finding such a face counts neither for nor against.
    """

    image: npt.NDArray[np.uint8]
    boxes: Boxes
    ignored: Ignored


Views = Callable[[View, np.random.Generator], Iterator[View]]


@dataclass(frozen=True)
class Condition:
    """One row of the results.

    Attributes:
        name: What is hard about it.
        views: Gives the views of a photo, in which faces are ignored that are not hard in this way.
        rotations: Degrees by which each view is turned for each look at it, for all detectors.
        draws: What the draws are made from, beside the photo; conditions with the same see the
            same.
    """

    name: str
    views: Views
    rotations: tuple[int, ...] = UPRIGHT
    draws: str = ""


def whole(photo: AnnotatedPhoto, image: npt.NDArray[np.uint8]) -> View:
    """The photo as it is, with all its faces."""
    return View(image, photo.boxes, photo.ignored)


def views_of(condition: Condition, photo: AnnotatedPhoto, view: View) -> list[View]:
    """The views for one condition of a photo, which is given as `whole` has it."""
    words = (photo.name, condition.draws or condition.name)
    rng = np.random.default_rng([zlib.crc32(word.encode()) for word in words])
    return list(condition.views(view, rng))


def all_faces(view: View, _rng: np.random.Generator) -> Iterator[View]:
    """The photo as it is."""
    yield _from(view, LOWEST)


def tilted(degrees: float, view: View, rng: np.random.Generator) -> Iterator[View]:
    """The photo turned in the plane to the left or to the right, whole, with a flat margin."""
    angle = float(degrees * rng.choice([-1, 1]))
    height, width = view.image.shape[:2]
    # The channels are blue, green, red for Pillow too: it has no need to know.
    colour = tuple(int(mean) for mean in view.image.mean(axis=(0, 1)))
    picture = Image.fromarray(view.image).rotate(
        angle, Image.Resampling.BILINEAR, expand=True, fillcolor=colour
    )
    middle = np.array([width, height] * 2, np.float32) / 2
    boxes = turned_ellipses(view.boxes - middle, float(np.deg2rad(angle)))
    boxes = boxes + np.array([*picture.size, *picture.size], np.float32) / 2
    upright = _from(view, LOWEST)
    yield View(np.asarray(picture), clip_boxes(boxes, *picture.size), upright.ignored)


def quarters(turn: int, view: View, _rng: np.random.Generator) -> Iterator[View]:
    """The photo turned by 90 or 180 degrees."""
    image = rotated(view.image, turn)
    height, width = image.shape[:2]
    boxes = rotated_back(view.boxes, (360 - turn) % 360, width, height)
    yield View(image, boxes, _from(view, LOWEST).ignored)


def large_enough_to_fill(view: View, _rng: np.random.Generator) -> Iterator[View]:
    """The photo as it is, with those faces that `filling` cuts out."""
    yield from _if_any(_from(view, FILLING_FROM))


def filling(low: float, high: float, view: View, rng: np.random.Generator) -> Iterator[View]:
    """Each large face cut out whole, so that its longer side takes that part of the shorter side.

    The place of the face in the frame is drawn, and the frame is brought to `FILLING_SIDE`.
    """
    height, width = view.image.shape[:2]
    for number in np.flatnonzero(~_from(view, FILLING_FROM).ignored):
        face = view.boxes[number].astype(float)
        share, aspect = rng.uniform(low, high), rng.choice(FILLING_ASPECTS)
        shorter = (face[2:] - face[:2]).max() / share
        frame = np.array([shorter * max(aspect, 1.0), shorter * max(1 / aspect, 1.0)])
        place = rng.random(2)
        if (shorter > [width, height]).any():
            continue  # the photo does not reach far enough round this face
        frame = np.minimum(frame, [width, height])
        # The frame holds the whole face and lies in the photo.
        lowest = np.maximum(face[2:] - frame, 0)
        highest = np.minimum(face[:2], [width, height] - frame)
        corner = np.round(lowest + place * (highest - lowest)).astype(int)
        end = np.minimum(np.round(corner + frame).astype(int), [width, height])
        cut = _cut(view, corner, end, number)
        yield _scaled(cut, FILLING_SIDE / min(cut.image.shape[:2]))


def to_be_cut(view: View, rng: np.random.Generator) -> Iterator[View]:
    """The photo as it is, with those faces that `cut_through` cuts."""
    ignored = np.ones(len(view.boxes), bool)
    ignored[[number for number, _ in _cuts(view, rng)]] = False
    yield from _if_any(replace(view, ignored=ignored))


def cut_through(view: View, rng: np.random.Generator) -> Iterator[View]:
    """Photos cut off through a face, so that a half to three quarters of its box are left.

    The cut is vertical or horizontal, and leaves at least half of the photo.
    """
    for number, (corner, end) in _cuts(view, rng):
        yield _cut(view, corner, end, number)


def small(view: View, _rng: np.random.Generator) -> Iterator[View]:
    """The photo as it is, with its small faces."""
    yield from _if_any(_between(view, *SMALL))


def shrunk(view: View, rng: np.random.Generator) -> Iterator[View]:
    """The photo shrunk so that the middle one of its faces becomes small, with its small faces."""
    heights = view.boxes[~view.ignored][:, 3] - view.boxes[~view.ignored][:, 1]
    aim = float(np.exp(rng.uniform(*np.log(SMALL))))
    if len(heights) and (scale := aim / float(np.median(heights))) < 1:
        yield from _if_any(_between(_scaled(view, scale), *SMALL))


def crowd(view: View, _rng: np.random.Generator) -> Iterator[View]:
    """The photo as it is, if it is one of a crowd; all but specks count."""
    if (~view.ignored).sum() >= CROWD:
        yield _from(view, SMALL[0])


def shrunk_crowd(view: View, rng: np.random.Generator) -> Iterator[View]:
    """The same with the photo shrunk."""
    if (~view.ignored).sum() >= CROWD:
        yield from shrunk(view, rng)


CONDITIONS = (
    Condition("all faces", all_faces),
    Condition("all faces, rotations 0,180", all_faces, (0, 180)),
    Condition("all faces, rotations 0,90,180,270", all_faces, ROTATIONS),
    *(
        Condition(f"turned by {angle}", partial(tilted, angle), draws="tilt")
        for angle in (15, 30, 45)
    ),
    Condition("turned by 45, rotations 0,90,180,270", partial(tilted, 45), ROTATIONS, "tilt"),
    Condition("turned by 90", partial(quarters, 90)),
    Condition("turned by 90, rotations 0,90,180,270", partial(quarters, 90), ROTATIONS),
    Condition("turned by 180", partial(quarters, 180)),
    Condition("turned by 180, rotations 0,180", partial(quarters, 180), (0, 180)),
    Condition("large faces as they are", large_enough_to_fill),
    Condition("filling 50-75 %", partial(filling, 0.5, 0.75)),
    Condition("filling 75-100 %", partial(filling, 0.75, 1.0)),
    Condition("faces to be cut", to_be_cut, draws="cut"),
    Condition("cut by the border", cut_through, draws="cut"),
    Condition("small faces, 10-24 px", small),
    Condition("shrunk to 10-24 px", shrunk, draws="shrink"),
    Condition("crowds", crowd),
    Condition("crowds, shrunk to 10-24 px", shrunk_crowd, draws="shrink"),
)


def _from(view: View, lowest: float) -> View:
    return _between(view, lowest, np.inf)


def _between(view: View, low: float, high: float) -> View:
    """Only faces of these heights count."""
    heights = view.boxes[:, 3] - view.boxes[:, 1]
    return replace(view, ignored=view.ignored | (heights < low) | (heights >= high))


def _if_any(view: View) -> Iterator[View]:
    """The view, if any face counts in it: it has nothing hard to show otherwise."""
    if not view.ignored.all():
        yield view


def _scaled(view: View, scale: float) -> View:
    height, width = view.image.shape[:2]
    size_wh = max(round(width * scale), 1), max(round(height * scale), 1)
    image = np.asarray(Image.fromarray(view.image).resize(size_wh, Image.Resampling.BICUBIC))
    factors = np.array([size_wh[0] / width, size_wh[1] / height] * 2, np.float32)
    return View(image, view.boxes * factors, view.ignored)


def _cut(view: View, corner: npt.NDArray[np.int_], end: npt.NDArray[np.int_], number: int) -> View:
    """The part from corner to end; only that face counts, others are ignored where they show."""
    image = np.ascontiguousarray(view.image[corner[1] : end[1], corner[0] : end[0]])
    part = np.array([[*corner, *end]], np.float32)
    shows = box_intersection(view.boxes, part)[:, 0] > 0
    ignored = np.arange(len(view.boxes)) != number
    boxes = clip_boxes(view.boxes - np.tile(part[0, :2], 2), *(end - corner))
    return View(image, boxes[shows], ignored[shows])


def _cuts(
    view: View, rng: np.random.Generator
) -> list[tuple[int, tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]]]:
    """Faces to be cut, each with the two corners of what is left of the photo."""
    size = np.array([view.image.shape[1], view.image.shape[0]])
    cuts = []
    for number in rng.permutation(np.flatnonzero(~_from(view, CUT_FROM).ignored)):
        face = view.boxes[number]
        possible = []
        for axis in (0, 1):
            low, high = float(face[axis]), float(face[axis + 2])
            visible = rng.uniform(*VISIBLE) * (high - low)
            starts, ends = np.zeros(2, int), size.copy()
            starts[axis] = round(high - visible)
            ends[axis] = round(low + visible)
            possible += [(starts, size.copy()), (np.zeros(2, int), ends)]
        possible = [(corner, end) for corner, end in possible if (2 * (end - corner) >= size).all()]
        if possible and len(cuts) < CUTS_A_PHOTO:
            cuts.append((int(number), possible[rng.integers(len(possible))]))
    return cuts
