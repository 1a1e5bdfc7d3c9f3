"""Thousands of damaged files: each is read, or one of our own errors names it, soon and in bounds.

`FACESMITH_FUZZ=5` (or `make fuzz`) reads five times as many, with seeds of the day.
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from facesmith.annotations import load_annotations
from facesmith.annotations.mined import read_mined, write_mined
from facesmith.cli import main
from facesmith.errors import FacesmithError
from facesmith.images import read_image
from facesmith.patches.file import load_patches
from mined_photos import mined_box
from mutators import damaged, misstated, pictures
from tool_files import CVAT, LABELME, TASKS

pytestmark = pytest.mark.slow

FACTOR = int(os.environ.get("FACESMITH_FUZZ", "1"))
SEED = 0 if FACTOR == 1 else int(time.time()) // 86_400
MOST_SECONDS = 5.0  # of processor time, a file
MOST_BYTES = 1.5e9  # of the process
LONGEST_MESSAGE = 3000


def peak_bytes() -> float:
    resource = pytest.importorskip("resource")
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def try_all(
    n: int, make: Callable[[np.random.Generator], Path], read: Callable[[Path], object]
) -> int:
    """Make and read `n` files; returns how many were refused."""
    faults, refused = [], 0
    earlier_peak = peak_bytes()
    for number in range(n * FACTOR):
        rng = np.random.default_rng([SEED, number])
        path = make(rng)
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
        except FacesmithError as error:
            refused += 1
            # A folder whose format cannot be told is named itself.
            if path.name not in str(error) and f"{path.parent}: " not in str(error):
                faults.append(f"case {number}: no name in {error}")
            if len(str(error)) > LONGEST_MESSAGE + len(str(path)):
                faults.append(f"case {number}: {len(str(error))} characters")
        except Exception as error:  # noqa: BLE001 - the subject of the test
            last = traceback.extract_tb(error.__traceback__)[-1]
            faults.append(f"case {number}: {error!r:.200} at {last.filename}:{last.lineno}")
        if time.process_time() - started > MOST_SECONDS:
            faults.append(f"case {number}: {time.process_time() - started:.1f} s")
    assert not faults, f"{len(faults)} of {n * FACTOR}:\n" + "\n".join(faults[:12])
    assert peak_bytes() <= max(MOST_BYTES, earlier_peak)
    return refused


def byte_damage(path: Path, contents: list[bytes]) -> Callable[[np.random.Generator], Path]:
    def make(rng: np.random.Generator) -> Path:
        path.write_bytes(damaged(contents[int(rng.integers(len(contents)))], rng))
        return path

    return make


def wrong_json(path: Path, value: Any) -> Callable[[np.random.Generator], Path]:
    """Half of the files hold wrong values, half are damaged."""

    def make(rng: np.random.Generator) -> Path:
        if rng.random() < 0.5:
            text = json.dumps(misstated(value, rng), ensure_ascii=bool(rng.random() < 0.5))
            path.write_text(text, encoding="utf-8")
        else:
            path.write_bytes(damaged(json.dumps(value, indent=1).encode(), rng))
        return path

    return make


def test_images(tmp_path: Path) -> None:
    refused = try_all(2000, byte_damage(tmp_path / "a.jpg", [*pictures().values()]), read_image)
    assert refused > 500


COCO = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 61, "height": 47},
        {"id": 2, "file_name": "sub/b.png"},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 6.5, 20, 20], "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 2, 9, 8], "area": 72},
    ],
    "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "cat"}],
}
OF_ONE_FILE = ("cvat", "wider", "fddb")
JSON_FILES = {"coco": COCO, "label-studio": TASKS, "labelme": LABELME}
VOC = b"""<annotation><filename>a.png</filename><size><width>61</width><height>47</height>
<depth>3</depth></size><object><name>face</name><difficult>0</difficult><bndbox><xmin>5</xmin>
<ymin>6</ymin><xmax>25</xmax><ymax>26</ymax></bndbox></object></annotation>"""
TEXTS = {
    "yolo": (b"0 0.3 0.4 0.2 0.25\n0 0.7 0.5 0.1 0.2\n", "a.txt"),
    "wider": (b"a.png\n1\n5 6 20 20 0 0 0 0 0 0\nsub/b.png\n0\n0 0 0 0 0 0 0 0 0 0\n", "w.txt"),
    "fddb": (b"a\n1\n12.5 10.0 1.2 30.0 25.0 1\nsub/b\n1\n5 4 -0.5 20 20 1\n", "x-ellipseList.txt"),
}  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "sub").mkdir()
    for name in ("a.png", "sub/b.png"):
        (folder / name).write_bytes(pictures()["png"])
    return folder


@pytest.mark.parametrize("kind", JSON_FILES)
@pytest.mark.parametrize("told", [True, False])
def test_json_annotations(tmp_path: Path, images: Path, kind: str, told: bool) -> None:
    try_all(
        100, wrong_json(tmp_path / "labels.json", JSON_FILES[kind]),
        lambda path: load_annotations(path, images, format=kind if told else None),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["voc", "cvat", *TEXTS])
@pytest.mark.parametrize("told", [True, False])
def test_other_annotations(tmp_path: Path, images: Path, kind: str, told: bool) -> None:
    content, name = {"voc": (VOC, "a.xml"), "cvat": (CVAT, "a.xml"), **TEXTS}[kind]
    folder = tmp_path / "labels"
    folder.mkdir()
    try_all(
        80, byte_damage(folder / name, [content]),
        lambda path: load_annotations(
            path if kind in OF_ONE_FILE else folder, images, format=kind if told else None
        ),
    )  # fmt: skip


def test_patches(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "input": np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8),
        "target": np.array([[1], [0], [1]], np.uint8),
        "photo": np.array([0, 0, 1], np.int32),
        "photo_names": np.array(["a.jpg", "b.jpg"]),
        "split": np.zeros(3, np.uint8),
        "kind": np.zeros(3, np.uint8),
    }
    np.savez(tmp_path / "plain.npz", **arrays)
    np.savez_compressed(tmp_path / "small.npz", **arrays)
    np.savez(tmp_path / "few.npz", input=arrays["input"], target=arrays["target"])
    contents = [(tmp_path / f"{name}.npz").read_bytes() for name in ("plain", "small", "few")]
    assert try_all(300, archive_damage(tmp_path / "p.npz", contents), load_patches) > 150


def archive_damage(path: Path, contents: list[bytes]) -> Callable[[np.random.Generator], Path]:
    """Half of the damage lies in the first bytes of an array, its header, or in the directory."""

    def make(rng: np.random.Generator) -> Path:
        content = contents[int(rng.integers(len(contents)))]
        if rng.random() < 0.5:
            marks = [b"\x93NUMPY", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"]
            mark = marks[int(rng.integers(len(marks)))]
            places = [at for at in range(len(content)) if content.startswith(mark, at)]
            at = places[int(rng.integers(len(places)))] if places else 0
            end = at + 130
            path.write_bytes(content[:at] + damaged(content[at:end], rng) + content[end:])
        else:
            path.write_bytes(damaged(content, rng))
        return path

    return make


def test_weights(tmp_path: Path, spot_weights: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from facesmith.detection.detector import load_detector  # noqa: PLC0415

    model = onnx.load(str(spot_weights))
    about = json.loads(model.metadata_props[0].value)
    image = np.zeros((48, 64, 3), np.uint8)
    path = tmp_path / "detector.onnx"

    def make(rng: np.random.Generator) -> Path:
        if rng.random() < 0.6:
            model.metadata_props[0].value = json.dumps(misstated(about, rng))
            path.write_bytes(model.SerializeToString())
        else:
            path.write_bytes(damaged(spot_weights.read_bytes(), rng))
        return path

    def read(path: Path) -> None:
        try:
            load_detector(path)(image)
        except FacesmithError as error:
            if "refiner.onnx" not in str(error):  # weights that ask for one
                raise

    assert try_all(200, make, read) > 100


def test_functions(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    from facesmith.approximation.model.fitted import FittedFunction, Member  # noqa: PLC0415
    from facesmith.approximation.model.saving import load_function, save_function  # noqa: PLC0415

    member = Member(
        weights=(np.ones((2, 3)), np.ones((3, 1))), biases=(np.zeros(3), np.zeros(1)), output=0,
        weight=1.0, covariance_root=np.ones((13, 2)), noise_variance=0.5,
    )  # fmt: skip
    two, one = np.ones(2), np.ones(1)
    function = FittedFunction((member,), two, two, one, one, two, two, ("x", "y"), ("z",))
    path = tmp_path / "f.npz"
    save_function(function, path)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["about"]))
    damage = archive_damage(path, [whole])

    def make(rng: np.random.Generator) -> Path:
        if rng.random() < 0.5:
            return damage(rng)
        np.savez(path, **{**arrays, "about": np.array(json.dumps(misstated(about, rng)))})
        return path

    def read(path: Path) -> None:
        load_function(path).predict_with_std(np.ones((2, 2)))

    assert try_all(200, make, read) > 100


def test_tables(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    from facesmith.approximation.experiment.tables import read_table  # noqa: PLC0415

    rows = "".join(f"{x},{x * 2.5},{x - 3}\n" for x in range(12))
    contents = [f"x,y,z\n{rows}".encode(), f'"x";"y";"z"\n{rows.replace(",", ";")}'.encode()]
    try_all(200, byte_damage(tmp_path / "points.csv", contents), lambda path: read_table(path, "z"))


LINES = "".join(
    json.dumps({"file": name, "width": 61, "height": 47, "faces": faces}) + "\n"
    for name, faces in (
        ("a.png", [{"box": [1.0, 2.0, 30.5, 40.0], "score": 0.9}]),
        ("sub/b.png", []),
    )
)
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [1.0, 2.0, 9.5, 9.0], "score": 0.25},
    {"image_id": 2, "category_id": 1, "bbox": [3.0, 2.0, 9.5, 9.0], "score": 0.75},
]


def test_detections(tmp_path: Path, images: Path) -> None:
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415

    annotations = tmp_path / "coco.json"
    annotations.write_text(json.dumps(COCO))
    photos = load_annotations(annotations, images, categories=["face"]).photos

    def read(path: Path) -> None:
        read_detections(path, annotations, photos, categories=["face"])

    try_all(100, byte_damage(tmp_path / "found.jsonl", [LINES.encode()]), read)
    try_all(100, wrong_json(tmp_path / "found.json", RESULTS), read)
    (tmp_path / "coco_found.json").write_text(json.dumps(RESULTS))

    def read_with(path: Path) -> None:
        read_detections(tmp_path / "coco_found.json", path, photos, categories=["face"])

    # The results are sound, the annotations that explain their ids are not.
    try_all(100, wrong_json(annotations, COCO), read_with)


def test_mined(tmp_path: Path) -> None:
    path = tmp_path / "mined.json"
    write_mined(path, [mined_box(file=f"{number}.png") for number in range(3)])
    assert try_all(200, wrong_json(path, json.loads(path.read_text())), read_mined) > 100


def test_decisions(tmp_path: Path) -> None:
    from facesmith.curation.label_audit.decisions import COLUMNS, read_decisions  # noqa: PLC0415

    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerow([1, "suspicious", "small", "a.png", 1.0, 2.0, 30.5, 40.0, 0.9, "accept"])
    rows.writerow([2, "missed", "", "sub/b.png", 4.0, 2.0, 30.5, 40.0, 0.7, "refuse"])
    try_all(
        200, byte_damage(tmp_path / "decisions.csv", [text.getvalue().encode()]), read_decisions
    )


def test_the_command_names_each_damaged_photo_and_does_the_rest(
    tmp_path: Path, spot_weights: Path
) -> None:
    kinds = list(pictures().items())
    for number in range(100 * FACTOR):
        rng = np.random.default_rng([SEED, number])
        name, content = kinds[int(rng.integers(len(kinds)))]
        (tmp_path / f"{number}.{name}").write_bytes(damaged(content, rng))
    (tmp_path / "sound.png").write_bytes(pictures()["png"])
    files = sorted(str(path) for path in tmp_path.iterdir())
    result = CliRunner().invoke(
        main, ["detect", *files, "--json", "--quiet", "--model", str(spot_weights)]
    )
    assert result.exit_code == 1
    assert "should not have happened" not in result.stderr
    lines = [json.loads(line) for line in result.stdout.split("\n") if line]
    assert sorted(line["file"] for line in lines) == files
    assert [line for line in lines if "error" not in line and line["file"].endswith("sound.png")]
    assert all(Path(line["file"]).name in line.get("error", line["file"]) for line in lines)
