"""Ellipses in whole pixels, as OpenCV fills them for the official FDDB tool.

Source:
    The official tool draws with OpenCV: whole radii and centre, an angle in whole degrees. OpenCV
    makes the ellipse a polygon with a corner every 5 degrees, fewer for small ones, in fixed point
    with 16 bits behind the point; it draws each side of the polygon as a line, and fills between
    the left and the right side row by row (`ellipse2Poly` and the filling of convex polygons in
    the drawing functions of its module imgproc). Here is the same arithmetic for many ellipses at
    once. The pixels are those of OpenCV 4.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.fddb.spans import (
    MAX_PX,
    FloatArray,
    IntArray,
    Spans,
    each,
    starts_of,
    whole,
)

Int32Array = npt.NDArray[np.int32]

# Pi of the official tool where the mathematics header does not define it, as on Windows, where the
# published curves were made. With the true one four annotated angles round to another degree.
OFFICIAL_PI = 3.14156
_SHIFT = 16
_ONE = 1 << _SHIFT
_HALF = _ONE >> 1
# OpenCV's sines of whole degrees have seven decimals.
_SINES = np.round(np.sin(np.deg2rad(np.arange(451))), 7).astype(np.float32).astype(np.float64)
# Longer radius below which an ellipse has a corner every so many degrees, and 5 from there on.
_COARSE = ((3, 90), (10, 30), (15, 18))
_FINEST = 5
_CHUNK = 128  # ellipses drawn at once: the arrays in between fit the processor's cache


def ellipse_spans(ellipses: FloatArray, sizes_wh: IntArray) -> Spans:
    """The pixels of ellipses, cut off by the photo.

    `ellipses` are `(n, 5)`, `(major, minor, angle, x, y)`: two half axes in pixels, the angle
    between the first and the x axis in radians, the centre in pixels; the half axes are cut to
    whole pixels, the centre and the angle in degrees rounded. `sizes_wh`, `(n, 2)`, is width and
    height of each one's photo.
    """
    radii = ellipses[:, :2].astype(np.int64)
    # Twice around 180 degrees, as the tool does it: the rounding errors are the same then.
    turned = 180 - (OFFICIAL_PI - ellipses[:, 2]) * 180 / OFFICIAL_PI
    degrees = np.rint(turned).astype(np.int64) % 360
    centres = whole(ellipses[:, 3:5])
    parts: list[tuple[IntArray, Spans]] = []
    longest = radii.max(axis=1, initial=0)
    steps = np.full(len(ellipses), _FINEST)
    for limit, step in reversed(_COARSE):
        steps[longest < limit] = step
    for step in np.unique(steps):
        members = np.flatnonzero(steps == step)
        for chosen in np.split(members, range(_CHUNK, len(members), _CHUNK)):
            x, y = _corners(radii[chosen], degrees[chosen], centres[chosen], int(step))
            parts.append((chosen, _fill_polygons(x, y, sizes_wh[chosen])))
    return _in_order(parts, len(ellipses))


def _corners(
    radii: IntArray, degrees: IntArray, centres: IntArray, step: int
) -> tuple[IntArray, IntArray]:
    """Corners of the polygons in fixed point, `(n, k)` each; the last is the first again."""
    around = np.minimum(np.arange(0, 360 + step, step), 360)
    scaled = (radii << _SHIFT).astype(np.float64)
    centre = (centres << _SHIFT).astype(np.float64)
    along = scaled[:, :1] * _SINES[450 - around]
    across = scaled[:, 1:] * _SINES[around]
    cosine, sine = _SINES[450 - degrees][:, None], _SINES[degrees][:, None]
    x = centre[:, :1] + along * cosine - across * sine
    y = centre[:, 1:] + along * sine + across * cosine
    return np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)


def _fill_polygons(x: IntArray, y: IntArray, sizes_wh: IntArray) -> Spans:
    """Outline and inside of convex polygons `(n, k)` in fixed point."""
    width, height = sizes_wh[:, 0], sizes_wh[:, 1]
    rows = (y + _HALF) >> _SHIFT
    first = np.maximum(rows.min(axis=1), 0)
    last = np.minimum(rows.max(axis=1), height - 1)
    n_rows = np.maximum(last - first + 1, 0)
    offsets = starts_of(n_rows)
    filled = _inside(x, rows, first, last, offsets, np.repeat(width, n_rows))
    left, right = filled[0].copy(), filled[1].copy()
    corners_seen = (x >= 0) & ((x >> _SHIFT) < width[:, None]) & (y >= 0) & (rows < height[:, None])
    cut: npt.NDArray[np.bool_] = np.any(~corners_seen, axis=1)
    cut_at: list[IntArray] = []
    cut_columns: list[Int32Array] = []
    for line, columns, line_rows in _outline(x, y, width, height):
        seen = (columns >= 0) & (columns < width[line])
        seen &= (line_rows >= 0) & (line_rows < height[line])
        owner, column, row = line[seen], columns[seen].astype(np.int32), line_rows[seen]
        at = offsets[owner] + row - first[owner]
        np.minimum.at(left, at, column)
        np.maximum.at(right, at, column)
        cut_at.append(at[cut[owner]])
        cut_columns.append(column[cut[owner]])
    spans = Spans(first, offsets, left, right)
    _detach(spans, *filled, np.concatenate(cut_at), np.concatenate(cut_columns))
    return spans


def _detach(
    spans: Spans,
    filled_left: Int32Array,
    filled_right: Int32Array,
    at: IntArray,
    columns: Int32Array,
) -> None:
    """Make several runs of the rows with a hole between what is filled and the pixels of lines.

    Only lines that the border has cut leave holes, so that the pixels `at` these rows, in these
    `columns`, are those of shapes that reach beyond the photo.
    """
    beside = (columns < filled_left[at]) | (columns > filled_right[at])
    keys = np.unique(at[beside] * MAX_PX + columns[beside])
    rows, columns = keys // MAX_PX, (keys % MAX_PX).astype(np.int32)
    found = np.bincount(rows, minlength=len(spans.left))
    n_filled = np.maximum(filled_right - filled_left + 1, 0)
    holes = (found > 0) & (found + n_filled < spans.right - spans.left + 1)
    for row in np.flatnonzero(holes):
        filled = np.arange(filled_left[row], filled_right[row] + 1)
        pixels = np.union1d(columns[rows == row], filled)
        parts = np.split(pixels, np.flatnonzero(np.diff(pixels) > 1) + 1)
        runs = sorted(((int(part[0]), int(part[-1])) for part in parts), key=lambda r: r[0] - r[1])
        spans.left[row], spans.right[row] = runs[0]  # the longest
        shape = int(np.searchsorted(spans.offsets, row, side="right")) - 1
        y = int(spans.first_row[shape] + row - spans.offsets[shape])
        spans.detached.setdefault(shape, []).extend((y, *run) for run in runs[1:])


def _inside(
    x: IntArray, rows: IntArray, first: IntArray, last: IntArray, offsets: IntArray, width: IntArray
) -> tuple[Int32Array, Int32Array]:
    """First and last column between the two sides of each polygon, for every row.

    A side belongs to the rows from its upper end's to the one before its lower end's, and starts
    at its upper end with a whole step a row, so that no row has a part of a step.
    """
    down = rows[:, 1:] - rows[:, :-1]
    owner, side = np.nonzero(down)
    fall = down[owner, side]
    upper = np.where(fall > 0, side, side + 1)
    lower = np.where(fall > 0, side + 1, side)
    start, top, n_rows = x[owner, upper], rows[owner, upper], np.abs(fall)
    slope = _quotient((x[owner, lower] - start) * 2 + n_rows, 2 * n_rows)
    begin = np.maximum(top, first[owner])
    counts = np.maximum(np.minimum(top + n_rows - 1, last[owner]) - begin + 1, 0)
    which, step = each(counts)
    row = begin[which] + step
    column = (start[which] + slope[which] * (row - top[which]) + _HALF) >> _SHIFT
    at = offsets[owner[which]] + row - first[owner[which]]
    low = np.full(offsets[-1], MAX_PX, np.int64)
    high = np.full(offsets[-1], -1, np.int64)
    np.minimum.at(low, at, column)
    np.maximum.at(high, at, column)
    seen = (high >= 0) & (low < width)
    low = np.where(seen, np.maximum(low, 0), MAX_PX)
    high = np.where(seen, np.minimum(high, width - 1), -1)
    return low.astype(np.int32), high.astype(np.int32)


def _outline(
    x: IntArray, y: IntArray, width: IntArray, height: IntArray
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Polygon, column and row of the pixels on the sides of polygons; some lie off the photo."""
    n, k = x.shape
    owner = np.repeat(np.arange(n), k - 1)
    x1, y1, x2, y2 = x[:, :-1].ravel(), y[:, :-1].ravel(), x[:, 1:].ravel(), y[:, 1:].ravel()
    x1, y1, x2, y2, kept = _clip(x1, y1, x2, y2, width[owner], height[owner])
    x1, y1, x2, y2, owner = x1[kept], y1[kept], x2[kept], y2[kept], owner[kept]
    flat = np.abs(x2 - x1) > np.abs(y2 - y1)
    for chosen, along1, across1, along2, across2 in (
        (flat, x1, y1, x2, y2), (~flat, y1, x1, y2, x2),
    ):  # fmt: skip
        # Along the longer of the two directions, from the smaller end to the larger.
        a1, c1, a2, c2 = along1[chosen], across1[chosen], along2[chosen], across2[chosen]
        turned = a1 > a2
        a1, a2 = np.where(turned, a2, a1), np.where(turned, a1, a2)
        c1, c2 = np.where(turned, c2, c1), np.where(turned, c1, c2)
        slope = _quotient((c2 - c1) << _SHIFT, (a2 - a1) | 1)
        which, step = each(((a2 - a1) >> _SHIFT) + 1)
        along = ((a1 + _HALF) >> _SHIFT)[which] + step
        across = ((c1 + _HALF)[which] + slope[which] * step) >> _SHIFT
        owners = owner[chosen]
        end_along, end_across = (a2 + _HALF) >> _SHIFT, (c2 + _HALF) >> _SHIFT
        for line, p, q in ((owners[which], along, across), (owners, end_along, end_across)):
            yield (line, p, q) if chosen is flat else (line, q, p)


def _clip(
    x1: IntArray, y1: IntArray, x2: IntArray, y2: IntArray, width: IntArray, height: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray, npt.NDArray[np.bool_]]:
    """The parts of lines that lie in the photo, and which lines have one; in fixed point."""
    x_end, y_end = (width << _SHIFT) - 1, (height << _SHIFT) - 1

    def beyond(v: IntArray, end: IntArray) -> IntArray:
        return np.where(v < 0, -1, np.where(v > end, 1, 0))

    sides = [beyond(x1, x_end), beyond(y1, y_end), beyond(x2, x_end), beyond(y2, y_end)]
    # Both ends beyond the same side of the photo: nothing to see.
    kept = (sides[0] * sides[2] <= 0) & (sides[1] * sides[3] <= 0)
    cut = np.flatnonzero(kept & np.any(np.array(sides) != 0, axis=0))
    if not len(cut):
        return x1, y1, x2, y2, kept
    x1, y1, x2, y2 = x1.copy(), y1.copy(), x2.copy(), y2.copy()
    a, b, c, d, x_end, y_end = x1[cut], y1[cut], x2[cut], y2[cut], x_end[cut], y_end[cut]
    # Above and below first; each end is cut with what the cuts before have left.
    b_cut, d_cut = np.clip(b, 0, y_end), np.clip(d, 0, y_end)
    a = a + np.where(b_cut != b, _quotient((b_cut - b) * (c - a), d - b), 0)
    b = b_cut
    c = c + np.where(d_cut != d, _quotient((d_cut - d) * (c - a), d - b), 0)
    d = d_cut
    seen = beyond(a, x_end) * beyond(c, x_end) <= 0
    a_cut, c_cut = np.clip(a, 0, x_end), np.clip(c, 0, x_end)
    b = b + np.where(seen & (a_cut != a), _quotient((a_cut - a) * (d - b), c - a), 0)
    a = a_cut
    d = d + np.where(seen & (c_cut != c), _quotient((c_cut - c) * (d - b), c - a), 0)
    c = c_cut
    x1[cut], y1[cut], x2[cut], y2[cut] = a, b, c, d
    kept[cut] = seen
    return x1, y1, x2, y2, kept


def _quotient(a: IntArray, b: IntArray) -> IntArray:
    """Whole-number division that cuts towards 0, as C's; NumPy's goes down. By 0 as by 1."""
    quotient = np.abs(a) // np.maximum(np.abs(b), 1)
    return np.where((a < 0) ^ (b < 0), -quotient, quotient)


def _in_order(parts: list[tuple[IntArray, Spans]], n: int) -> Spans:
    """The spans of all parts, by the numbers that their shapes have."""
    first_row, n_rows = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for chosen, spans in parts:
        first_row[chosen], n_rows[chosen] = spans.first_row, spans.n_rows
    offsets = starts_of(n_rows)
    left, right = np.zeros(offsets[-1], np.int32), np.zeros(offsets[-1], np.int32)
    for chosen, spans in parts:
        owner, step = each(spans.n_rows)
        at = offsets[chosen[owner]] + step
        left[at], right[at] = spans.left, spans.right
    all_runs = ((chosen[i], runs) for chosen, spans in parts for i, runs in spans.detached.items())
    detached = {int(shape): runs for shape, runs in all_runs}
    return Spans(first_row, offsets, left, right, detached)
