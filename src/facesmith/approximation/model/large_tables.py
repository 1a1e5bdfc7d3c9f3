"""Tables of very many rows: nets are chosen on a part of them and fitted to all afterwards.

The fit to all is the same second-order fit: its sums over the rows are added up block by block, so
that memory does not grow with the rows, and it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facesmith.approximation.model.preparation import TrainingRows
from facesmith.approximation.model.search import Chosen, SearchSettings
from facesmith.approximation.model.second_order import SecondOrderFit

LARGE_TABLE_ROWS = 50_000
SAMPLE_ROWS = 20_000
# Iterations on all rows: the search has ended close by.
_MAX_ITERATIONS = 30
_MIN_ITERATIONS = 3
# Multiplications that the fit to all rows may take: about a minute or two on one core.
_MAX_WORK = 1e12
# Members that together weigh less than this are not worth their time.
_LIGHT = 0.2


def sample_rows(rows: TrainingRows, rng: np.random.Generator) -> TrainingRows:
    """The rows to choose nets on: `rows` itself, or of a large table a random part."""
    n = len(rows.targets)
    if n <= LARGE_TABLE_ROWS:
        return rows
    part = np.sort(rng.choice(n, SAMPLE_ROWS, replace=False))
    return TrainingRows(rows.inputs[part], rows.targets[part], rows.weights[part], rows.validation)


def refine(chosen: Sequence[Chosen], rows: TrainingRows, settings: SearchSettings) -> list[Chosen]:
    """Go on with the nets that a search on a part of the rows chose, on all rows.

    It gives the same nets, or the heavier ones of them, with weights that sum to 1.
    """
    heaviest = chosen[0][1]
    nets = [(fit, weight) for fit, weight in chosen if isinstance(fit, SecondOrderFit)]
    kept = [(fit, weight) for fit, weight in nets if weight >= _LIGHT * heaviest][:2]
    refined: list[Chosen] = []
    for found, weight in kept:
        work = float(len(rows.targets)) * found.network.n_parameters**2
        affordable = int(_MAX_WORK / len(kept) / work)
        n_iter = int(np.clip(affordable, _MIN_ITERATIONS, _MAX_ITERATIONS))
        fit = SecondOrderFit(
            found.network, rows, found.parameters, fixed=found.fixed, patience=found.patience
        )
        fit.ratios = found.ratios.copy()
        fit.advance(n_iter, settings.tol)
        if fit.patience is not None:
            fit.return_to_lowest()
        refined.append((fit, weight))
    total = sum(weight for _, weight in refined)
    return [(fit, weight / total) for fit, weight in refined]
