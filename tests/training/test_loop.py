"""The resumable loop on a tiny net: stopped in whatever way, it ends with the same bytes."""

import errno
import itertools
import json
import math
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facesmith.files  # noqa: E402
from facesmith.errors import StoppedError, TrainingError, WeightsError, WriteError  # noqa: E402
from facesmith.files.marks import open_mark  # noqa: E402
from facesmith.progress import NO_PROGRESS  # noqa: E402
from facesmith.runs.folder import RunFolder  # noqa: E402
from facesmith.training import loop  # noqa: E402
from facesmith.training.checkpoints import load_checkpoint, save_checkpoint  # noqa: E402
from facesmith.training.loop import run_loop  # noqa: E402
from facesmith.training.loop_config import LoopConfig  # noqa: E402
from facesmith.training.loop_task import LoopResult  # noqa: E402
from facesmith.training.schedule import learning_rate  # noqa: E402
from told_progress import Told  # noqa: E402

CONFIG = LoopConfig(
    epochs=3, learning_rate=0.05, seed=4, checkpoint_steps=3, threads=1, precision="32-true"
)


class TinyTask:
    """Which of two clouds a point is from; with all that carries state: Adam, norm, dropout."""

    monitor = "loss"
    higher_is_better = False
    steps_per_epoch = 4

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(
            torch.nn.Linear(4, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(8, 1),
        )
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1.0, fused=True)
        self.poison = {}  # (epoch, step) -> what happens there

    def batch(self, epoch, step):
        r = np.random.default_rng([4, epoch, step])
        labels = r.integers(0, 2, 16)
        points = r.normal(labels[:, None], 1, (16, 4))
        if self.poison.get((epoch, step)) == "nan input":
            points[3, 2] = math.nan
        return (
            torch.from_numpy(np.float32(points)),
            torch.from_numpy(np.float32(labels)),
            epoch,
            step,
        )

    def loss(self, network, batch):
        points, labels, epoch, step = batch
        happens = self.poison.get((epoch, step))
        if isinstance(happens, signal.Signals):
            os.kill(os.getpid(), happens)
        logits = network(points)[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        if happens == "nan gradient":  # finite itself, but sqrt has no slope at 0
            loss = loss + torch.sqrt(logits.sum() * 0)
        return loss, {"accuracy": ((logits > 0) == (labels > 0.5)).float().mean()}

    def validate(self, network):
        points, labels, *_ = self.batch(10_000, 0)
        logits = network(points)[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return {"loss": float(loss)}


def train(
    folder: Path, *, resume=False, config=CONFIG, poison=None, progress=NO_PROGRESS
) -> LoopResult:
    run, task = RunFolder(folder), TinyTask()
    task.poison = poison or {}
    run.start({"seed": config.seed}, resume=resume, force=False)
    return run_loop(task, config, run, rows_per_epoch=64, resume=resume, progress=progress)


def outcome(folder: Path) -> tuple[str, dict]:
    """The log without its clock, and everything of both checkpoints but the clock, as bytes."""
    log = [line.rsplit(",", 1)[0] for line in (folder / "log.csv").read_text().splitlines()]
    last = load_checkpoint(folder / "checkpoints" / "last.pt")
    last["progress"].pop("seconds")
    best = load_checkpoint(folder / "checkpoints" / "best.pt")

    def plain(value):
        if isinstance(value, torch.Tensor):
            return value.numpy().tobytes()
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, list) else value

    return "\n".join(log), {"last": plain(last), "best": plain(best)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    result = train(folder)
    assert result.stopped == "all epochs"
    return outcome(folder)


def test_two_runs_are_equal_and_a_finished_one_resumes_to_itself(tmp_path, undisturbed):
    first = train(tmp_path / "run", config=replace(CONFIG, prefetch=5, checkpoint_steps=1))
    assert outcome(tmp_path / "run") == undisturbed
    told = Told()
    again = train(tmp_path / "run", resume=True, progress=told)
    assert told.said == ["This training has ended at step 12 of 12."]
    assert outcome(tmp_path / "run") == undisturbed
    assert again.epochs == first.epochs == 3
    assert again.best_epoch == first.best_epoch
    assert all(torch.equal(again.weights[k], first.weights[k]) for k in first.weights)


def test_batches_prepared_between_the_steps_are_the_same(tmp_path, undisturbed):
    train(tmp_path / "run", config=replace(CONFIG, prefetch=0))
    assert outcome(tmp_path / "run") == undisturbed


class Killed(BaseException):
    """Stands for a kill: nothing in the code may catch it and go on."""


@pytest.mark.parametrize("when", ["before the renaming", "after the renaming"])
def test_killed_at_any_write_and_resumed_ends_the_same(tmp_path, monkeypatch, undisturbed, when):
    """Config, checkpoints, best weights, log: killed at each of their writes in turn."""
    true_replace = Path.replace
    killed = 0
    for n in range(100):
        folder = tmp_path / str(n)
        left = n

        def replace_or_die(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0 and when == "before the renaming":
                raise Killed
            true_replace(self, target)
            if left < 0:
                raise Killed
            return target

        monkeypatch.setattr(Path, "replace", replace_or_die)
        try:
            train(folder)
        except Killed:
            killed += 1
        else:
            break
        finally:
            monkeypatch.undo()
        train(folder, resume=True)
        assert outcome(folder) == undisturbed, f"killed {when} of write {n}"
        assert not list(folder.rglob("*.tmp"))
    assert killed >= 10  # config, 3 log rows, 1 to 3 best weights, 4 + 1 checkpoints


def test_a_half_written_file_beside_is_no_obstacle(tmp_path, undisturbed):
    """What a real kill leaves: the unfinished new file beside the old one."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    open_mark(folder, "training")  # written first
    (folder / ".config.json.0123abcd.tmp").write_text('{"conf')
    (folder / "checkpoints" / ".last.pt.89efabcd.tmp").write_bytes(b"PK")
    train(folder, resume=True)
    assert outcome(folder) == undisturbed
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize(("cost", "n_saved"), [(0.0, 13), (0.1, 4), (10.0, 2)])
def test_cheap_checkpoints_come_often(tmp_path, monkeypatch, cost, n_saved):
    """A clock that moves by a second a step, and by `cost` while a checkpoint is written."""
    now, saved = 0.0, 0
    true_loss, true_save = TinyTask.loss, loop.save_checkpoint

    def loss(self: TinyTask, *batch: Any) -> Any:
        nonlocal now
        now += 1
        return true_loss(self, *batch)

    def save(path: Path, state: dict[str, Any]) -> None:
        nonlocal now, saved
        saved += path.name == "last.pt"
        now += cost
        true_save(path, state)

    monkeypatch.setattr(loop.time, "monotonic", lambda: now)
    monkeypatch.setattr(TinyTask, "loss", loss)
    monkeypatch.setattr(loop, "save_checkpoint", save)
    run = RunFolder(tmp_path / "run")
    run.start({}, resume=False, force=False)
    config = replace(CONFIG, checkpoint_steps=0, checkpoint_seconds=60.0)
    run_loop(TinyTask(), config, run, rows_per_epoch=64)
    # After the first of 12 steps, then as often as 2 % of the time allow, and at the end.
    assert saved == n_saved


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", [(0, 0), (1, 2), (2, 3)])
def test_a_stop_signal_ends_in_words_and_resumes_exactly(tmp_path, undisturbed, number, where):
    folder = tmp_path / "run"
    handler = signal.getsignal(number)
    step = 4 * where[0] + where[1] + 1
    with pytest.raises(StoppedError, match=rf"^Stopped at step {step} of 12\.$"):
        train(folder, poison={where: number})
    assert signal.getsignal(number) is handler
    progress = load_checkpoint(folder / "checkpoints" / "last.pt")["progress"]
    assert (progress["epoch"], progress["step"]) == (where[0], where[1] + 1)
    told = Told()
    train(folder, resume=True, progress=told)
    assert told.said == [f"Goes on at step {step} of 12."]
    assert outcome(folder) == undisturbed


def test_a_signal_in_the_last_validation_is_not_lost(tmp_path):
    """What follows the training, such as the next one of a search, would go on otherwise."""

    class Stopped(TinyTask):
        def validate(self, network):
            signal.raise_signal(signal.SIGINT)
            return super().validate(network)

    run = RunFolder(tmp_path / "run")
    run.start({}, resume=False, force=False)
    with pytest.raises(KeyboardInterrupt):
        run_loop(Stopped(), replace(CONFIG, validate_every=CONFIG.epochs), run, rows_per_epoch=64)
    progress = load_checkpoint(run.path / "checkpoints" / "last.pt")["progress"]
    assert progress["epoch"] == CONFIG.epochs


def test_threads_take_turns_as_before_once_a_training_has_ended(tmp_path):
    usual, turns = sys.getswitchinterval(), []

    class WatchedTask(TinyTask):
        def loss(self, network, batch):
            turns.append(sys.getswitchinterval())
            return super().loss(network, batch)

    task, run = WatchedTask(), RunFolder(tmp_path / "run")
    task.poison[1, 2] = "nan input"
    run.start({}, resume=False, force=False)
    with pytest.raises(TrainingError):
        run_loop(task, CONFIG, run, rows_per_epoch=64)
    assert max(turns) < usual == sys.getswitchinterval()


@pytest.mark.parametrize("poison", ["nan input", "nan gradient"])
def test_a_nan_ends_in_words_and_leaves_finite_weights(tmp_path, poison):
    what = "loss became nan" if poison == "nan input" else "gradient became nan"
    with pytest.raises(
        TrainingError,
        match=rf"The {what} in epoch 2, step 3. The weights until then are in .*checkpoints. "
        "Start again with a lower learning rate than 0.05",
    ):
        train(tmp_path / "run", poison={(1, 2): poison})
    state = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    assert state["progress"]["epoch"] == 1
    assert all(torch.isfinite(t).all() for t in state["network"].values())


def test_a_full_disk_ends_in_words_and_resumes_exactly(tmp_path, monkeypatch, undisturbed):
    """Every write fails from the n-th on; what was written before is usable."""
    true_fsync = os.fsync
    for n in (0, 1, 3, 6):
        folder, left = tmp_path / str(n), 2 * n  # two a file: the file and its folder

        def refuse(handle: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            true_fsync(handle)

        monkeypatch.setattr(facesmith.files.atomic.os, "fsync", refuse)
        with pytest.raises(WriteError, match=r"Cannot write .*: the disk is full") as caught:
            train(folder)
        of_last, last = "last.pt" in str(caught.value), folder / "checkpoints" / "last.pt"
        assert caught.value.can_go_on == (of_last and last.exists())
        monkeypatch.undo()
        train(folder, resume=True)
        assert outcome(folder) == undisturbed


def test_a_pause_has_the_weights_of_then_and_forgets_what_was_best(tmp_path):
    class Worsening(TinyTask):
        def validate(self, network):  # noqa: ARG002
            self.calls = getattr(self, "calls", 0) + 1
            return {"loss": float(self.calls)}

    config = replace(CONFIG, epochs=4)
    run, whole = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "whole")
    for folder in (run, whole):
        folder.start({}, resume=False, force=False)
    task = Worsening()
    paused = run_loop(task, config, run, rows_per_epoch=64, until_epoch=2)
    assert (paused.epochs, paused.best_epoch) == (2, -1)
    average = load_checkpoint(run.last_checkpoint)["average"]
    for name, tensor in paused.weights.items():
        assert torch.equal(tensor, average[name])
    again = run_loop(task, config, run, rows_per_epoch=64, resume=True, until_epoch=2)
    assert again.epochs == 2
    rest = run_loop(task, config, run, rows_per_epoch=64, resume=True)
    assert (rest.epochs, rest.best_epoch, rest.best) == (4, 2, 3)
    run_loop(TinyTask(), config, whole, rows_per_epoch=64)
    last, expected = (load_checkpoint(f.last_checkpoint)["network"] for f in (run, whole))
    for name, tensor in expected.items():
        assert torch.equal(tensor, last[name])


def test_early_stop_waits_so_many_epochs_and_resumes_to_itself(tmp_path):
    class Worsening(TinyTask):
        values = (3.0, 2.0, 2.5, 2.0, 2.0, 1.0)  # best in epoch 2; equal is no better

        def validate(self, network):  # noqa: ARG002
            self.calls = getattr(self, "calls", 0) + 1
            return {"loss": self.values[self.calls - 1]}

    config = replace(CONFIG, epochs=6, early_stop=3)
    run = RunFolder(tmp_path / "run")
    run.start({}, resume=False, force=False)
    result = run_loop(Worsening(), config, run, rows_per_epoch=64)
    assert (result.stopped, result.epochs, result.best_epoch, result.best) == (
        "early stop",
        5,
        1,
        2,
    )
    again = run_loop(Worsening(), config, run, rows_per_epoch=64, resume=True)
    assert (again.stopped, again.epochs, again.best_epoch) == ("early stop", 5, 1)


def test_a_time_limit_stops_and_resuming_ends_the_same(tmp_path, undisturbed):
    folder, limits = tmp_path / "run", 0
    while limits < 20:  # a limit that short lets one step through each time
        result = train(folder, resume=True, config=replace(CONFIG, time_limit=1e-6))
        if result.stopped != "time limit":
            break
        limits += 1
    assert limits == 12
    assert outcome(folder) == undisturbed


def test_validation_figures_are_judged_every_few_epochs_and_at_the_end(tmp_path):
    train(tmp_path / "run", config=replace(CONFIG, validate_every=2))
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("validation_loss")
    assert [bool(row.split(",")[column]) for row in rows[1:]] == [False, True, True]


def test_resume_names_what_differs(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.start({"seed": 1, "loop": {"epochs": 3, "time_limit": 5}}, resume=False, force=False)
    run.start({"seed": 1, "loop": {"epochs": 3, "time_limit": 0}}, resume=True, force=False)
    with pytest.raises(TrainingError, match=r"loop.epochs was 3, is now 4; seed was 1, is now 2"):
        run.start({"seed": 2, "loop": {"epochs": 4}}, resume=True, force=False)


def test_nothing_is_overwritten_without_force_and_only_runs_with_it(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.start({"seed": 1}, resume=False, force=False)
    with run.open_log(0) as log:
        log.write(0, {"loss": 1.0}, seconds=1.0)
    with pytest.raises(WriteError, match=r"is not empty\. Pass --resume"):
        run.start({"seed": 1}, resume=False, force=False)
    run.start({"seed": 2}, resume=False, force=True)
    assert not (run.path / "log.csv").exists()
    assert json.loads(run.config_path.read_text())["config"] == {"seed": 2}

    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    for resume in (True, False):
        with pytest.raises(WriteError, match="does not carry its mark"):
            RunFolder(home).start({}, resume=resume, force=True)
    with pytest.raises(WriteError, match="is a file"):
        RunFolder(home / "letter.txt").start({}, resume=False, force=True)
    assert (home / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no zip at all", b"hello"])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    folder = tmp_path / "run"
    train(folder)
    (folder / "checkpoints" / "last.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"last.pt is no usable checkpoint"):
        train(folder, resume=True)


def test_a_truncated_checkpoint_is_named_and_left_alone(tmp_path):
    folder = tmp_path / "run"
    train(folder)
    last = folder / "checkpoints" / "last.pt"
    half = last.read_bytes()[: last.stat().st_size // 2]
    last.write_bytes(half)
    with pytest.raises(WeightsError, match=r"it is cut off or damaged. Start anew with --force"):
        train(folder, resume=True)
    assert last.read_bytes() == half


def test_a_list_of_weights_is_no_checkpoint(tmp_path):
    folder = tmp_path / "run"
    train(folder)
    torch.save([1, 2], folder / "checkpoints" / "last.pt")
    with pytest.raises(WeightsError, match="no usable checkpoint"):
        train(folder, resume=True)


def test_settings_that_are_gone_or_damaged_lose_nothing(tmp_path):
    """Without them a resumption would take the folder for one that was never begun."""
    run = RunFolder(tmp_path / "run")
    run.start({"seed": 1}, resume=False, force=False)
    with run.output.lock():
        run.output.add()
        save_checkpoint(run.last_checkpoint, {"weights": {}})
    run.config_path.write_text('{"config": {"see')
    with pytest.raises(TrainingError, match=r"Cannot resume: .*not valid JSON.*--force"):
        run.start({"seed": 1}, resume=True, force=False)
    run.config_path.unlink()
    for act in (run.check, partial(run.start, {"seed": 1})):
        with pytest.raises(TrainingError, match=r"config\.json, are missing"):
            act(resume=True, force=False)
    assert run.last_checkpoint.is_file()


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe", b"epoch\nfirst\n"])
def test_a_damaged_log_is_named_and_left_alone(tmp_path, content):
    run = RunFolder(tmp_path / "run")
    run.start({"seed": 1}, resume=False, force=False)
    run.log_path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"log\.csv is damaged.*Delete it"):
        run.open_log(2)
    assert run.log_path.read_bytes() == content


def test_a_checkpoint_of_another_training_is_named(tmp_path):
    folder = tmp_path / "run"
    train(folder)
    torch.save({"network": {}}, folder / "checkpoints" / "last.pt")
    with pytest.raises(WeightsError, match="belongs to another training"):
        train(folder, resume=True)


def test_learning_rate_rises_then_falls_as_a_half_cosine():
    config = LoopConfig(epochs=1, learning_rate=2.0, warmup_steps=4, final_fraction=0.1)
    rates = [learning_rate(config, step, 20) for step in range(21)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert rates[12] == pytest.approx(1.1)  # half-way: the mean of 2.0 and 0.2
    assert rates[20] == pytest.approx(0.2)
    assert all(b <= a for a, b in itertools.pairwise(rates[4:]))


def test_a_resumed_training_tells_its_progress_from_where_it_stopped(tmp_path):
    run, steps, told = RunFolder(tmp_path / "run"), TinyTask.steps_per_epoch, Told()
    run.start({}, resume=False, force=False)
    task = TinyTask()
    task.poison = {(1, 1): "nan input"}
    with pytest.raises(TrainingError, match="became nan"):
        run_loop(task, CONFIG, run, rows_per_epoch=64, progress=told)
    assert told.reports == [("Training", done, 3 * steps) for done in range(steps + 2)]
    assert told.notes[0] == ""
    assert told.notes[1].startswith("epoch 1  loss 0.")
    assert told.notes[-1].startswith("epoch 2  loss 0.")
    stopped = load_checkpoint(run.last_checkpoint)["progress"]
    again = Told()
    run_loop(TinyTask(), CONFIG, run, rows_per_epoch=64, resume=True, progress=again)
    first = stopped["epoch"] * steps + stopped["step"]
    assert first > 0
    assert again.reports == [("Training", done, 3 * steps) for done in range(first, 3 * steps + 1)]
