"""The settings of `facesmith approximate`: methods, training by Adam, comparison, table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from facesmith.runs.settings import with_changes

# Tanh nets and a Gaussian process, averaged by their evidence: the method unless another is named.
ENSEMBLE = "bayesian-ensemble"
METHODS = ("linear", "tanh-adam", ENSEMBLE)
# What runs and commands of earlier versions call it; still understood.
FORMER_NAMES = {"default": ENSEMBLE}
# More trainings than this are no comparison any more: nobody reads the curves apart.
MAX_COMBINATIONS = 24


def current_name(method: str) -> str:
    """The name of a method today; that of earlier versions is still understood.

    Example:
        >>> current_name("default"), current_name("linear")
        ('bayesian-ensemble', 'linear')
    """
    return next((new for old, new in FORMER_NAMES.items() if old == method), method)


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
        rate = self.learning_rate
        if not 0 < rate < float("inf"):
            raise ValueError(
                f"`learning_rate` must be positive and finite; got learning_rate={rate!r}."
            )


# What can be compared. Epochs are no such setting: the longer training's curve has the shorter one
# in it.
COMPARABLE = ("batch-size", "learning-rate", "depth", "units")


@dataclass(frozen=True)
class Plan:
    """One fit that is to be done.

    Attributes:
        method: "linear", "tanh-adam" or "bayesian-ensemble".
        compared: What tells it from the other fits of this method, as "batch-size=1 depth=2";
            empty where nothing is compared.
        adam: How it is trained; None for the ensemble.
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

    The methods but "bayesian-ensemble" are trained with every combination of what is compared; the
    values of the last name change fastest. "default" is its former name.

    Raises:
        ValueError: If a method, a name or a value is out of its bounds, there are more than 24
            combinations, or what is compared changes nothing in a method.

    Example:
        >>> [plan.label for plan in plan_fits(["linear"], compare={"batch-size": [1, 100]})]
        ['linear batch-size=1', 'linear batch-size=100']
    """
    compare = compare or {}
    for name in compare:
        if name not in COMPARABLE:
            raise ValueError(f"`compare` must be among {', '.join(COMPARABLE)}; got {name!r}.")
    combinations = list(itertools.product(*map(dict.fromkeys, compare.values())))
    if len(combinations) > MAX_COMBINATIONS:
        raise ValueError(
            f"{len(combinations)} combinations are too many to compare; at most "
            f"{MAX_COMBINATIONS} are possible. Leave some values out."
        )
    plans = []
    for method in dict.fromkeys(map(current_name, methods)):
        if method not in METHODS:
            raise ValueError(f"`methods` must be among {', '.join(METHODS)}; got {method!r}.")
        if method == ENSEMBLE:
            plans.append(Plan(method))
            continue
        if method == "linear" and "depth" in compare:
            raise ValueError("The linear net has no tanh layers: its depth cannot be compared.")
        for values in combinations:
            named = dict(zip(compare, values, strict=True))
            label = " ".join(f"{name}={value:g}" for name, value in named.items())
            changes: Any = {name.replace("-", "_"): value for name, value in named.items()}
            plans.append(Plan(method, label, replace(adam or AdamSettings(), **changes)))
    return tuple(plans)


@dataclass(frozen=True)
class ApproximationConfig:
    """What a run is asked for; its config.json holds these.

    Attributes:
        methods: Among "linear", "tanh-adam" and "bayesian-ensemble".
        seed: Of weights, row order and split.
        adam: How the first two methods are trained.
        compare: Values of settings of that to compare, see `plan_fits`.
        max_iter: Most iterations of the ensemble's parts; None for its own default.
        points: CSV file of the points; None for the exercise's.
        points_sha256: Its checksum; None if it was not taken.
        target: Its column to predict.
        inputs: Its columns to predict the target from; all others if empty.
        test_fraction: Part of its rows that the errors are measured on.
        validation_fraction: Part of the other rows that the learning curves are measured on.
        skip_bad_lines: Whether to leave out lines that cannot be used, instead of an error.

    Raises:
        ValueError: If a setting is out of its bounds.
    """

    methods: tuple[str, ...] = METHODS
    seed: int = 0
    adam: AdamSettings = field(default_factory=AdamSettings)
    compare: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    max_iter: int | None = None
    points: str | None = None
    points_sha256: str | None = None
    target: str | None = None
    inputs: tuple[str, ...] = ()
    test_fraction: float = 0.2
    validation_fraction: float = 0.1
    skip_bad_lines: bool = False

    def __post_init__(self) -> None:
        max_iter = 1 if self.max_iter is None else self.max_iter
        lists = all(isinstance(values, Sequence) for values in self.compare.values())
        for name, wanted, allowed in (
            ("seed", "an integer from 0 to 4294967295", _is_integer(self.seed, 0, 2**32 - 1)),
            ("max_iter", "a positive integer", _is_integer(max_iter, 1, 2**63)),
            ("test_fraction", "between 0 and 1", 0 < self.test_fraction < 1),
            ("validation_fraction", "between 0 and 1", 0 < self.validation_fraction < 1),
            ("compare", "lists of values", lists),
        ):
            if not allowed:
                raise ValueError(f"`{name}` must be {wanted}; got {name}={getattr(self, name)!r}.")
        object.__setattr__(self, "methods", tuple(map(current_name, self.methods)))
        compare = {name: tuple(values) for name, values in self.compare.items()}
        object.__setattr__(self, "compare", compare)
        self.plans()

    def plans(self) -> tuple[Plan, ...]:
        """The fits to be done."""
        return plan_fits(self.methods, self.adam, self.compare)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ApproximationConfig:
        """Settings from plain values; those left out keep their defaults.

        Raises:
            SettingsError: If a setting is unknown, of another type or out of its bounds.
        """
        return with_changes(cls(), values)


def _is_integer(value: object, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
