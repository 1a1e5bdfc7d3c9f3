"""Where patches are cut: squares that show a face, and squares that surely do not.

A patch shows a face if its inner square, the patch without its context, overlaps the face's square
by an IoU of at least 0.6, and is a near miss if no face reaches 0.25. Nothing is cut in between:
what such a patch shows is a matter of taste, and annotators draw boxes of different shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_area, box_intersection, box_iou, clip_boxes
from facesmith.detection.patches import CONTEXT, patch_squares
from facesmith.patches.file import BACKGROUND, BESIDE, FACE, FACE_FREE, PART, WRONG_SCALE
from facesmith.patches.seeding import generator, name_number

FACE_IOU = 0.6  # at least: a face
NEAR_MISS_IOU = 0.25  # at most: not a face
MIN_PART_IOU = 0.12  # with its face: less shows hardly any of it
MAX_BESIDE_IOU = 0.05  # with any face
_ATTEMPTS = 20  # squares tried for a row before its place is given up
# A patch that is cut as no face shows the photo on at least this part of its area.
_MIN_IN_PHOTO = 0.7
# Sides of patches at the wrong scale, in units of the right one.
_CLOSEST, _CLOSE = 0.25, 0.45
_FAR, _FARTHEST = 2.2, 4.0
_MIN_OF_LARGE = 0.3  # side of a large square, as a part of the photo's shorter side

Square = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """A square of a photo to cut a patch from."""

    photo: int  # index of the photo
    square: Square  # float32 `(4,)`, pixels of the photo
    mirrored: bool  # whether the patch is flipped left to right
    kind: int  # index into `KINDS`


class PlaceFinder:
    """Draws places of every kind from a set of photos.

    A draw depends on seed, photo name, kind, face and how often it was used, on nothing else.

    Args:
        photos: The annotated photos, then the face-free ones.
        n_annotated: How many of them are annotated.
        min_face: Height of the smallest face to use, pixels.
        seed: Decides everything that is drawn.
    """

    def __init__(
        self, photos: list[AnnotatedPhoto], n_annotated: int, min_face: float, seed: int
    ) -> None:
        self._photos = photos
        self._seed = seed
        self._min_side = min_face * (1 + CONTEXT)
        self._scenes = [
            _Scene(photo, min_face, face_free=index >= n_annotated)
            for index, photo in enumerate(photos)
        ]

    def places(self, kind: int) -> Iterator[Place]:
        """Places of one kind, without end, or until a whole round over the photos finds none.

        A photo gives a second face, or a second patch of its background, only after each has given
        one, so that few rows come from many photos.
        """
        anchors = [_anchors(scene, kind, self._min_side) for scene in self._scenes]
        names = [photo.name for photo in self._photos]
        order = sorted(
            (index for index, choice in enumerate(anchors) if len(choice)),
            key=lambda index: (name_number(self._seed, "order", kind, names[index]), index),
        )
        for index in order:
            rng = generator(self._seed, "anchors", kind, names[index])
            anchors[index] = rng.permutation(anchors[index])
        deepest = max((len(anchors[index]) for index in order), default=0)
        repeat = 0
        found = bool(order)
        while found:
            found = False
            for rank in range(deepest):
                for index in order:
                    if rank < len(anchors[index]):
                        place = self._draw(index, kind, int(anchors[index][rank]), repeat)
                        if place is not None:
                            found = True
                            yield place
            repeat += 1

    def _draw(self, index: int, kind: int, anchor: int, repeat: int) -> Place | None:
        scene = self._scenes[index]
        rng = generator(self._seed, "place", kind, self._photos[index].name, anchor, repeat)
        for _ in range(_ATTEMPTS):
            square = _DRAW[kind](scene, anchor, rng, self._min_side)
            if square is not None and _fits(scene, kind, anchor, square, self._min_side):
                return Place(index, square, bool(rng.random() < 0.5), kind)
        return None


class _Scene:
    """The boxes of a photo in the forms that drawing needs."""

    def __init__(self, photo: AnnotatedPhoto, min_face: float, *, face_free: bool) -> None:
        self.size = np.array([photo.width, photo.height], np.float32)
        order = np.lexsort(photo.boxes.T)  # whatever order the file lists the boxes in
        self.boxes = photo.boxes[order]
        ignored = photo.ignored[order]
        self.face_free = face_free
        self.complete = photo.complete
        heights = self.boxes[:, 3] - self.boxes[:, 1]
        self.usable = np.flatnonzero(~ignored & (heights >= min_face))
        self.squares = patch_squares(self.boxes, context=0)
        self.faces = self.squares[~ignored]
        self.ignored = self.boxes[ignored]


# From a scene, a face in it, chance and the shortest side to a square.
Draw = Callable[[_Scene, int, np.random.Generator, float], Square]


def _anchors(scene: _Scene, kind: int, min_side: float) -> npt.NDArray[np.intp]:
    """What patches of this kind are drawn around: faces, or just the photo (one anchor)."""
    nothing, photo = np.zeros(0, np.intp), np.zeros(1, np.intp)
    if kind == FACE_FREE:
        return photo if scene.face_free else nothing
    if scene.face_free or (kind != FACE and not scene.complete):
        return nothing
    if kind == BACKGROUND:
        return photo if scene.size.min() >= min_side else nothing
    return scene.usable


def _draw_face(scene: _Scene, anchor: int, rng: np.random.Generator, min_side: float) -> Square:
    """The face, a little off and a little too large or small."""
    del min_side
    shift = rng.uniform(-0.08, 0.08, 2)
    return _around(scene.squares[anchor], shift, np.exp(rng.uniform(-0.12, 0.12)))


def _draw_off(nearest: float, farthest: float, spread: float) -> Draw:
    """A patch moved off the face to any side: about half of the face, or what is next to it."""

    def draw(scene: _Scene, anchor: int, rng: np.random.Generator, min_side: float) -> Square:
        del min_side
        angle = rng.uniform(0, 2 * np.pi)
        shift = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(nearest, farthest)
        return _around(scene.squares[anchor], shift, np.exp(rng.uniform(-spread, spread)))

    return draw


def _draw_wrong_scale(
    scene: _Scene, anchor: int, rng: np.random.Generator, min_side: float
) -> Square:
    """A small face in a large patch, or so close that a cheek or an eye fills it."""
    square = scene.squares[anchor]
    smallest = max(min_side / (float(square[2] - square[0]) * (1 + CONTEXT)), _CLOSEST)
    if smallest <= _CLOSE and rng.random() < 0.5:
        scale = np.exp(rng.uniform(np.log(smallest), np.log(_CLOSE)))
        shift = rng.uniform(-0.5, 0.5, 2) * (1 - scale)
    else:
        scale = np.exp(rng.uniform(np.log(_FAR), np.log(_FARTHEST)))
        shift = rng.uniform(-0.35, 0.35, 2) * scale
    return _around(square, shift, scale)


def _draw_anywhere(scene: _Scene, anchor: int, rng: np.random.Generator, min_side: float) -> Square:
    """A square of any size somewhere in the photo, at the border a little beyond it.

    In a face-free photo half of the squares are large, to show whole animals and their faces.
    """
    del anchor
    largest = float(scene.size.min())
    smallest = min(min_side / largest, 1.0)
    if scene.face_free and rng.random() < 0.5:
        side = largest * rng.uniform(max(smallest, _MIN_OF_LARGE), 1.0)
    else:
        side = largest * np.exp(rng.uniform(np.log(smallest), 0.0))
    reach = np.maximum(scene.size - 0.75 * side, 0)
    low = -0.125 * side + rng.uniform(0, 1, 2) * reach
    return np.concatenate([low, low + side]).astype(np.float32)


_DRAW: dict[int, Draw] = {
    FACE: _draw_face,
    BACKGROUND: _draw_anywhere,
    PART: _draw_off(0.5, 0.95, spread=0.2),
    WRONG_SCALE: _draw_wrong_scale,
    FACE_FREE: _draw_anywhere,
    BESIDE: _draw_off(1.0, 1.7, spread=0.3),
}


def _around(square: Square, shift: npt.NDArray[np.floating], scale: float | np.floating) -> Square:
    """The patch of a face square moved by `shift` and scaled, both in units of the square."""
    side = square[2] - square[0]
    centre = (square[:2] + square[2:]) / 2 + shift * side
    half = side * scale * (1 + CONTEXT) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def _fits(scene: _Scene, kind: int, anchor: int, square: Square, min_side: float) -> bool:
    """Whether a patch of this square surely shows what its kind says."""
    patch = square[None]
    inner = patch_squares(patch, context=1 / (1 + CONTEXT) - 1)
    own = scene.squares[anchor : anchor + 1]
    if kind == FACE:
        return bool(box_iou(inner, own)[0, 0] >= FACE_IOU)
    in_photo = box_area(clip_boxes(patch, *scene.size.tolist()))[0] / box_area(patch)[0]
    if in_photo < _MIN_IN_PHOTO or square[2] - square[0] < min_side * 0.99:
        return False
    if kind in (BACKGROUND, FACE_FREE):
        return not box_intersection(patch, scene.boxes).any()
    if box_intersection(patch, scene.ignored).any():
        return False
    highest = box_iou(inner, scene.faces).max()
    if kind == PART:
        return bool(highest <= NEAR_MISS_IOU and box_iou(inner, own)[0, 0] >= MIN_PART_IOU)
    return bool(highest <= (MAX_BESIDE_IOU if kind == BESIDE else NEAR_MISS_IOU))
