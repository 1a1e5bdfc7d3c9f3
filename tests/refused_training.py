"""Two processes that have other settings and data, and then other numbers of processes.

python refused_training.py RANK PORT,PORT: what each is told stands on a line of standard output.
"""

from __future__ import annotations

import os
import sys

from facesmith.errors import TrainingError
from facesmith.training.processes import several_processes
from launched_processes import launched

if __name__ == "__main__":
    rank, ports = int(sys.argv[1]), sys.argv[2].split(",")
    for n, port in zip((2, 2 + rank), ports, strict=True):
        os.environ |= launched(rank, n, port)
        try:
            with several_processes() as world:
                world.check_same({"a": {"b": 1}, "data_path": rank, "data": "x"})
                world.check_same({"a": {"b": 1 + rank}, "data": "xy"[rank]})
        except TrainingError as error:
            print(error, flush=True)
