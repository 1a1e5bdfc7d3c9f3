"""Ctrl-C and SIGTERM in any phase of a detector training: one line that says how to go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

N_STOPS = int(os.environ.get("FACESMITH_KILLS", "3"))  # `make fuzz` stops more often


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A training of all phases, mining too, on photos of noise; it takes seconds."""
    images, boxes, rng = [], [], np.random.default_rng(0)
    for name in ("photos", "empty"):
        (tmp_path / name).mkdir()
        for i in range(24):
            pixels = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i:02d}.png")
    for i in range(24):
        images.append({"id": i, "file_name": f"{i:02d}.png", "width": 96, "height": 96})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [20, 20, 40, 50]})
    categories = [{"id": 1, "name": "face"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (tmp_path / "faces.json").write_text(json.dumps(content))
    small = """
    [own_mining]
    after = 0.5
    [proposals]
    held_out = 0.3
    [proposals.crops]
    side = 64
    [refiner.loop]
    epochs = 1
    """
    (tmp_path / "small.toml").write_text(small)
    words = ["faces.json", "--images", "photos", "--negatives", "empty", "--config", "small.toml"]
    words += ["--epochs", "2", "--threads", "1", "--out", "run", "--resume", "--quiet"]
    words.append("--no-cross-validation")  # the verdict is a phase, too; folds are more of the same
    return [sys.executable, "-m", "facesmith", "train", *words]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_phase_ends_in_the_line_that_says_how_to_go_on(
    command: list[str], tmp_path: Path, number: int
) -> None:
    began = time.monotonic()
    whole = [word if word != "run" else "whole" for word in command]
    subprocess.run(whole, cwd=tmp_path, check=True, capture_output=True)
    longest, seed = time.monotonic() - began, time.time_ns() % 10**6
    draw, stopped = np.random.default_rng(seed), 0
    for _ in range(N_STOPS):
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        # Earlier Python itself is still starting, and knows of no signal.
        time.sleep(longest * draw.uniform(0.25, 0.95))
        process.send_signal(number)
        errors = process.communicate(timeout=20 * longest + 60)[1]
        if process.returncode == 0:
            continue
        stopped += 1
        assert process.returncode == 130, f"seed {seed}: {errors}"
        assert errors.splitlines()[-1].startswith("Error: Stopped on request. "), errors
        assert "--resume" in errors, f"seed {seed}: {errors}"
    assert stopped, "all were done before they were to stop"
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name in ("detector.onnx", "refiner.onnx"):
        files = [tmp_path / folder / name for folder in ("run", "whole")]
        assert files[0].exists() == files[1].exists()
        if files[0].exists():
            assert files[0].read_bytes() == files[1].read_bytes(), f"seed {seed}"
