"""Twelve test functions, from which tables of any length and noise are drawn.

Sources: Franke 1979; MATLAB's `peaks`; Branin 1972; Friedman 1991 and Breiman 1996 (Friedman 1 to
3); Ishigami & Homma 1990; Harper & Gupta 1983 (borehole); Goldstein & Price 1971; Dixon & Szego
1978 (six-hump camel); Rosenbrock 1960.
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
    """

    __test__ = False  # pytest: no test class

    name: str
    rows: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    function: Callable[[np.ndarray], np.ndarray]


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
    x, x_test = (low + (high - low) * rng.random((n, len(low))) for n in (task.rows, N_TEST))
    f, f_test = task.function(x), task.function(x_test)
    noise_std = noise * float(f_test.std())
    return Table(
        x=x,
        y=f + noise_std * rng.normal(size=len(f)),
        x_test=x_test,
        f_test=f_test,
        y_test=f_test + noise_std * rng.normal(size=len(f_test)),
        noise_std=noise_std,
    )


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
)
