"""Training speed of the exercise's net: facesmith beside Keras on TensorFlow, taking turns.

    python benchmarks/keras_pointwise.py --keras-python VENV/bin/python

VENV is an environment of its own with `pip install tensorflow keras`. Both train the same net of
33,377 numbers with Adam and binary cross-entropy on the same drawn patches, as many threads and
rows a step, and are asked for the same figures. Each turn is a process of its own, and the first
epoch, in which both sides make plans and allocate, is not counted. `results/README.md` says more.
"""

# ruff: noqa: PLC0415 - each side imports its own framework, in a process of its own

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from about import ROOT, about

N_PARAMETERS = 33_377  # of the net; both sides are asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keras-python", type=Path, help="Python with TensorFlow and Keras")
    parser.add_argument("--rows", type=int, default=7_680, help="patches an epoch")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--epochs", type=int, default=6, help="epochs counted, after one that is not"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results/keras_pointwise.json"
    )
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](arguments)))
        return
    if arguments.keras_python is None:
        parser.error("pass --keras-python, the Python of an environment with TensorFlow and Keras")
    compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Let both sides take turns, and write down every turn."""
    pythons = {"facesmith": Path(sys.executable), "keras": arguments.keras_python}
    turns: dict[str, list[dict[str, Any]]] = {"facesmith": [], "keras": []}
    for _ in range(arguments.rounds):
        for side, python in pythons.items():
            turn = _run(python, side, arguments)
            turns[side].append(turn)
            print(f"{side:10} {turn['patches_per_second']:8,.0f} patches/s", file=sys.stderr)
    speeds = {
        side: [round(turn["patches_per_second"]) for turn in done] for side, done in turns.items()
    }
    ratios = [a / b for a, b in zip(speeds["facesmith"], speeds["keras"], strict=True)]
    result = {
        "about": about(("torch", "lightning-fabric", "numpy"), threads=arguments.threads),
        "keras_versions": turns["keras"][0]["versions"],
        "protocol": {
            "network": f"pointwise, {N_PARAMETERS:,} parameters",
            "rows_per_epoch": arguments.rows,
            "batch_size": arguments.batch_size,
            "epochs_counted": arguments.epochs,
            "precision": {side: done[0]["precision"] for side, done in turns.items()},
        },
        "patches_per_second": speeds,
        "median": {side: statistics.median(values) for side, values in speeds.items()},
        "ratios": [round(ratio, 2) for ratio in ratios],
        "median_ratio": round(statistics.median(ratios), 2),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for side, median in result["median"].items():
        print(f"{side:10} {median:8,.0f} patches/s (median of {arguments.rounds})")
    print(f"ratio      {result['median_ratio']:8.2f} (median of the turns)")


def _run(python: Path, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [python, __file__, "--side", side]
    for name in ("rows", "batch_size", "epochs", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    # What reads the number of threads at its start is told it, so that both have the same.
    threads = {"OMP_NUM_THREADS": str(arguments.threads), "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        command, env=os.environ | threads, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{python} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    turn: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert turn["parameters"] == N_PARAMETERS
    return turn


def _patches(n: int) -> tuple[Any, Any]:
    """Noise, brighter where the label is 1: what they show does not change the time."""
    import numpy as np

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, n)
    images = generator.integers(0, 200, (n, 64, 64, 3), dtype=np.uint8)
    images += (50 * labels).astype(np.uint8)[:, None, None, None]
    return images, labels.astype(np.uint8)


def facesmith_side(arguments: argparse.Namespace) -> dict[str, Any]:
    """The training of `facesmith train --network pointwise`, checkpoints and log included."""
    from dataclasses import replace

    import numpy as np
    import torch

    from facesmith.patches import Patches
    from facesmith.runs.folder import RunFolder
    from facesmith.training.classifier import ClassifierTask, count_parameters
    from facesmith.training.classifier_config import ClassifierConfig
    from facesmith.training.loop import run_loop

    n_validation = arguments.batch_size  # the minimum: Keras is not asked to validate at all
    images, labels = _patches(arguments.rows + n_validation)
    n = len(labels)
    patches = Patches(
        images=images,
        labels=labels[:, None],
        photo_indices=np.arange(n, dtype=np.int32),
        photo_names=tuple(map(str, range(n))),
        splits=(np.arange(n) >= arguments.rows).astype(np.uint8),
        kinds=np.zeros(n, np.uint8),
    )
    config = ClassifierConfig.for_network("pointwise")
    loop = replace(config.loop, epochs=arguments.epochs + 1, threads=arguments.threads)
    config = replace(config, batch_size=arguments.batch_size, loop=loop)
    task = ClassifierTask(patches, config)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder) / "run")
        run.start({}, resume=False, force=False)
        run_loop(task, config.loop, run, rows_per_epoch=task.rows_per_epoch)
        seconds = _column(run.log_path, "seconds")
    return {
        "parameters": count_parameters(task.network),
        "patches_per_second": arguments.epochs * task.rows_per_epoch / (seconds[-1] - seconds[0]),
        "precision": "bfloat16 mixed" if torch.cpu._is_avx512_bf16_supported() else "float32",
    }


def keras_side(arguments: argparse.Namespace) -> dict[str, Any]:
    """The exercise's training with `fit`, compiled to a graph as is Keras' default."""
    import time

    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    images, labels = _patches(arguments.rows)
    pixels = images.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            keras.layers.Conv2D(16, 1, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(32, 1, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["binary_accuracy"])
    ends: list[float] = []
    model.fit(
        pixels,
        labels,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs + 1,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.monotonic()))
        ],
    )
    return {
        "parameters": model.count_params(),
        "patches_per_second": arguments.epochs * arguments.rows / (ends[-1] - ends[0]),
        "precision": "float32",
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _column(path: Path, name: str) -> list[float]:
    lines = [line.split(",") for line in path.read_text().splitlines()]
    return [float(line[lines[0].index(name)]) for line in lines[1:]]


SIDES = {"facesmith": facesmith_side, "keras": keras_side}

if __name__ == "__main__":
    main()
