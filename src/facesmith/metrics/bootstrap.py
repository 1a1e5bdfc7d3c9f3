"""Resampling of whole groups, such as the patches or boxes of a photo, with replacement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Interval = tuple[float, float]

_CHUNK = 4_000_000  # entries of one array while resampling: 32 MB


def resampled_counts(
    n_groups: int, n_resamples: int, *, n_rows: int, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """How often each group is drawn, `(r, n_groups)`, some resamples at a time.

    `n_rows` is the width of the caller's arrays, which decides how many.
    """
    rng = np.random.default_rng(seed)
    step = max(_CHUNK // max(n_rows, n_groups), 1)
    for start in range(0, n_resamples, step):
        n = min(step, n_resamples - start)
        drawn = rng.integers(0, n_groups, (n, n_groups)) + n_groups * np.arange(n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * n_groups).reshape(n, n_groups)


def percentile_interval(values: FloatArray, level: float) -> Interval:
    """The middle part of the values that are finite; NaN if none is."""
    known = values[np.isfinite(values)]
    tails = [50 * (1 - level), 50 * (1 + level)]
    low, high = np.percentile(known, tails) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
