"""Average precision against answers worked by hand and against pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall


def truth(*boxes: tuple[float, ...], ignored: tuple[int, ...] = ()) -> AnnotatedFaces:
    flags = np.zeros(len(boxes), bool)
    flags[list(ignored)] = True
    return AnnotatedFaces(np.float32(boxes).reshape(-1, 4), flags)


def found(*rows: tuple[float, ...]) -> Faces:
    table = np.float32(rows).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


def test_worked_by_hand():
    # Two faces; scores 0.9 right, 0.8 wrong, 0.7 right: precision 1, 1/2, 2/3 at recall 1/2,
    # 1/2, 1. The envelope is 1, 2/3, 2/3, so the area is 1/2 * 1 + 1/2 * 2/3 = 5/6.
    truths = [truth((0, 0, 10, 10), (20, 20, 30, 30))]
    faces = [found((0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.8), (20, 20, 30, 30, 0.7))]
    curve = precision_recall(truths, faces)
    assert curve.average_precision == pytest.approx(5 / 6)
    assert curve.precision == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recall == pytest.approx([1 / 2, 1 / 2, 1])
    assert curve.recall_at(0.5) == pytest.approx(1 / 2)
    assert curve.recall_at(1.0) == pytest.approx(1)
    assert curve.at_score(0.75) == {"precision": 0.5, "recall": 0.5, "false_per_photo": 1.0}


def test_above_all_scores_nothing_is_found():
    curve = precision_recall([truth((0, 0, 9, 9))], [found((0, 0, 9, 9, 0.5))])
    above = curve.at_score(0.6)
    assert np.isnan(above["precision"])
    assert (above["recall"], above["false_per_photo"]) == (0, 0)


@pytest.mark.parametrize(
    ("truths", "faces", "expected"),
    [
        pytest.param([truth((0, 0, 9, 9))], [found()], 0.0, id="nothing found"),
        pytest.param([truth()], [found((0, 0, 9, 9, 0.5))], np.nan, id="no face there"),
        pytest.param(
            [truth((0, 0, 9, 9))],
            [found((0, 0, 9, 9, 0.9), (0, 0, 9, 9, 0.8))],
            1.0,
            id="a second box on a matched face is false, after full recall",
        ),
        pytest.param(
            [truth((0, 0, 9, 9))],
            [found((0, 0, 9, 9, 0.8), (0, 0, 9, 9.5, 0.9))],
            1.0,
            id="the better score takes the face, the other is false",
        ),
        pytest.param(
            [truth((0, 0, 9, 9), (20, 0, 29, 9), ignored=(1,))],
            [found((20, 0, 29, 9, 0.9), (0, 0, 9, 9, 0.8))],
            1.0,
            id="a box on an ignored face is neither right nor wrong",
        ),
        pytest.param(
            # The first box overlaps the faces by 7/13 and 9/11; the second one only the former.
            [truth((0, 0, 10, 10), (0, 4, 10, 14))],
            [found((0, 3, 10, 13, 0.9), (0, 0, 10, 9, 0.8))],
            1.0,
            id="of two faces the better overlap is taken, not the first",
        ),
        pytest.param(
            [truth((0, 0, 10, 10), (0, 0, 10, 9), ignored=(0,))],
            [found((0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8))],
            1.0,
            id="a face that counts comes before an ignored one that overlaps more",
        ),
        pytest.param(
            [truth((0, 0, 9, 9)), truth((0, 0, 9, 9))],
            [found((0, 0, 9, 9, 0.5)), found((40, 0, 49, 9, 0.5))],
            0.25,  # equal scores enter together: precision 1/2 at recall 1/2
            id="ties enter together",
        ),
    ],
)
def test_cases(truths, faces, expected):
    result = precision_recall(truths, faces).average_precision
    assert result == pytest.approx(expected, nan_ok=True)


def test_low_faces_are_ignored():
    truths = [truth((0, 0, 9, 9), (20, 0, 50, 30))]
    faces = [found((0, 0, 9, 9, 0.9), (20, 0, 50, 30, 0.8))]
    curve = precision_recall(truths, faces, min_height=16)
    assert (curve.n_faces, curve.average_precision) == (1, 1.0)
    assert curve.false_per_photo.tolist() == [0.0]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one entry per photo; got 0 for 1"):
        precision_recall([truth()], [])


def test_agrees_with_pycocotools():
    """COCO samples the curve at 101 recalls; over many faces both areas are close."""
    rng = np.random.default_rng(5)
    truths, faces, images, annotations, results = [], [], [], [], []
    for i in range(60):
        low = rng.uniform(0, 80, (12, 2))
        boxes = np.float32(np.concatenate([low, low + rng.uniform(10, 20, (12, 2))], axis=1))
        moved = np.float32(boxes + rng.normal(0, 1.6, boxes.shape))
        scores = np.float32(rng.uniform(0.01, 1, 12))
        truths.append(AnnotatedFaces(boxes, np.zeros(12, bool)))
        faces.append(Faces(moved, scores))
        images.append({"id": i + 1, "width": 100, "height": 100})
        for box in boxes:
            x, y, width, height = (*box[:2].tolist(), *(box[2:] - box[:2]).tolist())
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": 1,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
        for box, score in zip(moved, scores, strict=True):
            sides = (box[2:] - box[:2]).tolist()
            results.append(
                {
                    "image_id": i + 1,
                    "category_id": 1,
                    "bbox": [*box[:2].tolist(), *sides],
                    "score": float(score),
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "face"}],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
        evaluation.accumulate()
    theirs = evaluation.eval["precision"][0, :, 0, 0, -1].mean()
    assert precision_recall(truths, faces).average_precision == pytest.approx(theirs, abs=0.01)
