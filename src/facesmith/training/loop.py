"""The one training loop, for classifier and detector alike, that can be killed and resumed exactly.

Exact resume rests on three rules. A batch is a pure function of (seed, epoch, step): no generator
carries state from batch to batch. A checkpoint holds everything else that the next step depends
on. And a file is replaced atomically, so that a checkpoint is either the old or the new one.
"""

from __future__ import annotations

import copy
import errno
import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from facesmith.errors import TrainingError
from facesmith.training.runs import RunFolder


@dataclass(frozen=True)
class LoopConfig:
    """How to train; what is trained is the task's business."""

    epochs: int  # passes over the training rows
    learning_rate: float  # the highest of the schedule
    seed: int = 0  # of weights, order and augmentation
    warmup_steps: int = 100  # the learning rate rises linearly over these first steps
    final_fraction: float = 0.02  # of the learning rate, where the cosine ends
    average_decay: float = 0.998  # of the moving average of the weights; 0 turns it off
    gradient_clip: float = 10.0  # largest norm of the gradient; 0 turns it off
    early_stop: int = 0  # epochs without a better validation figure before stopping; 0: never
    validate_every: int = 1  # epochs between validations; the last epoch is always validated
    checkpoint_seconds: float = 60.0  # at most this much work is done again after a kill
    time_limit: float = 0.0  # seconds after which to stop at the next step; 0: none
    prefetch: int = 2  # batches prepared ahead, each in its own thread
    threads: int = 0  # of PyTorch; 0: one per core that this process may use
    precision: str = "auto"  # "auto", "bf16-mixed" or "32-true", as Lightning Fabric names them
    accelerator: str = "auto"  # "auto", "cpu", "cuda" or "mps", as Lightning Fabric names them


class Task(Protocol):
    """What the loop trains."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    steps_per_epoch: int
    monitor: str  # the validation figure that decides which weights are best
    higher_is_better: bool

    def batch(self, epoch: int, step: int) -> Any:
        """The batch of one step, a pure function of its arguments; called from other threads."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and figures to log (scalar tensors, without gradient)."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation rows, `monitor` among them."""


@dataclass
class _Progress:
    """Where a training stands, besides weights and optimiser; all of it goes into a checkpoint."""

    epoch: int = 0
    step: int = 0  # within the epoch: the next one to do
    best: float = math.nan
    best_epoch: int = -1
    stale: int = 0  # epochs since the best
    seconds: float = 0.0  # of training, over all resumptions
    sums: dict[str, float] = field(default_factory=dict)  # of this epoch's figures so far
    done: bool = False


@dataclass(frozen=True)
class LoopResult:
    """What a finished training leaves, beside the files of its run folder."""

    best_epoch: int
    best: float
    epochs: int
    seconds: float
    rows_per_second: float
    weights: dict[str, Tensor]
    stopped: str  # why it ended: "all epochs", "early stop" or "time limit"


def run_loop(
    task: Task,
    config: LoopConfig,
    run: RunFolder,
    *,
    rows_per_epoch: int,
    resume: bool = False,
    quiet: bool = False,
) -> LoopResult:
    """Train to the end, or until something stops it.

    Args:
        task: Network, optimiser, batches, loss and validation.
        config: How long and how.
        run: The run folder; `checkpoints/last.pt`, `checkpoints/best.pt`, `log.csv` and
            `tensorboard/` are written there.
        rows_per_epoch: Rows of one epoch, for the speed that is reported.
        resume: Continue from `checkpoints/last.pt` when there is one.
        quiet: No progress bar.

    Returns:
        The best weights (by `task.monitor`, of the moving average where there is one).

    Raises:
        TrainingError: On a NaN loss, a full disk, Ctrl-C or SIGTERM. The message names the
            checkpoint to go on from.
    """
    torch.set_num_threads(config.threads or available_cores())
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=1,
        precision=_precision(config),  # type: ignore[arg-type]
    )
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network, optimizer = fabric.setup(task.network, task.optimizer)
    average = copy.deepcopy(task.network).eval().requires_grad_(False)
    progress = _Progress()
    if resume and run.last_checkpoint.exists():
        progress = _restore(run, task, average)
    log = run.open_log(progress.epoch)
    total_steps = config.epochs * task.steps_per_epoch
    stopped = "all epochs"
    started = time.monotonic() - progress.seconds
    first_step = progress.epoch * task.steps_per_epoch + progress.step
    loop_started = time.monotonic()
    saved_at = time.monotonic()

    with _stop_signal() as stop, _batches(task, config, progress) as batches, log, _bar(
        total_steps, first_step, quiet
    ) as bar:
        while not progress.done:
            network.train()
            while progress.step < task.steps_per_epoch:
                global_step = progress.epoch * task.steps_per_epoch + progress.step
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(config, global_step, total_steps)
                loss, figures = task.loss(network, fabric.to_device(next(batches)))
                value = float(loss.detach())
                if not math.isfinite(value):
                    raise TrainingError(
                        f"The loss became {value} in epoch {progress.epoch + 1}, step "
                        f"{progress.step + 1}. {_way_on(run)} Lower the learning rate "
                        f"(now {config.learning_rate:g}) to start again."
                    )
                optimizer.zero_grad(set_to_none=True)
                fabric.backward(loss)
                if config.gradient_clip:
                    torch.nn.utils.clip_grad_norm_(task.network.parameters(), config.gradient_clip)
                optimizer.step()
                _update_average(average, task.network, config.average_decay, global_step)
                progress.step += 1
                progress.seconds = time.monotonic() - started
                for name, figure in {"loss": loss, **figures}.items():
                    progress.sums[name] = progress.sums.get(name, 0.0) + float(figure.detach())
                bar.update(1, progress)
                if stop.is_set():
                    _save_last(run, task, average, progress)
                    raise TrainingError(f"Stopped on request. {_way_on(run)}")
                out_of_time = 0 < config.time_limit <= progress.seconds
                if out_of_time or time.monotonic() - saved_at >= config.checkpoint_seconds:
                    _save_last(run, task, average, progress)
                    saved_at = time.monotonic()
                if out_of_time:
                    stopped = "time limit"
                    break
            steps_done = max(progress.step, 1)
            row = {f"train_{k}": v / steps_done for k, v in progress.sums.items()}
            row["learning_rate"] = optimizer.param_groups[0]["lr"]
            last_epoch = progress.epoch + 1 >= config.epochs or stopped == "time limit"
            if last_epoch or (progress.epoch + 1) % config.validate_every == 0:
                judged = average if config.average_decay else task.network
                judged.eval()
                with torch.no_grad():
                    row |= {f"validation_{k}": v for k, v in task.validate(judged).items()}
                if _better(row[f"validation_{task.monitor}"], progress.best, task):
                    progress.best = row[f"validation_{task.monitor}"]
                    progress.best_epoch, progress.stale = progress.epoch, 0
                    _save(run.best_checkpoint, {"weights": judged.state_dict(), "metrics": row})
                else:
                    progress.stale += config.validate_every
            log.write(progress.epoch, row, seconds=progress.seconds)
            progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, {}
            if 0 < config.early_stop <= progress.stale and not last_epoch:
                stopped, last_epoch = "early stop", True
            progress.done = last_epoch
            # A short epoch is quickly done again: the checkpoint at its end follows the clock too.
            if progress.done or time.monotonic() - saved_at >= min(config.checkpoint_seconds, 5.0):
                _save_last(run, task, average, progress)
                saved_at = time.monotonic()

    steps_run = max(progress.epoch * task.steps_per_epoch - first_step, 0)
    spent = max(time.monotonic() - loop_started, 1e-9)
    return LoopResult(
        best_epoch=progress.best_epoch,
        best=progress.best,
        epochs=progress.epoch,
        seconds=progress.seconds,
        rows_per_second=steps_run / task.steps_per_epoch * rows_per_epoch / spent,
        weights=_load(run.best_checkpoint)["weights"],
        stopped=stopped,
    )


def learning_rate(config: LoopConfig, step: int, total_steps: int) -> float:
    """Linear warm-up, then a half cosine down to `final_fraction`.

    Source:
        Loshchilov & Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2017,
        without the restarts.
    """
    warmup = min(config.warmup_steps, total_steps // 4)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(total_steps - warmup, 1)
    low = config.final_fraction
    return config.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))


def available_cores() -> int:
    """Cores that this process may use, which a container may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _precision(config: LoopConfig) -> str:
    if config.precision != "auto":
        return config.precision
    if torch.cuda.is_available() and config.accelerator in ("auto", "cuda"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # Without hardware for it, bfloat16 on a CPU is emulated and several times slower.
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"


def _update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    # Early on the average forgets faster, or it would remember the random start for long.
    weight = 1 - min(decay, (1 + step) / (10 + step))
    mine = [t for t in average.state_dict().values() if t.is_floating_point()]
    theirs = [t for t in network.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(mine, theirs, weight)


def _better(value: float, best: float, task: Task) -> bool:
    if math.isnan(best):
        return True
    return value > best if task.higher_is_better else value < best


def _way_on(run: RunFolder) -> str:
    if run.last_checkpoint.exists():
        return f"Go on from {run.last_checkpoint} with --resume."
    return "There is no checkpoint yet."


def _save_last(run: RunFolder, task: Task, average: nn.Module, progress: _Progress) -> None:
    state = {
        "network": task.network.state_dict(),
        "average": average.state_dict(),
        "optimizer": task.optimizer.state_dict(),
        "progress": dict(vars(progress)),
    }
    try:
        _save(run.last_checkpoint, state)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror or error)
        raise TrainingError(
            f"Cannot write {run.last_checkpoint}: {reason}. {_way_on(run)} Make room first."
        ) from error


def _restore(run: RunFolder, task: Task, average: nn.Module) -> _Progress:
    state = _load(run.last_checkpoint)
    task.network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    task.optimizer.load_state_dict(state["optimizer"])
    return _Progress(**state["progress"])


def _save(path: Path, state: dict[str, Any]) -> None:
    """Write beside, flush to the disk, then replace: a kill leaves the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


@contextmanager
def _batches(task: Task, config: LoopConfig, progress: _Progress) -> Iterator[Iterator[Any]]:
    """The batches from here to the end, prepared ahead in threads, handed out in order."""
    # The loop moves `progress` on while this generator is alive: pin where it starts.
    first_epoch, first_step = progress.epoch, progress.step
    positions = iter(
        (epoch, step)
        for epoch in range(first_epoch, config.epochs)
        for step in range(first_step if epoch == first_epoch else 0, task.steps_per_epoch)
    )
    pool = ThreadPoolExecutor(max_workers=max(config.prefetch, 1))
    waiting: deque[Future[Any]] = deque()

    def ahead() -> Iterator[Any]:
        while True:
            while len(waiting) < max(config.prefetch, 1):
                position = next(positions, None)
                if position is None:
                    break
                waiting.append(pool.submit(task.batch, *position))
            if not waiting:
                return
            yield waiting.popleft().result()

    try:
        yield ahead()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Set on Ctrl-C or SIGTERM, so that the loop stops between two steps, never within one."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(_number: int, _frame: object) -> None:
        if stop.is_set():  # asked twice: at once, then
            raise KeyboardInterrupt
        stop.set()

    old = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def _bar(total: int, done: int, quiet: bool) -> Iterator[Any]:
    def show(progress: _Progress | None) -> str:
        if progress is None or not progress.sums:
            return ""
        mean = progress.sums["loss"] / max(progress.step, 1)
        return f"epoch {progress.epoch + 1}  loss {mean:.4f}"

    with click.progressbar(
        length=total,
        label="Training",
        file=click.get_text_stream("stderr"),
        item_show_func=show,
        hidden=quiet,
        update_min_steps=max(total // 2000, 1),
    ) as bar:
        if done:
            bar.update(done)
        yield bar
