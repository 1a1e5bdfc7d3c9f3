"""What is fitted to one output: the search, and the search without outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.approximation.model.bending import bends_to_mean
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.approximation.model.large_tables import refine, sample_rows
from facesmith.approximation.model.outliers import (
    WORTH_LEAVING_OUT,
    Outliers,
    find_outliers,
    log_share,
    look_odd,
    part_of,
    widening,
)
from facesmith.approximation.model.preparation import TrainingRows, mean_and_scale
from facesmith.approximation.model.scaling import Scaling
from facesmith.approximation.model.search import Chosen, Search, SearchSettings, Tried

Float64Array = npt.NDArray[np.float64]


@dataclass(eq=False)
class OutputFit:
    """The nets and the process of one output; `run` finds them.

    Attributes:
        rows: What they are fitted to.
        settings: How they are looked for.
        number: Of the output, 0 for the first.
        chosen: Fits and their parts in the function, heaviest first.
        tried: What took part.
        outliers: Which rows were left out as outliers, bool `(n,)`.
        offset: The mean of the other targets; the fits are to targets less this, divided by
        scale: their standard deviation.
    """

    rows: TrainingRows
    settings: SearchSettings
    number: int
    chosen: list[Chosen] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    outliers: Outliers = field(init=False)
    offset: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        self.outliers = np.zeros(len(self.rows.targets), dtype=bool)

    def run(self, rng: np.random.Generator, on_progress: Callable[[float], None] | None) -> None:
        """Search, and where rows look like outliers, search again without them.

        `on_progress` is called with the part of the first search that is done.
        """
        search = Search(sample_rows(self.rows, rng), self.settings, rng, on_progress)
        found = search.run()
        if on_progress is not None:
            on_progress(1.0)
        if not self._left_out(found, search, rng):
            self._keep(found, search, self.rows)

    def members(self) -> list[Member | KernelMember]:
        """The parts of the function, their deviations wide enough for a share of outliers."""
        factor = widening(self.outliers) if self.outliers.any() else 1.0
        parts = [fit.member(self.number, weight) for fit, weight in self.chosen]
        return parts if factor == 1.0 else [_widened(part, factor) for part in parts]

    def _left_out(self, found: list[Chosen], search: Search, rng: np.random.Generator) -> bool:
        """Whether outliers were found, and a search without them has ended higher."""
        settings, rows = self.settings, self.rows
        if not settings.everything or settings.patience is not None:
            return False
        if search.process is not None:
            errors, deviations = search.process.left_out_errors
            if not look_odd(errors / deviations):
                return False
        outliers = find_outliers(rows)
        if not outliers.any():
            return False
        kept = part_of(rows, ~outliers)
        (offset,), (scale,) = mean_and_scale(kept.targets[:, None], kept.weights)
        kept = replace(kept, targets=(kept.targets - offset) / scale)
        if kept.validation is not None:
            inputs, targets = kept.validation
            kept = replace(kept, validation=(inputs, (targets - offset) / scale))
        again = Search(sample_rows(kept, rng), settings, rng)
        found_again = again.run()
        # Of large tables a part of the rows is searched on: evidence a row is compared.
        n = len(rows.targets)
        after = found_again[0][0].score_per_row - np.log(scale)
        after = after * (~outliers).sum() + log_share(rows.targets - offset, outliers)
        if after <= found[0][0].score_per_row * n + WORTH_LEAVING_OUT:
            return False
        self.outliers, self.offset, self.scale = outliers, float(offset), float(scale)
        self._keep(found_again, again, kept)
        return True

    def _keep(self, found: list[Chosen], search: Search, rows: TrainingRows) -> None:
        sampled = len(search.rows.targets) < len(rows.targets)
        self.chosen = refine(found, rows, self.settings) if sampled else found
        parts = zip(found, self.chosen, strict=False)
        weights = [(fit, weight) for (fit, _), (_, weight) in parts]
        self.tried = search.tried(self.number, weights)


def function_of(
    fits: Sequence[OutputFit],
    scaling: Scaling,
    ranges: tuple[Float64Array, Float64Array],
    names: tuple[str, ...],
) -> FittedFunction:
    """The function that fits of all outputs make; `ranges` are those of the inputs."""
    offset = scaling.output_offset + scaling.output_scale * [fit.offset for fit in fits]
    scale = scaling.output_scale * [fit.scale for fit in fits]
    bends = scaling.output_bends
    if bends is not None:
        bends = bends_to_mean(bends, scale**2 * [fit.chosen[0][0].noise_variance for fit in fits])
    return FittedFunction(
        tuple(member for fit in fits for member in fit.members()),
        *(scaling.input_offset, scaling.input_scale, offset, scale),
        *ranges,
        names,
        input_bends=scaling.input_bends,
        output_bends=bends,
    )


def _widened(member: Member | KernelMember, factor: float) -> Member | KernelMember:
    """The same member with larger deviations."""
    names = ["noise_variance"]
    if isinstance(member, KernelMember):
        names += ["kernel_variance", "plane_variance", "row_variances"]
    changes: Any = {name: factor**2 * getattr(member, name) for name in names}
    if isinstance(member, Member):
        changes["covariance_root"] = factor * member.covariance_root
    return replace(member, **changes)
