"""The processes of a training: started here, or by `torchrun` and the like.

The first process alone writes the run folder; the others write to a folder that is deleted.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from facesmith.errors import TrainingError
from facesmith.training.sharing import World, ended_in_words, reason, set_world

# Waiting for a process that validates or calibrates is no reason to give up.
_PATIENCE = dt.timedelta(hours=12)
_GRACE_SECONDS = 30.0
_CONNECTING = dt.timedelta(minutes=3)  # once all have come
_SIOCGIFADDR = 0x8915


@contextmanager
def several_processes(devices: int = 1, num_nodes: int = 1) -> Iterator[World]:
    """Train in several processes while the context lasts.

    The processes of this machine are started with the command line of this one, unless `torchrun`
    or another launcher has started them. Each further machine runs the same command with
    `NODE_RANK`, `MASTER_ADDR` and `MASTER_PORT` in its environment.

    Args:
        devices: Processes of this machine.
        num_nodes: Machines.

    Raises:
        TrainingError: If the processes do not come together, cannot connect to each other, or the
            environment lacks a variable.
    """
    launched = "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ
    if devices * num_nodes == 1 and not launched:
        yield World()
        return
    with ExitStack() as stack:
        if not launched:
            stack.enter_context(_started(devices, num_nodes))
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank = int(os.environ["LOCAL_RANK"])
        scratch = None
        if rank:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="facesmith-")))
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        if backend == "nccl":
            torch.cuda.set_device(local_rank)
        _join(backend, rank, size)
        world = World(rank, size, local_rank, scratch)
        set_world(world)
        try:
            yield world
        finally:
            set_world(World())
            if dist.is_initialized():  # unless the processes have parted already
                with suppress(RuntimeError, ValueError):
                    dist.destroy_process_group()


def _join(backend: str, rank: int, size: int) -> None:
    """Bring the processes together, waiting for as long as it takes until all have come."""
    with ended_in_words():
        store, rank, size = next(rendezvous("env://", rank, size, timeout=_PATIENCE))
    if backend == "gloo":
        _choose_interface(os.environ["MASTER_ADDR"])
        # Where one cannot connect, the others would wait for it.
        try:
            trial = PrefixStore("trial", store)
            dist.init_process_group(
                "gloo", store=trial, timeout=_CONNECTING, world_size=size, rank=rank
            )
            dist.barrier()
            dist.destroy_process_group()
        except RuntimeError as error:
            raise TrainingError(
                "The processes of this training have found each other, but cannot connect "
                f"({reason(error)}). On each machine set GLOO_SOCKET_IFNAME to the network "
                "interface that leads to the others, such as eth0, and allow connections on all "
                "ports between them."
            ) from error
    with ended_in_words():
        own = PrefixStore("training", store)
        dist.init_process_group(backend, store=own, timeout=_PATIENCE, world_size=size, rank=rank)


def _choose_interface(first_machine: str) -> None:
    """Have gloo listen where the first machine can be reached, unless somebody has chosen.

    It takes the address of the host's name otherwise, which often is 127.0.0.1.
    """
    if sys.platform != "linux" or "GLOO_SOCKET_IFNAME" in os.environ:
        return
    alone = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.connect((first_machine, 9))  # sends nothing, but is given an address
        address = found.getsockname()[0]
        if alone or not address.startswith("127."):
            for _, name in socket.if_nameindex():
                if _address(found, name) == address:
                    os.environ["GLOO_SOCKET_IFNAME"] = name
                    return


def _address(asked: socket.socket, interface: str) -> str:
    """The IPv4 address of a network interface, empty where it has none."""
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        request = struct.pack("256s", interface.encode()[:15])
        return socket.inet_ntoa(fcntl.ioctl(asked, _SIOCGIFADDR, request)[20:24])
    except OSError:
        return ""


@contextmanager
def _started(devices: int, num_nodes: int) -> Iterator[None]:
    """The other processes of this machine, and the environment of this one."""
    node = _number("NODE_RANK", 0 if num_nodes == 1 else None)
    if num_nodes == 1:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", str(_free_port()))
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise TrainingError(
                f"--num-nodes {num_nodes} needs {name} in the environment: the address and a free "
                "port of the machine with NODE_RANK=0."
            )

    def environment(local_rank: int) -> dict[str, str]:
        values = {
            "LOCAL_RANK": local_rank, "RANK": node * devices + local_rank,
            "WORLD_SIZE": devices * num_nodes, "LOCAL_WORLD_SIZE": devices,
        }  # fmt: skip
        return {name: str(value) for name, value in values.items()}

    command = [sys.executable, "-m", "facesmith", *sys.argv[1:]]
    others = [
        subprocess.Popen(command, env={**os.environ, **environment(local_rank)})  # noqa: S603
        for local_rank in range(1, devices)
    ]
    own = environment(0)
    os.environ.update(own)
    try:
        yield
        _wait(others, _GRACE_SECONDS)
    finally:
        for name in own:
            os.environ.pop(name, None)
        for process in others:
            if process.poll() is None:
                process.terminate()
        _wait(others, _GRACE_SECONDS)


def _wait(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _number(name: str, default: int | None) -> int:
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdecimal():
        raise TrainingError(f"{name} must be the number of this machine, from 0; got {text!r}.")
    return int(text)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
