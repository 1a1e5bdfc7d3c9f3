"""`facesmith prepare`: annotated photos in, patches for the classifier out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from facesmith.annotations import Annotations, Problem, in_lines, load_annotations, load_face_free
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.options import format_options, images_anywhere
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FOLDER, NEW_FILE_WITH_PICTURE, refuse_existing
from facesmith.cli.progress import ShownProgress
from facesmith.cli.public_sets import annotated
from facesmith.cli.terminal import echo
from facesmith.patches import KINDS, SPLITS, Patches, SplitShares, save_patches, write_contact_sheet
from facesmith.patches.prepare import PrepareConfig, prepare_patches

_DEFAULTS = PrepareConfig()


def _shares(ctx: click.Context, param: click.Parameter, value: str) -> SplitShares:
    """Three numbers like 70/15/15, of any sum."""
    try:
        train, validation, test = (float(part) for part in value.split("/"))
        total = train + validation + test
        return SplitShares(train / total, validation / total, test / total)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(
            f"expected three numbers like 70/15/15, got {value!r}.", ctx, param
        ) from None


@click.command(cls=WritingCommand)
@click.argument("annotations", type=EXISTING)
@click.option("--images", type=FOLDER, help="Folder that the photos' names start from.")
@click.option(
    "--out",
    required=True,
    type=NEW_FILE_WITH_PICTURE,
    help="The patches file to write, .npz; its contact sheet goes beside it, .png.",
)
@click.option(
    "--count",
    type=WholeRange(min=2),
    default=_DEFAULTS.count,
    show_default=True,
    help="Number of patches, half of them faces.",
)
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face; may be repeated.",
)
@click.option(
    "--seed",
    type=WholeRange(min=0),
    default=_DEFAULTS.seed,
    show_default=True,
    help="Same seed, same photos: same file. Another seed: other faces, jitter and splits.",
)
@format_options
@click.option(
    "--split",
    callback=_shares,
    metavar="TRAIN/VALIDATION/TEST",
    default="70/15/15",
    show_default=True,
    help="Share of the photos in train, validation and test. Photos that look the same go "
    "together.",
)
@click.option(
    "--min-face",
    type=FiniteRange(min=0, min_open=True),
    default=_DEFAULTS.min_face,
    show_default=True,
    help="Height of the smallest face to use, pixels.",
)
@click.option("--strict", is_flag=True, help="Stop at the first bad photo or box.")
@click.option("--force", is_flag=True, help="Replace the output files if they exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="No progress, and no line for each problem.")
def prepare(
    annotations: Path,
    images: Path | None,
    out: Path,
    count: int,
    negatives: tuple[Path, ...],
    seed: int,
    annotation_format: str | None,
    category: tuple[str, ...],
    split: SplitShares,
    min_face: float,
    strict: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Cut annotated photos into 64x64 patches of faces and non-faces.

    ANNOTATIONS is a COCO JSON file, a folder of Pascal VOC XML or YOLO text files, a WIDER FACE
    text file, FDDB ellipse lists, or a folder of `facesmith fetch`, which needs no --images. What
    cannot be used is named, left out and counted.

    \b
    Example:
      facesmith prepare people.json --images photos/ --negatives pets/ --out patches.npz
    """  # noqa: D301 - click wants the control character itself
    (annotations,), images = annotated((annotations,), images)
    sheet = out.with_suffix(".png")
    _check_outputs(out, sheet, force)
    config = PrepareConfig(count=count, seed=seed, min_face=min_face, split=split)

    def tell(problems: Sequence[Problem]) -> None:
        if not quiet:
            for line in in_lines(problems):
                echo(line, err=True)

    with ShownProgress(quiet=quiet) as progress:
        loaded = load_annotations(
            annotations,
            images,
            format=annotation_format,
            strict=strict,
            categories=category or None,
            images_anywhere=images_anywhere(),
            progress=progress,
        )
        face_free = load_face_free(negatives, strict=strict, progress=progress)
    problems = [*loaded.problems, *face_free.problems]
    tell(problems)
    found: list[Problem] = []
    with ShownProgress(quiet=quiet) as progress:
        patches = prepare_patches(
            loaded, face_free, config, strict=strict, report=found.append, progress=progress
        )
    tell(found)  # not while the bar is drawn
    problems += found
    for split_name, share in asdict(split).items():
        if share and not len(patches.rows_of(split_name)):
            echo(
                f"Warning: none of the {len(patches.photo_names)} photos fell to {split_name}. "
                "Give more photos, another --split, or another --seed.",
                err=True,
            )
        elif share and len({*patches.labels[patches.rows_of(split_name), 0].tolist()}) == 1:
            echo(
                f"Warning: {split_name} has rows of one label only: nothing can be judged on it. "
                "Give more photos, another --split, or another --seed.",
                err=True,
            )
    save_patches(out, patches)
    write_contact_sheet(sheet, patches, out.name, seed=seed)
    summary = _summary(out, sheet, patches, loaded, face_free, problems)
    echo(json.dumps(summary) if as_json else _table(summary))


def _check_outputs(out: Path, sheet: Path, force: bool) -> None:
    if out.suffix != ".npz":
        raise click.BadParameter(f"must end in .npz; got {out.name}.", param_hint="'--out'")
    if not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}.", param_hint="'--out'")
    refuse_existing((out, sheet), force=force)


def _summary(
    out: Path,
    sheet: Path,
    patches: Patches,
    loaded: Annotations,
    face_free: Annotations,
    problems: list[Problem],
) -> dict[str, Any]:
    rows = {
        split: {
            kind: int(np.sum((patches.splits == at) & (patches.kinds == kind_at)))
            for kind_at, kind in enumerate(KINDS)
            if (patches.kinds == kind_at).any()
        }
        for at, split in enumerate(SPLITS)
    }
    return {
        "out": out.as_posix(),
        "contact_sheet": sheet.as_posix(),
        "rows": len(patches),
        "faces": int(patches.labels.sum()),
        "photos": len(patches.photo_names),
        "read": {
            "photos": len(loaded),
            "faces": loaded.n_faces,
            "face_free_photos": len(face_free),
        },
        "skipped": {
            "photos": sum(problem.skipped == "photo" for problem in problems),
            "boxes": sum(problem.skipped == "box" for problem in problems),
        },
        "splits": rows,
        "problems": [asdict(problem) for problem in problems],
    }


def _table(summary: dict[str, Any]) -> str:
    """The summary for people: rows by kind and split, then what was read and left out."""
    splits: dict[str, dict[str, int]] = summary["splits"]
    kinds = list(splits[SPLITS[0]])
    lines = [f"{'':<16}" + "".join(f"{split:>12}" for split in splits) + f"{'all':>12}"]
    for kind in kinds:
        counts = [splits[split][kind] for split in splits]
        lines.append(f"{kind:<16}" + "".join(f"{n:>12,}" for n in [*counts, sum(counts)]))
    totals = [sum(splits[split].values()) for split in splits]
    lines.append(f"{'all':<16}" + "".join(f"{n:>12,}" for n in [*totals, sum(totals)]))
    read, skipped = summary["read"], summary["skipped"]
    lines.append("")
    lines.append(
        f"Read {counted(read['photos'], 'annotated photo')} with {counted(read['faces'], 'face')} "
        f"and {counted(read['face_free_photos'], 'face-free photo')}; "
        f"left out {counted(skipped['photos'], 'photo')} and "
        f"{counted(skipped['boxes'], 'box', 'boxes')}."
    )
    lines.append(
        f"Wrote {summary['out']} ({counted(summary['rows'], 'patch', 'patches')} from "
        f"{counted(summary['photos'], 'photo')}) "
        f"and {summary['contact_sheet']}."
    )
    return "\n".join(lines)
