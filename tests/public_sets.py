"""Small sets in the layout of FDDB and WIDER FACE, packed as the real ones are."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from facesmith.fetching import DataSet
from wider_files import image, save_ground_truth


def made_photo(path: Path, seed: int, size: tuple[int, int] = (160, 120)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1] // 8, size[0] // 8, 3), np.uint8)
    Image.fromarray(pixels).resize(size).save(path, quality=90)


def fddb_tree(folder: Path) -> Path:
    """The layout of FDDB: ten folds with two photos each."""
    for fold in range(1, 11):
        names = [f"2002/0{i}/{fold:02d}/big/img_{fold}" for i in (1, 2)]
        for i, name in enumerate(names):
            made_photo(folder / "originalPics" / f"{name}.jpg", 2 * fold + i)
        lists = folder / "FDDB-folds"
        lists.mkdir(exist_ok=True)
        (lists / f"FDDB-fold-{fold:02d}.txt").write_text("".join(f"{n}\n" for n in names))
        (lists / f"FDDB-fold-{fold:02d}-ellipseList.txt").write_text(
            "".join(f"{name}\n1\n40 30 1.5 80 60 1\n" for name in names)
        )
    return folder


def wider_tree(folder: Path) -> Path:
    """The layout of WIDER FACE: two photos to learn from, two to score on."""
    for split, seed in (("train", 100), ("val", 200)):
        lines = ""
        for i, name in enumerate(("0--Parade/one.jpg", "1--Handshaking/two.jpg")):
            made_photo(folder / f"WIDER_{split}" / "images" / name, seed + i)
            lines += f"{name}\n1\n28 20 32 32 0 0 0 0 0 0 \n"
        (folder / "wider_face_split").mkdir(exist_ok=True)
        (folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt").write_text(lines)
    images = [
        image([[28, 20, 32, 32]], 0, name="one"),
        image([[28, 20, 32, 32]], 0, name="two", event="1--Handshaking"),
    ]
    save_ground_truth(folder / "eval_tools" / "ground_truth", images)
    return folder


# How many files the made sets have where the real ones have thousands.
COUNTS = {"images": 20, "annotations": 10, "val": 2, "train": 2}


def packed(data_set: DataSet, tree: Path, to: Path, sums: bool = True) -> DataSet:
    """The archives of a made set in a folder, and the set with their sums and counts."""
    to.mkdir(exist_ok=True)
    archives = []
    for archive in data_set.archives:
        inside = archive.name != "originalPics.tar.gz"  # its entries begin with the year
        kind = "zip" if archive.name.endswith("zip") else "gztar"
        root, base = (tree, archive.folder) if inside else (tree / archive.folder, ".")
        made = shutil.make_archive(str(to / "made"), kind, root, base)
        Path(made).rename(to / archive.name)
        content = (to / archive.name).read_bytes()
        contents = archive.contents
        if archive.part in ("images", "val", "train"):
            contents = ((contents[0][0], COUNTS[archive.part]),)
        archives.append(
            dataclasses.replace(
                archive,
                sum=f"sha256:{hashlib.sha256(content).hexdigest()}" if sums else "",
                n_bytes=len(content),
                contents=contents,
            )
        )
    return dataclasses.replace(data_set, archives=tuple(archives))
