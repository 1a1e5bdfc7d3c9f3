"""The FDDB evaluation: pixels, matching, curves, and the official curves where they are at hand."""

from __future__ import annotations

import sys
from itertools import permutations
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest

from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb import (
    FddbDetections,
    Fold,
    evaluate_fddb,
    fit_ellipses,
)
from facesmith.evaluation.fddb.curves import pool, score_images
from facesmith.evaluation.fddb.matching import Matching
from facesmith.evaluation.fddb.polygons import OFFICIAL_PI, ellipse_spans
from facesmith.evaluation.fddb.spans import Spans, rectangle_spans, shared_pixels

SHARED = Path(__file__).parents[3] / "shared" / "fddb"
needs_official = pytest.mark.skipif(
    not (SHARED / "pyface_DiscROC.txt").exists(), reason="the official FDDB files are not at hand"
)
ONE = 1 << 16  # a pixel in fixed point


def mask(spans, index, width, height):
    """One shape as bool `(height, width)`."""
    filled = np.zeros((height, width), bool)
    for row, left, right in spans.runs(index):
        filled[row, left : right + 1] = True
    return filled


# A slow, obvious drawing of one ellipse, one pixel at a time, from the description of OpenCV's
# algorithm: polygon in fixed point, lines along its sides, rows between its two sides.


def slow_ellipse(ellipse, width, height):
    major, minor, angle, x, y = ellipse
    degrees = round(180 - (OFFICIAL_PI - angle) * 180 / OFFICIAL_PI) % 360
    a, b = int(major), int(minor)
    longest = max(a, b)
    step = 90 if longest < 3 else 30 if longest < 10 else 18 if longest < 15 else 5

    def sine(whole_degrees):
        return float(np.float32(round(sin(whole_degrees * pi / 180), 7)))

    def cosine(whole_degrees):
        return float(np.float32(round(cos(whole_degrees * pi / 180), 7)))

    corners = []
    centre = round(float(np.float32(x))) * ONE, round(float(np.float32(y))) * ONE
    for at in range(0, 361, step):
        p, q = a * ONE * cosine(at), b * ONE * sine(at)
        corner = (
            round(centre[0] + p * cosine(degrees) - q * sine(degrees)),
            round(centre[1] + p * sine(degrees) + q * cosine(degrees)),
        )
        if not corners or corners[-1] != corner:
            corners.append(corner)
    mask = np.zeros((height, width), bool)
    for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
        slow_line(mask, one, other)
    slow_inside(mask, corners)
    return mask


def slow_line(mask, one, other):
    height, width = mask.shape
    ends = slow_clip([*one, *other], width * ONE - 1, height * ONE - 1)
    if ends is None:
        return
    x1, y1, x2, y2 = ends
    flat = abs(x2 - x1) > abs(y2 - y1)
    if (x2 < x1) if flat else (y2 < y1):
        x1, y1, x2, y2 = x2, y2, x1, y1
    points = [((x2 + ONE // 2) // ONE, (y2 + ONE // 2) // ONE)]
    if flat:
        slope = towards_zero((y2 - y1) * ONE, (x2 - x1) | 1)
        points += [
            ((x1 + ONE // 2) // ONE + k, (y1 + ONE // 2 + slope * k) // ONE)
            for k in range((x2 - x1) // ONE + 1)
        ]
    else:
        slope = towards_zero((x2 - x1) * ONE, (y2 - y1) | 1)
        points += [
            ((x1 + ONE // 2 + slope * k) // ONE, (y1 + ONE // 2) // ONE + k)
            for k in range((y2 - y1) // ONE + 1)
        ]
    for x, y in points:
        if 0 <= x < width and 0 <= y < height:
            mask[y, x] = True


def slow_clip(ends, right, bottom):
    """Cut at the top or bottom, first one end, then the other, then at the left or right."""
    for axis, limit in ((1, bottom), (0, right)):
        other = 1 - axis
        if max(ends[axis], ends[axis + 2]) < 0 or min(ends[axis], ends[axis + 2]) > limit:
            return None
        for end in (0, 2):
            value = ends[axis + end]
            if 0 <= value <= limit:
                continue
            border = 0 if value < 0 else limit
            rise, run = ends[other + 2] - ends[other], ends[axis + 2] - ends[axis]
            ends[other + end] += towards_zero((border - value) * rise, run)
            ends[axis + end] = border
    return ends


def slow_inside(mask, corners):
    """Walk both ways from the highest corner, and fill between in every row but the last."""
    height, width = mask.shape
    n = len(corners)
    top = min(range(n), key=lambda i: corners[i][1])
    rows = [(y + ONE // 2) // ONE for _, y in corners]
    sides = {}
    for direction in (1, -1):
        at, row = top, rows[top]
        while row < max(rows):
            following = (at + direction) % n
            if rows[following] > row:
                fall = rows[following] - row
                start, end = corners[at][0], corners[following][0]
                slope = towards_zero((end - start) * 2 + fall, 2 * fall)
                for k in range(fall):
                    column = (start + slope * k + ONE // 2) // ONE
                    sides.setdefault(row + k, []).append(column)
                row = rows[following]
            at = following
    for row, columns in sides.items():
        if 0 <= row < height:
            mask[row, max(min(columns), 0) : max(min(max(columns), width - 1) + 1, 0)] = True


def towards_zero(a, b):
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def drawn(ellipses, sizes):
    return ellipse_spans(np.float64(ellipses), np.int64(sizes))


RANDOM_ELLIPSES = {
    "inside": lambda r: (r.uniform(0, 30), r.uniform(0, 30), r.uniform(-4, 4), 40, 40),
    "small": lambda r: (r.uniform(0, 3), r.uniform(0, 3), r.uniform(-9, 9), *r.uniform(0, 80, 2)),
    "partly outside": lambda r: (*r.uniform(3, 60, 2), r.uniform(-2, 2), *r.uniform(-9, 90, 2)),
    "flat": lambda r: (r.uniform(0, 90), r.uniform(0, 2), r.uniform(-2, 2), *r.uniform(-9, 90, 2)),
    "far outside": lambda r: (*r.uniform(0, 90, 2), r.uniform(-2, 2), *r.uniform(-150, 250, 2)),
}


@pytest.mark.parametrize("kind", RANDOM_ELLIPSES)
def test_ellipses_cover_the_pixels_of_the_slow_drawing(kind):
    rng = np.random.default_rng(5)
    ellipses = [RANDOM_ELLIPSES[kind](rng) for _ in range(60)]
    sizes = rng.integers(1, 90, (60, 2))
    spans = drawn(ellipses, sizes)
    for i, (ellipse, (width, height)) in enumerate(zip(ellipses, sizes, strict=True)):
        expected = slow_ellipse(ellipse, width, height)
        np.testing.assert_array_equal(mask(spans, i, width, height), expected, str(ellipse))
        assert spans.areas[i] == expected.sum()


def test_a_row_that_the_border_leaves_a_hole_in_has_two_runs():
    # Found by comparing many masks: in row 0, column 250 lies between the cut outline and the
    # filled part, and OpenCV leaves it out.
    ellipse = (103.35824454771982, 22.295748785834412, -3.4547649580094495, 232.2, 27.94)
    spans = drawn([ellipse], [(327, 74)])
    row = mask(spans, 0, 327, 74)[0]
    assert (row[249], row[250], row[251]) == (True, False, True)
    np.testing.assert_array_equal(mask(spans, 0, 327, 74), slow_ellipse(ellipse, 327, 74))
    whole = rectangle_spans(np.float64([[0, 0, 326, 73]]), np.int64([[327, 74]]))
    assert shared_pixels(spans, whole, np.int64([[0, 0]])) == spans.areas
    assert shared_pixels(whole, spans, np.int64([[0, 0]])) == spans.areas
    left, top, right, bottom = spans.bounds()[0]
    rows, columns = np.nonzero(mask(spans, 0, 327, 74))
    assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max(), rows.max())


def test_radii_cut_to_zero_leave_the_centre_or_a_line():
    spans = drawn([(0.99, 0.5, 1.0, 4.4, 6.5), (3.9, 0.9, 0.0, 5, 5)], [(10, 10), (10, 10)])
    # 6.5 is rounded to the even 6; a radius of 3 along x, none across.
    assert spans.runs(0) == [(6, 4, 4)]
    assert spans.runs(1) == [(5, 2, 8)]


def test_an_upright_ellipse_is_as_high_and_wide_as_its_whole_radii():
    spans = drawn([(40.9, 20.9, pi / 2, 100, 100)], [(200, 200)])
    assert spans.bounds()[0].tolist() == [80, 60, 120, 140]
    assert spans.areas[0] == pytest.approx(pi * 40.5 * 20.5, rel=0.01)


def test_the_angle_is_converted_with_the_official_tools_pi():
    # 1.527158 * 180 / pi = 87.4997, but 1.527158 * 180 / 3.14156 = 87.5006: 88 whole degrees.
    angles = (1.527158, 88 * pi / 180, 87 * pi / 180)
    spans = drawn([(60, 30, angle, 90, 90) for angle in angles], [(180, 180)] * 3)
    found, degrees_88, degrees_87 = (mask(spans, i, 180, 180) for i in range(3))
    np.testing.assert_array_equal(found, degrees_88)
    assert (found != degrees_87).any()


@pytest.mark.parametrize(
    ("box", "run", "n_rows"),
    [
        ((2, 3, 4, 1), (2, 6), 2),  # both corners belong to it: 5 columns, 2 rows
        ((2.5, 3.5, 1, 1), (2, 4), 1),  # halves to the even number: 2.5 -> 2, 3.5 -> 4, 4.5 -> 4
        ((3, 3, 0, 0), (3, 3), 1),
        ((-5, -5, 7, 6), (0, 2), 2),  # cut off at the border
        ((8, 8, 50, 50), (8, 9), 2),
    ],
)
def test_rectangles_include_both_rounded_corners(box, run, n_rows):
    spans = rectangle_spans(np.float64([box]), np.int64([[10, 10]]))
    assert [(left, right) for _, left, right in spans.runs(0)] == [run] * n_rows


@pytest.mark.parametrize("box", [(-9, 2, 5, 5), (10, 2, 5, 5), (2, -9, 5, 5), (2, 10, 5, 5)])
def test_a_rectangle_outside_has_no_pixel(box):
    spans = rectangle_spans(np.float64([box]), np.int64([[10, 10]]))
    assert spans.areas.tolist() == [0]
    assert not mask(spans, 0, 10, 10).any()


def test_shared_pixels_are_those_of_the_masks():
    rng = np.random.default_rng(1)
    n, width, height = 40, 60, 50
    sizes = np.tile([[width, height]], (n, 1))
    ellipses = drawn([RANDOM_ELLIPSES["partly outside"](rng) for _ in range(n)], sizes)
    others = drawn([RANDOM_ELLIPSES["flat"](rng) for _ in range(n)], sizes)
    boxes = rectangle_spans(rng.uniform(-20, 60, (n, 4)) * [1, 1, 0.5, 0.5] + [0, 0, 10, 10], sizes)
    pairs = np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2)

    def by_masks(a: Spans, b: Spans):
        masks = [[mask(s, i, width, height) for i in range(n)] for s in (a, b)]
        return [(masks[0][i] & masks[1][j]).sum() for i, j in pairs]

    for other in (others, boxes):
        assert shared_pixels(ellipses, other, pairs).tolist() == by_masks(ellipses, other)
    assert shared_pixels(ellipses, boxes, np.zeros((0, 2), np.int64)).tolist() == []


# Matching


def brute_force(overlaps):
    """Best (total, pairs above one half) over all one-to-one matchings of `(n, m)` overlaps."""
    n, m = overlaps.shape
    padded = np.zeros((n, m + n))  # a detection may also take no face
    padded[:, :m] = overlaps
    best = (-1.0, 0)
    for faces in permutations(range(m + n), n):
        values = [padded[i, j] for i, j in enumerate(faces)]
        best = max(best, (round(sum(values), 9), sum(v > 0.5 for v in values)))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_matching_is_the_best_after_every_detection(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 5), rng.integers(1, 4)
    overlaps = rng.choice([0, 0.2, 0.4, 0.55, 0.7, 0.9], (n, m))
    if seed % 2:
        overlaps = overlaps * rng.uniform(0.5, 1, (n, m))
    matching = Matching()
    for i in range(n):
        matching.add(i, {j: overlaps[i, j] for j in range(m) if overlaps[i, j] > 0})
        total, n_matched = brute_force(overlaps[: i + 1])
        assert matching.total == pytest.approx(total, abs=1e-8)
        assert matching.n_matched == n_matched


def test_matching_agrees_with_scipy_on_many_detections():
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(3)
    overlaps = rng.uniform(0, 1, (120, 12)) * (rng.uniform(0, 1, (120, 12)) < 0.4)
    matching = Matching()
    for i in range(len(overlaps)):
        matching.add(i, {j: v for j, v in enumerate(overlaps[i].tolist()) if v > 0})
        rows, columns = optimize.linear_sum_assignment(-overlaps[: i + 1])
        values = overlaps[rows, columns]
        assert matching.total == pytest.approx(values.sum())
        assert matching.n_matched == (values > 0.5).sum()


# Curves


def curves_of(faces, boxes, scores, size=(100, 100)):
    """One image per entry: faces `(n, 5)`, boxes `(m, 4)`, scores `(m,)`."""
    names = tuple(f"image_{i}" for i in range(len(faces)))
    fold = Fold(1, names, tuple(np.float64(f).reshape(-1, 5) for f in faces))
    detections = FddbDetections(
        "rectangle",
        {n: np.float64(b).reshape(-1, 4) for n, b in zip(names, boxes, strict=True)},
        {n: np.float64(s) for n, s in zip(names, scores, strict=True)},
    )
    sizes = np.int64([size] * len(names))
    return pool(score_images([fold], detections, sizes), [fold], detections)


FACE = (20, 15, pi / 2, 50, 50)  # 31 columns and 41 rows: [35, 65] x [30, 70]
ON_IT = (35, 30, 30, 40)


def face_pixels():
    return slow_ellipse(FACE, 100, 100).sum()


def test_two_images_by_hand():
    # Image 0: the box around the ellipse, 31 x 41 pixels, covers all of it: its overlap is the
    # ellipse's share of the box. Image 1: a false positive with a higher score.
    curves = curves_of([[FACE], [FACE]], [[ON_IT], [(0, 0, 9, 9)]], [[0.5], [0.75]])
    overlap = face_pixels() / (31 * 41)
    assert overlap > 0.5
    assert curves.thresholds.tolist() == [0.5, 0.75]
    assert curves.n_found.tolist() == [1, 0]
    assert curves.false_positives.tolist() == [1, 1]
    assert curves.continuous_tpr.tolist() == [overlap / 2, 0]


def test_an_overlap_of_exactly_one_half_finds_nothing():
    # A face of a single pixel and a box of two.
    curves = curves_of([[(0, 0, 0, 5, 5)]], [[(5, 5, 1, 0)]], [[0.9]])
    assert curves.n_found.tolist() == [0]
    assert curves.false_positives.tolist() == [1]
    assert curves.continuous_tpr.tolist() == [0.5]


def test_detections_of_equal_score_enter_together():
    boxes = [ON_IT, (0, 0, 9, 9), (80, 80, 9, 9)]
    curves = curves_of([[FACE]], [boxes], [[0.5, 0.5, 0.5]])
    assert curves.thresholds.tolist() == [0.5]
    assert (curves.n_found.tolist(), curves.false_positives.tolist()) == ([1], [2])


def test_many_boxes_on_one_face_are_false_but_one():
    boxes = [(35, 30, 30, 40 + i % 3) for i in range(300)]
    curves = curves_of([[FACE]], [boxes], [np.linspace(-5, 5, 300)])
    assert curves.n_found.tolist() == [1] * 300
    assert curves.false_positives.tolist() == list(range(299, -1, -1))


def test_boxes_that_only_touch_or_lie_outside_share_nothing():
    # The ellipse ends in column 65: a box from 66 on touches it.
    curves = curves_of([[FACE]], [[(66, 30, 10, 40), (-50, -50, 20, 20)]], [[2.0, 1.0]])
    assert curves.continuous_tpr.tolist() == [0, 0]
    assert curves.false_positives.tolist() == [2, 1]
    assert curves_of([[FACE]], [[(65, 30, 10, 40)]], [[2.0]]).continuous_tpr[0] > 0


def test_an_image_without_detections_adds_the_last_point():
    curves = curves_of([[FACE], [FACE]], [[ON_IT], []], [[0.5], []])
    assert curves.thresholds.tolist() == [0.5, sys.float_info.max]
    assert curves.n_found.tolist() == [1, 0]
    assert curves_of([[FACE]], [[]], [[]]).thresholds.tolist() == [sys.float_info.max]


@pytest.mark.parametrize("scale", [-1e300, -3.5, 1e-300, 1e300])
def test_scores_may_be_any_numbers(scale):
    scores = np.sort(np.float64([0.25, 0.5]) * scale)[::-1]
    curves = curves_of([[FACE]], [[ON_IT, (0, 0, 9, 9)]], [scores])
    assert curves.thresholds.tolist() == sorted(scores.tolist())
    assert curves.n_found.tolist() == [1, 1]


def test_the_order_of_detections_and_images_does_not_matter():
    rng = np.random.default_rng(0)
    faces = [[(*rng.uniform(8, 25, 2), 1.5, *rng.uniform(20, 80, 2)) for _ in range(4)]] * 3
    boxes = [rng.uniform(0, 60, (40, 4)) for _ in range(3)]
    scores = [rng.integers(0, 9, 40) / 8 for _ in range(3)]
    first = curves_of(faces, boxes, scores)
    order = rng.permutation(40)
    second = curves_of(
        faces[::-1], [b[order] for b in boxes[::-1]], [s[order] for s in scores[::-1]]
    )
    assert first.n_found.tolist() == second.n_found.tolist()
    np.testing.assert_allclose(first.overlaps, second.overlaps)


def test_points_take_the_best_within_so_many_false_positives(tmp_path):
    boxes = [ON_IT, (0, 0, 9, 9), (80, 80, 9, 9)]
    curves = curves_of([[FACE], [FACE]], [boxes, []], [[0.5, 0.7, 0.6], []])
    # Thresholds .5, .6, .7, highest: found 1, 0, 0, 0, false 2, 2, 1, 0.
    point = curves.at(2)
    assert (point.n_found, point.reached, point.threshold, point.beyond_end) == (1, 2, 0.5, False)
    none = curves.at(0)
    assert (none.n_found, none.reached, none.threshold) == (0, 0, None)
    assert curves.at(3).beyond_end
    curves.write(tmp_path)
    assert (tmp_path / "DiscROC.txt").read_bytes() == (
        b"0.5 2 0.5\r\n0 2 0.6\r\n0 1 0.7\r\n0 0 1.79769e+308\r\n"
    )


def test_a_fitted_ellipse_raises_the_overlap_and_keeps_its_place():
    box = (40, 40, 20, 30)
    fitted = fit_ellipses(FddbDetections("rectangle", {"a": np.float64([box])}, {"a": np.ones(1)}))
    # 1.2 times as high, 1.1 times as wide, the centre 0.08 of the height up: 40 + 15 - 2.4.
    np.testing.assert_allclose(fitted.regions["a"], [[18, 11, pi / 2, 50, 52.6]])
    assert fitted.shape == "ellipse"
    assert fit_ellipses(fitted) is fitted


@needs_official
def test_both_official_curves_are_reproduced_to_the_last_byte(tmp_path):
    result = evaluate_fddb(
        SHARED, SHARED / "pyface_detections.txt", image_sizes=SHARED / "image_sizes.csv"
    )
    result.curves.write(tmp_path)
    for name in ("DiscROC.txt", "ContROC.txt"):
        assert (tmp_path / name).read_bytes() == (SHARED / f"pyface_{name}").read_bytes()


@needs_official
def test_the_folds_alone_add_up_to_all_of_them():
    result = evaluate_fddb(
        SHARED, SHARED / "pyface_detections.txt", image_sizes=SHARED / "image_sizes.csv"
    )
    alone = evaluate_fddb(
        SHARED, SHARED / "pyface_detections.txt", image_sizes=SHARED / "image_sizes.csv", folds=[3]
    )
    assert sorted(result.by_fold) == list(range(1, 11))
    parts = result.by_fold.values()
    assert sum(c.n_found[0] for c in parts) == result.curves.n_found[0]
    assert sum(c.n_faces for c in parts) == result.curves.n_faces == 5171
    assert alone.curves.n_found.tolist() == result.by_fold[3].n_found.tolist()


@needs_official
def test_an_unknown_fold_is_named():
    with pytest.raises(AnnotationError, match="There is no fold 11; the folder has 1, 2"):
        evaluate_fddb(SHARED, SHARED / "pyface_detections.txt", folds=[11])
