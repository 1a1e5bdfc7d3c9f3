"""Where a detector fails: measures, bins, reasons and sheets against answers worked by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageFont

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.failure_bins import (
    Breakdown,
    box_breakdowns,
    face_breakdowns,
    wilson_interval,
)
from facesmith.evaluation.failure_pictures import false_boxes_sheet, misses_sheet
from facesmith.evaluation.failure_report import Failures
from facesmith.evaluation.failures import find_failures, write_failures
from facesmith.evaluation.photo_conditions import (
    FaceConditions,
    border_distance,
    count_neighbours,
    measure_faces,
)
from facesmith.faces import Faces
from facesmith.images import read_size, write_image
from facesmith.metrics.average_precision import match_faces
from facesmith.pictures.contact_sheet import CELL, HEAD, cut_cell, fitted
from facesmith.pictures.drawing import WRONG_COLOUR

Box = tuple[float, float, float, float]


def texture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A photo with detail at every scale."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width, 3))
    for cells in (4, 16, 64):
        small = random.uniform(60, 200, (cells, cells)).astype(np.float32)
        large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        image += np.asarray(large)[..., None] / 3
    return image.clip(0, 255).astype(np.uint8)


def photo(
    folder: Path,
    boxes: Sequence[Box],
    *,
    name: str = "a.png",
    image: np.ndarray | None = None,
    ignored: Sequence[int] = (),
    attributes: Sequence[dict[str, str]] = (),
) -> AnnotatedPhoto:
    image = texture(400, 300) if image is None else image
    write_image(folder / name, image)
    flags = np.zeros(len(boxes), bool)
    flags[list(ignored)] = True
    return AnnotatedPhoto(
        path=folder / name,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=flags,
        name=name,
        width=image.shape[1],
        height=image.shape[0],
        attributes=tuple(attributes),
    )


def found(*rows: tuple[float, ...]) -> Faces:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


def judge(
    photos: Sequence[AnnotatedPhoto], faces: Sequence[Faces], min_score: float = 0.5, **more: Any
) -> Failures:
    return find_failures(photos, faces, name="spots", min_score=min_score, **more)


def part(failures: Failures, name: str) -> Breakdown:
    (only,) = (each for each in (*failures.faces, *failures.boxes) if each.name == name)
    return only


def counts(breakdown: Breakdown) -> dict[str, tuple[int, int]]:
    """Label -> how many, and how many of them good; without the empty bins."""
    return {b.label: (b.n, b.n_good) for b in breakdown.bins if b.n}


# The interval


@pytest.mark.parametrize(("n_good", "n"), [(8, 10), (0, 10), (10, 10), (50, 100), (1, 1), (3, 7)])
def test_wilsons_interval_holds_the_shares_that_explain_what_was_seen(n_good: int, n: int) -> None:
    # A share p explains it if what was seen lies within 1.96 of its standard deviations; by trial.
    shares = np.linspace(0, 1, 200_001)
    explain = np.abs(n_good / n - shares) <= 1.959964 * np.sqrt(shares * (1 - shares) / n)
    expected = shares[explain]
    assert wilson_interval(n_good, n) == pytest.approx((expected[0], expected[-1]), abs=1e-5)


def test_wilsons_interval_worked_by_hand() -> None:
    # z^2 = 3.8415. None of 10: the upper limit is z^2 / (n + z^2) = 3.8415 / 13.8415 = 0.2775.
    assert wilson_interval(0, 10) == (0.0, pytest.approx(0.2775, abs=5e-5))
    assert wilson_interval(10, 10) == (pytest.approx(0.7225, abs=5e-5), 1.0)
    assert wilson_interval(0, 0) == (0.0, 1.0), "of nothing, nothing is known"


# What is measured


def test_distance_from_the_border() -> None:
    boxes = np.float32([[10, 20, 30, 50], [0, 5, 9, 9], [60, 40, 98, 90], [50, 30, 60, 77]])
    # Photo of 100x80... the third box leaves it by 10 at the bottom.
    assert border_distance(boxes, (100, 80)).tolist() == [10, 0, -10, 3]
    assert border_distance(np.zeros((0, 4)), (100, 80)).tolist() == []


def test_neighbours_are_counted_in_heights_of_the_face_itself() -> None:
    # Centres at x = 10, 50 and 100 in one row; heights 20, 20 and 40. The first sees up to 40 px:
    # the second, at exactly 40. The second sees the first, the third is 50 away. The third sees up
    # to 80 px: the second, while the first is 90 away.
    boxes = np.float32([[0, 40, 20, 60], [40, 40, 60, 60], [80, 30, 120, 70]])
    assert count_neighbours(boxes).tolist() == [1, 1, 1]
    # One pixel further right, and the first two are more than 40 px apart.
    boxes[1, [0, 2]] += 1
    assert count_neighbours(boxes).tolist() == [0, 0, 1]
    assert count_neighbours(boxes[:1]).tolist() == [0]
    assert count_neighbours(np.zeros((0, 4))).tolist() == []


def test_blurring_a_photo_lowers_the_sharpness_of_its_faces() -> None:
    boxes = np.float32([[20, 30, 120, 150], [200, 100, 240, 148]])
    sharp = Image.fromarray(texture(400, 300))
    measured = [
        measure_faces(np.asarray(sharp.filter(ImageFilter.GaussianBlur(radius))), boxes).sharpness
        for radius in (0, 2, 4, 8)
    ]
    assert (np.diff(measured, axis=0) < 0).all()


def test_light_and_contrast_do_not_change_the_sharpness() -> None:
    boxes = np.float32([[20, 30, 120, 150]])
    image = texture(400, 300)
    flat = (image * 0.5 + 60).round().astype(np.uint8)
    before, after = measure_faces(image, boxes), measure_faces(flat, boxes)
    assert after.sharpness == pytest.approx(before.sharpness, rel=0.02)
    assert after.brightness == pytest.approx(before.brightness * 0.5 + 60, abs=0.5)


def test_sharpness_worked_by_hand() -> None:
    # Stripes, two pixels dark and two bright, in a box of 24x24: across a stripe, every pixel has
    # one neighbour of its own kind and one that differs by d. The Laplacian is +d or -d, its
    # variance d^2; that of the pixels is (d / 2)^2. The ratio is 4, whatever d is.
    stripes = np.zeros((24, 24, 3), np.uint8)
    stripes[:, (np.arange(24) // 2) % 2 == 0] = 100
    box = np.float32([[0, 0, 24, 24]])
    assert measure_faces(stripes, box).sharpness == pytest.approx([4.0])


def test_faces_that_cannot_be_judged_for_sharpness() -> None:
    grey = np.full((100, 100, 3), 90, np.uint8)
    measured = measure_faces(grey, np.float32([[5, 5, 60, 60], [5, 5, 40, 28.9]]))
    assert measured.sharpness[0] == 0, "one colour has no detail"
    assert np.isnan(measured.sharpness[1]), "lower than 24 px"


def test_brightness_is_the_mean_luma_of_the_box() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:20] = (200, 100, 50)  # blue, green, red: 22.8 + 58.7 + 14.95 = 96.45
    image[20:, :] = 255
    boxes = np.float32([[0, 0, 10, 20], [0, 20, 40, 40], [0, 10, 40, 30], [39.2, 39.2, 39.9, 39.9]])
    expected = [96.45, 255, (96.45 + 255) / 2, 255]
    assert measure_faces(image, boxes).brightness == pytest.approx(expected, abs=0.01)


def test_no_faces_have_no_conditions() -> None:
    nothing = measure_faces(texture(20, 20), np.zeros((0, 4), np.float32))
    assert len(nothing) == 0
    assert len(FaceConditions.joined([])) == 0
    assert len(FaceConditions.joined([nothing, nothing])) == 0


# The bins


def conditions(**given: Any) -> FaceConditions:
    n = len(next(iter(given.values())))
    usual: dict[str, Any] = {"height": 50.0, "sharpness": 1.5, "brightness": 100.0, "border": 99.0}
    floats = {name: np.full(n, value) for name, value in usual.items()}
    whole = {"neighbours": np.zeros(n, np.int64), "in_photo": np.ones(n, np.int64)}
    return FaceConditions(**{**floats, **whole, **{k: np.array(v) for k, v in given.items()}})


@pytest.mark.parametrize(
    ("measure", "name", "values", "expected"),
    [
        (
            "height",
            "face height",
            [9.99, 10, 15.99, 16, 24, 48, 96, 199.9, 200, 3000],
            {
                "below 10 px": 1,
                "10-16 px": 2,
                "16-24 px": 1,
                "24-48 px": 1,
                "48-96 px": 1,
                "96-200 px": 2,
                "200 px and more": 2,
            },
        ),
        (
            "sharpness",
            "sharpness",
            [0.0, 0.49, 0.5, 1.0, 1.99, 2.0, np.nan],
            {
                "blurred, < 0.5": 2,
                "soft, 0.5-1": 1,
                "sharp, 1-2": 2,
                "very sharp, >= 2": 1,
                "not judged, < 24 px": 1,
            },
        ),
        (
            "brightness",
            "brightness",
            [0.0, 63.9, 64, 96, 128, 160, 255],
            {"dark, < 64": 2, "64-96": 1, "96-128": 1, "128-160": 1, "bright, >= 160": 2},
        ),
        (
            "border",  # of faces 50 px high: close means within 12.5 px
            "border",
            [0.0, 2.0, 2.1, 12.5, 12.6],
            {"touches the edge": 2, "close to the edge": 2, "further in": 1},
        ),
        (
            "neighbours",
            "neighbours",
            [0, 1, 2, 3, 4, 30],
            {"none": 1, "1": 1, "2-3": 2, "4 and more": 2},
        ),
        (
            "in_photo",
            "faces in photo",
            [1, 2, 4, 5, 9, 10, 19, 20, 80],
            {"1": 1, "2-4": 2, "5-9": 2, "10-19": 2, "20 and more": 2},
        ),
    ],
)
def test_a_value_on_an_edge_belongs_to_the_bin_above(
    measure: str, name: str, values: list[float], expected: dict[str, int]
) -> None:
    n = len(values)
    parts = face_breakdowns(
        conditions(**{measure: values}), [{}] * n, np.ones(n, bool), np.full(n, 0.9)
    )
    (only,) = (each for each in parts if each.name == name)
    assert {b.label: b.n for b in only.bins} == expected


def test_boxes_by_height_and_score() -> None:
    heights, scores = np.array([8.0, 30, 30, 30]), np.array([0.09, 0.1, 0.95, 1.0])
    by_height, by_score = box_breakdowns(heights, scores, np.array([False, True, False, True]))
    assert counts(by_height) == {"below 10 px": (1, 0), "24-48 px": (3, 2)}
    assert counts(by_score) == {"0-0.1": (1, 0), "0.1-0.2": (1, 1), "0.9-1": (2, 1)}
    last = by_score.bins[-1]
    assert last.expected == pytest.approx(0.975), "a bin's mean score is what it promises"
    assert last.mean_score == 1.0, "that of the right box alone"
    assert by_height.bins[0].expected == 0.5, "the precision of all"


def test_a_score_on_an_edge_belongs_to_the_bin_above() -> None:
    edges = np.float32([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]).astype(np.float64)
    _, by_score = box_breakdowns(np.full(9, 50.0), edges, np.ones(9, bool))
    assert [b.n for b in by_score.bins] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_the_bins_that_lie_clearly_below_the_whole_are_weak() -> None:
    # 40 large faces all found, 10 of 10-16 px of which 2 are: recall 0.84 over all. The interval of
    # 2 of 10 ends at 0.51. 4 of 5 (its interval ends at 0.96) says nothing.
    heights = [60.0] * 40 + [12.0] * 10 + [20.0] * 5
    seen = np.array([True] * 40 + [True] * 2 + [False] * 8 + [True] * 4 + [False])
    part_ = face_breakdowns(conditions(height=heights), [{}] * 55, seen, np.full(55, 0.9))[0]
    assert [b.label for b in part_.bins if b.weak] == ["10-16 px"]
    assert [b.n_good for b in part_.bins] == [0, 2, 4, 0, 40, 0, 0]
    assert np.isnan(part_.bins[0].rate)
    assert not part_.bins[0].weak


def test_a_difference_without_weight_is_not_marked() -> None:
    # 99 % of 100,000 against 97.5 % of 10,000: certain, but the interval's end, 0.978, is within
    # 0.02 of the whole, 0.989.
    values = np.array([60.0] * 100_000 + [12.0] * 10_000)
    seen = np.ones(110_000, bool)
    seen[:1000] = seen[100_000:100_250] = False
    part_ = face_breakdowns(conditions(height=values), [{}] * 110_000, seen, seen * 0.9)[0]
    assert not any(b.weak for b in part_.bins)


def test_sharpness_is_held_against_the_faces_that_could_be_judged() -> None:
    # Of 20 small faces none is found, of 20 sharp ones all, of 20 blurred ones 12.
    sharp = [np.nan] * 20 + [1.5] * 20 + [0.2] * 20
    seen = np.array([False] * 20 + [True] * 20 + [True] * 12 + [False] * 8)
    parts = face_breakdowns(conditions(sharpness=sharp), [{}] * 60, seen, np.full(60, 0.9))
    (only,) = (each for each in parts if each.name == "sharpness")
    by_label = {b.label: b for b in only.bins}
    assert by_label["blurred, < 0.5"].expected == pytest.approx(32 / 40)
    assert by_label["blurred, < 0.5"].interval[1] == pytest.approx(0.7812, abs=1e-4)
    assert not by_label["blurred, < 0.5"].weak, "0.781 is within 0.02 of 0.8"
    assert not by_label["not judged, < 24 px"].weak, "small, which is not to say blurred"


def test_what_annotations_say_becomes_a_condition_the_mask_first() -> None:
    said = [{"mask": "on", "age": "old"}, {"mask": "on"}, {"mask": "off", "age": "old"}, {}]
    names = [{"id": f"face {i}"} for i in range(13)]
    seen = np.array([True, False, True, False] + [True] * 13)
    parts = face_breakdowns(conditions(height=[50.0] * 17), [*said, *names], seen, np.full(17, 0.9))
    assert [each.name for each in parts[6:]] == ["mask", "age"], "13 different words are names"
    mask, age = parts[6:]
    assert counts(mask) == {"on": (2, 1), "off": (1, 1), "not stated": (14, 13)}
    assert counts(age) == {"old": (2, 2), "not stated": (15, 13)}
    all_say = face_breakdowns(conditions(height=[50.0]), said[:1], seen[:1], np.full(1, 0.9))
    assert counts(all_say[-1]) == {"old": (1, 1)}
    assert [b.label for b in all_say[-1].bins] == ["old"], "no bin for faces that there are not"


# Misses and false boxes


def test_every_failure_has_its_reason(tmp_path: Path) -> None:
    first = photo(
        tmp_path,
        [
            (10, 10, 50, 50),  # found, and found again
            (100, 10, 140, 50),  # found with a score that is too low
            (200, 10, 240, 50),  # a box of half its width to the side: IoU 20 / 60 = 1/3
            (300, 10, 340, 50),  # nothing near
            (100, 200, 140, 240),  # ignored, and found
        ],
        ignored=[4],
    )
    second = photo(tmp_path, [], name="b.png")
    boxes = found(
        (10, 10, 50, 50, 0.9),
        (12, 10, 52, 50, 0.8),
        (100, 10, 140, 50, 0.3),
        (220, 10, 260, 50, 0.7),
        (100, 200, 140, 240, 0.95),
    )
    failures = judge([first, second], [boxes, found((5, 5, 45, 45, 0.6))])
    assert (failures.n_photos, failures.n_faces, failures.n_found) == (2, 4, 1)
    assert failures.n_boxes == 4, "the box of the ignored face counts for nothing"
    assert failures.recall == 0.25
    assert failures.precision == 0.25
    reasons = {miss.box[0].item(): miss for miss in failures.misses}
    assert {x: miss.reason for x, miss in reasons.items()} == {
        100: "below the threshold",
        200: "badly placed",
        300: "not seen",
    }
    assert reasons[100].score == pytest.approx(0.3)
    assert (reasons[200].score, reasons[200].iou) == pytest.approx((0.7, 1 / 3))
    assert np.isnan(reasons[300].score)
    kinds = [(box.kind, box.photo.name, round(box.score, 2)) for box in failures.false_boxes]
    assert kinds == [
        ("second box", "a.png", 0.8),
        ("badly placed", "a.png", 0.7),
        ("no face", "b.png", 0.6),
    ]
    lower = judge([first, second], [boxes, Faces.empty()], min_score=0.3)
    assert lower.n_found == 2


def test_a_lower_face_than_min_height_is_ignored(tmp_path: Path) -> None:
    one = photo(tmp_path, [(10, 10, 22, 22), (50, 50, 90, 90)])
    boxes = found((10, 10, 22, 22, 0.9))
    failures = judge([one], [boxes], min_height=16)
    assert (failures.n_faces, failures.n_boxes, len(failures.misses)) == (1, 0, 1)
    # Its centre is 54 * sqrt(2) = 76 px from the other's, whose reach is 80.
    assert counts(part(failures, "neighbours")) == {"1": (1, 0)}, "it is a neighbour all the same"


def test_each_face_gets_the_box_that_matched_it() -> None:
    # The better box lies on both faces and takes the one it overlaps more, the second gets the
    # other: IoU of (0..10) with (1..11) is 9/11, of (4..14) with (1..11) is 7/13.
    boxes = np.float32([[0, 0, 10, 10], [4, 0, 14, 10]])
    faces = found((1, 0, 11, 10, 0.9), (5, 0, 15, 10, 0.6))
    _, face = match_faces(boxes, np.zeros(2, bool), faces, 0.4)
    assert face.tolist() == [0, 1]


def test_as_many_faces_are_found_as_boxes_are_right() -> None:
    random = np.random.default_rng(4)
    for _ in range(200):
        corners = random.uniform(0, 30, (12, 2))
        boxes = np.concatenate([corners, corners + random.uniform(8, 20, (12, 2))], 1)
        scores = random.choice([0.2, 0.5, 0.8], 7).astype(np.float32)
        faces = Faces(boxes[:7].astype(np.float32), scores)
        truth, ignored = boxes[7:].astype(np.float32), random.random(5) < 0.3
        counts, face = match_faces(truth, ignored, faces, 0.3)
        matched = face[face >= 0]
        assert len(set(matched.tolist())) == len(matched), "no face is taken twice"
        assert not ignored[matched].any()
        assert counts[face >= 0].all()


def test_the_largest_and_sharpest_misses_come_first(tmp_path: Path) -> None:
    image = texture(400, 300)
    blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(10))
    image[:, 200:] = np.asarray(blurred)[:, 200:]
    small, large, soft = (10, 10, 40, 40), (60, 60, 160, 160), (230, 60, 330, 160)
    tiny = (10, 250, 20, 260)
    failures = judge([photo(tmp_path, [tiny, small, soft, large], image=image)], [Faces.empty()])
    # Ranks in height: tiny 0, small 1, soft and large 2; in sharpness: tiny 0, soft 1, then small
    # and large in the order that they have.
    order = [tuple(miss.box.tolist()) for miss in failures.misses]
    assert (order[0], order[-1]) == (large, tiny)


# The whole


def test_weak_bins_lead_to_advice(tmp_path: Path) -> None:
    large = [(10 + 40 * i, 10, 40 + 40 * i, 40) for i in range(9)]
    small = [(10 + 20 * i, 100, 22 + 20 * i, 112) for i in range(9)]
    # In every other respect the two rows are alike: each face has two neighbours, but at the ends.
    one = photo(tmp_path, [*large, *small], image=np.full((300, 400, 3), 99, np.uint8))
    failures = judge([one], [found(*((*box, 0.9) for box in large))])
    assert failures.advice == ["Add photos with faces of 10-16 px: 9 of 9 faces are missed."]
    # 20 false boxes at a score of 0.8: precision 9 / 29; at their height 0 of 20.
    far = [(10 + 18 * i, 200, 21 + 18 * i, 211, 0.8) for i in range(20)]
    more = judge([one], [found(*((*box, 0.9) for box in large), *far)])
    at_height = "Add photos of what false_boxes.png shows at 10-16 px"
    assert more.advice == [
        f"{at_height}, face-free ones too: 20 of 20 boxes are false.",
        "Add photos with faces of 10-16 px: 9 of 9 faces are missed.",
        "Scores of 0.8-0.9 promise too much: choose a threshold with `facesmith roc`.",
    ]


KEYS = {
    "scored", "min_score", "iou_threshold", "n_photos", "n_faces", "n_found", "recall",
    "recall_interval", "n_boxes", "n_false_boxes", "precision", "faces", "boxes", "advice",
    "misses", "false_boxes",
}  # fmt: skip


def test_the_dictionary_holds_everything_and_is_json(tmp_path: Path) -> None:
    one = photo(tmp_path, [(10, 10, 50, 50), (100, 100, 112, 112)], attributes=[{"mask": "on"}, {}])
    failures = judge([one], [found((10, 10, 50, 50, 0.75), (200, 200, 230, 230, 0.5))])
    values = json.loads(json.dumps(failures.to_dict()), parse_constant=pytest.fail)
    assert set(values) == KEYS
    assert (values["recall"], values["precision"]) == (0.5, 0.5)
    assert values["misses"] == [
        {
            "file": "a.png", "box": [100, 100, 112, 112], "height": 12, "sharpness": None,
            "reason": "not seen", "score": None, "iou": 0,
        }
    ]  # fmt: skip
    assert values["false_boxes"] == [
        {
            "file": "a.png", "box": [200, 200, 230, 230], "height": 30, "score": 0.5,
            "kind": "no face", "iou": 0,
        }
    ]  # fmt: skip
    names = [each["condition"] for each in values["faces"]]
    assert names == [
        "face height", "sharpness", "brightness", "border", "neighbours", "faces in photo", "mask",
    ]  # fmt: skip
    assert values["faces"][-1]["bins"][0] == {
        "label": "on", "n_faces": 1, "n_found": 1, "recall": 1.0,
        "interval": [pytest.approx(0.2065, abs=1e-4), 1.0], "mean_score": 0.75, "expected": 0.5,
        "weak": False,
    }  # fmt: skip
    assert {"n_boxes", "n_right", "precision"} < set(values["boxes"][0]["bins"][0])


def test_empty_cases_have_defined_answers(tmp_path: Path) -> None:
    face_free = photo(tmp_path, [], name="free.png")
    nothing = judge([face_free], [Faces.empty()])
    assert np.isnan([nothing.recall, nothing.precision]).all()
    values = nothing.to_dict()
    assert (values["recall"], values["precision"], values["n_faces"]) == (None, None, 0)
    assert nothing.advice == []
    no_photo = judge([], [])
    assert (no_photo.n_photos, no_photo.n_faces) == (0, 0)
    one = photo(tmp_path, [(10, 10, 50, 50)])
    missed = judge([one], [Faces.empty()])
    assert (missed.recall, len(missed.misses), missed.n_boxes) == (0.0, 1, 0)
    assert missed.advice == [], "no bin is worse than the whole"
    all_found = judge([one], [found((10, 10, 50, 50, 0.9))])
    assert (all_found.recall, all_found.precision, all_found.misses) == (1.0, 1.0, ())
    paths = write_failures(nothing, tmp_path / "out")
    assert all(path.stat().st_size > 100 for path in paths)


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    one = photo(tmp_path, [])
    with pytest.raises(ValueError, match="one entry per photo; got 0 for 1 photos"):
        judge([one], [])
    with pytest.raises(ValueError, match="above 0 and at most 1; got iou_threshold=0"):
        judge([one], [Faces.empty()], iou_threshold=0)


# The pictures


def cells_of(sheet: Image.Image) -> list[tuple[int, int]]:
    """Row and column of each cell with an orange box, by the layout: 28 px margin, 12 px gaps."""
    pixels = np.asarray(sheet)
    orange = (pixels == WRONG_COLOUR).all(axis=2)
    filled = []
    for row in range((sheet.height - HEAD) // (CELL + 54)):
        for column in range(8):
            top, left = HEAD + row * (CELL + 54), 28 + column * (CELL + 12)
            if orange[top : top + CELL, left : left + CELL].any():
                filled.append((row, column))
    return filled


@pytest.mark.parametrize(("n_shown", "n_cells"), [(40, 11), (9, 9), (8, 8), (1, 1)])
def test_sheets_have_a_cell_for_each_failure_up_to_the_limit(
    tmp_path: Path, n_shown: int, n_cells: int
) -> None:
    boxes = [(10 + 30 * i, 10, 30 + 30 * i, 30) for i in range(11)]
    one = photo(tmp_path, boxes)
    false = found(*((x, y + 200, x2, y2 + 200, 0.9) for x, y, x2, y2 in boxes))
    failures = judge([one], [false])
    expected = [divmod(place, 8) for place in range(n_cells)]
    assert cells_of(misses_sheet(failures, n_shown)) == expected
    assert cells_of(false_boxes_sheet(failures, n_shown)) == expected


def test_sheets_without_failures_have_no_cell(tmp_path: Path) -> None:
    failures = judge([photo(tmp_path, [(10, 10, 50, 50)])], [found((10, 10, 50, 50, 0.9))])
    for sheet in (misses_sheet(failures), false_boxes_sheet(failures)):
        assert cells_of(sheet) == []
        assert sheet.height < HEAD + 20


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((100, 100, 140, 140), id="inside"),
        pytest.param((0, 0, 30, 40), id="corner"),
        pytest.param((395, 295, 400, 300), id="tiny, at the last corner"),
        pytest.param((0, 0, 400, 300), id="the whole photo"),
        pytest.param((-40, 20, 20, 80), id="beyond the border"),
        pytest.param((-50, -50, 450, 450), id="larger than the photo"),
    ],
)
def test_a_cell_shows_the_box_wherever_it_lies(box: Box) -> None:
    cell = cut_cell(texture(400, 300), np.float32(box), np.zeros((0, 4), np.float32))
    assert cell.size == (CELL, CELL)
    rows, columns = np.nonzero((np.asarray(cell) == WRONG_COLOUR).all(axis=2))
    assert len(rows) > 8
    if box[0] >= 0 and box[3] <= 300:  # all of it can be seen, in its proportions
        seen = (np.ptp(columns) + 1) / (np.ptp(rows) + 1)
        assert seen == pytest.approx((box[2] - box[0]) / (box[3] - box[1]), rel=0.1)


def test_a_cell_leaves_out_the_second_copy_of_its_box() -> None:
    box = np.float32([100, 100, 140, 140])
    others = np.float32([box, [150, 110, 170, 130]])
    pixels = np.asarray(cut_cell(texture(400, 300), box, others))
    green = (pixels == (0, 230, 118)).all(axis=2)
    # The cell begins at 120 - 52 = 68 and is 104 px wide: the other box begins at column
    # (150 - 68) * 168 / 104 = 132.
    assert np.nonzero(green)[1].min() == 132


def test_long_names_lose_their_middle() -> None:
    font = ImageFont.load_default(12)
    assert fitted("a.jpg", 100, font) == "a.jpg"
    short = fitted("holiday/2023-08-11/IMG_2034.jpg", 120, font)
    assert font.getlength(short) <= 120
    assert short.startswith("hol")
    assert short.endswith("2034.jpg")
    assert "..." in short
    assert fitted("wide", 1, font) == ""


def test_all_files_are_written(tmp_path: Path) -> None:
    one = photo(tmp_path, [(10, 10, 50, 50), (100, 100, 112, 112)])
    failures = judge([one], [found((10, 10, 50, 50, 0.9), (200, 200, 230, 230, 0.6))])
    paths = write_failures(failures, tmp_path / "deep" / "out", n_shown=3)
    assert [path.name for path in paths] == [
        "failures.json", "breakdown.png", "misses.png", "false_boxes.png",
    ]  # fmt: skip
    assert json.loads(paths[0].read_text()) == failures.to_dict()
    widths = [read_size(path)[0] for path in paths[1:]]
    assert widths[1] == widths[2] == 2 * 28 + 8 * CELL + 7 * 12
