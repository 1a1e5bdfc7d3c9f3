"""Pascal VOC: a folder of XML files, one for each photo.

`xmin, ymin, xmax, ymax` are the numbers of the outermost pixels of the box, counted from 1. They
become continuous edges: `xmin - 1, ymin - 1, xmax, ymax`.

Source:
    The PASCAL Visual Object Classes Challenge, development kit, "Annotation": the top left pixel is
    (1, 1). Many tools count from 0 under the same names; nothing in the file tells which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import PhotoNames, files_below, numbers, read_text
from facesmith.annotations.photo_paths import is_file
from facesmith.annotations.values import flag, stated_size
from facesmith.errors import AnnotationError

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
    file. A box marked `difficult` is ignored.

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
            root = _parse(file)
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
            size_wh = stated_size(_text(root, "size/width"), _text(root, "size/height"))
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
            category = _text(element, "name") or ""
            objects.append((entry, _Object(f"{where} object {number}", category, element)))
        owned = {box for element in root.iter("object") for box in element.iter("bndbox")}
        for _ in (box for box in root.iter("bndbox") if box not in owned):
            log.add(where, "expected each <bndbox> in an <object>, got one elsewhere.", "box")
            entry.complete = False
    names = {found.name: found.name for _, found in objects}
    if len(names) > 1:
        names.pop("", None)  # what has no name is no category beside others
    faces = choose_categories(path, dict(sorted(names.items())), categories) if names else set()
    for entry, found in objects:
        if found.name not in names:
            log.add(found.where, "expected a <name>, got nothing: is it a face?", "box")
            entry.complete = False
        elif found.name in faces:
            _read_object(entry, found, log)
    return entries


def _parse(file: Path) -> ET.Element:
    """The root of an XML file that declares no entities.

    Nested entities can blow up a few hundred bytes to gigabytes. They are declared in a document
    type, which VOC files do not need: it is refused. The bytes are decoded here, so that no other
    encoding can hide the declaration.
    """
    text = read_text(file)
    if not text.strip():
        raise AnnotationError("expected XML, got an empty file.")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise AnnotationError("expected XML without a document type; delete the <!DOCTYPE ...>.")
    try:
        root = ET.fromstring(text)  # noqa: S314  # without entities there is nothing to expand
    except ET.ParseError as error:
        raise AnnotationError(f"not valid XML: {error}.") from None
    for element in root.iter():  # names count without name space and case
        element.tag = element.tag.rpartition("}")[2].lower()
    if root.tag != "annotation":
        raise AnnotationError(f"expected the root <annotation>, got <{root.tag}>.")
    return root


def _differ(root: ET.Element, tag: str) -> bool:
    """Whether several elements of a kind say different things."""
    said = {tuple("".join(each.itertext()).split()) for each in root.findall(tag)}
    return len(said) > 1


def _photo_name(
    root: ET.Element, label: Path, images_dir: Path, photo_names: PhotoNames
) -> str | None:
    name = _text(root, "filename")
    if not name:
        called_alike = photo_names.photos_of(label)
        return called_alike[0] if len(called_alike) == 1 else None
    beside = label.parent / name
    return beside.as_posix() if is_file(images_dir / beside) else name


def _read_object(entry: PhotoEntry, found: _Object, log: ProblemLog) -> None:
    boxes = found.element.findall("bndbox")
    if len(boxes) > 1:
        log.add(found.where, f"expected one <bndbox>, got {len(boxes)}.", "box")
        entry.complete = False
        return
    box = boxes[0] if boxes else None
    texts = [_text(box, corner) if box is not None else None for corner in _CORNERS]
    try:
        x_min, y_min, x_max, y_max = (_float(text or "") for text in texts)
    except ValueError:
        shown = ", ".join("nothing" if text is None else repr(text) for text in texts)
        log.add(
            found.where,
            f"expected numbers as xmin, ymin, xmax and ymax of a <bndbox>, got {shown}.",
            "box",
        )
        entry.complete = False
        return
    difficult = _text(found.element, "difficult")
    ignored = flag(difficult)
    if ignored is None:
        log.add(
            found.where, f"expected 0 or 1 as <difficult>, got {(difficult or '')[:60]!r}.", "box"
        )
        entry.complete = False
        return
    entry.boxes.append(BoxEntry(found.where, (x_min - 1, y_min - 1, x_max, y_max), ignored))


def _float(text: str) -> float:
    values = numbers(text)
    if values is None or len(values) != 1:
        raise ValueError(text)
    return values[0]


def _text(element: ET.Element, path: str) -> str | None:
    found = element.find(path)
    return found.text.strip() if found is not None and found.text else None
