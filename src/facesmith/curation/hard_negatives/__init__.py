"""Hard negatives: what a detector takes for faces where there are none.

Its false boxes in face-free photos and in the background of annotated ones go into a file from
which the next training learns more often. In annotated photos the highest-scored ones are often
faces that nobody drew a box around: they are left out and counted.
"""

from facesmith.annotations.mined import (
    MinedBox,
    MiningError,
    merge_mined,
    mined_checksum,
    read_mined,
    write_mined,
)
from facesmith.curation.hard_negatives.search import Mining, MiningConfig, mine
from facesmith.detection.detector import detector_name

__all__ = [
    "MinedBox", "Mining", "MiningConfig", "MiningError", "detector_name", "merge_mined", "mine",
    "mined_checksum", "read_mined", "write_mined",
]  # fmt: skip
