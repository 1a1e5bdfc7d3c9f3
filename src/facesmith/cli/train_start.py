"""What `facesmith train` does before it trains: threads by the load, photos decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from facesmith.annotations import AnnotatedPhoto, Problem, in_lines
from facesmith.cli.numbers import counted
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.detection.sessions import available_cores
from facesmith.errors import ImageError
from facesmith.images import read_photo
from facesmith.training.resources import idle_threads
from facesmith.training.sharing import current_world

if TYPE_CHECKING:
    from facesmith.runs.folder import RunFolder

_DECODERS = 4  # threads


def tell_resumed(run: RunFolder, *, resume: bool, quiet: bool) -> None:
    """Say first whether there is something to go on with."""
    if not resume or quiet:
        return
    if run.config_path.is_file():
        echo(f"Goes on with the training in {run.path.as_posix()}.", err=True)
    else:
        where = run.path.as_posix()
        echo(f"{where} holds no training to go on with: it starts at its first step.", err=True)


def threads_by_load(run: RunFolder, *, resume: bool, quiet: bool) -> int:
    """How many threads each process is to train on where none are asked for.

    The first process finds it; on a busy machine it is fewer than the cores, and said so. A run
    that is resumed keeps its number, which decides the last bits.

    Raises:
        TrainingError: If the run to resume cannot be read.
    """
    world = current_world()
    return world.from_first(_threads(run, resume=resume, quiet=quiet) if world.is_first else 0)


def _threads(run: RunFolder, *, resume: bool, quiet: bool) -> int:
    if resume and run.config_path.is_file():
        saved = _saved_threads(run.read_config())
        if saved:
            return saved
    threads, busy = idle_threads()
    if threads < available_cores() and not quiet:
        echo(
            f"The machine is busy (load {busy:.1f}, cores {available_cores()}): training on "
            f"{counted(threads, 'thread')}, as more would wait for each other. --threads sets "
            "another number.",
            err=True,
        )
    return current_world().share_of(threads)


def _saved_threads(config: dict[str, Any]) -> int:
    """The threads of a run's settings, 0 where there are none."""
    for settings in (config, config.get("proposals")):
        loop = settings.get("loop") if isinstance(settings, dict) else None
        threads = loop.get("threads") if isinstance(loop, dict) else None
        if isinstance(threads, int) and threads > 0:
            return threads
    return 0


def decoded_photos(photos: Sequence[AnnotatedPhoto], *, quiet: bool) -> list[AnnotatedPhoto]:
    """Those of the photos that can be decoded; the others are named on standard error.

    Damage behind the start of a file would else end the training later.
    """

    def problem(photo: AnnotatedPhoto) -> Problem | None:
        try:
            read_photo(photo.path, max_side=1)
        except ImageError as error:
            message = f"{error} The photo is left out."
            return Problem(photo.where, message, "photo", "damaged", photo.name)
        return None

    sound, problems = [], []
    with ThreadPoolExecutor(_DECODERS) as pool, ShownProgress(quiet=quiet) as progress:
        found = pool.map(problem, photos)
        try:
            for photo, damage in zip(progress.each(photos, "Checking photos"), found, strict=True):
                if damage is None:
                    sound.append(photo)
                else:
                    problems.append(damage)
        finally:
            pool.shutdown(cancel_futures=True)
    for line in in_lines(problems):
        echo(f"Left out: {line}", err=True)
    return sound
