"""CVAT's XML 1.1 "for images", read and written: one file, an element for each photo.

`xtl, ytl, xbr, ybr` are edges in pixels of the upright photo, counted from 0, fractions allowed.
Ignored regions are boxes with the label `unsure`.

Source:
    CVAT's documentation, "XML annotation format", version 1.1, and "Shape mode": a `rotation` is in
    degrees, clockwise, about the centre of the box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import radians
from pathlib import Path
from xml.etree import ElementTree as ET

from facesmith.annotations.categories import UNSURE, choose_categories
from facesmith.annotations.destinations import Destination, check_plain, number
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.outlines import (
    Corners,
    around_ellipse,
    around_points,
    around_turned,
    numbers_of,
)
from facesmith.annotations.passed_over import ANSWERS, OTHER_CATEGORIES, OUTLINES, ROTATIONS
from facesmith.annotations.photo_paths import known_name
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.plain_xml import add, read_xml, text_of, xml_bytes
from facesmith.annotations.values import flag, number_of, stated_size
from facesmith.errors import AnnotationError

_EDGES = ("xtl", "ytl", "xbr", "ybr")
_ELLIPSE = ("cx", "cy", "rx", "ry")
_OTHER_SHAPES = ("points", "polyline", "mask", "cuboid", "skeleton")
_WORDS = {"true": "yes", "false": "no"}  # of check boxes
OCCLUDED = "occluded"  # an attribute that CVAT has for every box


def read_cvat(
    path: Path, images_dir: Path, log: ProblemLog, categories: Sequence[str] | None
) -> list[PhotoEntry]:
    """Photos of a CVAT file, in its order; a photo without boxes is face-free.

    Of rotated boxes, polygons and ellipses the upright rectangle around them is taken. Boxes of
    the label `unsure` are ignored. Attributes are kept, true and false as `yes` and `no`.

    Raises:
        AnnotationError: If the file as a whole cannot be used, or the label is not clear.
    """
    try:
        root = read_xml(path, "annotations")
    except AnnotationError as error:
        raise AnnotationError(f"{path}: {error}") from error
    if root.find("track") is not None:
        raise AnnotationError(
            f"{path}: expected `CVAT for images 1.1`, got the tracks of a video. Export the task "
            "in that format."
        )
    entries: list[PhotoEntry] = []
    shapes: list[tuple[PhotoEntry, str, ET.Element]] = []
    for position, image in enumerate(root.iter("image")):
        entry = _read_image(f"{path.name} image {position}", image, images_dir, log)
        if entry is None:
            continue
        entries.append(entry)
        for element in image:
            if element.tag in ("box", "polygon", "ellipse", *_OTHER_SHAPES):
                where = f"{path.name} image {position} ({entry.name}) {element.tag}"
                shapes.append((entry, where, element))
            else:
                entry.passed_over.add(ANSWERS)
    labels = [text_of(label, "name") for label in root.iter("label")]
    labels += [element.get("label") for _, _, element in shapes]
    names = {label: label for label in sorted({label for label in labels if label})}
    kept = choose_categories(path, names, categories) if shapes else {}
    for entry, where, element in shapes:
        label = element.get("label")
        if not label:
            log.lose_box(entry, where, "expected a `label`, got nothing: is it a face?")
        elif label not in kept:
            entry.passed_over.add(OTHER_CATEGORIES)
        else:
            _read_shape(entry, where, element, log, ignored=kept[label])
    return entries


def _read_image(
    where: str, image: ET.Element, images_dir: Path, log: ProblemLog
) -> PhotoEntry | None:
    name = image.get("name")
    if not name:
        log.add(where, "expected the photo's `name`, got nothing. The photo is left out.", "photo")
        return None
    try:
        size_wh = stated_size(image.get("width"), image.get("height"))
    except ValueError as error:
        log.add(
            where,
            f"expected numbers as `width` and `height`, got {str(error)[:60]!r}: whether its boxes "
            "fit the photo cannot be told. The photo is left out.",
            "photo",
        )
        return None
    return PhotoEntry(f"{where} ({name})", known_name(name, images_dir), size_wh=size_wh)


def _read_shape(
    entry: PhotoEntry, where: str, element: ET.Element, log: ProblemLog, *, ignored: bool
) -> None:
    try:
        corners = _corners(element, entry)
    except ValueError as error:
        log.lose_box(entry, where, str(error))
        return
    attributes = {}
    if flag(element.get(OCCLUDED)):
        attributes[OCCLUDED] = "yes"
    for attribute in element.iter("attribute"):
        name, text = attribute.get("name"), (attribute.text or "").strip()
        if name and text:
            attributes[name] = _WORDS.get(text.lower(), text)
    entry.boxes.append(BoxEntry(where, corners, ignored, attributes))


def _corners(element: ET.Element, entry: PhotoEntry) -> Corners:
    """The upright rectangle of a shape, or a `ValueError`."""
    if element.tag in _OTHER_SHAPES:
        raise ValueError(f"expected a box, got <{element.tag}>. Draw it as a rectangle.")
    (rotation,) = numbers_of({"rotation": 0, **element.attrib}, ("rotation",))
    if element.tag == "polygon":
        entry.passed_over.add(OUTLINES)
        return around_points(_points(element.get("points") or ""))
    if element.tag == "ellipse":
        entry.passed_over.add(OUTLINES)
        x, y, half_width, half_height = numbers_of(element.attrib, _ELLIPSE)
        if min(half_width, half_height) <= 0:
            raise ValueError(
                f"expected half axes above 0, got {half_width:g} and {half_height:g} pixels."
            )
        return around_ellipse(x, y, (half_width, half_height), radians(rotation))
    x_min, y_min, x_max, y_max = numbers_of(element.attrib, _EDGES)
    corners = (x_min, y_min, x_max, y_max)
    if rotation == 0 or min(x_max - x_min, y_max - y_min) <= 0:
        return corners  # without an area: let the check of the box say so
    entry.passed_over.add(ROTATIONS)
    return around_turned(corners, rotation, ((x_min + x_max) / 2, (y_min + y_max) / 2))


def _points(text: str) -> list[tuple[float, float]]:
    points = []
    for pair in text.split(";"):
        values = [number_of(part) for part in pair.split(",")]
        if len(values) != 2 or values[0] is None or values[1] is None:
            raise ValueError(f"expected `points` as x,y;x,y;..., got {text[:60]!r}.")
        points.append((values[0], values[1]))
    return points


def cvat_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of CVAT annotations, photos in their order.

    Raises:
        AnnotationError: If XML cannot hold a name.
    """
    check_plain(photos)
    root = ET.Element("annotations")
    add(root, "version", "1.1")
    task = add(add(root, "meta"), "task")
    add(task, "size", len(photos))
    add(task, "mode", "annotation")
    labels = add(task, "labels")
    said = {name for photo in photos for each in photo.attributes for name in each} - {OCCLUDED}
    for name in ("face", UNSURE):
        label = add(labels, "label")
        add(label, "name", name)
        add(label, "type", "rectangle")
        attributes = add(label, "attributes")
        for each in sorted(said):
            attribute = add(attributes, "attribute")
            for tag, text in (("name", each), ("mutable", "False"), ("input_type", "text")):
                add(attribute, tag, text)
    source = "auto" if destination.doubt else "manual"
    # CVAT finds a photo by its name, else by its number, which is its place in the order of names.
    places = {name: place for place, name in enumerate(sorted(photo.name for photo in photos))}
    for photo in photos:
        image = ET.SubElement(root, "image", id=str(places[photo.name]), name=photo.name)
        image.set("width", str(photo.width))
        image.set("height", str(photo.height))
        for box, ignored, attributes_of_box in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
        ):
            said_of_box = dict(attributes_of_box)
            occluded = said_of_box.get(OCCLUDED) == "yes" and said_of_box.pop(OCCLUDED)
            element = ET.SubElement(
                image,
                "box",
                {
                    "label": UNSURE if ignored else "face",
                    "source": source,
                    OCCLUDED: "1" if occluded else "0",
                    **dict(zip(_EDGES, map(number, box), strict=True)),
                    "z_order": "0",
                },
            )
            for name, text in said_of_box.items():
                add(element, "attribute", text).set("name", name)
    yield "annotations.xml", xml_bytes(root)
