"""Where a training by Adam stands, as plain arrays, and its file. Loads no PyTorch."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith._version import __version__
from facesmith.approximation.experiment.settings import AdamSettings
from facesmith.approximation.experiment.verdict import History
from facesmith.errors import WeightsError
from facesmith.files import write_bytes

Float32Array = npt.NDArray[np.float32]

_FILE_KIND = "facesmith adam checkpoint"
_NUMBERS = ("method", "seed", "data_sha256", "seconds", "steps")


@dataclass(frozen=True, eq=False)
class AdamCheckpoint:
    """Everything that the next epoch depends on.

    The order of the rows is not among it: that of epoch N is the N-th one drawn from the seed.

    Attributes:
        method: "linear" or "tanh-adam".
        settings: How it was trained; `epochs` of them are done.
        seed: Of the weights and of the order of the rows.
        data_sha256: Checksum of the training and validation rows.
        seconds: Time that the training took so far.
        steps: Steps done.
        parameters: Weights `(n_out, n_in)` and bias `(n_out,)` of each layer in turn, float32.
        means: Adam's moving averages of their gradients.
        squares: Adam's moving averages of the squared gradients.
        history: Errors after each epoch.
    """

    method: str
    settings: AdamSettings
    seed: int
    data_sha256: str
    seconds: float
    steps: int
    parameters: tuple[Float32Array, ...]
    means: tuple[Float32Array, ...]
    squares: tuple[Float32Array, ...]
    history: History


def save_checkpoint(checkpoint: AdamCheckpoint, path: str | Path) -> None:
    """Write a checkpoint as an `.npz` of arrays and one JSON text; nothing is pickled.

    Raises:
        WriteError: If the file cannot be written.
    """
    about = {
        "kind": _FILE_KIND,
        "facesmith": __version__,
        **{name: getattr(checkpoint, name) for name in _NUMBERS},
        "settings": asdict(checkpoint.settings),
        "n_parameters": len(checkpoint.parameters),
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "train_curve": checkpoint.history.train,
        "validation_curve": checkpoint.history.validation,
    }
    for number in range(len(checkpoint.parameters)):
        arrays[f"parameter_{number}"] = checkpoint.parameters[number]
        arrays[f"mean_{number}"] = checkpoint.means[number]
        arrays[f"square_{number}"] = checkpoint.squares[number]
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: str | Path) -> AdamCheckpoint:
    """Read a checkpoint that `save_checkpoint` wrote.

    Raises:
        WeightsError: If the file is missing, damaged or something else.
    """
    path = Path(path)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["kind"] != _FILE_KIND:
                raise ValueError(f"its kind is {about['kind']!r}")
            numbers = range(about["n_parameters"])
            return AdamCheckpoint(
                **{name: about[name] for name in _NUMBERS},
                settings=AdamSettings(**about["settings"]),
                parameters=tuple(file[f"parameter_{number}"] for number in numbers),
                means=tuple(file[f"mean_{number}"] for number in numbers),
                squares=tuple(file[f"square_{number}"] for number in numbers),
                history=History("epoch", file["train_curve"], file["validation_curve"]),
            )
    except FileNotFoundError as error:
        raise WeightsError(
            f"{path} does not exist: this run cannot go on. Fit anew with --force."
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is damaged or no checkpoint of `facesmith approximate` ({error}). Fit anew "
            "with --force."
        ) from error
