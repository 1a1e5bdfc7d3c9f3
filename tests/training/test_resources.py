"""What a training takes of the machine: memory between its stages, and threads."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facesmith.training import resources
from facesmith.training.resources import busy_cores, idle_threads

# Blocks of a photo's size with small ones between them that stay, as in a training.
_PROGRAM = """
import numpy as np
from facesmith.training.resources import hand_back_freed_memory, keep_freed_memory

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

keep_freed_memory()
photos, others = [], []
for _ in range(200):
    photos.append(np.ones(900_000, np.uint8))
    others.append(np.ones(3000))
full = resident_mb()
del photos
freed = resident_mb()
hand_back_freed_memory()
print(full - freed, full - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_kept_until_it_is_handed_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("not glibc")
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    kept, handed_back = (float(word) for word in result.stdout.split())
    assert abs(kept) < 20  # megabytes; the blocks are 172
    assert handed_back > 150


@pytest.mark.parametrize(
    ("load", "running", "threads"),
    [
        (0.1, 1, 2),
        (0.6, 3, 1),
        (1.9, 3, 1),
        (7.5, 9, 1),
        (1.9, 1, 2),  # of work that has just ended: nothing else runs now
    ],
)
def test_threads_are_those_of_idle_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, running: int, threads: int
) -> None:
    status = tmp_path / "loadavg"
    status.write_text(f"{load} 0.5 0.5 {running}/300 12345\n")
    monkeypatch.setattr(resources, "_LOAD_FILE", status)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.5, 0.5), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(resources, "available_cores", lambda: 2)
    assert idle_threads() == (threads, min(load, running - 1))


def test_cores_that_are_not_ours_may_be_the_busy_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resources, "_LOAD_FILE", tmp_path / "none")
    monkeypatch.setattr(os, "getloadavg", lambda: (40.0, 40.0, 40.0), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(resources, "available_cores", lambda: 4)
    assert idle_threads() == (4, 40.0)


def test_without_a_load_all_cores_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg", raising=False)  # as on Windows
    assert busy_cores() == 0
    assert idle_threads()[0] == resources.available_cores()

    def refuse() -> None:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", refuse, raising=False)
    assert busy_cores() == 0
