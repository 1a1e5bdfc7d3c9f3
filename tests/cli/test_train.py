"""`facesmith train` on a patches file: killed and resumed, stopped, configured, refused."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch")

from facesmith.cli import main  # noqa: E402
from facesmith.detection.classifier import load_classifier  # noqa: E402
from facesmith.networks.classifiers import build_classifier  # noqa: E402
from facesmith.patches import save_patches  # noqa: E402
from facesmith.training.checkpoints import load_checkpoint  # noqa: E402
from synthetic_rows import part_of, save_synthetic, synthetic_patches  # noqa: E402

N_KILLS = int(os.environ.get("FACESMITH_KILLS", "2"))  # `make fuzz` kills more often
LATEST = 60.0  # seconds until a training that does not get on is given up


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 rows, 64 of them for training."""
    return save_synthetic(tmp_path_factory.mktemp("patches") / "patches.npz", n_photos=64)


def words(patches: Path, out: Path, *more: object) -> list[str]:
    return ["train", str(patches), "--out", str(out), "--threads", "1", *map(str, more)]


def train(patches: Path, out: Path, *more: object) -> Result:
    return CliRunner().invoke(main, words(patches, out, *more))


def metrics_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    metrics: dict[str, Any] = json.loads(result.stdout)
    return metrics


def start(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "facesmith", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop_after(
    process: subprocess.Popen[str], run: Path, n_checkpoints: int, then: float, number: int
) -> None:
    """Send a signal `then` seconds after `last.pt` was replaced so often, or started so."""
    path, seen, deadline = run / "checkpoints" / "last.pt", set(), time.monotonic() + LATEST
    before = path.stat().st_mtime_ns if path.exists() else None
    while len(seen) < n_checkpoints and process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.stat().st_mtime_ns != before:
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.002)
    time.sleep(then)
    process.send_signal(number)


def results(run: Path) -> dict[str, Any]:
    """What a run is for: the weights file's bytes, and the log without its clock."""
    log = [line.rsplit(",", 1)[0] for line in (run / "log.csv").read_text().splitlines()]
    weights = load_checkpoint(run / "checkpoints" / "last.pt")["network"]
    digest = sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()
    return {"onnx": (run / "classifier.onnx").read_bytes(), "last": digest, "log": log}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint every second step, so that there is one between any two kills."""
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps({"batch_size": 8, "loop": {"epochs": 15, "checkpoint_steps": 2}}))
    return path


def test_killed_and_resumed_a_training_ends_with_the_same_bytes(patches, settings, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    metrics_of(train(patches, whole, "--config", settings, "--json", "--quiet"))
    draw = np.random.default_rng(0)
    resuming = words(patches, run, "--config", settings, "--quiet", "--resume")
    for number in (signal.SIGKILL, signal.SIGINT):
        process = start(resuming)
        stop_after(process, run, draw.integers(1, 13), draw.uniform(0, 0.03), number)
        errors = process.communicate(timeout=LATEST)[1]
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), errors
    # The last one was asked politely: one line, and not a traceback.
    state = load_checkpoint(run / "checkpoints" / "last.pt")["progress"]
    step = 8 * state["epoch"] + state["step"]
    stopped = f"Stopped at step {step} of 120. The same command goes on where it stopped."
    assert errors.splitlines() == [stopped]
    assert not (run / "classifier.onnx").exists()
    resumed = train(patches, run, "--config", settings, "--json", "--resume")
    metrics_of(resumed)
    assert resumed.stderr.splitlines()[0] == f"Goes on with the training in {run.as_posix()}."
    assert f"Goes on at step {step} of 120." in resumed.stderr.splitlines()
    assert results(run) == results(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "threads"), [("compact", 1), ("compact", 2), ("pointwise", 1), ("tiny-darknet", 2)]
)
def test_killed_at_many_random_moments(patches, tmp_path, network, threads):
    """In turn while the program starts, and about when a checkpoint is written."""
    settings = tmp_path / "settings.json"
    loop = {"epochs": 4 if network == "tiny-darknet" else 15, "warmup_steps": 10}
    settings.write_text(json.dumps({"batch_size": 8, "loop": loop}))
    more = ["--network", network, "--config", settings, "--quiet", "--threads", threads]
    whole, run = tmp_path / "whole", tmp_path / "run"
    metrics_of(train(patches, whole, *more, "--json"))
    seed = time.time_ns() % 10**6  # other moments each time; shown when it fails
    draw, killed = np.random.default_rng(seed), 0
    for turn in range(N_KILLS):
        process = start(words(patches, run, *more, "--resume"))
        if turn % 2:
            stop_after(process, run, 1, draw.uniform(0, 0.5), signal.SIGKILL)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=draw.uniform(0, 2))
            process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    metrics_of(train(patches, run, *more, "--resume", "--json"))
    assert killed, "none was still running when its time came"
    assert results(run) == results(whole), f"seed {seed}"


def test_a_nan_loss_ends_in_one_line_and_leaves_usable_weights(patches, tmp_path):
    run, settings = tmp_path / "run", tmp_path / "settings.json"
    loop = {"checkpoint_steps": 1, "epochs": 3, "gradient_clip": 0.0, "warmup_steps": 0}
    settings.write_text(json.dumps({"loop": loop}))
    result = train(
        patches, run, "--network", "pointwise", "--config", settings, "--learning-rate", 1e20
    )
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    last_line = result.stderr.splitlines()[-1]
    assert last_line.startswith("Error: The ")
    assert "Start again with a lower learning rate than 1e+20." in last_line
    weights = load_checkpoint(run / "checkpoints" / "last.pt")["network"]
    assert all(torch.isfinite(t).all() for t in weights.values())
    build_classifier("pointwise").load_state_dict(weights)


def test_weights_that_became_infinite_are_not_saved_over_finite_ones(patches, tmp_path):
    run, settings = tmp_path / "run", tmp_path / "settings.json"
    loop = {"checkpoint_steps": 1, "gradient_clip": 0.0, "warmup_steps": 0, "precision": "32-true"}
    settings.write_text(json.dumps({"loop": loop}))
    result = train(
        patches, run, "--network", "pointwise", "--config", settings, "--learning-rate", 3.4e38
    )
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Start again with a lower learning rate" in result.stderr
    for path in run.rglob("*.pt"):
        tensors = load_checkpoint(path).get("network", {}).values()
        assert all(torch.isfinite(t).all() for t in tensors)


def test_a_file_size_limit_ends_in_one_line_and_resumes_to_the_same(patches, tmp_path):
    """What the system refuses, here because of `ulimit -f`: one line, exit code 1, way on."""
    more = ["--network", "pointwise", "--epochs", 2, "--quiet"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    metrics_of(train(patches, whole, *more, "--json"))
    limited = subprocess.run(
        [sys.executable, "-m", "facesmith", *words(patches, run, *more)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert limited.returncode == 1
    refused = run / "checkpoints" / "last.pt"
    assert limited.stderr == (
        f"Error: Cannot write {refused}: File too large. The system limits the size of "
        "files; raise the limit. There is no checkpoint yet.\n"
    )
    metrics_of(train(patches, run, *more, "--json", "--resume"))
    assert results(run) == results(whole)


def test_a_run_folder_holds_what_is_needed_to_judge_and_repeat_it(patches, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["facesmith", "train", "and so on"])
    run, epochs = tmp_path / "run", 40
    augmented = tmp_path / "augmented.toml"
    augmented.write_text("augmentation = true\n")
    metrics = metrics_of(
        train(
            patches,
            run,
            *("--network", "pointwise", "--epochs", epochs, "--learning-rate", 0.01),
            *("--seed", 3, "--batch-size", 32, "--config", augmented, "--json"),
        )
    )
    assert metrics == json.loads((run / "metrics.json").read_text())
    assert metrics["network"] == "pointwise"
    assert metrics["parameters"] == 33377
    assert (metrics["stopped"], metrics["epochs"]) == ("all epochs", epochs)
    assert metrics["validation"]["rows"] == metrics["test"]["rows"] == 32
    assert metrics["onnx_difference"] < 1e-4
    assert metrics["patches_per_second"] > 0

    stored = json.loads((run / "config.json").read_text())
    assert stored["command"] == ["facesmith", "train", "and so on"]
    config = stored["config"]
    assert config["data"] == sha256(patches.read_bytes()).hexdigest()
    assert config["loop"]["seed"] == 3
    assert (config["batch_size"], config["loop"]["epochs"]) == (32, epochs)
    assert config["augmentation"]["flip"] == 0.5

    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, epochs + 1))
    losses = np.array([float(row["validation_loss"]) for row in rows])
    assert metrics["best_epoch"] == losses.argmin() + 1
    assert losses[-1] < losses[0]

    # The exported weights are the best ones, and right more often than chance, for certain.
    best = load_checkpoint(run / "checkpoints" / "best.pt")["weights"]
    model = build_classifier("pointwise").eval()
    model.load_state_dict(best)
    rows_of = synthetic_patches(64)
    test = rows_of.rows_of("test")
    with torch.no_grad():
        expected = torch.sigmoid(model(torch.from_numpy(rows_of.images[test]))).numpy()
    scores = load_classifier(run / "classifier.onnx")(rows_of.images[test])
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    right = np.mean((scores >= 0.5) == rows_of.labels[test, 0])
    assert metrics["test"]["accuracy"] == pytest.approx(right)
    assert right >= 0.8  # of 32 rows: chance reaches that once in 4,000 trials


def test_tensorboard_reads_the_log_also_after_a_resumption(patches, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415
        EventAccumulator,
    )

    run, more = tmp_path / "run", ["--network", "pointwise", "--json", "--quiet", "--epochs", 3]
    stopped = train(patches, run, *more, "--time-limit", 1e-6)
    assert metrics_of(stopped)["stopped"] == "time limit"
    metrics_of(train(patches, run, *more, "--resume"))
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_auc"):
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [1, 2, 3], name
        found = [scalar.value for scalar in scalars]
        assert found == pytest.approx([float(row[name]) for row in rows], rel=1e-5), name


def test_a_time_limit_leaves_weights_and_resuming_ends_as_without_it(patches, tmp_path):
    more = ["--network", "pointwise", "--epochs", 2, "--json", "--quiet"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    metrics_of(train(patches, whole, *more))
    assert metrics_of(train(patches, run, *more, "--time-limit", 1e-6))["stopped"] == "time limit"
    assert (run / "classifier.onnx").exists()
    assert metrics_of(train(patches, run, *more, "--resume"))["stopped"] == "all epochs"
    assert results(run) == results(whole)


def test_early_stop(patches, tmp_path):
    """A rate of next to nothing: after rounding, the loss is never lower than at first."""
    settings = tmp_path / "settings.toml"
    settings.write_text("[loop]\nearly_stop = 2\n")
    metrics = metrics_of(
        train(
            patches,
            tmp_path / "run",
            *("--network", "pointwise", "--learning-rate", 1e-30, "--config", settings),
            *("--json", "--quiet"),
        )
    )
    assert (metrics["stopped"], metrics["epochs"], metrics["best_epoch"]) == ("early stop", 3, 1)


def test_nothing_is_overwritten_without_force(patches, tmp_path):
    run, more = tmp_path / "run", ["--network", "pointwise", "--epochs", 1, "--quiet"]
    assert train(patches, run, *more).exit_code == 0
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    refused = train(patches, run, *more)
    assert refused.exit_code == 1
    assert f"Error: The folder {run} is not empty. Pass --resume" in refused.stderr
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
    assert train(patches, run, *more, "--seed", 1, "--force").exit_code == 0
    assert (run / "classifier.onnx").read_bytes() != before[run / "classifier.onnx"]


def test_resuming_with_other_data_or_settings_is_refused(patches, tmp_path):
    run, more = tmp_path / "run", ["--network", "pointwise", "--quiet", "--resume"]
    assert train(patches, run, *more, "--epochs", 1).exit_code == 0
    other = save_synthetic(tmp_path / "other.npz", n_photos=64, seed=1)
    for data, epochs, named in (
        (other, 1, "the patches are not those"),
        (patches, 2, "loop.epochs was 1, is now"),
    ):
        refused = train(data, run, *more, "--epochs", epochs)
        assert refused.exit_code == 1
        assert named in refused.stderr


def test_an_earlier_runs_config_repeats_it_and_options_go_before(patches, tmp_path):
    one, two, other = tmp_path / "one", tmp_path / "two", tmp_path / "other"
    more = ["--network", "pointwise", "--epochs", 2, "--seed", 5, "--quiet"]
    assert train(patches, one, *more).exit_code == 0
    assert train(patches, two, "--config", one / "config.json", "--quiet").exit_code == 0
    assert results(two) == results(one)
    assert (
        train(patches, other, "--config", one / "config.json", "--quiet", "--seed", 6).exit_code
        == 0
    )
    configs = [json.loads((run / "config.json").read_text())["config"] for run in (one, other)]
    assert configs[0]["loop"] | {"seed": 6} == configs[1]["loop"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"lop": {"epochs": 3}}', r"Unknown setting 'lop'\. Known here: augmentation, batch_size"),
        ('{"loop": {"epoch": 3}}', r"Unknown setting 'loop\.epoch'\. Known here: accelerator"),
        ('{"loop": {"epochs": "3"}}', r"Setting 'loop\.epochs' must be int; got '3'"),
        ('{"loop": {"epochs": 2.5}}', r"Setting 'loop\.epochs' must be int; got 2\.5"),
        ('{"loop": 3}', r"Setting 'loop' must be dict; got 3"),
        ('{"augmentation": {"flop": 1}}', r"Unknown setting 'augmentation\.flop'"),
        ('{"loop": {"epochs": 0}}', r"`epochs` must be at least 1; got epochs=0"),
        (
            '{"loop": {"learning_rate": NaN}}',
            r"learning_rate. must be a finite number; got nan",
        ),
        ('{"network": "resnet"}', r"`network` must be one of compact, pointwise, tiny-darknet"),
        ("[1]", r"expected a JSON object such as .* got a list"),
        ("{epochs: 3}", r"Expected a JSON file with settings"),
        ('{"facesmith": "1", "config": 3}', r"expected a JSON object such as .* got a int"),
        ('{"facesmith": "1"}', r"expected a JSON object such as .* got a NoneType"),
    ],
)
def test_a_config_file_that_does_not_fit_is_an_error(patches, tmp_path, content, message):
    path = tmp_path / "settings.json"
    path.write_text(content)
    result = train(patches, tmp_path / "run", "--config", path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert re.search(message, result.stderr), result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--images", "."], "--images goes with annotated photos"),
        (["--negatives", "."], "--negatives goes with annotated photos"),
        (["--epochs", "0"], "--epochs"),
        (["--learning-rate", "0"], "--learning-rate"),
        (["--network", "resnet"], "'resnet' is not one of"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(patches, tmp_path, more, message):
    result = train(patches, tmp_path / "run", *more)
    assert result.exit_code == 2
    assert message in result.stderr


def test_rows_of_one_label_only_are_refused(tmp_path):
    rows = synthetic_patches(16)
    keep = (rows.splits != 1) | (rows.labels[:, 0] == 1)
    path = tmp_path / "no-others.npz"
    save_patches(
        path,
        part_of(rows, keep),
    )
    result = train(path, tmp_path / "run")
    assert result.exit_code == 1
    assert "validation rows must hold faces and non-faces; got 4 rows, 4 of them" in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_table_for_people(patches, tmp_path):
    result = train(patches, tmp_path / "run", "--network", "pointwise", "--epochs", 1)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("pointwise: 33,377 parameters, 1 epoch (all epochs) in ")
    heads = [line.split()[0] for line in lines[1:]]
    assert heads == ["validation", "test", "weights", "report", "Next:"]
    assert os.fspath(tmp_path / "run") in lines[-1]


def test_a_full_run_folder_is_refused_before_photos_are_read(tmp_path):
    (tmp_path / "faces.json").write_text("no annotations at all")
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("mine")
    refused = train(tmp_path / "faces.json", run, "--images", tmp_path)
    assert refused.exit_code == 1
    assert f"Error: The folder {run} holds files that facesmith did not write." in refused.stderr
    assert "--force" not in refused.stderr  # it would not help
    (run / "notes.txt").unlink()
    checkpoints = run / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "theirs.pt").write_bytes(b"of another tool")
    refused = train(tmp_path / "faces.json", run, "--images", tmp_path, "--force")
    assert "does not carry its mark" in refused.stderr
    assert (checkpoints / "theirs.pt").read_bytes() == b"of another tool"
