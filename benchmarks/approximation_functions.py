"""`FunctionApproximator` beside scikit-learn's regressors, on test functions and real tables.

    python benchmarks/approximation_functions.py

`results/README.md` says what is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

from about import ROOT, about
from approximation_tables import TABLES, RealTable, draw_rows
from approximation_tasks import FUNCTIONS, N_TEST, Table, TestFunction, draw
from facesmith import FunctionApproximator
from facesmith.approximation.experiment.adam_nets import adam_function, train_adam_net
from facesmith.approximation.experiment.points import Points, Split

THREADS = 1  # of every method
NOISES = (0.0, 0.01, 0.1)
# The promise: at most this many times the error of the best other method.
BARS = {0.0: 2.0, 0.1: 1.15}
OURS = "facesmith"
FOLDS = KFold(3, shuffle=True, random_state=0)
TWO_SIDED_95 = 1.959964

# A fit from a table and a seed: predictions on its test rows, and their deviation where there is.
Fit = Callable[[Table, int], tuple[np.ndarray, np.ndarray | None]]


def main() -> None:
    arguments = _arguments()
    runs: list[dict[str, Any]] = []
    made = about(("numpy", "scipy", "scikit-learn", "torch"), threads=THREADS)
    if arguments.again:
        runs += _kept(arguments, made)
    with threadpool_limits(limits=THREADS):
        _warm_up()
        for task in (*FUNCTIONS, *TABLES):
            if arguments.functions and task.name not in arguments.functions:
                continue
            for noise in (None,) if isinstance(task, RealTable) else arguments.noise:
                for repetition in range(arguments.repetitions):
                    _compare(task, noise, repetition, arguments.again or arguments.methods, runs)
            if not arguments.again:
                _write(arguments, made, runs)  # after each function: it is a long way to the end
    _print(_write(arguments, made, runs)["summary"])


def _kept(arguments: argparse.Namespace, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of an earlier file but those that are measured again; `made` says whence."""
    earlier = json.loads(arguments.out.read_text())
    made["kept"] = {
        "methods": [method for method in arguments.methods if method not in arguments.again],
        "about": earlier["about"].get("kept", {}).get("about", earlier["about"]),
    }
    return [run for run in earlier["runs"] if run["method"] not in arguments.again]


def _compare(
    task: TestFunction | RealTable,
    noise: float | None,
    repetition: int,
    methods: list[str],
    runs: list[dict[str, Any]],
) -> None:
    """All methods on one table; `noise` is None for a real one."""
    table = draw_rows(task, repetition) if noise is None else draw(task, noise, repetition)
    for method in methods:
        run = {
            "function": task.name,
            "rows": len(table.y),
            "inputs": table.x.shape[1],
            "noise": noise,
            "repetition": repetition,
            "method": method,
        } | _measure(METHODS[method], table, repetition)
        runs.append(run)
        print(
            f"{task.name:16} {noise!s:5} {repetition} {method:22} "
            f"{run['rmse']:10.3g} {run['seconds']:8.2f} s",
            file=sys.stderr,
            flush=True,
        )


def _write(
    arguments: argparse.Namespace, made: dict[str, Any], runs: list[dict[str, Any]]
) -> dict[str, Any]:
    result = {
        "about": made,
        "protocol": {
            "rmse": f"against the function without noise on {N_TEST} other rows, in standard "
            "deviations of the function; of real tables against the targets of 30 % of the rows",
            "rmse_of_targets": "the same against targets with noise as that of the training rows",
            "coverage": "part of those targets within 1.96 predicted standard deviations",
            "repetitions": arguments.repetitions,
            "settings": SETTINGS,
            "seconds": "of fit and prediction, without imports, the search for settings included",
        },
        "summary": _summary(runs, arguments.methods),
        "runs": runs,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument(
        "--functions", nargs="*", choices=[task.name for task in (*FUNCTIONS, *TABLES)]
    )
    parser.add_argument("--noise", nargs="*", type=float, default=NOISES)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument(
        "--again",
        nargs="+",
        choices=list(METHODS),
        help="measure these again and keep the other methods' runs of the file --out",
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results/approximation_functions.json"
    )
    return parser.parse_args()


def _ours(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    model = FunctionApproximator(random_state=seed).fit(table.x, table.y)
    return model.predict(table.x_test, return_std=True)


def _scaled(model: Any) -> Any:
    """Standardised inputs and targets around a scikit-learn regressor."""
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), model), transformer=StandardScaler()
    )


def _gaussian_process(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """One length scale an input, noise estimated; the more probable of two kernels."""
    scaler = StandardScaler().fit(table.x)
    x = scaler.transform(table.x)
    best = None
    for shape in (RBF, partial(Matern, nu=2.5)):
        kernel = ConstantKernel(1.0, (1e-3, 1e6)) * shape(
            length_scale=np.ones(x.shape[1]), length_scale_bounds=(1e-2, 1e4)
        ) + WhiteKernel(1e-2, (1e-10, 1e1))
        model = GaussianProcessRegressor(
            kernel, alpha=1e-12, normalize_y=True, n_restarts_optimizer=1, random_state=seed
        ).fit(x, table.y)
        if (
            best is None
            or model.log_marginal_likelihood_value_ > best.log_marginal_likelihood_value_
        ):
            best = model
    return best.predict(scaler.transform(table.x_test), return_std=True)


def _searched(make: Callable[[int], Any], grid: Callable[[int], dict[str, list[Any]]]) -> Fit:
    """A regressor with the settings of a grid that do best in three-fold cross-validation."""

    def fit(table: Table, seed: int) -> tuple[np.ndarray, None]:
        prefix = "regressor__" + type(make(seed)).__name__.lower() + "__"
        settings = {prefix + key: values for key, values in grid(table.x.shape[1]).items()}
        search = GridSearchCV(
            _scaled(make(seed)), settings, scoring="neg_mean_squared_error", cv=FOLDS
        )
        return search.fit(table.x, table.y).predict(table.x_test), None

    return fit


def _gammas(n_inputs: int) -> list[float]:
    return [gamma / n_inputs for gamma in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)]


def _exercise_recipe(table: Table, seed: int) -> tuple[np.ndarray, None]:
    """The exercise's tanh net: 500 epochs of Adam, a fifth of the rows kept for validation."""
    order = np.random.default_rng(seed).permutation(len(table.y))
    n_train = int(0.8 * len(order))
    points = Points(table.x, table.y)
    split = Split(
        train=points.rows(order[:n_train]),
        validation=points.rows(order[n_train:]),
        test=Points(table.x_test, table.y_test),
        input_names=tuple(f"x{number}" for number in range(table.x.shape[1])),
        target_name="y",
    )
    end = train_adam_net("tanh-adam", split, seed=seed)
    return adam_function(end, split).predict(table.x_test)[:, 0], None


SETTINGS = {
    OURS: "FunctionApproximator(random_state=repetition), nothing else",
    "gaussian-process": "constant * (RBF or Matern 5/2, one length an input, 1e-2 to 1e4) + white "
    "noise (1e-10 to 10), standardised, one restart; the kernel of the higher evidence",
    "mlp": "64-64 tanh, lbfgs, 400 iterations, alpha 1e-4 or 0.1 by three folds, standardised",
    "hist-gradient-boosting": "300 iterations, 7 or 31 leaves, 5 or 20 rows a leaf by three folds",
    "svr": "RBF, C 1, 30 or 1000, six gammas from 0.01 to 3 over the inputs, epsilon 0.01, by "
    "three folds, standardised",
    "kernel-ridge": "RBF, seven alphas from 1e-10 to 1, the same gammas, by three folds, "
    "standardised",
    "tanh-adam": "the exercise's net: 500 epochs of Adam, a fifth of the rows for validation",
}
METHODS: dict[str, Fit] = {
    OURS: _ours,
    "gaussian-process": _gaussian_process,
    "mlp": _searched(
        lambda seed: MLPRegressor(
            hidden_layer_sizes=(64, 64),
            activation="tanh",
            solver="lbfgs",
            max_iter=400,
            random_state=seed,
        ),
        lambda _: {"alpha": [1e-4, 1e-1]},
    ),
    "hist-gradient-boosting": _searched(
        lambda seed: HistGradientBoostingRegressor(max_iter=300, random_state=seed),
        lambda _: {"max_leaf_nodes": [7, 31], "min_samples_leaf": [5, 20]},
    ),
    "svr": _searched(
        lambda _: SVR(max_iter=300_000),
        lambda n: {"C": [1, 30, 1e3], "gamma": _gammas(n), "epsilon": [1e-2]},
    ),
    "kernel-ridge": _searched(
        lambda _: KernelRidge(kernel="rbf"),
        lambda n: {"alpha": [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1e-1, 1], "gamma": _gammas(n)},
    ),
    "tanh-adam": _exercise_recipe,
}


def _warm_up() -> None:
    x = np.linspace(-1, 1, 30)[:, None]
    FunctionApproximator(max_iter=20).fit(x, x[:, 0])


def _measure(fit: Fit, table: Table, seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    with warnings.catch_warnings():
        # Baselines end at a bound of their settings or at their maximum of iterations; test rows
        # lie at the edge of the box.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        predictions, deviations = fit(table, seed)
    seconds = time.perf_counter() - started
    unit = float(table.f_test.std())

    def rmse(targets: np.ndarray) -> float:
        return float(f"{math.sqrt(np.mean((predictions - targets) ** 2)) / unit:.4g}")

    measured: dict[str, Any] = {
        "rmse": rmse(table.f_test),
        "rmse_of_targets": rmse(table.y_test),
        "seconds": round(seconds, 2),
    }
    if deviations is not None:
        inside = np.abs(table.y_test - predictions) <= TWO_SIDED_95 * deviations
        measured["coverage"] = round(float(inside.mean()), 4)
    return measured


def _summary(runs: list[dict[str, Any]], methods: list[str]) -> dict[str, Any]:
    """Ranks over the cases, and our error over the best other one."""
    cases: dict[tuple[str, float | None], dict[str, dict[str, float]]] = {}
    for run in runs:
        by_method = cases.setdefault((run["function"], run["noise"]), {})
        by_method.setdefault(run["method"], []).append(run)
    rows = []
    ranks: dict[str, list[int]] = {method: [] for method in methods}
    for (function, noise), by_method in cases.items():
        errors, target_errors, seconds = (
            {m: float(np.median([r[key] for r in found])) for m, found in by_method.items()}
            for key in ("rmse", "rmse_of_targets", "seconds")
        )
        order = sorted(errors, key=errors.get)
        for method in methods:
            ranks[method].append(1 + order.index(method))
        row = {"function": function, "noise": noise, "rmse": errors, "seconds": seconds}
        others = [method for method in methods if method != OURS]
        if OURS in errors and others:
            best = min(others, key=errors.get)
            row |= {
                "rank": 1 + order.index(OURS),
                "best_other": best,
                "ratio": round(errors[OURS] / errors[best], 3),
                "ratio_of_targets": round(
                    target_errors[OURS] / min(target_errors[m] for m in others), 3
                ),
            }
            row["coverage"] = round(float(np.mean([r["coverage"] for r in by_method[OURS]])), 4)
        rows.append(row)
    return {
        "median_rank": {method: float(np.median(found)) for method, found in ranks.items()},
        "mean_rank": {method: round(float(np.mean(found)), 2) for method, found in ranks.items()},
        "cases": rows,
    }


def _print(summary: dict[str, Any]) -> None:
    methods = list(summary["median_rank"])
    print(f"{'':24}" + "".join(f"{method[:12]:>13}" for method in methods) + "  ratio  cover")
    for row in summary["cases"]:
        noise = "real" if row["noise"] is None else f"{row['noise']:.0%}"
        line = f"{row['function']:16}{noise:>7} "
        line += "".join(f"{row['rmse'][method]:13.3g}" for method in methods)
        if "ratio" in row:
            bar = BARS.get(row["noise"], math.inf)
            # Targets that are off are no measure of a function.
            clean = row["noise"] == 0 or "outliers" in row["function"]
            measure = "ratio" if clean else "ratio_of_targets"
            line += f"{row['ratio']:7.2f}{row['coverage']:7.3f}"
            line += f"  misses {bar}" if row[measure] > bar else ""
        print(line)
    for name in ("median_rank", "mean_rank"):
        print(f"{name:24}" + "".join(f"{summary[name][method]:13.2f}" for method in methods))


if __name__ == "__main__":
    main()
