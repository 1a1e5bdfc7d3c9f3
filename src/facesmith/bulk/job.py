"""What a bulk run is: inputs, settings, weights. It is written down once and then kept to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, shipped_weights
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.detection.photos import DetectionConfig
from facesmith.detection.windows import CLASSIFIER_FILE
from facesmith.errors import BulkError, WeightsError
from facesmith.files import checksum, write_json
from facesmith.images import MAX_MEMORY

JOB_FILE, LISTING_FILE, MANIFEST_FILE = "job.json", "listing.jsonl", "manifest.json"
# Photos of a shard: a few seconds of work, which is what a kill costs.
SHARD_SIZE = 250


@dataclass(frozen=True)
class BulkJob:
    """All that decides the result of a bulk run. It is sent to workers, so it can be pickled.

    Attributes:
        inputs: What was asked for: files, folders, patterns, addresses, archives, lists.
        base: The folder that relative paths start from.
        out: The folder of the result, absolute; workers write to it.
        shard_size: Photos of a shard.
        model: As `open_detector` takes it, absolute; `None`: the weights that come along.
        weights: SHA-256 of each weights file by its name.
        min_score: Lowest score; `None`: as the weights have it.
        min_face: Smallest face, pixels; `None`: as `DetectionConfig` has it.
        rotations: Degrees.
        landmarks: Whether five points of each face are found too.
        max_memory: Bytes that decoding one photo may take.
    """

    inputs: tuple[str, ...]
    base: str
    out: str
    shard_size: int = SHARD_SIZE
    model: str | None = None
    weights: tuple[tuple[str, str], ...] = ()
    min_score: float | None = None
    min_face: float | None = None
    rotations: tuple[int, ...] = (0,)
    landmarks: bool = False
    max_memory: int = MAX_MEMORY

    def detection(self) -> DetectionConfig:
        """How photos are looked at."""
        return DetectionConfig(
            self.min_score, self.min_face, None, self.rotations, self.max_memory, self.landmarks
        )

    def with_weights(self) -> BulkJob:
        """The job with the checksums of its weights, as they are now.

        Raises:
            WeightsError: If there are none.
        """
        sums = tuple((path.name, checksum(path)) for path in weights_files(self.model))
        return replace(self, weights=sums)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"facesmith": __version__, **asdict(self), "weights": dict(self.weights)}

    def shard_path(self, number: int) -> Path:
        """The file of a shard, counted from 0."""
        return Path(self.out) / shard_name(number)


def weights_files(model: str | Path | None) -> list[Path]:
    """The weights files of a detector or classifier, all that decide what it finds.

    Args:
        model: As `open_detector` takes it.

    Raises:
        WeightsError: If there is none.
    """
    path = shipped_weights() if model is None else Path(model)
    if path.is_dir():
        path = path / (PROPOSALS_FILE if (path / PROPOSALS_FILE).exists() else CLASSIFIER_FILE)
    if not path.is_file():
        raise WeightsError(f"{path} does not exist. Pass a run folder or a weights file.")
    beside = [path.with_name(name) for name in (REFINER_FILE, LANDMARKS_FILE)]
    return [path, *(each for each in beside if each.is_file() and each != path)]


def shard_name(number: int) -> str:
    """The name of a shard's file.

    Example:
        >>> shard_name(12)
        'part-00000012.parquet'
    """
    return f"part-{number:08d}.parquet"


def check_same_job(job: BulkJob, folder: Path) -> bool:
    """Whether an earlier run with the same settings began in a folder; `False` if none began.

    Raises:
        BulkError: If one with other settings did.
    """
    path = folder / JOB_FILE
    if not path.is_file():
        return False
    try:
        before = json.loads(path.read_bytes())
        changed = [
            name for name, value in _comparable(job.to_dict()).items()
            if before.get(name) != value and name not in ("facesmith", "out")
        ]  # fmt: skip
    except (OSError, ValueError, AttributeError) as error:
        raise BulkError(f"{path} cannot be read: {error}. Pass --force to start anew.") from error
    if changed:
        name = changed[0]
        raise BulkError(
            f"{folder} holds a run with other settings: {name} was {_shown(before.get(name))}, now "
            f"it is {_shown(_comparable(job.to_dict())[name])}. Give the same settings to go on, "
            "another --out, or --force to start anew."
        )
    return True


def write_job(job: BulkJob, folder: Path) -> None:
    """Write the job down."""
    write_json(folder / JOB_FILE, job.to_dict())


def _comparable(values: dict[str, Any]) -> dict[str, Any]:
    """The values as they come back from JSON."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def absolute(base: str, path: str) -> str:
    """A path of a job, which may be relative to its base; addresses stay."""
    return path if is_address(path) else str(Path(base) / path)


def is_address(path: str) -> bool:
    """Whether it is read through fsspec.

    Example:
        >>> is_address("s3://bucket/photos"), is_address("C:/photos"), is_address("photos")
        (True, False, False)
    """
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.replace("+", "").isalnum() and len(scheme) > 1
