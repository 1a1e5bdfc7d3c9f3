"""Bulk jobs on small photos, and what they leave."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from facesmith.bulk import BulkJob

N_PHOTOS = 23


def job(photos: Path, out: Path, model: Path, **settings: object) -> BulkJob:
    """A job in shards of five photos."""
    values = {"inputs": (str(photos),), "base": "/", "shard_size": 5, "model": str(model)}
    return BulkJob(**{**values, "out": str(out), **settings}).with_weights()  # type: ignore[arg-type]


def rows(out: Path) -> pd.DataFrame:
    """All rows of a result."""
    return pq.read_table(sorted(out.glob("part-*.parquet"))).to_pandas()


def waits_for_parts(out: Path, n_parts: int, process: subprocess.Popen[Any]) -> None:
    """Until so many shards are there, or the process has ended."""
    limit = time.monotonic() + 120
    while len(list(out.glob("part-*.parquet"))) < n_parts and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.02)
