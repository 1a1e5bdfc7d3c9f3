"""Filled shapes in whole pixels: each row of a shape is one interval of columns, a span.

Spans hold the same pixels as a mask of the photo's size in a hundredth of the memory, and what two
shapes share is a sum over rows. Where the border of the photo cuts an ellipse, OpenCV may leave out
a pixel between two parts of a row: such rare rows have further runs, counted one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Run = tuple[int, int, int]  # a row of the photo, first and last column

# Far beyond any photo of FDDB; up to here, products of two lengths in fixed point fit 64 bits.
MAX_PX = 16_384

_CHUNK_ROWS = 1 << 19  # rows compared at once


@dataclass(frozen=True, eq=False)
class Spans:
    """Filled shapes, row by row."""

    first_row: IntArray  # the row of the photo that a shape's first span lies in, int64 `(n,)`
    offsets: IntArray  # shape `i` has the spans `offsets[i]:offsets[i + 1]`, int64 `(n + 1,)`
    left: npt.NDArray[np.int32]  # first column of each span, int32 `(rows,)`
    right: npt.NDArray[np.int32]  # last column of each span, int32 `(rows,)`; below `left` if empty
    detached: dict[int, list[Run]] = field(default_factory=dict)  # further spans in a row

    def __len__(self) -> int:
        return len(self.first_row)

    @property
    def n_rows(self) -> IntArray:
        """Rows of each shape, int64 `(n,)`."""
        return np.diff(self.offsets)

    @property
    def areas(self) -> IntArray:
        """Pixels of each shape, int64 `(n,)`; 0 for one that lies outside its photo."""
        pixels = np.maximum(self.right - self.left + 1, 0)
        total = np.concatenate([[0], np.cumsum(pixels, dtype=np.int64)])
        areas: IntArray = total[self.offsets[1:]] - total[self.offsets[:-1]]
        for shape, runs in self.detached.items():
            areas[shape] += sum(right - left + 1 for _, left, right in runs)
        return areas

    def bounds(self) -> IntArray:
        """Columns and rows that each shape lies in, int64 `(n, 4)`: left, top, right, bottom.

        Both ends belong to it. A shape without pixels has a right end before its left one.
        """
        result = np.zeros((len(self), 4), np.int64)
        result[:, 1] = self.first_row
        result[:, 2] = -1
        result[:, 3] = self.first_row + self.n_rows - 1
        some = np.flatnonzero(self.n_rows)
        if len(some):
            starts = self.offsets[:-1][some]
            empty = self.left > self.right
            result[some, 0] = np.minimum.reduceat(np.where(empty, MAX_PX, self.left), starts)
            result[some, 2] = np.maximum.reduceat(np.where(empty, -1, self.right), starts)
        for shape, runs in self.detached.items():
            result[shape, 0] = min(result[shape, 0], *(left for _, left, _ in runs))
            result[shape, 2] = max(result[shape, 2], *(right for _, _, right in runs))
        return result

    def runs(self, index: int) -> list[Run]:
        """All spans of one shape as row, first and last column."""
        rows = range(self.offsets[index], self.offsets[index + 1])
        first = int(self.first_row[index]) - rows.start
        spans = [(first + row, int(self.left[row]), int(self.right[row])) for row in rows]
        return [span for span in spans if span[1] <= span[2]] + self.detached.get(index, [])


def rectangle_spans(boxes: FloatArray, sizes_wh: IntArray) -> Spans:
    """The pixels of rectangles: corners rounded, both of them included, cut off by the photo.

    `boxes` are `(n, 4)`, left, top, width, height, pixels; `sizes_wh`, `(n, 2)`, width and height
    of each one's photo.
    """
    low = np.maximum(whole(boxes[:, :2]), 0)
    high = np.minimum(whole(boxes[:, :2] + boxes[:, 2:4]), sizes_wh - 1)
    n_rows = np.where((high >= low).all(axis=1), high[:, 1] - low[:, 1] + 1, 0)
    left, right = (np.repeat(edge[:, 0], n_rows).astype(np.int32) for edge in (low, high))
    return Spans(low[:, 1], starts_of(n_rows), left, right)


def shared_pixels(a: Spans, b: Spans, pairs: IntArray) -> IntArray:
    """Pixels that shapes of the same photos have in common, int64 `(k,)`.

    `pairs` says which to compare, `(k, 2)`: an index into `a`, an index into `b`.
    """
    i, j = pairs[:, 0], pairs[:, 1]
    top = np.maximum(a.first_row[i], b.first_row[j])
    end = np.minimum(a.first_row[i] + a.n_rows[i], b.first_row[j] + b.n_rows[j])
    n_rows = np.maximum(end - top, 0)
    start_a = a.offsets[i] + top - a.first_row[i]
    start_b = b.offsets[j] + top - b.first_row[j]
    shared = np.zeros(len(pairs), np.int64)
    for part in _bounded(n_rows, _CHUNK_ROWS):
        counts = n_rows[part]
        owner, step = each(counts)
        rows_a, rows_b = start_a[part][owner] + step, start_b[part][owner] + step
        right = np.minimum(a.right[rows_a], b.right[rows_b])
        left = np.maximum(a.left[rows_a], b.left[rows_b])
        pixels = np.maximum(right - left + 1, 0)
        total = np.concatenate([[0], np.cumsum(pixels, dtype=np.int64)])
        ends = np.cumsum(counts)
        shared[part] = total[ends] - total[ends - counts]
    if a.detached or b.detached:
        unusual = np.isin(i, list(a.detached)) | np.isin(j, list(b.detached))
        for k in np.flatnonzero(unusual):
            shared[k] = _shared_by_runs(a.runs(int(i[k])), b.runs(int(j[k])))
    return shared


def _shared_by_runs(a: list[Run], b: list[Run]) -> int:
    """Pixels that two lists of runs have in common, for shapes with several runs in a row."""
    by_row: dict[int, list[Run]] = {}
    for run in b:
        by_row.setdefault(run[0], []).append(run)
    return sum(
        max(min(right, other[2]) - max(left, other[1]) + 1, 0)
        for row, left, right in a
        for other in by_row.get(row, [])
    )


def whole(points: FloatArray) -> IntArray:
    """The nearest whole numbers, halves to the even one, in single precision as OpenCV's points."""
    return np.rint(points.astype(np.float32)).astype(np.int64)


def starts_of(counts: IntArray) -> IntArray:
    """Where groups of so many members start, one after the other, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def each(counts: IntArray) -> tuple[IntArray, IntArray]:
    """For groups of so many: which group each member is of, and its number in it from 0."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def _bounded(counts: IntArray, n_max: int) -> Iterator[slice]:
    """Runs of groups with at most so many members together, or a single larger group."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start] - counts[start]
        stop = max(int(np.searchsorted(ends, before + n_max, side="right")), start + 1)
        yield slice(start, stop)
        start = stop
