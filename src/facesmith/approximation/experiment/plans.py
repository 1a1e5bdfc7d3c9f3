"""Which fits are to be done: methods, and the settings of them to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesmith.approximation.experiment.adam_settings import AdamSettings, combinations

METHODS = ("linear", "tanh-adam", "default")


@dataclass(frozen=True)
class Plan:
    """One fit that is to be done.

    Attributes:
        method: "linear", "tanh-adam" or "default".
        compared: What tells it from the other fits of this method, as "batch-size=1 depth=2";
            empty where nothing is compared.
        adam: How it is trained; None for the default method.
    """

    method: str
    compared: str = ""
    adam: AdamSettings | None = None

    @property
    def label(self) -> str:
        """What the fit is called in tables."""
        return f"{self.method} {self.compared}".rstrip()


def plan_fits(
    methods: Sequence[str],
    adam: AdamSettings | None = None,
    compare: Mapping[str, Sequence[float]] | None = None,
) -> tuple[Plan, ...]:
    """The fits that methods and settings to compare ask for, in this order.

    Args:
        methods: Among "linear", "tanh-adam" and "default".
        adam: How the first two are trained; the exercise's way if left out.
        compare: For names among "batch-size", "learning-rate", "depth" and "units" the values to
            compare; each of the first two methods is trained with every combination.

    Raises:
        ValueError: If a method, a name or a value is out of its bounds, there are more than 24
            combinations, or what is compared changes nothing in a method.
    """
    plans = []
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"`methods` must be among {', '.join(METHODS)}; got {method!r}.")
        if method == "default":
            plans.append(Plan(method))
            continue
        if method == "linear" and "depth" in (compare or {}):
            raise ValueError("The linear net has no tanh layers: its depth cannot be compared.")
        for compared, settings in combinations(adam or AdamSettings(), compare or {}):
            plans.append(Plan(method, compared, settings))
    return tuple(plans)
