"""WIDER FACE: official files, predictions, and both protocols against independent answers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from facesmith.errors import AnnotationError, DetectionsError
from facesmith.evaluation.wider import (
    SETTINGS,
    WiderImage,
    evaluate_wider,
    read_ground_truth,
    read_predictions,
    write_predictions,
)
from facesmith.faces import Faces
from wider_files import cell, image, save_ground_truth
from wider_oracle import average_precision


def table(*rows: Sequence[float]) -> Any:
    return np.array(rows, float).reshape(-1, 5)


def ap(images: list[WiderImage], predictions: list[Any], protocol: Any) -> float:
    return evaluate_wider(images, predictions, protocol).settings["easy"].average_precision


def random_set(seed: int) -> tuple[list[WiderImage], list[Any]]:
    """Images with and without faces and predictions; ties, doubles, whole-numbered edges."""
    rng = np.random.default_rng(seed)
    images, predictions = [], []
    for i in range(10):
        n = int(rng.integers(0, 7)) if i % 4 else 0
        boxes = np.concatenate([rng.integers(0, 60, (n, 2)), rng.integers(3, 30, (n, 2))], 1)
        if n > 2:
            boxes[1] = boxes[0] + [1, 0, 0, 1]  # two faces that one detection could match
        lists = {s: np.sort(rng.permutation(n)[: rng.integers(0, n + 1)]) for s in SETTINGS}
        near = boxes[rng.integers(0, max(n, 1), int(rng.integers(0, 3 * n + 1)))]
        near = near + rng.integers(-2, 3, near.shape)
        stray = np.concatenate([rng.integers(0, 80, (4, 2)), rng.integers(1, 40, (4, 2))], 1)
        rows = np.concatenate([near, stray[: rng.integers(0, 5)]]).clip(0).astype(float)
        scores = np.round(rng.uniform(-1, 3, len(rows)) if seed % 3 else rng.random(len(rows)), 2)
        if seed % 2:  # files mostly come in order, but need not
            scores = -np.sort(-scores)
        images.append(image(boxes.tolist(), name=f"{i}", event=f"{i // 4}--Event", **lists))
        predictions.append(np.concatenate([rows, scores[:, None]], axis=1))
    return images, predictions


@pytest.mark.parametrize("seed", range(8))
def test_the_common_protocol_agrees_with_one_box_at_a_time(seed: int, tmp_path: Path) -> None:
    images, predictions = random_set(seed)
    save_ground_truth(tmp_path, images)
    report = evaluate_wider(read_ground_truth(tmp_path), predictions)
    for setting in SETTINGS:
        expected = average_precision(
            [each.boxes.tolist() for each in images],
            [each.counted[setting].tolist() for each in images],
            [rows.tolist() for rows in predictions],
        )
        assert report.settings[setting].average_precision == pytest.approx(expected, abs=1e-12)
        assert 0 < expected < 1


def test_the_official_files_give_images_faces_and_lists(tmp_path: Path) -> None:
    images = [
        image([[1, 2, 3, 4], [5, 6, 7, 8]], 1, name="x_1", easy=(), hard=(0, 1)),
        image([], name="x_2"),
        image([[9, 9, 9, 9]], 0, name="x_1", event="1--Handshaking"),
    ]
    save_ground_truth(tmp_path, images)
    read = read_ground_truth(tmp_path)
    assert [(each.event, each.name) for each in read] == [
        ("0--Parade", "x_1"), ("0--Parade", "x_2"), ("1--Handshaking", "x_1"),
    ]  # fmt: skip
    assert [each.boxes.tolist() for each in read] == [each.boxes.tolist() for each in images]
    assert {s: read[0].counted[s].tolist() for s in SETTINGS} == {
        "easy": [], "medium": [1], "hard": [0, 1],
    }  # fmt: skip
    assert read[1].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("images", "predictions", "common", "strict"),
    [
        pytest.param(
            [image([[0, 0, 10, 10]], 0)],
            [table((0, 0, 10, 10, 0.9), (50, 50, 10, 10, 0.1))],
            1.0,
            1.0,
            id="found before the false box",
        ),
        pytest.param(
            # 10 wide against 21: IoU 10/21 by edges, 11/22 with a pixel more: just enough.
            [image([[0, 0, 21, 99]], 0)],
            [table((0, 0, 10, 99, 0.9), (50, 200, 5, 5, 0.1))],
            1.0,
            0.0,
            id="one pixel more, quirk 2",
        ),
        pytest.param(
            # Both overlap the first face most; the second face, IoU 9/11 and 9/11, stays missed.
            [image([[0, 0, 100, 100], [0, 10, 100, 100]], 0, 1)],
            [table((0, 1, 100, 100, 0.9), (0, 1, 100, 100, 0.8), (300, 0, 5, 5, 0))],
            0.5,
            1.0,
            id="one look only, quirk 3",
        ),
        pytest.param(
            # Best match ignored (IoU 1), but the face that counts overlaps by 90/110 too.
            [image([[0, 0, 100, 100], [0, 10, 100, 100]], 1)],
            [table((0, 0, 100, 100, 0.9), (300, 0, 5, 5, 0))],
            0.0,
            1.0,
            id="best match ignored, quirk 4",
        ),
        pytest.param(
            # In the order of the file the right box of 0.9 comes after the false one of 0.1.
            [image([[0, 0, 10, 10]], 0)],
            [table((50, 50, 10, 10, 0.1), (0, 0, 10, 10, 0.9))],
            0.5,
            1.0,
            id="order of the file, quirk 5",
        ),
        pytest.param(
            # 0.9996 and 0.9999 stretched: no threshold lies between.
            [image([[0, 0, 10, 10]], 0)],
            [table((50, 50, 10, 10, 0.99961), (0, 0, 10, 10, 0.9996), (90, 90, 5, 5, 0))],
            0.5,
            0.5,
            id="thresholds, wrong box first",
        ),
        pytest.param(
            [image([[0, 0, 10, 10]], 0)],
            [table((0, 0, 10, 10, 0.99961), (50, 50, 10, 10, 0.9996), (90, 90, 5, 5, 0))],
            0.5,
            1.0,
            id="1,000 thresholds, quirk 6",
        ),
        pytest.param(
            # 0.5 is the 500th threshold: it enters before the false box of 0.4995.
            [image([[0, 0, 10, 10]], 0)],
            [table((50, 50, 5, 5, 1), (0, 0, 10, 10, 0.5), (9, 50, 5, 5, 0.4995), (9, 9, 5, 5, 0))],
            0.5,
            0.5,
            id="a score at a threshold reaches it",
        ),
        pytest.param(
            [image([], name="b"), image([[0, 0, 10, 10]], 0)],
            [table((0, 0, 10, 10, 0.9)), table((0, 0, 10, 10, 0.5), (60, 60, 5, 5, 0))],
            1.0,
            0.5,
            id="an image without faces costs nothing, quirk 7",
        ),
        pytest.param(
            [image([[70, 70, 9, 9]], name="b"), image([[0, 0, 10, 10]], 0)],
            [table((0, 0, 10, 10, 0.9)), table((0, 0, 10, 10, 0.5), (60, 60, 5, 5, 0))],
            0.5,
            0.5,
            id="an image whose faces are ignored does",
        ),
        pytest.param(
            [image([[0, 0, 10, 10]], 0)],
            [table((0, 0, 10, 10, 7), (50, 50, 5, 5, 0.5))],
            1.0,
            1.0,
            id="a second box below",
        ),
        pytest.param([image([[0, 0, 10, 10]], 0)], [table()], 0.0, 0.0, id="no box"),
        pytest.param(
            [image([[0, 0, 10, 10]])],
            [table((0, 0, 9, 9, 1), (0, 0, 9, 9, 0))],
            np.nan,
            np.nan,
            id="no face that counts",
        ),
    ],
)
def test_what_the_protocols_say(
    images: list[WiderImage], predictions: list[Any], common: float, strict: float
) -> None:
    before = [rows.copy() for rows in predictions]
    assert ap(images, predictions, "common") == pytest.approx(common, nan_ok=True)
    assert ap(images, predictions, "strict") == pytest.approx(strict, nan_ok=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, predictions, strict=True))


def test_scores_above_1_are_stretched_from_1_on() -> None:
    """Quirk 1. From 1, the right box lies at 0.0012 and the last at 0.0007: 0.001 parts them.

    So precision is 0, 1/2, 1/3 at recall 0, 1, 1. From the lowest score the two would enter
    together at 0, with precision 1/3.
    """
    images = [image([[0, 0, 10, 10]], 0)]
    rows = [table((80, 80, 5, 5, 2), (0, 0, 10, 10, 1.0012), (50, 50, 5, 5, 1.0007))]
    assert ap(images, rows, "common") == pytest.approx(1 / 2)


def test_equal_scores_find_nothing_by_the_common_protocol_and_a_warning_says_so() -> None:
    images, rows = [image([[0, 0, 10, 10]], 0)], [table((0, 0, 10, 10, 0.5))]
    with pytest.warns(UserWarning, match=r"all scores are 0\.5"):
        assert ap(images, rows, "common") == 0
    assert ap(images, rows, "strict") == 1


def test_json_has_null_for_what_is_undefined() -> None:
    rows = table((0, 0, 9, 9, 1), (50, 0, 9, 9, 0))
    report = evaluate_wider([image([[0, 0, 9, 9]], 0, hard=())], [rows])
    assert report.to_dict() == {
        "protocol": "common",
        "images": 1,
        "detections": 2,
        "ap": {"easy": 1.0, "medium": 1.0, "hard": None},
        "faces": {"easy": 1, "medium": 1, "hard": 0},
    }


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="one entry per image; got 0 for 1"):
        evaluate_wider([image([])], [])
    with pytest.raises(ValueError, match="got protocol='voc'"):
        evaluate_wider([], [], "voc")  # type: ignore[arg-type]


# Predictions --------------------------------------------------------------------------------

IMAGES = [image([[0, 0, 9, 9]], 0, name="a"), image([], name="b"), image([], name="c", event="E")]


def write(folder: Path, **texts: str) -> Path:
    """The files of IMAGES, without a box unless told."""
    for each in IMAGES:
        path = folder / each.event / f"{each.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.get(each.name, f"{each.name}\n0\n"))
    return folder


def test_predictions_are_read_in_the_order_of_the_images_and_of_the_file(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        a="0--Parade/a.jpg\r\n2\r\n1 2 3 4 0.5\r\n-1.5 0 0 1e1  7\r\n\r\n",
        c="c.jpg\n1\n9 8 7 6 -3\n",
    )
    (folder / ".DS_Store").write_text("")
    (folder / "log.txt").write_text("")
    tables = read_predictions(folder, IMAGES)
    assert [rows.tolist() for rows in tables] == [
        [[1, 2, 3, 4, 0.5], [-1.5, 0, 0, 10, 7]], [], [[9, 8, 7, 6, -3]],
    ]  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    faces = Faces(np.float32([[1.25, 2, 11.5, 22], [0, 0, 5, 5]]), np.float32([0.75, 0.5]))
    write_predictions(tmp_path / "new", IMAGES, [faces, Faces.empty(), faces[1]])
    text = (tmp_path / "new/0--Parade/a.txt").read_text()
    assert text == ("a.jpg\n2\n1.25 2.00 10.25 20.00 0.750000\n0.00 0.00 5.00 5.00 0.500000\n")
    tables = read_predictions(tmp_path / "new", IMAGES)
    assert [len(rows) for rows in tables] == [2, 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"0--Parade/a\.txt is empty"),
        ("b\n0\n", r"0--Parade/a\.txt: expected the name of the image, a, and its boxes, got 'b'"),
        ("a\n0\nc\n0\n", "expected the name of the image, a, and its boxes, got 'c'"),
        ("0\n", "line 1: expected the number of lines of 0, got 'the end of the file'"),
        ("a\n", "line 1: expected the number of lines of a, got 'the end of the file'"),
        ("a\nmany\n", "line 2: expected the number of lines of a, got 'many'"),
        ("a\n-1\n", "line 2: expected the number of lines of a, got '-1'"),
        ("a\n2\n1 2 3 4 0.5\n", "ends here, but the count of a in line 2 is 2, and 1 lines follow"),
        ("a\n0\n1 2 3 4 0.5\n", "line 3: expected the name of .* The count of a may be too small"),
        ("a\n1\n1 2 3 4\n", r"expected 5 numbers \(x y width height score\), .* got '1 2 3 4'"),
        ("a\n1\n1 2 3 4 5 6\n", r"line 3 \(a\): expected 5 numbers"),
        ("a\n1\n1 2 3 x 5\n", r"line 3 \(a\): expected 5 numbers"),
        ("a\n1\n1 nan 3 4 0.5\n", r"line 3 \(a\): expected finite numbers"),
        ("a\n1\n1 2 3 4 inf\n", r"line 3 \(a\): expected finite numbers"),
        ("a\n1\n1 1e300 3 4 0.5\n", r"line 3 \(a\): expected pixels, at most"),
        ("a\n\n2\n1 2 3 4 5\n\n1 2 3 -4 0.5\n", r"line 6 \(a\): expected a width and a height"),
    ],
)
def test_a_wrong_prediction_is_named_with_file_and_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DetectionsError, match=message):
        read_predictions(write(tmp_path, a=text), IMAGES)


def test_files_that_are_missing_or_belong_to_nothing_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "E" / "d.txt").write_text("d\n0\n")
    with pytest.raises(DetectionsError, match=r"d\.txt belongs to no image"):
        read_predictions(folder, IMAGES)
    (folder / "E" / "d.txt").rename(folder / "E" / "c.txt")
    (folder / "F").mkdir()
    with pytest.raises(DetectionsError, match="F is the folder of no event"):
        read_predictions(folder, IMAGES)
    (folder / "0--Parade" / "b.txt").unlink()
    with pytest.raises(DetectionsError, match=r"b\.txt is missing: expected a file for each of"):
        read_predictions(folder, IMAGES)
    (folder / "0--Parade" / "a.txt").unlink()
    with pytest.raises(DetectionsError, match=r"a\.txt is missing, and 1 more"):
        read_predictions(folder, IMAGES)
    write(folder)
    (folder / "F").rmdir()
    (folder / "E" / "c.txt").write_bytes(b"\xff\x00")
    with pytest.raises(DetectionsError, match="expected text in UTF-8"):
        read_predictions(folder, IMAGES)


# Ground truth -------------------------------------------------------------------------------


def test_missing_files_are_named_and_the_text_file_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"wider_face_val\.mat, wider_easy_val\.mat, .* miss"):
        read_ground_truth(tmp_path)
    save_ground_truth(tmp_path, IMAGES)
    (tmp_path / "wider_hard_val.mat").unlink()
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text("")
    message = r"wider_hard_val\.mat missing.*bbx_gt\.txt does not say which faces are easy, medium"
    with pytest.raises(AnnotationError, match=message):
        read_ground_truth(tmp_path)


ONE = cell(["0--Parade"])
FILES = cell([cell(["a", "b"])])
BOXES = cell([cell([np.ones((2, 4)), np.zeros((0, 4))])])
FACES = {"event_list": ONE, "file_list": FILES, "face_bbx_list": BOXES}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("face", {"event_list": ONE, "file_list": FILES}, "there is no face_bbx_list in it"),
        ("easy", {"list": ONE}, "there is no gt_list in it"),
        ("face", FACES | {"event_list": cell([1.0])}, "event_list, row 1: expected a name"),
        ("face", FACES | {"event_list": np.ones((3, 1))}, "event_list: expected a cell"),
        ("face", FACES | {"file_list": cell([])}, "file_list: expected 1 entries, got 0"),
        ("face", FACES | {"file_list": cell([cell(["a", "a"])])}, "0--Parade/a is listed twice"),
        ("face", FACES | {"face_bbx_list": cell([cell([np.ones((2, 4))])])},
         "face_bbx_list, row 1: expected 2 entries, got 1. Do the files belong together"),
        ("face", FACES | {"face_bbx_list": cell([cell([np.ones((2, 3)), np.ones((1, 4))])])},
         r"row 1 \(0--Parade/a\): expected rows of 4 numbers"),
        ("face", FACES | {"face_bbx_list": cell([cell([np.ones((1, 4)) * np.nan, "x"])])},
         "expected x, y, width, height in pixels"),
        ("face", FACES | {"face_bbx_list": cell([cell(["x", "x"])])}, "expected numbers"),
        ("hard", {"gt_list": cell([cell([[[3]], []])])}, r"faces from 1 to 2, got 3"),
        ("hard", {"gt_list": cell([cell([[[0]], []])])}, r"faces from 1 to 2, got 0"),
        ("hard", {"gt_list": cell([cell([[[1.5]], []])])}, r"faces from 1 to 2, got 1\.5"),
        ("face", FACES | {"event_list": cell([]), "file_list": cell([]),
                          "face_bbx_list": cell([])}, "expected 0 entries, got 1"),
    ],
)  # fmt: skip
def test_ground_truth_that_is_not_as_expected(
    tmp_path: Path, name: str, content: dict[str, Any], message: str
) -> None:
    savemat(tmp_path / "wider_face_val.mat", FACES)
    for setting in SETTINGS:
        lists = cell([cell([np.array([[1]]), np.zeros((0, 1))])])
        savemat(tmp_path / f"wider_{setting}_val.mat", {"gt_list": lists})
    assert len(read_ground_truth(tmp_path)) == 2
    savemat(tmp_path / f"wider_{name}_val.mat", content)
    with pytest.raises(AnnotationError, match=message):
        read_ground_truth(tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, IMAGES)
    path = tmp_path / "wider_face_val.mat"
    whole = path.read_bytes()
    for content in (b"", b"\x89HDF\r\n\x1a\n" + bytes(600), b"text" * 99, whole[:300], whole[:-40]):
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match=r"wider_face_val\.mat"):
            read_ground_truth(tmp_path)


def test_what_unpacks_to_much_memory_is_refused(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, IMAGES)
    path = tmp_path / "wider_face_val.mat"
    packing = zlib.compressobj(9)
    packed = b"".join(packing.compress(bytes(2**24)) for _ in range(17)) + packing.flush()
    path.write_bytes(path.read_bytes() + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(AnnotationError, match=r"wider_face_val\.mat: .*more than 256 MB"):
        read_ground_truth(tmp_path)
