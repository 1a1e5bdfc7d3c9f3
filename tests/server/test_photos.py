"""Photos in, faces out: the answers are those of the command."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from facesmith.cli import main
from facesmith.detection import DetectionConfig
from facesmith.server import ServeConfig, create_app
from facesmith.server.metrics import Metrics
from facesmith.server.work import Work
from served import PNG, ask, spot_png
from spot_detector import SPOT_SCORE

FACE = {"box": [28.0, 20.0, 60.0, 52.0], "score": SPOT_SCORE}  # of a spot at (40, 32)


def commanded(*words: object) -> list[dict[str, Any]]:
    """What `facesmith detect --json` prints."""
    done = CliRunner().invoke(main, ["detect", *map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [{**each, "file": Path(each["file"]).name} for each in found]


def jpeg(image: np.ndarray[Any, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def real_app() -> Any:
    return create_app(ServeConfig())


def test_one_photo_is_answered_with_an_object(spot_app: Any) -> None:
    answer = ask(spot_app, "POST", "/v1/detect", content=spot_png((40, 32)), headers=PNG)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"file": "photo", "width": 160, "height": 120, "faces": [FACE]}


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("..", "photo"),
        ("", "photo"),
        ("a\x00\x1b[31m.jpg", "a[31m.jpg"),
        ("/", "photo"),
    ],
)
def test_of_names_the_last_part_counts(spot_app: Any, given: str, known: str) -> None:
    photo = spot_png((40, 32))
    raw = ask(spot_app, "POST", "/v1/detect", params={"name": given}, content=photo, headers=PNG)
    assert raw.json()["file"] == known


def test_a_form_is_answered_with_a_list_and_errors_stand_in_it(spot_app: Any) -> None:
    files = [
        ("file", ("sub/a.png", spot_png((40, 32)))),
        ("file", ("notes.txt", b"nothing to see")),
        ("other", ("b.png", spot_png())),
    ]
    answer = ask(spot_app, "POST", "/v1/detect", files=files)
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert first == {"file": "a.png", "width": 160, "height": 120, "faces": [FACE]}
    assert second["file"] == "notes.txt"
    assert second["error"].startswith("notes.txt is not an image that can be read. Expected JPEG")
    assert third == {"file": "b.png", "width": 160, "height": 120, "faces": []}


def test_a_single_photo_that_cannot_be_read_is_a_problem(spot_app: Any) -> None:
    answer = ask(spot_app, "POST", "/v1/detect?name=a.jpg", content=b"no photo", headers=PNG)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:facesmith:problem:unreadable-photo",
        "title": "Unreadable photo",
        "status": 422,
        "detail": "a.jpg is not an image, or damaged at its very start. Copy it again from where "
        "it came.",
    }


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", []),
        ("landmarks=true", ["--landmarks"]),
        ("find_all=true", ["--find-all"]),
        ("min_score=0", ["--min-score", "0"]),
        ("min_face=60&rotations=0,90", ["--min-face", "60", "--rotations", "0,90"]),
    ],
)
def test_answers_are_equal_to_the_commands(
    real_app: Any, tmp_path: Path, query: str, words: list[str]
) -> None:
    photo = tmp_path / "astronaut.jpg"
    photo.write_bytes(jpeg(data.astronaut()))
    answer = ask(
        real_app, "POST", f"/v1/detect?name=astronaut.jpg&{query}",
        content=photo.read_bytes(), headers={"Content-Type": "image/jpeg"},
    )  # fmt: skip
    (wanted,) = commanded(photo, *words)
    assert answer.json() == wanted
    assert wanted["faces"]


def test_photos_that_lie_on_their_side_and_large_ones_are_as_the_command_has_them(
    real_app: Any, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned
    large = np.zeros((2000, 3000, 3), np.uint8)
    large[300:812, 700:1212] = data.astronaut()
    (tmp_path / "turned.jpg").write_bytes(jpeg(np.rot90(data.astronaut()).copy(), exif=exif))
    (tmp_path / "large.jpg").write_bytes(jpeg(large))
    files = [("file", (path.name, path.read_bytes())) for path in sorted(tmp_path.iterdir())]
    answer = ask(real_app, "POST", "/v1/detect", files=files)
    wanted = commanded(*sorted(tmp_path.iterdir()))
    assert answer.json() == wanted
    assert [len(each["faces"]) for each in wanted] == [1, 1]


def test_a_classifier_serves_too(square_weights: Path, tmp_path: Path) -> None:
    from square_classifier import squares  # noqa: PLC0415

    app = create_app(ServeConfig(model=square_weights))
    photo = tmp_path / "a.png"
    Image.fromarray(squares(120, 90, (16, 8))).save(photo)
    answer = ask(app, "POST", "/v1/detect?name=a.png", content=photo.read_bytes(), headers=PNG)
    assert [answer.json()] == commanded(photo, "--model", square_weights)
    refused = ask(app, "POST", "/v1/aligned", content=photo.read_bytes(), headers=PNG)
    assert refused.status_code == 422
    assert "no landmarks" in refused.json()["detail"]


def test_crops_are_those_that_the_command_writes(
    spot_app: Any, spot_weights: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(spot_png((40, 32), (104, 64)))
    commanded(photo, "--crops", tmp_path / "crops", "--model", spot_weights,
              "--crop-margin", "0.5")  # fmt: skip
    files = [("file", ("a.png", photo.read_bytes())), ("file", ("bad.png", b"bad"))]
    answer = ask(spot_app, "POST", "/v1/crops?crop_margin=0.5", files=files)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["a_face_1.jpg", "a_face_2.jpg", "faces.jsonl"]
    for name in archive.namelist()[:-1]:
        assert archive.read(name) == (tmp_path / "crops" / name).read_bytes()
    first, second = map(json.loads, archive.read("faces.jsonl").splitlines())
    assert len(first["faces"]) == 2
    assert second["error"].startswith("bad.png")


def test_names_in_a_zip_lead_nowhere_else(spot_app: Any) -> None:
    photo = spot_png((40, 32))
    files = [("file", (name, photo)) for name in ("../a.png", "a.png", 'b:"?.png', ".c.png")]
    answer = ask(spot_app, "POST", "/v1/crops", files=files)
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()[:-1]
    assert len(set(names)) == 4
    assert not any(set(name) & set('/\\:"?<>|*') or name.startswith(".") for name in names)


def test_aligned_faces_are_those_that_the_command_writes(real_app: Any, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(jpeg(data.astronaut()))
    (wanted,) = commanded(photo, "--aligned", tmp_path / "out", "--size", "96")
    answer = ask(
        real_app, "POST", "/v1/aligned?size=96&name=a.jpg", content=photo.read_bytes(),
        headers={"Content-Type": "image/jpeg"},
    )  # fmt: skip
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["a_aligned_1.png", "faces.jsonl"]
    assert archive.read("a_aligned_1.png") == (tmp_path / "out" / "a_aligned_1.png").read_bytes()
    line = json.loads(archive.read("faces.jsonl"))
    assert line["faces"][0].pop("aligned") == "a_aligned_1.png"
    wanted["faces"][0].pop("aligned")
    assert line == wanted


def test_a_covered_photo_is_the_commands_file(real_app: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Jane Q. Public"
    photo = tmp_path / "a.jpg"
    photo.write_bytes(jpeg(data.astronaut(), exif=exif))
    words = ["anonymise", str(photo), "--out", str(tmp_path / "out"), "--fill", "mosaic",
             "--shape", "ellipse", "--margin", "0.3", "--no-verify"]  # fmt: skip
    assert CliRunner().invoke(main, words).exit_code == 0
    answer = ask(
        real_app, "POST", "/v1/anonymise?fill=mosaic&shape=ellipse&margin=0.3",
        content=photo.read_bytes(), headers={"Content-Type": "image/jpeg"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert int(answer.headers["x-facesmith-covered"]) >= 1
    assert answer.content == (tmp_path / "out" / "a.jpg").read_bytes()
    assert b"Jane" not in answer.content


@pytest.mark.parametrize("place", ["query", "field"])
def test_the_boxes_that_are_given_are_covered_and_no_others(spot_app: Any, place: str) -> None:
    image = np.full((120, 160, 3), 200, np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    boxes, query = json.dumps([[10, 20, 30, 40]]), {"margin": "0", "colour": "#1e90ff"}
    given: dict[str, Any] = {"content": file.getvalue(), "headers": PNG}
    if place == "query":
        query["boxes"] = boxes
    else:
        given = {"files": {"file": ("a.png", file.getvalue())}, "data": {"boxes": boxes}}
    answer = ask(spot_app, "POST", "/v1/anonymise", params=query, **given)
    assert answer.headers["x-facesmith-covered"] == "1"
    image[20:60, 10:40] = (0x1E, 0x90, 0xFF)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), image)


def test_no_box_covers_nothing(spot_app: Any) -> None:
    photo = spot_png((40, 32))
    answer = ask(spot_app, "POST", "/v1/anonymise?boxes=[]", content=photo, headers=PNG)
    assert answer.headers["x-facesmith-covered"] == "0"
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(photo))))


def test_no_result_keeps_the_pixels_of_its_photo(spot_weights: Path) -> None:
    """A request may bring a hundred photos."""
    work = Work(ServeConfig(spot_weights), Metrics())
    found = work.look("a.png", spot_png((40, 32)), DetectionConfig())
    assert len(found.faces) == 1
    assert found.decoded is None
