"""Who judges annotations, for `facesmith audit`: detectors, several in folds, or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.judges import open_judges, read_judges
from facesmith.cli.numbers import counted
from facesmith.detection.sessions import available_cores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facesmith.annotations import AnnotatedPhoto, Annotations
    from facesmith.curation.committee import Judge as CommitteeJudge
    from facesmith.curation.label_audit.findings import Audit, AuditConfig
    from facesmith.faces import Faces
    from facesmith.progress import Progress

    DetectorOf = Callable[[int], Callable[..., Faces]]

# Part of the boxes that a detector must find to be a judge of them.
_LEAST_FOUND = 0.5


@dataclass(frozen=True)
class Judge:
    """Who is to judge the photos, as the options of `facesmith audit` say."""

    folds: int | None  # train so many detectors, each judges what it has not learned from
    epochs: int | None  # of these trainings
    negatives: tuple[Path, ...]  # folders of face-free photos for them
    seed: int | None  # of the division into folds
    model: Path | None  # a detector; `None`: the weights that come along
    detections: Path | None  # what any detector found
    threads: int | None
    judges: tuple[str, ...] = ()  # detectors and files of detections by name
    votes: dict[str, str] = field(default_factory=dict)  # of these, by label
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)  # likewise

    def check(self) -> None:
        """Raise a `UsageError` where the options do not go together."""
        ways = {
            "--folds": self.folds,
            "--model": self.model,
            "--detections": self.detections,
            "--judge": self.judges or None,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise click.UsageError(
                f"Pass one of {' and '.join(given)}: who is to judge the photos."
            )
        trained = {
            "--epochs": self.epochs,
            "--negatives": self.negatives or None,
            "--seed": self.seed,
        }
        alone = [name for name, value in trained.items() if value is not None]
        if alone and self.folds is None:
            raise click.UsageError(f"{alone[0]} goes with --folds, which trains.")
        of_several = {"--vote": self.votes, "--scores": self.scores}
        given = [name for name, value in of_several.items() if value]
        if given and len(self.judges) < 2 and "all" not in self.judges:
            raise click.UsageError(f"{given[0]} goes with several --judge.")

    def alone(self) -> Judge:
        """Itself, or with a single `--judge` the same as `--model` or `--detections` would give."""
        names = read_judges(self.judges)
        if len(names) != 1:
            return self
        (name,) = names
        if name.kind == "detections":
            return replace(self, judges=(), detections=name.path)
        if name.kind == "facesmith":
            return replace(self, judges=(), model=name.path)
        return self

    @property
    def is_committee(self) -> bool:
        """Whether several judge."""
        return len(self.judges) > 1 or "all" in self.judges

    @property
    def name(self) -> str:
        """What the results call it."""
        if self.folds is not None:
            return f"{self.folds} detectors, each trained on the other photos"
        if self.detections is not None:
            return self.detections.name
        if self.judges:
            return self.judges[0]
        return "the weights that come along" if self.model is None else self.model.as_posix()

    def find(
        self, photos: tuple[AnnotatedPhoto, ...], out: Path, progress: Progress
    ) -> tuple[list[Faces], DetectorOf]:
        """What it finds in each photo, and the detector of each photo, by its index."""
        if self.folds is not None:
            return self._find_in_folds(photos, self.folds, out / "folds", progress)
        from facesmith.curation.label_audit.label_errors import LOWEST_SCORE  # noqa: PLC0415 - slow
        from facesmith.detection.detector import load_detector  # noqa: PLC0415
        from facesmith.evaluation.baselines import open_baseline  # noqa: PLC0415
        from facesmith.evaluation.detections import find_faces  # noqa: PLC0415

        detector: Callable[..., Faces]
        if self.judges:
            detector = open_baseline(read_judges(self.judges)[0], self.threads or 1)
        else:
            detector = load_detector(self.model, self.threads or 1)
        steps = progress.counter("Photos", len(photos))
        return find_faces(
            detector, photos, min_score=LOWEST_SCORE, progress=steps
        ), lambda _: detector

    def _find_in_folds(
        self, photos: tuple[AnnotatedPhoto, ...], n_folds: int, out: Path, progress: Progress
    ) -> tuple[list[Faces], DetectorOf]:
        from facesmith.annotations import load_face_free  # noqa: PLC0415 - slow
        from facesmith.curation.label_audit import folds  # noqa: PLC0415

        face_free = load_face_free(self.negatives).photos if self.negatives else ()
        cores = self.threads or available_cores()
        n_learned = len(photos) * (n_folds - 1) // n_folds + len(face_free)
        epochs = self.epochs or folds.enough_epochs(n_learned)
        about = folds.minutes(len(photos), len(face_free), n_folds, epochs, cores)
        progress.say(
            f"Training {n_folds} detectors, about {counted(max(round(about), 1), 'minute')} on "
            f"{counted(cores, 'CPU core')}. Stop at any time: the same command goes on from there."
        )
        config = folds.short_config(epochs, seed=self.seed or 0, threads=self.threads)
        judged = folds.detect_in_folds(
            photos, out, n_folds=n_folds, config=config, face_free=face_free, progress=progress
        )
        return judged.found, judged.detectors()


def compare_with_committee(
    judge: Judge,
    loaded: Annotations,
    annotations: Path,
    category: tuple[str, ...],
    config: AuditConfig,
    progress: Progress,
) -> Audit:
    """Annotations against what several judges find, with test-time augmentation by detectors."""
    from facesmith.curation.judges import n_votes  # noqa: PLC0415 - slow
    from facesmith.curation.label_audit.committee_audit import audit_by_committee  # noqa: PLC0415
    from facesmith.curation.label_audit.label_errors import LOWEST_SCORE  # noqa: PLC0415
    from facesmith.curation.label_audit.test_time_augmentation import augmented_support  # noqa: PLC0415

    panel = open_judges(read_judges(judge.judges), judge.votes, judge.scores, judge.threads or 1)
    if n_votes(panel.judges) < 2:
        progress.say(
            f"All judges have one vote together, {panel.judges[0].vote}: no missed face is added. "
            "--vote gives a judge another one."
        )
    found = panel.find(loaded, annotations, category, LOWEST_SCORE, progress)
    photos, judges = loaded.photos, panel.judges
    first = audit_by_committee(photos, found, judges, config=config)
    _check_judge(first)
    n = sum(finding.reason == "no face" for finding in first.findings)
    support: dict[tuple[int, int], float] = {}
    for one in judges:
        detector = panel.detectors.get(one.name)
        if detector is None or not n:
            continue
        progress.say(
            f"Test-time augmentation of {counted(n, 'suspicious box', 'suspicious boxes')} by "
            f"{one.name}."
        )
        seen = augmented_support(first, _on_common_scale(one, detector), progress)
        for place, value in seen.items():
            support[place] = max(value, support.get(place, 0.0))
    return audit_by_committee(photos, found, judges, config=config, augmented=support)


def _on_common_scale(judge: CommitteeJudge, detector: Callable[..., Faces]) -> DetectorOf:
    """The detector of all photos, with scores that mean the same for all judges."""
    from facesmith.curation.judges import on_common_scale  # noqa: PLC0415 - slow

    def scaled(image: npt.NDArray[np.uint8], *, min_score: float) -> Faces:
        return on_common_scale(judge, detector(image, min_score=min_score))

    return lambda _: scaled


def compare(
    photos: tuple[AnnotatedPhoto, ...],
    found: list[Faces],
    detector_of: DetectorOf | None,
    judged_by: str,
    config: AuditConfig,
    progress: Progress,
) -> Audit:
    """Annotations against what was found, with test-time augmentation where there is a detector."""
    from facesmith.curation.label_audit.label_errors import audit_photos  # noqa: PLC0415 - slow
    from facesmith.curation.label_audit.test_time_augmentation import augmented_support  # noqa: PLC0415

    first = audit_photos(photos, found, judged_by=judged_by, config=config)
    _check_judge(first)
    n = sum(finding.reason == "no face" for finding in first.findings)
    if detector_of is None or not n:
        return first
    progress.say(f"Test-time augmentation of {counted(n, 'suspicious box', 'suspicious boxes')}.")
    augmented = augmented_support(first, detector_of, progress)
    return audit_photos(photos, found, judged_by=judged_by, config=config, augmented=augmented)


def _check_judge(audit: Audit) -> None:
    """Raise if the detector finds so little that its disagreement says nothing of the labels."""
    from facesmith.errors import EvaluationError  # noqa: PLC0415 - slow

    if audit.n_found < _LEAST_FOUND * audit.n_boxes:
        raise EvaluationError(
            f"Judged by {audit.judged_by}: only {audit.n_found:,} of "
            f"{counted(audit.n_boxes, 'box', 'boxes')} are found with a score of 0.5, too few to "
            "tell wrong ones from the others. Either the detector has learned too little (pass "
            "more --epochs and another --out, or no --folds), or the boxes do not lie on the "
            "faces (another --format, photos that were resized)."
        )
