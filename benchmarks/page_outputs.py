"""What the commands shown in README and docs pages print.

python benchmarks/page_outputs.py --photos PHOTOS --yunet WEIGHTS/yunet_n.onnx --fddb FDDB \
    --landmarks LANDMARKS

PHOTOS holds the folders `val_same_domain`, `val_other_domain` and `negatives` and the annotations
of the first two, `val_same_domain.coco.json` and `val_other_domain.coco.json`. FDDB holds the
folds, `image_sizes.csv` and `pyface_detections.txt`. LANDMARKS holds `crops80.coco.json` and
`crops80/`, of which the photos kept aside are looked at; `yunet_s.onnx` lies beside `yunet_n.onnx`.
`docs/make_figures.py` puts the outputs into
the pages, without their times.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from about import about
from draw_photos import draw_all
from landmark_sets import WRONG, split

RESULT = Path(__file__).with_name("results") / "page_outputs.json"
SOURCES = {"val_same_domain": "stock", "val_other_domain": "press"}  # as the pages call them

COMMANDS = {
    "coco": "benchmark coco --annotations val.json --images val/ --min-height 16 --out scored/",
    "compare": "benchmark compare --annotations val.json --images val/ --face-free pets/"
    " --detector facesmith --detector facesmith-proposals --detector yunet:yunet_n.onnx"
    " --out comparison/",
    "failures": "benchmark failures --annotations val.json --images val/ --out failures/",
    "landmarks": "benchmark landmarks --annotations points.json --images points/"
    " --detector facesmith --detector yunet:yunet_n.onnx --detector yunet:yunet_s.onnx"
    " --out landmarks/",
    "reliability": "benchmark reliability --annotations val.json --images val/ --out reliability/",
    "wider": "benchmark wider --ground-truth ground_truth/ --predictions predictions/",
    "fddb": "benchmark fddb --folds FDDB-folds --detections found.txt --image-sizes sizes.csv"
    " --out fddb",
    "fddb-ellipses": "benchmark fddb --folds FDDB-folds --detections found.txt"
    " --image-sizes sizes.csv --fit-ellipse --out fddb-ellipses",
    "detect": "detect astronaut.png",
    "detect-folder": "detect holiday/ astronaut.png",
    "detect-json": "detect astronaut.png broken.jpg --json",
    "anonymise": "anonymise holiday/ astronaut.png --out covered/",
    "prepare": "prepare people.json --images photos/ --negatives pets/ --count 2000"
    " --out patches.npz",
    "train": "train patches.npz --network compact --out runs/compact",
    "roc": "roc runs/compact",
    "audit": "audit faces.json --images photos/ --out audit/",
    "mine": "mine --negatives pets/ --annotations faces.json --images photos/ --out mined.json",
    "label": "label val/ --to label-studio --out labels/",
    "convert": "convert faces.json yolo/ --to yolo --images photos/",
    "redraw": "redraw faces.json --images photos/ --source stock --like press --out redrawn/",
    "approximate": "approximate --monkey-saddle --out runs/monkey-saddle",
    "approximate-table": "approximate points.csv --target lift --out runs/lift --onnx"
    " --code python --code c",
    "approximate-predict": "approximate --predict new.csv --model runs/lift",
    "approximate-compare": "approximate --monkey-saddle --compare batch-size=1,16,100"
    " --epochs 100 --out runs/batches",
    "approximate-resume": "approximate --resume --out runs/batches --epochs 120",
    "exercise-prepare": "prepare drawn/faces.json --images drawn/photos"
    " --negatives drawn/face-free --count 2000 --out drawn-patches.npz",
    "exercise-train": "train drawn-patches.npz --network pointwise --out runs/pointwise",
    "exercise-roc": "roc runs/pointwise",
    "exercise-detect": "detect drawn/wide --model runs/pointwise --draw seen",
}
# Commands that read what another has written.
AFTER = {
    "train": "prepare",
    "roc": "train",
    "approximate-resume": "approximate-compare",
    "approximate-predict": "approximate-table",
    "exercise-train": "exercise-prepare",
    "exercise-roc": "exercise-train",
    "exercise-detect": "exercise-train",
}
# Pictures of docs/exercise.md: what a command writes, and the name there.
PICTURES = {
    "approximate": {
        "runs/monkey-saddle/learning-curves.png": "learning-curves.png",
        "runs/monkey-saddle/surface-linear.png": "surface-linear.png",
        "runs/monkey-saddle/surface-tanh-adam.png": "surface-tanh-adam.png",
    },
    "exercise-prepare": {"drawn-patches.png": "patches.png"},
    "exercise-roc": {"runs/pointwise/roc.png": "roc.png"},
    "exercise-detect": {
        "seen/group-of-6_faces.jpg": "group-of-6.png",
        "seen/group-of-13_faces.jpg": "group-of-13.png",
    },
}
PICTURES_FOLDER = RESULT.parents[2] / "docs" / "exercise"

# Commands that say on standard error what they left out or look at.
SAY_MORE = ("anonymise", "prepare", "audit", "mine", "label", "convert", "approximate-predict")
# Commands that report a photo that cannot be read and exit with 1.
FAIL = ("detect-json",)
# Commands that exit with 1 where what they find has to be looked at.
MAY_FAIL = ("anonymise",)


def chosen(only: list[str] | None) -> list[str]:
    """The commands to run, each after the one whose files it reads."""
    names: list[str] = []

    def add(name: str) -> None:
        if name in AFTER:
            add(AFTER[name])
        if name not in names:
            names.append(name)

    for name in only or COMMANDS:
        add(name)
    return names


def run(name: str, folder: Path) -> str:
    """What the command prints; of `SAY_MORE`, with standard error before standard output."""
    command = COMMANDS[name]
    words = [sys.executable, "-m", "facesmith", *shlex.split(command)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    codes = {int(name in FAIL), int(name in (*FAIL, *MAY_FAIL))}
    if done.returncode not in codes:
        raise SystemExit(f"{command}\n{done.stdout}{done.stderr}")
    for written, picture in PICTURES.get(name, {}).items():
        keep_picture(folder / written, PICTURES_FOLDER / picture)
    return (done.stderr if name in SAY_MORE else "") + done.stdout


def keep_picture(path: Path, page_path: Path) -> None:
    """Write a picture for a page: at most 1,200 pixels wide, in 128 colours."""
    page_path.parent.mkdir(exist_ok=True)
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((1200, 1200))
    small.quantize(128, dither=Image.Dither.NONE).save(page_path, optimize=True)


def link_photos(folder: Path, photos: Path) -> None:
    """The photos under the names that the pages use.

    `faces.json` with `photos/` holds both sets. `people.json` is the same with three entries that
    cannot be used.
    """
    (folder / "val.json").symlink_to(photos / "val_other_domain.coco.json")
    (folder / "val").symlink_to(photos / "val_other_domain")
    (folder / "pets").symlink_to(photos / "negatives")
    (folder / "photos").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, source in SOURCES.items():
        coco = json.loads((photos / f"{name}.coco.json").read_text("utf-8"))
        first = 1 + len(images)
        ids = {image["id"]: first + i for i, image in enumerate(coco["images"])}
        for image in coco["images"]:
            images.append(image | {"id": ids[image["id"]], "source": source})
            file = image["file_name"]
            (folder / "photos" / file).symlink_to(photos / name / file)
        for annotation in coco["annotations"]:
            changes = {"id": 1 + len(annotations), "image_id": ids[annotation["image_id"]]}
            annotations.append(annotation | changes)
    whole = {"images": images, "annotations": annotations, "categories": coco["categories"]}
    (folder / "faces.json").write_text(json.dumps(whole), encoding="utf-8")

    intact = (folder / "photos" / images[0]["file_name"]).read_bytes()
    (folder / "photos" / "beach.jpg").write_bytes(intact[: len(intact) // 2])
    bad_images = [
        {"id": 1001, "file_name": "beach.jpg"},
        {"id": 1002, "file_name": "harbour.jpg"},
    ]
    bad_box = annotations[0] | {"id": 1 + len(annotations), "bbox": [10, 20, 0, 40]}
    boxes = [{"id": 2 + len(annotations) + i, "image_id": 1001 + i, "category_id": 1,
              "bbox": [10, 20, 30, 40]} for i in range(2)]  # fmt: skip
    people = whole | {
        "images": images + bad_images,
        "annotations": [*annotations, bad_box, *boxes],
    }
    (folder / "people.json").write_text(json.dumps(people), encoding="utf-8")


def link_points(folder: Path, landmarks: Path) -> None:
    """The crops with points that are kept aside, as `points.json` with `points/`."""
    (folder / "points").symlink_to(landmarks / "crops80")
    content = json.loads((landmarks / "crops80.coco.json").read_text("utf-8"))
    wrong = json.loads(WRONG.read_text("utf-8")).get("crops80", [])
    (folder / "points.json").write_text(json.dumps(split(content, wrong)[1]), encoding="utf-8")


def write_wider(folder: Path) -> None:
    """The ground truth of two images in WIDER FACE's files, and predictions of three boxes."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    from wider_files import (  # noqa: PLC0415 - only this output needs the tests' files
        save_ground_truth,
        save_predictions,
        two_images,
    )

    save_ground_truth(folder / "ground_truth", two_images())
    save_predictions(folder / "predictions")


def write_table(folder: Path) -> None:
    """The tables of docs/approximate.md: the lift of a wing with noise of 2 newtons, new rows."""
    rng = np.random.default_rng(0)
    angle, speed = rng.uniform([-5, 10], [15, 40], (400, 2)).T  # degrees, m/s
    lift = 0.6 * speed**2 * np.sin(np.deg2rad(angle + 2)) + rng.normal(0, 2, 400)  # newtons
    rows = np.column_stack([angle, speed, lift])
    header = "angle,speed,lift"
    np.savetxt(folder / "points.csv", rows, "%.3f", ",", header=header, comments="")
    (folder / "new.csv").write_text("flight,speed,angle\nA7,30,2\nA8,12.5,-4\nA9,55,2\n")


def main() -> None:
    """Runs each command in a folder where the inputs have the names that the pages use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--fddb", type=Path, required=True)
    parser.add_argument("--landmarks", type=Path, required=True)
    parser.add_argument("--drawn", type=Path, help="what draw_photos.py wrote, to save a minute")
    parser.add_argument("--only", choices=COMMANDS, action="append", help="run these again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_photos(folder, arguments.photos.resolve())
        write_wider(folder)
        write_table(folder)
        link_points(folder, arguments.landmarks.resolve())
        (folder / "yunet_n.onnx").symlink_to(arguments.yunet.resolve())
        yunet_s = arguments.yunet.resolve().with_name("yunet_s.onnx")
        (folder / "yunet_s.onnx").symlink_to(yunet_s)
        fddb = arguments.fddb.resolve()
        (folder / "FDDB-folds").symlink_to(fddb)
        (folder / "found.txt").symlink_to(fddb / "pyface_detections.txt")
        (folder / "sizes.csv").symlink_to(fddb / "image_sizes.csv")
        Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
        (folder / "holiday" / "more").mkdir(parents=True)
        Image.fromarray(data.rocket()).save(folder / "holiday" / "launch.png")
        Image.fromarray(data.cat()).save(folder / "holiday" / "more" / "cat.png")
        (folder / "broken.jpg").touch()
        names = chosen(arguments.only)
        if any(name.startswith("exercise-") for name in names):
            if arguments.drawn is None:
                draw_all(folder / "drawn")
            else:
                (folder / "drawn").symlink_to(arguments.drawn.resolve())
        new = {
            key: {"command": f"facesmith {COMMANDS[key]}", "output": run(key, folder)}
            for key in names
        }
    outputs = json.loads(RESULT.read_text("utf-8"))["outputs"] if arguments.only else {}
    outputs = {key: (outputs | new)[key] for key in COMMANDS if key in outputs | new}
    result = {"about": about(("numpy", "onnxruntime", "pillow"), 1), "outputs": outputs}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
