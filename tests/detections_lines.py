"""Files of detections as judges: the JSON lines of `facesmith detect --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = tuple[float, float, float, float, float]  # a box, then its score


def write_detections(path: str | Path, found: Mapping[str, Sequence[Row]]) -> Path:
    """Write what was found, by the name of the photo."""
    lines = [
        json.dumps({"file": file, "faces": [{"box": row[:4], "score": row[4]} for row in rows]})
        for file, rows in found.items()
    ]
    Path(path).write_text("\n".join(lines) + "\n")
    return Path(path)
