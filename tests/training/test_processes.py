"""How the processes of a training come together, and that their steps are those of one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from facesmith.errors import TrainingError  # noqa: E402
from facesmith.training import meeting  # noqa: E402
from facesmith.training.launcher import places_of_machine  # noqa: E402
from facesmith.training.processes import several_processes  # noqa: E402
from facesmith.training.sharing import World, current_world  # noqa: E402
from launched_processes import TESTS, free_port  # noqa: E402


def test_steps_of_two_and_three_processes_are_those_of_one(tmp_path: Path) -> None:
    """Batches that cannot be shared out evenly, and one that is smaller than the processes.

    Sums in float32 in another order differ in their last digits, hence the tolerance.
    """
    ports, sizes = (str(free_port()) for _ in range(2)), ("8", "7", "2", "5")
    command = [sys.executable, TESTS / "shared_training.py", tmp_path, ",".join(ports), *sizes]
    three = [subprocess.Popen([*command[:3], str(rank), *command[3:]]) for rank in range(3)]
    assert [process.wait(240) for process in three] == [0] * 3
    alone = torch.load(tmp_path / "1-0.pt")
    for n in (2, 3):
        found = [torch.load(tmp_path / f"{n}-{rank}.pt") for rank in range(n)]
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


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    message = r"--devices 2 needs as many GPUs.* has 1\. .* hide the GPUs \(CUDA_VISIBLE_DEVICES=\)"
    with pytest.raises(TrainingError, match=message), several_processes(2):
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


def test_processes_that_do_not_go_together_are_refused_in_all_of_them() -> None:
    """Other settings and data, and then other numbers of processes."""
    ports, script = f"{free_port()},{free_port()}", str(TESTS / "refused_training.py")
    both = [
        subprocess.Popen(
            [sys.executable, script, str(rank), ports], stdout=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    for process in both:
        settings, sizes = process.communicate(timeout=120)[0].splitlines()
        assert process.returncode == 0
        assert "Process 1 of this training does not do what the first one does" in settings
        assert (
            "a.b is 2, and 1 there; its photos, their boxes or its patches are others" in settings
        )
        assert "has 3 processes" in sizes
