"""The rule of COCO against pycocotools, and the figures of a report against hand-worked ones."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.coco import (
    coco_precision_recall,
    mean_precision,
    score_photos,
)
from facesmith.evaluation.detections import Detections
from facesmith.metrics.average_precision import AnnotatedFaces

SIDE = 100


def photo(name: str, boxes: Any, ignored: Any) -> AnnotatedPhoto:
    return AnnotatedPhoto(
        Path(name), np.float32(boxes).reshape(-1, 4), np.array(ignored, bool), name, SIDE, SIDE
    )


def photo_with(*boxes: tuple[float, ...], ignored: tuple[int, ...] = ()) -> AnnotatedPhoto:
    return photo("photo", boxes, [i in ignored for i in range(len(boxes))])


def found(*rows: tuple[float, ...]) -> Detections:
    table = np.array(rows, float).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4])


def random_photos(seed: int) -> tuple[list[AnnotatedPhoto], list[Detections]]:
    """Photos with none to 12 faces, near and doubled boxes, tied scores, some photos empty.

    Edges on a coarse grid make equal overlaps, and overlaps at a threshold, common.
    """
    rng = np.random.default_rng(seed)
    photos, detections = [], []
    for i in range(25):
        n = int(rng.integers(0, 13)) * int(rng.random() < 0.85)
        grid = 1.0 if seed % 2 else 0.125
        low = np.round(rng.uniform(0, SIDE - 40, (n, 2)) / grid) * grid
        boxes = np.concatenate([low, low + np.round(rng.uniform(6, 40, (n, 2)))], axis=1)
        ignored = rng.random(n) < 0.25
        near = boxes[rng.integers(0, max(n, 1), int(rng.integers(0, 2 * n + 1)))]
        moved = near + np.round(rng.normal(0, 2.5, near.shape) / grid) * grid
        stray_low = np.round(rng.uniform(0, 60, (int(rng.integers(0, 6)), 2)))
        stray = np.concatenate([stray_low, stray_low + rng.integers(4, 40, stray_low.shape)], 1)
        rows = np.concatenate([moved, stray])
        rows = np.concatenate(
            [np.minimum(rows[:, :2], rows[:, 2:]), np.maximum(rows[:, :2], rows[:, 2:])], 1
        )
        scores = np.round(rng.normal(0, 2, len(rows)), 1)  # any range; many equal
        photos.append(photo(f"{i}", boxes, ignored))
        detections.append(Detections(rows, scores))
    return photos, detections


def pycocotools_ap(
    photos: list[AnnotatedPhoto],
    detections: list[Detections],
    ious: list[float],
    min_height: float,
    max_detections: int,
) -> tuple[list[float], list[float]]:
    """AP and recall at each IoU.

    pycocotools bounds faces by the `area` that the entries state; where heights are written there,
    its own program bounds them by height.
    """
    images, annotations, results = [], [], []
    for i, (truth, rows) in enumerate(zip(photos, detections, strict=True), start=1):
        images.append({"id": i, "width": SIDE, "height": SIDE})
        for box, ignored in zip(truth.boxes.tolist(), truth.ignored.tolist(), strict=True):
            x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": i, "category_id": 1, "area": height,
                 "bbox": [x, y, width, height], "iscrowd": int(ignored)}
            )  # fmt: skip
        for box, score in zip(rows.boxes.tolist(), rows.scores.tolist(), strict=True):
            results.append(
                {"image_id": i, "category_id": 1, "score": score,
                 "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]}
            )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "face"}],
        }
        coco.createIndex()
        loaded = coco.loadRes(results)
        for entry in loaded.anns.values():
            entry["area"] = entry["bbox"][3]
        evaluation = COCOeval(coco, loaded, "bbox")
        evaluation.params.iouThrs = np.array(ious)
        evaluation.params.areaRng = [[min_height, 1e9]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0].mean(axis=1)
    return precision.tolist(), evaluation.eval["recall"][:, 0, 0, 0].tolist()


@pytest.mark.parametrize("seed", range(12))
def test_the_rule_of_coco_agrees_with_pycocotools(seed: int) -> None:
    photos, detections = random_photos(seed)
    ious = [0.3, 0.4, 0.5, 0.75, 1.0]
    for min_height, max_detections in ((0, 100), (16, 100), (12, 5)):
        report = score_photos(
            photos,
            detections,
            iou_thresholds=ious,
            min_height=min_height,
            rule="coco",
            max_detections=max_detections,
        )
        theirs = pycocotools_ap(photos, detections, ious, min_height, max_detections)
        assert list(report.average_precision.values()) == pytest.approx(theirs[0], abs=1e-9)
        assert [report.recall(iou) for iou in ious] == pytest.approx(theirs[1], abs=1e-9)
        assert 0 < report.average_precision[0.5] < 0.9, "the cases are neither trivial nor empty"


def test_the_rules_stay_close_over_many_faces() -> None:
    """VOC sums every step of the curve, COCO samples it: over many faces the areas are near."""
    rng = np.random.default_rng(1)
    photos, detections = [], []
    for i in range(80):
        low = rng.uniform(0, 60, (10, 2))
        boxes = np.concatenate([low, low + rng.uniform(15, 35, (10, 2))], axis=1)
        photos.append(photo(f"{i}", boxes, [False] * 10))
        moved = boxes + rng.normal(0, 2.5, boxes.shape)
        detections.append(Detections(moved, rng.uniform(0, 1, 10)))
    voc, coco = (
        score_photos(photos, detections, min_height=0, rule=rule) for rule in ("voc", "coco")
    )
    assert voc.average_precision[0.5] == pytest.approx(coco.average_precision[0.5], abs=0.01)


def test_101_recalls_worked_by_hand() -> None:
    # Of two faces one is found at precision 1, the other at 2/3; recalls 0 to 0.5 are 51 of the
    # 101, the other 50 have 2/3.
    truths = [AnnotatedFaces(np.float32([[0, 0, 10, 10], [20, 20, 30, 30]]), np.zeros(2, bool))]
    rows = [found((0, 0, 10, 10, 3), (50, 50, 60, 60, 2), (20, 20, 30, 30, -1))]
    curve = coco_precision_recall(truths, rows)
    assert mean_precision(curve) == pytest.approx((51 + 50 * 2 / 3) / 101)
    # Never found: the recalls above 0.5 have precision 0.
    assert mean_precision(coco_precision_recall(truths, [found((0, 0, 10, 10, 3))])) == (
        pytest.approx(51 / 101)
    )


@pytest.mark.parametrize(
    ("truth", "rows", "voc", "coco"),
    [
        pytest.param(
            photo_with((0, 0, 10, 10)),
            # A false box of the same score stands first: alone it halves the precision of COCO's
            # first point, together with the right one VOC's only point.
            ((50, 50, 60, 60, 0.5), (0, 0, 10, 10, 0.5)),
            0.5,
            0.5,
            id="tie, the false box first",
        ),
        pytest.param(
            photo_with((0, 0, 10, 10)),
            ((0, 0, 10, 10, 0.5), (50, 50, 60, 60, 0.5)),
            0.5,
            1.0,
            id="tie, the right box first",
        ),
        pytest.param(
            photo_with((0, 0, 10, 10), (40, 40, 90, 90), ignored=(1,)),
            # Wholly inside the ignored region, of which it covers 4 %.
            ((50, 50, 60, 60, 0.9), (0, 0, 10, 10, 0.5)),
            0.5,
            1.0,
            id="a small box inside a large ignored region",
        ),
        pytest.param(
            # Both faces overlap the first box by 10/12, and the second by 7/10 and 5/12. VOC gives
            # the first box the upper face, and the second is false; COCO gives it the lower one.
            photo_with((0, 0, 10, 10), (0, 2, 10, 12)),
            ((0, 0, 10, 12, 0.9), (0, 0, 10, 7, 0.8)),
            0.5,
            1.0,
            id="equal overlaps, first and last face",
        ),
        pytest.param(
            photo_with((0, 0, 10, 10)),
            ((50, 50, 60, 60, 0.9),),
            0.0,
            0.0,
            id="nothing right",
        ),
    ],
)
def test_where_the_rules_differ(
    truth: AnnotatedPhoto, rows: tuple[tuple[float, ...], ...], voc: float, coco: float
) -> None:
    for rule, expected in (("voc", voc), ("coco", coco)):
        report = score_photos([truth], [found(*rows)], min_height=0, rule=rule)  # type: ignore[arg-type]
        assert report.average_precision[0.5] == pytest.approx(expected)


def test_the_report_worked_by_hand() -> None:
    # Three photos, three faces that count: 30, 30 and 20 px high; one of 10 px and one region do
    # not. At IoU 0.5: 0.9 right, 0.8 false, 0.7 right, so precision 1, 1/2, 2/3 at recall 1/3,
    # 1/3, 2/3; AP = 1/3 + 1/3 * 2/3 = 5/9. At 0.4 the false one of 0.8, IoU 9/20, is right too:
    # precision 1 throughout, AP 1.
    photos = [
        photo_with((0, 0, 30, 30), (50, 50, 60, 60)),
        photo_with((0, 0, 20, 20), (40, 40, 80, 80), ignored=(1,)),
        photo_with((10, 10, 40, 40)),
    ]
    detections = [
        found((0, 0, 30, 30, 0.9), (50, 50, 60, 60, 0.85)),
        found((0, 0, 20, 9, 0.8), (40, 40, 80, 80, 0.75)),
        found((10, 10, 40, 40, 0.7)),
    ]
    values = score_photos(photos, detections, "mine", min_height=16).to_dict()
    assert values == {
        "scored": "mine",
        "rule": "voc",
        "min_height": 16,
        "max_detections": None,
        "photos": 3,
        "faces": 3,
        "ignored_faces": 2,
        "detections": 5,
        "ap": {"0.5": pytest.approx(5 / 9), "0.4": pytest.approx(1)},
        "recall": {"0.5": pytest.approx(2 / 3), "0.4": 1.0},
        "recall_at_false_per_photo": {
            "0.5": {"0.1": pytest.approx(1 / 3), "1.0": pytest.approx(2 / 3)},
            "0.4": {"0.1": 1.0, "1.0": 1.0},
        },
    }


def test_without_faces_or_photos_the_figures_are_undefined_and_json_says_null() -> None:
    for photos, detections in (([], []), ([photo_with()], [found((0, 0, 9, 9, 1))])):
        for rule in ("voc", "coco"):
            values = score_photos(photos, detections, rule=rule).to_dict()  # type: ignore[arg-type]
            assert json.loads(json.dumps(values, allow_nan=False))["ap"] == {
                "0.5": None,
                "0.4": None,
            }


def test_with_faces_and_nothing_found_the_figures_are_zero() -> None:
    for rule in ("voc", "coco"):
        report = score_photos([photo_with((0, 0, 16, 16))], [found()], rule=rule)  # type: ignore[arg-type]
        assert (report.average_precision[0.5], report.recall(0.5)) == (0, 0)


def test_detections_beyond_the_best_do_not_count() -> None:
    rows = [found((50, 50, 60, 60, 0.1), (0, 0, 10, 10, 0.9))]
    truth = [photo_with((0, 0, 10, 10), (50, 50, 60, 60))]
    for rule in ("voc", "coco"):
        report = score_photos(truth, rows, min_height=0, rule=rule, max_detections=1)  # type: ignore[arg-type]
        assert report.recall(0.5) == 0.5


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="one entry per photo"):
        coco_precision_recall([], [found()])
    with pytest.raises(ValueError, match=r"`iou_thresholds` must be .* got \[50\]"):
        score_photos([], [], iou_thresholds=[50])
    with pytest.raises(ValueError, match="got rule='pascal'"):
        score_photos([], [], rule="pascal")  # type: ignore[arg-type]
