"""Boxes of one source in the box style of another: what is learned, what changes, what stays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.boxes import box_iou
from facesmith.cli import main
from facesmith.curation.box_style.boxes import apply_style
from facesmith.errors import AnnotationError, ImageError, TrainingError

Box = tuple[float, float, float, float]


def oval_photo(path: Path, rng: np.random.Generator, n: int = 6) -> list[Box]:
    """A photo of bright ovals, a fifth narrower than high, and the boxes that hold them."""
    picture = Image.fromarray(rng.integers(40, 80, (30, 40, 3)).astype(np.uint8)).resize((320, 240))
    draw, boxes = ImageDraw.Draw(picture), []
    for place in rng.permutation(12)[:n].tolist():
        height = int(rng.integers(36, 56))
        left, top = 20 + 75 * (place % 4), 15 + 75 * (place // 4)
        box = (left, top, left + round(0.8 * height), top + height)
        colour = tuple(rng.integers(140, 256, 3).tolist())
        draw.ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=colour)
        boxes.append(box)
    picture.save(path)
    return boxes


def as_squares(boxes: list[Box]) -> list[Box]:
    """Squares that reach out to the left and above, as another annotator would draw them."""
    return [(b[0] - 0.25 * (b[3] - b[1]), b[1] - 4, b[2], b[3] - 4) for b in boxes]


def photo(
    path: Path, boxes: list[Box], source: str = "squares", ignored: tuple[int, ...] = ()
) -> AnnotatedPhoto:
    return AnnotatedPhoto(
        name=path.name,
        path=path,
        width=320,
        height=240,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=np.isin(np.arange(len(boxes)), ignored),
        attributes=tuple({} for _ in boxes),
        source=source,
    )


def narrower(_image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Cuts a tenth of the width off on each side; the third box of a photo is lost."""
    new = boxes.copy()
    new[:, 0] += 0.1 * (boxes[:, 2] - boxes[:, 0])
    new[:, 2] -= 0.1 * (boxes[:, 2] - boxes[:, 0])
    new[2:3] += 1000
    return new


def lower_and_further_right(_image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    return boxes + np.float32([5, 10, 5, 10])


@pytest.fixture
def one(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    oval_photo(path, np.random.default_rng(0))
    return path


def test_boxes_move_by_the_strength(one: Path) -> None:
    photos = [photo(one, [(100, 100, 150, 150)]), photo(one, [(9, 9, 20, 20)], "others")]
    for strength, left in ((0.0, 100), (0.5, 102.5), (1.0, 105)):
        result = apply_style(photos, "squares", narrower, strength)
        assert result.photos[0].boxes.dtype == np.float32
        assert result.photos[0].boxes.tolist() == [[left, 100, 250 - left, 150]]
        assert result.photos[1] is photos[1], "another source"
        assert result.overlaps == pytest.approx([(250 - 2 * left) / 50])
        assert result.stayed == 0


def test_a_lean_to_one_side_goes_entirely(one: Path) -> None:
    """Up and down is another matter: hair above or chin below is a way of drawing."""
    result = apply_style([photo(one, [(100, 100, 150, 150)])], "squares", lower_and_further_right)
    assert result.photos[0].boxes.tolist() == [[105, 105, 155, 155]]
    assert result.lean == pytest.approx(0.1)


def test_what_stays(one: Path) -> None:
    boxes: list[Box] = [
        (100, 100, 150, 150),  # drawn anew
        (180, 100, 230, 150),  # ignored
        (0, 50, 50, 100),  # at the border
        (200, 20, 230, 70),  # narrow: what is to be seen of a hidden face
        (10, 150, 60, 200),  # drawn anew
        (250, 150, 300, 200),  # the third that is handed over: lost
    ]
    before = photo(one, boxes, ignored=(1,))
    result = apply_style([before], "squares", narrower, 1.0)
    moved = np.flatnonzero((result.photos[0].boxes != before.boxes).any(axis=1))
    assert moved.tolist() == [0, 4]
    assert result.photos[0].ignored.tolist() == before.ignored.tolist()
    assert result.stayed == 3
    assert before.boxes.tolist() == [list(box) for box in boxes], "the photo given stays as it is"


def test_photos_without_boxes_and_unknown_sources(one: Path) -> None:
    empty = photo(one, [])
    result = apply_style([empty], "squares", narrower)
    assert result.photos == [empty]
    assert result.overlaps.shape == (0,)
    with pytest.raises(AnnotationError, match=r"No photo has the source 'stock'; there are 'squ"):
        apply_style([empty], "stock", narrower)


def test_a_photo_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png"):
        apply_style([photo(tmp_path / "gone.png", [(100, 100, 150, 150)])], "squares", narrower)


def test_a_style_is_learned_from_a_source(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from facesmith.curation.box_style.learning import StyleConfig, learn_style  # noqa: PLC0415
    from facesmith.images import read_image  # noqa: PLC0415 - PyTorch may be missing

    rng = np.random.default_rng(1)
    photos = []
    for number in range(48):
        path = tmp_path / f"{number}.png"
        photos.append(photo(path, oval_photo(path, rng)))
    config = StyleConfig()
    # One thread: two that wait for each other on a busy machine take ten times as long.
    loop = dataclasses.replace(config.patches.loop, epochs=8, threads=1)
    short = dataclasses.replace(config.patches, copies=6, loop=loop)
    config = dataclasses.replace(config, patches=short)
    learned = learn_style(photos, tmp_path / "run", config)
    assert learned.n_faces + learned.n_judged == 48 * 6
    assert learned.n_judged > 0
    assert learned.drawn > max(learned.given + 0.15, 0.8)
    other = tmp_path / "other.png"
    faces = oval_photo(other, rng)
    drawn = learned.style(read_image(other), np.float32(as_squares(faces)))
    before = box_iou(np.float32(as_squares(faces)), np.float32(faces)).diagonal()
    after = box_iou(drawn, np.float32(faces)).diagonal()
    assert before.mean() < 0.75
    assert after.mean() > 0.8
    assert learned.style(read_image(other), np.zeros((0, 4), np.float32)).shape == (0, 4)
    with pytest.raises(TrainingError, match=r"at least 200 of them.*; got 60"):
        learn_style(photos[:10], tmp_path / "few")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 photos with exact boxes, and 2 with squares."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    rng = np.random.default_rng(2)
    images, annotations = [], []
    for number in range(42):
        boxes = oval_photo(Path(f"photos/{number}.png"), rng)
        source = "exact" if number < 40 else "squares"
        images.append({"id": number, "file_name": f"{number}.png", "source": source})
        for box in boxes if number < 40 else as_squares(boxes):
            wide_high = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            annotations.append(
                {"id": len(annotations), "image_id": number, "category_id": 1, "bbox": wide_high}
            )
    categories = [{"id": 1, "name": "face"}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    Path("faces.json").write_text(json.dumps(coco))
    return tmp_path


def run(*arguments: str) -> Result:
    words = ["redraw", "faces.json", "--images", "photos", "--out", "out", *arguments]
    return CliRunner().invoke(main, words)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_the_command_writes_annotations_and_a_sheet() -> None:
    pytest.importorskip("torch")
    result = run("--source", "squares", "--like", "exact", "--json", "--strength", "1")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout, parse_constant=pytest.fail)
    assert figures["learned_from"] + figures["judged_on"] == 240
    assert figures["overlap_of_drawn_boxes"] > figures["overlap_of_moved_squares"]
    assert figures["boxes"] == 12
    before = load_annotations("faces.json", "photos").photos
    after = load_annotations("out/redrawn.json", "photos").photos
    assert [p.name for p in after] == [p.name for p in before]
    for old, new in zip(before[:40], after[:40], strict=True):
        assert np.allclose(old.boxes, new.boxes, atol=0.01)
    shapes = [np.ptp(p.boxes[:, ::2], axis=1) / np.ptp(p.boxes[:, 1::2], axis=1) for p in after]
    assert np.concatenate(shapes[40:]).mean() == pytest.approx(0.8, abs=0.06)
    with Image.open("out/redrawn.png") as sheet:
        assert sheet.width > 1000
    again = run("--source", "squares", "--like", "exact")
    assert again.exit_code == 1
    assert "Pass --resume" in again.stderr
    resumed = run("--source", "squares", "--like", "exact", "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert "of 12 boxes of squares" in resumed.stdout


@pytest.mark.parametrize(
    ("source", "like", "code", "message"),
    [
        ("exact", "exact", 2, "name the same photos"),
        ("stock", "exact", 1, "No photo has the source 'stock'; there are 'exact', 'squares'."),
        ("exact", "squares", 1, "at least 200 of them, 16 px high and more"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_learned_is_refused(source: str, like: str, code: int, message: str) -> None:
    pytest.importorskip("torch")
    result = run("--source", source, "--like", like)
    assert result.exit_code == code
    assert message in result.stderr
    assert not list(Path("out").glob("[!.]*"))
