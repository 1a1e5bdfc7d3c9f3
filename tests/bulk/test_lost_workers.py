"""A cluster of real processes whose workers are lost. Every wait has an end."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bulk_tasks
from bulk_runs import N_PHOTOS, job, rows
from facesmith.bulk import HereEngine, run_bulk
from facesmith.bulk.dask_engine import DaskEngine
from facesmith.errors import UnfinishedError

pytestmark = pytest.mark.slow
SECONDS = 90  # for anything that takes a few


class Cluster:
    """A scheduler and as many workers as are started, each a process of this machine."""

    def __init__(self, folder: Path) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", file)
        waits_until(file.exists)
        self.address = json.loads(file.read_text())["address"]

    def kill_scheduler(self) -> None:
        self._processes[0].kill()
        self._processes[0].wait(SECONDS)

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny")

    def _start(self, *words: object) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, words), "--no-dashboard"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(SECONDS)


def waits_until(there: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < limit
        time.sleep(0.05)


def in_time(function: Callable[[], Any]) -> Any:
    """What the function returns or raises; fails where it takes too long."""
    outcome: list[Any] = []

    def call() -> None:
        try:
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again below
            outcome.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert outcome, f"still at it after {SECONDS} s"
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.end()


def test_a_run_without_workers_ends(cluster: Cluster) -> None:
    """Also where the lost worker had results that it had told of and nobody had fetched."""
    worker = cluster.start_worker()

    def run() -> None:
        with DaskEngine(1, cluster.address, no_worker_seconds=2) as engine:
            for task, _ in engine.results(bulk_tasks.squared, None, range(100)):
                if task == 3:
                    time.sleep(1)  # those that are under way end
                    worker.kill()
                    worker.wait(SECONDS)

    with pytest.raises(
        UnfinishedError, match=r"has had no worker for 2 s\. Start workers.*What is done stays"
    ):
        in_time(run)


def test_a_run_whose_scheduler_ends(cluster: Cluster) -> None:
    """Dask itself tells nothing of it, with a traceback as its way is."""
    cluster.start_worker()

    def run() -> None:
        with DaskEngine(1, cluster.address) as engine:
            for task, _ in engine.results(bulk_tasks.squared, None, range(10_000)):
                if task == 3:
                    cluster.kill_scheduler()

    with pytest.raises(UnfinishedError, match=r"scheduler at tcp://127.*What is done stays\."):
        in_time(run)
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    own = [each for each in loggers if each.name.startswith("distributed")]
    assert {each.getEffectiveLevel() for each in own} == {logging.CRITICAL}


@pytest.mark.parametrize("n_new", [1, 2])
def test_other_workers_go_on(
    n_new: int, cluster: Cluster, photos: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    several = (str(photos),) * 8
    workers = [cluster.start_worker(), cluster.start_worker()]
    there: list[int] = []

    def exchange() -> None:
        waits_until(lambda: len(list(out.glob("part-*.parquet"))) >= 3)
        for worker in workers:
            worker.kill()
            worker.wait(SECONDS)
        there.append(len(list(out.glob("part-*.parquet"))))
        time.sleep(1)
        for _ in range(n_new):
            cluster.start_worker()

    def run() -> Any:
        with DaskEngine(1, cluster.address) as engine:
            return run_bulk(job(photos, out, model, inputs=several, shard_size=1), engine)

    threading.Thread(target=exchange, daemon=True).start()
    assert in_time(run).counts.photos == 8 * N_PHOTOS
    assert there[0] < 8 * N_PHOTOS  # else nothing was left to do
    run_bulk(job(photos, tmp_path / "whole", model, inputs=several), HereEngine())
    pd.testing.assert_frame_equal(rows(out), rows(tmp_path / "whole"))
