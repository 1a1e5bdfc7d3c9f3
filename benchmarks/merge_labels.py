"""Several COCO files as one, and one folder with links to all their photos.

    python benchmarks/merge_labels.py --photos PHOTOS --out MERGED.json --links FOLDER \
        --one-source people LABELS/train.json LABELS/train_street.json LABELS/train_people.json

`LABELS/SET.json` is of the photos in `PHOTOS/SET`. Names stay as they are, so that a training
holds out the same photos as one on a single set; two photos of one name are an error.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--links", type=Path, required=True, help="folder to link photos in")
    parser.add_argument(
        "--one-source", action="append", default=[], metavar="WORD",
        help="sources that begin with this word become one of that name",
    )  # fmt: skip
    parser.add_argument("parts", type=Path, nargs="+")
    arguments = parser.parse_args()
    arguments.links.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for path in arguments.parts:
        content = json.loads(path.read_text())
        number = {}
        for image in content["images"]:
            number[image["id"]] = len(images) + 1
            link = arguments.links / image["file_name"]
            link.symlink_to((arguments.photos / path.stem / image["file_name"]).resolve())
            for word in arguments.one_source:
                if image.get("source", "").startswith(word):
                    image["source"] = word
            images.append({**image, "id": len(images) + 1})
        for annotation in content["annotations"]:
            at = {"id": len(annotations) + 1, "image_id": number[annotation["image_id"]]}
            annotations.append({**annotation, **at})
    merged = {
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}],
    }  # fmt: skip
    arguments.out.write_text(json.dumps(merged) + "\n")


if __name__ == "__main__":
    main()
