"""How columns are bent and scaled before the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.approximation.model.bending import Bends, bent
from facesmith.approximation.model.preparation import mean_and_scale

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Bends, offsets and scales of inputs and outputs, as `FittedFunction` has them."""

    input_bends: Bends
    output_bends: Bends
    input_offset: Float64Array
    input_scale: Float64Array
    output_offset: Float64Array
    output_scale: Float64Array

    @classmethod
    def of(
        cls,
        inputs: Float64Array,
        targets: Float64Array,
        weights: Float64Array,
        bends: tuple[Bends, Bends],
    ) -> Scaling:
        """The scaling that gives bent columns mean 0 and standard deviation 1."""
        of_inputs = mean_and_scale(bent(inputs, bends[0]), weights)
        return cls(*bends, *of_inputs, *mean_and_scale(bent(targets, bends[1]), weights))

    def scaled(
        self, inputs: Float64Array, targets: Float64Array
    ) -> tuple[Float64Array, list[Float64Array]]:
        """Inputs as they are fitted, `(n, n_inputs)`, and the targets of each output, `(n,)`."""
        scaled = (bent(inputs, self.input_bends) - self.input_offset) / self.input_scale
        columns = (bent(targets, self.output_bends) - self.output_offset) / self.output_scale
        return scaled, [np.ascontiguousarray(column) for column in columns.T]
