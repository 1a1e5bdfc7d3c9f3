"""The settings of `facesmith approximate`: methods, training by Adam, comparison, table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

METHODS = ("linear", "tanh-adam", "default")
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
        rate: Any = self.learning_rate
        if not isinstance(rate, int | float) or not 0 < rate < float("inf"):
            raise ValueError(
                "`learning_rate` must be positive and finite; "
                f"got learning_rate={self.learning_rate!r}."
            )


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

    Of each it gives what tells it apart, as "batch-size=1 depth=2", and its settings; the values of
    the last name change fastest. Without anything to compare, one: `("", base)`.

    Raises:
        ValueError: If a name is not in `COMPARABLE`, a value is out of its bounds, or there are
            more than 24.

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

    The methods but "default" are trained with every combination of what is compared.

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


@dataclass(frozen=True)
class ApproximationConfig:
    """What a run is asked for; its config.json holds these.

    Attributes:
        methods: Among "linear", "tanh-adam" and "default".
        seed: Of weights, row order and split.
        adam: How the first two methods are trained.
        compare: Values of settings of that to compare, see `plan_fits`.
        max_iter: Most iterations of the default method; None for its own default.
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
        for name, wanted, allowed in (
            ("seed", "an integer from 0 to 4294967295", _is_integer(self.seed, 0, 2**32 - 1)),
            ("max_iter", "a positive integer", _is_integer(max_iter, 1, 2**63)),
            ("test_fraction", "between 0 and 1", _is_fraction(self.test_fraction)),
            ("validation_fraction", "between 0 and 1", _is_fraction(self.validation_fraction)),
            ("skip_bad_lines", "true or false", isinstance(self.skip_bad_lines, bool)),
            ("inputs", "names of columns", all(isinstance(name, str) for name in self.inputs)),
            ("target", "the name of a column", isinstance(self.target, str | None)),
            ("points", "the name of a file", isinstance(self.points, str | None)),
        ):
            if not allowed:
                raise ValueError(f"`{name}` must be {wanted}; got {name}={getattr(self, name)!r}.")
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
            ValueError: If a setting is unknown, of another type or out of its bounds.
        """
        values = dict(values)
        _check_names(values, cls)
        for name, kind in (("methods", list), ("inputs", list), ("compare", dict), ("adam", dict)):
            if name in values and not isinstance(values[name], kind | tuple):
                raise ValueError(f"`{name}` must be a {kind.__name__}; got {values[name]!r}.")
        adam, compare = values.get("adam", {}), values.get("compare", {})
        _check_names(adam, AdamSettings)
        try:
            values["compare"] = {name: tuple(several) for name, several in compare.items()}
            for name in {"methods", "inputs"} & values.keys():
                values[name] = tuple(values[name])
            return cls(**{**values, "adam": AdamSettings(**adam)})
        except TypeError as error:
            raise ValueError(f"a setting has a wrong type ({error})") from error


def _is_integer(value: object, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < 1


def _check_names(values: Mapping[str, Any], kind: Any) -> None:
    known = [each.name for each in fields(kind)]
    for name in values:
        if name not in known:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(known)}")
