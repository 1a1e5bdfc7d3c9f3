"""The options of the benchmarks that show annotated photos to several detectors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from about import ROOT
from facesmith.annotations import AnnotatedPhoto, load_annotations, load_face_free
from facesmith.errors import FacesmithError
from facesmith.evaluation.baselines import Baseline, open_baseline, parse_names
from facesmith.training.learned_photos import split_photos
from facesmith.training.proposals import ProposalConfig

OURS = "facesmith"  # the label of the weights that are judged


def photo_options(description: str, out: str) -> argparse.ArgumentParser:
    """A parser with the options that they share.

    Args:
        description: The first line of the script's help.
        out: Name of the results file, in `benchmarks/results/`.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--photos", type=Path, default=os.environ.get("FACESMITH_PHOTOS"), help="see above"
    )
    parser.add_argument("--model", help="default: the shipped weights")
    parser.add_argument(
        "--detector", action="append", default=[], metavar="[LABEL=]KIND[:PATH]",
        help="a baseline, as `facesmith benchmark compare` has them; may be repeated",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, help="only so many photos of each set, for a try")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results" / out)
    return parser


def read_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, `photos` a folder that is there; ends the program with a word otherwise."""
    arguments = parser.parse_args()
    if arguments.photos is None or not Path(arguments.photos).is_dir():
        parser.error(f"no photos in {arguments.photos}; pass --photos or set FACESMITH_PHOTOS")
    arguments.photos = Path(arguments.photos)
    return arguments


def open_detectors(
    arguments: argparse.Namespace, ours: Sequence[str] = (f"{OURS}=facesmith",)
) -> dict[str, Baseline]:
    """The detectors to show the photos to, by label; ends the program if one cannot be opened.

    Args:
        arguments: What `read_options` gave.
        ours: `[LABEL=]KIND` of those that are always there, with the weights of `--model`.
    """
    model = f":{arguments.model}" if arguments.model else ""
    try:
        names = parse_names([*(f"{word}{model}" for word in ours), *arguments.detector])
        return {name.label: open_baseline(name) for name in names}
    except FacesmithError as error:
        sys.exit(f"Error: {error}")


def photos_of_set(folder: Path, name: str, limit: int | None) -> tuple[AnnotatedPhoto, ...]:
    """The photos of one set in this folder, its COCO JSON beside it; at most `limit` of them."""
    return load_annotations(folder / f"{name}.coco.json", folder / name, strict=True).photos[:limit]


def held_out_photos(folder: Path) -> list[AnnotatedPhoto]:
    """The 300 photos that `facesmith train` holds out of `train` and `negatives` in this folder."""
    annotated = load_annotations(folder / "train.coco.json", folder / "train").photos
    face_free = load_face_free([folder / "negatives"]).photos
    return split_photos([*annotated, *face_free], ProposalConfig())[1]
