"""`facesmith anonymise` for photos: several processes, going on after a stop, lines and counts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from facesmith.cli.numbers import counted
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.errors import ImageError, WriteError
from facesmith.files import OutputFolder, replacing
from facesmith.files.marks import claim

if TYPE_CHECKING:
    from facesmith.anonymisation import CoverConfig
    from facesmith.anonymisation.choosing import Choice
    from facesmith.anonymisation.photos import CoverPhotos, PhotoRecord
    from facesmith.anonymisation.records import BoxFile
    from facesmith.detection import PhotoSource

LEFT_SCORE = 0.3  # of what --verify lists


@dataclass(frozen=True)
class PhotosTask:
    """What the command was asked to do.

    Attributes:
        inputs: Files, folders and patterns.
        out: The folder to write to.
        cover: How faces are covered.
        choice: Which are.
        boxes: What to cover, instead of what is found.
        min_score: Of what is covered; `None`: the detector's `find_all_score`.
        rotations: See `Detector`.
        keep_metadata: Whether time, camera and author stay.
        verify: Whether to look at the results again.
        verify_score: Of what that lists; `None`: 0.3.
        workers: Processes; `None`: as many as pay.
        max_memory: Bytes that decoding one photo may take.
        model: Path of the weights; `None`: those that come along.
        as_json: Whether to print JSON.
        resume: Whether to go on with an earlier run.
        force: Whether to replace an earlier run.
        quiet: Whether to say errors only.
    """

    inputs: Sequence[str]
    out: Path
    cover: CoverConfig
    choice: Choice
    boxes: BoxFile | None
    min_score: float | None
    rotations: Sequence[int]
    keep_metadata: bool
    verify: bool
    verify_score: float | None
    workers: int | None
    max_memory: int
    model: Path | None
    as_json: bool
    resume: bool
    force: bool
    quiet: bool


def cover_photos(task: PhotosTask) -> int:
    """Cover the faces in all photos; returns the exit code."""
    from facesmith.anonymisation.naming import output_names, root_of  # noqa: PLC0415 - see `cli`
    from facesmith.anonymisation.photos import TASK  # noqa: PLC0415
    from facesmith.detection import PhotoSource  # noqa: PLC0415

    paths, roots, errors = [], [], []
    for given in dict.fromkeys(task.inputs):
        try:
            found = _images(given, task.out)
        except ImageError as error:
            errors.append((given, str(error)))
            continue
        paths += found
        roots += [root_of(given, alone=len(task.inputs) == 1)] * len(found)
    names = output_names(paths, roots)
    folder = OutputFolder(task.out, TASK)
    if task.resume:
        folder.add()
    else:
        folder.start(force=task.force, resume="--resume to go on with it, ")
    for name, error in errors:
        _report(name, error, task.as_json)
    sources = [PhotoSource(path.as_posix(), path) for path in dict.fromkeys(paths)]
    run = _Run(task, names)
    return max(run.do(sources), int(bool(errors)))


def _images(given: str, out: Path) -> list[Path]:
    """The photos that an input stands for, but for those that were written to `out`."""
    from facesmith.images import find_images  # noqa: PLC0415 - see `cli`

    found = find_images([given], lambda line: echo(line, err=True))
    place = Path(os.path.realpath(out))
    kept = [path for path in found if not Path(os.path.realpath(path)).is_relative_to(place)]
    if not kept and found:
        raise ImageError(f"{given} holds nothing but what was written there. Name the originals.")
    return kept


class _Run:
    """All photos of one call."""

    def __init__(self, task: PhotosTask, names: dict[str, str]) -> None:
        from facesmith.detection import open_detector  # noqa: PLC0415 - see `cli`

        self._task, self._names = task, names
        detector = open_detector(task.model)
        usual = detector.find_all_score
        self._score = (
            task.min_score
            if task.min_score is not None
            else detector.min_score
            if usual is None
            else usual
        )
        self._detector = detector
        self._n_faces = self._n_photos = self._n_failed = self._n_left = self._n_skipped = 0
        self.settings = self._settings()
        told = json.dumps(self.settings, sort_keys=True).encode()
        self._settings_name = hashlib.sha256(told).hexdigest()[:16]

    def do(self, sources: Sequence[PhotoSource]) -> int:
        """Cover all that is not done yet; returns the exit code."""
        from facesmith.anonymisation.records import BOXES_NAME  # noqa: PLC0415 - see `cli`

        task = self._task
        with ExitStack() as stack:
            lines, done = self._earlier()
            journal = stack.enter_context(_Journal(task.out / BOXES_NAME, lines))
            todo = [source for source in sources if source.name not in done]
            self._n_skipped = len(sources) - len(todo)
            self._n_left += sum(bool(line.get("left")) for line in done.values())
            for source, record, error in self._each(todo, stack):
                if record is None:
                    self._n_failed += 1
                    _report(source.name, error, task.as_json)
                    continue
                line = {**record.as_dict(), "settings": self._settings_name}
                journal.add(line)
                self._n_photos += 1
                self._n_faces += len(record.covered)
                self._n_left += bool(len(record.left))
                if task.as_json:
                    echo(json.dumps(line))
                elif not task.quiet:
                    echo(_as_line(record))
        if not task.quiet:
            self._summarise()
        return int(bool(self._n_failed or self._n_left))

    def _each(
        self, sources: Sequence[PhotoSource], stack: ExitStack
    ) -> Iterator[tuple[PhotoSource, PhotoRecord | None, str]]:
        from facesmith.anonymisation.photos import PhotoRecord  # noqa: PLC0415 - see `cli`
        from facesmith.detection.photos import DetectionConfig, detect_photos  # noqa: PLC0415
        from facesmith.detection.processes import default_workers, detect_in_workers  # noqa: PLC0415

        task, job = self._task, self._job()
        progress = stack.enter_context(ShownProgress(quiet=task.quiet or len(sources) < 2))
        if task.boxes is not None:
            for source in progress.each(sources, "Photos"):
                try:
                    yield source, job.from_boxes(source), ""
                except (ImageError, WriteError) as error:
                    yield source, None, str(error)
            return
        config = DetectionConfig(self._score, None, job, task.rotations, task.max_memory)
        n_workers = min(task.workers or default_workers(len(sources)), len(sources))
        if n_workers <= 1:
            results = detect_photos(self._detector, sources, config)
        else:
            results = detect_in_workers(task.model, sources, workers=n_workers, config=config)
        stack.callback(results.close)  # type: ignore[attr-defined]  # both are generators
        for _, found in zip(progress.each(range(len(sources)), "Photos"), results, strict=True):
            record = found.finished
            assert record is None or isinstance(record, PhotoRecord)
            yield found.source, record, found.error or ""

    def _job(self) -> CoverPhotos:
        from facesmith.anonymisation.photo_file import Keeping  # noqa: PLC0415 - see `cli`
        from facesmith.anonymisation.photos import CoverPhotos  # noqa: PLC0415
        from facesmith.anonymisation.verifying import VerifyConfig  # noqa: PLC0415

        task = self._task
        return CoverPhotos(
            folder=task.out,
            names=self._names,
            cover=task.cover,
            choice=task.choice,
            keeping=Keeping(task.keep_metadata, task.max_memory),
            verify=VerifyConfig(self._left_score()) if task.verify else None,
            model=task.model,
            boxes=task.boxes,
        )

    def _left_score(self) -> float:
        return LEFT_SCORE if self._task.verify_score is None else self._task.verify_score

    def _earlier(self) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """The lines of an earlier run that stay, and by name those with the settings of now."""
        from facesmith.anonymisation.photos import is_done  # noqa: PLC0415 - see `cli`
        from facesmith.anonymisation.records import BOXES_NAME, read_lines  # noqa: PLC0415

        if not self._task.resume:
            return [], {}
        done = {}
        for line in read_lines(self._task.out / BOXES_NAME):
            name = line.get("file")
            same = line.get("settings") == self._settings_name
            if not isinstance(name, str) or line.get("out") != self._names.get(name):
                continue
            if same and is_done(line, name, self._task.out):
                done[name] = line
        return list(done.values()), done

    def _settings(self) -> dict[str, Any]:
        """All that decides what is written, for the report and to know whether it is done."""
        from facesmith._version import __version__  # noqa: PLC0415
        from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `cli`
        from facesmith.files import checksum  # noqa: PLC0415

        task, cover = self._task, self._task.cover

        def place(each: Any) -> Any:
            return {"sha256": checksum(each.path)} if isinstance(each, BoxFile) else list(each)

        picture = None if cover.picture is None else hashlib.sha256(cover.picture).hexdigest()
        return {
            "version": __version__,
            "fill": cover.fill,
            "shape": cover.shape,
            "margin": cover.margin,
            "colour": list(cover.colour),
            "picture": picture,
            "min_score": self._score,
            "rotations": list(task.rotations),
            "only": [place(each) for each in task.choice.only],
            "except": [place(each) for each in task.choice.spared],
            "boxes": None if task.boxes is None else place(task.boxes),
            "keep_metadata": task.keep_metadata,
            "verify": self._left_score() if task.verify else None,
            "model": str(task.model) if task.model else None,
        }

    def _summarise(self) -> None:
        words = f"{counted(self._n_faces, 'face')} covered in {counted(self._n_photos, 'photo')}"
        if self._n_skipped:
            words += f"; {self._n_skipped:,} done before"
        if self._n_failed:
            words += f"; {counted(self._n_failed, 'error')}"
        if self._task.verify:
            words += f"; {self._n_left:,} in which a face may still be seen"
        echo(f"{words}. Look at {self._task.out}.", err=True)


class _Journal:
    """The lines of what was covered, on the disk as soon as a photo is done; use it with `with`."""

    def __init__(self, path: Path, lines: Sequence[dict[str, Any]]) -> None:
        self._path = path
        with replacing(path) as file:
            for line in lines:
                file.write(_encoded(line))
        claim(path)
        self._file: BinaryIO = path.open("ab")

    def add(self, line: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            WriteError: If it cannot be written.
        """
        from facesmith.files import write_error  # noqa: PLC0415

        try:
            self._file.write(_encoded(line))
            self._file.flush()
        except OSError as error:
            raise write_error(self._path, error) from error

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _report(name: str, error: str, as_json: bool) -> None:
    if as_json:
        echo(json.dumps({"file": name, "error": error}))
    echo(f"Error: {error}", err=True)


def _as_line(record: PhotoRecord) -> str:
    faces = counted(len(record.covered), "face") + " covered" if len(record.covered) else "no face"
    words = [f"{record.name} -> {record.out}", faces]
    if record.spared:
        words.append(f"{record.spared:,} left out")
    if len(record.left):
        where = " ".join(
            f"{score:.2f} [{', '.join(f'{edge:.0f}' for edge in box)}]"
            for box, score in zip(record.left.boxes, record.left.scores, strict=True)
        )
        words.append(f"may still be seen: {where}")
    return "  ".join(words)
