"""Trainings in several processes: the same steps, one folder, and what happens when one dies."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
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
from facesmith.training import meeting  # noqa: E402
from facesmith.training.launcher import places_of_machine  # noqa: E402
from facesmith.training.processes import several_processes  # noqa: E402
from facesmith.training.sharing import World, current_world  # noqa: E402

TESTS = Path(__file__).parents[1]


def free_port() -> int:
    """A port below those that the system gives to whoever asks for any, as other tests do."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def launched(rank: int, n: int, port: int) -> dict[str, str]:
    """The environment that a launcher gives a process of n."""
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_PORT": port}
    return {**os.environ, **{k: str(v) for k, v in world.items()}, "MASTER_ADDR": "127.0.0.1"}


def trained_by(n: int, out: Path, sizes: list[int]) -> list[dict]:  # type: ignore[type-arg]
    """What each of n processes has at the end."""
    port = free_port()
    command = [sys.executable, TESTS / "shared_training.py", out, *map(str, sizes)]
    started = []
    for rank in range(n):
        environment = launched(rank, n, port) if n > 1 else None
        started.append(subprocess.Popen(command, env=environment))
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


VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK",
             "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
MACHINE = {"NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
LAUNCHED = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}  # fmt: skip


def set_variables(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"NODE_RANK": ""}, "NODE_RANK must be the number of this machine"),
        ({"NODE_RANK": "x"}, "got 'x'"),
        ({"NODE_RANK": "2"}, r"NODE_RANK .* below --num-nodes \(2\); got '2'"),
        ({"MASTER_ADDR": ""}, "--num-nodes 2 needs MASTER_ADDR"),
        ({"MASTER_PORT": ""}, "--num-nodes 2 needs MASTER_PORT"),
        ({"MASTER_PORT": "x"}, "MASTER_PORT .* from 1 to 65535; got 'x'"),
        ({"MASTER_PORT": "0"}, "from 1 to 65535; got '0'"),
        ({"MASTER_PORT": "65536"}, "from 1 to 65535; got '65536'"),
        ({"MASTER_PORT": "-1"}, "from 1 to 65535; got '-1'"),
    ],
)
def test_what_several_machines_need(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, {**MACHINE, **environment})
    with pytest.raises(TrainingError, match=message), several_processes(1, 2):
        pass


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": ""}, "has LOCAL_RANK and WORLD_SIZE, but no RANK"),
        ({"LOCAL_RANK": ""}, "has RANK and WORLD_SIZE, but no LOCAL_RANK"),
        ({"WORLD_SIZE": ""}, "has RANK and LOCAL_RANK, but no WORLD_SIZE"),
        ({"RANK": "x"}, "RANK .* got 'x'"),
        ({"RANK": "2"}, r"below WORLD_SIZE \(2\); got '2'"),
        ({"LOCAL_RANK": "-1"}, "LOCAL_RANK .* got '-1'"),
        ({"LOCAL_RANK": "2"}, r"below LOCAL_WORLD_SIZE \(2\); got '2'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE .* got '0'"),
        ({"WORLD_SIZE": "999999999"}, "from 1 to 4,096; got '999999999'"),
        ({"LOCAL_WORLD_SIZE": "1.5"}, "LOCAL_WORLD_SIZE .* got '1.5'"),
        ({"LOCAL_WORLD_SIZE": "3"}, "LOCAL_WORLD_SIZE=3 and WORLD_SIZE=2"),
        ({"MASTER_ADDR": ""}, "needs MASTER_ADDR"),
        ({"MASTER_PORT": "port"}, "MASTER_PORT .* got 'port'"),
    ],
)
def test_what_a_launcher_must_set(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, {**LAUNCHED, **environment})
    with pytest.raises(TrainingError, match=message), several_processes():
        pass


@pytest.mark.parametrize(("devices", "nodes"), [(3, None), (1, None), (None, 2), (2, 2), (1, 3)])
def test_options_that_contradict_the_launcher_are_refused(
    devices: int | None, nodes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, LAUNCHED)
    with (
        pytest.raises(TrainingError, match="does not fit what a launcher has started"),
        several_processes(devices, nodes),
    ):
        pass


def test_what_another_program_left_in_the_environment_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for environment in (
        {"LOCAL_RANK": "3"}, {"RANK": "x", "MASTER_PORT": "y"},
        {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"},
    ):  # fmt: skip
        set_variables(monkeypatch, environment)
        with several_processes() as world:
            assert world.size == 1
    set_variables(monkeypatch, {"NODE_RANK": "7", "MASTER_ADDR": "10.0.0.9", "RANK": "5"})
    places = places_of_machine(2, 1)
    assert [(each.rank, each.address) for each in places] == [(0, "127.0.0.1"), (1, "127.0.0.1")]


def test_more_processes_than_a_machine_carries_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_variables(monkeypatch, {})
    with pytest.raises(TrainingError, match="--devices 1000 is too many"), several_processes(1000):
        pass
    with pytest.raises(TrainingError, match="at most 4,096"), several_processes(2, 4_000_000_000):
        pass


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        set_variables(monkeypatch, {**MACHINE, "MASTER_PORT": str(port)})
        with pytest.raises(TrainingError, match=f"Port {port} .* is in use.* Set MASTER_PORT"):
            several_processes(1, 2).__enter__()


def test_a_stranger_at_the_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "_ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as other:  # never answers
        port = str(other.getsockname()[1])
        set_variables(monkeypatch, {**MACHINE, "NODE_RANK": "1", "MASTER_PORT": port})
        with pytest.raises(TrainingError, match="is not the first process of this training"):
            several_processes(1, 2).__enter__()


@pytest.mark.parametrize("node", [0, 1])
def test_the_others_are_waited_for_with_a_word_and_not_for_ever(
    node: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "MEETING_SECONDS", 1.0)
    monkeypatch.setattr(meeting, "_TOLD_AFTER", 0.3)
    variables = {**MACHINE, "NODE_RANK": str(node), "MASTER_PORT": str(free_port())}
    set_variables(monkeypatch, variables)
    said: list[str] = []
    with pytest.raises(TrainingError, match="have not come together"):
        several_processes(1, 2, said.append).__enter__()
    (line,) = said
    assert line.startswith("Waiting for the other processes of this training")
    assert ("1 of 2 processes have come" if node == 0 else "does not answer") in line


def test_machines_with_other_numbers_of_processes_are_refused() -> None:
    port, script = free_port(), str(TESTS / "stopped_training.py")
    first, second = (
        subprocess.Popen(
            [sys.executable, script], stderr=subprocess.PIPE, text=True,
            env=launched(rank, size, port),
        )
        for rank, size in ((0, 2), (1, 3))
    )  # fmt: skip
    for process in (first, second):
        assert "has 3 processes" in process.communicate(timeout=60)[1]
        assert process.returncode == 1


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


OTHER_LABELS = """
import sys
from facesmith.errors import TrainingError
from facesmith.training.processes import several_processes
try:
    with several_processes() as world:
        world.check_same({"a": {"b": 1}, "data_path": world.rank, "data": "x"})
        world.check_same({"a": {"b": 1 + world.rank}, "data": "xy"[world.rank]})
except TrainingError as error:
    sys.exit(str(error))
"""


def test_processes_with_other_settings_or_data_are_refused_in_all_of_them() -> None:
    port = free_port()
    both = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_LABELS], stderr=subprocess.PIPE, text=True,
            env=launched(rank, 2, port),
        )
        for rank in (0, 1)
    ]  # fmt: skip
    for process in both:
        words = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert "Process 1 of this training does not do what the first one does" in words
        assert "a.b is 2, and 1 there; its photos, their boxes or its patches are others" in words


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
