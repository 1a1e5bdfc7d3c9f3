"""YOLO data sets: roots, their descriptions, and what of YAML is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation_files import boxes_of, save, write
from facesmith.annotations import load_annotations
from facesmith.annotations.plain_yaml import read_plain_yaml
from facesmith.errors import AnnotationError

LABEL = "0 0.5 0.5 0.5 0.5\n"
BOX = [50, 25, 150, 75]


def make_dataset(root: Path, description: str | None) -> Path:
    """Splits `train` and `val` with a photo each, `a.jpg` and `b.jpg`."""
    for split, name in (("train", "a"), ("val", "b")):
        save(root / f"images/{split}/{name}.jpg")
        write(root / f"labels/{split}/{name}.txt", LABEL)
    if description is not None:
        write(root / "data.yaml", description)
    return root


@pytest.mark.parametrize(
    "description",
    [
        None,
        "train: images/train\nval: images/val\nnames:\n  0: face\n",
        "path: .\ntrain: images/train # photos\nval: images/val\nnc: 1\nnames: ['face']\n",
        "path: /elsewhere\ntrain: [images/train, images/val]\nnames: {0: face}\n",
        "train:\n  - images/train\n  - ../images/val\nnames:\n- face\nroboflow:\n  a: {b: [c]}\n",
    ],
)
@pytest.mark.parametrize("given", ["", "data.yaml"])
def test_roots_and_descriptions(tmp_path: Path, description: str | None, given: str) -> None:
    root = make_dataset(tmp_path / "set", description)
    if given and description is None:
        pytest.skip("there is no such file")
    found = load_annotations(root / given, root / "images")
    assert boxes_of(found) == {"train/a.jpg": [BOX], "val/b.jpg": [BOX]}
    assert not found.problems
    assert list(boxes_of(load_annotations(root / given, root))) == [
        "images/train/a.jpg", "images/val/b.jpg",
    ]  # fmt: skip


def test_names_say_which_class_is_the_face(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, "train: images/train\nnames: [dog, face]\n")
    write(root / "labels/train/a.txt", f"{LABEL}1 0.25 0.25 0.5 0.5\n")
    found = load_annotations(root, root)
    assert boxes_of(found) == {"images/train/a.jpg": [[0, 0, 100, 50]]}  # only what is described


def test_splits_as_folders_and_lists(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save(tmp_path / f"{split}/images/{split}1.jpg")
        write(tmp_path / f"{split}/labels/{split}1.txt", LABEL)
    assert len(load_annotations(tmp_path, tmp_path)) == 2
    write(tmp_path / "list.txt", "./train/images/train1.jpg\n")
    write(tmp_path / "data.yaml", "train: list.txt\n")
    assert list(boxes_of(load_annotations(tmp_path, tmp_path))) == ["train/images/train1.jpg"]


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("names: [face]\n", "expected the folders of the photos under `train`"),
        ("train: gone\n", "`train` names gone, which is neither a folder nor a list"),
        ("train: *anchor\n", "line 1: cannot read `train`"),
        ("train: images/train\ntrain: images/val\n", "the key `train` stands twice"),
        ("train: images/train\nnames:\n  face: 0\n", "expected class numbers as keys of `names`"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, description: str, message: str) -> None:
    root = make_dataset(tmp_path, description)
    with pytest.raises(AnnotationError, match=message):
        load_annotations(root / "data.yaml", root)


def test_photos_of_a_data_set_stay_below_the_folder_of_the_photos(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set", "train: images/train\nval: ../other/images\n")
    save(tmp_path / "other/images/o.jpg")
    write(tmp_path / "other/labels/o.txt", LABEL)
    found = load_annotations(root / "data.yaml", root)
    assert list(boxes_of(found)) == ["images/train/a.jpg"]
    assert found.problems[0].kind == "outside"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b c", "b c"), ("a: 'it''s'", "it's"), ('"a": "x # y"', "x # y"), ("a: b # c", "b"),
        ("a: [x, 'y, z']", ["x", "y, z"]), ("a: {0: x, 1: y}", {"0": "x", "1": "y"}),
        ("a:\n- x\n- y", ["x", "y"]), ("a: [x,\n  y]", ["x", "y"]), ("a: ~", None), ("a:", None),
    ],
)  # fmt: skip
def test_plain_yaml(tmp_path: Path, text: str, value: object) -> None:
    assert read_plain_yaml(write(tmp_path / "f.yaml", text), ("a",)).get("a") == value


@pytest.mark.parametrize(
    "text", ["a: &x b", "a: !t b", "a: |\n  b", "a:\n  b:\n    c: d", "a: b\n  c"]
)
def test_other_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AnnotationError, match="line 1: cannot read `a`"):
        read_plain_yaml(write(tmp_path / "f.yaml", text), ("a",))
