"""Work on a Dask cluster: one made on this machine, or one that runs somewhere."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import metadata
from types import TracebackType
from typing import Any, Self

from facesmith._version import __version__
from facesmith.bulk.engines import HELD, MAX_DEATHS, Died, Function
from facesmith.errors import BulkError, FacesmithError, UnfinishedError
from facesmith.progress import duration

_CONNECT_SECONDS = 15
_LOCAL_SECONDS = 180
_STARTS = 5
_WAIT_SECONDS = 60  # for the first worker of a cluster that runs somewhere
_NO_WORKER_SECONDS = 300  # without any worker, before a run is given up
_SILENT_SECONDS = 60  # in which a scheduler must say what workers there are
_POLL_SECONDS = 0.02
_LOOK_SECONDS = 5  # without a result, before the scheduler is asked
_NEEDED = ("facesmith", "pyarrow")  # on all machines of a cluster
_DONE = "What is done stays."
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
        no_worker_seconds: How long to wait for another one where all workers are lost.
    """

    def __init__(
        self,
        workers: int,
        scheduler: str = "",
        wait_seconds: float = _WAIT_SECONDS,
        no_worker_seconds: float = _NO_WORKER_SECONDS,
    ) -> None:
        self._n_workers, self._address = workers, scheduler
        self._wait_seconds, self._no_worker_seconds = wait_seconds, no_worker_seconds
        self._stack = ExitStack()
        self._other_dask = ""  # of the scheduler, if its version is not that of this machine
        self._with_worker = 0.0  # when a worker was seen last, by the monotonic clock
        self.client: Any = None

    def describe(self) -> str:
        """See `Engine`."""
        return f"Dask at {self._address}" if self._address else f"Dask, {self._n_workers} processes"

    def __enter__(self) -> Self:
        import distributed  # noqa: F401, PLC0415 - an extra; sets the levels of its loggers

        # Of workers and schedulers that end, this command tells itself.
        for name in ("distributed", "distributed.client", "distributed.gc"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            try:
                self._open(stack)
            except TimeoutError as error:
                raise BulkError(self._no_worker()) from error
            except (FacesmithError, MemoryError):
                raise
            except Exception as error:
                raise BulkError(self._cannot(error)) from error
            self._stack = stack.pop_all()
        return self

    def _open(self, stack: ExitStack) -> None:
        """Connect; what `stack` holds is ended with the engine."""
        import dask  # noqa: PLC0415 - an extra
        from distributed import Client  # noqa: PLC0415
        from distributed.versions import VersionMismatchWarning  # noqa: PLC0415

        seconds = min(_CONNECT_SECONDS, self._wait_seconds)
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
            stack.enter_context(dask.config.set(settings))
            cluster = stack.enter_context(self._local_cluster())
        else:
            self._other_dask = _check_scheduler(self._address, seconds)
        with warnings.catch_warnings():
            # It tells of any package, most of which do not matter; see `_cannot`.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            self.client = stack.enter_context(Client(cluster, timeout=seconds))
        self.client.wait_for_workers(1, timeout=self._wait_seconds)
        if self._address:
            _check_packages(self.client.get_versions(packages=list(_NEEDED)))

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
            UnfinishedError: If the scheduler goes away, or all workers for long.
        """
        from distributed import as_completed  # noqa: PLC0415 - an extra

        fresh = iter(tasks)
        held: dict[str, Any] = {}
        done: Any = as_completed()
        while True:
            # As many as the workers that are there now have room for: the scheduler's memory does
            # not depend on the number of tasks.
            room = max(self._n_threads(), 1) * HELD - len(held)
            for _ in range(room):
                task = next(fresh, None)
                if task is None:
                    break
                future = self.client.submit(function, job, task, pure=False)
                held[future.key] = task
                done.add(future)
            if not held:
                return
            future = self._next(done)
            yield held.pop(future.key), self._result(future)
            del future  # else the scheduler keeps it

    def _next(self, done: Any) -> Any:
        """The next future that has ended; gives up where nobody is there to end one."""
        asked = self._with_worker = time.monotonic()
        while not done.has_ready():
            time.sleep(_POLL_SECONDS)
            if time.monotonic() - asked > _LOOK_SECONDS:
                asked = time.monotonic()
                self._check_workers()
        return next(done)

    def _check_workers(self) -> None:
        """Give up where there has been no worker for too long since the last result."""
        now = time.monotonic()
        if self._n_threads():
            self._with_worker = now
        elif now - self._with_worker > self._no_worker_seconds:
            raise UnfinishedError(
                f"The scheduler {self._place()} has had no worker for "
                f"{duration(self._no_worker_seconds)}. Start workers; their logs say why the "
                f"earlier ones ended. {_DONE}"
            )

    def _n_threads(self) -> int:
        """Of all workers that there are now."""
        try:
            found: dict[str, int] = self.client.sync(
                self.client.scheduler.ncores, workers=None, callback_timeout=_SILENT_SECONDS
            )
        except (OSError, TimeoutError) as error:
            raise self._lost(error) from error
        return sum(found.values())

    def _result(self, future: Any) -> Any:
        """What a task that has ended gave; it is done anew where its worker was lost with it."""
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - an extra

        while True:
            try:
                return future.result(timeout=min(_SILENT_SECONDS, self._no_worker_seconds))
            except KilledWorker:
                return Died("its Dask workers ended")
            except CancelledError as error:
                raise UnfinishedError(
                    f"The scheduler {self._place()} went away. {_DONE}"
                ) from error
            except FacesmithError:
                raise
            except Exception as error:
                if future.status == "error":  # of the task itself
                    if not self._address:
                        raise
                    raise UnfinishedError(f"{self._cannot(error)} {_DONE}") from error
                if not isinstance(error, TimeoutError):
                    raise self._lost(error) from error
            self._check_workers()

    def _no_worker(self) -> str:
        """For a cluster on which nobody works after the first wait."""
        if not self._address:
            return (
                "The processes of the Dask cluster on this machine do not come up in time. Pass "
                "fewer --workers, or end other programs."
            )
        return (
            f"The scheduler {self._place()} has had no worker for {self._wait_seconds:g} s. Start "
            "`dask worker` with its address."
        )

    def _cannot(self, error: Exception) -> str:
        """For what is raised where the cluster has other packages than this machine."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".: ")
        here = (
            f"facesmith {__version__}, Dask {_dask_version()}, Python {platform.python_version()}"
        )
        there = f", and the scheduler Dask {self._other_dask}" if self._other_dask else ""
        return (
            f"The Dask cluster {self._place()} cannot do this work ({reason}). Scheduler and "
            f"workers need the same packages as this machine, which has {here}{there}."
        )

    def _lost(self, error: BaseException) -> UnfinishedError:
        reason = str(error).rstrip(".") or f"no answer in {_SILENT_SECONDS} s"
        return UnfinishedError(
            f"The connection to the scheduler {self._place()} was lost: {reason}. {_DONE}"
        )

    def _place(self) -> str:
        return f"at {self._address}" if self._address else "on this machine"


def _check_scheduler(address: str, seconds: float) -> str:
    """Refuse what is no scheduler of Dask's: the client would wait for ever for some answers.

    Returns:
        The scheduler's version of Dask, empty if it is that of this machine.

    Raises:
        BulkError: If none answers in time.
    """
    from distributed import Security  # noqa: PLC0415 - an extra
    from distributed.core import rpc  # noqa: PLC0415

    async def ask() -> str:
        arguments = Security().get_connection_args("client")
        async with rpc(address, timeout=seconds, connection_args=arguments) as scheduler:
            about = await scheduler.identity()
            versions = await scheduler.versions()
        if about["type"] != "Scheduler":
            raise ValueError(f"it is a {about['type']}")
        return str(versions["packages"]["distributed"])

    try:
        # In a thread of its own: a notebook has an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            version = thread.submit(lambda: asyncio.run(asyncio.wait_for(ask(), seconds))).result()
    # What listens there may answer anything, which is then read as lengths and messages.
    except Exception as error:
        reason = str(error).rstrip(".") or f"no answer of a scheduler in {seconds:g} s"
        if isinstance(error, MemoryError):
            reason = "something else does"
        raise BulkError(
            f"No Dask scheduler answers at {address}: {reason}. Start `dask scheduler` and `dask "
            "worker`, and check the address, such as tcp://10.0.0.1:8786."
        ) from error
    return "" if version == _dask_version() else version


def _check_packages(versions: dict[str, Any]) -> None:
    """Refuse a cluster that lacks what the work needs: its workers would end without a word.

    Args:
        versions: As a client's `get_versions` gives them for `_NEEDED`.

    Raises:
        BulkError: If a package is missing on the scheduler or a worker.
    """
    places = {"the scheduler": versions["scheduler"]}
    places |= {f"the worker {address}": each for address, each in versions["workers"].items()}
    for place, about in places.items():
        for package in _NEEDED:
            if about is not None and about["packages"].get(package) is None:
                raise BulkError(
                    f"The package {package} is not installed where {place} runs. Install "
                    f"facesmith[bulk] {__version__} there, and start it again."
                )


def _dask_version() -> str:
    """The version of Dask on this machine."""
    return metadata.version("distributed")
