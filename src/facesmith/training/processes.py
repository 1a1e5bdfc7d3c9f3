"""The processes of a training: started here, or by `torchrun` and the like.

The first process alone writes the run folder; the others write to a folder that is deleted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore

from facesmith.detection.sessions import available_cores
from facesmith.errors import TrainingError
from facesmith.printable import counted
from facesmith.training.launcher import Place, is_launched, place_of_launcher, places_of_machine
from facesmith.training.liveness import ParticipantError, SignsOfLife
from facesmith.training.meeting import Meeting, connect
from facesmith.training.sharing import World, backend, set_world
from facesmith.training.signals import termination_interrupts

_GRACE_SECONDS = 30.0
_LAST_WORDS_SECONDS = 5.0  # for a process that has failed to say why
_PROCESSES_A_CORE = 4  # more only wait for each other, and fill the memory
# In the environment of a process that was started here: its input is a pipe from the one that did.
_LIFELINE = "FACESMITH_LIFELINE"


@contextmanager
def several_processes(
    devices: int | None = None,
    num_nodes: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Train in several processes while the context lasts.

    The processes of this machine are started with the command line of this one, unless `torchrun`
    or another launcher has started them. Each further machine runs the same command with
    `NODE_RANK`, `MASTER_ADDR` and `MASTER_PORT` in its environment.

    Args:
        devices: Processes of this machine; `None`: what a launcher has started, or one.
        num_nodes: Machines; `None` likewise.
        say: Told what is waited for.

    Raises:
        TrainingError: If the environment lacks a variable or contradicts the options, the machine
            has too few cores or GPUs, or the processes do not come together.
    """
    if is_launched():
        place, others = place_of_launcher(devices, num_nodes), []
    else:
        place, *others = places_of_machine(devices or 1, num_nodes or 1)
    if place.size == 1:
        yield World()
        return
    _check_machine(place)
    with ExitStack() as stack:
        stack.enter_context(termination_interrupts())
        scratch, parent = None, None
        if given := os.environ.pop(_LIFELINE, None):
            scratch = Path(given)
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            parent = _Parent(scratch)
        elif place.rank:
            scratch = Path(stack.enter_context(_temporary_folder()))
        meeting = Meeting(place, say if place.local_rank == 0 else lambda _: None)
        port = meeting.place.port
        children = stack.enter_context(_started([replace(o, port=port) for o in others]))
        if torch.cuda.is_available():
            torch.cuda.set_device(place.local_rank)
        store = meeting.come(lambda: _ended(children) or (parent.ended if parent else ""))
        connect(store, meeting.place, backend())
        signs = SignsOfLife(PrefixStore("signs", store.clone()), place.rank, place.size)
        world = World(
            place.rank, place.size, place.local_rank, scratch,
            local_size=place.local_size, signs=signs,
        )  # fmt: skip
        set_world(world)
        try:
            yield world
        except ParticipantError:
            raise
        except BaseException:
            _dismiss(children)  # what this one says is enough
            raise
        finally:
            signs.end()
            set_world(World())
            if dist.is_initialized():  # unless the processes have parted already
                with suppress(RuntimeError, ValueError):
                    dist.destroy_process_group()


def _check_machine(place: Place) -> None:
    """Refuse more processes than a machine can carry."""
    n, asked = place.local_size, f"--devices {place.local_size}"
    if torch.cuda.is_available():
        gpus = torch.cuda.device_count()
        if n > gpus:
            raise TrainingError(
                f"{asked} needs as many GPUs, one a process; this machine has {gpus}. Pass "
                f"--devices {gpus}, or hide the GPUs (CUDA_VISIBLE_DEVICES=) to train on cores."
            )
        return
    cores = available_cores()
    if n > _PROCESSES_A_CORE * cores:
        raise TrainingError(
            f"{asked} is too many for this machine, which has {counted(cores, 'core')} and no GPU: "
            f"at most {_PROCESSES_A_CORE} processes a core can be started. Pass --devices {cores}."
        )


class _Parent:
    """The process that has started this one, watched by a thread: without it, this one ends."""

    def __init__(self, scratch: Path) -> None:
        self.ended, self._scratch = "", scratch
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def _watch(self) -> None:
        dismissed = b""
        with suppress(OSError):
            dismissed = os.read(0, 1)  # nothing where the other end of the pipe is closed
        if not dismissed:
            self.ended = (
                "The process that started this one has ended. Go on with --resume and the same "
                "number of processes."
            )
            time.sleep(_GRACE_SECONDS)  # in which it ends by itself, in words
            shutil.rmtree(self._scratch, ignore_errors=True)
        os._exit(1)


@contextmanager
def _started(places: Sequence[Place]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The other processes of this machine; at the end they are ended too."""
    command = [sys.executable, "-m", "facesmith", *sys.argv[1:]]
    started: list[subprocess.Popen[bytes]] = []
    with ExitStack() as folders:
        try:
            for place in places:
                folder = folders.enter_context(_temporary_folder())
                environment = {**os.environ, **place.environment(), _LIFELINE: folder}
                started.append(
                    subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)  # noqa: S603
                )
            yield started
            _wait(started, _GRACE_SECONDS)
        except ParticipantError:
            _wait(started, _LAST_WORDS_SECONDS, kill=False)
            raise
        finally:
            _dismiss(started)
            _wait(started, _LAST_WORDS_SECONDS)


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="facesmith-", ignore_cleanup_errors=True)


def _dismiss(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Have processes that were started here end without a word."""
    for process in processes:
        assert process.stdin is not None
        if not process.stdin.closed:
            with suppress(OSError):  # one that has ended
                process.stdin.write(b"q")
                process.stdin.close()


def _ended(children: Sequence[subprocess.Popen[bytes]]) -> str:
    """Which of the processes has ended, in words; empty if none."""
    for number, child in enumerate(children, start=1):
        code = child.poll()
        if code is not None:
            how = f"exit code {code}" if code >= 0 else f"signal {-code}"
            return (
                f"Process {number} of this machine ended before the training began ({how}). What "
                "it said stands above; start the same command again."
            )
    return ""


def _wait(
    processes: Sequence[subprocess.Popen[bytes]], seconds: float, *, kill: bool = True
) -> None:
    """Wait until they end, all together for so many seconds; then kill them."""
    end = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            if kill:
                process.kill()
                process.wait()
