"""Trainings in several processes: the same steps, one folder, and what happens when one dies."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

torch = pytest.importorskip("torch")

from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.errors import TrainingError  # noqa: E402
from facesmith.networks.detector import DetectorNetConfig  # noqa: E402
from facesmith.training.processes import several_processes  # noqa: E402
from facesmith.training.sharing import World, current_world  # noqa: E402

TESTS = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def trained_by(n: int, out: Path, sizes: list[int]) -> list[dict]:  # type: ignore[type-arg]
    """What each of n processes has at the end."""
    port = free_port()
    command = [sys.executable, TESTS / "shared_training.py", out, *map(str, sizes)]
    started = []
    for rank in range(n):
        world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_PORT": port}
        several = {**{k: str(v) for k, v in world.items()}, "MASTER_ADDR": "127.0.0.1"}
        started.append(subprocess.Popen(command, env={**os.environ, **(several if n > 1 else {})}))
    assert [process.wait(120) for process in started] == [0] * n
    return [torch.load(f"{out}-{rank}.pt") for rank in range(n)]


def test_steps_of_two_and_three_processes_are_those_of_one(tmp_path: Path) -> None:
    """Batches that cannot be shared out evenly, and one that is smaller than the processes.

    Sums in float32 in another order differ in their last digits, hence the tolerance.
    """
    sizes = [8, 7, 2, 5]
    (alone,) = trained_by(1, tmp_path / "one", sizes)
    for n in (2, 3):
        found = trained_by(n, tmp_path / f"{n}", sizes)
        for each in found:
            assert each["losses"] == pytest.approx(alone["losses"], rel=1e-5)
            for name, tensor in alone["state"].items():
                torch.testing.assert_close(each["state"][name], tensor, rtol=1e-4, atol=1e-6)
            for name, tensor in found[0]["state"].items():  # among themselves to the last bit
                assert torch.equal(each["state"][name], tensor)


def test_alone_nothing_is_shared(tmp_path: Path) -> None:
    world = current_world()
    network = torch.nn.BatchNorm2d(2)
    world.share_statistics(network)
    assert type(network) is torch.nn.BatchNorm2d
    assert world.shared(network) is network
    assert world.from_first(3) == 3
    assert world.any(True, False) == [True, False]
    assert world.described() == {}
    assert world.folder(tmp_path) == tmp_path
    assert World(1, 2, 1, tmp_path / "x").folder("..") == tmp_path / "x" / "run"
    with several_processes() as alone:
        assert alone.size == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "NODE_RANK must be the number of this machine"),
        ({"NODE_RANK": "x"}, "got 'x'"),
        ({"NODE_RANK": "2"}, r"NODE_RANK .* below --num-nodes \(2\); got '2'"),
        ({"NODE_RANK": "0"}, "--num-nodes 2 needs MASTER_ADDR"),
        ({"NODE_RANK": "0", "MASTER_ADDR": "10.0.0.1"}, "--num-nodes 2 needs MASTER_PORT"),
    ],
)
def test_what_several_machines_need(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=message), several_processes(1, 2):
        pass


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


def started(words: list[str], errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "facesmith", *words], stdout=subprocess.DEVNULL, stderr=file
        )


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Of the proposals after the last step."""
    held = torch.load(run / "proposals" / "checkpoints" / "last.pt", weights_only=True)
    return dict(held["network"])


def losses(run: Path) -> list[float]:
    """Mean training loss of each epoch."""
    with (run / "proposals" / "log.csv").open(newline="") as file:
        return [float(row["train_loss"]) for row in csv.DictReader(file)]


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
    process = started([*again, "--resume"], errors)
    assert process.wait(300) == 0, errors.read_text()
    resumed = weights(out)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in two.items())

    # With another number of processes the bytes would be others.
    process = started([*again[:-1], "1", "--resume"], errors)
    assert process.wait(120) == 1
    assert "processes was 2" in errors.read_text()
