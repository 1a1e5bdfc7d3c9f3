"""Two processes that step together for ever, and give up one that is silent for two seconds.

python stopped_training.py: the process says its number on standard output once it steps.
"""

from __future__ import annotations

import sys

from facesmith.errors import TrainingError
from facesmith.training import liveness
from facesmith.training.processes import several_processes

liveness.SILENCE_SECONDS = 2
liveness._BETWEEN_SIGNS = 0.2

if __name__ == "__main__":
    try:
        with several_processes() as world:
            world.any(False)
            print(world.rank, flush=True)
            while not world.any(False)[0]:
                pass
    except TrainingError as error:
        sys.exit(str(error))
