"""Test functions, from which tables of any length and noise are drawn.

Sources: Franke 1979; MATLAB's `peaks`; Branin 1972; Friedman 1991 and Breiman 1996 (Friedman 1 to
3); Ishigami & Homma 1990; Harper & Gupta 1983 (borehole); Goldstein & Price 1971; Dixon & Szego
1978 (six-hump camel); Rosenbrock 1960; Gramacy & Lee 2012; Ben-Ari & Steinberg 2007 (OTL circuit,
piston); An & Owen 2001 (robot arm); Forrester and others 2008 (wing weight). The others are what
their names say.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

N_TEST = 2000


@dataclass(frozen=True)
class TestFunction:
    """A known function on a box.

    Attributes:
        name: Its name in the results.
        rows: Training rows.
        low: Lower end of each input.
        high: Upper end of each input.
        function: Inputs `(n, n_inputs)` to targets `(n,)`.
        log_uniform: Whether inputs are drawn by their logarithm; else they are uniform.
        outliers: Part of the targets, of training and test rows, that are off by 5 to 15 standard
            deviations of the function, to either side.
    """

    __test__ = False  # pytest: no test class

    name: str
    rows: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    function: Callable[[np.ndarray], np.ndarray]
    log_uniform: bool = False
    outliers: float = 0.0


@dataclass(frozen=True, eq=False)
class Table:
    """Rows drawn from a test function.

    Attributes:
        x: Training inputs, `(n, n_inputs)`, uniform in the box.
        y: Training targets with noise, `(n,)`.
        x_test: 2,000 other rows.
        f_test: What the function gives for them.
        y_test: The same with noise.
        noise_std: Standard deviation of the noise, normal.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    f_test: np.ndarray
    y_test: np.ndarray
    noise_std: float


def draw(task: TestFunction, noise: float, repetition: int) -> Table:
    """A table; `noise` is its standard deviation as a part of that of the function's values."""
    rng = np.random.default_rng([zlib.crc32(task.name.encode()), repetition])
    low, high = np.array(task.low), np.array(task.high)
    parts = (rng.random((n, len(low))) for n in (task.rows, N_TEST))
    if task.log_uniform:
        x, x_test = (low * (high / low) ** part for part in parts)
    else:
        x, x_test = (low + (high - low) * part for part in parts)
    f, f_test = task.function(x), task.function(x_test)
    unit = float(f_test.std())
    y, y_test = (each + noise * unit * rng.normal(size=len(each)) for each in (f, f_test))
    for targets in (y, y_test) if task.outliers else ():
        off = rng.choice(len(targets), round(task.outliers * len(targets)), replace=False)
        targets[off] += unit * rng.uniform(5, 15, len(off)) * rng.choice([-1, 1], len(off))
    return Table(x, y, x_test, f_test, y_test, noise * unit)


def _franke(x: np.ndarray) -> np.ndarray:
    a, b = 9 * x[:, 0], 9 * x[:, 1]
    return (
        0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def _peaks(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    return (
        3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2)
        - 10 * (a / 5 - a**3 - b**5) * np.exp(-(a**2) - b**2)
        - np.exp(-((a + 1) ** 2) - b**2) / 3
    )


def _branin(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    return (
        (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a)
        + 10
    )


def _friedman_1(x: np.ndarray) -> np.ndarray:
    # Ten inputs, five of which do nothing.
    return (
        10 * np.sin(np.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
    )


def _friedman_2(x: np.ndarray) -> np.ndarray:
    return np.hypot(x[:, 0], x[:, 1] * x[:, 2] - 1 / (x[:, 1] * x[:, 3]))


def _friedman_3(x: np.ndarray) -> np.ndarray:
    return np.arctan((x[:, 1] * x[:, 2] - 1 / (x[:, 1] * x[:, 3])) / x[:, 0])


def _ishigami(x: np.ndarray) -> np.ndarray:
    a, b, c = x.T
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def _borehole(x: np.ndarray) -> np.ndarray:
    radius, influence, upper_t, upper_h, lower_t, lower_h, length, conductivity = x.T
    log_ratio = np.log(influence / radius)
    return (
        2
        * np.pi
        * upper_t
        * (upper_h - lower_h)
        / (
            log_ratio
            * (
                1
                + 2 * length * upper_t / (log_ratio * radius**2 * conductivity)
                + upper_t / lower_t
            )
        )
    )


def _goldstein_price(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    second = 30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return first * second


def _six_hump_camel(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2


def _rosenbrock(x: np.ndarray) -> np.ndarray:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def _sine(x: np.ndarray) -> np.ndarray:
    return np.sin(x[:, 0])


def _gramacy_lee(x: np.ndarray) -> np.ndarray:
    a = x[:, 0]
    return np.sin(10 * np.pi * a) / (2 * a) + (a - 1) ** 4


def _otl(x: np.ndarray) -> np.ndarray:
    # Midpoint voltage of a push-pull circuit without an output transformer.
    b1, b2, f, c1, c2, beta = x.T
    gain = beta * (c2 + 9)
    middle = 12 * b2 / (b1 + b2)
    return (
        (middle + 0.74) * gain / (gain + f)
        + 11.35 * f / (gain + f)
        + 0.74 * f * gain / ((gain + f) * c1)
    )


def _piston(x: np.ndarray) -> np.ndarray:
    mass, area, volume, spring, pressure, ambient, filling = x.T
    force = pressure * area + 19.62 * mass - spring * volume / area
    gas = pressure * volume / filling * ambient
    now = area / (2 * spring) * (np.sqrt(force**2 + 4 * spring * gas) - force)
    return 2 * np.pi * np.sqrt(mass / (spring + area**2 * gas / now**2))


def _robot_arm(x: np.ndarray) -> np.ndarray:
    angles, lengths = np.cumsum(x[:, :4], axis=1), x[:, 4:]
    return np.hypot((lengths * np.cos(angles)).sum(axis=1), (lengths * np.sin(angles)).sum(axis=1))


def _wing_weight(x: np.ndarray) -> np.ndarray:
    area, fuel, aspect, sweep, pressure, taper, thickness, load, weight, paint = x.T
    sweep = np.cos(np.deg2rad(sweep))
    return (
        0.036 * area**0.758 * fuel**0.0035 * (aspect / sweep**2) ** 0.6 * pressure**0.006
        * taper**0.04 * (100 * thickness / sweep) ** -0.3 * (load * weight) ** 0.49
        + area * paint
    )  # fmt: skip


def _power_law(x: np.ndarray) -> np.ndarray:
    return x[:, 0] ** 0.7 * x[:, 1] ** -0.4


def _log_sine(x: np.ndarray) -> np.ndarray:
    return np.sin(1.5 * np.log10(x[:, 0])) + np.log10(x[:, 1]) / 3


def _eight_periods(x: np.ndarray) -> np.ndarray:
    return np.sin(16 * np.pi * x[:, 0])


def _linear_10(x: np.ndarray) -> np.ndarray:
    # Ten of the inputs count.
    return x[:, :10] @ np.arange(1.0, 11.0)


def _steps(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    return (a > 0.3) + 2.0 * ((b > 0.6) & (a < 0.7))


_OTL_LOW, _OTL_HIGH = (50, 25, 0.5, 1.2, 0.25, 50), (150, 70, 3, 2.5, 1.2, 300)
_FRIEDMAN_LOW = (0.0, 40 * np.pi, 0.0, 1.0)
_FRIEDMAN_HIGH = (100.0, 560 * np.pi, 1.0, 11.0)

FUNCTIONS = (
    TestFunction("franke", 500, (0, 0), (1, 1), _franke),
    TestFunction("peaks", 500, (-3, -3), (3, 3), _peaks),
    TestFunction("branin", 200, (-5, 0), (10, 15), _branin),
    TestFunction("friedman-1", 500, (0,) * 10, (1,) * 10, _friedman_1),
    TestFunction("friedman-2", 200, _FRIEDMAN_LOW, _FRIEDMAN_HIGH, _friedman_2),
    TestFunction("friedman-3", 2000, _FRIEDMAN_LOW, _FRIEDMAN_HIGH, _friedman_3),
    TestFunction("ishigami", 500, (-np.pi,) * 3, (np.pi,) * 3, _ishigami),
    TestFunction(
        "borehole",
        300,
        (0.05, 100, 63070, 990, 63.1, 700, 1120, 9855),
        (0.15, 50000, 115600, 1110, 116, 820, 1680, 12045),
        _borehole,
    ),
    TestFunction("goldstein-price", 300, (-2, -2), (2, 2), _goldstein_price),
    TestFunction("six-hump-camel", 200, (-3, -2), (3, 2), _six_hump_camel),
    TestFunction("rosenbrock-5", 1000, (-2.048,) * 5, (2.048,) * 5, _rosenbrock),
    TestFunction("sine", 100, (-6,), (6,), _sine),
    TestFunction("gramacy-lee", 60, (0.5,), (2.5,), _gramacy_lee),
    TestFunction("eight-periods", 80, (0,), (1,), _eight_periods),
    TestFunction("otl", 200, _OTL_LOW, _OTL_HIGH, _otl),
    TestFunction("otl-30-rows", 30, _OTL_LOW, _OTL_HIGH, _otl),
    TestFunction("otl-outliers", 200, _OTL_LOW, _OTL_HIGH, _otl, outliers=0.05),
    TestFunction("branin-20-rows", 20, (-5, 0), (10, 15), _branin),
    TestFunction(
        "piston",
        200,
        (30, 0.005, 0.002, 1000, 90000, 290, 340),
        (60, 0.02, 0.01, 5000, 110000, 296, 360),
        _piston,
    ),
    TestFunction("robot-arm", 300, (0,) * 8, (2 * np.pi,) * 4 + (1,) * 4, _robot_arm),
    TestFunction(
        "wing-weight",
        200,
        (150, 220, 6, -10, 16, 0.5, 0.08, 2.5, 1700, 0.025),
        (200, 300, 10, 10, 45, 1, 0.18, 6, 2500, 0.08),
        _wing_weight,
    ),
    TestFunction("power-law", 200, (1e-3,) * 2, (1e3,) * 2, _power_law, log_uniform=True),
    TestFunction("log-sine", 200, (1e-3,) * 2, (1e3,) * 2, _log_sine, log_uniform=True),
    TestFunction("linear-100", 300, (-1,) * 100, (1,) * 100, _linear_10),
    TestFunction("steps", 300, (0, 0), (1, 1), _steps),
)
