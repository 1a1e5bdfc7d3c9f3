"""What going on from the shipped weights gains on photos of another kind, and what it forgets.

    python benchmarks/going_on.py --photos PHOTOS --set train_street --number 120 --run RUN

PHOTOS holds the sets `NAME.coco.json` and `NAME/`. So many photos of one set, drawn by name, are
given to `facesmith train`, with its defaults and with the options after `--`. Shipped and new
weights are then judged on up to 300 others of that set, and on `val_same_domain` and
`val_other_domain`: what is lost there is forgotten. A run that is done is only judged. The results
file has one entry a set, number and options.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from about import about
from facesmith.annotations import AnnotatedPhoto, write_coco
from facesmith.evaluation.baselines import open_baseline, parse_names
from held_out import figures_of
from photo_options import photo_options, photos_of_set, read_options

SEEN_BEFORE = ("val_same_domain", "val_other_domain")
MOST_OTHERS = 300  # photos of the set that both are judged by


def main() -> None:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "going_on.json")
    parser.add_argument("--set", required=True, help="of the photos to learn")
    parser.add_argument("--number", type=int, default=120, help="of these photos")
    parser.add_argument("--run", type=Path, required=True, help="run folder, which is kept")
    parser.add_argument("more", nargs="*", help="options of `facesmith train`, after --")
    arguments = read_options(parser)
    photos = photos_of_set(arguments.photos, arguments.set, None)
    photos = tuple(sorted((p for p in photos if (~p.ignored).any()), key=_draw))
    number, limit = arguments.number, arguments.limit
    minutes = _train(arguments, photos[:number])
    sets = {name: photos_of_set(arguments.photos, name, limit) for name in SEEN_BEFORE}
    sets[arguments.set] = photos[number:][: limit or MOST_OTHERS]
    names = {"shipped": "facesmith", "new": f"facesmith:{arguments.run}"}
    detectors = {label: open_baseline(parse_names([name])[0]) for label, name in names.items()}
    entry: dict[str, Any] = {
        "about": about(("numpy", "onnxruntime", "pillow", "torch"), threads=1),
        "minutes": minutes,
        "sets": {
            name: {
                "photos": len(listed),
                **{
                    label: figures_of(detector, list(listed), {"all": list(listed)})["all"]["all"]
                    for label, detector in detectors.items()
                },
            }
            for name, listed in sets.items()
        },
    }
    out = arguments.out
    results = json.loads(out.read_text()) if out.exists() else {}
    results[" ".join([arguments.set, str(number), *arguments.more])] = entry
    out.write_text(json.dumps(results, indent=2) + "\n")


def _draw(photo: AnnotatedPhoto) -> bytes:
    return hashlib.sha256(photo.name.encode()).digest()


def _train(arguments: Any, photos: tuple[AnnotatedPhoto, ...]) -> float | None:
    """Minutes that the command takes; `None` where the run was done before."""
    run: Path = arguments.run
    if (run / "metrics.json").exists():
        return None
    labels = run.with_name(f"{run.name}.json")
    write_coco(labels, photos)
    command = ["train", str(labels), "--images", str(arguments.photos / arguments.set)]
    command += ["--out", str(run), "--resume", *arguments.more]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "facesmith", *command], check=True)
    return round((time.monotonic() - began) / 60, 1)


if __name__ == "__main__":
    main()
