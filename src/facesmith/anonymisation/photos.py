"""One photo after the other: covered, written, looked at again, in any of several processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.choosing import Choice, same_faces
from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.photo_file import Keeping, covered_file
from facesmith.anonymisation.records import BOXES_NAME, BoxFile, read_lines
from facesmith.anonymisation.verifying import VerifyConfig, left_in_photo
from facesmith.detection import PhotoDetector, PhotoFaces, PhotoSource, open_detector
from facesmith.detection.as_json import face_as_dict
from facesmith.errors import ImageError
from facesmith.faces import Faces
from facesmith.files import OutputFolder, make_folder, write_bytes
from facesmith.images import read_photo
from facesmith.images.reading import read_content

TASK = "anonymisation"  # of the folder's mark


@dataclass(frozen=True)
class PhotoRecord:
    """What became of one photo; all of it fits on a line of JSON.

    Attributes:
        name: Of the photo, as it was given.
        out: Of the covered file, relative to the output folder.
        width: Of the upright photo, pixels.
        height: Of the upright photo, pixels.
        covered: The faces that were covered.
        spared: Faces that were found and not covered, for `Choice` said so.
        left: What else may still be a face in the result, best score first; empty if nobody looked.
        looked_again: Whether somebody looked.
        input_bytes: Size of the photo's file.
        input_mtime_ns: When the photo's file was changed.
        input_sha256: Of the photo's file, hexadecimal.
        output_bytes: Size of the covered file.
        output_sha256: Of the covered file, hexadecimal.
    """

    name: str
    out: str
    width: int
    height: int
    covered: Faces
    spared: Faces
    left: Faces
    looked_again: bool
    input_bytes: int
    input_mtime_ns: int
    input_sha256: str
    output_bytes: int
    output_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """The record for JSON; `file` and `faces` are those of `facesmith detect --json`."""
        on_purpose = self.spared if self.looked_again else ()
        return {
            "file": self.name,
            "width": self.width,
            "height": self.height,
            "faces": [face_as_dict(face) for face in self.covered],
            "spared": len(self.spared),
            "left": [
                *({**face_as_dict(face), "on_purpose": True} for face in on_purpose),
                *(face_as_dict(face) for face in self.left),
            ],
            "out": self.out,
            "input": {
                "bytes": self.input_bytes,
                "mtime_ns": self.input_mtime_ns,
                "sha256": self.input_sha256,
            },
            "output": {"bytes": self.output_bytes, "sha256": self.output_sha256},
        }


@dataclass
class CoverPhotos:
    """Covers one photo after the other; can be sent to other processes.

    Attributes:
        folder: Where covered photos go.
        names: Name of each photo -> that of its covered file, relative to `folder`.
        cover: How faces are covered.
        choice: Which are.
        keeping: What else stays.
        verify: How results are looked at again; `None`: they are not.
        thorough: Whether that look goes over all of a result at all scales; else see
            `still_visible`.
        min_score: What has a lower score is not covered; it only tells the second look where to
            look closely.
        model: Of the detector that looks again, as `open_detector` takes it.
        boxes: What to cover instead of what is found.
    """

    folder: Path
    names: Mapping[str, str]
    cover: CoverConfig
    choice: Choice = field(default_factory=Choice)
    keeping: Keeping = field(default_factory=Keeping)
    verify: VerifyConfig | None = None
    thorough: bool = True
    min_score: float = 0.0
    model: Path | None = None
    boxes: BoxFile | None = None

    def __post_init__(self) -> None:
        self._opened_by = 0
        self._detector: PhotoDetector | None = None
        self._inputs = {place for name in self.names if (place := place_of(name)) is not None}

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which opens folder and detector itself."""
        return {**self.__dict__, "_opened_by": 0, "_detector": None}

    def __call__(self, found: PhotoFaces) -> PhotoRecord:
        """Cover the faces that were found in a photo; returns what was done.

        Raises:
            ImageError: If the photo cannot be read or its kind not be written.
            WriteError: If the covered file cannot be written.
        """
        return self._one(found.source, (found.width, found.height), found.faces, traced=True)

    def from_boxes(self, source: PhotoSource) -> PhotoRecord:
        """Cover what `boxes` lists; raises as a call does, and where it has no line for a photo."""
        assert self.boxes is not None
        faces = self.boxes.faces(source.name)
        if faces is None:
            read_photo(source.open(), max_memory=self.keeping.max_memory)  # says what is no photo
            raise ImageError(
                f"{source.name} has no line in {self.boxes.path}. Add one, with "
                '"faces": [] if there is nothing to cover.'
            )
        photo = read_photo(source.open(), max_memory=self.keeping.max_memory)
        self.boxes.check_size(source.name, (photo.width, photo.height))
        return self._one(source, (photo.width, photo.height), faces)

    def _one(
        self, source: PhotoSource, size_wh: tuple[int, int], seen: Faces, *, traced: bool = False
    ) -> PhotoRecord:
        self._open_folder()
        self.choice.check_size(source.name, size_wh)
        _, data = read_content(source.open())
        faces = seen[seen.scores >= self.min_score] if traced else seen
        chosen = self.choice.of(faces, source.name)
        covered, spared = faces[chosen], faces[~chosen]
        written = covered_file(source.name, data, covered.boxes, self.cover, self.keeping)
        out = self.names[source.name]
        self._write(out, written)
        left = Faces.empty()
        if self.verify is not None:
            first = seen if traced and not self.thorough else None
            left = self._look_again(written, covered.boxes, self.verify, first)
            left = left[~same_faces(left.boxes, spared.boxes)]
        about = _stat(source)
        return PhotoRecord(
            name=source.name,
            out=out,
            width=size_wh[0],
            height=size_wh[1],
            covered=covered,
            spared=spared,
            left=left,
            looked_again=self.verify is not None,
            input_bytes=len(data),
            input_mtime_ns=about,
            input_sha256=hashlib.sha256(data).hexdigest(),
            output_bytes=len(written),
            output_sha256=hashlib.sha256(written).hexdigest(),
        )

    def _open_folder(self) -> None:
        """List what this process writes in the folder's mark."""
        if self._opened_by != os.getpid():
            OutputFolder(self.folder, TASK).add()
            self._opened_by = os.getpid()

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        if place_of(path) in self._inputs:
            raise ImageError(
                f"Cannot write {path}: it is one of the photos to cover. Choose another --out."
            )
        make_folder(path.parent)
        write_bytes(path, content)

    def _look_again(
        self,
        written: bytes,
        boxes: npt.NDArray[np.float32],
        config: VerifyConfig,
        first: Faces | None,
    ) -> Faces:
        if self._detector is None:
            self._detector = open_detector(self.model)
        memory = self.keeping.max_memory
        return left_in_photo(self._detector, written, boxes, self.cover, config, memory, first)


def photo_score(detector: PhotoDetector, min_score: float | None) -> float:
    """The score from which faces in photos are covered.

    `min_score` if it is given, else the detector's `find_all_score`; where the weights store none,
    a third of its threshold.
    """
    if min_score is not None:
        return min_score
    if detector.find_all_score is not None:
        return detector.find_all_score
    return detector.min_score / 3


def earlier_lines(folder: Path, names: Mapping[str, str], settings: str) -> list[dict[str, Any]]:
    """The lines of an earlier run for files that need not be done again, those of frames too.

    Args:
        folder: The output folder.
        names: Name of each file -> that of its output.
        settings: What lines written with the settings of now have as `settings`.
    """
    lines = read_lines(folder / BOXES_NAME)
    done = {
        line["file"]
        for line in lines
        if line.get("settings") == settings
        and isinstance(line.get("file"), str)
        and line.get("out") == names.get(line["file"])
        and _is_done(line, line["file"], folder)
    }
    return [
        line
        for line in lines
        if line.get("file") in done and line.get("settings", settings) == settings
    ]


def _is_done(line: Mapping[str, Any], name: str, folder: Path) -> bool:
    """Whether a line of an earlier run still tells what became of a photo.

    The photo has the size and the time of then, and the covered file is there with its size.
    """
    given, written = line.get("input"), line.get("output")
    out = line.get("out")
    if not (isinstance(given, dict) and isinstance(written, dict) and isinstance(out, str)):
        return False
    try:
        now, there = Path(name).stat(), (folder / out).stat()
    except (OSError, ValueError):
        return False
    return (
        now.st_size == given.get("bytes")
        and now.st_mtime_ns == given.get("mtime_ns")
        and there.st_size == written.get("bytes")
    )


def place_of(path: str | Path) -> tuple[int, int] | None:
    """What tells a file from all others, by whatever name or link; `None` if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - names that cannot be are none
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _stat(source: PhotoSource) -> int:
    return source.content.stat().st_mtime_ns if isinstance(source.content, Path) else 0
