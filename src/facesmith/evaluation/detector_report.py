"""How good a detector is on annotated photos: recall over false boxes, and what its scores mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.detector import PROPOSALS_FILE, load_detector
from facesmith.errors import WeightsError
from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT, MIN_SCORE
from facesmith.evaluation.detections import find_faces
from facesmith.evaluation.plots import draw_diagram
from facesmith.export.metadata import store_threshold
from facesmith.files import finite_or_none, write_json
from facesmith.metrics.average_precision import AnnotatedFaces, PrecisionRecall, precision_recall
from facesmith.metrics.bootstrap import Interval
from facesmith.metrics.operating_point import OperatingPoint, Target, choose_threshold
from facesmith.metrics.reliability import Reliability, expected_error_interval, reliability
from facesmith.metrics.scored_rows import match_scores
from facesmith.pictures.charts import BLUE, VERMILION, new_figure, tidy, write_chart
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.used_photos import SeenPhotos, seen_photos


@dataclass(frozen=True, eq=False)
class DetectorReport:
    """What a detector does on some photos; a match needs an IoU of 0.4, faces of 16 px count."""

    detector: str  # which detector, in words
    n_photos: int  # photos, face-free ones among them
    curve: PrecisionRecall  # recall and false boxes a photo over all thresholds
    compared: Reliability  # scores against the share of right boxes
    expected_error_interval: Interval  # 95 % bootstrap interval of its expected error
    threshold: float  # the threshold that is stored with the weights
    operating_point: OperatingPoint | None  # how it was chosen, if it was chosen now
    seen: SeenPhotos = field(default_factory=SeenPhotos)  # photos that its training knows

    def at_threshold(self) -> dict[str, float]:
        """Precision, recall and false boxes a photo from the stored threshold on."""
        return self.curve.at_score(self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined figure is `None`."""
        point = self.operating_point
        values = {
            "detector": self.detector,
            "n_photos": self.n_photos,
            "n_faces": self.curve.n_faces,
            "photos_trained_on": self.seen.trained_on,
            "photos_held_out": self.seen.held_out,
            "iou": MATCH_IOU,
            "min_height": MIN_FACE_HEIGHT,
            "ap": self.curve.average_precision,
            "recall_at_0.1": self.curve.recall_at(0.1),
            "recall_at_1": self.curve.recall_at(1.0),
            "expected_calibration_error": self.compared.expected_error,
            "expected_calibration_error_interval": list(self.expected_error_interval),
            "threshold": self.threshold,
            "at_threshold": self.at_threshold(),
            **({"operating_point": point.to_dict()} if point else {}),
            "curve": {"threshold": self.curve.scores.tolist(), **self.curve.points()},
        }
        return dict(finite_or_none(values))


def evaluate_detector(
    run: str | Path,
    photos: Sequence[AnnotatedPhoto],
    *,
    target: Target | None = None,
    threads: int = 1,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> DetectorReport:
    """Run a detector over photos that it was not trained on, and draw the conclusions.

    `run` is the run folder of a detector training, or its `detector.onnx`; `seed` is that of the
    bootstrap; `progress` is told how many photos are done. With a target the threshold is chosen on
    these photos, and stored with the weights.

    Raises:
        EvaluationError: If no threshold keeps the target.
        WeightsError: If the weights cannot be used.
    """
    weights = detector_weights(run)
    detector = load_detector(weights, threads)
    found = find_faces(detector, photos, min_score=MIN_SCORE, progress=progress)
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    boxes = match_scores(truths, found, iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT)
    point = choose_threshold(boxes, target, seed=seed) if target else None
    if point is not None:
        store_threshold(weights, point)
    return DetectorReport(
        detector=Path(run).as_posix(),
        n_photos=len(photos),
        curve=precision_recall(truths, found, iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT),
        compared=reliability(boxes.scores, boxes.right),
        expected_error_interval=expected_error_interval(boxes, seed=seed),
        threshold=point.threshold if point else detector.min_score,
        operating_point=point,
        seen=seen_photos(weights.parent, photos),
    )


def detector_weights(run: str | Path) -> Path:
    """The weights file of a detector's run folder, or the file itself; a `WeightsError` without."""
    run = Path(run)
    path = run / PROPOSALS_FILE if run.is_dir() else run
    if not path.is_file():
        raise WeightsError(
            f"{run} has no {PROPOSALS_FILE}: not a detector's run folder, or its training is not "
            "finished. Go on with `facesmith train ... --resume`."
        )
    return path


def write_detector_report(reported: DetectorReport, folder: str | Path) -> tuple[Path, Path]:
    """Write `roc.png` and `roc.json`; returns both paths.

    The picture has recall over false boxes a photo, and beside it the scores against the share
    right.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    png_path, json_path = folder / "roc.png", folder / "roc.json"
    curve = reported.curve
    figure = new_figure(11.5, 5.2)
    left, right = figure.subplots(1, 2)
    lowest = 0.5 / max(reported.n_photos, 1)
    left.plot(np.maximum(curve.false_per_photo, lowest), curve.recall, color=BLUE, linewidth=2)
    at = reported.at_threshold()
    label = (
        f"threshold {reported.threshold:.2f}: recall {at['recall']:.3f}, "
        f"{at['false_per_photo']:.3f} false boxes a photo"
    )
    where = max(at["false_per_photo"], lowest), at["recall"]
    left.plot(*where, "o", color=VERMILION, markersize=8, label=label)
    left.set_xscale("log")
    left.set_xlabel("False boxes a photo")
    left.set_ylabel(f"Recall (IoU {MATCH_IOU:g}, faces of {MIN_FACE_HEIGHT:g} px and more)")
    title = f"{counted(curve.n_faces, 'face')} in {counted(reported.n_photos, 'photo')}"
    left.set_title(title, loc="left", fontsize=11)
    tidy(left)
    left.legend(loc="lower right", fontsize=9, frameon=False)
    draw_diagram(right, reported.compared)
    write_chart(figure, png_path)
    write_json(json_path, reported.to_dict())
    return png_path, json_path
