"""Pascal VOC: a folder of XML files, one for each photo.

`xmin, ymin, xmax, ymax` are the numbers of the outermost pixels of the box, counted from 1. They
become continuous edges: `xmin - 1, ymin - 1, xmax, ymax`.

Source:
    The PASCAL Visual Object Classes Challenge, development kit, "Annotation": the top left pixel is
    (1, 1). Many tools count from 0 under the same names; nothing in the file tells which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.destinations import (
    Destination,
    check_plain,
    label_names,
    whole_pixels,
)
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import PhotoNames, files_below, numbers
from facesmith.annotations.passed_over import OTHER_CATEGORIES, VOC_FLAGS
from facesmith.annotations.photo_paths import is_file
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.plain_xml import add, read_xml, text_of, xml_bytes
from facesmith.annotations.values import flag, stated_size
from facesmith.errors import AnnotationError

_UNSAID = (None, "0", "Unspecified")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class _Object:
    where: str
    name: str
    element: ET.Element


def read_voc(
    path: Path, images_dir: Path, log: ProblemLog, categories: Sequence[str] | None
) -> list[PhotoEntry]:
    """Photos of a folder of VOC files with its sub-folders (or of one file), by file name.

    The photo is the one that `filename` names, below `images_dir` or, for XML files in sub-folders,
    in the sub-folder of the same name there; without `filename`, the photo called like the XML
    file. A box marked `difficult`, or named `unsure`, is ignored.

    Raises:
        AnnotationError: If the category is not clear.
    """
    files = [path] if path.is_file() else list(files_below(path, (".xml",)))
    photo_names = PhotoNames(images_dir)
    entries: list[PhotoEntry] = []
    objects: list[tuple[PhotoEntry, _Object]] = []
    for file in files:
        label = file.relative_to(path.parent if path.is_file() else path)
        where = label.as_posix()
        try:
            root = read_xml(file, "annotation")
        except AnnotationError as error:
            log.add(where, f"{error} The photo is left out.", "photo")
            continue
        twice = next((tag for tag in ("filename", "size") if _differ(root, tag)), None)
        if twice is not None:
            log.add(
                where,
                f"expected one <{twice}>, got several that differ. The photo is left out.",
                "photo",
            )
            continue
        name = _photo_name(root, label, images_dir, photo_names)
        if name is None:
            log.add(
                where,
                "expected the photo's name as <filename>, or one photo called "
                f"{label.with_suffix('').as_posix()} with the suffix of an image in {images_dir}. "
                "The photo is left out.",
                "photo",
            )
            continue
        try:
            size_wh = stated_size(text_of(root, "size/width"), text_of(root, "size/height"))
        except ValueError as error:
            log.add(
                where,
                f"expected numbers as <width> and <height> of <size>, got {str(error)[:60]!r}: "
                "whether its boxes fit the photo cannot be told. The photo is left out.",
                "photo",
            )
            continue
        entry = PhotoEntry(where, name, size_wh=size_wh)
        entries.append(entry)
        for number, element in enumerate(root.iter("object"), start=1):
            category = text_of(element, "name") or ""
            objects.append((entry, _Object(f"{where} object {number}", category, element)))
        owned = {box for element in root.iter("object") for box in element.iter("bndbox")}
        for _ in (box for box in root.iter("bndbox") if box not in owned):
            log.lose_box(entry, where, "expected each <bndbox> in an <object>, got one elsewhere.")
    names = {found.name: found.name for _, found in objects}
    if len(names) > 1:
        names.pop("", None)  # what has no name is no category beside others
    kept = choose_categories(path, dict(sorted(names.items())), categories) if names else {}
    for entry, found in objects:
        if found.name not in names:
            log.lose_box(entry, found.where, "expected a <name>, got nothing: is it a face?")
        elif found.name in kept:
            _read_object(entry, found, log, unsure=kept[found.name])
        else:
            entry.passed_over.add(OTHER_CATEGORIES)
    return entries


def voc_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The XML file of each photo; edges in whole pixels, ignored regions `difficult`.

    Raises:
        AnnotationError: If a name cannot be written, or two photos would share a file.
    """
    del destination
    check_plain(photos)
    for photo, label in zip(photos, label_names(photos, ".xml"), strict=True):
        root = ET.Element("annotation")
        path = PurePosixPath(photo.name)
        add(root, "folder", path.parent.name)
        add(root, "filename", path.name)
        size = add(root, "size")
        for tag, value in (("width", photo.width), ("height", photo.height), ("depth", 3)):
            add(size, tag, value)
        for box, ignored in zip(photo.boxes.tolist(), photo.ignored.tolist(), strict=True):
            element = add(root, "object")
            add(element, "name", "face")
            add(element, "difficult", int(ignored))
            x_min, y_min, x_max, y_max = whole_pixels(box, photo.width, photo.height)
            bounds = add(element, "bndbox")
            corners = (x_min + 1, y_min + 1, x_max, y_max)
            for tag, value in zip(_CORNERS, corners, strict=True):
                add(bounds, tag, value)
        yield label, xml_bytes(root)


def _differ(root: ET.Element, tag: str) -> bool:
    """Whether several elements of a kind say different things."""
    said = {tuple("".join(each.itertext()).split()) for each in root.findall(tag)}
    return len(said) > 1


def _photo_name(
    root: ET.Element, label: Path, images_dir: Path, photo_names: PhotoNames
) -> str | None:
    unstripped = root.findtext("filename") or ""
    if unstripped.strip() != unstripped and is_file(images_dir / label.parent / unstripped):
        return (label.parent / unstripped).as_posix()
    name = unstripped.strip()
    if not name:
        called_alike = photo_names.photos_of(label)
        return called_alike[0] if len(called_alike) == 1 else None
    beside = label.parent / name
    return beside.as_posix() if is_file(images_dir / beside) else name


def _read_object(entry: PhotoEntry, found: _Object, log: ProblemLog, *, unsure: bool) -> None:
    boxes = found.element.findall("bndbox")
    if len(boxes) > 1:
        log.lose_box(entry, found.where, f"expected one <bndbox>, got {len(boxes)}.")
        return
    box = boxes[0] if boxes else None
    texts = [text_of(box, corner) if box is not None else None for corner in _CORNERS]
    try:
        x_min, y_min, x_max, y_max = (_float(text or "") for text in texts)
    except ValueError:
        shown = ", ".join("nothing" if text is None else repr(text) for text in texts)
        log.lose_box(
            entry,
            found.where,
            f"expected numbers as xmin, ymin, xmax and ymax of a <bndbox>, got {shown}.",
        )
        return
    difficult = text_of(found.element, "difficult")
    ignored = flag(difficult)
    if ignored is None:
        log.lose_box(
            entry, found.where, f"expected 0 or 1 as <difficult>, got {(difficult or '')[:60]!r}."
        )
        return
    if any(text_of(found.element, tag) not in _UNSAID for tag in ("pose", "truncated", "occluded")):
        entry.passed_over.add(VOC_FLAGS)
    corners = (x_min - 1, y_min - 1, x_max, y_max)
    entry.boxes.append(BoxEntry(found.where, corners, ignored or unsure))


def _float(text: str) -> float:
    values = numbers(text)
    if values is None or len(values) != 1:
        raise ValueError(text)
    return values[0]
