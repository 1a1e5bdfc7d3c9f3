"""A batch shared out among the processes of a training.

All processes do the same: the same batches, the same loss, the same steps. Only the network is
shared out: each process feeds its rows of a batch through it, and the outputs are put together
before the loss. So a step is that of one process with the whole batch, but for the order of sums.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from facesmith.errors import TrainingError
from facesmith.training.liveness import SignsOfLife, wait_for

Value = TypeVar("Value")


class World:
    """The processes of a training, seen from one of them; alone, its methods change nothing.

    Attributes:
        rank: Number of this process, from 0.
        size: Processes.
        local_rank: Number of this process on its machine, which is that of its accelerator.
        scratch: Where a process that is not the first writes.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        local_rank: int = 0,
        scratch: Path | None = None,
        *,
        local_size: int = 1,
        signs: SignsOfLife | None = None,
    ) -> None:
        self.rank, self.size, self.local_rank, self.scratch = rank, size, local_rank, scratch
        self._local_size, self._signs = local_size, signs
        self.rows = (0, 0, 0)  # of the batch under way: this process's first, its end, and all

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def described(self) -> dict[str, Any]:
        """What a run's config says of it: the number decides the last bits of the result."""
        return {"processes": self.size} if self.size > 1 else {}

    def folder(self, out: str | Path) -> Path:
        """Where this process writes what goes to `out`."""
        return Path(out) if self.scratch is None else self.scratch / "run"

    def rows_of(self, n: int) -> tuple[int, int]:
        """First and end of the rows of a batch of n that this process feeds to the network.

        Where there are too few to share out, each feeds all of them, and counts for a part.
        """
        if n < self.size:
            return 0, n
        bounds = [int(part[0]) for part in torch.arange(n).tensor_split(self.size)]
        return bounds[self.rank], [*bounds, n][self.rank + 1]

    def gathered(self, own: Tensor, n: int) -> Tensor:
        """All rows of a batch of n, of which each process gives those of `rows_of`."""
        if self.size == 1 or n < self.size:
            return own
        sizes = [len(part) for part in torch.arange(n).tensor_split(self.size)]
        gathered: Tensor = _applied(_Gathered, own, sizes, self.rank)
        return gathered

    def from_first(self, value: Value) -> Value:
        """The value that the first process has; the others' are not looked at."""
        return value if self.size == 1 else self._from(0, value)

    def _from(self, rank: int, value: Value) -> Value:
        sender = self.rank == rank
        sent = pickle.dumps(value) if sender else b""
        length = torch.tensor([len(sent)], device=_device())
        self.wait(dist.broadcast(length, rank, async_op=True))
        held = torch.zeros(int(length), dtype=torch.uint8)
        if sender:
            held = torch.frombuffer(bytearray(sent), dtype=torch.uint8)
        held = held.to(_device())
        self.wait(dist.broadcast(held, rank, async_op=True))
        if sender:
            return value
        received: Value = pickle.loads(held.cpu().numpy().tobytes())  # noqa: S301 - our own
        return received

    def share_of(self, threads: int) -> int:
        """The threads of one process where the processes of a machine share so many."""
        return max(threads // self._local_size, 1)

    def leave(self) -> None:
        """From now on this process works alone; call it in all of them."""
        if self.size > 1:
            set_world(World())
            # One that has ended is not needed any more.
            with suppress(TrainingError, RuntimeError, ValueError):
                self.wait(dist.barrier(async_op=True))
                dist.destroy_process_group()
            if self._signs is not None:
                self._signs.end()

    def any(self, *flags: bool) -> list[bool]:
        """For each flag whether it is set in any process."""
        if self.size == 1:
            return list(flags)
        held = torch.tensor(flags, dtype=torch.int32, device=_device())
        self.wait(dist.all_reduce(held, dist.ReduceOp.MAX, async_op=True))
        return [bool(flag) for flag in held.tolist()]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give all processes the sum of their gradients."""
        if self.size == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.wait(dist.all_reduce(flat, async_op=True))
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()

    def check_same(self, settings: Mapping[str, Any]) -> None:
        """Refuse to train where another process has other settings or data than the first.

        Args:
            settings: All that decides what the training produces.

        Raises:
            TrainingError: In all processes, with what differs.
        """
        if self.size == 1:
            return
        first = self.from_first(_flat(settings))
        own = _flat(settings)
        different = [name for name in sorted(first | own) if first.get(name) != own.get(name)]
        words = "; ".join(_difference(name, first, own) for name in different)
        every: list[str] = [""] * self.size
        for rank in range(self.size):
            every[rank] = self._from(rank, words)
        for rank, said in enumerate(every):
            if said:
                raise TrainingError(
                    f"Process {rank} of this training does not do what the first one does: {said}. "
                    "All processes need the same command, photos, labels and weights."
                )

    def wait(self, work: Any) -> None:
        """Wait until a collective is done.

        Raises:
            ParticipantError: If another process has ended, or gives no sign of life.
        """
        wait_for(work, self._signs)

    def shared(self, network: nn.Module) -> nn.Module:
        """What a loss calls with a whole batch, in place of the network."""
        return network if self.size == 1 else _Shared(network, self)

    def share_statistics(self, network: nn.Module) -> None:
        """Have batch normalisation and dropout work as in one process with the whole batch."""
        if self.size > 1:
            for module in network.modules():
                if type(module) in _SHARING:
                    module.__class__ = _SHARING[type(module)]

    def unshare_statistics(self, network: nn.Module) -> None:
        """Undo `share_statistics`, so that the network can be used elsewhere."""
        for module in network.modules():
            for own, sharing in _SHARING.items():
                if type(module) is sharing:
                    module.__class__ = own


_current = [World()]


def current_world() -> World:
    """The processes that this one trains with."""
    return _current[-1]


def set_world(world: World) -> None:
    """Train with these processes from now on."""
    _current[:] = [world]


def backend() -> str:
    """How the processes of a training connect: over their GPUs where the machine has any."""
    return "nccl" if torch.cuda.is_available() else "gloo"


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif name != "data_path":
            flat[f"{prefix}{name}"] = value
    return flat


def _difference(name: str, first: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if name == "data":  # a checksum says nothing to people
        return "its photos, their boxes or its patches are others"
    return f"{name} is {own.get(name)!r:.60}, and {first.get(name)!r:.60} there"


class _Shared(nn.Module):
    """A network that is fed this process's rows of a batch and gives the outputs for all rows."""

    def __init__(self, network: nn.Module, world: World) -> None:
        super().__init__()
        self.network, self.world = network, world

    def forward(self, batch: Tensor) -> Any:
        world, n = self.world, len(batch)
        begin, end = world.rows_of(n)
        world.rows = (begin, end, n)
        if n < world.size:
            return _mapped(self.network(batch), lambda each: _applied(_Part, each, world.size))
        return _mapped(self.network(batch[begin:end]), lambda each: world.gathered(each, n))


def _applied(function: Any, *arguments: Any) -> Any:
    return function.apply(*arguments)


def _mapped(outputs: Any, change: Any) -> Any:
    """Outputs of a network, a tensor or tensors in lists or by name, each one changed."""
    if isinstance(outputs, Tensor):
        return change(outputs)
    if isinstance(outputs, Mapping):
        return {name: _mapped(each, change) for name, each in outputs.items()}
    return type(outputs)(_mapped(each, change) for each in outputs)


class _Part(torch.autograd.Function):
    """The same forward, the gradient by a number."""

    @staticmethod
    def forward(context: Any, values: Tensor, size: int) -> Tensor:
        context.size = size
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient / context.size, None


class _Gathered(torch.autograd.Function):
    """The rows of all processes forward; backward those of this one."""

    @staticmethod
    def forward(context: Any, rows: Tensor, sizes: list[int], rank: int) -> Tensor:
        context.begin, context.n = sum(sizes[:rank]), sizes[rank]
        # In float32, which every backend carries.
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]), dtype=torch.float32)
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        current_world().wait(dist.all_gather(parts, padded.contiguous(), async_op=True))
        return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)]).to(rows.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient[context.begin : context.begin + context.n], None, None


class _Normalised(torch.autograd.Function):
    """Rows normalised by the statistics of all processes' rows; those statistics are given too.

    By PyTorch's own kernels: the same in single operations takes ten times as long.
    """

    @staticmethod
    def forward(
        context: Any, rows: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance = _statistics(rows)
        n = rows.numel() // rows.shape[1]
        own = torch.cat([mean, variance, mean.new_full((1,), n)])
        parts = [torch.empty_like(own) for _ in range(current_world().size)]
        current_world().wait(dist.all_gather(parts, own, async_op=True))
        every = torch.stack(parts)
        means, variances, counts = every[:, : len(mean)], every[:, len(mean) : -1], every[:, -1:]
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / count
        context.save_for_backward(rows, weight, mean, variance, count)
        context.n, context.eps = n, eps
        context.mark_non_differentiable(mean, variance, count)
        normalised = nn.functional.batch_norm(rows, mean, variance, weight, bias, eps=eps)
        return normalised, mean, variance, count

    @staticmethod
    def backward(context: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        rows, weight, mean, variance, count = context.saved_tensors
        scale = torch.rsqrt(variance + context.eps)
        # As if these rows were all; then the share that the other processes' rows have in it.
        of_rows, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, rows, weight, None, None, mean, scale, True, context.eps, [True] * 3
        )
        own = torch.cat([of_weight, of_bias])
        summed = own.clone()
        current_world().wait(dist.all_reduce(summed, async_op=True))
        share = own / context.n - summed / count
        slope, shift = share[: len(weight)] * weight * scale, share[len(weight) :] * weight * scale
        of_rows += nn.functional.batch_norm(rows, mean, variance, slope, shift, eps=context.eps)
        return of_rows, of_weight, of_bias, None


def _statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel, in float32."""
    if rows.device.type != "cpu":
        variance, mean = torch.var_mean(rows.float(), (0, 2, 3), correction=0)
        return mean, variance
    kept = rows.new_zeros(rows.shape[1], dtype=torch.float32)  # have it calculate in float32
    mean, variance = torch.batch_norm_update_stats(rows, kept, kept.clone(), 0.0)
    return mean, variance


class _SharedNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all processes' rows, in float32.

    PyTorch's own `SyncBatchNorm` needs GPUs.
    """

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training:
            return super().forward(rows)
        result, mean, variance, count = _applied(
            _Normalised, rows, self.weight, self.bias, self.eps
        )
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            own = self.momentum
            share = 1.0 / float(self.num_batches_tracked) if own is None else own
            with torch.no_grad():
                self.running_mean.lerp_(mean, share)  # type: ignore[union-attr]
                world = current_world()
                copies = world.size if world.rows[2] < world.size else 1
                unbiased = variance * (count / (count - copies).clamp(min=1))
                self.running_var.lerp_(unbiased, share)  # type: ignore[union-attr]
        normalised: Tensor = result
        return normalised


class _SharedDropout(nn.Dropout):
    """Drops what one process with the whole batch would drop: all draw for all rows."""

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training:
            return rows
        begin, end, n = current_world().rows
        kept = nn.functional.dropout(rows.new_ones((n, *rows.shape[1:])), self.p)
        return rows * kept[begin:end]


# Module -> what takes its place while a batch is shared out; both have the same state.
_SHARING: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm2d: _SharedNorm,
    nn.Dropout: _SharedDropout,
}
