"""What `facesmith anonymise` was asked to do, and the files that its inputs stand for."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith._version import __version__
from facesmith.cli.terminal import echo
from facesmith.errors import FacesmithError, ImageError
from facesmith.printable import counted, one_line

if TYPE_CHECKING:
    from facesmith.anonymisation import CoverConfig
    from facesmith.anonymisation.choosing import Choice
    from facesmith.anonymisation.records import BoxFile

LEFT_SCORE = 0.3  # of what --verify lists: 5 of 100 photos without faces have a place with as much
VERIFY_STEP = 0.5  # seconds of a film between the frames that are looked at again


@dataclass(frozen=True)
class AnonymiseTask:
    """What the command was asked to do.

    Attributes:
        inputs: Files, folders and patterns.
        out: The folder to write to.
        cover: How faces are covered.
        choice: Which are.
        boxes: What to cover, instead of what is found.
        min_score: Of what is covered; `None`: see `CoverPhotos` and `tracks_that_miss_little`.
        rotations: See `Detector`.
        keep_metadata: Whether time, camera and author stay.
        verify: Whether to look at the results again, all over; `None`: at photos closely only where
            the first look had a trace of a face, at films at steps of time.
        verify_score: Of what that lists.
        crf: Quality of films.
        given: Options of the command line that only some inputs have a use for.
        max_seconds: Stop a camera after so long.
        max_frames: Stop a camera after so many frames.
        every: Look at each so manieth frame of films; `None`: at fewer where little moves.
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
    verify: bool | None
    verify_score: float
    crf: int
    every: int | None
    given: tuple[str, ...]
    max_seconds: float | None
    max_frames: int | None
    workers: int | None
    max_memory: int
    model: Path | None
    as_json: bool
    resume: bool
    force: bool
    quiet: bool

    @property
    def box_files(self) -> list[BoxFile]:
        """The files of --boxes, --only and --except."""
        from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `cli`

        listed = (self.boxes, *self.choice.only, *self.choice.spared)
        return [each for each in listed if isinstance(each, BoxFile)]

    @property
    def film_step(self) -> float | None:
        """Seconds between the frames of films that are looked at again; `None`: none are.

        With `boxes` all frames are looked at: nothing else tells a frame whose line was forgotten.
        """
        if self.verify is False:
            return None
        return 0.0 if self.verify or self.boxes is not None else VERIFY_STEP

    def settings(self, photo_score: float, film_scores: tuple[float, float]) -> dict[str, Any]:
        """All that decides what is written: for the report, and to know whether a file is done.

        Args:
            photo_score: The score from which faces in photos are covered.
            film_scores: The scores with which tracks of films begin, and go on.
        """
        from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `cli`
        from facesmith.files import checksum  # noqa: PLC0415

        def place(each: Any) -> Any:
            return {"sha256": checksum(each.path)} if isinstance(each, BoxFile) else list(each)

        picture = self.cover.picture
        return {
            "version": __version__,
            "fill": self.cover.fill,
            "shape": self.cover.shape,
            "margin": self.cover.margin,
            "colour": list(self.cover.colour),
            "picture": None if picture is None else hashlib.sha256(picture.tobytes()).hexdigest(),
            "min_score": round(photo_score, 4),
            "film_min_score": round(film_scores[0], 4),
            "film_min_score_to_go_on": round(film_scores[1], 4),
            "rotations": list(self.rotations),
            "every": self.every,
            "crf": self.crf,
            "only": [place(each) for each in self.choice.only],
            "except": [place(each) for each in self.choice.spared],
            "boxes": None if self.boxes is None else place(self.boxes),
            "keep_metadata": self.keep_metadata,
            "verify": None if self.verify is False else self.verify_score,
            "verify_step": self.film_step,
            "model": str(self.model) if self.model else None,
        }


@dataclass(frozen=True)
class FoundFiles:
    """What the inputs stand for.

    Attributes:
        photos: In order, each once.
        films: In order, each once.
        names: Of each -> that of its output, relative to the output folder.
        errors: Name of each input that stands for nothing -> why.
        camera: The only input, if it is a camera.
    """

    photos: list[Path]
    films: list[Path]
    names: dict[str, str]
    errors: dict[str, str]
    camera: str | None = None

    def without_films(self, lost: Sequence[Path], why: str) -> FoundFiles:
        """The same, with each of the films `lost` an error: `why` is a sentence."""
        errors = {path.as_posix(): f"{path.as_posix()} is a film. {why}" for path in lost}
        kept = [path for path in self.films if path not in lost]
        return replace(self, films=kept, errors={**self.errors, **errors})


def check_options(task: AnonymiseTask, found: FoundFiles) -> None:
    """End the command where an option was given that nothing among the inputs has a use for."""
    for option in task.given:
        if option in ("--seconds", "--frames") and found.camera is None:
            raise click.UsageError(f"{option} ends a camera, and no INPUT is one.")
        if option in ("--every", "--crf") and not (found.films or found.camera):
            raise click.UsageError(f"{option} is of films, and no INPUT is or holds one.")
        if option in ("--resume", "--boxes") and found.camera is not None:
            raise click.UsageError(f"{option} is of files, not of cameras.")


def find_files(inputs: Sequence[str], out: Path) -> FoundFiles:
    """The photos and films that the inputs stand for, but for those that were written to `out`."""
    from facesmith.anonymisation.films import film_name  # noqa: PLC0415 - see `cli`
    from facesmith.anonymisation.naming import output_names, root_of  # noqa: PLC0415
    from facesmith.anonymisation.records import BOXES_NAME  # noqa: PLC0415
    from facesmith.anonymisation.report import REPORT_NAMES  # noqa: PLC0415
    from facesmith.video.camera import is_camera, shown_name  # noqa: PLC0415

    cameras = [each for each in inputs if is_camera(each)]
    if cameras:
        if len(inputs) > 1:
            raise click.UsageError(f"{shown_name(cameras[0])} is a camera. Name it alone.")
        return FoundFiles([], [], {}, {}, cameras[0])
    place = Path(os.path.realpath(out))
    roots: dict[Path, Path] = {}
    films: list[Path] = []
    errors: dict[str, str] = {}
    inputs = list(dict.fromkeys(inputs))
    for given in inputs:
        try:
            found, found_films = _of_input(given)
        except FacesmithError as error:
            errors[given] = str(error)
            continue
        both = [*found, *found_films]
        kept = [path for path in both if not Path(os.path.realpath(path)).is_relative_to(place)]
        kept = _without_earlier_results(kept, root_of(given, alone=True))
        if both and not kept:
            errors[given] = f"{given} holds nothing but what was written there. Name the originals."
        for path in kept:
            roots.setdefault(path, root_of(given, alone=len(inputs) == 1))
        films += [path for path in found_films if path in kept]
    films = list(dict.fromkeys(films))
    as_films = set(films)
    names = output_names(
        list(roots),
        list(roots.values()),
        lambda path, name: film_name(name) if path in as_films else name,
        reserved=(*REPORT_NAMES, BOXES_NAME),
    )
    return FoundFiles([path for path in roots if path not in films], films, names, errors)


def _of_input(given: str) -> tuple[list[Path], list[Path]]:
    """Photos and films."""
    from facesmith.files import files_by_folder  # noqa: PLC0415 - see `cli`
    from facesmith.images import find_images  # noqa: PLC0415
    from facesmith.video import is_animation, is_film  # noqa: PLC0415

    path = Path(given)
    if is_film(given) and path.exists():
        return [], [path]
    films: list[Path] = []
    if path.is_dir():
        for folder, names in files_by_folder(path):
            films += [folder / name for name in sorted(names) if is_film(name) and name[:1] != "."]
    try:
        photos = find_images([given], _say_passed_over)
    except ImageError:
        if not films:
            raise
        photos = []
    moving = {each for each in photos if each.is_file() and is_animation(each)}
    films += sorted(moving)
    return [each for each in photos if each not in moving], films


def _without_earlier_results(paths: list[Path], root: Path) -> list[Path]:
    """The files that no earlier run wrote to a folder below `root`; says how many did."""
    from facesmith.anonymisation.photos import TASK  # noqa: PLC0415 - see `cli`
    from facesmith.files.marks import read_mark  # noqa: PLC0415

    written: dict[Path, frozenset[str]] = {}
    passed_over: Counter[Path] = Counter()
    kept = []
    for path in paths:
        folders = [each for each in path.parents if each != root and each.is_relative_to(root)]
        for folder in folders:
            if folder not in written:
                mark = read_mark(folder)
                ours = mark is not None and mark.task == TASK
                written[folder] = frozenset(mark.names) if mark and ours else frozenset()
        results = [each for each in folders if path.relative_to(each).as_posix() in written[each]]
        passed_over.update(results[-1:])
        kept += [] if results else [path]
    for folder, count in passed_over.items():
        files = counted(count, "file")
        echo(one_line(f"{folder}/: passed over {files} that an earlier run wrote."), err=True)
    return kept


def _say_passed_over(line: str) -> None:
    """Say what was passed over, unless it is films only, which were not."""
    from facesmith.video import is_film  # noqa: PLC0415 - see `cli`

    suffixes = re.findall(r"\d+ (\.\w+)", line)
    if not all(is_film(f"x{suffix}") for suffix in suffixes):
        echo(line, err=True)
