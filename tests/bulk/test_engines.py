"""Processes that end, and what becomes of their tasks."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import bulk_tasks
from facesmith.bulk.dask_engine import DaskEngine
from facesmith.bulk.engines import Died, HereEngine, LocalEngine
from facesmith.errors import BulkError


def test_each_task_once(tmp_path: Path) -> None:
    found = dict(LocalEngine(2).results(bulk_tasks.squared, tmp_path, range(20)))
    assert found == {n: n * n for n in range(20)}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        str(n): "x" for n in range(20)
    }
    assert dict(HereEngine().results(bulk_tasks.squared, None, [2, 3])) == {2: 4, 3: 9}


def test_tasks_are_read_as_far_as_needed() -> None:
    read = []

    def tasks():  # type: ignore[no-untyped-def]
        for n in range(1000):
            read.append(n)
            yield n

    results = LocalEngine(2).results(bulk_tasks.squared, None, tasks())
    for _ in range(3):
        next(results)
    assert len(read) <= 3 + 2 * 2 + 2
    results.close()  # type: ignore[attr-defined]


def test_a_process_that_ends_is_replaced(tmp_path: Path) -> None:
    found = dict(LocalEngine(2).results(bulk_tasks.ends_once_at_three, tmp_path, range(8)))
    assert found == {n: n * n for n in range(8)}


def test_a_task_that_ends_processes_is_given_up() -> None:
    found = dict(LocalEngine(2).results(bulk_tasks.ends_at_three, None, range(8)))
    assert isinstance(found.pop(3), Died)
    assert found == {n: n * n for n in range(8) if n != 3}


def test_an_error_of_a_task_is_raised_here(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError, match="of three"):
        list(LocalEngine(1).results(bulk_tasks.fails_at_three, None, range(8)))
    assert "Traceback" not in capfd.readouterr().err


def test_processes_that_always_end() -> None:
    with pytest.raises(BulkError, match=r"processes in a row ended \(exit code 7\)"):
        list(LocalEngine(1).results(bulk_tasks.always_ends, None, range(100)))


def test_processes_end_with_the_run() -> None:
    engine = LocalEngine(2)
    results = engine.results(bulk_tasks.squared, None, range(100))
    next(results)
    pids = [worker.process.pid for worker in engine._workers]
    results.close()  # type: ignore[attr-defined]
    time.sleep(0.1)
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_cluster_at_the_address() -> None:
    engine = DaskEngine(1, "tcp://127.0.0.1:9", wait_seconds=1)
    with (
        pytest.raises(BulkError, match="No Dask scheduler answers at tcp://127"),
        engine,
    ):
        pass


def test_it_opens_where_an_event_loop_runs_as_in_a_notebook() -> None:
    async def in_a_cell() -> None:
        with pytest.raises(BulkError, match="No Dask scheduler answers at tcp://127") as raised:
            DaskEngine(1, "tcp://127.0.0.1:9", wait_seconds=1).__enter__()
        assert "event loop" not in str(raised.value)

    with ThreadPoolExecutor(1) as thread:  # tests of browsers leave a loop in this one
        thread.submit(lambda: asyncio.run(in_a_cell())).result()


@pytest.mark.slow
def test_dask_replaces_workers_and_gives_up_tasks(tmp_path: Path) -> None:
    with DaskEngine(2) as engine:
        found = dict(engine.results(bulk_tasks.ends_once_at_three, tmp_path, range(8)))
        assert found == {n: n * n for n in range(8)}
        found = dict(engine.results(bulk_tasks.ends_at_three, None, range(8)))
        assert isinstance(found[3], Died)
        # What waited behind it at the same worker may be given up too; the rest is done.
        done = {n: result for n, result in found.items() if not isinstance(result, Died)}
        assert done == {n: n * n for n in done}
        assert len(done) >= 4
