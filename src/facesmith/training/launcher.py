"""Where a process stands among those of a training, by its options and its environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from facesmith.errors import TrainingError

# What torchrun and its like set for each process that they start, all three of them.
_OF_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
_MAX_PORT = 65_535
_MAX_PROCESSES = 4096


@dataclass(frozen=True)
class Place:
    """A process among those of a training.

    Attributes:
        rank: Its number, from 0.
        size: Processes.
        local_rank: Its number on its machine.
        local_size: Processes of its machine.
        address: Of the first process's machine; empty where there is one process.
        port: Of that machine, where the processes meet; 0 for any that is free.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str = ""
    port: int = 0

    def environment(self) -> dict[str, str]:
        """The variables that tell a process its place."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "LOCAL_WORLD_SIZE": str(self.local_size),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


def is_launched() -> bool:
    """Whether `torchrun` or another launcher has started this process.

    One of the variables alone is a leftover of another program, and is not looked at.

    Raises:
        TrainingError: If one of the variables is missing.
    """
    missing = [name for name in _OF_LAUNCHERS if not os.environ.get(name)]
    if len(missing) == 1:
        others = [name for name in _OF_LAUNCHERS if name not in missing]
        raise TrainingError(
            f"The environment has {' and '.join(others)}, but no {missing[0]}. A launcher such as "
            f"torchrun sets all three. Set {missing[0]}, or unset the others "
            f"(`unset {' '.join(others)}`) to train without a launcher."
        )
    return not missing


def place_of_launcher(devices: int | None, num_nodes: int | None) -> Place:
    """Where the launcher's variables say that this process stands.

    Args:
        devices: What --devices asks for; `None` where it is not given.
        num_nodes: What --num-nodes asks for.

    Raises:
        TrainingError: If variables are wrong, missing, or contradict each other or the options.
    """
    count = f"the number of processes, from 1 to {_MAX_PROCESSES:,}"
    size = _number("WORLD_SIZE", count, least=1, below=("", _MAX_PROCESSES + 1))
    rank = _number("RANK", "the number of this process, from 0", below=("WORLD_SIZE", size))
    if os.environ.get("LOCAL_WORLD_SIZE"):
        own = "the number of processes of this machine"
        local_size = _number("LOCAL_WORLD_SIZE", own, least=1)
        if size % local_size:
            raise TrainingError(
                f"LOCAL_WORLD_SIZE={local_size} and WORLD_SIZE={size} in the environment do not "
                "go together: each machine has the same number of processes."
            )
    else:
        local_size = devices or max(size // (num_nodes or size), 1)
    own = "the number of this process on its machine, from 0"
    known = bool(devices or num_nodes or os.environ.get("LOCAL_WORLD_SIZE"))
    below = ("LOCAL_WORLD_SIZE", local_size) if known else ("WORLD_SIZE", size)
    local_rank = _number("LOCAL_RANK", own, below=below)
    wanted = (devices or local_size) * (num_nodes or size // local_size)
    if wanted != size or (devices or local_size) != local_size:
        options = [
            f"--{name} {value}"
            for name, value in (("devices", devices), ("num-nodes", num_nodes))
            if value
        ]
        raise TrainingError(
            f"{' '.join(options)} does not fit what a launcher has started: WORLD_SIZE={size}, "
            f"{local_size} on this machine. Leave the options out under a launcher such as "
            f"torchrun; without one, `unset {' '.join((*_OF_LAUNCHERS, 'LOCAL_WORLD_SIZE'))}`."
        )
    if size == 1:
        return Place(0, 1, 0, 1)
    address, port = _meeting_point("Training in several processes")
    return Place(rank, size, local_rank, local_size, address, port)


def places_of_machine(devices: int, num_nodes: int) -> Sequence[Place]:
    """Where the processes of this machine stand that are to be started; the first is this one.

    On one machine the environment is not looked at.

    Raises:
        TrainingError: If variables are wrong or missing.
    """
    if devices * num_nodes > _MAX_PROCESSES:
        raise TrainingError(
            f"--devices {devices} on {num_nodes} machines are {devices * num_nodes:,} processes; "
            f"at most {_MAX_PROCESSES:,} can train together."
        )
    node, address, port = 0, "127.0.0.1", 0
    if num_nodes > 1:
        of = "the number of this machine, from 0"
        node = _number("NODE_RANK", of, below=("--num-nodes", num_nodes))
        address, port = _meeting_point(f"--num-nodes {num_nodes}")
    size, first = devices * num_nodes, node * devices
    return [Place(first + at, size, at, devices, address, port) for at in range(devices)]


def _meeting_point(who: str) -> tuple[str, int]:
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not os.environ.get(name):
            raise TrainingError(
                f"{who} needs {name} in the environment: the address (MASTER_ADDR) and a free port "
                "(MASTER_PORT) of the machine that has the first process."
            )
    of = f"a free port of the first machine, from 1 to {_MAX_PORT}"
    port = _number("MASTER_PORT", of, least=1, below=("", _MAX_PORT + 1))
    return os.environ["MASTER_ADDR"], port


def _number(name: str, of: str, *, least: int = 0, below: tuple[str, int] | None = None) -> int:
    """The whole number that a variable holds."""
    text = os.environ.get(name, "").strip()
    if not text:
        raise TrainingError(f"{name} must be {of}; it is not in the environment.")
    # More digits than that are no number of processes, and slow to read.
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:
        raise TrainingError(f"{name} in the environment must be {of}; got {text[:40]!r}.")
    if below is not None and int(text) >= below[1]:
        limit = f" and below {below[0]} ({below[1]})" if below[0] else ""
        raise TrainingError(f"{name} in the environment must be {of}{limit}; got {text!r}.")
    return int(text)
