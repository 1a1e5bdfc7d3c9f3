"""Points to fit a function through, and the exercise's points with its split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.errors import TableError

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Points:
    """Rows of inputs, float64 `(n, n_inputs)`, with their targets, float64 `(n,)`.

    `lines` are those of the file they came from, int64 `(n,)`; None if from none.
    """

    inputs: Float64Array
    targets: Float64Array
    lines: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.inputs.ndim != 2 or self.targets.shape != self.inputs.shape[:1]:
            raise ValueError(
                "`inputs` must have shape (n, n_inputs) and `targets` (n,); "
                f"got {self.inputs.shape} and {self.targets.shape}."
            )

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: list[int] | npt.NDArray[np.intp]) -> Points:
        """The points at these indices, in their order."""
        lines = None if self.lines is None else self.lines[indices]
        return Points(self.inputs[indices], self.targets[indices], lines)


@dataclass(frozen=True, eq=False)
class Split:
    """Points parted for fitting, for watching the fit, and for judging it.

    Attributes:
        train: What a method is fitted to.
        validation: What the learning curves and the verdict are measured on; no weight depends
            on it.
        test: What the errors are measured on, once, at the end.
        input_names: One name per input.
        target_name: Name of the target; empty where it has none.
    """

    train: Points
    validation: Points
    test: Points
    input_names: tuple[str, ...]
    target_name: str

    @property
    def output_names(self) -> tuple[str, ...]:
        """The target's name alone, or nothing where it has none."""
        return (self.target_name,) if self.target_name else ()


def split_points(
    points: Points,
    input_names: tuple[str, ...],
    target_name: str,
    *,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
) -> Split:
    """Points parted at random; every part has at least one row, train at least two.

    The first fraction is of all rows, the second of those left for fitting.
    TableError if too few rows are left for training.
    """
    n_test = max(1, round(test_fraction * len(points)))
    n_validation = max(1, round(validation_fraction * (len(points) - n_test)))
    if len(points) - n_test - n_validation < 2:
        raise TableError(
            f"{len(points)} rows leave too few for training after {n_test} test and "
            f"{n_validation} validation rows. Give more rows or lower fractions."
        )
    order = np.random.default_rng(seed).permutation(len(points))
    test, validation, train = map(points.rows, np.split(order, [n_test, n_test + n_validation]))
    return Split(train, validation, test, input_names, target_name)


def monkey_saddle(inputs: Float64Array) -> Float64Array:
    """`x^3 - 3 x y^2` for rows `(x, y)`: a saddle with three ways down, two legs and a tail."""
    x, y = inputs[:, 0], inputs[:, 1]
    return x**3 - 3 * x * y**2


def monkey_saddle_split() -> Split:
    """The exercise's 600 points: 288 train, 72 validation, 240 test.

    `x` lies in [-10, 10], `y` in [-50, 50]. Points and both shuffles come from one legacy NumPy
    generator, seeded once with 0, as the exercise draws them.

    Example:
        >>> split = monkey_saddle_split()
        >>> len(split.train), len(split.validation), len(split.test)
        (288, 72, 240)
    """
    rng = np.random.RandomState(0)
    unit = rng.rand(600, 2)
    inputs = np.column_stack([20 * unit[:, 0] - 10, 100 * unit[:, 1] - 50])
    points = Points(inputs, monkey_saddle(inputs))
    pool, test = _shuffled_split(rng, len(points), 0.6)
    train, validation = _shuffled_split(rng, len(pool), 0.8)
    pool_points = points.rows(pool)
    parts = (pool_points.rows(train), pool_points.rows(validation), points.rows(test))
    return Split(*parts, input_names=("x", "y"), target_name="z")


def _shuffled_split(
    rng: np.random.RandomState, n: int, fraction: float
) -> tuple[list[int], list[int]]:
    indices = list(range(n))
    rng.shuffle(indices)
    n_first = int(fraction * n)
    return indices[:n_first], indices[n_first:]
