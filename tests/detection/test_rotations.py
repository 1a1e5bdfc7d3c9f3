"""Faces in photos that are looked at in several rotations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facesmith.boxes import box_iou
from facesmith.cli import main
from facesmith.detection.detector import Detector, load_detector, shipped_weights
from facesmith.detection.photos import DetectionConfig, PhotoFaces, PhotoSource, detect_photos
from facesmith.detection.processes import detect_in_workers
from facesmith.detection.rotations import ROTATIONS, detect_rotated, merged, rotated, rotated_back
from facesmith.faces import Faces
from spot_detector import spots

HAIR, SKIN = 100, 200


def person(rotation: int, width: int = 120, height: int = 80) -> np.ndarray:
    """A head of 20x30 pixels at (10, 20) of an upright image, the upper 10 of them hair; turned."""
    image = np.zeros((height, width, 3), np.uint8)
    image[20:30, 10:30] = HAIR
    image[30:50, 10:30] = SKIN
    return np.ascontiguousarray(np.rot90(image, rotation // 90))


def look(image: np.ndarray) -> Faces:
    """Finds a head whose hair is on top; with a lower score, and too low, one that hangs down."""
    hair, skin = (np.argwhere(image[..., 0] == tone) for tone in (HAIR, SKIN))
    if hair[:, 0].max() < skin[:, 0].min():
        score, lower = 0.9, 0
    elif hair[:, 0].min() > skin[:, 0].max():
        score, lower = 0.4, 12
    else:
        return Faces.empty()
    (y_min, x_min), (y_max, x_max) = np.r_[hair, skin].min(axis=0), np.r_[hair, skin].max(axis=0)
    box = [x_min, y_min + lower, x_max + 1, y_max + 1 + lower]
    return Faces(np.float32([box]), np.float32([score]))


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_boxes_come_back_to_the_upright_image(rotation: int) -> None:
    """Checked with an image of which each pixel is a box of its own."""
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    there = rotated(image, rotation)
    y, x = (axis.ravel() for axis in np.indices(there.shape[:2]))
    back = rotated_back(np.stack([x, y, x + 1, y + 1], axis=1).astype(np.float32), rotation, 7, 5)
    assert (back[:, 2:] - back[:, :2] == 1).all()
    columns, rows = back[:, :2].T.astype(int)
    assert np.array_equal(image[rows, columns], there[y, x])


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_head_is_found_once_however_it_is_turned(rotation: int) -> None:
    """Also where the turned look finds it too, with a lower score and another box.

    That box is 12 of 30 pixels off: an overlap of 18 / 42 = 0.43, and of 0.6 of the smaller one.
    """
    image = person(rotation)
    expected = look(person(0))
    faces = detect_rotated(look, image, ROTATIONS)
    height, width = image.shape[:2]
    boxes_there = rotated_back(faces.boxes, rotation, 120, 80)
    assert faces.scores.tolist() == expected.scores.tolist()
    assert np.array_equal(boxes_there, expected.boxes)
    assert (faces.boxes <= [width, height, width, height]).all()
    n_found = len(detect_rotated(look, image, (0, 180)))
    assert n_found == (1 if rotation in (0, 180) else 0)


def faces_of(*rows: tuple[float, float, float, float, float]) -> Faces:
    """Faces from box and score."""
    table = np.float32(rows).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


def test_looks_are_merged_by_overlap_and_cover_between_looks_only() -> None:
    first = faces_of(
        (0, 0, 10, 10, 0.9),
        (4, 0, 14, 10, 0.6),  # the detector left this one beside the first: it stays
        (50, 0, 60, 10, 0.3),
    )
    second = faces_of(
        (51, 0, 61, 10, 0.8),  # replaces the third above
        (5, 4, 15, 14, 0.7),  # shares 30 of 170 with the first above, 54 of 146 with the second
        (2, 2, 5, 5, 0.5),  # inside the first
        (80, 0, 90, 10, 0.2),
    )
    # Of falling score: 0.9 stays, 0.8 stays, 0.7 stays (3/17 with 0.9), 0.6 of the first look
    # goes (27/73 with 0.7), 0.5 goes (inside 0.9), 0.3 goes (9/11 with 0.8), 0.2 stays.
    faces = merged([first, second])
    assert faces.scores == pytest.approx([0.9, 0.8, 0.7, 0.2])
    assert merged([first]) == first
    assert merged([Faces.empty(), first]) == first
    assert merged([Faces.empty(), Faces.empty()]) == Faces.empty()


def test_many_boxes_are_merged_as_one_after_the_other() -> None:
    """Against the rule in its own words, on more boxes than are compared at once."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 300, (3, 70, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(10, 60, (3, 70, 2))], axis=2)
    boxes = boxes.astype(np.float32)
    looks = [Faces(boxes[i], np.float32(np.sort(rng.random(70))[::-1])) for i in range(3)]
    rows = [(f.scores[0], i, f.boxes[0]) for i, faces in enumerate(looks) for f in faces]
    kept: list[tuple[float, int, np.ndarray]] = []
    for score, look_number, box in sorted(rows, key=lambda row: -row[0]):
        for _, other_number, other in kept:
            sides = np.maximum(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0)
            shared, areas = sides.prod(), [np.prod(b[2:] - b[:2]) for b in (box, other)]
            alike = shared / (sum(areas) - shared) > 0.3 or shared / min(areas) > 0.6
            if alike and other_number != look_number:
                break
        else:
            kept.append((score, look_number, box))
    faces = merged(looks)
    assert 64 < len(faces) < 200
    assert faces.scores.tolist() == [row[0] for row in kept]
    assert np.array_equal(faces.boxes, [row[2] for row in kept])


def test_equal_scores_go_to_the_earlier_look() -> None:
    first, second = faces_of((0, 0, 10, 10, 0.5)), faces_of((1, 0, 11, 10, 0.5))
    assert merged([first, second]) == first
    assert merged([second, first]) == second


@pytest.mark.parametrize("rotations", [(), (45,), (0, 0), (0, 360), (-90,), "0"])
def test_other_turns_are_refused(spot_weights: Path, rotations: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match="`rotations` must be one or several of 0, 90, 180 and 270"
    ):
        Detector(spot_weights)(spots(64, 64), rotations=rotations)
    with pytest.raises(ValueError, match="`rotations` must be one or several of"):
        DetectionConfig(rotations=rotations)


def test_the_detector_finds_spots_in_all_turns_where_they_are(spot_weights: Path) -> None:
    """Spots look the same in all rotations, and the sides are whole cells: all looks agree."""
    detector = Detector(spot_weights)
    image = spots(160, 120, (40, 32), (96, 64))
    image.setflags(write=False)
    expected = detector(image)
    for rotations in ((0, 180), ROTATIONS, (90,), [270, 0]):
        faces = detector(image, rotations=rotations)
        assert sorted(faces.boxes.tolist()) == sorted(expected.boxes.tolist())
    assert len(detector(image, rotations=ROTATIONS, min_score=0.99)) == 0
    with pytest.raises(ValueError, match=r"uint8 of shape \(height, width, 3\)"):
        detector(np.zeros((9, 9)), rotations=ROTATIONS)


def named(found: PhotoFaces) -> None:
    assert found.source.name


def test_processes_and_reduced_photos_turn_too(spot_weights: Path, tmp_path: Path) -> None:
    """At 80 px a face the JPEG is decoded at an eighth: there the spots are cells of 8 pixels."""
    small = spots(160, 120, (40, 32), (96, 64))
    Image.fromarray(small.repeat(8, axis=0).repeat(8, axis=1)).save(tmp_path / "a.jpg")
    Image.fromarray(spots(64, 48)).save(tmp_path / "b.png")
    sources = [PhotoSource(name, tmp_path / name) for name in ("a.jpg", "b.png")]
    detector = Detector(spot_weights)
    (upright, _) = detect_photos(detector, sources, DetectionConfig(min_face=80))
    assert upright.decoded is not None
    assert upright.decoded.shape == (120, 160, 3)
    alone = list(
        detect_photos(detector, sources, DetectionConfig(min_face=80, rotations=(90, 180)))
    )
    several = list(detect_in_workers(
        spot_weights, sources, workers=1,
        config=DetectionConfig(min_face=80, rotations=(90, 180), finish=named)
    ))  # fmt: skip
    assert [found.faces for found in several] == [found.faces for found in alone]
    assert alone[0].faces.boxes == pytest.approx(upright.faces.boxes, abs=1)
    assert len(alone[0].faces) == 2
    assert len(alone[1].faces) == 0


def test_the_option_prints_what_the_call_finds(spot_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save(path)
    words = ["detect", str(path), "--json", "--model", str(spot_weights)]
    plain = CliRunner().invoke(main, words)
    both = CliRunner().invoke(main, [*words, "--rotations", "0,180"])
    assert both.exit_code == 0
    assert json.loads(both.stdout) == json.loads(plain.stdout)
    assert len(json.loads(both.stdout)["faces"]) == 2


@pytest.mark.parametrize("rotations", ["45", "0,0", "", "0,", "all", "0 180"])
def test_a_wrong_option_is_a_wrong_command_line(spot_weights: Path, rotations: str) -> None:
    words = ["detect", "a.jpg", "--model", str(spot_weights), "--rotations", rotations]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "expected one or several of 0, 90, 180 and 270, each once" in result.stderr
    assert "0,180" in result.stderr


@pytest.mark.skipif(not shipped_weights().is_file(), reason="no weights in this source tree")
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_shipped_weights_find_the_astronaut_at_any_angle(rotation: int) -> None:
    from skimage import data  # noqa: PLC0415 - slow to import

    detector = load_detector()
    image = np.ascontiguousarray(data.astronaut()[..., ::-1])
    (upright,) = detector(image).boxes
    faces = detector(rotated(image, rotation), rotations=ROTATIONS)
    assert len(faces) == 1
    back = rotated_back(faces.boxes, rotation, 512, 512)
    assert box_iou(back, upright[None])[0, 0] > 0.99
