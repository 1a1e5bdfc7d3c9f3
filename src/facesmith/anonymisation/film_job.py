"""One film or camera: covered, written, looked at again, and told as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from facesmith.anonymisation.film_left import SecondLook, look_again
from facesmith.anonymisation.film_live import cover_camera
from facesmith.anonymisation.film_notes import FilmNotes
from facesmith.anonymisation.films import FilmConfig, cover_film
from facesmith.anonymisation.photos import place_of
from facesmith.anonymisation.verifying import VerifyConfig
from facesmith.detection import PhotoDetector
from facesmith.errors import VideoError
from facesmith.files import checksum, make_folder
from facesmith.video import VideoFrame
from facesmith.video.results import frame_as_dict


class FilmJob:
    """Covers one film.

    Args:
        detector: What finds faces, and looks again.
        config: How the film is covered.
        folder: The output folder.
        verify: How the result is looked at again; `None`: it is not.
        on_time: See `cover_film`.

    Attributes:
        problems: Damage that was passed over, and what the film lacks, as sentences.
        pictures: Of what is left, by the film's name and the first frame.
    """

    def __init__(
        self,
        detector: PhotoDetector,
        config: FilmConfig,
        folder: Path,
        verify: VerifyConfig | None = None,
        on_time: Callable[[float, float | None], None] | None = None,
    ) -> None:
        self._detector, self._config, self._folder = detector, config, folder
        self._verify, self._on_time = verify, on_time
        self._notes = FilmNotes()
        self._name = self._out = ""
        self.problems: list[str] = []
        self.pictures: dict[tuple[str, int], Image.Image] = {}

    def cover(self, name: str, out: str) -> Iterator[dict[str, Any]]:
        """Write the covered film; yields a line a frame, and is done when there are no more.

        Args:
            name: The film.
            out: Of the covered film, relative to the folder.

        Raises:
            VideoError: If it cannot be read or written.
            WriteError: If the file cannot be written.
        """
        self._name, self._out = name, out
        path = self._folder / out
        if place_of(path) is not None and place_of(path) == place_of(name):
            raise VideoError(f"Cannot write {path}: it is the film itself. Choose another --out.")
        make_folder(path.parent)
        covered = cover_film(
            name,
            path,
            self._detector,
            self._config,
            on_time=self._on_time,
            problems=self.problems,
        )
        for frame in covered:
            self._notes.add(frame)
            yield frame_as_dict(name, frame.found)

    def result(
        self, on_time: Callable[[float, float | None], None] | None = None
    ) -> dict[str, Any]:
        """The line of the film; looks at the result again if that was asked for.

        Args:
            on_time: Called with the time that was looked at again and the film's length, seconds.
        """
        path, notes = self._folder / self._out, self._notes
        again = SecondLook()
        if self._verify is not None:
            detector, cover = self._detector, self._config.cover
            again = look_again(
                path, notes.boxes, detector, cover, self._verify, on_time, spared=notes.spared
            )
        self.pictures = {
            (self._name, each.frame): each.picture
            for each in again.left
            if each.picture is not None
        }
        return {
            "file": self._name,
            "width": notes.size_wh[0],
            "height": notes.size_wh[1],
            "film": {
                "frames": len(notes.boxes),
                "seconds": round(notes.seconds, 3),
                "tracks": notes.n_tracks,
                "boxes": notes.n_boxes,
                "doubtful": notes.doubtful(self._detector.min_score),
                "looked_again": again.n_looks,
            },
            "spared": notes.n_spared,
            "left": [each.as_dict() for each in again.left],
            "out": self._out,
            "input": self._input(),
            "output": {"bytes": path.stat().st_size, "sha256": checksum(path)},
        }

    def _input(self) -> dict[str, Any]:
        given = Path(self._name).stat()
        return {
            "bytes": given.st_size,
            "mtime_ns": given.st_mtime_ns,
            "sha256": checksum(self._name),
        }


class CameraJob(FilmJob):
    """Covers what a camera shows, as `FilmJob` does a film.

    Args:
        frames: Of `Camera.frames`.
        detector: What finds faces, and looks again.
        config: How frames are covered.
        folder: The output folder.
        verify: How the result is looked at again; `None`: it is not.
    """

    def __init__(
        self,
        frames: Iterable[VideoFrame],
        detector: PhotoDetector,
        config: FilmConfig,
        folder: Path,
        verify: VerifyConfig | None = None,
    ) -> None:
        super().__init__(detector, config, folder, verify)
        self._frames = frames

    def cover(self, name: str, out: str) -> Iterator[dict[str, Any]]:
        """Write the covered film; see `FilmJob.cover`.

        Args:
            name: What lines and messages call the camera.
            out: Of the film, relative to the folder.
        """
        self._name, self._out = name, out
        path = self._folder / out
        covered = cover_camera(
            self._frames, name, path, self._detector, self._config, problems=self.problems
        )
        for frame in covered:
            self._notes.add(frame)
            yield frame_as_dict(name, frame.found)

    def _input(self) -> dict[str, Any]:
        """A camera has no file."""
        return {"bytes": None, "mtime_ns": None, "sha256": None}
