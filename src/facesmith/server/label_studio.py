"""Label Studio's protocol for machine learning backends: faces as proposals where people label.

Source:
    Label Studio 1.0 to 1.22, `label_studio/ml/api_connector.py`: what it sends to `/health`,
    `/setup` and `/predict`, and what it reads of the answers.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import Response

from facesmith.annotations.categories import FACE_NAMES, UNSURE
from facesmith.detection import DetectionConfig, PhotoFaces
from facesmith.server.answers import json_answer
from facesmith.server.config import ServeConfig
from facesmith.server.label_studio_photos import PhotoFetcher
from facesmith.server.metrics import Metrics
from facesmith.server.problems import Problem, too_large, unreadable, wrong_request
from facesmith.server.uploads import Upload, read_json
from facesmith.server.work import Place, Work

_LONGEST_INTERFACE = 1_000_000  # characters


@dataclass(frozen=True)
class _Labels:
    """Which part of a labelling interface takes the boxes.

    Attributes:
        control: Name of the `RectangleLabels`.
        image: Name of the `Image`.
        label: The label of faces.
        key: Where tasks have the photo's address.
    """

    control: str
    image: str
    label: str
    key: str


class LabelStudioRoutes:
    """The answers to Label Studio."""

    def __init__(
        self, work: Work, config: ServeConfig, metrics: Metrics, sums: dict[str, str]
    ) -> None:
        self._work, self._config, self._metrics = work, config, metrics
        self._photos = PhotoFetcher(
            config.label_studio, config.label_studio_token, config.max_upload
        )
        digest = hashlib.sha256("".join(sums.values()).encode()).hexdigest()
        self._version = f"facesmith-{digest[:12]}"

    async def setup(self, request: Request) -> Response:
        """Whether the labelling interface can take boxes, and the version of the weights."""
        with self._work.place() as place:
            body = await read_json(request, place, self._config)
        _labels_of(body.get("schema"))
        return json_answer({"model_version": self._version})

    async def predict(self, request: Request) -> Response:
        """A result a task, in their order."""
        with self._work.place() as place:
            body = await read_json(request, place, self._config)
            labels = _labels_of(body.get("label_config"))
            tasks = body.get("tasks")
            if not isinstance(tasks, list) or not all(isinstance(each, dict) for each in tasks):
                raise wrong_request("`tasks`: expected a list of tasks, as Label Studio sends it.")
            if len(tasks) > self._config.max_files:
                raise too_large(f"{len(tasks)} tasks came; at most {self._config.max_files} fit.")
            results = []
            for task in tasks:
                try:
                    results.append(await self._result(request, place, task, labels))
                except Problem as problem:
                    if len(tasks) == 1 or problem.status == 503:
                        raise
                    results.append({**self._of_boxes([]), "error": problem.detail})
        return json_answer({"results": results, "model_version": self._version})

    async def _result(
        self, request: Request, place: Place, task: dict[str, Any], labels: _Labels
    ) -> dict[str, Any]:
        data = task.get("data")
        address = data.get(labels.key) if isinstance(data, dict) else None
        if not isinstance(address, str):
            raise wrong_request(
                f"A task has no {labels.key!r} in its data, which the labelling interface shows."
            )
        upload = await asyncio.to_thread(self._photos.fetch, address)
        place.hold(len(upload.content))
        found = await self._work.run(request, partial(self._look, upload))
        place.release(len(upload.content))
        self._metrics.looked_at(None if found.error is not None else len(found.faces))
        if found.error is not None:
            raise unreadable(found.error)
        return self._of_boxes(_boxes(found, labels, str(task.get("id", ""))))

    def _look(self, upload: Upload) -> PhotoFaces:
        config = DetectionConfig(self._config.proposal_score, max_memory=self._config.max_memory)
        return self._work.look(upload.name, upload.content, config)

    def _of_boxes(self, boxes: list[dict[str, Any]]) -> dict[str, Any]:
        """A prediction; its score, by which Label Studio sorts tasks, is that of the worst box."""
        scored = {"score": min(box["score"] for box in boxes)} if boxes else {}
        return {"model_version": self._version, "result": boxes, **scored}


def _boxes(found: PhotoFaces, labels: _Labels, task: str) -> list[dict[str, Any]]:
    """The faces as regions, in percent of the photo's sides."""
    across, down = 100 / found.width, 100 / found.height
    regions = []
    for number, (box, score) in enumerate(
        zip(found.faces.boxes.tolist(), found.faces.scores.tolist(), strict=True), start=1
    ):
        x_min, y_min, x_max, y_max = box
        regions.append(
            {
                "id": f"facesmith-{task}-{number}",
                "type": "rectanglelabels",
                "from_name": labels.control,
                "to_name": labels.image,
                "original_width": found.width,
                "original_height": found.height,
                "image_rotation": 0,
                "value": {
                    "x": x_min * across,
                    "y": y_min * down,
                    "width": (x_max - x_min) * across,
                    "height": (y_max - y_min) * down,
                    "rotation": 0,
                    "rectanglelabels": [labels.label],
                },
                "score": round(score, 4),
            }
        )
    return regions


def _labels_of(interface: Any) -> _Labels:
    """Where boxes go in a labelling interface.

    Raises:
        Problem: If it is none, or has no rectangles on a photo with a label for faces.
    """
    root = _parsed(interface)
    images = {
        each.get("name", ""): each.get("value", "") for each in root.iter() if _is(each, "image")
    }
    seen: list[str] = []
    for control in _controls(root):
        image = control.get("toName", "")
        if not images.get(image, "").startswith("$"):
            continue
        names = [each.get("value", "") for each in control.iter() if _is(each, "label")]
        seen += names
        label = _face_label(names)
        if label is not None:
            return _Labels(control.get("name", ""), image, label, images[image][1:])
    listed = ", ".join(repr(name[:50]) for name in seen[:20]) or "none"
    raise wrong_request(
        "The labelling interface needs <Image> with a value such as $image, and <RectangleLabels> "
        f"for it with one label, or one called face. Labels found: {listed}."
    )


def _parsed(interface: Any) -> ET.Element:
    if not isinstance(interface, str):
        raise wrong_request("The labelling interface is missing: expected its XML as text.")
    if len(interface) > _LONGEST_INTERFACE:
        raise too_large(f"The labelling interface has more than {_LONGEST_INTERFACE:,} characters.")
    if "<!DOCTYPE" in interface or "<!ENTITY" in interface:
        raise wrong_request("The labelling interface has a document type; leave it out.")
    try:
        return ET.fromstring(interface)  # noqa: S314  # without entities there is nothing to expand
    except (ET.ParseError, ValueError) as error:
        raise wrong_request(f"The labelling interface is no XML: {error}.") from error


def _controls(root: ET.Element) -> Iterator[ET.Element]:
    """The outermost `RectangleLabels`, so that each label is looked at once."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if _is(element, "rectanglelabels"):
            yield element
        else:
            waiting += reversed(element)


def _is(element: ET.Element, tag: str) -> bool:
    return isinstance(element.tag, str) and element.tag.lower() == tag


def _face_label(names: list[str]) -> str | None:
    """The label of faces: the only one beside `unsure`, or the one called so."""
    known = [name for name in names if name.strip().lower() != UNSURE]
    if len(known) == 1:
        return known[0]
    return next((name for name in known if name.strip().lower() in FACE_NAMES), None)
