"""Faces cut out so that eyes, nose and mouth lie at the same places, as recognition wants them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.detection.photo_detector import check_image
from facesmith.faces import Faces

TEMPLATE_SIZE = 112  # pixels, both sides
# Where the landmarks go, pixels: right eye, left eye, nose, right and left corner of the mouth.
TEMPLATE = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
ALIGNED_SIZE = TEMPLATE_SIZE  # pixels, where a call does not say


def align_faces(
    image: npt.NDArray[np.uint8], faces: Faces, size: int = ALIGNED_SIZE
) -> npt.NDArray[np.uint8]:
    """Cut out each face, rotated and scaled so that its landmarks lie where ArcFace has them.

    Each face stands upright in the result, however it lies in the photo, and none is mirrored. The
    rotation, the scale and the shift are those by which the five landmarks come closest to the
    template, by least squares. Pixels are averaged over the area that they cover when the photo is
    shrunk, and interpolated when it is enlarged. Beyond the border of the photo all is black.

    Args:
        image: uint8 `(height, width, 3)`, BGR. Not modified.
        faces: The faces with landmarks, in pixels of the image: `detector(image, landmarks=True)`.
        size: Width and height of the results, pixels. The template is of 112x112 pixels, and is
            multiplied by `size / 112`.

    Returns:
        uint8 `(n, size, size, 3)`, BGR, in the order of the faces; `(0, size, size, 3)` for none.

    Raises:
        ValueError: If the faces have no landmarks, all landmarks of a face lie at one place, `size`
            is not positive, or the image has another shape or type.

    Source:
        The template is that of ArcFace (Deng et al. 2019); the transform is that of Umeyama (1991)
        without reflections, which in the plane is a product of complex numbers.

    Example:
        >>> import numpy as np
        >>> from facesmith import Faces, align_faces
        >>> align_faces(np.zeros((90, 120, 3), np.uint8), Faces.empty()).shape
        (0, 112, 112, 3)
    """
    check_image(image)
    if size < 1:
        raise ValueError(f"`size` must be at least 1 pixel; got size={size}.")
    aligned = np.zeros((len(faces), size, size, 3), np.uint8)
    if not len(faces):
        return aligned
    if faces.landmarks is None:
        raise ValueError(
            "`faces` must have landmarks; got faces without. Ask the detector for them: "
            "detector(image, landmarks=True)."
        )
    template = np.array(TEMPLATE) * (size / TEMPLATE_SIZE)
    for number, points in enumerate(faces.landmarks.astype(np.float64)):
        aligned[number] = _cut(image, *_similarity(template, points, number), size)
    return aligned


def _similarity(
    template: npt.NDArray[np.float64], points: npt.NDArray[np.float64], number: int
) -> tuple[complex, complex]:
    """Factor and shift that bring places of the result to places of the photo, `x + iy`.

    The fit is the other way, from the photo to the template: errors count in its pixels.
    """
    goal, given = template @ [1, 1j], points @ [1, 1j]
    goal_centre, given_centre = goal.mean(), given.mean()
    centred = given - given_centre
    shared, spread = np.vdot(centred, goal - goal_centre), np.vdot(centred, centred).real
    if not (spread > 0 and abs(shared) > 0):
        raise ValueError(
            f"`faces` must have five landmarks at different places; face {number} (from 0) has "
            f"{points.tolist()}. Leave it out."
        )
    factor = spread / shared
    return factor, given_centre - factor * goal_centre


def _cut(
    image: npt.NDArray[np.uint8], factor: complex, shift: complex, size: int
) -> npt.NDArray[np.uint8]:
    """The square whose place `q` shows the place `factor * q + shift` of the photo."""
    step = max(abs(factor), 1.0)  # photo pixels per pixel of what is rotated
    corners = factor * np.array([0, size, size * 1j, size + size * 1j]) + shift
    corners = np.stack([corners.real, corners.imag])
    margin = 3 * step  # what the filters look at beyond the corners
    limits = np.array(image.shape[1::-1], np.float64)
    low = np.clip(np.floor(corners.min(axis=1) - margin), 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(axis=1) + margin), 0, limits).astype(int)
    if (low >= high).any():  # outside the photo
        return np.zeros((size, size, 3), np.uint8)
    around = Image.fromarray(image[low[1] : high[1], low[0] : high[0]])
    # First shrunk, upright as it is, then rotated at its final scale: that skips no pixel.
    width, height = (max(round(float(side)), 1) for side in (high - low) / step)
    if (width, height) != around.size:
        around = around.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    across, down = (np.array([width, height]) / (high - low)).tolist()
    rows = (
        (across * factor.real, -across * factor.imag, across * (shift.real - low[0])),
        (down * factor.imag, down * factor.real, down * (shift.imag - low[1])),
    )
    turned = around.transform(
        (size, size),
        Image.Transform.AFFINE,
        [*rows[0], *rows[1]],
        Image.Resampling.BICUBIC,
        fillcolor=(0, 0, 0),
    )
    return np.asarray(turned)
