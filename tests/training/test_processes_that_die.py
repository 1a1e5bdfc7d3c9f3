"""Trainings of several processes of which one dies: the others end in words, nothing is lost."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

torch = pytest.importorskip("torch")

from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.networks.detector import DetectorNetConfig  # noqa: E402
from launched_processes import TESTS, free_port, launched, started  # noqa: E402
from synthetic_rows import save_synthetic  # noqa: E402


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGSTOP")
@pytest.mark.parametrize("stopped", [0, 1])
def test_a_process_that_is_stopped_is_given_up_in_words(stopped: int) -> None:
    port, script = free_port(), str(TESTS / "stopped_training.py")
    both = [
        subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=launched(rank, 2, port),
        )
        for rank in (0, 1)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline()
    both[stopped].send_signal(signal.SIGSTOP)
    try:
        words = both[1 - stopped].communicate(timeout=60)[1]
    finally:
        both[stopped].kill()
        both[stopped].communicate()
    assert both[1 - stopped].returncode == 1
    assert f"Process {stopped} of this training has given no sign of life" in words


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that trains proposals on 40 small drawn photos, without its --out."""
    folder = tmp_path_factory.mktemp("photos")
    draw_disc_photos(folder, 40)
    network = DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8))
    loop = {"epochs": 6, "warmup_steps": 5, "average_decay": 0.9, "validate_every": 2,
            "checkpoint_steps": 2, "precision": "32-true"}  # fmt: skip
    proposals = {
        "network": asdict(network), "batch_size": 8, "held_out": 0.2, "loop": loop,
        "crops": {"side": 64, "smallest_face": 16, "largest_face": 50},
    }  # fmt: skip
    settings = {"proposals": proposals, "refiner": None, "quantise_loss": -1.0}
    (folder / "settings.json").write_text(json.dumps(settings))
    return [
        "train", str(folder / "faces.json"), "--images", str(folder), "--config",
        str(folder / "settings.json"), "--from", "scratch", "--threads", "1",
        "--no-cross-validation",
    ]  # fmt: skip


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Of the proposals after the last step."""
    held = torch.load(run / "proposals" / "checkpoints" / "last.pt", weights_only=True)
    return dict(held["network"])


def losses(run: Path) -> list[float]:
    """Mean training loss of each epoch."""
    with (run / "proposals" / "log.csv").open(newline="") as file:
        return [float(row["train_loss"]) for row in csv.DictReader(file)]


def of_tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that it has started, as soon as there is one."""
    limit = time.monotonic() + 60
    while not (found := psutil.Process(process.pid).children()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    return found


def test_an_error_of_the_first_process_is_said_once(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("of the user")
    errors = tmp_path / "errors"
    process = started([*words, "--out", str(tmp_path), "--devices", "2"], errors)
    children = of_tree(process)
    assert process.wait(120) == 1
    (line,) = (each for each in errors.read_text().splitlines() if "Error" in each)
    assert "holds files that facesmith did not write" in line
    assert errors.read_text().count("2 processes train together.") == 1
    assert "Stopped" not in errors.read_text()
    assert not psutil.wait_procs(children, timeout=10)[1]


def test_no_process_outlives_the_first_that_is_killed_as_they_start(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    errors = tmp_path / "errors"
    process = started([*words, "--out", str(tmp_path / "run"), "--devices", "2"], errors)
    children = of_tree(process)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert "Traceback" not in errors.read_text()
    assert not list(scratch.glob("facesmith-*"))


@pytest.mark.slow
def test_two_processes_train_resume_and_die(words: list[str], tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    for out, devices in (("one", 1), ("two", 2)):
        process = started([*words, "--out", str(tmp_path / out), "--devices", str(devices)], errors)
        assert process.wait(300) == 0, errors.read_text()
    # Later epochs differ by more: a last digit decides which cell a face falls to.
    first, second = (losses(tmp_path / name)[0] for name in ("one", "two"))
    assert second == pytest.approx(first, rel=1e-4)
    two = weights(tmp_path / "two")
    config = json.loads((tmp_path / "two" / "config.json").read_text())["config"]
    assert config["processes"] == 2
    assert (tmp_path / "two" / "report.html").is_file()

    # The second process is killed in the midst of the training: the first one ends in words.
    out, errors = tmp_path / "killed", tmp_path / "killed-errors"
    again = [*words, "--out", str(out), "--devices", "2"]
    process = started(again, errors)
    last, limit = out / "proposals" / "checkpoints" / "last.pt", time.monotonic() + 200
    while not last.exists():
        assert process.poll() is None, errors.read_text()
        assert time.monotonic() < limit
        time.sleep(0.005)
    for child in psutil.Process(process.pid).children():
        child.send_signal(signal.SIGKILL)
    assert process.wait(120) == 1
    assert "Another process of this training has ended" in errors.read_text()
    assert "Go on with --resume" in errors.read_text()
    assert not (out / "metrics.json").exists()
    # Without --config the settings are those of the run, which the first process alone can read.
    at = again.index("--config")
    process = started([*again[:at], *again[at + 2 :], "--resume"], errors)
    assert process.wait(300) == 0, errors.read_text()
    resumed = weights(out)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in two.items())

    # With another number of processes the bytes would be others.
    process = started([*again[:-1], "1", "--resume"], errors)
    assert process.wait(120) == 1
    assert "the number of its processes was 2, is now 1" in errors.read_text()
    assert "Pass --devices (times --num-nodes) 2" in errors.read_text()


def both_started(
    words: list[str], folder: Path, programs: dict[int, list[str | Path]] | None = None
) -> list[subprocess.Popen[bytes]]:
    """Two processes as a launcher starts them; what process n is to write goes to `folder/n`."""
    port = free_port()
    return [
        started(
            [*words, "--out", str(folder / str(rank))],
            folder / f"errors-{rank}",
            (programs or {}).get(rank, ["-m", "facesmith"]),
            {**launched(rank, 2, port), "TMPDIR": str(folder)},
        )
        for rank in (0, 1)
    ]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that trains a classifier for four steps, without its --out."""
    folder = tmp_path_factory.mktemp("patches")
    save_synthetic(folder / "patches.npz", n_photos=16)
    loop = {"epochs": 2, "checkpoint_steps": 1, "precision": "32-true", "threads": 1}
    settings = {"network": "pointwise", "batch_size": 8, "augmentation": None, "loop": loop}
    (folder / "settings.json").write_text(json.dumps(settings))
    return ["train", str(folder / "patches.npz"), "--config", str(folder / "settings.json")]


@pytest.fixture(scope="module")
def undisturbed(classifier: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which both processes have trained it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    both = both_started(classifier, folder)
    assert [process.wait(240) for process in both] == [0, 0], (folder / "errors-0").read_text()
    return folder


def test_only_the_first_process_writes(undisturbed: Path) -> None:
    """Also where the second one has another --out; its temporary folder is gone."""
    left = {each.name for each in undisturbed.iterdir()}
    assert not [name for name in left if name == "1" or name.startswith("facesmith-")]
    assert {"classifier.onnx", "metrics.json", "report.html"} <= {
        each.name for each in (undisturbed / "0").iterdir()
    }
    assert (undisturbed / "errors-1").read_text() == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_kill_while_a_checkpoint_is_written_loses_one_step(
    killed: int, classifier: list[str], undisturbed: Path, tmp_path: Path
) -> None:
    program = {killed: [TESTS / "killed_while_saving.py", "2"]}
    both = both_started(classifier, tmp_path, program)
    assert both[1 - killed].wait(240) == 1
    assert both[killed].wait(240) == -signal.SIGKILL
    assert (
        "Another process of this training has ended"
        in (tmp_path / f"errors-{1 - killed}").read_text()
    )
    last = tmp_path / "0" / "checkpoints" / "last.pt"
    half = [each for each in last.parent.iterdir() if each.suffix == ".tmp"]
    assert len(half) == (killed == 0)
    held = torch.load(last, weights_only=True)["progress"]
    assert 2 * held["epoch"] + held["step"] == (2 if killed == 0 else 3)
    both = both_started([*classifier, "--resume"], tmp_path)
    assert [process.wait(240) for process in both] == [0, 0], (tmp_path / "errors-0").read_text()
    assert not list(last.parent.glob(".*.tmp"))
    assert not (tmp_path / "1").exists()
    expected = torch.load(undisturbed / "0" / "checkpoints" / "last.pt", weights_only=True)[
        "network"
    ]
    network = torch.load(last, weights_only=True)["network"]
    assert all(torch.equal(network[name], tensor) for name, tensor in expected.items())


@pytest.mark.slow
def test_a_photo_that_vanishes_for_one_process_ends_all_in_words(
    words: list[str], tmp_path: Path
) -> None:
    """The second process has photos of its own, as another machine has."""
    own = tmp_path / "photos"
    shutil.copytree(words[3], own)
    settings = json.loads((own / "settings.json").read_text())
    settings["proposals"]["cache_gib"] = 0.0  # each is read anew each time
    settings["proposals"]["loop"]["epochs"] = 1000
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    common = [*words[:5], str(tmp_path / "settings.json"), *words[6:]]
    port, errors = free_port(), [tmp_path / "errors-0", tmp_path / "errors-1"]
    both = [
        started(
            [*common[:3], images, *common[4:], "--out", str(tmp_path / str(rank))],
            errors[rank], environment=launched(rank, 2, port),
        )
        for rank, images in enumerate((words[3], str(own)))
    ]  # fmt: skip
    last, limit = tmp_path / "0" / "proposals" / "checkpoints" / "last.pt", time.monotonic() + 240
    while not last.exists():
        assert [process.poll() for process in both] == [None, None], errors[0].read_text()
        assert time.monotonic() < limit
        time.sleep(0.02)
    for photo in own.glob("*.png"):
        photo.unlink()
    assert [process.wait(240) for process in both] == [1, 1]
    assert "Another process of this training has ended" in errors[0].read_text()
    assert str(own) in errors[1].read_text()
    assert "Traceback" not in errors[0].read_text() + errors[1].read_text()
    assert not (tmp_path / "1").exists()
