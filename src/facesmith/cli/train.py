"""`facesmith train`: patches or annotated photos in, a run folder with weights out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from facesmith.cli.boundary import way_on_by_resume, way_on_while_loading
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.options import images_anywhere_option
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FILE, FOLDER, NEW_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.cli.targets import read_target, target_options
from facesmith.cli.terminal import echo
from facesmith.cli.warned import warnings_in_words
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import read_settings
from facesmith.training.launcher import is_launched

_OF_DETECTORS = (
    *("images", "negatives", "mined", "quick", "start", "forget", "teacher", "single_look"),
    *("recipe", "val", "val_images", "single_split", "only"),
)

_SPELT = {
    "start": "from",
    "single_look": "no-refiner",
    "single_split": "no-cross-validation",
}


@click.command(cls=WritingCommand)
@click.argument("data", metavar="DATA...", nargs=-1, required=True, type=EXISTING)
@click.option("--images", type=FOLDER, help="Folder of the photos, for a detector.")
@images_anywhere_option
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face; may be repeated.",
)
@click.option(
    "--mined",
    multiple=True,
    type=FILE,
    help="What `facesmith mine` found; may be repeated.",
)
@click.option(
    "--val", type=EXISTING, help="Annotated photos for the verdict.  [default: those held out]"
)
@click.option("--val-images", type=FOLDER, help="Folder of their photos.  [default: --images]")
@click.option(
    "--no-cross-validation",
    "single_split",
    is_flag=True,
    help="Judge on the photos held out, be they few.",
)
@click.option(
    "--out",
    type=NEW_FOLDER,
    required=True,
    help="Run folder: weights, settings, logs, metrics.",
)
@click.option(
    "--network",
    type=click.Choice(["compact", "pointwise", "tiny-darknet"]),
    help="Classifier network.  [default: compact]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Random weights, a third of the time; for thousands of photos.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Go on from a run folder, a detector.onnx, `shipped`, or from random weights: `scratch`.  "
    "[default: shipped]",
)
@click.option(
    "--only",
    type=click.Choice(["landmarks"]),
    help="Learn landmarks alone, for --from's detector.",
)
@click.option("--forget", is_flag=True, help="Going on, let go of what your photos do not show.")
@click.option(
    "--teacher",
    type=EXISTING,
    metavar="MODEL",
    help="A large detector whose answers are learned beside the labels.",
)
@click.option(
    "--no-refiner",
    "single_look",
    is_flag=True,
    help="Train no refiner: faster, a little worse.",
)
@click.option(
    "--epochs",
    type=WholeRange(1),
    help="Passes over the data.  [default: by network, photos]",
)
@click.option(
    "--batch-size",
    type=WholeRange(1),
    help="Per step.  [default: 64 patches, 16 or 32 crops]",
)
@click.option(
    "--learning-rate",
    type=FiniteRange(0, min_open=True),
    help="Highest learning rate.  [default: by network, photos]",
)
@click.option("--seed", type=WholeRange(0), help="Of weights, order and changes.  [default: 0]")
@click.option(
    "--time-limit",
    type=FiniteRange(0),
    help="Stop after so many seconds; --resume goes on.",
)
@target_options
@click.option("--threads", type=WholeRange(1), help="CPU threads.  [default: idle cores]")
@click.option(
    "--devices",
    type=WholeRange(1),
    metavar="N",
    help="Processes: one a GPU, or a core.  [default: 1]",
)
@click.option("--num-nodes", type=WholeRange(1), metavar="N", help="Machines.  [default: 1]")
@click.option(
    "--strategy", type=click.Choice(["ddp"]), default="ddp", hidden=True, help="The only one."
)
@click.option(
    "--config", type=FILE, help="Settings in JSON or TOML, or a run's config.json; options win."
)
@click.option(
    "--recipe",
    metavar="NAME",
    help="`shipped` or `landmarks`: as the weights that come along.",
)
@click.option("--resume", is_flag=True, help="Go on with what the run folder holds.")
@click.option("--force", is_flag=True, help="Start anew over an existing run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table.")
def train(data: tuple[Path, ...], out: Path, resume: bool, force: bool, **options: Any) -> None:
    """Train a classifier on a patches file, or a detector on annotated photos.

    DATA is the .npz that `facesmith prepare` wrote, or annotations in any format, together with
    --images; several of them are read as one. The run folder gets weights, settings, logs, and of a
    detector a verdict and report.html. A training that was killed goes on with --resume, exactly.

    \b
    Examples:
      facesmith train patches.npz --network compact --out runs/compact
      facesmith train faces.json --images photos --negatives pets --out runs/detector
      facesmith train a.json b.json --images photos --out runs/both
    """  # noqa: D301 - click wants the control character itself
    way_on_while_loading(way_on_by_resume(resume=resume, force=force))
    options.pop("strategy")
    devices, num_nodes = options.pop("devices"), options.pop("num_nodes")
    with _processes(devices, num_nodes, quiet=options["quiet"]) as is_first:
        if not is_first:  # the first process speaks and decides
            resume = force = False
            options |= {"quiet": True, "as_json": False}
        _train(data, out, resume=resume, force=force, **options)


@contextmanager
def _processes(devices: int | None, num_nodes: int | None, *, quiet: bool) -> Iterator[bool]:
    """Inside, the processes train together; yields whether this one is the first of them."""
    if (devices or 1) * (num_nodes or 1) == 1 and not is_launched():
        yield True
        return
    from facesmith.training.processes import several_processes  # noqa: PLC0415 - heavy

    def say(line: str) -> None:
        echo(line, err=True)

    with several_processes(devices, num_nodes, say) as world:
        if world.is_first and not quiet:
            say(f"{counted(world.size, 'process', 'processes')} train together.")
        yield world.is_first


def _train(
    data: tuple[Path, ...],
    out: Path,
    *,
    resume: bool,
    force: bool,
    **options: Any,
) -> None:
    patches = [path for path in data if path.suffix.lower() == ".npz"]
    if patches and len(data) > 1:
        raise click.UsageError(
            f"{patches[0]} is a patches file, which is trained on alone; got {len(data)} DATA."
        )
    if not patches:
        from facesmith.training.signals import termination_interrupts  # noqa: PLC0415 - heavy

        with termination_interrupts():
            if options.pop("only"):
                from facesmith.training.sharing import current_world  # noqa: PLC0415

                if current_world().size > 1:
                    raise click.UsageError("--only landmarks is trained in one process.")
                from facesmith.cli.train_landmarks import train_landmarks_command  # noqa: PLC0415

                train_landmarks_command(data, out, resume=resume, force=force, **options)
                return
            from facesmith.cli.train_detector import train_detector_command  # noqa: PLC0415

            train_detector_command(data, out, resume=resume, force=force, **options)
        return
    for name in _OF_DETECTORS:
        if options.pop(name):
            option = _SPELT.get(name, name.replace("_", "-"))
            raise click.UsageError(
                f"--{option} goes with annotated photos; {patches[0]} is a patches file."
            )
    from facesmith.cli.train_start import tell_resumed, threads_by_load  # noqa: PLC0415 - heavy
    from facesmith.evaluation.classifier_report import (  # noqa: PLC0415 - heavy
        write_classifier_report,
    )
    from facesmith.training.classifier import train_classifier  # noqa: PLC0415 - heavy
    from facesmith.training.sharing import current_world  # noqa: PLC0415 - heavy

    as_json, quiet = options.pop("as_json"), options.pop("quiet")
    target = read_target(options, detector=False)
    world = current_world()
    run = RunFolder(world.folder(out))
    run.check(resume=resume, force=force)
    tell_resumed(run, resume=resume, quiet=quiet)
    config = _classifier_config(**options)
    if not config.loop.threads:
        threads = threads_by_load(run, resume=resume, quiet=quiet)
        config = config.updated({"loop": {"threads": threads}})
    with warnings_in_words(), ShownProgress(quiet=quiet) as progress:
        metrics = train_classifier(
            patches[0],
            run.path,
            config,
            target=target,
            resume=resume,
            force=force,
            progress=progress,
        )
        if not world.is_first:
            return
        with run.output.lock():
            run.output.add()
            write_classifier_report(out)
    if as_json:
        echo(json.dumps(metrics))
    elif not quiet:
        _print_classifier(metrics, out)


def _classifier_config(network: str | None, config: Path | None, **options: Any) -> Any:
    """The network's defaults, changed by the file, changed by the options that were given."""
    from facesmith.training.classifier_config import ClassifierConfig  # noqa: PLC0415

    changes = read_settings(config, "classifier") if config else {}
    settings = ClassifierConfig.for_network(network or changes.get("network", "compact"))
    settings = settings.updated({k: v for k, v in changes.items() if k != "network"})
    given = {name: value for name, value in options.items() if value is not None}
    own = {name: given.pop(name) for name in ("batch_size",) if name in given}
    return settings.updated({**own, "loop": given})


def _print_classifier(metrics: dict[str, Any], out: Path) -> None:
    speed = metrics["patches_per_second"]  # 0 where a finished run was resumed
    echo(
        f"{metrics['network']}: {metrics['parameters']:,} parameters, "
        f"{counted(metrics['epochs'], 'epoch')} "
        f"({metrics['stopped']}) in {metrics['seconds']:.0f} s, "
        f"{f'{speed:,.0f} patches/s' if speed else 'nothing left to learn'}"
    )
    for name in ("validation", "test"):
        if name in metrics:
            part = metrics[name]
            echo(
                f"  {name:<10}  accuracy {part['accuracy']:.4f}   AUC {part['auc']:.5f}   "
                f"({counted(part['rows'], 'row')})"
            )
    if "operating_point" in metrics:
        point = metrics["operating_point"]
        low, high = point["threshold_interval"]
        echo(
            f"  threshold   {point['threshold']:.3f} (95 %: {low:.3f} to {high:.3f}) stored for "
            f"{point['target']} {point['value']:g}, chosen on the validation rows"
        )
    echo(f"  weights     {out / 'classifier.onnx'}")
    echo(f"  report      {out / 'report.html'}")
    echo(f"Next: facesmith roc {out}")
