"""`facesmith benchmark compare`: table, JSON, files, and the word on what is wrong."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.evaluation.coco import score_photos
from facesmith.evaluation.compare import CompareConfig
from facesmith.images import write_image
from facesmith.pictures.charts import legend_label
from spot_detector import spots

PACKAGES = ("cv2", "facenet_pytorch", "mediapipe", "dlib")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos with one spot each, of which one is annotated as a face; one face-free photo."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "photos").mkdir()
    (folder / "face_free").mkdir()
    write_image(folder / "photos" / "a.png", spots(160, 120, (40, 32)))
    write_image(folder / "photos" / "b.png", spots(160, 120, (80, 64)))
    write_image(folder / "face_free" / "c.png", spots(160, 120, (24, 24), (96, 64)))
    images = [
        {"id": i, "file_name": f"{name}.png", "width": 160, "height": 120}
        for i, name in enumerate("ab")
    ]
    boxes = {0: [28, 20, 32, 32], 1: [0, 0, 32, 32]}
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": box, "area": 1024, "iscrowd": 0}
        for i, box in boxes.items()
    ]
    content = {
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}],
    }  # fmt: skip
    (folder / "photos.json").write_text(json.dumps(content))
    return folder


def compare(data: Path, *words: object) -> Result:
    where = ["--annotations", data / "photos.json", "--images", data / "photos"]
    given = ["benchmark", "compare", *where, "--size", "64x48", *words]
    return CliRunner().invoke(main, [str(word) for word in given])


def test_json_and_files_hold_the_figures(data, spot_weights, tmp_path):
    out = tmp_path / "deep" / "out"
    result = compare(
        data, "--detector", f"spots=facesmith:{spot_weights}", "--face-free", data / "face_free",
        "--size", "80x60", "--json", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    assert found == json.loads((out / "compare.json").read_text())
    assert sorted(path.name for path in out.glob("[!.]*")) == [
        "accuracy_time.png", "compare.json", "precision_recall.png",
    ]  # fmt: skip
    assert found["sets"] == {
        "annotated": {"source": "photos.json", "photos": 2, "faces": 2},
        "face_free": {"source": ["face_free"], "photos": 1},
    }
    (row,) = found["detectors"]
    assert (row["detector"], row["kind"]) == ("spots", "facesmith")
    # One right and one wrong box of equal score: precision 1/2 at recall 1/2.
    assert row["accuracy"]["0.5"]["average_precision"] == 1 / 4
    assert row["accuracy"]["0.4"]["recall_at_0.1_false_a_photo"] == 0
    assert row["accuracy"]["0.4"]["recall_at_1_false_a_photo"] == 1 / 2
    assert row["face_free"]["at_own_threshold"]["false_per_photo"] == 2
    assert row["face_free"]["at_recall_0.9"]["false_per_photo"] is None
    assert row["milliseconds"]["64x48"]["n_calls"] == 10
    assert set(row["milliseconds"]) == {"64x48", "80x60", "as they are"}
    assert row["bytes"]["peak_memory"] is None or row["bytes"]["peak_memory"] > 20e6


def test_all_names_what_is_absent_and_compares_the_rest(data, monkeypatch):
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    result = compare(data, "--iou", 0.5)
    assert result.exit_code == 0, result.output
    for kind, package in zip(("opencv-haar", "mtcnn", "mediapipe", "dlib"), PACKAGES, strict=True):
        assert f"Left out: {kind}. The package '{package}' is not installed" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("2 photos with 2 faces of 16 px and more")
    assert [line.split()[0] for line in lines if line].count("facesmith") == 2
    assert "AP at IoU" in lines[2]
    assert "install" in result.stdout
    assert "face-free" not in result.stdout


def test_the_difference_to_the_first_is_in_the_table(data, spot_weights):
    named = ("--detector", f"one=facesmith:{spot_weights}", "--detector", "facesmith")
    result = compare(data, *named, "--iou", 0.5)
    assert result.exit_code == 0, result.output
    _, _, differences, _ = result.stdout.split("\n\n")
    assert differences.splitlines()[0].startswith("less one,")
    row = differences.splitlines()[2]
    assert row.startswith("facesmith")
    # One spot of two is found, and one box false, by the first only; two photos tell nothing, so
    # that there is no star.
    assert row.endswith("-0.500 (-1.000, +0.000)   -0.500 (-1.000, +0.000)")
    assert "*" not in row


def test_both_benchmarks_have_the_same_defaults_and_figures(data, spot_weights):
    words = ["--annotations", data / "photos.json", "--images", data / "photos", "--json"]
    given = ["benchmark", "coco", *words, "--model", spot_weights]
    scored = CliRunner().invoke(main, [str(word) for word in given])
    assert scored.exit_code == 0, scored.output
    coco = json.loads(scored.stdout)
    result = compare(data, "--detector", f"one=facesmith:{spot_weights}", "--json")
    found = json.loads(result.stdout)
    (row,) = found["detectors"]
    assert coco["min_height"] == found["protocol"]["min_height"] == 16
    assert {iou: row["accuracy"][iou]["average_precision"] for iou in coco["ap"]} == coco["ap"]
    assert set(row["accuracy"]) == set(coco["ap"])
    # The same in Python, by their own defaults.
    assert inspect.signature(score_photos).parameters["min_height"].default == 16
    assert inspect.signature(score_photos).parameters["iou_thresholds"].default == (0.5, 0.4)
    assert (CompareConfig().min_height, CompareConfig().iou_thresholds) == (16, (0.5, 0.4))


def test_quiet_prints_nothing(data, spot_weights):
    result = compare(data, "--detector", f"facesmith:{spot_weights}", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_a_detector_that_is_named_and_absent_is_an_error_before_anything_runs(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    result = compare(data / "nowhere", "--detector", "dlib")
    assert result.exit_code == 2, "the paths come first"
    result = compare(data, "--detector", "facesmith", "--detector", "dlib")
    assert result.exit_code == 1
    assert "Error: The package 'dlib' is not installed. Install it with: pip" in result.stderr
    assert result.stdout == ""


def test_a_photo_that_is_missing_is_an_error_that_names_it(data, tmp_path, spot_weights):
    content = json.loads((data / "photos.json").read_text())
    content["images"][1]["file_name"] = "gone.png"
    path = tmp_path / "photos.json"
    path.write_text(json.dumps(content))
    result = compare(data, "--annotations", path, "--detector", f"facesmith:{spot_weights}")
    assert result.exit_code == 1
    assert "gone.png" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--detector", "retina"], "expected a detector as [LABEL=]KIND[:PATH]"),
        (["--detector", "yunet"], "yunet needs its weights file"),
        (["--detector", "facesmith", "--detector", "facesmith"], "Two detectors are called"),
        (["--size", "640"], "expected width and height in pixels, e.g. 640x480"),
        (["--size", "0x480"], "expected width and height in pixels"),
        (["--iou", "0"], "--iou"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(data, words, message):
    result = compare(data, *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_more_threads_than_asked_for_are_named(data, spot_weights, monkeypatch):
    ticks = iter(range(10**9))
    monkeypatch.setattr("time.process_time", lambda: 1e6 * next(ticks))
    result = compare(data, "--detector", f"many=facesmith:{spot_weights}")
    assert result.exit_code == 0, result.output
    assert "Warning: many computed with" in result.stderr
    assert "threads, not 1: compare its times with care." in result.stderr


@pytest.mark.parametrize("label", [r"$\foo$", "_hidden", "<b>&", "$x", "new\nline"])
def test_odd_names_of_detectors_are_drawn_as_they_are(data, spot_weights, tmp_path, label):
    """Neither formulas, nor labels that a legend would leave out."""
    out = tmp_path / "out"
    words = ("--detector", f"{label}=facesmith:{spot_weights}", "--json", "--out", out)
    result = compare(data, *words)
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)["detectors"]
    assert measured["detector"] == label
    assert (out / "accuracy_time.png").is_file()
    assert legend_label(label).strip() == label


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"images": [], "annotations": []}, "lists no photo"),
        ({"images": [{"id": 1, "file_name": "gone.png"}], "annotations": []}, "gone.png: no such"),
    ],
)
def test_no_photos_and_missing_ones_end_it_at_once(data, spot_weights, tmp_path, content, said):
    file = tmp_path / "odd.json"
    file.write_text(json.dumps({**content, "categories": [{"id": 1, "name": "face"}]}))
    where = ["--annotations", file, "--images", data / "photos"]
    words = ["benchmark", "compare", *where, "--detector", f"facesmith:{spot_weights}"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 1
    assert said in result.stderr


def test_the_same_detector_twice_needs_names_and_then_shows_no_difference(data, spot_weights):
    name = f"facesmith:{spot_weights}"
    twice = compare(data, "--detector", name, "--detector", name)
    assert twice.exit_code == 2
    assert "Two detectors are called detector. Name one as LABEL=KIND:PATH" in twice.stderr
    result = compare(data, "--detector", f"a={name}", "--detector", f"b={name}", "--json")
    assert result.exit_code == 0, result.output
