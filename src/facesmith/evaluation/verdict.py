"""Is the new detector better than the old one? Both on the same photos, and the answer in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Literal

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.detector import load_detector
from facesmith.evaluation import IOU_THRESHOLDS, MATCH_IOU, MIN_FACE_HEIGHT, MIN_SCORE
from facesmith.evaluation.detections import find_faces
from facesmith.faces import Faces
from facesmith.files import finite_or_none, write_json
from facesmith.metrics.average_precision import AnnotatedFaces, PrecisionRecall, precision_recall
from facesmith.metrics.paired import LEVEL, Change, can_tell, paired_changes
from facesmith.metrics.scored_rows import match_scores
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress

Kind = Literal["better", "worse", "alike", "unknown"]
Source = Literal["held out", "cross-validated", "val"]

VERDICT_NAME = "verdict.json"
SHIPPED = "shipped"  # the name of the detector that comes along
STRICT_IOU = IOU_THRESHOLDS[0]  # of the average precision that decides
AS_DRAWN = 0.998  # AP of the old detector from which on the labels are its own boxes
NARROW = 0.02  # an interval within so much of 0 says that both are alike

# Figure -> its name in tables, and in a sentence.
NAMES: dict[str, tuple[str, str]] = {
    "ap": (f"AP at IoU {STRICT_IOU:g}", "AP"),
    "ap_iou40": (f"AP at IoU {MATCH_IOU:g}", f"AP at IoU {MATCH_IOU:g}"),
    "recall_at_0.1": ("recall at 0.1 false boxes a photo",) * 2,
    "recall": ("recall at the own threshold",) * 2,
    "false_per_photo": ("false boxes a photo there", "false boxes a photo"),
}
_WHAT: dict[Source, str] = {"held out": "held-out ", "cross-validated": "", "val": "--val "}


@dataclass(frozen=True, eq=False)
class Judged:
    """A detector and what it found."""

    name: str  # which one, in words
    threshold: float  # its own: scores from this on count as faces
    found: Sequence[Faces]  # of each photo, from `MIN_SCORE` on


@dataclass(frozen=True, eq=False)
class Verdict:
    """Two detectors on the same photos.

    AP is at IoU 0.5, `ap_iou40` and all recalls and false boxes at IoU 0.4; faces of 16 px and more
    count.
    """

    old: Judged  # the detector to be beaten
    new: Judged  # the new one
    photos: Sequence[AnnotatedPhoto]  # what both looked at
    source: Source  # where these photos come from
    n_folds: int  # of the cross-validation; 0 without one
    n_faces: int  # faces that count
    enough: bool  # whether there are photos and faces enough to tell any difference
    changes: Mapping[str, Change]  # figure, a key of `NAMES`, -> both values and the interval
    curves: tuple[PrecisionRecall, PrecisionRecall]  # of old and new, at IoU 0.5
    chosen_here: bool = True  # of held-out photos: whether the new detector was chosen by them

    @property
    def kind(self) -> Kind:
        """`alike`: the interval is narrow and holds 0; `unknown`: it is wide, or faces are few."""
        ap = self.changes["ap"]
        if not self.enough or isnan(ap.interval[0]):
            return "unknown"
        if ap.told:
            return "better" if ap.difference > 0 else "worse"
        return "alike" if max(map(abs, ap.interval)) <= NARROW else "unknown"

    def words(self) -> str:
        """The verdict in one line, such as `better: +.083 AP, 95 % +.031 to +.124`."""
        faces = f"{self.n_faces:,} {_WHAT[self.source]}face{'s' * (self.n_faces != 1)}"
        way_out = "annotate more" + (", or pass --val" if self.source == "held out" else "")
        ap = self.changes["ap"]
        if not self.enough:
            return f"no difference can be told with {faces}: {way_out}"
        figures = f"{signed(ap.difference)} AP, {between(ap)}"
        if self.kind == "unknown":
            told = f"{figures}{self._others()}"
            return f"no difference in AP can be told with {faces} ({told}): {way_out}"
        said = {"better": "better", "worse": "worse", "alike": "as good"}[self.kind]
        return f"{said}: {figures}{self._others()}{self._of_threshold()}"

    def _of_threshold(self) -> str:
        """Both recalls at the own threshold where AP is alike and they are not."""
        recall = self.changes["recall"]
        if self.kind != "alike" or not abs(recall.difference) > NARROW:
            return ""
        return f"; {NAMES['recall'][1]} {plain(recall.old)} to {plain(recall.new)}"

    def _others(self) -> str:
        """The other figures that differ for sure, where they do not say the same.

        Recall and false boxes at the threshold go together: one is bought with the other.
        """
        ap = self.changes["ap"]
        told = {name: each for name, each in self.changes.items() if each.told and each is not ap}
        against = set(told)
        if self.kind in ("better", "worse"):
            signs = {name: -1 if name == "false_per_photo" else 1 for name in told}
            against = {n for n, c in told.items() if c.difference * signs[n] * ap.difference < 0}
        bought = {"recall", "false_per_photo"}
        shown = against | (bought if against & bought else set())
        parts = [
            f"{NAMES[name][1]} {signed(change.difference)}, {between(change)}"
            for name, change in told.items()
            if name in shown
        ]
        joint = "; but " if self.kind in ("better", "worse") else "; "
        return joint + "; ".join(parts) if parts else ""

    @property
    def judged_on(self) -> str:
        """What both looked at, in words."""
        n, k = len(self.photos), self.n_folds
        n_with = sum(bool((~photo.ignored).any()) for photo in self.photos)
        some = "" if n_with == n else f" in {n_with:,} of them"
        photos = f"{counted(n, 'photo')} with {counted(self.n_faces, 'face')}{some}"
        return {
            "held out": f"the held-out {photos}",
            "cross-validated": f"{photos}, each by one of {k} detectors that did not learn from it",
            "val": f"the photos of --val: {photos}",
        }[self.source]

    @property
    def caveat(self) -> str:
        """What to bear in mind, in sentences; empty where there is nothing."""
        sentences = [self._circular, self._of_source]
        return " ".join(sentence for sentence in sentences if sentence)

    @property
    def _circular(self) -> str:
        if not self.changes["ap"].old >= AS_DRAWN:
            return ""
        return (
            f"The labels lie where {self.old.name} draws its boxes: the figures say how far the "
            "new detector agrees with it, not which is better."
        )

    @property
    def _of_source(self) -> str:
        if self.source == "held out" and not self.chosen_here:
            return ""
        return {
            "held out": "The same photos chose weights, calibration and threshold of the new "
            "detector, which flatters it a little.",
            "cross-validated": f"Each of the {self.n_folds} learned from fewer photos than the "
            "detector in the run folder, which may be a little better.",
            "val": "",
        }[self.source]

    def table(self) -> list[list[str]]:
        """Head and one row a figure: name, old, new, difference with its interval."""
        rows = [["", self.old.name, "new", "difference, 95 %"]]
        for name, change in self.changes.items():
            values = [NAMES[name][0], plain(change.old), plain(change.new)]
            known = not isnan(change.interval[0])
            low, high = map(signed, change.interval)
            rows.append(
                [*values, f"{signed(change.difference)} ({low} to {high})" if known else "-"]
            )
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined figure is `None`."""
        values = {
            "verdict": self.kind,
            "words": self.words(),
            "old": {"detector": self.old.name, "threshold": self.old.threshold},
            "new": {"detector": self.new.name, "threshold": self.new.threshold},
            "photos": {
                "source": self.source,
                "folds": self.n_folds,
                "n_photos": len(self.photos),
                "n_faces": self.n_faces,
                "enough": self.enough,
                "names": [photo.name for photo in self.photos],
            },
            "protocol": {
                "min_height": MIN_FACE_HEIGHT,
                "iou": {"ap": STRICT_IOU, "others": MATCH_IOU},
                "interval": LEVEL,
                "resampled": "photos, paired",
            },
            "figures": {name: change.to_dict() for name, change in self.changes.items()},
        }
        return dict(finite_or_none(values))


def compare_detectors(
    old: str | Path | None,
    new: str | Path | None,
    photos: Sequence[AnnotatedPhoto],
    *,
    source: Source = "val",
    threads: int = 1,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Verdict:
    """Run two detectors over the same photos and compare them.

    Args:
        old: Run folder or `detector.onnx` of the detector to be beaten; `None`: the shipped one.
        new: The new one, likewise.
        photos: Annotated and face-free photos that the new one was not trained on.
        source: Where the photos come from, for the words.
        threads: CPU threads of each detector.
        seed: Of the bootstrap.
        progress: Told how many photos are done.

    Raises:
        WeightsError: If weights cannot be used.
        ImageError: If a photo cannot be read.
    """
    before, after = (look(each, photos, threads=threads, progress=progress) for each in (old, new))
    return judge(before, after, photos, source=source, seed=seed)


def look(
    model: str | Path | None,
    photos: Sequence[AnnotatedPhoto],
    *,
    threads: int = 1,
    progress: Progress = NO_PROGRESS,
) -> Judged:
    """What a detector finds in photos; arguments as for `compare_detectors`."""
    detector = load_detector(model, threads)
    found = find_faces(detector, photos, min_score=MIN_SCORE, progress=progress)
    name = SHIPPED if model is None else Path(model).as_posix()
    return Judged(name, detector.min_score, found)


def judge(
    old: Judged,
    new: Judged,
    photos: Sequence[AnnotatedPhoto],
    *,
    source: Source = "val",
    n_folds: int = 0,
    seed: int = 0,
    chosen_here: bool = True,
) -> Verdict:
    """The verdict on what two detectors found; arguments as for `compare_detectors`.

    `n_folds` and `chosen_here` are those of `Verdict`.

    Raises:
        ValueError: If a detector has not one entry a photo.
    """
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    strict, loose = (
        [
            match_scores(truths, each.found, iou_threshold=iou, min_height=MIN_FACE_HEIGHT)
            for each in (old, new)
        ]
        for iou in (STRICT_IOU, MATCH_IOU)
    )
    thresholds = (old.threshold, new.threshold)
    of_boxes = paired_changes(strict[0], strict[1], thresholds, seed=seed)
    changes = paired_changes(loose[0], loose[1], thresholds, seed=seed)
    before, after = (
        precision_recall(truths, each.found, iou_threshold=STRICT_IOU, min_height=MIN_FACE_HEIGHT)
        for each in (old, new)
    )
    return Verdict(
        old=old,
        new=new,
        photos=photos,
        source=source,
        n_folds=n_folds,
        n_faces=before.n_faces,
        enough=can_tell(loose[0]),
        changes={"ap": of_boxes["ap"], "ap_iou40": changes.pop("ap"), **changes},
        curves=(before, after),
        chosen_here=chosen_here,
    )


def write_verdict(verdict: Verdict, folder: str | Path) -> Path:
    """Write `verdict.json` into a folder; returns its path."""
    path = Path(folder) / VERDICT_NAME
    write_json(path, verdict.to_dict())
    return path


def plain(value: float) -> str:
    """A figure as `.883`, `1.000`; `-` where it is undefined."""
    return "-" if isnan(value) else f"{value:.3f}".removeprefix("0")


def signed(value: float) -> str:
    """A difference as `+.083`, `-.004`, `+1.200`; `-` where it is undefined."""
    if isnan(value):
        return "-"
    text = f"{round(value, 3) + 0.0:+.3f}"  # + 0.0: no minus before zeros
    return text.replace("+0.", "+.").replace("-0.", "-.")


def between(change: Change) -> str:
    """The interval in words: `95 % +.031 to +.124`."""
    return f"95 % {signed(change.interval[0])} to {signed(change.interval[1])}"
