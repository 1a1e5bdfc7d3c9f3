"""Where a training by Adam stands, as plain arrays, and its file. Loads no PyTorch."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith._version import __version__
from facesmith.approximation.experiment.settings import AdamSettings
from facesmith.approximation.experiment.verdict import History
from facesmith.approximation.model.saving import read_about
from facesmith.errors import WeightsError
from facesmith.files import write_bytes
from facesmith.printable import shortened_text
from facesmith.untrusted import ArrayFile, ContentError, open_arrays

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
    if not path.exists():
        raise WeightsError(f"{path} does not exist: this run cannot go on. Fit anew with --force.")
    try:
        with open_arrays(path) as file:
            about = read_about(file, str(path))
            if about["kind"] != _FILE_KIND:
                raise ValueError(f"its kind is {about['kind']!r}")
            return _checkpoint(file, about)
    except ContentError as error:
        raise WeightsError(f"{error} Fit anew with --force.") from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise WeightsError(
            f"{path} is damaged or no checkpoint of `facesmith approximate` "
            f"({shortened_text(str(error))}). Fit anew with --force."
        ) from error


def _checkpoint(file: ArrayFile, about: dict[str, Any]) -> AdamCheckpoint:
    """The checkpoint of a file; a ValueError, KeyError or TypeError where it makes no sense."""
    for name, kind in (
        ("seed", int),
        ("steps", int),
        ("n_parameters", int),
        ("method", str),
        ("data_sha256", str),
        ("seconds", float),
    ):
        if type(about[name]) is not kind:
            raise ValueError(f"{name} must be of type {kind.__name__}")
    if not 0 < about["n_parameters"] <= len(file.names):
        raise ValueError("n_parameters must be the number of parameters")
    numbers = range(about["n_parameters"])
    parameters, means, squares = (
        tuple(_array(file, f"{kind}_{number}", np.float32) for number in numbers)
        for kind in ("parameter", "mean", "square")
    )
    if not [a.shape for a in parameters] == [a.shape for a in means] == [a.shape for a in squares]:
        raise ValueError("parameters and their averages must have the same shapes")
    return AdamCheckpoint(
        **{name: about[name] for name in _NUMBERS},
        settings=AdamSettings(**about["settings"]),
        parameters=parameters,
        means=means,
        squares=squares,
        history=History(
            "epoch",
            _array(file, "train_curve", np.float64),
            _array(file, "validation_curve", np.float64),
        ),
    )


def _array(file: ArrayFile, name: str, wanted: type[np.generic]) -> npt.NDArray[Any]:
    shape, dtype = file.header(name)
    if dtype != wanted:
        raise ValueError(f"{name} must be {np.dtype(wanted)}; got {dtype} of shape {shape}")
    return file.read(name)
