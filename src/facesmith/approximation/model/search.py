"""The race between nets of several sizes and a Gaussian process, and how much the winners count.

All starts are fitted a little, the more promising ones more, and a few to the end. Where larger
nets win, still larger ones are tried; where the process is far ahead, none is fitted further. The
evidence judges; it needs no rows of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from facesmith.approximation.model.kernel_fit import MAX_ROWS, MIN_ROWS, KernelFit
from facesmith.approximation.model.preparation import TrainingRows
from facesmith.approximation.model.second_order import SecondOrderFit
from facesmith.approximation.model.tanh_network import TanhNetwork

# One and two hidden layers, each ladder climbed as long as the evidence rises. Two layers follow a
# function without noise further with as many parameters; one layer is safer with noise.
_LADDERS = (((5,), (10,), (20,), (40,), (80,), (120,)), ((8, 8), (12, 12), (16, 16), (24, 24)))
_FIRST_SIZES: tuple[tuple[int, ...], ...] = ((8, 8), (20,), (10,), (5,))
# Initial ratio of the precisions and steepness of the first layer, besides the random numbers:
# 1e-3 follows the targets at first and suits noise-free ones; from 1 the fit starts out smooth and
# suits noisy ones; a steep first layer suits functions that wiggle.
_VARIATIONS = ((1e-3, 1.0), (1.0, 1.0), (1e-3, 3.0))
_TRIAL_ITERATIONS = 25
_SEMIFINAL_ITERATIONS = 60
_N_SEMIFINALISTS = 5
_N_FINALISTS = 4
_FINAL_ITERATIONS = 80
# Nats a row behind the best after the semifinal, from which on a net will not catch up any more.
_HOPELESS = 2.0
# The same behind the Gaussian process, after the semifinal and after the finals.
_BEATEN = 3.0
# A net whose log evidence a row is less than the best one's by this counts 1 / e as much. The
# evidence itself would let a difference of 1 nat over all rows decide, and it is not that exact.
_TEMPERATURE = 0.07
_SMALLEST_WEIGHT = 0.02  # lighter members are left out
# Taken off the log evidence of a Gaussian process, in nats over all rows. Its lengths are fitted
# without a prior that would keep them from following noise; and the evidence of a net leaves out
# that its units can change places and signs, which is about as much for some eight of them.
# Few rows cannot follow noise with their lengths by as much: from `_HANDICAP_ROWS` on, half of it.
_PROCESS_HANDICAP = 15.0
_HANDICAP_ROWS = 150.0
# A larger net must bring at least this, in nats a row, for the next larger one to be tried.
_WORTH_GROWING = 0.05
# Nets of more parameters are not tried unless asked for: their time grows with the cube.
_MAX_PARAMETERS = 1200
# Work of a search without given sizes, in multiplications: below a second for 300 rows of two
# inputs on one core, at most some ten seconds for 1,000 rows and more. It is done only if targets
# without noise go on to teach larger nets more; few rows cannot, so that the work grows steeply
# with them.
_WORK_AT_300_ROWS = 6e9  # times half the number of inputs
_WORK_EXPONENT = 6.0
_MAX_WORK = 1e11
# With fewer parameters than this, a second BLAS thread costs more than it brings: a hundredfold
# on a busy machine.
_PARAMETERS_FOR_THREADS = 500


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
    """How nets are looked for, by parameters of `FunctionApproximator`.

    `sizes` are the hidden layers to use; None tries several. `patience` is `n_iter_no_change` with
    early stopping; None has the nets stop by the evidence alone.
    """

    sizes: tuple[int, ...] | None
    n_starts: int
    max_iter: int
    tol: float
    alpha: float | None = None
    patience: int | None = None

    @property
    def everything(self) -> bool:
        """Whether no kind of net is asked for, so that a Gaussian process may take part."""
        return self.sizes is None and self.alpha is None


@dataclass(eq=False)
class Search:
    """One search for the nets of one output; `run` does it.

    `fits` are all nets in the order they were started. `on_progress` is called after each iteration
    with the part of the most work that is done.
    """

    rows: TrainingRows
    settings: SearchSettings
    rng: np.random.Generator
    on_progress: Callable[[float], None] | None = None
    fits: list[SecondOrderFit] = field(default_factory=list)
    process: KernelFit | None = None

    def run(self) -> list[Chosen]:
        """What was chosen, heaviest first, with its parts in the function, which sum to 1."""
        self._threads = ThreadpoolController()  # once: it reads through all loaded libraries
        self._done = 0.0
        self._budget = self._work()
        settings = self.settings
        self._fit_process()
        first = _FIRST_SIZES if settings.sizes is None else (settings.sizes,)
        if settings.sizes is None:
            small = (self._network(hidden).n_parameters <= _MAX_PARAMETERS for hidden in first)
            first = tuple(compress(first, small))
        for number in range(settings.n_starts if first else 0):
            ratio, steepness = _VARIATIONS[number // len(first) % len(_VARIATIONS)]
            self._add(first[number % len(first)], ratio, steepness)
        if settings.sizes is None:
            # A plane: beside it no net is chosen that only follows noise.
            self._add((), 1.0, 1.0)
        self._advance(self.fits, _TRIAL_ITERATIONS)
        semifinalists = self._best(self.fits, _N_SEMIFINALISTS)
        self._advance(semifinalists, _SEMIFINAL_ITERATIONS)
        if won := self._won_by_process(semifinalists):
            return won
        if settings.sizes is None:
            self._grow(self._best(semifinalists, 1)[0])
        best = self._finalists()
        self._advance(best, _FINAL_ITERATIONS)
        if won := self._won_by_process(best):
            return won
        self._share(best)
        for fit in self._best(best, len(best)):
            self._advance([fit], settings.max_iter)
        best = self._best(best, _N_FINALISTS)
        if settings.patience is not None:
            for fit in best:
                fit.return_to_lowest()
        return _weighted(best, self.process)

    def _won_by_process(self, fits: Sequence[SecondOrderFit]) -> list[Chosen]:
        """The Gaussian process alone, where it leaves the best of some nets far behind."""
        best = max(fit.score_per_row for fit in fits)
        if self.process is None or self.process.score_per_row - best <= _BEATEN:
            return []
        return [(self.process, 1.0)]

    def tried(self, output: int, chosen: Sequence[Chosen]) -> list[Tried]:
        """What took part, in the order it was started."""
        weights = {id(fit): weight for fit, weight in chosen}
        fits: list[Any] = [(fit, fit.network.layer_sizes[1:-1], "") for fit in self.fits]
        fits += [(self.process, (), self.process.shape)] if self.process else []
        tried = []
        for fit, sizes, kernel in fits:
            told = (fit.n_iterations, fit.converged, fit.final_log_evidence, fit.score_per_row)
            tried.append(Tried(output, sizes, *told, weights.get(id(fit), 0.0), kernel))
        return tried

    def _fit_process(self) -> None:
        """A Gaussian process, unless a kind of net is asked for or the rows do not suit it."""
        settings, rows = self.settings, self.rows
        if not settings.everything:
            return
        if not MIN_ROWS <= len(rows.targets) <= MAX_ROWS:
            return
        process = KernelFit(rows, by_validation=settings.patience is not None)
        threads = 1 if len(rows.targets) < _PARAMETERS_FOR_THREADS else None
        with self._threads.limit(limits=threads, user_api="blas"):
            process.fit(self.rng, settings.max_iter, self._count)
        self.process = process

    def _add(self, hidden: tuple[int, ...], ratio: float, steepness: float) -> SecondOrderFit:
        network = self._network(hidden)
        start = network.initial_parameters(self.rng, steepness)
        alpha, patience = self.settings.alpha, self.settings.patience
        ratio = ratio if alpha is None else alpha
        fit = SecondOrderFit(network, self.rows, start, ratio, alpha is not None, patience)
        self.fits.append(fit)
        return fit

    def _finalists(self) -> list[SecondOrderFit]:
        """The best few, and the best of as many hidden layers as none of them has."""
        best = self._best(self.fits, _N_FINALISTS)
        depths = {len(fit.network.layer_sizes) for fit in best}
        others = [fit for fit in self.fits if len(fit.network.layer_sizes) not in depths]
        for other in self._best(others, 1):
            if other.score_per_row > best[0].score_per_row - _HOPELESS:
                best.append(other)
        return best

    def _share(self, fits: Sequence[SecondOrderFit]) -> None:
        """Give the best of each depth as much work, where work is bounded.

        One hidden layer learns more slowly than two and may yet end higher.
        """
        if self.settings.sizes is not None:
            return
        leaders: dict[int, SecondOrderFit] = {}
        for fit in self._best(fits, len(fits)):
            leaders.setdefault(len(fit.network.layer_sizes), fit)
        for number, fit in enumerate(leaders.values()):
            share = self._left() / (len(leaders) - number)
            more = int(share / self._iteration_work(fit.network.n_parameters))
            self._advance([fit], min(fit.n_iterations + more, self.settings.max_iter))

    def _grow(self, best: SecondOrderFit) -> None:
        """Larger and larger nets, as long as each is better than all before."""
        hidden = best.network.layer_sizes[1:-1]
        score = best.score_per_row
        for ladder in _LADDERS:
            # Both ladders: which of the two serves a function better shows only further up.
            if len(ladder[0]) == len(hidden) or len(hidden) == 2:
                start = ladder.index(hidden) + 1 if hidden in ladder else 3
            else:
                start = 1
            for larger in ladder[start:]:
                n_parameters = self._network(larger).n_parameters
                cost = 3 * _SEMIFINAL_ITERATIONS * self._iteration_work(n_parameters)
                if n_parameters > _MAX_PARAMETERS or self._left() < cost:
                    break
                fit = self._add(larger, float(best.initial_ratio), 1.0)
                self._advance([fit], _SEMIFINAL_ITERATIONS)
                if fit.score_per_row < score + _WORTH_GROWING:
                    break
                score = fit.score_per_row

    def _advance(self, fits: Sequence[SecondOrderFit], max_iter: int) -> None:
        for fit in fits:
            cost = self._iteration_work(fit.network.n_parameters)
            n_iter = min(max_iter, self.settings.max_iter)
            if self.settings.sizes is None:
                # However little is left, a net is not given up half way to its semifinal.
                affordable = fit.n_iterations + int(self._left() / cost)
                n_iter = min(n_iter, max(affordable, _SEMIFINAL_ITERATIONS))
            threads = 1 if fit.network.n_parameters < _PARAMETERS_FOR_THREADS else None
            with self._threads.limit(limits=threads, user_api="blas"):
                fit.advance(n_iter, self.settings.tol, partial(self._count, cost))

    def _best(self, fits: Sequence[SecondOrderFit], max_count: int) -> list[SecondOrderFit]:
        return sorted(fits, key=lambda fit: -fit.score_per_row)[:max_count]

    def _count(self, cost: float) -> None:
        self._done += cost
        if self.on_progress is not None:
            # The last percent is for what the estimate of the work leaves out.
            self.on_progress(min(0.99, self._done / self._budget))

    def _left(self) -> float:
        return max(0.0, self._budget - self._done)

    def _network(self, hidden: tuple[int, ...]) -> TanhNetwork:
        return TanhNetwork((self.rows.inputs.shape[1], *hidden, 1))

    def _iteration_work(self, n_parameters: int) -> float:
        """Multiplications of one iteration, calls included."""
        n = len(self.rows.targets)
        return 4e5 + n * n_parameters * (n_parameters + 30.0) + float(n_parameters) ** 3

    def _work(self) -> float:
        """The most work that is to be done."""
        n = len(self.rows.targets)
        sizes = self.settings.sizes
        if sizes is None:
            work = _WORK_AT_300_ROWS * max(1.0, n / 300) ** _WORK_EXPONENT
            return float(min(work * max(1.0, self.rows.inputs.shape[1] / 2), _MAX_WORK))
        most = self.settings.max_iter
        iterations = self.settings.n_starts * min(_TRIAL_ITERATIONS, most) + _N_FINALISTS * most
        return float(iterations * self._iteration_work(self._network(sizes).n_parameters))


def _weighted(best: Sequence[SecondOrderFit], process: KernelFit | None) -> list[Chosen]:
    scores = np.array([fit.score_per_row for fit in best])
    weights = np.exp((scores - scores[0]) / _TEMPERATURE)
    weights = np.where(weights / weights.sum() >= _SMALLEST_WEIGHT, weights, 0.0)
    weights /= weights.sum()
    chosen: list[Chosen] = [(fit, float(w)) for fit, w in zip(best, weights, strict=True) if w > 0]
    if process is None:
        return chosen
    # A row: of n rows, `_PROCESS_HANDICAP * n / (n + _HANDICAP_ROWS)` nats.
    handicap = _PROCESS_HANDICAP / (process.rows.weights.sum() + _HANDICAP_ROWS)
    handicap = 0.0 if process.by_validation else handicap
    ahead = (process.score_per_row - handicap - scores[0]) / _TEMPERATURE
    part = float(1.0 / (1.0 + np.exp(-np.clip(ahead, -50.0, 50.0))))
    if part > 1.0 - _SMALLEST_WEIGHT:
        return [(process, 1.0)]
    if part < _SMALLEST_WEIGHT:
        return chosen
    chosen = [(fit, (1.0 - part) * weight) for fit, weight in chosen]
    return sorted([*chosen, (process, part)], key=lambda each: -each[1])
