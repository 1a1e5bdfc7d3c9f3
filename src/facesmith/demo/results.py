"""How large a demo is, what it finds out, and the files of its folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.approximation.experiment.report import ApproximationReport
from facesmith.approximation.experiment.settings import METHODS
from facesmith.demo.classifiers import TrainedClassifier
from facesmith.demo.photos import SearchedPhoto
from facesmith.demo.synthetic.patches import ROWS
from facesmith.files import OutputFolder, write_json
from facesmith.patches import Patches

FIGURES_NAME = "demo.json"
REPORT_NAME = "report.html"
PATCHES_NAME = "patches.npz"
SHEET_NAME = "contact-sheet.png"
ROC_NAME = "roc.png"
APPROXIMATION_NAME = "monkey-saddle"


@dataclass(frozen=True)
class DemoConfig:
    """How large the demo is; as it stands, it takes under five minutes on two quiet cores."""

    rows: int = ROWS  # synthetic patches: as many as the exercise's own file has
    seed: int = 0  # of patches, weights and orders
    methods: tuple[str, ...] = METHODS  # of the approximation
    # Network -> passes over its patches. `facesmith train` does 30 and 40 by default; by these
    # the curves are flat enough to read, in about half a minute and a minute.
    epochs: dict[str, int] = field(default_factory=lambda: {"pointwise": 15, "compact": 20})


def start_folder(path: str | Path, *, force: bool) -> Path:
    """Make the folder of a demo, empty but for its first figures; it may be missing or empty.

    `force` deletes what an earlier demo left there.

    Raises:
        WriteError: If it cannot be made, or is not empty and is not to be replaced.
    """
    path = Path(path)
    OutputFolder(path, "demo").start(force=force)
    write_figures(path, {"command": sys.argv})
    return path


def write_figures(path: Path, figures: dict[str, Any]) -> None:
    """Write `demo.json`: what made the folder, and the figures of the report."""
    write_json(path / FIGURES_NAME, {"facesmith": __version__, "task": "demo", **figures})


@dataclass(frozen=True, eq=False)
class Demo:
    """All that a demo found out, for its report."""

    out: Path  # its folder
    config: DemoConfig  # how large it was
    approximation: ApproximationReport  # the monkey saddle
    patches: Patches  # the synthetic patches
    classifiers: tuple[TrainedClassifier, ...]  # the trained ones, in the order of `config.epochs`
    photos: tuple[SearchedPhoto, ...]  # the photos and what was found in them
    seconds: dict[str, float]  # name of each step -> how long it took
    machine: str  # what it ran on, in words

    def figures(self) -> dict[str, Any]:
        """The main figures, for `demo.json`."""
        reports = [(c.metrics["epochs"], c.report.to_dict()) for c in self.classifiers]
        return {
            "machine": self.machine,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
            "approximation": self.approximation.rows(),
            "drawn_patches": [
                {"rows": self.config.rows, "epochs": epochs}
                | {name: value for name, value in report.items() if name != "curve"}
                for epochs, report in reports
            ],
            "photos": [
                {
                    "file": photo.name,
                    "expected": photo.expected,
                    "boxes": photo.faces.boxes.tolist(),
                    "scores": photo.faces.scores.tolist(),
                    "latency_ms": round(photo.latency_ms, 2),
                }
                for photo in self.photos
            ],
        }
