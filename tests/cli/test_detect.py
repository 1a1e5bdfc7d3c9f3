"""`facesmith detect`, with a detector that finds white spots."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.detection.detector import Detector, load_detector
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.detection.pyramid import MAX_FACES_ALONG_SIDE
from facesmith.errors import ImageError
from facesmith.export.metadata import update_description
from facesmith.files.stems import unique_stems
from facesmith.images import read_image
from spot_detector import SPOT_SCORE, spots


@pytest.fixture
def weights(spot_weights: Path) -> Path:
    return spot_weights


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One photo with two faces, one without, one file that is no photo, one in a sub-folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    save(folder / "img2.png", spots(160, 120, (40, 32), (96, 64)))
    save(folder / "img10.png", spots(64, 48))
    (folder / "bad.jpg").write_bytes(b"no photo")
    save(folder / "more" / "img2.png", spots(100, 90, (16, 24)))
    return folder


def save(path: Path, image: Any, **options: Any) -> None:
    Image.fromarray(image).save(path, **options)


def run(weights: Path, *arguments: object, stdin: bytes | None = None) -> Result:
    words = ["detect", *map(str, arguments), "--model", str(weights)]
    return CliRunner().invoke(main, words, input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# 40 - 12, 32 - 12, 40 + 20, 32 + 20; see spot_detector.
TWO_FACES = [
    {"box": [28.0, 20.0, 60.0, 52.0], "score": SPOT_SCORE},
    {"box": [84.0, 52.0, 116.0, 84.0], "score": SPOT_SCORE},
]


def test_json_gives_boxes_and_scores_in_input_order(weights: Path, photos: Path) -> None:
    result = run(weights, "photos/img10.png", "photos/img2.png", "--json")
    assert result.exit_code == 0
    assert lines(result) == [
        {"file": "photos/img10.png", "width": 64, "height": 48, "faces": []},
        {"file": "photos/img2.png", "width": 160, "height": 120, "faces": TWO_FACES},
    ]
    assert photos.is_dir()


@pytest.mark.usefixtures("photos")
def test_a_bad_file_gets_its_line_and_the_others_are_done(weights: Path) -> None:
    result = run(weights, "photos", "gone.jpg", "empty", "*.webp", "--json")
    assert result.exit_code == 1
    found = lines(result)
    assert [line["file"] for line in found] == [
        "photos/bad.jpg", "photos/img2.png", "photos/img10.png", "photos/more/img2.png",
        "gone.jpg", "empty", "*.webp",
    ]  # fmt: skip
    assert [len(line["faces"]) for line in found[1:4]] == [2, 0, 1]
    assert "is not an image" in found[0]["error"]
    assert "no such file" in found[4]["error"]
    assert "No images found in *.webp" in found[6]["error"]
    assert "Error: gone.jpg: no such file. Check the path." in result.stderr.splitlines()
    assert "3 faces in 3 photos; 4 errors." in result.stderr


@pytest.mark.usefixtures("photos")
def test_an_empty_folder_does_not_stop_the_others(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    result = run(weights, "none", "photos/img2.png", "--json")
    first, second = lines(result)
    assert first["error"].startswith("No images found in none/. Looked for .apng, ")
    assert second["faces"] == TWO_FACES
    assert result.exit_code == 1


@pytest.mark.usefixtures("photos")
def test_lines_for_people(weights: Path) -> None:
    result = run(weights, "photos/img2.png", "photos/img10.png", "photos/more/img2.png")
    assert result.stdout.splitlines() == [
        "photos/img2.png  160x120  2 faces:  0.98 [28, 20, 60, 52]  0.98 [84, 52, 116, 84]",
        "photos/img10.png  64x48  no face",
        "photos/more/img2.png  100x90  1 face:  0.98 [4, 12, 36, 44]",
    ]
    assert result.stderr == "3 faces in 3 photos.\n"
    assert run(weights, "photos/img2.png").stderr == ""


@pytest.mark.usefixtures("photos")
def test_quiet_leaves_errors_and_json(weights: Path) -> None:
    result = run(weights, "photos", "--quiet")
    assert result.stdout == ""
    assert result.stderr.splitlines()[0].startswith("Error: photos/bad.jpg")
    assert len(result.stderr.splitlines()) == 1
    assert len(lines(run(weights, "photos", "--quiet", "--json"))) == 4


def test_standard_input(weights: Path, photos: Path) -> None:
    content = (photos / "img2.png").read_bytes()
    result = run(weights, "-", "photos/img10.png", "-", "--json", "--draw", "seen", stdin=content)
    assert [line["file"] for line in lines(result)] == ["-", "photos/img10.png"]
    assert lines(result)[0]["faces"] == TWO_FACES
    assert Path("seen/stdin_faces.jpg").is_file()
    result = run(weights, "-", stdin=b"")
    assert result.exit_code == 1
    assert "Standard input is empty" in result.stderr


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_give_the_boxes_of_the_upright_one(
    weights: Path, tmp_path: Path, orientation: int
) -> None:
    upright = Image.fromarray(spots(160, 120, (40, 32), (96, 64)))
    # What undoes each EXIF orientation, applied backwards.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100)
    (line,) = lines(run(weights, tmp_path / "a.jpg", "--json"))
    assert (line["width"], line["height"]) == (160, 120)
    assert [face["box"] for face in line["faces"]] == [face["box"] for face in TWO_FACES]


@pytest.mark.usefixtures("photos")
def test_csv_has_a_row_a_face(weights: Path) -> None:
    result = run(weights, "photos", "--csv", "faces.csv")
    assert result.exit_code == 1
    rows = list(csv.DictReader(io.StringIO(Path("faces.csv").read_text())))
    assert [row["file"] for row in rows] == ["photos/img2.png"] * 2 + ["photos/more/img2.png"]
    assert rows[1] == {
        "file": "photos/img2.png", "width": "160", "height": "120", "face": "2",
        "x_min": "84.0", "y_min": "52.0", "x_max": "116.0", "y_max": "84.0", "score": "0.982",
    }  # fmt: skip


@pytest.mark.usefixtures("photos")
def test_drawings_and_crops_do_not_collide(weights: Path) -> None:
    result = run(weights, "photos", "--draw", "out/drawn", "--crops", "out/crops", "--json")
    assert result.exit_code == 1
    assert sorted(path.name for path in Path("out/drawn").glob("[!.]*")) == [
        "img10_faces.jpg", "more_img2_faces.jpg", "photos_img2_faces.jpg",
    ]  # fmt: skip
    assert sorted(path.name for path in Path("out/crops").glob("[!.]*")) == [
        "more_img2_face_1.jpg", "photos_img2_face_1.jpg", "photos_img2_face_2.jpg",
    ]  # fmt: skip
    # The box of 32x32 and a fifth (6.4) on each side, outwards: from 28 - 6.4 to 60 + 6.4.
    crop = read_image("out/crops/photos_img2_face_1.jpg")
    assert crop.shape == (46, 46, 3)
    assert crop[23, 23].min() > 200
    drawn = read_image("out/drawn/photos_img2_faces.jpg")
    assert drawn.shape == (120, 160, 3)
    assert abs(int(drawn[40, 28, 1]) - 230) < 40


@pytest.mark.usefixtures("photos")
def test_crop_margin(weights: Path) -> None:
    run(weights, "photos/img2.png", "--crops", "crops", "--crop-margin", "0")
    assert read_image("crops/img2_face_1.jpg").shape == (32, 32, 3)


@pytest.mark.usefixtures("photos")
def test_a_second_run_passes_over_what_the_first_has_drawn(weights: Path) -> None:
    for _ in range(2):
        result = run(weights, "photos", "--draw", "photos/seen", "--json")
        assert len(lines(result)) == 4


@pytest.mark.usefixtures("photos")
def test_photos_are_not_written_over(weights: Path) -> None:
    save(Path("photos/img2_faces.jpg"), spots(32, 32))
    before = Path("photos/img2_faces.jpg").read_bytes()
    result = run(weights, "photos/img2.png", "photos/img2_faces.jpg", "--draw", "photos")
    assert result.exit_code == 1
    assert "is one of the photos to look at. Choose another folder" in result.stderr
    assert Path("photos/img2_faces.jpg").read_bytes() == before


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("option", ["--csv", "--draw", "--crops"])
def test_outputs_that_cannot_be_written_are_named(weights: Path, option: str) -> None:
    Path("file").touch()
    result = run(weights, "photos/img2.png", option, "file/there")
    assert result.exit_code == 1
    assert "Cannot write file" in result.stderr


@pytest.mark.usefixtures("photos")
def test_min_score(weights: Path) -> None:
    for least, expected in ((0.98, 2), (0.99, 0)):
        (line,) = lines(run(weights, "photos/img2.png", "--json", "--min-score", least))
        assert len(line["faces"]) == expected


@pytest.mark.usefixtures("photos")
def test_find_all_takes_the_score_stored_for_it(weights: Path, tmp_path: Path) -> None:
    result = run(weights, "photos/img2.png", "--find-all")
    assert result.exit_code == 2
    assert "store no score for --find-all" in result.stderr
    for score, expected in ((0.98, 2), (0.99, 0)):
        model = find_all_weights(weights, tmp_path, score)
        (line,) = lines(run(model, "photos/img2.png", "--json", "--find-all"))
        assert len(line["faces"]) == expected
        assert load_detector(model).find_all_score == score
    result = run(model, "photos/img2.png", "--find-all", "--min-score", 0.5)
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
    model = find_all_weights(weights, tmp_path, 1.5)
    assert "out of range" in run(model, "photos/img2.png", "--find-all").stderr


def find_all_weights(weights: Path, folder: Path, score: float) -> Path:
    model = Path(shutil.copyfile(weights, folder / f"{score}.onnx"))
    update_description(model, {"find_all": {"threshold": score}})
    return model


def test_min_face_scales_what_the_network_sees(weights: Path, tmp_path: Path) -> None:
    # At 20 px the photo is halved: a spot of 16 is one white cell, its box 64 wide.
    save(tmp_path / "a.png", spots(320, 256, (96, 64), side=16))
    (line,) = lines(run(weights, tmp_path / "a.png", "--json", "--min-face", 20))
    assert [face["box"] for face in line["faces"]] == [[72.0, 40.0, 136.0, 104.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'INPUT...'"),
        (["a.jpg", "--min-score", "1.5"], "--min-score"),
        (["a.jpg", "--min-face", "0"], "--min-face"),
        (["a.jpg", "--crop-margin", "-1"], "--crop-margin"),
    ],
)
def test_wrong_command_lines_end_with_2(weights: Path, arguments: list[str], message: str) -> None:
    result = run(weights, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_weights_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no weights")
    result = run(tmp_path / "a.onnx", "a.jpg")
    assert result.exit_code == 1
    assert "a.onnx is not a usable ONNX file" in result.stderr


def test_help_has_an_example() -> None:
    result = CliRunner().invoke(main, ["detect", "--help"])
    assert result.exit_code == 0
    assert "facesmith detect holiday/ --json" in result.stdout


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_large_photos_are_decoded_smaller_and_boxes_come_back(
    weights: Path, tmp_path: Path, kind: str
) -> None:
    """Smallest face 40, scale 1/4; decoded at 1/4, just what is needed.

    A spot of 32 is one white cell, its box 4 * 32 wide, around the middle of the spot.
    """
    path = tmp_path / f"a.{kind}"
    image = spots(5120, 256, (1024, 128), side=32)
    save(path, image, quality=100)
    (found,) = detect_photos(
        Detector(weights), [PhotoSource("a", path)], DetectionConfig(min_face=40)
    )
    assert found.decoded is not None
    assert found.decoded.shape == (64, 1280, 3)
    assert found.faces.boxes == pytest.approx(np.float32([[976, 80, 1104, 208]]), abs=0.01)
    assert (found.width, found.height) == (5120, 256)
    assert np.abs(found.image().astype(int) - image).max() <= 3


@pytest.mark.parametrize(
    ("refiner", "longer", "min_face", "expected"),
    # The network sees 10 / min_face of the photo: at least that is kept,
    [(False, 500, 10, None), (False, 1000, 19, None), (False, 1000, 20, 500),
     (False, 1001, 20, 501), (False, 1000, 39, 500), (False, 1000, 40, 250),
     (False, 1001, 80, 126), (False, 20480, 160, 2560), (False, 10240, 10, None),
     # and twice as much for a refiner.
     (True, 1000, 39, None), (True, 1000, 40, 500), (True, 1001, 40, 501),
     (True, 1000, 80, 250), (True, 1001, 160, 126), (True, 20480, 320, 2560)],
)  # fmt: skip
def test_decoded_size(
    weights: Path, refiner: bool, longer: int, min_face: float, expected: int | None
) -> None:
    detector = Detector(weights)
    plan = detector.pyramid.plan(longer, longer, min_face)
    assert plan.decoding_side(2 if refiner else 1) == expected


@pytest.mark.parametrize(("factor", "expected"), [(1.9, None), (2.0, 1), (4.0, 1), (8.0, 1)])
def test_decoded_size_by_default(weights: Path, factor: float, expected: int | None) -> None:
    """Photos of more than MAX_FACES_ALONG_SIDE smallest faces a side are looked at in that size."""
    detector = Detector(weights)
    seen = int(MAX_FACES_ALONG_SIDE * detector.pyramid.smallest_face)
    side = int(factor * seen)
    plan = detector.pyramid.plan(side, side)
    assert plan.decoding_side(1) == (expected and expected * seen)


def test_small_photos_give_what_the_python_call_gives(weights: Path, photos: Path) -> None:
    detector = Detector(weights)
    sources = [PhotoSource(name, photos / name) for name in ("img2.png", "img10.png")] * 5
    results = list(detect_photos(detector, sources))
    assert [found.source for found in results] == sources
    for found in results:
        assert isinstance(found.source.content, Path)
        assert found.faces == detector(read_image(found.source.content))


def test_reading_ahead_stays_a_few_photos_ahead(weights: Path, photos: Path) -> None:
    handed_out: list[int] = []

    def endless() -> Any:
        for number in range(1_000_000):
            handed_out.append(number)
            yield PhotoSource(str(number), photos / "img10.png")

    results = detect_photos(Detector(weights), endless())
    for _ in range(3):
        next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(handed_out) <= 10


def test_errors_of_a_source_are_results(weights: Path) -> None:
    source = PhotoSource("x", ImageError("nothing there"))
    (found,) = detect_photos(Detector(weights), [source])
    assert found.error == "nothing there"
    with pytest.raises(ImageError, match="nothing there"):
        found.image()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["a.jpg"], ["a"]),
        (["x/a.jpg", "x/b.jpg"], ["a", "b"]),
        (["x/a.jpg", "y/a.jpg", "y/b.jpg"], ["x_a", "y_a", "b"]),
        (["x/A.jpg", "y/a.jpg"], ["x_A", "y_a"]),  # the same file where case is ignored
        (["1/x/a.jpg", "2/x/a.jpg"], ["1_x_a", "2_x_a"]),
        (["a.jpg", "x/a.jpg"], ["a_jpg", "x_a"]),
        (["x/a.jpg", "x/a.png"], ["x_a_jpg", "x_a_png"]),
        (["../a.jpg", "../../a.jpg"], ["a_jpg", "a_jpg-2"]),
        (["-", "/stdin.png"], ["stdin", "stdin_png"]),
    ],
)
def test_names_of_outputs_are_unique(names: list[str], expected: list[str]) -> None:
    assert unique_stems(names) == expected


def test_the_users_own_photos_in_a_folder_of_outputs_are_looked_at(
    weights: Path, photos: Path
) -> None:
    """What an earlier run wrote there is left out."""
    own = photos / "sub" / "mine.png"
    own.parent.mkdir()
    own.write_bytes((photos / "img2.png").read_bytes())
    first = run(weights, "photos", "--draw", "photos/sub", "--json")
    assert "photos/sub/mine.png" in [line["file"] for line in lines(first)]
    again = run(weights, "photos", "--draw", "photos/sub", "--json")
    assert [line["file"] for line in lines(again)] == [line["file"] for line in lines(first)]
    same = run(weights, "photos", "--draw", "photos", "--json")
    assert {line["file"] for line in lines(same)} >= {"photos/img2.png", "photos/sub/mine.png"}
    # Without the option, too.
    assert [line["file"] for line in lines(run(weights, "photos", "--json"))] == [
        line["file"] for line in lines(first)
    ]


@pytest.mark.usefixtures("photos")
def test_a_folder_of_crops_is_searched_when_it_is_named(weights: Path) -> None:
    run(weights, "photos/img2.png", "--crops", "crops")
    found = lines(run(weights, "crops", "--json"))
    assert [line["file"] for line in found] == [f"crops/img2_face_{n}.jpg" for n in (1, 2)]
    assert lines(run(weights, "crops/*.jpg", "--json")) == found


@pytest.mark.usefixtures("photos")
def test_where_only_pictures_of_ours_are_left_an_error_says_so(weights: Path) -> None:
    run(weights, "photos/img2.png", "--draw", "seen")
    result = run(weights, "seen", "--draw", "seen")
    assert result.exit_code == 1
    assert "Nothing is left to look at" in result.stderr


@pytest.mark.usefixtures("photos")
def test_memory_of_a_photo_and_what_was_passed_over(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "photos/clip.mov").touch()
    result = run(weights, "photos", "--json")
    assert "photos/: passed over 1 .mov, which cannot be read." in result.stderr
    Image.new("RGB", (1000, 1000)).save(tmp_path / "large.png")
    refused = run(weights, "large.png", "--photo-memory", "1")
    assert refused.exit_code == 1
    assert "MB are allowed" in refused.stderr
