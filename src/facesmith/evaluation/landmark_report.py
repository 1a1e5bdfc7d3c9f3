"""How well detectors find the five points of annotated faces: figures, JSON and a picture.

A face that is not found has no error: it is counted apart, and detectors are compared on the faces
that all of them found, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.landmarks import PointedFaces
from facesmith.evaluation.plots import draw_cumulative_errors
from facesmith.faces import LANDMARK_NAMES
from facesmith.files import finite_or_none, write_json
from facesmith.metrics.landmarks import (
    FloatArray,
    box_sizes,
    cumulative_errors,
    eye_distances,
    normalised_errors,
    point_distances,
    roll_errors,
)
from facesmith.metrics.paired import Change, paired_mean_change

FAILURES = (0.08, 0.10)  # a face with a larger error, by the box, is a failure
FRONTAL = 30.0  # degrees of yaw below which the eyes' distance is a length to divide by
YAW_BINS = (("0 to 15", 0.0, 15.0), ("15 to 30", 15.0, 30.0), ("30 to 50", 30.0, 50.0),
            ("50 and more", 50.0, 181.0))  # fmt: skip
UNKNOWN = "unknown"  # yaw of a face of which a point is not annotated
LIMITS = np.linspace(0, 0.2, 201)  # of the cumulative error curve

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LandmarkFigures:
    """The errors of some faces; NaN where there is nothing to measure."""

    n_faces: int  # faces that count
    n_found: int  # of these
    nme: float  # mean error of the found ones, by the square root of the box's area
    nme_eyes: float  # the same by the distance of the eyes, of the frontal ones
    n_frontal: int  # found ones of which that is the mean
    failures: Mapping[str, float]  # error -> share of the found ones with a larger one, by the box
    points: Mapping[str, float]  # point -> its mean error, by the box
    roll: float  # mean size of the roll error, degrees
    roll_90: float  # nine in ten faces have at most this one, degrees

    @property
    def n_not_found(self) -> int:
        """Faces that were not found: they have no error, and are in no mean."""
        return self.n_faces - self.n_found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "faces": self.n_faces,
            "found": self.n_found,
            "not_found": self.n_not_found,
            "nme": self.nme,
            "nme_eyes": self.nme_eyes,
            "faces_of_nme_eyes": self.n_frontal,
            "failures": dict(self.failures),
            "nme_of_points": dict(self.points),
            "roll_error": self.roll,
            "roll_error_90": self.roll_90,
        }


def landmark_figures(
    faces: PointedFaces, found: npt.NDArray[np.float32], kept: BoolArray | None = None
) -> LandmarkFigures:
    """The errors of the faces, or of those `kept`, bool `(n,)`, given the points found in them."""
    chosen = np.ones(len(faces), bool) if kept is None else kept
    truth, points, yaws = faces.points[chosen], found[chosen], faces.yaws[chosen]
    sizes = box_sizes(faces.boxes[chosen])
    distances = point_distances(points, truth)
    errors = normalised_errors(distances, sizes)
    known = np.isfinite(errors)
    by_eyes = normalised_errors(distances, eye_distances(truth))[known & (yaws < FRONTAL)]
    by_eyes = by_eyes[np.isfinite(by_eyes)]
    rolls = np.abs(roll_errors(points, truth))
    rolls = rolls[np.isfinite(rolls)]
    of_points = distances / sizes[:, None]
    return LandmarkFigures(
        n_faces=int(chosen.sum()),
        n_found=int(known.sum()),
        nme=_mean(errors[known]),
        nme_eyes=_mean(by_eyes),
        n_frontal=len(by_eyes),
        failures={f"{limit:g}": _mean(errors[known] > limit) for limit in FAILURES},
        points={
            name: _mean(column[np.isfinite(column)])
            for name, column in zip(LANDMARK_NAMES, of_points.T, strict=True)
        },
        roll=_mean(rolls),
        roll_90=float(np.quantile(rolls, 0.9)) if len(rolls) else float("nan"),
    )


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


@dataclass(frozen=True, eq=False)
class MeasuredLandmarks:
    """What was measured of one detector."""

    figures: LandmarkFigures  # of all faces
    common: LandmarkFigures  # of the faces that all detectors found
    by_yaw: Mapping[str, LandmarkFigures]  # yaw in degrees -> of the faces turned so far
    errors: FloatArray  # of each face, by the box, float64 `(n,)`; NaN where it was not found
    # The error by the box on the common faces: the first detector's and this one's; `None` for the
    # first.
    against_first: Change | None = None

    @property
    def cumulative(self) -> FloatArray:
        """Share of all faces with an error of at most each of `LIMITS`, float64 `(201,)`."""
        return cumulative_errors(self.errors, LIMITS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        change = self.against_first
        return {
            "all": self.figures.to_dict(),
            "common": self.common.to_dict(),
            "by_yaw": {name: each.to_dict() for name, each in self.by_yaw.items()},
            "nme_against_first": None if change is None else change.to_dict(),
            "cumulative": [round(float(share), 5) for share in self.cumulative],
        }


@dataclass(frozen=True, eq=False)
class LandmarkComparison:
    """Detectors' points on the same faces."""

    faces: PointedFaces  # the faces that count
    measured: Mapping[str, MeasuredLandmarks]  # label of each detector -> what was measured
    protocol: Mapping[str, Any] = field(default_factory=dict)  # how, in plain values

    @property
    def n_common(self) -> int:
        """Faces that all detectors found."""
        return next(iter(self.measured.values())).common.n_faces

    @property
    def title(self) -> str:
        """What was measured on, in words."""
        return f"{self.faces.n_photos:,} photos with {len(self.faces):,} faces that have points"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; figures that are undefined are `None`."""
        values = {
            "photos": self.faces.n_photos,
            "faces": len(self.faces),
            "faces_that_all_found": self.n_common,
            "protocol": {
                **self.protocol,
                "nme": "mean distance of the five points by the square root of the annotated box's "
                f"area; nme_eyes: by the distance of the eyes, yaw below {FRONTAL:g} degrees",
                "not_found": "in no mean; the cumulative curve counts them as above every error",
                "yaw": "degrees, estimated from the annotated points",
                "interval": "95 %, paired bootstrap over photos, this detector less the first",
            },
            "limits_of_cumulative": [round(float(limit), 4) for limit in LIMITS],
            "detectors": {label: each.to_dict() for label, each in self.measured.items()},
        }
        return dict(finite_or_none(values))


def compare_landmarks(
    faces: PointedFaces,
    points: Mapping[str, npt.NDArray[np.float32]],
    protocol: Mapping[str, Any] | None = None,
) -> LandmarkComparison:
    """Measure the points that detectors found in the same faces.

    Args:
        faces: The annotated faces.
        points: Label of each detector -> float32 `(n, 5, 2)`, NaN where a face was not found; at
            least one.
        protocol: How they were found, plain values for the JSON.
    """
    sizes = box_sizes(faces.boxes)
    errors = {
        label: normalised_errors(point_distances(each, faces.points), sizes)
        for label, each in points.items()
    }
    common = np.all([np.isfinite(each) for each in errors.values()], axis=0)
    first = next(iter(errors))
    measured = {
        label: MeasuredLandmarks(
            figures=landmark_figures(faces, each),
            common=landmark_figures(faces, each, common),
            by_yaw={
                name: landmark_figures(faces, each, kept) for name, kept in yaw_bins(faces).items()
            },
            errors=errors[label],
            against_first=None
            if label == first
            else paired_mean_change(
                errors[first][common], errors[label][common], faces.photos[common]
            ),
        )
        for label, each in points.items()
    }
    return LandmarkComparison(faces, measured, protocol or {})


def yaw_bins(faces: PointedFaces) -> dict[str, BoolArray]:
    """Name of each bin of yaw that has faces -> which faces they are, bool `(n,)`."""
    bins = {name: (faces.yaws >= low) & (faces.yaws < high) for name, low, high in YAW_BINS}
    bins[UNKNOWN] = np.isnan(faces.yaws)
    return {name: kept for name, kept in bins.items() if kept.any()}


def write_landmarks(compared: LandmarkComparison, folder: str | Path) -> tuple[Path, Path]:
    """Write `landmarks.json` and `cumulative_error.png` into a folder; existing ones are replaced.

    Raises:
        WriteError: If a file cannot be written.
    """
    json_path, curve_path = Path(folder) / "landmarks.json", Path(folder) / "cumulative_error.png"
    write_json(json_path, compared.to_dict())
    draw_cumulative_errors(
        {label: (LIMITS, each.cumulative) for label, each in compared.measured.items()},
        curve_path,
        title=f"{compared.title}; dotted: error of a failure",
        marks=FAILURES,
    )
    return json_path, curve_path
