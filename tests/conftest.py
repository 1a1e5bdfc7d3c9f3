"""What several test modules share."""

import os

# One thread per test process: the nets here are tiny, and threads that wait for each other on a
# busy machine take a hundred times as long. Must stand before NumPy and PyTorch are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
