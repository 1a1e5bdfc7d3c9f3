"""The ROC curve of a trained classifier: figures, JSON and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.classifier_rows import rate_rows
from facesmith.files import finite_or_none, write_json
from facesmith.metrics.operating_point import OperatingPoint
from facesmith.metrics.roc import RocCurve, RocIntervals, accuracy, bootstrap_intervals, roc_curve
from facesmith.pictures.charts import COLOURS, marker, new_figure, tidy, write_chart
from facesmith.printable import counted

_MISSING = "one of the two labels is missing"
THRESHOLD = 0.5  # at which `accuracy` is taken, as the exercise's binary accuracy is


@dataclass(frozen=True)
class RatesAtThreshold:
    """What one threshold does on the rows of a report; NaN where undefined."""

    threshold: float
    tpr: float
    fpr: float
    precision: float


@dataclass(frozen=True, eq=False)
class RocReport:
    """What a classifier's scores on some rows say of it."""

    network: str  # name of the network
    rows: str  # which rows were scored, in words
    n_faces: int  # rows that show a face
    n_others: int  # rows that do not
    n_photos: int | None  # photos that the rows come from; `None` where they are unknown
    curve: RocCurve  # the ROC curve
    accuracy: float  # share of rows on the right side of the score 0.5
    accuracy_at_best: float  # the same at the threshold of the point nearest to (0, 1)
    intervals: RocIntervals  # 95 % bootstrap intervals, by photo or else by row
    operating_point: OperatingPoint | None = None  # chosen for a target, on other rows
    at_threshold: RatesAtThreshold | None = None  # what that threshold does on these rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures and an infinite threshold become `None`."""
        names = ("network", "rows", "n_faces", "n_others", "n_photos")
        values = {name: getattr(self, name) for name in names} | {
            "auc": self.curve.auc,
            "accuracy": self.accuracy,
            "accuracy_threshold": THRESHOLD,
            "accuracy_at_best": self.accuracy_at_best,
            "best": asdict(self.curve.best),
            **(
                {"operating_point": point.to_dict(), "at_threshold": asdict(at)}
                if (point := self.operating_point) and (at := self.at_threshold)
                else {}
            ),
            "intervals": {
                "level": 0.95,
                "resampled": "rows" if self.n_photos is None else "photos",
                **asdict(self.intervals),
            },
            "curve": {
                "threshold": self.curve.thresholds.tolist(),
                "tpr": self.curve.tpr.tolist(),
                "fpr": self.curve.fpr.tolist(),
            },
        }
        return dict(finite_or_none(values))


def evaluate_run(
    run: str | Path,
    patches_path: str | Path | None = None,
    *,
    split: str | None = None,
    thresholds: Sequence[float] | npt.NDArray[np.float64] | None = None,
    operating_point: OperatingPoint | None = None,
    threads: int = 1,
    seed: int = 0,
) -> RocReport:
    """Score rows that the run was not trained on, and draw the conclusions.

    `run`, `patches_path`, `split` and `threads` are those of `rate_rows`, `seed` is that of the
    resampling. The curve is evaluated at `thresholds`, by default everywhere; the rates that an
    `operating_point` has on these rows are reported, too.

    Raises:
        FacesmithError: As `rate_rows`.
    """
    rated = rate_rows(run, patches_path, split=split, threads=threads)
    return report(**vars(rated), thresholds=thresholds, operating_point=operating_point, seed=seed)


def report(
    labels: npt.NDArray[np.integer],
    scores: npt.NDArray[np.floating],
    *,
    photos: npt.NDArray[np.integer] | None,
    network: str,
    rows: str,
    thresholds: Sequence[float] | npt.NDArray[np.float64] | None = None,
    operating_point: OperatingPoint | None = None,
    seed: int = 0,
) -> RocReport:
    """The report on rows that are scored already; arguments as in `RocReport`."""
    at_threshold = None
    if operating_point is not None:
        accepted, faces = scores >= operating_point.threshold, labels == 1
        found, false = (accepted & faces).sum(), (accepted & ~faces).sum()
        with np.errstate(invalid="ignore"):
            rates = found / faces.sum(), false / (~faces).sum(), found / accepted.sum()
        at_threshold = RatesAtThreshold(operating_point.threshold, *map(float, rates))
    curve = roc_curve(labels, scores, thresholds)
    best = curve.best.threshold
    n_faces = int(np.sum(labels))
    return RocReport(
        network=network,
        rows=rows,
        n_faces=n_faces,
        n_others=len(labels) - n_faces,
        n_photos=None if photos is None else len(np.unique(photos)),
        curve=curve,
        accuracy=accuracy(labels, scores, THRESHOLD),
        accuracy_at_best=float("nan") if np.isnan(best) else accuracy(labels, scores, best),
        intervals=bootstrap_intervals(
            labels, scores, threshold=THRESHOLD, best_threshold=best, groups=photos, seed=seed
        ),
        operating_point=operating_point,
        at_threshold=at_threshold,
    )


def write_report(reported: RocReport, folder: str | Path) -> tuple[Path, Path]:
    """Write `roc.png` and `roc.json`; returns both paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    png_path, json_path = folder / "roc.png", folder / "roc.json"
    draw_roc([reported], png_path)
    write_json(json_path, reported.to_dict())
    return png_path, json_path


def draw_roc(reports: Sequence[RocReport], path: str | Path) -> None:
    """Draw ROC curves, one colour each, the point nearest to (0, 1) marked.

    Good classifiers fill the upper left corner only: an inset shows the same curves over a
    logarithmic false positive rate.
    """
    figure = new_figure(7.2, 6.6)
    axes = figure.add_subplot()
    inset = axes.inset_axes((0.40, 0.40, 0.56, 0.42))
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    lowest = 0.5 / max(*(r.n_others for r in reports), 1)
    for reported, colour in zip(reports, cycle(COLOURS)):
        curve, best = reported.curve, reported.curve.best
        if np.isnan(curve.auc):
            axes.plot([], [], color=colour, label=f"{reported.network}: undefined, {_MISSING}")
            continue
        low, high = reported.intervals.auc
        label = f"{reported.network}: AUC {curve.auc:.4f}  (95 %: {low:.4f} to {high:.4f})"
        axes.plot(curve.fpr, curve.tpr, color=colour, linewidth=2, label=label, zorder=3)
        label = f"threshold {best.threshold:.2f}: TPR {best.tpr:.3f}, FPR {best.fpr:.3f}"
        axes.plot(best.fpr, best.tpr, **marker(colour, edge_width=1.5), label=label)
        inset.plot(np.maximum(curve.fpr, lowest), curve.tpr, color=colour, linewidth=1.6)
        inset.plot(max(best.fpr, lowest), best.tpr, **marker(colour, edge_width=1.5))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xlabel("False positive rate: non-faces taken for faces")
    axes.set_ylabel("True positive rate: faces found")
    first = reports[0]
    photos = "" if first.n_photos is None else f" from {counted(first.n_photos, 'photo')}"
    sizes = f"{counted(first.n_faces, 'face')} and {counted(first.n_others, 'non-face')}{photos}"
    title = f"ROC curve, {first.rows}\n{sizes}"
    axes.set_title(title, loc="left", fontsize=11).set_wrap(True)
    axes.legend(loc="lower right", fontsize=8.5, frameon=False)
    inset.set_xscale("log")
    inset.set_xlim(lowest, 1)
    bottom = min(_tpr_at(r.curve, 0.003) for r in reports)
    inset.set_ylim(max(0.0, np.floor(bottom * 20) / 20 - 0.02), 1.005)
    inset.set_title("same curve, logarithmic FPR", fontsize=8, color="0.35")
    inset.tick_params(labelsize=7)
    for each in (axes, inset):
        tidy(each)
    write_chart(figure, path)


def _tpr_at(curve: RocCurve, fpr: float) -> float:
    """The highest TPR within an FPR; 0 where the curve is undefined."""
    within = curve.tpr[curve.fpr <= fpr]
    return float(within.max()) if len(within) and np.isfinite(within).any() else 0.0
