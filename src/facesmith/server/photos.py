"""What is done with the photos of a request: faces found, cut out, covered."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from facesmith.anonymisation.photo_file import Keeping, covered_file
from facesmith.anonymisation.photos import photo_score
from facesmith.detection import DetectionConfig, PhotoFaces
from facesmith.detection.as_json import photo_as_dict
from facesmith.errors import ImageError
from facesmith.files.stems import unique_stems
from facesmith.images.files import save_image
from facesmith.images.pillow_settings import steady_pillow
from facesmith.images.reading import open_header
from facesmith.images.unreadable import image_errors
from facesmith.pictures.alignment import align_faces
from facesmith.pictures.drawing import crop_faces
from facesmith.server.answers import json_answer
from facesmith.server.config import MB, ServeConfig
from facesmith.server.metrics import Metrics
from facesmith.server.options import (
    AlignOptions,
    CoverOptions,
    CropOptions,
    DetectOptions,
    LandmarkOptions,
    boxes_of,
)
from facesmith.server.problems import Problem, unreadable, wrong_request
from facesmith.server.uploads import Upload, Uploads, last_part, read_uploads
from facesmith.server.work import Place, Work

COVERED_HEADER = "X-Facesmith-Covered"
ZIP_TYPE = "application/zip"
_BYTES_COVERED = 4  # a pixel, while it is covered
_MOST_CUT = 256 * MB  # of cut faces in one answer
Pictures = list[tuple[str, bytes]]
CutFaces = Callable[[PhotoFaces, str], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True, eq=False)
class _Cut:
    """One photo whose faces are cut out."""

    found: PhotoFaces
    pictures: Pictures


class PhotoRoutes:
    """The answers to requests that bring photos."""

    def __init__(self, work: Work, config: ServeConfig, metrics: Metrics) -> None:
        self._work, self._config, self._metrics = work, config, metrics

    async def detect(self, request: Request, options: LandmarkOptions) -> Response:
        """The faces as JSON: an object for a photo, a list for a form."""
        config = self._detection(options, landmarks=options.landmarks)
        with self._work.place() as place:
            uploads = await self._read(request, place, options)
            found = [
                await self._work.run(request, self._looking(upload, config))
                for upload in uploads.photos
            ]
        self._count(found)
        if uploads.several:
            return json_answer([photo_as_dict(each) for each in found])
        _raise_error(found[0])
        return json_answer(photo_as_dict(found[0]))

    async def crops(self, request: Request, options: CropOptions) -> Response:
        """The faces as they are in the photos, as a zip of JPEGs."""

        def cut(found: PhotoFaces, stem: str) -> Iterator[tuple[str, bytes]]:
            image = found.image()
            for number in range(len(found.faces)):
                (crop,) = crop_faces(image, found.faces[[number]], margin=options.crop_margin)
                yield f"{stem}_face_{number + 1}.jpg", _encoded(crop, "JPEG")

        return await self._zip(request, options, cut, landmarks=False)

    async def aligned(self, request: Request, options: AlignOptions) -> Response:
        """The faces upright, as a zip of PNGs."""

        def cut(found: PhotoFaces, stem: str) -> Iterator[tuple[str, bytes]]:
            image = found.image()
            for number in range(len(found.faces)):
                try:
                    (face,) = align_faces(image, found.faces[[number]], options.size)
                except ValueError as error:  # landmarks that a foreign network puts at one place
                    raise ImageError(f"{found.source.name}: no face to align. {error}") from error
                yield f"{stem}_aligned_{number + 1}.png", _encoded(face, "PNG")

        return await self._zip(request, options, cut, landmarks=True)

    async def anonymise(self, request: Request, options: CoverOptions) -> Response:
        """The photo with its faces covered, in its own format."""
        cover = options.cover()
        config = self._detection(options, landmarks=False)
        if config.min_score is None:
            config = replace(config, min_score=photo_score(self._work.detector, None))
        with self._work.place() as place:
            uploads = await self._read(request, place, options, ("boxes",))
            upload = _only_one(uploads)
            text = uploads.fields.get("boxes", options.boxes)
            if options.boxes is not None and "boxes" in uploads.fields:
                raise wrong_request("`boxes` is a field and an option. Give it once.")
            chosen = None if text is None else boxes_of(text)

            def work() -> tuple[bytes, int] | str:
                """The file and how many boxes are covered, or why there is none."""
                if chosen is None:
                    found = self._looking(upload, config)()
                    if found.error is not None:
                        return found.error
                    boxes = found.faces.boxes
                else:
                    boxes = np.asarray(chosen, np.float32).reshape(-1, 4)
                keeping = Keeping(options.keep_metadata, self._config.max_memory)
                try:
                    _check_covers(upload, boxes, cover.margin, self._config.max_memory)
                    data = covered_file(upload.name, upload.content, boxes, cover, keeping)
                except ImageError as error:  # raised further it would keep the photo's bytes
                    return str(error)
                return data, len(boxes)

            done = await self._work.run(request, work)
        if isinstance(done, str):
            self._metrics.looked_at(None)
            raise unreadable(done)
        data, n_covered = done
        self._metrics.looked_at(n_covered)
        return Response(data, headers={COVERED_HEADER: str(n_covered)}, media_type=_type_of(data))

    def _detection(self, options: DetectOptions, *, landmarks: bool) -> DetectionConfig:
        return options.config(self._work.detector, self._config.max_memory, landmarks=landmarks)

    async def _read(
        self,
        request: Request,
        place: Place,
        options: DetectOptions,
        fields: tuple[str, ...] = (),
    ) -> Uploads:
        keys = [key for key, _ in request.query_params.multi_items()]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise wrong_request(f"`{twice[0][:50]}` comes twice. Give each option once.")
        uploads = await read_uploads(request, place, self._config, name=options.name, fields=fields)
        self._metrics.received(place.held)
        return uploads

    def _looking(self, upload: Upload, config: DetectionConfig) -> Callable[[], PhotoFaces]:
        return lambda: self._work.look(upload.name, upload.content, config)

    async def _zip(
        self,
        request: Request,
        options: DetectOptions,
        cut: CutFaces,
        *,
        landmarks: bool,
    ) -> Response:
        """The zip of what is cut from each photo, and its lines as `faces.jsonl`."""
        config = self._detection(options, landmarks=landmarks)
        with self._work.place() as place:
            uploads = await self._read(request, place, options)
            stems = unique_stems([_file_name(each.name) for each in uploads.photos])
            cuts: list[_Cut] = []
            for upload, stem in zip(uploads.photos, stems, strict=True):
                left = _MOST_CUT - sum(len(data) for each in cuts for _, data in each.pictures)
                finish = replace(config, finish=partial(_cut_all, cut, stem, left))
                found = await self._work.run(request, self._looking(upload, finish))
                pictures = found.finished if isinstance(found.finished, list) else []
                cuts.append(_Cut(replace(found, finished=None), pictures))
        self._count([each.found for each in cuts])
        if not uploads.several:
            _raise_error(cuts[0].found)
        return Response(
            await asyncio.to_thread(_zipped, cuts, named=landmarks),
            media_type=ZIP_TYPE,
            headers={"Content-Disposition": 'attachment; filename="faces.zip"'},
        )

    def _count(self, found: list[PhotoFaces]) -> None:
        for each in found:
            self._metrics.looked_at(None if each.error is not None else len(each.faces))


def _raise_error(found: PhotoFaces) -> None:
    if found.error is not None:
        raise unreadable(found.error)


def _only_one(uploads: Uploads) -> Upload:
    if len(uploads.photos) != 1:
        raise wrong_request(
            f"{len(uploads.photos)} photos came; expected one. Send a request for each."
        )
    return uploads.photos[0]


def _cut_all(cut: CutFaces, stem: str, limit: int, found: PhotoFaces) -> Pictures:
    pictures: Pictures = []
    for name, data in cut(found, stem):
        limit -= len(data)
        if limit < 0:
            raise Problem(
                413,
                "Too large",
                f"The cut faces take more than {_MOST_CUT / MB:.0f} MB. Send fewer photos, or ask "
                "for a higher min_score or less room around faces.",
            )
        pictures.append((name, data))
    return pictures


def _check_covers(
    upload: Upload, boxes: npt.NDArray[np.floating], margin: float, max_memory: int
) -> None:
    """Refuse boxes that lie outside, or that together take too much memory, as many over others."""
    with image_errors(upload.name, upload.content), steady_pillow():
        opened, orientation, _ = open_header(upload.name, upload.content)
    size = np.array(opened.size[:: -1 if orientation >= 5 else 1], np.float64)
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    grown = margin * (high - low).max(axis=1, keepdims=True)
    sides = np.minimum(high + grown, size) - np.maximum(low - grown, 0)
    outside = (np.minimum(high, size) <= np.maximum(low, 0)).any(axis=1)
    if outside.any():
        x, y = low[outside][0].tolist()
        raise wrong_request(
            f"A box that begins at {x:g}, {y:g} lies outside the photo of {size[0]:g} x {size[1]:g}"
            " pixels. Give boxes as [x, y, width, height] in pixels of the upright photo."
        )
    n_pixels = float(np.maximum(sides, 0).prod(axis=1).sum())
    if n_pixels * _BYTES_COVERED > max_memory:
        raise wrong_request(
            f"The boxes cover {n_pixels / 1e6:,.0f} million pixels all together, and "
            f"{max_memory / _BYTES_COVERED / 1e6:,.0f} million fit. Leave out boxes that lie over "
            "each other, or take less margin."
        )


def _encoded(image: Any, image_format: str) -> bytes:
    file = io.BytesIO()
    save_image(file, image, image_format)
    return file.getvalue()


def _file_name(name: str) -> str:
    """A name that every system takes."""
    return "".join("_" if each in '<>:"|?*' else each for each in last_part(name)).lstrip(".")


def _zipped(cuts: list[_Cut], *, named: bool) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # what is inside is compressed already
        for each in cuts:
            for name, data in each.pictures:
                archive.writestr(name, data)
        lines = (
            photo_as_dict(each.found, [name for name, _ in each.pictures] if named else ())
            for each in cuts
        )
        archive.writestr("faces.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return file.getvalue()


def _type_of(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as opened:
        return Image.MIME.get(opened.format or "", "application/octet-stream")
