"""The one training loop of classifiers and detectors. It can be killed and resumed exactly.

Exact resume rests on three rules. A batch is a pure function of (seed, epoch, step): no generator
carries state from batch to batch. A checkpoint holds everything else that the next step depends
on. And a file is replaced atomically, so that a checkpoint is either the old or the new one.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from facesmith.detection.sessions import available_cores
from facesmith.errors import StoppedError, TrainingError, WeightsError, WriteError
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder
from facesmith.training.checkpoints import load_checkpoint, save_checkpoint
from facesmith.training.fabric import make_fabric
from facesmith.training.loop_config import LoopConfig
from facesmith.training.loop_task import TIME_LIMIT, LoopResult, Task
from facesmith.training.pace import Pace
from facesmith.training.prefetch import prepared_ahead
from facesmith.training.resources import keep_freed_memory
from facesmith.training.schedule import learning_rate
from facesmith.training.sharing import current_world
from facesmith.training.signals import stop_signal

_MIN_CHECKPOINT_SECONDS = 1.0
_CHECKPOINT_SHARE = 0.02  # of the time that writing checkpoints may take, unless set otherwise


@dataclass
class _State:
    """Where a training stands, besides weights and optimiser; all of it goes into a checkpoint."""

    epoch: int = 0
    step: int = 0  # within the epoch: the next one to do
    best: float = math.nan
    best_epoch: int = -1
    stale: int = 0  # epochs since the best
    seconds: float = 0.0  # of training, over all resumptions
    sums: dict[str, float] = field(default_factory=dict)  # of this epoch's figures so far
    done: bool = False


def run_loop(
    task: Task,
    config: LoopConfig,
    run: RunFolder,
    *,
    rows_per_epoch: int,
    resume: bool = False,
    until_epoch: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> LoopResult:
    """Train to the end, or until something stops it.

    Args:
        task: Network, optimiser, batches, loss and validation.
        config: How long and how.
        run: Where checkpoints, log and TensorBoard events go.
        rows_per_epoch: Rows of one epoch, for the speed that is reported.
        resume: Continue from `checkpoints/last.pt` when there is one.
        until_epoch: Pause before this epoch (0: the first), with the weights of then. The call
            that resumes looks for the best ones anew.
        progress: Told how far the training is.

    Returns:
        The best weights (by `task.monitor`, of the moving average where there is one).

    Raises:
        TrainingError: On a NaN loss, a full disk, Ctrl-C or SIGTERM.
    """
    torch.set_num_threads(config.threads or available_cores())
    keep_freed_memory()
    training = _Training(task, config, run)
    world = training.world
    if world.from_first(resume and run.last_checkpoint.exists()):
        training.restore()
        progress.say(training.where())
    elif resume and run.best_checkpoint.exists():
        progress.say(
            f"There is no {run.last_checkpoint} to go on from: the training starts at its first "
            "step."
        )
    at = training.state
    first_step = training.steps_done
    last = config.epochs if until_epoch is None else min(until_epoch, config.epochs)
    with (
        stop_signal() as stop,
        prepared_ahead(task.batch, training.positions(last), config.prefetch) as batches,
        run.open_log(at.epoch) as log,
    ):
        pace = Pace(last * task.steps_per_epoch, first_step)
        progress.report("Training", first_step, training.steps_total)
        while at.epoch < last and not at.done and not training.out_of_time:
            while at.step < task.steps_per_epoch and not training.out_of_time:
                training.step(next(batches))
                pace.step(training.steps_done)
                if line := pace.news():
                    progress.say(line)
                standing = f"{training.standing()}  {pace.note()}".rstrip()
                progress.report("Training", training.steps_done, training.steps_total, standing)
                training.save_if_due(stop)
            log.write(at.epoch, training.end_epoch(), seconds=at.seconds)
            if not training.out_of_time:
                training.begin_next_epoch()
        if at.epoch == last < config.epochs and not at.done:
            training.pause()
    epochs_done = (training.steps_done - first_step) / task.steps_per_epoch
    spent = max(time.monotonic() - training.called_at, 1e-9)
    stopped = "early stop" if at.epoch < last else "all epochs"
    best_weights = training.best_weights
    if world.is_first and best_weights is None:
        best_weights = load_checkpoint(run.best_checkpoint)["weights"]
    best_weights = world.from_first(best_weights)
    assert best_weights is not None
    world.unshare_statistics(task.network)
    task.network.cpu()  # what follows, export and evaluation, needs no accelerator
    return LoopResult(
        best_epoch=at.best_epoch,
        best=at.best,
        epochs=at.epoch + (at.step > 0),
        seconds=at.seconds,
        rows_per_second=epochs_done * rows_per_epoch / spent,
        weights={name: tensor.cpu() for name, tensor in best_weights.items()},
        stopped=TIME_LIMIT if training.out_of_time else stopped,
    )


class _Training:
    """The state of a training, with one method an event."""

    def __init__(self, task: Task, config: LoopConfig, run: RunFolder) -> None:
        self.task, self.config, self.run = task, config, run
        self.world = current_world()
        self.world.share_statistics(task.network)
        self.fabric = make_fabric(config, self.world)
        task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network, self.optimizer = self.fabric.setup(task.network, task.optimizer)
        self.network = self.world.shared(network)
        self.average = copy.deepcopy(task.network).eval().requires_grad_(False)
        self.averaged = _floating_tensors(self.average)
        self.trained = _floating_tensors(task.network)
        self.state = _State()
        self.steps_total = config.epochs * task.steps_per_epoch
        self.best_weights: dict[str, Tensor] | None = None
        self.out_of_time = False
        self.called_at = self.saved_at = time.monotonic()
        self.save_seconds = 0.0
        self.seconds_before = 0.0

    @property
    def steps_done(self) -> int:
        return self.state.epoch * self.task.steps_per_epoch + self.state.step

    def where(self) -> str:
        """Where a training that was resumed goes on."""
        how = "This training has ended" if self.state.done else "Goes on"
        return f"{how} at step {self.steps_done:,} of {self.steps_total:,}."

    def standing(self) -> str:
        """The epoch and the mean loss in it so far."""
        loss = self.state.sums["loss"] / self.state.step
        return f"epoch {self.state.epoch + 1}  loss {loss:.4f}"

    def positions(self, last: int) -> Iterator[tuple[int, int]]:
        """Epoch and step of every batch from where the training stands now to epoch `last`."""
        numbers = range(self.steps_done, last * self.task.steps_per_epoch)
        return (divmod(number, self.task.steps_per_epoch) for number in numbers)

    def step(self, batch: Any) -> None:
        """One batch forward and back, one change of the weights."""
        state, config = self.state, self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.steps_done, self.steps_total)
        self.network.train()
        # Dropout and its like draw from PyTorch's generator: it too starts anew with each step.
        torch.manual_seed(config.seed * 1_000_003 + self.steps_done)
        loss, figures = self.task.loss(self.network, self.fabric.to_device(batch))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._not_finite("loss", value)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.world.sum_gradients(self.task.network.parameters())
        # Without a limit this changes nothing, but still tells whether all is finite.
        norm = torch.nn.utils.clip_grad_norm_(
            self.task.network.parameters(), config.gradient_clip or math.inf
        )
        if not math.isfinite(float(norm)):
            raise self._not_finite("gradient", float(norm))
        self.optimizer.step()
        _update_average(self.averaged, self.trained, config.average_decay, self.steps_done)
        state.step += 1
        state.seconds = self.seconds_before + time.monotonic() - self.called_at
        for name, figure in {"loss": loss, **figures}.items():
            state.sums[name] = state.sums.get(name, 0.0) + float(figure.detach())

    def save_if_due(self, stop: threading.Event) -> None:
        """Write `last.pt` when clock, count, time limit or a signal ask for it."""
        now = time.monotonic()
        late = 0 < self.config.time_limit <= now - self.called_at
        self.out_of_time, stopped = self.world.any(late, stop.is_set())
        every = self.config.checkpoint_steps
        due = now - self.saved_at >= self.checkpoint_seconds
        due = due or bool(every and self.steps_done % every == 0)
        if due or self.out_of_time or stopped:
            self.save()
        if stopped:
            raise StoppedError(f"Stopped at step {self.steps_done:,} of {self.steps_total:,}.")

    def end_epoch(self) -> dict[str, float]:
        """Validate if it is time to, keep the best weights, and return the row for the log."""
        state, config = self.state, self.config
        row = {f"train_{k}": v / max(state.step, 1) for k, v in state.sums.items()}
        row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        last_epoch = state.epoch + 1 >= config.epochs or self.out_of_time
        if not last_epoch and (state.epoch + 1) % config.validate_every:
            return row
        evaluated = self.average if config.average_decay else self.task.network
        evaluated.eval()
        figures: dict[str, float] = {}
        if self.world.is_first:
            with torch.no_grad():
                figures = self.task.validate(evaluated)
        row |= {f"validation_{k}": v for k, v in self.world.from_first(figures).items()}
        value = row[f"validation_{self.task.monitor}"]
        # An average precision may be undefined; a loss that is not finite means lost weights.
        if not (math.isfinite(value) or self.task.higher_is_better):
            raise self._not_finite("validation loss", value)
        if not _better(value, state.best, self.task):
            state.stale += config.validate_every
            return row
        state.best, state.best_epoch, state.stale = value, state.epoch, 0
        self.best_weights = copy.deepcopy(evaluated.state_dict())
        # When time is up, last.pt stands within the epoch, and resuming validates at its end.
        if not self.out_of_time:
            save_checkpoint(
                self.run.best_checkpoint, {"weights": self.best_weights, "metrics": row}
            )
        return row

    def begin_next_epoch(self) -> None:
        """Go on to the next epoch unless this was the last."""
        state, config = self.state, self.config
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        early_stop = 0 < config.early_stop <= state.stale
        state.done = state.epoch >= config.epochs or early_stop
        # A short epoch is quickly done again: the checkpoint at its end follows the clock too.
        since = time.monotonic() - self.saved_at
        if state.done or since >= self.checkpoint_seconds:
            self.save()

    @property
    def checkpoint_seconds(self) -> float:
        """Seconds between checkpoints: as set, or sooner where writing them costs little.

        A short training would otherwise end before its first one.
        """
        cheap = max(_MIN_CHECKPOINT_SECONDS, self.save_seconds / _CHECKPOINT_SHARE)
        return min(self.config.checkpoint_seconds, cheap)

    def pause(self) -> None:
        """Forget the best weights so far and save; the present ones are the result."""
        self.state.best, self.state.best_epoch, self.state.stale = math.nan, -1, 0
        self.best_weights = copy.deepcopy(self.average.state_dict())
        self.save()

    def save(self) -> None:
        """Write `last.pt`: everything that the next step depends on."""
        # An absurd step makes weights infinite before any loss shows it: keep the older file.
        for tensor in self.trained:
            if not bool(torch.isfinite(tensor).all()):
                raise self._not_finite("size of a weight", math.inf)
        checkpoint = {
            "network": self.task.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.task.optimizer.state_dict(),
            "progress": dict(vars(self.state)),
        }
        began = time.monotonic()
        try:
            save_checkpoint(self.run.last_checkpoint, checkpoint)
        except WriteError as error:
            raise _unsaved(error, self.run) from error
        self.saved_at = time.monotonic()
        self.save_seconds = self.saved_at - began

    def restore(self) -> None:
        """Take up what `last.pt` holds, which only the first process has."""
        checkpoint: Any = None
        if self.world.is_first:
            checkpoint = load_checkpoint(self.run.last_checkpoint)
        checkpoint = self.world.from_first(checkpoint)
        try:
            self.task.network.load_state_dict(checkpoint["network"])
            self.average.load_state_dict(checkpoint["average"])
            self.task.optimizer.load_state_dict(checkpoint["optimizer"])
            self.state = _State(**checkpoint["progress"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.run.last_checkpoint} belongs to another training ({error}). "
                "Start anew with --force, or pass another --out."
            ) from error
        self.seconds_before = self.state.seconds

    def _not_finite(self, what: str, value: float) -> TrainingError:
        # Resuming would do exactly the same again, so that is not the way out.
        folder = self.run.last_checkpoint.parent
        kept = f" The weights until then are in {folder}." if any(folder.glob("*.pt")) else ""
        state = self.state
        within = state.step < self.task.steps_per_epoch
        where = f"in epoch {state.epoch + 1}, step {state.step + 1}"
        return TrainingError(
            f"The {what} became {value} {where if within else f'after epoch {state.epoch + 1}'}."
            f"{kept} Start again with a lower learning rate than {self.config.learning_rate:g}."
        )


def _floating_tensors(network: nn.Module) -> list[Tensor]:
    """Weights and running statistics, without counters."""
    return [t for t in network.state_dict().values() if t.is_floating_point()]


def _update_average(averaged: list[Tensor], trained: list[Tensor], decay: float, step: int) -> None:
    # Early on the average forgets faster, or it would remember the random start for long.
    weight = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(averaged, trained, weight)


def _better(value: float, best: float, task: Task) -> bool:
    if math.isnan(best):
        return True
    return value > best if task.higher_is_better else value < best


def _unsaved(error: WriteError, run: RunFolder) -> WriteError:
    held = run.last_checkpoint.exists()
    failed = WriteError(str(error) if held else f"{error} There is no checkpoint yet.")
    failed.can_go_on = held
    return failed
