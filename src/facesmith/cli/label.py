"""`facesmith label`: labels for photos without any annotation, from what detectors find."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.annotations import (
    Annotations,
    annotation_folder,
    check_names,
    not_carried_over,
    write_annotations,
)
from facesmith.annotations.formats import find_format
from facesmith.cli.annotated_photos import load_photos, say_not_carried_over
from facesmith.cli.judges import (
    Panel,
    judge_options,
    judges_in_words,
    open_judges,
    read_judges,
)
from facesmith.cli.numbers import WholeRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FOLDER, REPORT_FOLDER, open_report, refuse_existing
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.curation.committee import Judge
    from facesmith.curation.labelling.labels import Labels

N_SHOWN = 240  # boxes that the contact sheets show at most, 80 a page
COUNTS_FILE, ORDER_FILE = "counts.json", "doubt.csv"
# What people correct labels in, and how; `wider` and `fddb` have no tool.
_FILES = "correct the files in {} in an annotation tool, and pass the folder"
TARGETS = {
    "coco": "correct {} in an annotation tool, and pass it",
    "cvat": "import {} in CVAT, correct it, and pass what CVAT exports as `CVAT for images 1.1`",
    "label-studio": "import {} in Label Studio, correct it, and pass what it exports as JSON",
    "labelme": "correct the files in {} with labelme, and pass the folder",
    "voc": _FILES,
    "yolo": _FILES,
}


@click.command(cls=WritingCommand)
@click.argument("photos", type=FOLDER)
@judge_options("facesmith")
@click.option(
    "--out",
    required=True,
    type=REPORT_FOLDER,
    help="Folder for the labels, counts.json, doubt.csv and the contact sheets.",
)
@click.option(
    "--to",
    "target",
    type=click.Choice(tuple(TARGETS)),
    default="coco",
    show_default=True,
    help="Format of the labels: that of the tool in which you correct them.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace the labels of an earlier run, corrected or not.",
)
@click.option(
    "--threads",
    type=WholeRange(1),
    default=1,
    show_default=True,
    help="CPU threads of each detector.",
)
@click.option("--json", "as_json", is_flag=True, help="Print counts.json instead of a summary.")
@click.option("--quiet", is_flag=True, help="No summary and no progress; errors remain.")
def label(
    photos: Path,
    judges: tuple[str, ...],
    votes: dict[str, str],
    scores: dict[str, tuple[float, float]],
    out: Path,
    target: str,
    force: bool,
    threads: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Label photos that nobody has annotated.

    Detectors look at all photos of the folder PHOTOS and of those in it. What two votes agree on
    becomes a face, what a single one raises an ignored region, which a training takes neither for a
    face nor for background. With one judge, boxes from its threshold on become faces, those from a
    lower score on ignored regions. Contact sheets show the boxes, and doubt.csv lists the photos,
    the most doubtful first.

    --to writes the labels for the tool in which you correct them. Where it knows no ignored
    regions, these are boxes of the label `unsure`. All commands read the corrected labels.

    Judges that learned from the same photos err alike: those of one family have one vote.

    \b
    Examples:
      facesmith label photos/ --out labels/
      facesmith label photos/ --judge facesmith --judge yunet:yunet_n.onnx --out labels/
      facesmith label photos/ --to cvat --out labels/
      facesmith train labels/labels.json --images photos/ --out runs/detector
    """  # noqa: D301 - click wants the control character itself
    from facesmith.curation.labelling.labels import DOUBT, label_photos  # noqa: PLC0415 - see `cli`
    from facesmith.curation.labelling.order import most_doubtful_first, write_order  # noqa: PLC0415
    from facesmith.curation.labelling.sheet import write_doubt_sheets  # noqa: PLC0415
    from facesmith.files import write_json  # noqa: PLC0415

    written = out / (find_format(target).file or target)
    if find_format(target).file:
        refuse_existing([written], force=force)
    else:
        annotation_folder(written).check(force=force)
    panel = open_judges(read_judges(judges or ("facesmith",)), votes, scores, threads)
    asked = _with_own_threshold(panel, scores)
    loaded = _load(photos, out, quiet=quiet)
    check_names(loaded.photos, photos, target)
    lowest = min(judge.min_score for judge in asked)
    open_report(out)
    with ShownProgress(quiet=quiet) as progress:
        found = panel.find(loaded, photos, (), lowest, progress)
    labels = label_photos(loaded.photos, found, asked)
    write_annotations(
        written,
        most_doubtful_first(labels),
        photos,
        format=target,
        doubt=DOUBT,
        force=force,
    )
    write_order(labels, out / ORDER_FILE)
    counts = _counts(labels, loaded)
    write_json(out / COUNTS_FILE, counts)
    sheets = write_doubt_sheets(labels, out, max_shown=N_SHOWN)
    say_not_carried_over(not_carried_over(labels.photos, target))
    if as_json:
        echo(json.dumps(counts))
    elif not quiet:
        _print(labels, [written, out / COUNTS_FILE, out / ORDER_FILE, *sheets], photos, target)


def _with_own_threshold(panel: Panel, scores: dict[str, tuple[float, float]]) -> tuple[Judge, ...]:
    """The judges; a single one is sure from its own threshold on, unless --scores says otherwise.

    In a committee a lower score is enough, since another vote must agree.
    """
    from facesmith.curation.judges import with_threshold  # noqa: PLC0415 - see `cli`

    if len(panel.judges) > 1 or scores:
        return panel.judges
    (judge,) = panel.judges
    detector = panel.detectors.get(judge.name)
    if detector is None or not detector.min_score > 0:
        return panel.judges
    return (with_threshold(judge, detector.min_score),)


def _load(folder: Path, out: Path, *, quiet: bool) -> Annotations:
    """The photos, without boxes; their names begin below the folder. What lies in `out` is none."""
    from facesmith.errors import ImageError  # noqa: PLC0415 - see `cli`

    loaded = load_photos(None, None, [folder], quiet=quiet)
    own = out.resolve()
    photos = tuple(
        replace(photo, name=photo.path.relative_to(folder).as_posix())
        for photo in loaded.photos
        if not photo.path.resolve().is_relative_to(own)
    )
    if not photos:
        raise ImageError(f"{folder}: none of its photos can be used.")
    return Annotations(photos, loaded.problems)


def _counts(labels: Labels, loaded: Annotations) -> dict[str, Any]:
    left_out = sum(problem.skipped == "photo" for problem in loaded.problems)
    return {
        "judges": [asdict(judge) for judge in labels.judges],
        **labels.counts(),
        "photos_left_out": left_out,
    }


def _print(labels: Labels, written: list[Path], photos: Path, target: str) -> None:
    from facesmith.curation.judges import n_votes  # noqa: PLC0415 - see `cli`

    for number, line in enumerate(judges_in_words(labels.judges)):
        echo(f"{'' if number else 'judged by':<12}{line}")
    echo(
        f"photos      {len(labels.photos):,}, {labels.n_without_face:,} without a face to learn, "
        f"{labels.n_empty:,} in which nothing was found"
    )
    alone = n_votes(labels.judges) == 1
    faces = "a judge is sure of them" if alone else "two votes agree on them"
    ignored = "with a lower score" if alone else "which a single vote raises or which are small"
    echo(f"faces       {labels.n_faces:,}: {faces}")
    echo(f"ignored     {counted(labels.n_ignored, 'region')} {ignored}")
    echo(f"written     {', '.join(path.as_posix() for path in written)}")
    way_on = TARGETS[target].format(written[0].as_posix())
    echo(
        f"Next: look at the sheets, {way_on} to `facesmith train` with --images "
        f"{photos.as_posix()}."
    )
