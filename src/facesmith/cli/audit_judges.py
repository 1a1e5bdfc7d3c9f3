"""Who judges annotations, for `facesmith audit`: a detector, several in folds, or a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from facesmith.cli.numbers import counted
from facesmith.cli.progress import progress_bar
from facesmith.cli.terminal import echo
from facesmith.detection.sessions import available_cores

if TYPE_CHECKING:
    from facesmith.annotations import AnnotatedPhoto, Annotations
    from facesmith.curation.label_audit.findings import Audit, AuditConfig
    from facesmith.faces import Faces

# Part of the boxes that a detector must find to be a judge of them.
_LEAST_FOUND = 0.5


def read_found(
    detections: Path, annotations: Path, loaded: Annotations, category: tuple[str, ...]
) -> list[Faces]:
    """What the detections file says of each photo; a warning where low scores are missing."""
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415 - slow

    found = read_detections(
        detections,
        annotations,
        loaded.photos,
        allow_others=any(problem.skipped == "photo" for problem in loaded.problems),
        categories=category or None,
    )
    lowest = min((float(faces.scores.min()) for faces in found if len(faces)), default=0.0)
    if lowest > 0.2:
        echo(
            f"Warning: the lowest score in {detections.name} is {lowest:.2f}. A face with a lower "
            "one looks like none here: detect again with --min-score 0.01.",
            err=True,
        )
    return found


def find(
    photos: tuple[AnnotatedPhoto, ...], model: Path | None, threads: int, quiet: bool
) -> tuple[list[Faces], Callable[[int], Callable[..., Faces]]]:
    """What one detector finds in each photo, and that detector for a closer look."""
    from facesmith.curation.label_audit.label_errors import LOWEST_SCORE  # noqa: PLC0415 - slow
    from facesmith.detection.detector import load_detector  # noqa: PLC0415
    from facesmith.evaluation.detections import find_faces  # noqa: PLC0415

    detector = load_detector(model, threads)
    with progress_bar(len(photos), quiet) as step:
        found = find_faces(detector, photos, min_score=LOWEST_SCORE, progress=step)
    return found, lambda _: detector


def compare(
    photos: tuple[AnnotatedPhoto, ...],
    found: list[Faces],
    detector_of: Callable[[int], Callable[..., Faces]] | None,
    judged_by: str,
    config: AuditConfig,
    quiet: bool,
) -> Audit:
    """Annotations against what was found, with a closer look where there is a detector."""
    from facesmith.curation.label_audit.label_errors import audit_photos  # noqa: PLC0415 - slow
    from facesmith.curation.label_audit.test_time_augmentation import augmented_support  # noqa: PLC0415

    first = audit_photos(photos, found, judged_by=judged_by, config=config)
    _check_judge(first)
    n = sum(finding.reason == "no face" for finding in first.findings)
    if detector_of is None or not n:
        return first
    if not quiet:
        echo(f"A closer look at {counted(n, 'suspicious box', 'suspicious boxes')}.", err=True)
    with progress_bar(n, quiet) as step:
        augmented = augmented_support(first, detector_of, step)
    return audit_photos(photos, found, judged_by=judged_by, config=config, augmented=augmented)


def _check_judge(audit: Audit) -> None:
    """Raise if the detector finds so little that its disagreement says nothing of the labels."""
    from facesmith.errors import EvaluationError  # noqa: PLC0415 - slow

    if audit.n_found < _LEAST_FOUND * audit.n_boxes:
        raise EvaluationError(
            f"FoldDetections by {audit.judged_by}: only {audit.n_found:,} of "
            f"{counted(audit.n_boxes, 'box', 'boxes')} are found with a score of 0.5, too few to "
            "tell wrong ones from the others. Either the detector has learned too little (pass "
            "more --epochs and another --out, or no --folds), or the boxes do not lie on the "
            "faces (another --format, photos that were resized)."
        )


def find_in_folds(
    photos: tuple[AnnotatedPhoto, ...],
    out: Path,
    folds: int,
    epochs: int | None,
    negatives: tuple[Path, ...],
    seed: int,
    threads: int | None,
    quiet: bool,
) -> tuple[list[Faces], Callable[[int], Callable[..., Faces]]]:
    """What detectors find that are trained on the other folds, and each photo's detector."""
    from facesmith.annotations import load_face_free  # noqa: PLC0415 - slow
    from facesmith.curation.label_audit.folds import (  # noqa: PLC0415
        detect_in_folds,
        enough_epochs,
        minutes,
        short_config,
    )

    face_free = load_face_free(negatives).photos if negatives else ()
    cores = threads or available_cores()
    epochs = epochs or enough_epochs(len(photos) * (folds - 1) // folds + len(face_free))
    if not quiet:
        about = minutes(len(photos), len(face_free), folds, epochs, cores)
        echo(
            f"Training {folds} detectors, about {counted(max(round(about), 1), 'minute')} on "
            f"{counted(cores, 'CPU core')}. Stop at any time: the same command goes on from there.",
            err=True,
        )
    with progress_bar(len(photos), quiet) as step:
        judged = detect_in_folds(
            photos,
            out / "folds",
            n_folds=folds,
            config=short_config(epochs, seed=seed, threads=threads),
            face_free=face_free,
            quiet=quiet,
            progress=step,
        )
    return judged.found, judged.detectors()
