"""How the processes of a training come together and connect to each other."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from facesmith._version import __version__
from facesmith.errors import TrainingError
from facesmith.training.launcher import Place, is_launched
from facesmith.training.liveness import ended_in_words, reason

MEETING_SECONDS = 1800.0  # for which the first waits for the others
# A process that lives may validate or calibrate for long; one that is stopped gives no sign.
_PATIENCE = dt.timedelta(hours=12)
_CONNECTING = dt.timedelta(minutes=3)  # once all have come
_TOLD_AFTER = 10.0  # seconds of waiting
_BETWEEN_LOOKS = 0.2
_ANSWER_SECONDS = 30.0
_SIOCGIFADDR = 0x8915


class Meeting:
    """The place where the processes of a training meet: a store that the first one holds.

    Args:
        place: Of this process; a port of 0 becomes one that is free.
        say: Told what is waited for.

    Raises:
        TrainingError: If the port cannot be opened.
    """

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self.place, self._say = place, say
        self._store: Any = None
        self._began, self._told = time.monotonic(), False
        if place.rank == 0 and not _has_agent():
            self._store = _opened(place)
            self.place = replace(place, port=int(self._store.port))

    def come(self, ended: Callable[[], str]) -> Any:
        """Wait until all have come; returns their store.

        Args:
            ended: Says which process that this one knows of has ended; empty if none.

        Raises:
            TrainingError: If one has ended, does not fit, or they have not come in
                `MEETING_SECONDS`.
        """
        place = self.place
        where = f"{place.address}:{place.port}"
        if self._store is None:
            self._store = self._reached(where, ended)
        store = PrefixStore("coming", self._store)
        own = {"size": place.size, "facesmith": __version__, "torch": torch.__version__}
        with ended_in_words():
            if store.add(f"number {place.rank}", 1) > 1:
                raise TrainingError(
                    f"Two processes of this training have the number {place.rank}. NODE_RANK, or "
                    "RANK under a launcher, must be another one for each."
                )
            if place.rank == 0:
                store.set("0", json.dumps(own))
            while not store.check(["0"]):
                self._wait(ended, f"the first process has not come to {where}")
            _compare(store, own, place.rank)
            store.set(str(place.rank), json.dumps(own))
            while missing := [r for r in range(place.size) if not store.check([str(r)])]:
                if store.check(["refused"]):
                    raise TrainingError(store.get("refused").decode())
                came = f"{place.size - len(missing)} of {place.size} processes"
                self._wait(ended, f"{came} have come to {where}")
        return self._store

    def _reached(self, where: str, ended: Callable[[], str]) -> Any:
        """The store of the first process, as soon as it answers."""
        place = self.place
        if _has_agent():
            with ended_in_words():
                return next(
                    rendezvous("env://", place.rank, place.size, timeout=dt.timedelta(minutes=5))
                )[0]
        while True:
            # Not by way of PyTorch, which prints its stack for each try.
            try:
                socket.create_connection((place.address, place.port), timeout=5).close()
            except (OSError, UnicodeError) as error:
                why = getattr(error, "strerror", None) or str(error)
                self._wait(ended, f"the first process does not answer at {where} ({why})")
            else:
                return _joined(place, where)

    def _wait(self, ended: Callable[[], str], standing: str) -> None:
        """Wait for a moment; say for what, give up after `MEETING_SECONDS`."""
        if words := ended():
            raise TrainingError(words)
        waited = time.monotonic() - self._began
        if waited > MEETING_SECONDS:
            raise TrainingError(
                f"The processes of this training have not come together in {waited / 60:.0f} min: "
                f"{standing}. Start the same command on each machine, with the same MASTER_ADDR "
                f"and MASTER_PORT and with a NODE_RANK of its own.{_why_several()}"
            )
        if waited > _TOLD_AFTER and not self._told:
            self._told = True
            self._say(
                f"Waiting for the other processes of this training: {standing}. They have "
                f"{MEETING_SECONDS / 60:.0f} min to come; Ctrl-C ends it.{_why_several()}"
            )
        time.sleep(_BETWEEN_LOOKS)


def connect(store: Any, place: Place, backend: str) -> None:
    """Connect the processes that have come together.

    Raises:
        TrainingError: If one cannot be reached.
    """
    if backend == "gloo":
        _choose_interface(place)
        # Where one cannot connect, the others would wait for it.
        try:
            dist.init_process_group(
                "gloo", store=PrefixStore("trial", store), timeout=_CONNECTING,
                world_size=place.size, rank=place.rank,
            )  # fmt: skip
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
        dist.init_process_group(
            backend, store=PrefixStore("training", store), timeout=_PATIENCE,
            world_size=place.size, rank=place.rank,
        )  # fmt: skip


def _why_several() -> str:
    if not is_launched():
        return ""
    return (
        " RANK, LOCAL_RANK and WORLD_SIZE in the environment say that a launcher has started "
        "this process; where none has, unset them."
    )


def _has_agent() -> bool:
    """Whether the launcher itself holds the store, as torchrun does."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def _opened(place: Place) -> Any:
    """The store of the first process."""
    # It listens on all addresses, and connects to itself by one of its own.
    host = place.address if _is_own(place.address) else "localhost"
    try:
        return TCPStore(host, place.port, None, True, _CONNECTING, wait_for_workers=False)
    except RuntimeError as error:
        if "EADDRINUSE" in str(error):
            raise TrainingError(
                f"Port {place.port} of this machine (MASTER_PORT) is in use, by another program or "
                "by a training that still runs. Set MASTER_PORT to a free port, to the same one "
                "on all machines."
            ) from error
        raise TrainingError(
            f"Port {place.port} of this machine (MASTER_PORT) cannot be opened ({reason(error)}). "
            "Set MASTER_PORT to another one, from 1024 on, to the same on all machines."
        ) from error


def _is_own(address: str) -> bool:
    with suppress(OSError, UnicodeError):
        for family, kind, number, _, target in socket.getaddrinfo(
            address, 0, type=socket.SOCK_DGRAM
        ):
            with suppress(OSError), socket.socket(family, kind, number) as tried:
                tried.bind(target)
                return True
    return False


def _joined(place: Place, where: str) -> Any:
    """The store at an address that answers."""
    held: list[Any] = []

    def join() -> None:
        try:
            held.append(TCPStore(place.address, place.port, None, False, _CONNECTING, False))
        except RuntimeError as error:
            held.append(error)

    # A program of another kind that listens there may never answer.
    thread = threading.Thread(target=join, daemon=True)
    thread.start()
    thread.join(_ANSWER_SECONDS)
    if not held or isinstance(held[0], RuntimeError):
        raise TrainingError(
            f"What listens at {where} is not the first process of this training, or cannot be "
            "understood. Set MASTER_ADDR and MASTER_PORT to the address and a free port of the "
            "first machine, to the same on all machines."
        )
    return held[0]


def _compare(store: Any, own: dict[str, Any], rank: int) -> None:
    """Refuse a process that has another number of processes, or other versions, than the first."""
    first = json.loads(store.get("0"))
    for name, named in (
        ("size", "processes (--devices times --num-nodes)"),
        ("facesmith", "as the version of facesmith"),
        ("torch", "as the version of PyTorch"),
    ):
        if own[name] != first[name]:
            words = (
                f"Process {rank} of this training has {own[name]} {named}, and the first one has "
                f"{first[name]}. Start the same command on each machine, with the same versions."
            )
            store.set("refused", words)
            raise TrainingError(words)


def _choose_interface(place: Place) -> None:
    """Have gloo listen where the first machine can be reached, unless somebody has chosen.

    It takes the address of the host's name otherwise, which often is 127.0.0.1.
    """
    if sys.platform != "linux" or "GLOO_SOCKET_IFNAME" in os.environ:
        return
    alone = place.local_size == place.size
    with suppress(OSError, UnicodeError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.connect((place.address, 9))  # sends nothing, but is given an address
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
