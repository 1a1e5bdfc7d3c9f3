"""Hard negatives: what a detector takes for faces where there are none.

A detector runs over photos without faces and over the background of annotated ones. Its false boxes
there, from a low score on, go into a file from which the next training learns more often.

Photos without faces are safe: whatever is found in them is false. In annotated photos it is not
always: the highest-scored boxes that overlap no annotated one are often faces that nobody drew a
box around. To learn those as background would do harm, so they are left out and counted.
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
    "MinedBox",
    "Mining",
    "MiningConfig",
    "MiningError",
    "detector_name",
    "merge_mined",
    "mine",
    "mined_checksum",
    "read_mined",
    "write_mined",
]
