"""How the exercise's nets are trained, and which settings of that to compare. Loads no PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

# More trainings than this are no comparison any more: nobody reads the curves apart.
MAX_COMBINATIONS = 24


@dataclass(frozen=True)
class AdamSettings:
    """How one of the exercise's nets is trained; the defaults are the exercise's.

    Attributes:
        batch_size: Rows a step.
        learning_rate: Adam's; constant.
        depth: Tanh layers, between a first and a last hidden layer without activation. The linear
            net has none, whatever stands here.
        units: Units of each hidden layer.
        epochs: Passes over the training rows.

    Raises:
        ValueError: If one is out of its bounds.
    """

    batch_size: int = 16
    learning_rate: float = 1e-2
    depth: int = 1
    units: int = 64
    epochs: int = 500

    def __post_init__(self) -> None:
        for name, minimum in (("batch_size", 1), ("depth", 0), ("units", 1), ("epochs", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < minimum:
                raise ValueError(
                    f"`{name}` must be an integer of at least {minimum}; got {name}={value!r}."
                )
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(
                "`learning_rate` must be positive and finite; "
                f"got learning_rate={self.learning_rate!r}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


# What can be compared: the name on the command line -> the field. Epochs are no such setting: the
# longer training's curve has the shorter one in it.
COMPARABLE = {
    "batch-size": "batch_size",
    "learning-rate": "learning_rate",
    "depth": "depth",
    "units": "units",
}


def combinations(
    base: AdamSettings, compare: Mapping[str, Sequence[float]]
) -> list[tuple[str, AdamSettings]]:
    """Every combination of the values to compare.

    Args:
        base: The settings that are not compared.
        compare: For each of the names in `COMPARABLE` that is compared, its values.

    Returns:
        For each combination what tells it apart, as "batch-size=1 depth=2", and its settings. The
        values of the last name change fastest. Without anything to compare, one: `("", base)`.

    Raises:
        ValueError: If a name or a value is out of its bounds, or there are more than 24.

    Example:
        >>> [label for label, _ in combinations(AdamSettings(), {"batch-size": [1, 100]})]
        ['batch-size=1', 'batch-size=100']
    """
    for name in compare:
        if name not in COMPARABLE:
            raise ValueError(f"`compare` must be among {', '.join(COMPARABLE)}; got {name!r}.")
    found = []
    for values in itertools.product(*(dict.fromkeys(values) for values in compare.values())):
        named = dict(zip(compare, values, strict=True))
        label = " ".join(f"{name}={value:g}" for name, value in named.items())
        changes: dict[str, Any] = {COMPARABLE[name]: value for name, value in named.items()}
        found.append((label, replace(base, **changes)))
    if len(found) > MAX_COMBINATIONS:
        raise ValueError(
            f"{len(found)} combinations are too many to compare; at most {MAX_COMBINATIONS} are "
            "possible. Leave some values out."
        )
    return found
