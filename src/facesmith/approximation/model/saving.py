"""A fitted function's file: arrays and one JSON text in an `.npz`, nothing pickled.

Twenty lines of NumPy read it without facesmith; docs/approximate.md shows them.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith._version import __version__
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.errors import WeightsError
from facesmith.files import write_bytes
from facesmith.printable import shortened_text
from facesmith.untrusted import ArrayFile, ContentError, open_arrays, parsed_json

_LONGEST_ABOUT = 4 << 20  # bytes
_FILE_KIND = "facesmith function"
_KERNEL_ARRAYS = ("inverse_lengths", "centres", "heights", "slope", "row_variances")
_KERNEL_NUMBERS = ("bias", "kernel_variance", "plane_variance")
_ARRAYS = ("input_offset", "input_scale", "output_offset", "output_scale", "input_min", "input_max")
_BENDS = ("input_bends", "output_bends")  # where a column is bent
_SCORES = "held_out_scores"  # files of earlier versions have none


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
    if function.held_out_scores is not None:
        arrays[_SCORES] = function.held_out_scores
    for name in _BENDS:
        if getattr(function, name) is not None:
            arrays[name] = getattr(function, name)
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
        with open_arrays(path) as file:
            about = read_about(file, str(path))
            kind = about.get("kind")
            if kind != _FILE_KIND:
                raise ContentError(
                    f"{path} is no function that `facesmith approximate` wrote; its kind is "
                    f"{shortened_text(repr(kind), 60)}."
                )
            return _function(file, about)
    except ContentError as error:
        raise WeightsError(f"{error} Pass models/bayesian-ensemble.npz of a run folder.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} is damaged or no function that `facesmith approximate` wrote "
            f"({shortened_text(str(error))}). Pass models/bayesian-ensemble.npz of a run folder."
        ) from error


def read_about(file: ArrayFile, name: str) -> dict[str, Any]:
    """The JSON text `about` of a file of arrays as an object; `name` is for messages.

    Raises:
        ContentError: If it is missing, too long or no JSON object.
    """
    shape, dtype = file.header("about")
    if shape != () or dtype.kind != "U" or dtype.itemsize > _LONGEST_ABOUT:
        raise ContentError(f"{name}: expected one JSON text as `about`, got {dtype} {shape}.")
    about = parsed_json(str(file.read("about")), f"{name}, `about`")
    if not isinstance(about, dict):
        raise ContentError(f"{name}: expected an object as `about`.")
    return about


def _function(file: ArrayFile, about: dict[str, Any]) -> FittedFunction:
    """The function of a file; a ValueError, KeyError or TypeError where it makes no sense."""
    arrays: dict[str, Any] = {name: _float64(file, name, 1) for name in _ARRAYS}
    for name in ("input_scale", "output_scale"):
        if not (arrays[name] > 0).all():
            raise ValueError(f"{name} must be positive")
    if _SCORES in file.names:
        arrays[_SCORES] = _float64(file, _SCORES, 2)
        if (arrays[_SCORES] < 0).any() or (np.diff(arrays[_SCORES], axis=0) < 0).any():
            raise ValueError(f"{_SCORES} must be positive, in ascending order")
    arrays |= {name: _float64(file, name, 2) for name in _BENDS if name in file.names}
    sizes = {
        "input_names": len(arrays["input_offset"]),
        "output_names": len(arrays["output_scale"]),
    }
    names: dict[str, Any] = {}
    for key, size in sizes.items():
        names[key] = tuple(about[key])
        if not all(isinstance(name, str) for name in names[key]) or len(names[key]) not in (
            0,
            size,
        ):
            raise ValueError(f"{key} must be {size} texts or none")
    members = tuple(_member(file, number, each) for number, each in enumerate(about["members"]))
    return FittedFunction(members, **arrays, **names)


def _about_kind(member: Member | KernelMember) -> dict[str, Any]:
    """What the text says of a member's kind."""
    if isinstance(member, Member):
        return {"n_layers": len(member.weights)}
    numbers = {name: float(getattr(member, name)) for name in _KERNEL_NUMBERS}
    return {"kernel": member.shape} | numbers


def _member(file: ArrayFile, number: int, about: dict[str, Any]) -> Member | KernelMember:
    numbers: dict[str, Any] = {name: _number(about, name) for name in ("weight", "noise_variance")}
    output = about["output"]
    if type(output) is not int:
        raise ValueError(f"output of member {number} must be a whole number")
    prefix = f"member_{number}_"
    if "kernel" in about:
        arrays: dict[str, Any] = {
            name: _float64(file, prefix + name, 2 if name == "centres" else 1)
            for name in _KERNEL_ARRAYS
        }
        numbers |= {name: _number(about, name) for name in _KERNEL_NUMBERS}
        return KernelMember(shape=about["kernel"], output=output, **numbers, **arrays)
    n_layers = about["n_layers"]
    if type(n_layers) is not int or not 0 < n_layers <= len(file.names):
        raise ValueError(f"n_layers of member {number} must be the number of its layers")
    layers = range(n_layers)
    return Member(
        weights=tuple(_float64(file, f"{prefix}weights_{layer}", 2) for layer in layers),
        biases=tuple(_float64(file, f"{prefix}biases_{layer}", 1) for layer in layers),
        covariance_root=_float64(file, f"{prefix}covariance_root", 2),
        output=output,
        **numbers,
    )


def _number(about: dict[str, Any], name: str) -> float:
    value = about[name]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {shortened_text(repr(value), 60)}")
    return float(value)


def _float64(file: ArrayFile, name: str, n_axes: int) -> npt.NDArray[np.float64]:
    shape, dtype = file.header(name)
    if dtype != np.float64 or len(shape) != n_axes or 0 in shape[:1]:
        raise ValueError(f"{name} must be float64 with {n_axes} axes; got {dtype} of shape {shape}")
    array = file.read(name).view(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array
