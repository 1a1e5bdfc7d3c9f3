"""The exercise's two nets, trained its way: Adam on the raw targets. Needs PyTorch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
from facesmith.approximation.experiment.points import Points, Split
from facesmith.approximation.experiment.settings import AdamSettings
from facesmith.approximation.experiment.verdict import History
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.preparation import mean_and_scale
from facesmith.errors import TrainingError

# What Keras adds to the denominator of Adam; PyTorch's own default is 1e-8.
_ADAM_EPSILON = 1e-7


def build_net(method: str, n_inputs: int, settings: AdamSettings) -> nn.Sequential:
    """The exercise's net by the name of the method, initialised as Keras does.

    "linear" has one hidden layer without activation; "tanh-adam" has a hidden layer without
    activation before the tanh layers and one after, and one tanh layer in the exercise. Weights are
    Glorot-uniform, biases 0. The net takes `(n, n_inputs)` to `(n, 1)`.
    """
    units = settings.units
    layers: list[nn.Module] = [nn.Linear(n_inputs, units)]
    if method == "tanh-adam":
        for _ in range(settings.depth):
            layers += [nn.Linear(units, units), nn.Tanh()]
        layers.append(nn.Linear(units, units))
    net = nn.Sequential(*layers, nn.Linear(units, 1))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def train_adam_net(
    method: str,
    split: Split,
    settings: AdamSettings | None = None,
    *,
    seed: int,
    checkpoint: AdamCheckpoint | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> AdamCheckpoint:
    """Train one of the exercise's nets by Adam on the mean squared error.

    Inputs are standardised by the training rows; targets stay as they are. Training 500 epochs,
    or 300 and then the other 200 from the checkpoint, gives the same net, to the bit.

    Nothing but the number of epochs may differ from the checkpoint's. `adam_function` makes a
    function of the result. Its history is the mean absolute error per epoch (training: over the
    batches of the epoch as they came, as Keras reports it; validation: after the epoch).

    Raises:
        TrainingError: If the checkpoint belongs to another training, or is past these epochs.
    """
    settings = settings or AdamSettings()
    data_sha256 = _checksum(split)
    mean, scale = mean_and_scale(split.train.inputs)
    inputs, targets = _tensors(split.train, mean, scale)
    validation_inputs, validation_targets = _tensors(split.validation, mean, scale)
    train_curve: list[float] = []
    validation_curve: list[float] = []
    before = 0.0
    if checkpoint is not None:
        _check_checkpoint(checkpoint, method, settings, seed, data_sha256)
        train_curve = checkpoint.history.train.tolist()
        validation_curve = checkpoint.history.validation.tolist()
        before = checkpoint.seconds
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_net(method, split.train.inputs.shape[1], settings)
        # Fused: one kernel for all parameters, since these nets are so small that the time goes
        # into calls.
        optimizer = torch.optim.Adam(
            net.parameters(), lr=settings.learning_rate, eps=_ADAM_EPSILON, fused=True
        )
        if checkpoint is not None:
            _restore(net, optimizer, checkpoint)
        started = time.perf_counter()
        for _ in range(len(train_curve)):
            torch.randperm(len(inputs))  # the orders of the epochs that are done
        for epoch in range(len(train_curve), settings.epochs):
            total_error = torch.zeros(())
            for rows in torch.split(torch.randperm(len(inputs)), settings.batch_size):
                errors = net(inputs[rows]) - targets[rows]
                optimizer.zero_grad()
                errors.square().mean().backward()
                optimizer.step()
                total_error += errors.detach().abs().sum()
            with torch.no_grad():
                validation_errors = net(validation_inputs) - validation_targets
            train_curve.append(float(total_error) / len(inputs))
            validation_curve.append(float(validation_errors.abs().mean()))
            if on_progress is not None:
                on_progress((epoch + 1) / settings.epochs)
        seconds = before + time.perf_counter() - started
    states = [optimizer.state[parameter] for parameter in net.parameters()]
    return AdamCheckpoint(
        method=method,
        settings=settings,
        seed=seed,
        data_sha256=data_sha256,
        seconds=seconds,
        steps=int(states[0]["step"]),
        parameters=tuple(each.detach().numpy().copy() for each in net.parameters()),
        means=tuple(state["exp_avg"].numpy().copy() for state in states),
        squares=tuple(state["exp_avg_sq"].numpy().copy() for state in states),
        history=History("epoch", np.array(train_curve), np.array(validation_curve)),
    )


def adam_function(checkpoint: AdamCheckpoint, split: Split) -> FittedFunction:
    """The function of a trained net.

    Layers that follow each other without tanh between are one affine map: they are multiplied
    out, which changes predictions by rounding only. The noise variance is the mean squared error
    on the validation rows; the parameters are taken as certain. `split` is what it was trained on.
    """
    parameters = [each.astype(np.float64) for each in checkpoint.parameters]
    n_layers = len(parameters) // 2
    weights: list[Any] = []
    biases: list[Any] = []
    for number in range(n_layers):
        matrix, bias = parameters[2 * number].T, parameters[2 * number + 1]
        # Tanh follows all layers but the first and the last two; the linear net has just two.
        after_tanh = 2 <= number <= n_layers - 2
        if number == 0 or after_tanh:
            weights.append(matrix)
            biases.append(bias)
        else:
            biases[-1] = biases[-1] @ matrix + bias
            weights[-1] = weights[-1] @ matrix
    mean, scale = mean_and_scale(split.train.inputs)
    certain = np.zeros((sum(array.size for array in (*weights, *biases)), 0))
    matrices = tuple(np.ascontiguousarray(each) for each in weights)
    member = Member(matrices, tuple(biases), 0, 1.0, certain, noise_variance=0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (split.validation.inputs - mean) / scale
        noise_variance = float(np.square(member(scaled) - split.validation.targets).mean())
    ranges = (split.train.inputs.min(axis=0), split.train.inputs.max(axis=0))
    scaling = (mean, scale, np.zeros(1), np.ones(1))
    members = (replace(member, noise_variance=noise_variance),)
    return FittedFunction(members, *scaling, *ranges, split.input_names, split.output_names)


def _tensors(points: Points, mean: Any, scale: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised inputs `(n, n_inputs)` and raw targets `(n, 1)`, float32."""
    inputs = torch.from_numpy((points.inputs - mean) / scale).float()
    return inputs, torch.from_numpy(np.array(points.targets)).float()[:, None]


def _checksum(split: Split) -> str:
    digest = hashlib.sha256()
    for part in (split.train, split.validation):
        digest.update(part.inputs.tobytes() + part.targets.tobytes())
    return digest.hexdigest()


def _check_checkpoint(
    checkpoint: AdamCheckpoint, method: str, settings: AdamSettings, seed: int, data_sha256: str
) -> None:
    found = {"method": checkpoint.method, "seed": checkpoint.seed, **vars(checkpoint.settings)}
    asked = {"method": method, "seed": seed, **vars(settings)}
    for name, value in asked.items():
        if name != "epochs" and found[name] != value:
            raise TrainingError(
                f"The training to go on with has {name} {found[name]}; got {value}. Leave it as it "
                "is, or fit anew."
            )
    if checkpoint.data_sha256 != data_sha256:
        raise TrainingError(
            "The training to go on with had other points or another split. Fit anew with --force."
        )
    if settings.epochs < checkpoint.settings.epochs:
        raise TrainingError(
            f"The training to go on with has done {checkpoint.settings.epochs} epochs; got epochs "
            f"{settings.epochs}. Ask for more, in all, than it has done."
        )


def _restore(net: nn.Sequential, optimizer: torch.optim.Adam, checkpoint: AdamCheckpoint) -> None:
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(torch.from_numpy(checkpoint.parameters[number].copy()))
            optimizer.state[parameter] = {
                "step": torch.tensor(float(checkpoint.steps)),
                "exp_avg": torch.from_numpy(checkpoint.means[number].copy()),
                "exp_avg_sq": torch.from_numpy(checkpoint.squares[number].copy()),
            }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices of 16 rows are multiplied faster than a second thread wakes up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
