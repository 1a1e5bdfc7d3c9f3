"""A fitted function's file: arrays and one JSON text in an `.npz`, nothing pickled.

Twenty lines of NumPy read it without facesmith; docs/approximate.md shows them.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from facesmith._version import __version__
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.errors import WeightsError
from facesmith.files import write_bytes

_FILE_KIND = "facesmith function"
_KERNEL_ARRAYS = ("inverse_lengths", "centres", "heights", "slope", "row_variances")
_KERNEL_NUMBERS = ("bias", "kernel_variance", "plane_variance")
# What NumPy, JSON and the arrays' own checks raise for a file that is no function.
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)
_ARRAYS = ("input_offset", "input_scale", "output_offset", "output_scale", "input_min", "input_max")


def save_function(function: FittedFunction, path: str | Path) -> None:
    """Write a function; `load_function` gives one that predicts the same to the last bit.

    The file holds the arrays of `FittedFunction` under their own names, those of member M as
    `member_M_weights_L` and `member_M_biases_L` for its layers L, and
    `member_M_covariance_root`; those of a Gaussian process as `member_M_centres` and so on, by the
    names of `KernelMember`. Numbers and names stand in the JSON text `about`. The same function
    gives the same bytes. A file that is there is replaced in one step.

    Raises:
        WriteError: If the file cannot be written.
    """
    about = {
        "kind": _FILE_KIND,
        "facesmith": __version__,
        "input_names": list(function.input_names),
        "output_names": list(function.output_names),
        "members": [
            {"output": int(member.output)}
            | {name: float(getattr(member, name)) for name in ("weight", "noise_variance")}
            | _about_kind(member)
            for member in function.members
        ],
    }
    arrays = {name: getattr(function, name) for name in _ARRAYS}
    for number, member in enumerate(function.members):
        if isinstance(member, KernelMember):
            for name in _KERNEL_ARRAYS:
                arrays[f"member_{number}_{name}"] = getattr(member, name)
            continue
        arrays[f"member_{number}_covariance_root"] = member.covariance_root
        for layer, (weights, biases) in enumerate(zip(member.weights, member.biases, strict=True)):
            arrays[f"member_{number}_weights_{layer}"] = weights
            arrays[f"member_{number}_biases_{layer}"] = biases
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
    write_bytes(path, buffer.getvalue())


def load_function(path: str | Path) -> FittedFunction:
    """Read a function that `save_function` wrote.

    Raises:
        WeightsError: If the file is missing, damaged or something else.
    """
    path = Path(path)
    try:
        # From memory: of a damaged file NumPy would leave the handle open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about.get("kind") != _FILE_KIND:
                raise WeightsError(
                    f"{path} is no function that `facesmith approximate` wrote; its kind is "
                    f"{about.get('kind')!r}. Pass models/default.npz of a run folder."
                )
            members = [_member(file, number, each) for number, each in enumerate(about["members"])]
            return FittedFunction(
                tuple(members),
                **{name: _float64(file, name) for name in _ARRAYS},
                input_names=tuple(about["input_names"]),
                output_names=tuple(about["output_names"]),
            )
    except FileNotFoundError as error:
        raise WeightsError(f"{path} does not exist. Pass the .npz of a run folder.") from error
    except _DAMAGED as error:
        raise WeightsError(
            f"{path} is damaged or no function that `facesmith approximate` wrote ({error}). "
            "Pass models/default.npz of a run folder."
        ) from error


def _about_kind(member: Member | KernelMember) -> dict[str, Any]:
    """What the text says of a member's kind."""
    if isinstance(member, Member):
        return {"n_layers": len(member.weights)}
    numbers = {name: float(getattr(member, name)) for name in _KERNEL_NUMBERS}
    return {"kernel": member.shape} | numbers


def _member(file: Any, number: int, about: dict[str, Any]) -> Member | KernelMember:
    common = {name: about[name] for name in ("output", "weight", "noise_variance")}
    if "kernel" in about:
        return KernelMember(
            **common,
            shape=about["kernel"],
            **{name: about[name] for name in _KERNEL_NUMBERS},
            **{name: _float64(file, f"member_{number}_{name}") for name in _KERNEL_ARRAYS},
        )
    layers = range(about["n_layers"])
    return Member(
        **common,
        weights=tuple(_float64(file, f"member_{number}_weights_{layer}") for layer in layers),
        biases=tuple(_float64(file, f"member_{number}_biases_{layer}") for layer in layers),
        covariance_root=_float64(file, f"member_{number}_covariance_root"),
    )


def _float64(file: Any, name: str) -> Any:
    array = file[name]
    if array.dtype != np.float64:
        raise ValueError(f"{name} must be float64; got {array.dtype}")
    return array
