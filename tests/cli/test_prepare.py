"""`facesmith prepare`, on photos drawn here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.patches import KINDS, SPLITS, Patches, load_patches
from facesmith.patches.prepare import prepare_patches


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten photos with a face each in `photos`, three without in `pets`, and `people.json`."""
    monkeypatch.chdir(tmp_path)
    for folder, n_photos in (("photos", 10), ("pets", 3)):
        (tmp_path / folder).mkdir()
        for number in range(n_photos):
            rng = np.random.default_rng([number, n_photos])
            small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
            large = small.resize((180, 150), Image.Resampling.BICUBIC)
            large.save(tmp_path / folder / f"{number}.png")
    annotate(tmp_path / "people.json", [[60, 50, 40, 44]] * 10)
    return tmp_path


def annotate(path: Path, boxes: list[Any], more: tuple[str, ...] = ()) -> None:
    names = [f"{number}.png" for number in range(len(boxes))] + list(more)
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": box} for i, box in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "face"}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["prepare", *words])


READ = (
    "Read 10 annotated photos with 10 faces and 3 face-free photos; left out 0 photos and 0 boxes."
)
BASIC = ("people.json", "--images", "photos", "--out", "p.npz", "--count", "40")


def test_files_and_table(work: Path) -> None:
    result = run(*BASIC, "--negatives", "pets")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert {path.name for path in work.iterdir()} == {
        "photos", "pets", "people.json", "p.npz", "p.png",
    }  # fmt: skip
    patches = load_patches("p.npz")
    lines = result.stdout.splitlines()
    assert lines[0].split() == [*SPLITS, "all"]
    for line in lines[1:7]:
        kind, counts = line[:16].strip(), [int(word) for word in line[16:].split()]
        of_kind = patches.kinds == KINDS.index(kind)
        assert counts == [int((of_kind & (patches.splits == at)).sum()) for at in range(3)] + [
            int(of_kind.sum())
        ]
    assert lines[7].split()[0] == "all"
    assert lines[7].split()[-1] == "40"
    assert lines[9:] == [
        READ,
        f"Wrote p.npz (40 patches from {len(patches.photo_names)} photos) and p.png.",
    ]
    with Image.open("p.png") as sheet:
        assert sheet.format == "PNG"


@pytest.mark.usefixtures("work")
def test_json_summary() -> None:
    result = run(*BASIC, "--json", "--quiet", "--negatives", "pets", "--negatives", "pets")
    summary = json.loads(result.stdout)
    patches = load_patches("p.npz")
    assert len(result.stdout.splitlines()) == 1
    assert {key: summary[key] for key in ("out", "contact_sheet", "rows", "faces", "read")} == {
        "out": "p.npz",
        "contact_sheet": "p.png",
        "rows": 40,
        "faces": 20,
        "read": {"photos": 10, "faces": 10, "face_free_photos": 3},
    }
    assert summary["skipped"] == {"photos": 0, "boxes": 0}
    assert summary["problems"] == []
    assert sum(sum(kinds.values()) for kinds in summary["splits"].values()) == 40
    assert summary["splits"]["train"]["face"] == int(
        ((patches.splits == 0) & (patches.kinds == 0)).sum()
    )


def test_same_seed_same_bytes(work: Path) -> None:
    for out, seed in (("a.npz", "0"), ("b.npz", "0"), ("c.npz", "1")):
        run("people.json", "--images", "photos", "--out", out, "--count", "40", "--seed", seed)
    assert (work / "a.npz").read_bytes() == (work / "b.npz").read_bytes()
    assert (work / "a.npz").read_bytes() != (work / "c.npz").read_bytes()


def damage(work: Path) -> None:
    """A bad box, a missing photo, a truncated one, and a face-free file that is none."""
    boxes: list[Any] = [[60, 50, 40, 44]] * 10
    boxes[3] = [60, 50, -4, 44]
    annotate(work / "people.json", boxes, ("gone.png",))
    photo = work / "photos/5.png"
    photo.write_bytes(photo.read_bytes()[:-200])
    (work / "pets/bad.jpg").write_text("no photo")


def test_what_cannot_be_used_is_named_and_counted(work: Path) -> None:
    damage(work)
    result = run(*BASIC, "--negatives", "pets", "--json")
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if not line.startswith("Warning")]
    summary = json.loads(result.stdout)
    assert [f"{p['where']}: {p['message']}" for p in summary["problems"]] == told
    assert sorted(line.partition(": ")[0] for line in told) == [
        "people.json annotation 3 (3.png)",
        "people.json image 10",
        "people.json image 3",  # its only box was left out: it is no photo without a face
        "people.json image 5",
        "pets/bad.jpg",
    ]
    assert summary["skipped"] == {"photos": 4, "boxes": 1}
    assert summary["rows"] == 40
    names = set(load_patches("p.npz").photo_names)
    assert {"0.png", "9.png"} <= names
    assert not {"5.png", "gone.png"} & names
    quiet = run(*BASIC, "--negatives", "pets", "--quiet", "--force")
    assert not [line for line in quiet.stderr.splitlines() if not line.startswith("Warning")]
    assert "left out 4 photos and 1 box." in quiet.stdout


def test_strict_stops_at_the_first_and_writes_nothing(work: Path) -> None:
    damage(work)
    result = run(*BASIC, "--strict")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: people.json annotation 3 (3.png): expected a width")
    annotate(work / "people.json", [[60, 50, 40, 44]] * 10)
    result = run(*BASIC, "--strict")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: people.json image 5: ")
    assert "5.png is damaged" in result.stderr
    assert not list(work.glob("p.*"))


def test_files_are_replaced_only_by_force(work: Path) -> None:
    assert run(*BASIC).exit_code == 0
    before = (work / "p.npz").read_bytes()
    result = run(*BASIC, "--seed", "3")
    assert result.exit_code == 1
    assert result.stderr == "Error: p.npz exists. Pass --force to replace it.\n"
    assert (work / "p.npz").read_bytes() == before
    (work / "p.npz").unlink()
    assert "p.png exists" in run(*BASIC).stderr
    assert run(*BASIC, "--force").exit_code == 0


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("people.json", "--images", "photos"), "Missing option '--out'"),
        (("people.json", "--out", "p.npz"), "Annotated photos need --images"),
        (("gone.json", "--images", "photos", "--out", "p.npz"), "'gone.json' does not exist"),
        (("people.json", "--images", "gone", "--out", "p.npz"), "'gone' does not exist"),
        (("people.json", "--images", "photos", "--out", "p.zip"), "must end in .npz; got p.zip"),
        (("people.json", "--images", "photos", "--out", "x/p.npz"), "there is no folder x"),
        ((*BASIC, "--count", "1"), "1 is not in the range x>=2"),
        ((*BASIC, "--seed", "-1"), "-1 is not in the range x>=0"),
        ((*BASIC, "--format", "xml"), "'xml' is not one of 'coco', "),
        ((*BASIC, "--split", "70/30"), "expected three numbers like 70/15/15, got '70/30'"),
        ((*BASIC, "--split", "0/0/0"), "expected three numbers"),
        ((*BASIC, "--split", "-1/1/1"), "expected three numbers"),
        ((*BASIC, "--split", "nan/1/1"), "expected three numbers"),
        ((*BASIC, "--min-face", "0"), "0.0 is not in the range x>0"),
    ],
)
def test_usage_errors(words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--category", "head"), "there is no category 'head'; found 'face'"),
        (("--format", "wider"), "no entry of 1 can be used"),
        (("--min-face", "100"), "No face to cut"),
        (("--negatives", "none"), "No images found in none/"),
    ],
)
def test_failures_are_one_line(work: Path, words: tuple[str, ...], message: str) -> None:
    (work / "none").mkdir()
    result = run(*BASIC, *words)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr


@pytest.mark.usefixtures("work")
def test_split_shares() -> None:
    result = run(*BASIC, "--split", "0/0/1", "--json")
    splits = json.loads(result.stdout)["splits"]
    assert [sum(splits[split].values()) for split in SPLITS] == [0, 0, 40]
    assert result.stderr == ""
    result = run(*BASIC, "--split", "9998/1/1", "--json", "--force")
    assert "Warning: none of the 10 photos fell to validation." in result.stderr
    assert "Warning: none of the 10 photos fell to test." in result.stderr


@pytest.mark.usefixtures("work")
def test_a_split_without_faces_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepare_patches

    def face_free_test(*words: Any, **named: Any) -> Patches:
        patches = whole(*words, **named)
        patches.splits[:] = np.where(patches.labels[:, 0] == 1, 0, 2)
        return patches

    monkeypatch.setattr("facesmith.cli.prepare.prepare_patches", face_free_test)
    result = run(*BASIC, "--split", "50/0/50")
    assert "Warning: test has rows of one label only: nothing can be judged on it." in result.stderr


@pytest.mark.usefixtures("work")
def test_other_formats_through_the_command(work: Path) -> None:
    (work / "labels").mkdir()
    for number in range(10):
        (work / f"labels/{number}.txt").write_text("0 0.45 0.5 0.2 0.3\n")
    result = run("labels", "--images", "photos", "--out", "y.npz", "--count", "20", "--json")
    assert json.loads(result.stdout)["read"]["faces"] == 10


def test_help_has_an_example() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "facesmith prepare people.json --images photos/ --negatives pets/" in result.stdout
    assert "11038" in result.stdout


@pytest.mark.slow
@pytest.mark.skipif("FACESMITH_PHOTOS" not in os.environ, reason="needs annotated photos of people")
def test_real_photos(tmp_path: Path) -> None:
    photos = Path(os.environ["FACESMITH_PHOTOS"])
    result = run(
        str(photos / "val_other_domain.coco.json"), "--images", str(photos / "val_other_domain"),
        "--out", str(tmp_path / "p.npz"), "--count", "618", "--strict", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["read"] == {"photos": 150, "faces": 309, "face_free_photos": 0}
    assert (summary["rows"], summary["faces"]) == (618, 309)


def test_photos_outside_the_folder_are_read_only_if_that_is_allowed(work: Path) -> None:
    content = json.loads((work / "people.json").read_text())
    for image in content["images"]:
        image["file_name"] = f"../photos/{image['file_name']}"
    (work / "people.json").write_text(json.dumps(content))
    arguments = ["people.json", "--images", "pets", "--out", "p.npz", "--count", "40"]
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "--images-anywhere" in refused.stderr
    assert run(*arguments, "--images-anywhere").exit_code == 0


def test_a_wrong_folder_of_photos_is_one_line(work: Path) -> None:
    (work / "elsewhere").mkdir()
    result = run("people.json", "--images", "elsewhere", "--out", "p.npz")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "and 7 more. Is it the folder" in result.stderr
