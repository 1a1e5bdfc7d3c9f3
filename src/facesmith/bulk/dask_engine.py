"""Work on a Dask cluster: one made on this machine, or one that runs somewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from facesmith.bulk.engines import HELD, MAX_DEATHS, Died, Function
from facesmith.errors import BulkError, FacesmithError

_CONNECT_SECONDS = 15
_LOCAL_SECONDS = 180
_STARTS = 5
_WAIT_SECONDS = 60  # for the first worker of a cluster that runs somewhere
# As Dask has it, but without MALLOC_TRIM_THRESHOLD_: with it every photo's memory is given back to
# the system and fetched anew, which costs nearly half as much time again.
_WORKERS_ENVIRONMENT = {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1}


class DaskEngine:
    """A connection to a Dask cluster; ends what it has started when the context ends.

    Args:
        workers: Processes of the cluster that is made on this machine.
        scheduler: Address of a cluster that runs, such as `tcp://10.0.0.1:8786`; empty: one is
            made on this machine.
        wait_seconds: How long to wait for the first worker of a cluster that runs.
    """

    def __init__(
        self, workers: int, scheduler: str = "", wait_seconds: float = _WAIT_SECONDS
    ) -> None:
        self._n_workers, self._address = workers, scheduler
        self._wait_seconds = wait_seconds
        self._stack = ExitStack()
        self.client: Any = None

    def describe(self) -> str:
        """See `Engine`."""
        return f"Dask at {self._address}" if self._address else f"Dask, {self._n_workers} processes"

    def __enter__(self) -> Self:
        import dask  # noqa: PLC0415 - an extra
        from distributed import Client  # noqa: PLC0415

        # Of workers that end, this command tells itself.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._stack.__enter__()
        try:
            cluster: Any = self._address
            if not cluster:
                settings = {
                    "distributed.scheduler.allowed-failures": MAX_DEATHS - 1,
                    "distributed.admin.low-level-log-length": 200,  # each task leaves some entries
                    "distributed.nanny.pre-spawn-environ": _WORKERS_ENVIRONMENT,
                    # On a busy machine a worker takes longer than Dask's 30 seconds to come up.
                    "distributed.comm.timeouts.connect": f"{_LOCAL_SECONDS} s",
                    "distributed.comm.timeouts.tcp": f"{_LOCAL_SECONDS} s",
                }
                self._stack.enter_context(dask.config.set(settings))
                cluster = self._stack.enter_context(self._local_cluster())
            self.client = self._stack.enter_context(
                Client(cluster, timeout=min(_CONNECT_SECONDS, self._wait_seconds))
            )
            self.client.wait_for_workers(1, timeout=self._wait_seconds)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            self._stack.close()
            raise BulkError(
                f"No Dask cluster with a worker answers at {self._address or 'this machine'}: "
                f"{error or type(error).__name__}. Start `dask scheduler` and `dask worker`, and "
                "check the address."
            ) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def _local_cluster(self) -> Any:
        """A cluster on this machine; one whose worker is killed while it starts is tried again."""
        from distributed import LocalCluster  # noqa: PLC0415 - an extra

        for attempt in range(_STARTS):
            try:
                return LocalCluster(
                    n_workers=self._n_workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                )
            except RuntimeError:
                if attempt == _STARTS - 1:
                    raise
        raise AssertionError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def results(
        self, function: Function, job: object, tasks: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """See `Engine`.

        Raises:
            BulkError: If the scheduler goes away.
        """
        from distributed import as_completed  # noqa: PLC0415 - an extra

        fresh = iter(tasks)
        held: dict[str, Any] = {}
        done: Any = as_completed()
        while True:
            # As many as the workers that are there now have room for: the scheduler's memory does
            # not depend on the number of tasks.
            room = max(sum(self.client.nthreads().values()), 1) * HELD - len(held)
            for _ in range(room):
                task = next(fresh, None)
                if task is None:
                    break
                future = self.client.submit(function, job, task, pure=False)
                held[future.key] = task
                done.add(future)
            if not held:
                return
            future = next(done)
            yield held.pop(future.key), self._result(future)
            del future  # else the scheduler keeps it

    def _result(self, future: Any) -> Any:
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        try:
            if future.status == "cancelled":
                raise BulkError(
                    f"The scheduler {self._address or 'on this machine'} went away. What is done "
                    "stays; the same command goes on."
                )
            return future.result()
        except KilledWorker:
            return Died("its Dask workers ended")
        except FacesmithError:
            raise
        except (OSError, TimeoutError) as error:
            raise BulkError(
                f"The connection to the cluster was lost: {error}. What is done stays; the same "
                "command goes on."
            ) from error
