"""The demo itself: detect, approximate, draw, train, report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facesmith.approximation.experiment.compare import run
from facesmith.approximation.experiment.report import ApproximationReport
from facesmith.approximation.experiment.run_folder import write_run_folder
from facesmith.approximation.experiment.settings import ApproximationConfig
from facesmith.demo.classifiers import train_on_synthetic
from facesmith.demo.photos import search_photos
from facesmith.demo.report import write_report
from facesmith.demo.results import (
    APPROXIMATION_NAME,
    PATCHES_NAME,
    REPORT_NAME,
    ROC_NAME,
    SHEET_NAME,
    Demo,
    DemoConfig,
    start_folder,
    write_figures,
)
from facesmith.demo.synthetic.patches import draw_patches
from facesmith.detection.detector import Detector, load_detector
from facesmith.detection.sessions import available_cores
from facesmith.evaluation.roc_report import draw_roc
from facesmith.files import OutputFolder
from facesmith.patches import Patches, save_patches, write_contact_sheet
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress

_PARTS = 1000  # that a fit is told in
MORE_THAN_ONE_PROCESS = 1024  # rows; below this, starting processes takes longer than drawing


def run_demo(
    out: str | Path,
    config: DemoConfig | None = None,
    *,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Demo:
    """Run everything and write the report.

    ```
    demo-out/
      report.html        everything in one file, for any browser, without a network
      demo.json          the figures
      monkey-saddle/     run folder of the approximation
      patches.npz        the synthetic patches
      contact-sheet.png  some of them
      pointwise/         run folders of the classifiers
      compact/
      roc.png            their ROC curves
    ```

    `config` is by default as `make demo` has it; `force` replaces what an earlier demo left in the
    folder `out`.

    Raises:
        FacesmithError: If the folder is not to be replaced, or a step fails.
    """
    config = config or DemoConfig()
    detector = load_detector()  # first: should it be missing, nobody waits minutes to learn it
    with OutputFolder(out, "demo").lock():
        return _run(Path(out), config, detector, force, progress)


def _run(
    out: Path, config: DemoConfig, detector: Detector, force: bool, progress: Progress
) -> Demo:
    path = start_folder(out, force=force)
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        progress.say(name)
        started = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - started

    with step("Finding faces in photos"):
        photos = search_photos(detector, progress)
    with step("Approximating the monkey saddle"):
        approximation = _approximate(path, config, progress)
    with step(f"Drawing {counted(config.rows, 'patch', 'patches')}"):
        patches = _draw(path, config, progress)
    classifiers = []
    for network, epochs in config.epochs.items():
        with step(f"Training {network}"):
            files = path / PATCHES_NAME, patches, path / network
            classifiers.append(train_on_synthetic(network, epochs, *files, progress))
    with step("Writing the report"):
        draw_roc([c.report for c in classifiers], path / ROC_NAME)
        demo = Demo(
            out=path,
            config=config,
            approximation=approximation,
            patches=patches,
            classifiers=tuple(classifiers),
            photos=photos,
            seconds=seconds,
            machine=f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}",
        )
        write_report(demo, path / REPORT_NAME)
    write_figures(path, demo.figures())
    return demo


def _approximate(path: Path, config: DemoConfig, progress: Progress) -> ApproximationReport:
    settings = ApproximationConfig(config.methods, config.seed)

    def share(method: str, done: float) -> None:
        fits = settings.methods.index(method) + done
        progress.report("", round(fits * _PARTS), len(settings.methods) * _PARTS)

    report = run(settings, on_progress=share)
    write_run_folder(report, path / APPROXIMATION_NAME, settings)
    return report


def _draw(path: Path, config: DemoConfig, progress: Progress) -> Patches:
    drawn = 0

    def count(rows: int) -> None:
        nonlocal drawn
        drawn += rows
        progress.report("", drawn, config.rows)

    processes = available_cores() if config.rows >= MORE_THAN_ONE_PROCESS else 1
    patches = draw_patches(config.rows, config.seed, processes=processes, on_progress=count)
    save_patches(path / PATCHES_NAME, patches)
    write_contact_sheet(path / SHEET_NAME, patches, "Drawn patches", source="drawings")
    return patches
