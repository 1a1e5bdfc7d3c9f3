"""Looking at a photo in several rotations, for faces that lie on their side or stand on their head.

A detector that learned from upright photos finds faces tilted by up to about 45 degrees. The same
photo turned by a half, or by quarters, brings the others into that range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from facesmith.boxes import clip_boxes, suppress
from facesmith.detection.suppression import same_face
from facesmith.faces import Faces

UPRIGHT = (0,)
ROTATIONS = (0, 90, 180, 270)


def check_rotations(rotations: Sequence[int]) -> tuple[int, ...]:
    """The rotations, if they can be used.

    Raises:
        ValueError: If there is none, one comes twice, or one is not 0, 90, 180 or 270.
    """
    checked = tuple(rotations)
    if not checked or len(set(checked)) != len(checked) or not set(checked) <= set(ROTATIONS):
        raise ValueError(
            "`rotations` must be one or several of 0, 90, 180 and 270, in degrees, each once; "
            f"got rotations={rotations!r}. For faces upside down pass (0, 180)."
        )
    return checked


def read_rotations(text: str) -> tuple[int, ...]:
    """The rotations that a text names, such as `0,180`.

    Raises:
        ValueError: If it does not; the message is for users, without their text.
    """
    try:
        return check_rotations([int(word) for word in text.split(",")])
    except ValueError:
        *some, last = map(str, ROTATIONS)
        raise ValueError(
            f"expected one or several of {', '.join(some)} and {last}, each once, with commas "
            "between them, such as 0,180"
        ) from None


def detect_rotated(
    look: Callable[[npt.NDArray[np.uint8]], Faces],
    image: npt.NDArray[np.uint8],
    rotations: Sequence[int],
) -> Faces:
    """Find faces in each rotation of an image, each face once; see `look_in_rotations`."""
    return look_in_rotations(look, image, rotations)[0]


def look_in_rotations(
    look: Callable[[npt.NDArray[np.uint8]], Faces],
    image: npt.NDArray[np.uint8],
    rotations: Sequence[int],
) -> tuple[Faces, npt.NDArray[np.intp]]:
    """Find faces in each rotation of an image, each face once, and say in which.

    Args:
        look: Finds the faces in one image.
        image: uint8 `(height, width, 3)`, BGR, upright. Not modified.
        rotations: Degrees counter-clockwise, one for each look.

    Returns:
        The faces in pixels of the upright image, best score first, without landmarks; of several
        boxes of one face the one with the highest score. The rotation in which each was found,
        degrees, intp `(n,)`.

    Raises:
        ValueError: If `rotations` are not some of 0, 90, 180 and 270.
    """
    height, width = image.shape[:2]
    looks = []
    checked = check_rotations(rotations)
    for rotation in checked:
        faces = look(rotated(image, rotation))
        looks.append(Faces(rotated_back(faces.boxes, rotation, width, height), faces.scores))
    kept = _kept(looks)
    found_in = np.repeat(np.array(checked, np.intp), [len(faces) for faces in looks])
    return Faces.concatenate(looks)[kept], found_in[kept]


def rotated(image: npt.NDArray[np.uint8], rotation: int) -> npt.NDArray[np.uint8]:
    """The image rotated counter-clockwise by a multiple of 90 degrees; itself for none."""
    return image if rotation == 0 else np.ascontiguousarray(np.rot90(image, rotation // 90))


def rotated_back(
    boxes: npt.NDArray[np.float32], rotation: int, width: int, height: int
) -> npt.NDArray[np.float32]:
    """Boxes in a rotated image as boxes in the upright one.

    Args:
        boxes: float32 `(n, 4)`, pixels of the rotated image.
        rotation: Degrees counter-clockwise: 0, 90, 180 or 270.
        width: Width of the upright image, pixels.
        height: Height of the upright image, pixels.

    Returns:
        float32 `(n, 4)`, inside the upright image.
    """
    x_min, y_min, x_max, y_max = boxes.T
    match rotation:
        case 0:
            back = [x_min, y_min, x_max, y_max]
        case 90:
            back = [width - y_max, x_min, width - y_min, x_max]
        case 180:
            back = [width - x_max, height - y_max, width - x_min, height - y_min]
        case _:
            back = [y_min, height - x_max, y_max, height - x_min]
    return clip_boxes(np.stack(back, axis=1), width, height)


def merged(looks: Sequence[Faces]) -> Faces:
    """The faces of several looks at one photo, each face once.

    Boxes of one look are left as they are: the detector has seen to them. A box goes if one of
    another look with a higher score overlaps it by more than 0.3 (IoU), or if the two share more
    than 0.6 of the smaller one. Of equal scores the earlier look counts.

    Args:
        looks: The faces of each look, pixels of the same image; at least one.

    Returns:
        The faces that are left, best score first.
    """
    return Faces.concatenate(looks)[_kept(looks)]


def _kept(looks: Sequence[Faces]) -> npt.NDArray[np.intp]:
    """What `merged` keeps: indices into the faces of all looks one after the other."""
    boxes = np.concatenate([faces.boxes for faces in looks])
    scores = np.concatenate([faces.scores for faces in looks])
    look = np.repeat(np.arange(len(looks)), [len(faces) for faces in looks])
    return suppress(
        np.argsort(-scores, kind="stable"),
        lambda a, b: same_face(boxes[a], boxes[b]) & (look[a, None] != look[None, b]),
    )
