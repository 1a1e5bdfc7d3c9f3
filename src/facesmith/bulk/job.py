"""What a bulk run is: inputs, settings, weights. It is written down once and then kept to."""

from __future__ import annotations

import json
import os
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
LISTS = (".txt", ".lst", ".parquet")  # inputs that list paths
# Of a job's file, what may differ between two runs of the job.
_APART = ("facesmith", "out", "listing")


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


@dataclass(frozen=True)
class Listing:
    """What a run keeps in mind of its list of photos, to know it again."""

    photos: int
    sha256: str


def earlier_run(job: BulkJob, folder: Path) -> tuple[BulkJob, Listing | None] | None:
    """The run with the same settings that began in a folder; `None` if none began.

    Returns:
        The job with its inputs and their base as they were given first, which may name the same
        places in other words; and its list of photos, `None` if it was not complete.

    Raises:
        BulkError: If one with other settings began.
    """
    path = folder / JOB_FILE
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_bytes())
        then, now = _comparable(before), _comparable(_as_json(job.to_dict()))
        listing = before.get("listing")
        known = None if listing is None else Listing(**listing)
        same = replace(job, inputs=tuple(before["inputs"]), base=before["base"])
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise BulkError(
            f"{path} is damaged ({type(error).__name__}: {error}). Pass --force to start anew."
        ) from error
    changed = [name for name in now if then.get(name) != now[name]]
    if changed:
        name = changed[0]
        raise BulkError(
            f"{folder} holds a run with other settings: {name} was {_shown(before.get(name))}, now "
            f"it is {_shown(job.to_dict()[name])}. Give the same settings to go on, another --out, "
            "or --force to start anew."
        )
    return same, known


def write_job(job: BulkJob, folder: Path, listing: Listing | None = None) -> None:
    """Write the job down, and what tells its list of photos from others."""
    known = {} if listing is None else {"listing": asdict(listing)}
    write_json(folder / JOB_FILE, job.to_dict() | known)


def _comparable(values: dict[str, Any]) -> dict[str, Any]:
    """What two runs must have in common, from the values of a job's file; places are resolved."""
    base, inputs, model = values["base"], values["inputs"], values["model"]
    shared = {name: values.get(name) for name in values if name not in _APART}
    shared["inputs"] = [_place(base, each) for each in inputs]
    shared["model"] = None if model is None else os.path.realpath(model)
    # Paths in a list start from the base; other inputs have been resolved.
    listed = any(each.lower().endswith(LISTS) and not is_address(each) for each in inputs)
    shared["base"] = os.path.realpath(base) if listed else ""
    return shared


def _place(base: str, given: str) -> str:
    return given.rstrip("/") if is_address(given) else os.path.realpath(absolute(base, given))


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
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
