"""Detectors side by side on the same photos: how much they find, and what they cost.

For each photo all detectors take turns, in one process, so that each meets the same load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import nan
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation import IOU_THRESHOLDS, MIN_FACE_HEIGHT, MIN_SCORE
from facesmith.evaluation.baselines import Baseline
from facesmith.evaluation.footprint import Footprint
from facesmith.evaluation.timing import Stopwatch, Timing, time_in_turns
from facesmith.faces import Faces
from facesmith.images import read_image
from facesmith.metrics.average_precision import AnnotatedFaces, PrecisionRecall, precision_recall
from facesmith.metrics.paired import Change, can_tell, paired_changes
from facesmith.metrics.scored_rows import ScoredRows, match_scores
from facesmith.progress import NO_PROGRESS, Progress

AS_THEY_ARE = "as they are"  # the photos in their own sizes, among the sizes of the timings


@dataclass(frozen=True)
class CompareConfig:
    """How detectors are compared."""

    iou_thresholds: tuple[float, ...] = IOU_THRESHOLDS  # that a match needs; figures for each
    min_height: float = MIN_FACE_HEIGHT  # annotated faces lower than this, pixels, are ignored
    common_recall: float = 0.9  # where false boxes on face-free photos are compared, in (0, 1]
    min_score: float = MIN_SCORE  # what the curves begin with, in [0, 1]
    sizes_wh: tuple[tuple[int, int], ...] = ((640, 480),)  # photos are stretched to, for timing
    rounds: int = 5  # rounds of the timing; one more comes before and does not count
    n_timed: int = 12  # photos of each round, spread evenly over the annotated ones
    threads: int = 1  # CPU threads of each detector

    @property
    def common_recall_iou(self) -> float:
        """The overlap at which the common recall is taken: the loosest, which all should reach."""
        return min(self.iou_thresholds)


@dataclass(frozen=True)
class AtThreshold:
    """What a detector does on annotated photos at one threshold."""

    threshold: float  # scores from this on count
    precision: float  # of the boxes that count; NaN if there are none
    recall: float  # of the faces that count; NaN if there are none
    false_per_photo: float  # false boxes a photo


@dataclass(frozen=True)
class FaceFreeFigures:
    """What a detector does on face-free photos at one threshold."""

    threshold: float  # scores from this on count; NaN where the common recall is not reached
    false_per_photo: float  # boxes a photo, all of them false; NaN likewise
    photos_with_one: float  # part of the photos with a box, in [0, 1]; NaN likewise


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of one detector."""

    baseline: Baseline  # the detector
    curves: dict[float, PrecisionRecall]  # curve for each overlap
    face_free: tuple[Faces, ...]  # what was found on each face-free photo, from the lowest score on
    # False boxes on face-free photos at the detector's own threshold; `None` without such photos.
    face_free_own: FaceFreeFigures | None
    face_free_common: FaceFreeFigures | None  # the same at the threshold of the common recall
    # Size, as `640x480` or `AS_THEY_ARE`, -> times; as they are, each photo is looked at once, from
    # the lowest score on.
    timings: dict[str, Timing]
    # Overlap -> figure of `paired_changes` -> this detector against the first one; empty for it.
    against_first: Mapping[float, Mapping[str, Change]] = field(default_factory=dict)
    differences_told: bool = True  # whether there are faces enough for these intervals
    footprint: Footprint | None = None  # memory and sizes; `None` where not measured

    def at_own_threshold(self, iou: float) -> AtThreshold:
        """Precision, recall and false boxes on the annotated photos."""
        return at_threshold(self.curves[iou], self.baseline.min_score)


def compare(
    baselines: Mapping[str, Baseline],
    photos: Sequence[AnnotatedPhoto],
    face_free: Sequence[AnnotatedPhoto] = (),
    config: CompareConfig | None = None,
    *,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Measured]:
    """Run detectors over the same photos, in turns: label -> figures, without footprints.

    `face_free` are photos without any human face; `progress` is told how many are done.

    Raises:
        ValueError: If there are no detectors or no photos.
    """
    config = config or CompareConfig()
    if not baselines or not photos:
        raise ValueError(
            "`baselines` and `photos` must not be empty; "
            f"got {len(baselines)} detectors and {len(photos)} photos."
        )
    step = progress.counter("Photos", _n_steps(len(photos), len(face_free), config))
    found: dict[str, list[Faces]] = {label: [] for label in baselines}
    on_face_free: dict[str, list[Faces]] = {label: [] for label in baselines}
    watches = {label: Stopwatch() for label in baselines}
    timings: dict[str, dict[str, Timing]] = {label: {} for label in baselines}
    first = read_image(photos[0].path)
    for baseline in baselines.values():
        baseline(first, min_score=config.min_score)  # loads what is loaded lazily, untimed
    for photo in photos:
        image = read_image(photo.path)
        for label, baseline in baselines.items():
            look = partial(baseline, image, min_score=config.min_score)
            found[label].append(watches[label](look))
        step()
    for photo in face_free:
        image = read_image(photo.path)
        for label, baseline in baselines.items():
            on_face_free[label].append(baseline(image, min_score=config.min_score))
        step()
    for size_wh in config.sizes_wh:
        images = [read_resized(p.path, size_wh) for p in timed_photos(photos, config.n_timed)]
        timed = time_in_turns(baselines, images, rounds=config.rounds, done=step)
        for label, timing in timed.items():
            timings[label][size_name(size_wh)] = timing
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    measured: dict[str, Measured] = {}
    first_rows: dict[float, ScoredRows] = {}
    first_threshold = next(iter(baselines.values())).min_score
    for label, baseline in baselines.items():
        curves = {
            iou: precision_recall(
                truths, found[label], iou_threshold=iou, min_height=config.min_height
            )
            for iou in config.iou_thresholds
        }
        rows = {
            iou: match_scores(truths, found[label], iou_threshold=iou, min_height=config.min_height)
            for iou in config.iou_thresholds
        }
        thresholds = (first_threshold, baseline.min_score)
        changes = {
            iou: paired_changes(was, rows[iou], thresholds) for iou, was in first_rows.items()
        }
        first_rows = first_rows or rows
        enough = all(map(can_tell, rows.values()))
        timings[label][AS_THEY_ARE] = watches[label].timing()
        boxes, own, common = tuple(on_face_free[label]), None, None
        if boxes:
            own = face_free_figures(boxes, baseline.min_score)
            reached = threshold_at_recall(curves[config.common_recall_iou], config.common_recall)
            common = face_free_figures(boxes, reached)
        measured[label] = Measured(
            baseline, curves, boxes, own, common, timings[label], changes, enough
        )
    return measured


def _n_steps(n_photos: int, n_face_free: int, config: CompareConfig) -> int:
    """How many photos `compare` shows to the detectors, those of each round counted."""
    n_timed = min(n_photos, config.n_timed)
    return n_photos + n_face_free + len(config.sizes_wh) * (config.rounds + 1) * n_timed


def timed_photos(photos: Sequence[AnnotatedPhoto], n: int) -> Sequence[AnnotatedPhoto]:
    """At most `n` of the photos, spread evenly."""
    return photos[:: max(len(photos) // n, 1)][:n]


def size_name(size_wh: tuple[int, int]) -> str:
    """A size in words, such as `640x480`."""
    return f"{size_wh[0]}x{size_wh[1]}"


def at_threshold(curve: PrecisionRecall, threshold: float) -> AtThreshold:
    """The point of a curve where scores from the threshold on count."""
    # Scores are float32: compared as such, or 0.9 would lose the boxes of exactly that score.
    return AtThreshold(threshold, **curve.at_score(float(np.float32(threshold))))


def threshold_at_recall(curve: PrecisionRecall, recall: float) -> float:
    """The highest threshold with at least that recall; NaN if none has."""
    reached = curve.scores[curve.recall >= recall - 1e-12]
    return float(reached[0]) if len(reached) else nan


def face_free_figures(found: Sequence[Faces], threshold: float) -> FaceFreeFigures:
    """Count the boxes on face-free photos, at least one, from a threshold on; NaN gives NaN."""
    if np.isnan(threshold):
        return FaceFreeFigures(nan, nan, nan)
    counts = np.array([(faces.scores >= np.float32(threshold)).sum() for faces in found])
    return FaceFreeFigures(threshold, float(counts.mean()), float((counts > 0).mean()))


def read_resized(path: Path, size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A photo stretched to a size, uint8 `(height, width, 3)`, BGR."""
    return np.asarray(Image.fromarray(read_image(path)).resize(size_wh))
