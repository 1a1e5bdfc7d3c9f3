"""What a server counts, in the text format of Prometheus; processes count together.

The counts of all processes lie in memory that they share, a row for each: a client library would
write a file for each process, and this server writes none.

Source:
    Prometheus exposition formats, text format 0.0.4.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from os import getpid
from typing import Any

import numpy as np

from facesmith._version import __version__

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUTES = (
    "/", "/v1/detect", "/v1/crops", "/v1/aligned", "/v1/anonymise", "/v1/model", "/health",
    "/metrics", "/setup", "/predict", "/openapi.json", "other",
)  # fmt: skip
STATUSES = (200, 304, 400, 403, 404, 405, 408, 413, 415, 422, 499, 500, 502, 503)
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_N_REQUESTS = len(ROUTES) * len(STATUSES)
_N_TIMES = len(ROUTES) * (len(SECONDS) + 2)  # buckets, all, the sum
_TOTALS = {
    "photos": "Photos looked at.",
    "failed_photos": "Photos that could not be read.",
    "faces": "Faces found.",
    "received_bytes": "Bytes of photos.",
}
_GAUGES = {
    "requests_in_progress": "Requests that are read, wait or are worked at.",
    "held_bytes": "Bytes that they hold.",
}
_N_VALUES = _N_REQUESTS + _N_TIMES + len(_TOTALS) + len(_GAUGES)


@dataclass(frozen=True)
class SharedCounts:
    """Memory that the processes of a server share; made in the one that starts them.

    Attributes:
        values: A row of numbers for each process.
        owners: Process id of each row; 0: nobody's yet.
        lock: Held while a process takes a row.
        n_rows: How many processes there are at most.
    """

    values: Any
    owners: Any
    lock: Any
    n_rows: int

    @classmethod
    def for_processes(cls, n_rows: int) -> SharedCounts:
        """Room for so many processes, all zero."""
        context = get_context("spawn")
        return cls(
            context.RawArray("d", n_rows * _N_VALUES),
            context.RawArray("q", n_rows),
            context.Lock(),
            n_rows,
        )

    def take_row(self) -> int:
        """A row for this process: an unused one, or that of a process that has ended."""
        with self.lock:
            owners: list[int] = list(self.owners)
            row = next((i for i, pid in enumerate(owners) if not pid or not _is_alive(pid)), 0)
            self.owners[row] = getpid()
        return row


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Metrics:
    """The counts of one process, and the text about all.

    Args:
        shared: The memory; `None`: this process is alone.
    """

    def __init__(self, shared: SharedCounts | None = None) -> None:
        if shared is None:
            self._rows, row = np.zeros((1, _N_VALUES)), 0
        else:
            self._rows = np.frombuffer(shared.values).reshape(shared.n_rows, _N_VALUES)
            row = shared.take_row()
        ends = np.cumsum([_N_REQUESTS, _N_TIMES, len(_TOTALS)])
        requests, times, self._totals, self._gauges = np.split(self._rows[row], ends)
        self._requests = requests.reshape(len(ROUTES), len(STATUSES))
        self._times = times.reshape(len(ROUTES), len(SECONDS) + 2)
        self._gauges[:] = 0  # of a process that has ended

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count one answer."""
        route = ROUTES.index(path) if path in ROUTES else len(ROUTES) - 1
        near = min(range(len(STATUSES)), key=lambda i: abs(STATUSES[i] - status))
        self._requests[route, near] += 1
        times = self._times[route]
        for i, edge in enumerate(SECONDS):
            times[i] += seconds <= edge
        times[-2] += 1
        times[-1] += seconds

    def looked_at(self, n_faces: int | None) -> None:
        """Count one photo with its faces; `None`: it could not be read."""
        self._totals[0] += 1
        self._totals[1] += n_faces is None
        self._totals[2] += n_faces or 0

    def received(self, n_bytes: int) -> None:
        """Count bytes of photos."""
        self._totals[3] += n_bytes

    def waiting(self, n_requests: int, n_bytes: int) -> None:
        """Say what waits now."""
        self._gauges[:] = n_requests, n_bytes

    def text(self) -> str:
        """All counts of all processes."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        ends = np.cumsum([_N_REQUESTS, _N_TIMES, len(_TOTALS)])
        requests, times, totals, gauges = np.split(self._rows.sum(axis=0), ends)
        yield from _head("facesmith_info", "gauge", "The version that runs.")
        yield f'facesmith_info{{version="{__version__}"}} 1'
        yield from _head("facesmith_requests_total", "counter", "Answers by path and status.")
        for (route, status), value in np.ndenumerate(requests.reshape(len(ROUTES), len(STATUSES))):
            if value:
                labels = f'path="{ROUTES[route]}",status="{STATUSES[status]}"'
                yield f"facesmith_requests_total{{{labels}}} {value:.0f}"
        name = "facesmith_request_seconds"
        yield from _head(name, "histogram", "From the head of a request to its answer.")
        for path, row in zip(ROUTES, times.reshape(len(ROUTES), -1), strict=True):
            if not row[-2]:
                continue
            for edge, value in zip((*SECONDS, "+Inf"), row, strict=False):
                yield f'{name}_bucket{{path="{path}",le="{edge}"}} {value:.0f}'
            yield f'{name}_sum{{path="{path}"}} {row[-1]:.6f}'
            yield f'{name}_count{{path="{path}"}} {row[-2]:.0f}'
        for (name, line), value in zip(_TOTALS.items(), totals, strict=True):
            yield from _head(f"facesmith_{name}_total", "counter", line)
            yield f"facesmith_{name}_total {value:.0f}"
        for (name, line), value in zip(_GAUGES.items(), gauges, strict=True):
            yield from _head(f"facesmith_{name}", "gauge", line)
            yield f"facesmith_{name} {value:.0f}"


def _head(name: str, kind: str, line: str) -> Iterator[str]:
    yield f"# HELP {name} {line}"
    yield f"# TYPE {name} {kind}"
