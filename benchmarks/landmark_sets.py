"""Adds faces whose points were set by hand to labels, and keeps some of each set aside.

    python benchmarks/landmark_sets.py --landmarks LANDMARKS --labels MERGED.json --links PHOTOS \
        --out POINTS.json --held-out FOLDER

LANDMARKS holds sets as `NAME.coco.json` and `NAME/`, with keypoints. Of each set the `HELD_OUT`
photos whose names have the lowest SHA-256 go to `FOLDER/NAME.json`; the others are added to the
labels, and linked in PHOTOS. Faces of which looking showed that the points lie beside the face are
in neither: `landmark_sets.json` names them. In the result every photo has one of two sources,
"judges" or "hand", of which a training may draw one more often than the other.
"""

from __future__ import annotations

import argparse
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

HELD_OUT = 300
WRONG = Path(__file__).with_suffix(".json")
Coco = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--landmarks", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--labels", type=Path, required=True, help="COCO JSON to add to")
    parser.add_argument("--links", type=Path, required=True, help="its photos; links are added")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True, help="folder of what is kept aside")
    arguments = parser.parse_args()
    arguments.held_out.mkdir(parents=True, exist_ok=True)
    merged = json.loads(arguments.labels.read_text())
    merged["images"] = [{**image, "source": "judges"} for image in merged["images"]]
    wrong = json.loads(WRONG.read_text())
    for path in sorted(arguments.landmarks.glob("*.coco.json")):
        name = path.name.removesuffix(".coco.json")
        learned, held_out = split(json.loads(path.read_text()), wrong.get(name, []))
        (arguments.held_out / f"{name}.json").write_text(json.dumps(held_out) + "\n")
        add(merged, learned)
        for image in learned["images"]:
            link = arguments.links / image["file_name"]
            if not link.is_symlink():
                link.symlink_to((arguments.landmarks / name / image["file_name"]).resolve())
        print(f"{name}: {len(learned['images'])} photos, {len(held_out['images'])} kept aside")
    arguments.out.write_text(json.dumps(merged) + "\n")


def split(content: Coco, wrong: list[str]) -> tuple[Coco, Coco]:
    """A set without some photos, as one part to learn from and one that is kept aside."""
    right = [image for image in content["images"] if image["file_name"] not in wrong]
    right.sort(key=lambda image: sha256(image["file_name"].encode()).hexdigest())
    learned, held_out = (_with_images(content, i) for i in (right[HELD_OUT:], right[:HELD_OUT]))
    return learned, held_out


def _with_images(content: Coco, images: list[dict[str, Any]]) -> Coco:
    ids = {image["id"] for image in images}
    faces = [face for face in content["annotations"] if face["image_id"] in ids]
    return {**content, "images": images, "annotations": faces}


def add(merged: Coco, content: Coco) -> None:
    """Add photos and faces to others, with ids of their own."""
    images, faces = merged["images"], merged["annotations"]
    n_images = max((image["id"] for image in images), default=0)
    n_faces = max((face["id"] for face in faces), default=0)
    numbers = {}
    for count, image in enumerate(content["images"], start=1):
        numbers[image["id"]] = n_images + count
        images.append({**image, "id": n_images + count, "source": "hand"})
    for count, face in enumerate(content["annotations"], start=1):
        at = {"id": n_faces + count, "image_id": numbers[face["image_id"]], "category_id": 1}
        faces.append({**face, **at})


if __name__ == "__main__":
    main()
