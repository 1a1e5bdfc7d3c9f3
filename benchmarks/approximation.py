"""The methods of `facesmith approximate` beside scikit-learn's, on the exercise's points and split.

    python benchmarks/approximation.py

`results/README.md` says what is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from about import ROOT, about
from facesmith.approximation.experiment.compare import run_monkey_saddle
from facesmith.approximation.experiment.points import Split, monkey_saddle_split
from facesmith.approximation.experiment.settings import METHODS

THREADS = 1  # of every method: these matrices are too small for two
MLP_ITERATIONS = 4000
# The targets have no noise, and a length scale that fits lies far from 1 for one of the inputs.
GP_NOISE = 1e-10
GP_BOUNDS = (1e-2, 1e4)

# A fit from a split and a seed: predictions on the test rows, and seconds.
Fit = Callable[[Split, int], tuple[np.ndarray, float]]


def main() -> None:
    arguments = _arguments()
    split = monkey_saddle_split()
    seeds = range(arguments.seeds)
    rows: dict[str, list[dict[str, Any]]] = {}
    with threadpool_limits(limits=THREADS):
        run_monkey_saddle(seed=0)  # loads and warms up what the timed runs need
        for seed in seeds:
            for row in run_monkey_saddle(METHODS, seed=seed).rows():
                kept = ("l2_error", "mean_abs_error", "rmse", "seconds", "verdict_text")
                rows.setdefault(f"facesmith {row['method']}", []).append(
                    {"seed": seed} | {key: row[key] for key in kept}
                )
            for name, fit, depends_on_seed in _baselines():
                if seed == 0 or depends_on_seed:
                    rows.setdefault(name, []).append({"seed": seed} | _measure(fit, split, seed))
            print(f"seed {seed} done", file=sys.stderr)
    result = {
        "about": about(("numpy", "scipy", "scikit-learn", "torch"), threads=THREADS),
        "protocol": {
            "points": f"monkey saddle: {len(split.train)} training, {len(split.validation)} "
            f"validation, {len(split.test)} test rows",
            "l2_error": "norm(prediction - target) / 240 on the test rows",
            "seeds": len(seeds),
            "seconds": "of the fit, without imports; the first fit is not counted",
        },
        "methods": [_summary(name, runs) for name, runs in rows.items()],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    _print(result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/approximation.json")
    return parser.parse_args()


def _baselines() -> list[tuple[str, Fit, bool]]:
    """Name, fit, and whether the outcome depends on the seed."""

    def plane(seed: int) -> Any:  # noqa: ARG001
        return LinearRegression()

    def mlp(seed: int) -> Any:
        net = MLPRegressor(
            hidden_layer_sizes=(64, 64),
            activation="tanh",
            solver="lbfgs",
            alpha=0.0,  # no decay: the targets have no noise
            max_iter=MLP_ITERATIONS,
            max_fun=10 * MLP_ITERATIONS,
            tol=1e-10,
            random_state=seed,
        )
        return TransformedTargetRegressor(
            make_pipeline(StandardScaler(), net), transformer=StandardScaler()
        )

    def gaussian_process(seed: int) -> Any:
        kernel = ConstantKernel(1.0, (1e-3, 1e9)) * RBF([1.0, 1.0], GP_BOUNDS)
        return make_pipeline(
            StandardScaler(),
            GaussianProcessRegressor(kernel, alpha=GP_NOISE, normalize_y=True, random_state=seed),
        )

    return [
        ("scikit-learn LinearRegression", _fit(plane), False),
        ("scikit-learn MLPRegressor (64, 64) tanh, L-BFGS", _fit(mlp), True),
        ("scikit-learn GaussianProcessRegressor, RBF", _fit(gaussian_process), False),
    ]


def _fit(make: Callable[[int], Any]) -> Fit:
    def fit(split: Split, seed: int) -> tuple[np.ndarray, float]:
        model = make(seed)
        started = time.perf_counter()
        with warnings.catch_warnings():
            # It ends at the most iterations, or where float64 ends; the errors show how far it got.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(split.train.inputs, split.train.targets)
        seconds = time.perf_counter() - started
        return model.predict(split.test.inputs), seconds

    return fit


def _measure(fit: Fit, split: Split, seed: int) -> dict[str, float]:
    predictions, seconds = fit(split, seed)
    errors = predictions - split.test.targets
    return {
        "l2_error": float(np.linalg.norm(errors) / len(errors)),
        "mean_abs_error": float(np.abs(errors).mean()),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "seconds": round(seconds, 3),
    }


def _summary(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median over the seeds, and each run."""
    figures = ("l2_error", "mean_abs_error", "rmse", "seconds")
    medians = {key: float(f"{np.median([run[key] for run in runs]):.5g}") for key in figures}
    return {"method": name, **medians, "runs": runs}


def _print(result: dict[str, Any]) -> None:
    print(f"{'median over the seeds':48} {'L2 error':>10} {'lowest':>9} {'highest':>9} {'s':>7}")
    for row in result["methods"]:
        errors = [run["l2_error"] for run in row["runs"]]
        print(
            f"{row['method']:48} {row['l2_error']:10.4g} {min(errors):9.4g} {max(errors):9.4g} "
            f"{row['seconds']:7.2f}"
        )


if __name__ == "__main__":
    main()
