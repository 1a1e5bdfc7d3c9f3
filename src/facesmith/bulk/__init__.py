"""Faces in millions of photos: shards of a listing, one Parquet file each, on many processes.

Nothing of Dask, fsspec or the file systems of clouds is imported before it is needed.
"""

from facesmith.bulk.engines import Engine, HereEngine, LocalEngine
from facesmith.bulk.estimate import Estimate, estimate_bulk
from facesmith.bulk.job import SHARD_SIZE, BulkJob
from facesmith.bulk.run import BulkResult, run_bulk
from facesmith.bulk.tables import SCHEMA, Counts

__all__ = [
    "SCHEMA",
    "SHARD_SIZE",
    "BulkJob",
    "BulkResult",
    "Counts",
    "Engine",
    "Estimate",
    "HereEngine",
    "LocalEngine",
    "estimate_bulk",
    "run_bulk",
]
