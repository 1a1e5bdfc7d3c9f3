"""What the commands shown in README and docs/benchmark-*.md print.

python benchmarks/page_outputs.py --photos PHOTOS --yunet WEIGHTS/yunet_n.onnx --fddb FDDB

PHOTOS holds the folders `val_other_domain` and `negatives` and the annotations
`val_other_domain.coco.json`; FDDB holds the folds, `image_sizes.csv` and
`pyface_detections.txt`. `docs/make_figures.py` puts the outputs into the pages.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

from about import about

RESULT = Path(__file__).with_name("results") / "page_outputs.json"

COMMANDS = {
    "coco": "benchmark coco --annotations val.json --images val/ --min-height 16 --out scored/",
    "compare": "benchmark compare --annotations val.json --images val/ --face-free pets/"
    " --detector facesmith --detector facesmith-proposals --detector yunet:yunet_n.onnx"
    " --out comparison/",
    "failures": "benchmark failures --annotations val.json --images val/ --out failures/",
    "reliability": "benchmark reliability --annotations val.json --images val/ --out reliability/",
    "fddb": "benchmark fddb --folds FDDB-folds --detections found.txt --image-sizes sizes.csv"
    " --out fddb",
    "fddb-ellipses": "benchmark fddb --folds FDDB-folds --detections found.txt"
    " --image-sizes sizes.csv --fit-ellipse --out fddb-ellipses",
    "detect": "detect astronaut.png",
    "approximate": "approximate --monkey-saddle",
}


def run(command: str, folder: Path) -> str:
    """What the command prints on standard output."""
    words = [sys.executable, "-m", "facesmith", *shlex.split(command)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Runs each command in a folder where the photos have the names that the pages use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--fddb", type=Path, required=True)
    parser.add_argument("--only", choices=COMMANDS, action="append", help="run these again")
    arguments = parser.parse_args()
    photos = arguments.photos.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "val.json").symlink_to(photos / "val_other_domain.coco.json")
        (folder / "val").symlink_to(photos / "val_other_domain")
        (folder / "pets").symlink_to(photos / "negatives")
        (folder / "yunet_n.onnx").symlink_to(arguments.yunet.resolve())
        fddb = arguments.fddb.resolve()
        (folder / "FDDB-folds").symlink_to(fddb)
        (folder / "found.txt").symlink_to(fddb / "pyface_detections.txt")
        (folder / "sizes.csv").symlink_to(fddb / "image_sizes.csv")
        Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
        outputs = json.loads(RESULT.read_text("utf-8"))["outputs"] if arguments.only else {}
        outputs |= {
            key: {"command": f"facesmith {command}", "output": run(command, folder)}
            for key, command in COMMANDS.items()
            if not arguments.only or key in arguments.only
        }
    result = {"about": about(("numpy", "onnxruntime", "pillow"), 1), "outputs": outputs}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
