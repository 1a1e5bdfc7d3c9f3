"""`facesmith anonymise`: files one after the other, going on after a stop, lines and counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesmith.cli.anonymise_task import (
    AnonymiseTask,
    FoundFiles,
    check_options,
    find_files,
)
from facesmith.cli.numbers import counted
from facesmith.cli.progress import ShownProgress
from facesmith.cli.stop_key import stopped_by_key
from facesmith.cli.terminal import echo
from facesmith.errors import FacesmithError, ImageError, MissingPackageError, WriteError
from facesmith.files import OutputFolder, remove_unfinished
from facesmith.printable import one_line

if TYPE_CHECKING:
    from PIL import Image

    from facesmith.anonymisation.film_job import FilmJob
    from facesmith.anonymisation.films import FilmConfig
    from facesmith.anonymisation.journal import Journal
    from facesmith.anonymisation.photos import CoverPhotos, PhotoRecord
    from facesmith.anonymisation.verifying import VerifyConfig
    from facesmith.detection import PhotoSource

_SECONDS_A_FRAME = 0.12  # of the slowest films for which --every holds ends long enough
_STEPS_A_SECOND = 10  # of a film's progress bar


def cover_all(task: AnonymiseTask) -> int:
    """Cover the faces in all files; returns the exit code."""
    from facesmith.anonymisation.photos import TASK  # noqa: PLC0415 - see `cli`

    found = find_files(task.inputs, task.out)
    check_options(task, found)
    folder, way_on = OutputFolder(task.out, TASK), "--resume to go on with it, "
    if not task.resume:
        folder.check(force=task.force, resume=way_on)
    run = _Run(task, found)
    run.leave_out_films_without_av()
    if task.resume:
        folder.add()
        remove_unfinished(task.out)
    else:
        folder.start(force=task.force, resume=way_on)
    return run.do()


class _Run:
    """All files of one call."""

    def __init__(self, task: AnonymiseTask, found: FoundFiles) -> None:
        from facesmith.anonymisation.films import tracks_that_miss_little  # noqa: PLC0415
        from facesmith.anonymisation.photos import earlier_lines, photo_score  # noqa: PLC0415
        from facesmith.detection import open_detector  # noqa: PLC0415

        self._task, self._found = task, found
        self._detector = open_detector(task.model)
        self._score = photo_score(self._detector, task.min_score)
        tracking = tracks_that_miss_little(self._detector, task.min_score)
        self._settings = task.settings(self._score, (tracking.high_score, tracking.lowest))
        told = json.dumps(self._settings, sort_keys=True).encode()
        self._settings_name = hashlib.sha256(told).hexdigest()[:16]
        # The lines that an earlier run wrote for files that need not be done again.
        self._lines: list[dict[str, Any]] = []
        if task.resume:
            self._lines = earlier_lines(task.out, found.names, self._settings_name)
        self._done = [line for line in self._lines if "out" in line]
        self._errors: dict[str, str] = {}
        self._pictures: dict[tuple[str, int], Image.Image] = {}
        self._n_by_region = 0  # photos in which a region chose faces

    def leave_out_films_without_av(self) -> None:
        """Make an error of each film that is not done, where PyAV is not installed.

        Raises:
            MissingPackageError: If nothing else would be left.
        """
        from facesmith.video.libav import import_av  # noqa: PLC0415 - see `cli`

        done = {line["file"] for line in self._done}
        lost = [path for path in self._found.films if path.as_posix() not in done]
        if not (lost or self._found.camera):
            return
        try:
            import_av()
        except MissingPackageError as error:
            if not (self._found.photos or done):
                raise
            self._found = self._found.without_films(lost, str(error))

    def do(self) -> int:
        """Cover all that is not done yet; returns the exit code."""
        from facesmith.anonymisation.journal import Journal  # noqa: PLC0415 - see `cli`
        from facesmith.anonymisation.records import BOXES_NAME  # noqa: PLC0415
        from facesmith.anonymisation.report import Report  # noqa: PLC0415
        from facesmith.cli.anonymise_words import summary  # noqa: PLC0415
        from facesmith.detection import PhotoSource  # noqa: PLC0415

        task, found = self._task, self._found
        for name, error in found.errors.items():
            self._failed(name, error)
        given = [path.as_posix() for path in (*found.photos, *found.films)]
        for listed in task.box_files:
            if said := listed.unused([*given, *found.errors]):
                echo(f"Warning: {said}", err=True)
        before = {line["file"] for line in self._done}
        with Journal(task.out / BOXES_NAME, self._lines) as journal:
            sources = [PhotoSource(path.as_posix(), path) for path in found.photos]
            self._cover_photos([each for each in sources if each.name not in before], journal)
            for path in found.films:
                if path.as_posix() not in before:
                    self._cover_film(path, journal)
            if found.camera is not None:
                self._cover_camera(found.camera, journal)
        report = Report(
            task.out,
            self._settings,
            self._done,
            self._errors,
            self._pictures,
            task.verify is not False,
        )
        report.write()
        if not task.quiet:
            n_before = len(before) if task.resume else None
            page = task.out / "report.html"
            looked_again = task.verify is not False
            for said in summary(report.counts, page, n_before, looked_again=looked_again):
                echo(one_line(said), err=True)
        self._warn_of_regions()
        return int(bool(self._errors or report.counts["left"]))

    def _warn_of_regions(self) -> None:
        """Say that a region holds for every photo, where it chose faces in several."""
        if self._n_by_region > 1:
            echo(
                "Warning: the region of --only or --except chose faces in "
                f"{counted(self._n_by_region, 'photo')}: it holds for every photo. For one photo "
                "pass a file of boxes.",
                err=True,
            )

    def _cover_photos(self, sources: Sequence[PhotoSource], journal: Journal) -> None:
        from facesmith.cli.anonymise_words import photo_in_words  # noqa: PLC0415 - see `cli`

        with ExitStack() as stack:
            for source, record, error in self._each_photo(sources, stack):
                if record is None:
                    self._failed(source.name, error)
                    continue
                line = {**record.as_dict(), "settings": self._settings_name}
                journal.add(line)
                self._done.append(line)
                self._n_by_region += self._task.choice.by_region(record.covered, record.spared)
                self._say(line, photo_in_words(record))

    def _each_photo(
        self, sources: Sequence[PhotoSource], stack: ExitStack
    ) -> Iterator[tuple[PhotoSource, PhotoRecord | None, str]]:
        from facesmith.anonymisation.photos import PhotoRecord  # noqa: PLC0415 - see `cli`
        from facesmith.anonymisation.verifying import TRACE  # noqa: PLC0415
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
        score = self._score * TRACE if task.verify is None else self._score
        config = DetectionConfig(score, None, job, task.rotations, task.max_memory)
        n_workers = min(task.workers or default_workers(len(sources)), len(sources))
        if n_workers <= 1:
            results = detect_photos(self._detector, sources, config)
        else:
            results = detect_in_workers(task.model, sources, workers=n_workers, config=config)
        stack.callback(results.close)  # type: ignore[attr-defined]  # both are generators
        numbers = progress.each(range(len(sources)), "Photos")
        for _, found in zip(numbers, results, strict=True):
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
            names=self._found.names,
            cover=task.cover,
            choice=task.choice,
            keeping=Keeping(task.keep_metadata, task.max_memory),
            verify=None if task.verify is False else VerifyConfig(task.verify_score),
            thorough=bool(task.verify),
            min_score=self._score,
            model=task.model,
            boxes=task.boxes,
        )

    def _film_config(self) -> tuple[FilmConfig, VerifyConfig | None]:
        """How films and cameras are covered, and looked at again."""
        from facesmith.anonymisation.films import (  # noqa: PLC0415
            FINE_SECONDS,
            FULL_SECONDS,
            FilmConfig,
            tracks_that_miss_little,
        )
        from facesmith.anonymisation.verifying import VerifyConfig  # noqa: PLC0415
        from facesmith.video import LookConfig  # noqa: PLC0415

        task = self._task
        tracking = tracks_that_miss_little(self._detector, task.min_score)
        # Of slow films the last look may lie further back than ends are held.
        tracking = replace(tracking, hold=max(tracking.hold, _SECONDS_A_FRAME * (task.every or 1)))
        full_seconds = FULL_SECONDS if task.every is None else 0.0
        look = LookConfig(
            min_score=tracking.lowest,
            rotations=task.rotations,
            every=task.every or 1,
            full_seconds=full_seconds,
            fine_seconds=FINE_SECONDS,
        )
        config = FilmConfig(task.cover, tracking, look, task.choice, task.crf, task.boxes)
        verify = None
        if task.film_step is not None:
            verify = VerifyConfig(task.verify_score, step=task.film_step)
        return config, verify

    def _cover_film(self, path: Path, journal: Journal) -> None:
        from facesmith.anonymisation.film_job import FilmJob  # noqa: PLC0415 - see `cli`

        task, name = self._task, path.as_posix()
        config, verify = self._film_config()
        with ShownProgress(quiet=task.quiet) as progress:
            first, second = _reporter(progress, "Film"), _reporter(progress, "Second look")
            job = FilmJob(self._detector, config, task.out, verify, first)
            try:
                for frame in job.cover(name, self._found.names[name]):
                    journal.add(frame)
                line = {**job.result(second), "settings": self._settings_name}
            except MissingPackageError:
                raise
            except FacesmithError as error:
                self._failed(name, str(error))
                return
        self._film_done(job, line, journal)
        if any("cut off" in problem for problem in job.problems):
            self._errors[name] = next(each for each in job.problems if "cut off" in each)

    def _film_done(self, job: FilmJob, line: dict[str, Any], journal: Journal) -> None:
        from facesmith.cli.anonymise_words import film_in_words  # noqa: PLC0415 - see `cli`

        for problem in job.problems:
            echo(f"Warning: {problem}", err=True)
        journal.add(line)
        self._done.append(line)
        self._pictures |= job.pictures
        self._say(line, film_in_words(line))

    def _cover_camera(self, address: str, journal: Journal) -> None:
        """Until the time or the frames that were asked for are over, or Ctrl-C."""
        from facesmith.anonymisation.film_job import CameraJob  # noqa: PLC0415 - see `cli`
        from facesmith.anonymisation.film_live import camera_film_name  # noqa: PLC0415
        from facesmith.video import Camera  # noqa: PLC0415
        from facesmith.video.camera import shown_name  # noqa: PLC0415

        task = self._task
        config, verify = self._film_config()
        with ShownProgress(quiet=task.quiet) as progress:
            try:
                with Camera(address, progress.say) as camera, stopped_by_key(camera.stop):
                    progress.say(f"{camera.name}: covering. Ctrl-C ends it.")
                    frames = camera.frames(max_seconds=task.max_seconds, max_frames=task.max_frames)
                    job = CameraJob(frames, self._detector, config, task.out, verify)
                    for frame in job.cover(camera.name, camera_film_name(address)):
                        journal.add(frame)
                found = job.result(_reporter(progress, "Second look"))
            except MissingPackageError:
                raise
            except FacesmithError as error:
                self._failed(shown_name(address), str(error))
                return
        self._film_done(job, {**found, "settings": self._settings_name}, journal)

    def _say(self, line: dict[str, Any], words: str) -> None:
        if self._task.as_json:
            echo(json.dumps(line))
        elif not self._task.quiet:
            echo(one_line(words))

    def _failed(self, name: str, error: str) -> None:
        self._errors[name] = error
        if self._task.as_json:
            echo(json.dumps({"file": name, "error": error}))
        echo(f"Error: {error}", err=True)


def _reporter(progress: ShownProgress, label: str) -> Callable[[float, float | None], None]:
    """What shows how far a film is."""

    def on_time(time: float, total: float | None) -> None:
        if total:
            steps = max(round(total * _STEPS_A_SECOND), 1)
            progress.report(label, min(max(round(time * _STEPS_A_SECOND), 0), steps), steps)

    return on_time
