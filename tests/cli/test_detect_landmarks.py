"""`facesmith detect --landmarks` and `--aligned`, where landmarks are coloured spots."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.detection.detector import Detector
from facesmith.images import read_image
from facesmith.pictures.alignment import align_faces
from landmark_networks import FIXED, export_fixed, export_markers, with_markers
from spot_detector import spots

# In the box of the spot at (40, 32), which is (28, 20, 60, 52); and of that at (104, 40).
POINTS = ((36, 28), (54, 30), (46, 44), (34, 46), (54, 48))
OTHER = ((100, 36), (118, 38), (106, 53), (98, 54), (118, 56))


@pytest.fixture
def weights(spot_weights: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copyfile(spot_weights, folder / "detector.onnx")
    export_markers(folder / "landmarks.onnx")
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two faces, none, and one in a sub-folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    both = with_markers(with_markers(spots(160, 120, (40, 32), (104, 40)), POINTS), OTHER)
    save(tmp_path / "photos" / "img2.png", both)
    save(tmp_path / "photos" / "img10.png", spots(64, 48))
    one = with_markers(spots(100, 90, (40, 32)), POINTS)
    save(tmp_path / "photos" / "more" / "img2.png", one)
    return tmp_path / "photos"


def save(path: Path, image: np.ndarray) -> None:
    Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(path)


def run(weights: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["detect", *map(str, arguments), "--model", str(weights)])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("photos")
def test_json_has_landmarks_and_their_scores_when_asked(weights: Path) -> None:
    (line,) = lines(run(weights, "photos/img2.png", "--json", "--landmarks"))
    assert [list(face) for face in line["faces"]] == [
        ["box", "score", "landmarks", "landmark_scores"]
    ] * 2
    for face, points in zip(line["faces"], (POINTS, OTHER), strict=True):
        assert np.float32(face["landmarks"]) == pytest.approx(np.float32(points), abs=0.2)
        assert face["landmark_scores"] == [1.0] * 5
        assert all(round(x, 1) == x for point in face["landmarks"] for x in point)
    (plain,) = lines(run(weights, "photos/img2.png", "--json"))
    assert [list(face) for face in plain["faces"]] == [["box", "score"]] * 2


@pytest.mark.usefixtures("photos")
def test_the_table_has_three_columns_a_landmark(weights: Path) -> None:
    for _ in range(2):  # it takes the place of an earlier one
        assert run(weights, "photos", "--csv", "faces.csv", "--landmarks").exit_code == 0
    with Path("faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[8:] == [
        "score", "right_eye_x", "right_eye_y", "right_eye_score", "left_eye_x", "left_eye_y",
        "left_eye_score", "nose_x", "nose_y", "nose_score", "right_mouth_x", "right_mouth_y",
        "right_mouth_score", "left_mouth_x", "left_mouth_y", "left_mouth_score",
    ]  # fmt: skip
    assert [row["file"] for row in rows] == ["photos/img2.png"] * 2 + ["photos/more/img2.png"]
    assert float(rows[1]["right_mouth_x"]) == pytest.approx(OTHER[3][0], abs=0.2)
    assert float(rows[1]["left_mouth_y"]) == pytest.approx(OTHER[4][1], abs=0.2)
    assert rows[0]["nose_score"] == "1.0"


@pytest.mark.usefixtures("photos")
def test_lines_have_the_points_behind_the_box(weights: Path) -> None:
    result = run(weights, "photos/more/img2.png", "photos/img10.png", "--landmarks")
    points = "(36, 28) (54, 30) (46, 44) (34, 46) (54, 48)"
    assert result.stdout.splitlines() == [
        f"photos/more/img2.png  100x90  1 face:  0.98 [28, 20, 60, 52] {points}",
        "photos/img10.png  64x48  no face",
    ]


@pytest.mark.usefixtures("photos")
def test_drawings_have_dots(weights: Path) -> None:
    run(weights, "photos/more/img2.png", "--draw", "plain")
    run(weights, "photos/more/img2.png", "--draw", "dots", "--landmarks")
    plain, dots = (read_image(f"{name}/img2_faces.jpg").astype(int) for name in ("plain", "dots"))
    changed = np.abs(plain - dots).max(axis=2)
    for x, y in POINTS:
        assert changed[y - 2 : y + 2, x - 2 : x + 2].max() > 60
    assert changed[60:].max() < 20


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("workers", [1, 2])
def test_aligned_faces_are_those_of_the_call_and_json_names_them(
    weights: Path, workers: int
) -> None:
    words = ("photos", "--aligned", "out", "--size", 64, "--json", "--workers", workers)
    found = lines(run(weights, *words))
    named = [face["aligned"] for line in found for face in line["faces"]]
    assert named == [
        "out/photos_img2_aligned_1.png", "out/photos_img2_aligned_2.png",
        "out/more_img2_aligned_1.png",
    ]  # fmt: skip
    assert sorted(path.as_posix() for path in Path("out").glob("[!.]*")) == sorted(named)
    assert all(len(face["landmarks"]) == 5 for line in found for face in line["faces"])
    image = read_image("photos/img2.png")
    expected = align_faces(image, Detector(weights)(image, landmarks=True), 64)
    assert np.array_equal(read_image(named[0]), expected[0])
    assert np.array_equal(read_image(named[1]), expected[1])
    assert not np.array_equal(expected[0], expected[1])


@pytest.mark.usefixtures("photos")
def test_a_face_upside_down_is_aligned_upright(weights: Path) -> None:
    """The network sees the eyes above the mouth in the photo that is turned by a half."""
    export_fixed(weights / "landmarks.onnx")
    image = spots(160, 120, (40, 32))
    image[20:31, 49:60] = 90  # the upper right corner of the box
    save(Path("a.png"), image)
    (line,) = lines(
        run(weights, "a.png", "--aligned", "out", "--rotations", 180, "--json", "--min-score", 0.9)
    )
    (face,) = line["faces"]
    expected = np.float32([44, 36]) - 48 * np.float32(FIXED)  # 1.5 times 32 pixels
    assert np.float32(face["landmarks"]) == pytest.approx(expected, abs=0.06)
    aligned = read_image(face["aligned"])
    assert aligned.shape == (112, 112, 3)
    # Turned by a half, the grey part is at the lower left.
    grey = np.abs(aligned[..., 0].astype(int) - 90) < 8
    y, x = np.argwhere(grey).mean(axis=0)
    assert grey.sum() > 300
    assert x < 56 < y


@pytest.mark.usefixtures("photos")
def test_a_second_run_passes_over_aligned_faces_and_replaces_them(weights: Path) -> None:
    for _ in range(2):
        found = lines(run(weights, "photos", "--aligned", "photos/faces", "--json"))
        assert [line["file"] for line in found] == [
            "photos/img2.png", "photos/img10.png", "photos/more/img2.png",
        ]  # fmt: skip


@pytest.mark.usefixtures("photos")
def test_aligned_faces_never_take_the_place_of_other_files(weights: Path) -> None:
    Path("out").mkdir()
    save(Path("out/img2_aligned_1.png"), spots(32, 32))
    before = Path("out/img2_aligned_1.png").read_bytes()
    result = run(weights, "photos/img2.png", "--aligned", "out")
    assert result.exit_code == 1
    assert "facesmith did not write it: it stays as it is" in result.stderr
    words = ("photos/img2.png", "out/img2_aligned_1.png", "--aligned", "out", "--force")
    result = run(weights, *words)
    assert result.exit_code == 2
    assert "--aligned out with --force would delete it" in result.stderr
    assert Path("out/img2_aligned_1.png").read_bytes() == before
    assert run(weights, "photos/img2.png", "--aligned", "out", "--force").exit_code == 0
    assert Path("out/img2_aligned_1.png").read_bytes() != before


@pytest.mark.usefixtures("photos")
def test_weights_without_landmarks_name_the_file(spot_weights: Path) -> None:
    for option in (("--landmarks",), ("--aligned", "out")):
        for workers in (1, 2):
            result = run(spot_weights, "photos", *option, "--workers", workers)
            assert result.exit_code == 1
            assert "landmarks.onnx: no such file, so these weights find no landmarks." in (
                result.stderr
            )
            assert result.stdout == ""


@pytest.mark.usefixtures("photos")
def test_a_face_whose_landmarks_coincide_is_an_error_of_its_photo(weights: Path) -> None:
    export_fixed(weights / "landmarks.onnx", points=[(0.1, 0.1)] * 5)
    result = run(weights, "photos", "--aligned", "out", "--json")
    assert result.exit_code == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert "photos/img2.png: a face cannot be aligned. `faces` must have five" in found[0]["error"]
    assert found[1]["faces"] == []


@pytest.mark.parametrize("size", ["0", "5000", "many"])
def test_a_wrong_size_is_a_wrong_command_line(weights: Path, size: str) -> None:
    result = run(weights, "a.jpg", "--aligned", "out", "--size", size)
    assert result.exit_code == 2
    assert "--size" in result.stderr
