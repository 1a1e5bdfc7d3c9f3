"""The exercise's two nets, trained its way: Adam on the raw targets. Needs PyTorch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from facesmith.approximation.dense_net import DenseNet
from facesmith.approximation.points import Points, Split
from facesmith.approximation.verdict import History

LEARNING_RATE = 1e-2
BATCH_SIZE = 16
EPOCHS = 500
# What Keras adds to the denominator of Adam; PyTorch's own default is 1e-8.
_ADAM_EPSILON = 1e-7


def build_net(method: str, n_inputs: int) -> nn.Sequential:
    """The exercise's net by the name of the method, initialised as Keras does.

    Args:
        method: "linear" (one hidden layer, no activation) or "tanh-adam" (three hidden layers,
            tanh after the second).
        n_inputs: Number of inputs.

    Returns:
        The net, `(n, n_inputs)` -> `(n, 1)`; weights Glorot-uniform, biases 0.
    """
    if method == "linear":
        net = nn.Sequential(nn.Linear(n_inputs, 64), nn.Linear(64, 1))
    else:
        net = nn.Sequential(
            nn.Linear(n_inputs, 64),
            nn.Linear(64, 64),
            nn.Tanh(),
            nn.Linear(64, 64),
            nn.Linear(64, 1),
        )
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def train_adam_net(
    method: str,
    split: Split,
    *,
    seed: int,
    epochs: int = EPOCHS,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[DenseNet, History, float]:
    """Train one of the exercise's nets: Adam 1e-2, batches of 16, mean squared error.

    Inputs are standardised by the training rows; targets stay as they are.

    Args:
        method: "linear" or "tanh-adam".
        split: The points.
        seed: Of the weights and of the order of the rows.
        epochs: Passes over the training rows.
        on_progress: Called after each epoch with the part done, in [0, 1].

    Returns:
        The net, its mean absolute error per epoch (training: over the batches of the epoch as
        they came, as Keras reports it; validation: after the epoch), and the seconds taken.
    """
    mean, scale = split.train.inputs.mean(axis=0), split.train.inputs.std(axis=0)
    inputs, targets = _tensors(split.train, mean, scale)
    validation_inputs, validation_targets = _tensors(split.validation, mean, scale)
    train_curve, validation_curve = [], []
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_net(method, split.train.inputs.shape[1])
        # Fused: one kernel for all parameters, since these nets are so small that the time goes
        # into calls.
        optimizer = torch.optim.Adam(
            net.parameters(), lr=LEARNING_RATE, eps=_ADAM_EPSILON, fused=True
        )
        started = time.perf_counter()
        for epoch in range(epochs):
            total_error = torch.zeros(())
            for rows in torch.split(torch.randperm(len(inputs)), BATCH_SIZE):
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
                on_progress((epoch + 1) / epochs)
        seconds = time.perf_counter() - started
    history = History("epoch", np.array(train_curve), np.array(validation_curve))
    return _as_dense_net(net, mean, scale, split), history, seconds


def _tensors(points: Points, mean: Any, scale: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised inputs `(n, n_inputs)` and raw targets `(n, 1)`, float32."""
    inputs = torch.from_numpy((points.inputs - mean) / scale).float()
    return inputs, torch.from_numpy(points.targets).float()[:, None]


def _as_dense_net(net: nn.Sequential, mean: Any, scale: Any, split: Split) -> DenseNet:
    weights, biases, tanh_layers = [], [], []
    for layer in net:
        if isinstance(layer, nn.Linear):
            weights.append(layer.weight.detach().double().numpy().T.copy())
            biases.append(layer.bias.detach().double().numpy().copy())
            tanh_layers.append(False)
        else:
            tanh_layers[-1] = True
    return DenseNet(
        weights=tuple(weights),
        biases=tuple(biases),
        tanh_layers=tuple(tanh_layers),
        input_mean=mean,
        input_scale=scale,
        input_names=split.input_names,
        target_name=split.target_name,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices of 16 rows are multiplied faster than a second thread wakes up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
