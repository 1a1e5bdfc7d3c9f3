"""A trained net as plain arrays: what every method here ends in, and its file."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith._version import __version__
from facesmith.errors import WeightsError

Float64Array = npt.NDArray[np.float64]

_FILE_KIND = "facesmith dense net"


@dataclass(frozen=True, eq=False)
class DenseNet:
    """A chain of fully connected layers with the scaling of its inputs and its target.

    Attributes:
        weights: One matrix per layer, float64 `(n_in, n_out)`; the last has `n_out = 1`.
        biases: One vector per layer, float64 `(n_out,)`.
        tanh_layers: For each layer, whether tanh follows; otherwise the layer is linear.
        input_mean: float64 `(n_inputs,)`, subtracted from the inputs.
        input_scale: float64 `(n_inputs,)`, positive; the centred inputs are divided by it.
        target_mean: Added to the scaled output.
        target_scale: The output of the last layer is multiplied by it.
        input_names: The columns that the inputs came from, in order; empty when unnamed.
        target_name: The column that the target came from; empty when unnamed.

    Raises:
        ValueError: If the shapes of the layers do not chain to one output.

    Example:
        >>> double = DenseNet.from_layers([([[2.0]], [1.0], False)])
        >>> double(np.array([[3.0], [4.0]]))
        array([7., 9.])
    """

    weights: tuple[Float64Array, ...]
    biases: tuple[Float64Array, ...]
    tanh_layers: tuple[bool, ...]
    input_mean: Float64Array
    input_scale: Float64Array
    target_mean: float = 0.0
    target_scale: float = 1.0
    input_names: tuple[str, ...] = ()
    target_name: str = ""

    def __post_init__(self) -> None:
        if not (0 < len(self.weights) == len(self.biases) == len(self.tanh_layers)):
            raise ValueError(
                "`weights`, `biases` and `tanh_layers` must have one entry per layer; "
                f"got {len(self.weights)}, {len(self.biases)} and {len(self.tanh_layers)}."
            )
        width = len(self.input_mean)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if weight.ndim != 2 or weight.shape[0] != width or bias.shape != weight.shape[1:]:
                raise ValueError(
                    f"layer {number} must take {width} values; got weights of shape "
                    f"{weight.shape} and a bias of shape {bias.shape}."
                )
            width = weight.shape[1]
        if width != 1 or self.input_scale.shape != self.input_mean.shape:
            raise ValueError(
                "a net must have one output and as many input scales as means; "
                f"got {width} outputs, scales {self.input_scale.shape}, "
                f"means {self.input_mean.shape}."
            )

    @classmethod
    def from_layers(cls, layers: list[tuple[npt.ArrayLike, npt.ArrayLike, bool]]) -> DenseNet:
        """A net without scaling from `(weights, bias, tanh)` per layer."""
        weights = tuple(np.asarray(weight, dtype=np.float64) for weight, _, _ in layers)
        biases = tuple(np.asarray(bias, dtype=np.float64) for _, bias, _ in layers)
        n_inputs = weights[0].shape[0]
        tanh_layers = tuple(tanh for _, _, tanh in layers)
        return cls(weights, biases, tanh_layers, np.zeros(n_inputs), np.ones(n_inputs))

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.input_mean)

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(a.size for a in (*self.weights, *self.biases))

    def __call__(self, inputs: npt.ArrayLike) -> Float64Array:
        """Predicted targets, float64 `(n,)`, for inputs `(n, n_inputs)` in their own units.

        Raises:
            ValueError: If the inputs have another shape.
        """
        inputs = np.asarray(inputs, dtype=np.float64)
        if inputs.ndim != 2 or inputs.shape[1] != self.n_inputs:
            raise ValueError(
                f"`inputs` must have shape (n, {self.n_inputs}); got {inputs.shape}. "
                "Pass one row per point."
            )
        values = (inputs - self.input_mean) / self.input_scale
        for weight, bias, tanh in zip(self.weights, self.biases, self.tanh_layers, strict=True):
            values = values @ weight + bias
            if tanh:
                values = np.tanh(values)
        return self.target_mean + self.target_scale * values[:, 0]

    def save(self, path: str | Path) -> None:
        """Write the net as an `.npz` of plain arrays and one JSON text; nothing is pickled.

        The same net gives the same bytes.
        """
        about = {
            "kind": _FILE_KIND,
            "facesmith": __version__,
            "n_layers": len(self.weights),
            "tanh_layers": [bool(tanh) for tanh in self.tanh_layers],
            "target_mean": float(self.target_mean),
            "target_scale": float(self.target_scale),
            "input_names": list(self.input_names),
            "target_name": self.target_name,
        }
        arrays = {"input_mean": self.input_mean, "input_scale": self.input_scale}
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"weights_{number}"] = weight
            arrays[f"bias_{number}"] = bias
        with Path(path).open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def load_net(path: str | Path) -> DenseNet:
    """Read a net that `DenseNet.save` wrote.

    Args:
        path: The `.npz` file, for instance `models/default.npz` of a run folder.

    Returns:
        The net; call it with inputs `(n, n_inputs)` for predictions.

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
                    f"{path} is no net that `facesmith approximate` wrote; its kind is "
                    f"{about.get('kind')!r}. Pass models/default.npz of a run folder."
                )
            layers = range(int(about["n_layers"]))
            return DenseNet(
                weights=tuple(file[f"weights_{number}"] for number in layers),
                biases=tuple(file[f"bias_{number}"] for number in layers),
                tanh_layers=tuple(about["tanh_layers"]),
                input_mean=file["input_mean"],
                input_scale=file["input_scale"],
                target_mean=about["target_mean"],
                target_scale=about["target_scale"],
                input_names=tuple(about["input_names"]),
                target_name=about["target_name"],
            )
    except FileNotFoundError as error:
        raise WeightsError(f"{path} does not exist. Pass the .npz of a run folder.") from error
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise WeightsError(
            f"{path} is damaged or no net that `facesmith approximate` wrote ({error}). "
            "Pass models/default.npz of a run folder."
        ) from error
