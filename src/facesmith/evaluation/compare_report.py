"""A comparison as JSON, and its files: `compare.json` and two pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.baselines import DetectorName
from facesmith.evaluation.compare import (
    AS_THEY_ARE,
    CompareConfig,
    Measured,
    size_name,
    timed_photos,
)
from facesmith.evaluation.footprint import measure_footprint
from facesmith.evaluation.machine import describe_machine
from facesmith.evaluation.plots import draw_accuracy_time, draw_precision_recall
from facesmith.files import checksum, finite_or_none, write_json
from facesmith.metrics.average_precision import PrecisionRecall
from facesmith.printable import counted

RECALLS_AT = (0.1, 1.0)  # false boxes a photo, at which the recall is given


@dataclass(frozen=True, eq=False)
class Comparison:
    """Detectors compared on the same photos."""

    config: CompareConfig  # how
    names: tuple[DetectorName, ...]  # the detectors as they were named, in order
    measured: Mapping[str, Measured]  # label -> what was measured
    left_out: Mapping[str, str]  # label -> why the detector is absent
    n_face_free: int  # face-free photos
    sources: Mapping[str, Any]  # where the photos come from, in words, for the results

    @property
    def title(self) -> str:
        """What was measured on, in words."""
        curve, least = self._curve, self.config.min_height
        ignored = f" of {least:g} px and more" if least else ""
        return f"{counted(curve.n_photos, 'photo')} with {counted(curve.n_faces, 'face')}{ignored}"

    @cached_property
    def about(self) -> dict[str, Any]:
        """Machine, versions of what the detectors need, and date."""
        footprints = [each.footprint for each in self.measured.values() if each.footprint]
        versions = {name for each in footprints for name in each.distributions}
        return describe_machine(versions - {"facesmith"}, self.config.threads)

    @property
    def _curve(self) -> PrecisionRecall:
        return next(iter(self.measured.values())).curves[self.config.iou_thresholds[0]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; figures that are undefined are `None`."""
        config = self.config
        values = {
            "about": self.about,
            "sets": {
                "annotated": {
                    "source": self.sources.get("annotated"),
                    "photos": self._curve.n_photos,
                    "faces": self._curve.n_faces,
                },
                "face_free": {"source": self.sources.get("face_free"), "photos": self.n_face_free},
            },
            "protocol": {
                **asdict(config),
                "sizes_wh": [size_name(size) for size in config.sizes_wh],
                "common_recall_iou": config.common_recall_iou,
                "timing": "milliseconds from the array to the faces at the own threshold, one "
                "photo after the other, the detectors taking turns; photos stretched to the size; "
                f"'{AS_THEY_ARE}': in their own size, each once, with the least score",
                "differences_told": all(each.differences_told for each in self.measured.values()),
                "against_first": "each detector less the first one; interval: 95 %, paired "
                "bootstrap over photos; recall and false_per_photo at each detector's threshold",
                "memory": "peak resident memory of a process of its own that opens the detector "
                "and looks at the timed photos in the first size",
                "install": "distributions needed beyond Python itself, without bytecode",
            },
            "detectors": [
                _detector_dict(name, self.measured[name.label], config) for name in self.names
            ],
            "left_out": dict(self.left_out),
        }
        return dict(finite_or_none(values))


def with_footprints(
    measured: Mapping[str, Measured],
    names: Iterable[DetectorName],
    photos: Sequence[AnnotatedPhoto],
    config: CompareConfig,
) -> dict[str, Measured]:
    """The same, with memory and sizes, for which each detector runs in a process of its own."""
    paths = [photo.path for photo in timed_photos(photos, config.n_timed)]
    size_wh = config.sizes_wh[0] if config.sizes_wh else None
    footprints = {
        name.label: measure_footprint(
            name, measured[name.label].baseline, paths, size_wh=size_wh, threads=config.threads
        )
        for name in names
    }
    return {label: replace(measured[label], footprint=each) for label, each in footprints.items()}


def write_comparison(compared: Comparison, folder: str | Path) -> tuple[Path, Path, Path]:
    """Write `compare.json`, `precision_recall.png` and `accuracy_time.png` into a folder.

    Curves and accuracy are at the first of the overlaps; the time is that of the first size, or of
    the photos as they are.

    Raises:
        WriteError: If a file cannot be written.
    """
    folder = Path(folder)
    names = ("compare.json", "precision_recall.png", "accuracy_time.png")
    json_path, curves_path, time_path = (folder / name for name in names)
    write_json(json_path, compared.to_dict())
    iou = compared.config.iou_thresholds[0]
    sizes = compared.config.sizes_wh
    size = size_name(sizes[0]) if sizes else AS_THEY_ARE
    title = f"{compared.title}; match: IoU of at least {iou:g}"
    curves, own = {}, {}
    for label, each in compared.measured.items():
        curve, at = each.curves[iou], each.at_own_threshold(iou)
        ap = curve.average_precision
        words = f"{label}: AP {'-' if isnan(ap) else f'{ap:.3f}'}"
        curves[words], own[words] = (curve.recall, curve.precision), (at.recall, at.precision)
    note = f"{title}\nMarks: each detector at its own threshold"
    draw_precision_recall(curves, curves_path, note, own)
    threads = compared.config.threads
    draw_accuracy_time(
        {
            label: (each.timings[size].median_ms, each.curves[iou].average_precision)
            for label, each in compared.measured.items()
        },
        time_path,
        title=f"{title}\n{compared.about['machine']}; {counted(threads, 'thread')}",
        size=f"photo of {size} pixels" if sizes else "photo in its own size",
    )
    return json_path, curves_path, time_path


def _detector_dict(name: DetectorName, each: Measured, config: CompareConfig) -> dict[str, Any]:
    accuracy = {}
    for iou, curve in each.curves.items():
        accuracy[f"{iou:g}"] = {
            "average_precision": curve.average_precision,
            **{f"recall_at_{rate:g}_false_a_photo": curve.recall_at(rate) for rate in RECALLS_AT},
            "at_own_threshold": asdict(each.at_own_threshold(iou)),
        }
        if iou in each.against_first:
            accuracy[f"{iou:g}"]["against_first"] = {
                figure: {"difference": change.difference, "interval": list(change.interval)}
                for figure, change in each.against_first[iou].items()
            }
    face_free = None
    if each.face_free_own is not None and each.face_free_common is not None:
        face_free = {
            "at_own_threshold": asdict(each.face_free_own),
            f"at_recall_{config.common_recall:g}": asdict(each.face_free_common),
        }
    return {
        "detector": name.label,
        "kind": name.kind,
        "own_threshold": each.baseline.min_score,
        "weights": {
            path.name: {"bytes": path.stat().st_size, "sha256": checksum(path)}
            for path in each.baseline.weights_paths
        },
        "accuracy": accuracy,
        "face_free": face_free,
        "milliseconds": {size: asdict(timing) for size, timing in each.timings.items()},
        "bytes": None if each.footprint is None else asdict(each.footprint),
    }
