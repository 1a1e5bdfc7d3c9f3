"""What a training holds of the machine's memory between its stages."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

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
