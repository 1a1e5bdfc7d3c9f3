"""What a search is given and what it gives: settings, what was tried, what was chosen."""

from __future__ import annotations

from dataclasses import dataclass

from facesmith.approximation.model.kernel_fit import KernelFit
from facesmith.approximation.model.second_order import SecondOrderFit

# A net, or a Gaussian process, and its part in the function.
Chosen = tuple[SecondOrderFit | KernelFit, float]


@dataclass(frozen=True)
class Tried:
    """One net, or the Gaussian process, that took part in the search.

    Attributes:
        output: Which output it was fitted to, 0 for the first.
        hidden_layer_sizes: Units of each hidden layer; empty for a plane.
        n_iter: Iterations it got.
        converged: Whether they were enough.
        log_evidence: Its log evidence, nats.
        score: By what it was judged: log evidence a row; with early stopping, minus half the
            logarithm of its mean squared validation error, targets scaled.
        weight: Its part in the function; 0 if it was left out.
        kernel: Shape of a Gaussian process's functions, "gaussian" or "matern"; else empty.
    """

    output: int
    hidden_layer_sizes: tuple[int, ...]
    n_iter: int
    converged: bool
    log_evidence: float
    score: float
    weight: float
    kernel: str = ""


@dataclass(frozen=True)
class SearchSettings:
    """How nets are looked for.

    Attributes:
        sizes: Hidden layers to use; None tries several.
        n_starts: Random starts of the first round.
        max_iter: Most iterations of each net.
        tol: See `SecondOrderFit.advance`.
        alpha: The ratio of all weights, fixed; None has it estimated.
        patience: Iterations without a lower validation error after which a net stops, and goes back
            to where it was lowest; None for stopping by the evidence alone.
    """

    sizes: tuple[int, ...] | None
    n_starts: int
    max_iter: int
    tol: float
    alpha: float | None = None
    patience: int | None = None
