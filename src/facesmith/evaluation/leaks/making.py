"""Films made from annotated photos, whose faces are known in every frame: `make_films`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import EvaluationError
from facesmith.evaluation.leaks.camera import CameraPath
from facesmith.evaluation.leaks.config import FilmsConfig
from facesmith.evaluation.leaks.scenes import Scene, fills_row, single, wall
from facesmith.evaluation.leaks.truth import TrueFilm, TrueFrame, true_frame, write_truth
from facesmith.progress import Progress
from facesmith.video import VideoFrame, VideoWriter
from facesmith.video.libav import import_av

_SHORTEST, _LONGEST = 1.5, 4.0  # seconds of a scene
_SINGLE = 0.4  # of the scenes show one photo
_ROWS = 2  # of photos in the others


def make_films(
    photos: Sequence[AnnotatedPhoto],
    folder: Path,
    config: FilmsConfig | None = None,
    progress: Progress | None = None,
) -> list[TrueFilm]:
    """Make films and write them with their faces, `film-00.mp4` and `film-00.json` on.

    A virtual camera moves over the photos: it pans, zooms, turns and shakes, each frame blurred by
    its movement, and cuts to other photos after 1.5 to 4 seconds. No photo is shown twice before
    all were shown.

    Args:
        photos: Annotated photos; those in which a face had no usable box are left out.
        folder: An existing folder.
        config: What films; `None`: four of 6 seconds.
        progress: Gets films made.

    Raises:
        EvaluationError: If no photo can be used.
        ImageError: If a photo cannot be read.
        WriteError: If a film cannot be written.
    """
    config, progress = config or FilmsConfig(), progress or Progress()
    usable = [photo for photo in photos if photo.complete and (~photo.ignored).any()]
    if not usable:
        raise EvaluationError(
            "No photo has a face to make films of. Pass annotated photos with faces."
        )
    rng = np.random.default_rng(config.seed)
    deck = _deck(usable, rng)
    films = []
    for number in progress.each(range(config.n_films), "Films"):
        film = _make(folder / f"film-{number:02}.mp4", deck, config, rng)
        write_truth(film, film.path.with_suffix(".json"))
        films.append(film)
    return films


def _deck(photos: Sequence[AnnotatedPhoto], rng: np.random.Generator) -> Iterator[AnnotatedPhoto]:
    while True:
        for index in rng.permutation(len(photos)):
            yield photos[index]


def _make(
    path: Path, deck: Iterator[AnnotatedPhoto], config: FilmsConfig, rng: np.random.Generator
) -> TrueFilm:
    av = import_av()
    rate, size_wh = Fraction(config.rate), config.size_wh
    frames: list[TrueFrame] = []
    first_id = 1
    with VideoWriter(path, size_wh, 1 / rate, rate=rate, quality=config.crf) as writer:
        while len(frames) < config.n_frames:
            scene = _scene(deck, config, rng)
            n = round(rng.uniform(_SHORTEST, _LONGEST) * config.rate)
            n = min(max(n, 1), config.n_frames - len(frames))
            move = CameraPath(scene, size_wh, n / config.rate, rng)
            tracks = np.arange(first_id, first_id + len(scene.boxes))
            first_id += len(scene.boxes)
            for k in range(n):
                time, number = k / config.rate, len(frames)
                shown = np.asarray(move.frame(scene, time, 1 / config.rate))
                raw = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
                writer.write(VideoFrame(number, number, 1 / rate, raw))
                boxes = move.at(time).boxes(scene.boxes, size_wh)
                at = number / config.rate
                frames.append(
                    true_frame(at, boxes, tracks, scene.counts, size_wh, config.min_height)
                )
    return TrueFilm(path, size_wh, frames)


def _scene(deck: Iterator[AnnotatedPhoto], config: FilmsConfig, rng: np.random.Generator) -> Scene:
    if rng.random() < _SINGLE:
        return single(next(deck), config.size_wh)
    rows = []
    for _ in range(_ROWS):
        row = [next(deck)]
        while not fills_row(row, config.size_wh):
            row.append(next(deck))
        rows.append(row)
    return wall(rows, config.size_wh)
