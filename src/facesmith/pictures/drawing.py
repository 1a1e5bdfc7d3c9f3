"""Pictures of what was found: boxes and landmarks drawn into a photo, and faces cut out of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from facesmith.faces import Faces

BOX_COLOUR = (0, 230, 118)  # a green that skin, sky and clothes seldom have; red first
WRONG_COLOUR = (255, 112, 67)  # an orange that stands out beside the green of right boxes; RGB
# Of landmarks, RGB: the person's right side, left side, and the nose.
RIGHT_COLOUR, LEFT_COLOUR, NOSE_COLOUR = (64, 196, 255), (255, 214, 0), (255, 255, 255)
_LANDMARK_COLOURS = (RIGHT_COLOUR, LEFT_COLOUR, NOSE_COLOUR, RIGHT_COLOUR, LEFT_COLOUR)
_EDGE_COLOUR = (10, 30, 20)  # around it, so that it stands out on leaves and lawns too
_TEXT_COLOUR = (10, 30, 20)
_LINES_ALONG_SIDE = 300  # a line is this part of the photo's longer side wide
_LABELS_ALONG_SIDE = 45  # a label is at most this part of it high,
_LABEL_SHARE = 0.25  # and this part of its face, so that it hides no neighbour
_DOT_SHARE = 0.045  # a landmark's dot is this part of its face's longer side wide
_SMALLEST_DOT = 2  # pixels
_SMALLEST_RING = 5  # pixels; in smaller ones no hole can be seen
_VISIBLE = 0.5  # landmarks with a lower score are drawn as rings
_SMALLEST_TEXT = 10  # pixels; smaller letters cannot be read


def draw_faces(
    image: npt.NDArray[np.uint8],
    faces: Faces,
    *,
    scores: bool = True,
    labels: Sequence[str] | None = None,
    colour: tuple[int, int, int] = BOX_COLOUR,
    line_width: int | None = None,
) -> npt.NDArray[np.uint8]:
    """A new image with a box around each face, its score beside it, and dots at its landmarks.

    Landmarks of the person's right side are blue, those of the left side yellow, the nose is white.
    Those that are probably hidden (a score below 0.5) are rings.

    Args:
        image: uint8 `(height, width, 3)`, BGR. Not modified.
        faces: The faces, in pixels of the image.
        scores: Whether to write the scores.
        labels: What to write beside each face instead of its score.
        colour: Of boxes and labels, red first; light enough for dark letters.
        line_width: Of the boxes, pixels; `None`: 1/300 of the longer side of the image.
    """
    canvas = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    draw = ImageDraw.Draw(canvas)
    line = line_width or max(round(max(canvas.size) / _LINES_ALONG_SIDE), 1)
    for box in faces.boxes:
        x_min, y_min, x_max, y_max = (round(float(edge)) for edge in box)
        # Pillow's corners are pixels that are painted, and it paints the line inside of them.
        corners = (x_min, y_min, max(x_max - 1, x_min), max(y_max - 1, y_min))
        around = (corners[0] - 1, corners[1] - 1, corners[2] + 1, corners[3] + 1)
        draw.rectangle(around, outline=_EDGE_COLOUR, width=line + 2)
        draw.rectangle(corners, outline=colour, width=line)
    _draw_landmarks(draw, canvas.size, faces)
    if labels is None:
        labels = [f"{score:.2f}" for score in faces.scores] if scores else []
    for box, label in zip(faces.boxes[::-1], labels[::-1], strict=bool(labels)):
        _draw_label(draw, canvas.size, box, label, colour)
    return np.ascontiguousarray(np.asarray(canvas)[..., ::-1])


def _draw_landmarks(draw: ImageDraw.ImageDraw, size_wh: tuple[int, int], faces: Faces) -> None:
    if faces.landmarks is None:
        return
    width, height = size_wh
    sides = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1, initial=0)
    scores = faces.landmark_scores
    for number, points in enumerate(faces.landmarks.astype(float)):
        dot = max(round(float(sides[number]) * _DOT_SHARE), _SMALLEST_DOT)
        for which, (x, y) in enumerate(points.tolist()):
            if not (-dot < x < width + dot and -dot < y < height + dot):
                continue
            colour = _LANDMARK_COLOURS[which]
            left, top = round(x - dot / 2), round(y - dot / 2)
            inner = (left, top, left + dot - 1, top + dot - 1)
            outer = (left - 1, top - 1, left + dot, top + dot)
            hidden = scores is not None and scores[number, which] < _VISIBLE
            if hidden and dot >= _SMALLEST_RING:
                draw.ellipse(outer, outline=_EDGE_COLOUR, width=dot // 4 + 2)
                draw.ellipse(inner, outline=colour, width=dot // 4)
            else:
                draw.ellipse(outer, fill=_EDGE_COLOUR if dot > _SMALLEST_DOT else None)
                draw.ellipse(inner, fill=colour)


def _draw_label(
    draw: ImageDraw.ImageDraw,
    size_wh: tuple[int, int],
    box: npt.NDArray[np.float32],
    text: str,
    colour: tuple[int, int, int],
) -> None:
    """Dark letters on a plate in the colour of the box: above it, or inside it at the top edge."""
    width, height = size_wh
    x_min, y_min, _, y_max = (float(edge) for edge in box)
    letters = min(max(size_wh) / _LABELS_ALONG_SIDE, (y_max - y_min) * _LABEL_SHARE)
    font = ImageFont.load_default(max(round(letters), _SMALLEST_TEXT))
    pad = max(round(letters / 6), 1)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    plate_w, plate_h = right - left + 2 * pad, bottom - top + 2 * pad
    x = min(max(round(x_min), 0), max(width - round(plate_w), 0))
    y = round(y_min) - round(plate_h)
    if y < 0:
        y = min(max(round(y_min), 0), max(height - round(plate_h), 0))
    draw.rectangle((x, y, x + plate_w - 1, y + plate_h - 1), fill=colour)
    draw.text((x + pad - left, y + pad - top), text, font=font, fill=_TEXT_COLOUR)


def crop_faces(
    image: npt.NDArray[np.uint8], faces: Faces, *, margin: float = 0.2
) -> list[npt.NDArray[np.uint8]]:
    """Cut out each face, at least one pixel.

    Args:
        image: uint8 `(height, width, 3)`, BGR.
        faces: The faces, in pixels of the image.
        margin: Added on each side, as a part of the box's width and height; cut at the border.

    Raises:
        ValueError: If `margin` is negative.
    """
    if not margin >= 0:
        raise ValueError(f"`margin` must be at least 0; got margin={margin}. 0.2 adds a fifth.")
    height, width = image.shape[:2]
    crops = []
    for x_min, y_min, x_max, y_max in faces.boxes.astype(float):
        dx, dy = (x_max - x_min) * margin, (y_max - y_min) * margin
        left = min(max(int(np.floor(x_min - dx)), 0), width - 1)
        top = min(max(int(np.floor(y_min - dy)), 0), height - 1)
        right = min(max(int(np.ceil(x_max + dx)), left + 1), width)
        bottom = min(max(int(np.ceil(y_max + dy)), top + 1), height)
        crops.append(image[top:bottom, left:right].copy())
    return crops
