"""XML that declares no entities, read and written: Pascal VOC and CVAT."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from facesmith.annotations.files import read_text, reason_of
from facesmith.errors import AnnotationError


def read_xml(file: Path, root_tag: str) -> ET.Element:
    """The root of an XML file that declares no entities; names of tags in small letters.

    Nested entities can blow up a few hundred bytes to gigabytes. They are declared in a document
    type, which annotations do not need: it is refused. The bytes are decoded here, so that no other
    encoding can hide the declaration.

    Raises:
        AnnotationError: If the file is no such XML, or its root has another name. The message does
            not name the file.
    """
    try:
        text = read_text(file)
    except AnnotationError as error:
        raise AnnotationError(reason_of(error, file)) from error
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
    if root.tag != root_tag:
        raise AnnotationError(f"expected the root <{root_tag}>, got <{root.tag[:60]}>.")
    return root


def text_of(element: ET.Element, path: str) -> str | None:
    """The stripped text of the first element of a path; `None` if there is none, or it is empty."""
    found = element.find(path)
    return found.text.strip() if found is not None and found.text else None


def add(parent: ET.Element, tag: str, text: object = None) -> ET.Element:
    """A new last child of an element, with a text."""
    child = ET.SubElement(parent, tag)
    if text is not None:
        child.text = str(text)
    return child


def xml_bytes(root: ET.Element) -> bytes:
    """The file of a tree, UTF-8, indented."""
    ET.indent(root, " ")
    text: str = ET.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()
