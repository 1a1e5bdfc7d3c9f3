"""`facesmith convert`: what is written, what is said, and what is refused at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from annotation_files import coco, save
from facesmith.annotations import load_annotations
from facesmith.cli import main


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos of 200x100; the first has a face, a car and an ignored region."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "sub dir/b.jpg", "c.jpg"):
        save(tmp_path / "photos" / name)
    face = {"bbox": [10.5, 20, 30, 40], "attributes": {"mask": "on", "rotation": 5.0}, "score": 0.5}
    crowd = {"bbox": [100, 10, 20, 20], "iscrowd": 1}
    car = {"bbox": [1, 2, 3, 4], "category_id": 2}
    coco(
        tmp_path / "faces.json",
        {"a.jpg": [face, crowd, car], "sub dir/b.jpg": [], "c.jpg": [[0, 0, 200, 100]]},
        categories=("face", "car"),
    )
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, words), "--images", "photos"])


def test_what_is_lost_is_said_by_photos() -> None:
    result = run("faces.json", "out", "--to", "yolo")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "3 photos with 2 faces and 1 ignored region written as yolo to out\n"
    assert sorted(result.stderr.splitlines()) == sorted(
        [
            "Not carried over unchanged:",
            "  1 photo: ignored regions, written as boxes called `unsure`",
            "  1 photo: attributes of boxes",
            "  1 photo: rotations of boxes that stand as attributes",
            "  1 photo: scores",
            "  1 photo: boxes of other categories",
        ]
    )
    assert Path("out/labels/sub dir/b.txt").read_text() == ""
    first, second = Path("out/labels/a.txt").read_text().splitlines()
    assert first == "0 0.12750000 0.40000000 0.15000000 0.40000000"  # 25.5 / 200, 40 / 100
    assert second.startswith("1 0.55")
    found = load_annotations("out", "photos", strict=True)
    assert [photo.ignored.tolist() for photo in found.photos] == [[False, True], [False], []]


@pytest.mark.parametrize("target", ["cvat", "label-studio", "labelme", "yolo", "voc", "wider"])
def test_there_and_back(target: str) -> None:
    assert run("faces.json", "there", "--to", target, "--quiet").exit_code == 0
    result = run("there", "back.json", "--to", "coco", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {
        "format": "coco", "photos": 3, "faces": 2, "ignored": 1, "left_out": 0,
        "not_carried_over": {},
    }  # fmt: skip
    back = load_annotations("back.json", "photos", strict=True)
    faces = {photo.name: photo.boxes[~photo.ignored].tolist() for photo in back.photos}
    first = [11, 20, 41, 60] if target in ("voc", "wider") else [10.5, 20, 40.5, 60]
    assert faces.pop("a.jpg") == [pytest.approx(first, abs=1e-4)]
    assert faces == {"sub dir/b.jpg": [], "c.jpg": [[0, 0, 200, 100]]}


def test_every_command_takes_what_a_tool_wrote() -> None:
    """`prepare` stands for those that read annotations."""
    run("faces.json", "annotations.xml", "--to", "cvat")
    words = ["prepare", "annotations.xml", "--images", "photos", "--count", "8", "--out", "p.npz"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    assert Path("p.npz").is_file()


def test_problems_are_named_and_counted() -> None:
    (Path("photos") / "c.jpg").write_bytes(b"")
    result = run("faces.json", "out.xml", "--to", "cvat", "--json")
    assert result.exit_code == 0
    assert "Left out: faces.json image 3: photos/c.jpg is empty (0 bytes)" in result.stderr
    assert json.loads(result.stdout)["left_out"] == 1


def test_without_any_photo_nothing_is_written() -> None:
    coco(Path("bad.json"), {"a.jpg": [[500, 500, 10, 10]]})  # outside the photo
    result = run("bad.json", "out", "--to", "yolo")
    assert result.exit_code == 1
    assert "Error: bad.json: none of its photos can be used, so out is not" in result.stderr
    assert not Path("out").exists()


def test_nothing_is_replaced_without_force() -> None:
    for target, out in (("cvat", "out.xml"), ("labelme", "out")):
        assert run("faces.json", out, "--to", target).exit_code == 0
        result = run("faces.json", out, "--to", target)
        assert result.exit_code == 1
        assert "--force" in result.stderr
        assert run("faces.json", out, "--to", target, "--force").exit_code == 0
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    for force in ((), ("--force",)):
        result = run("faces.json", "mine", "--to", "yolo", *force)
        assert result.exit_code == 1
        assert "facesmith did not write" in result.stderr or "its mark" in result.stderr
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("faces.json", "photos", "--to", "cvat"), "photos is a folder; cvat is one file"),
        (("faces.json", "faces.json", "--to", "yolo"), "is read by IN: an output is never an"),
        (("faces.json", "faces.json", "--to", "coco", "--force"), "an output is never an input"),
        (("faces.json", "link.json", "--to", "coco", "--force"), "an output is never an input"),
        (("faces.json", "notes.txt", "--to", "voc"), "is a file; voc is a folder of files"),
        (("yolo", "yolo/voc", "--to", "voc"), "lies in IN yolo"),
        (("faces.json", "out", "--to", "kitti"), "'kitti' is not one of 'coco'"),
        (("faces.json", "-", "--to", "coco"), "'-' would be standard output"),
    ],
)
def test_what_is_wrong_is_refused_before_a_photo_is_read(
    monkeypatch: pytest.MonkeyPatch, words: Any, message: str
) -> None:
    run("faces.json", "yolo", "--to", "yolo")
    Path("link.json").symlink_to("faces.json")
    Path("notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    monkeypatch.setattr("facesmith.cli.convert.load_photos", pytest.fail)
    result = run(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_photos_that_would_share_a_label_are_named_and_nothing_is_written() -> None:
    save(Path("photos/a.png"))
    coco(Path("two.json"), {"a.jpg": [], "a.png": []})
    result = run("two.json", "out", "--to", "voc")
    assert result.exit_code == 1
    assert "a.jpg and a.png would share the label file a.xml" in result.stderr
    assert not list(Path("out").rglob("*.xml"))
    assert run("two.json", "out.xml", "--to", "cvat").exit_code == 0


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe<\x00", b"<annotations>\xc3<", b"<annotations>"]
)
def test_an_error_names_its_file_once(content: bytes) -> None:
    Path("bad.xml").write_bytes(content)
    result = run("bad.xml", "out.json", "--to", "coco", "--format", "cvat")
    assert result.exit_code == 1
    assert result.stderr.count("bad.xml") == 1
    Path("labels").mkdir()
    Path("labels/bad.xml").write_bytes(content)
    result = run("labels", "out.json", "--to", "coco", "--format", "voc")
    assert result.stderr.count("bad.xml") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no files of these names")
def test_a_line_end_in_a_name_leaves_an_error_on_one_line() -> None:
    save(Path("photos/two\nlines.jpg"))
    coco(Path("odd.json"), {"two\nlines.jpg": [], "not\nthere.jpg": []})
    result = run("odd.json", "out", "--to", "yolo")
    assert result.exit_code == 1
    left_out, error = result.stderr.splitlines()
    assert left_out.startswith("Left out: ")
    assert "not\\nthere.jpg: no such file" in left_out
    assert error.startswith("Error: two\\nlines.jpg: the format cannot hold")
    Path("out\nthere.json").touch()
    result = run("odd.json", "out\nthere.json", "--to", "coco")
    assert "Error: out\\nthere.json exists. Pass --force" in result.stderr
