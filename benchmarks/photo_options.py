"""The options of the benchmarks that show annotated photos to several detectors."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from about import ROOT


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
        "--detector", action="append", default=[], metavar="[LABEL=]KIND[:PATH]", help="a peer, as "
        "`facesmith benchmark compare` has them; may be repeated",
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
