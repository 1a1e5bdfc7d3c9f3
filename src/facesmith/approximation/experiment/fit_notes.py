"""What the errors of a fit say of its table: a scatter that varies, and trees that do better."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.points import Points, Split
from facesmith.approximation.experiment.summaries import format_error
from facesmith.approximation.model.fitted import FittedFunction

Float64Array = npt.NDArray[np.float64]

# Training rows that are looked at: more make neither test surer.
_MOST_ROWS = 5_000
# A training row that determines its own prediction by more than this says nothing of its error ...
_MOST_OWN = 0.8
# ... and where rows do so by more than this on average, the errors are the function's, not noise.
_MOST_OWN_ON_AVERAGE = 0.5
# Chance of a rank correlation as strong as the strongest of all that are tried.
_BY_CHANCE = 1e-3
# Times the scatter has to grow from one third of the rows to the other.
_WORTH_SAYING = 1.5
# Trees never predict better than a fit whose errors are a smaller part of the targets' deviation.
_CLOSE = 0.05
# Trees must lower the squared error by this part of it, and by as many standard errors.
_SMALLEST_GAIN = 0.1
_SURE = 3.0
_N_TREES = 20
_ROWS_IN_A_LEAF = 3
_FEWEST_ROWS = 20


def fit_notes(
    function: FittedFunction, split: Split, outliers: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    """Notes on a function fitted to the training rows without the outliers, bool `(n_train,)`."""
    train = split.train.rows(np.flatnonzero(~outliers)[:_MOST_ROWS])
    held_out = Points(
        np.concatenate([split.validation.inputs, split.test.inputs]),
        np.concatenate([split.validation.targets, split.test.targets]),
    )
    if len(held_out) < _FEWEST_ROWS:
        return ()
    return (
        *scatter_note(function, train, held_out, split.input_names),
        *jumps_note(function, train, held_out),
    )


def scatter_note(
    function: FittedFunction, train: Points, held_out: Points, names: tuple[str, ...]
) -> tuple[str, ...]:
    """A note where the errors, in expected deviations, grow with an input or the prediction.

    Rank correlations of their size with each input and the prediction, and with how far these lie
    from their medians, tell. Nothing is said where the training rows all but determine their own
    predictions: there the errors are those of the function, not noise.
    """
    fitted = _left_out_sizes(function, train)
    if fitted is None:
        return ()
    errors, deviations = function.errors_as_fitted(held_out.inputs, held_out.targets)
    sizes = np.concatenate([fitted, np.abs(errors / deviations)[:, 0]])
    rows = np.concatenate([train.inputs, held_out.inputs])
    known = np.isfinite(sizes)
    sizes, rows = sizes[known], rows[known]
    columns = np.column_stack([rows, function.predict(rows)])
    from_middle = np.abs(columns - np.median(columns, axis=0))
    tried = np.concatenate([columns, from_middle], axis=1)
    correlations = _rank_correlations(tried, sizes)
    strongest = int(np.argmax(np.abs(correlations)))
    if not _is_sure(float(correlations[strongest]), len(sizes), tried.shape[1]):
        return ()
    order = np.argsort(tried[:, strongest], kind="stable")
    third = len(order) // 3
    low, high = (
        float(np.sqrt(np.mean(sizes[part] ** 2))) for part in (order[:third], order[-third:])
    )
    grows = bool(correlations[strongest] > 0)
    ratio = high / low if grows else low / high
    if not ratio > _WORTH_SAYING:
        return ()
    number = strongest % columns.shape[1]
    name = names[number] if number < len(names) else "the prediction"
    if strongest < columns.shape[1]:
        how = "grows with" if grows else "falls with"
        where = f"{name} is {'large' if grows else 'small'}"
    else:
        how = "grows towards the ends of" if grows else "grows towards the middle of"
        where = f"{name} is {'far from' if grows else 'near'} its median"
    note = (
        f"The noise is not the same everywhere: it {how} {name}, from one third of the rows to the "
        f"other {ratio:.1f} times. Intervals hold their share on average, but they are too narrow "
        f"where {where}, and too wide elsewhere."
    )
    return (note,)


def jumps_note(function: FittedFunction, train: Points, held_out: Points) -> tuple[str, ...]:
    """A note where a small random forest predicts the held-out rows clearly better."""
    targets = held_out.targets
    squares = np.square(function.predict(held_out.inputs)[:, 0] - targets)
    if not squares.mean() > _CLOSE**2 * targets.var():
        return ()
    # Imported here: it takes longer to load than most tables need.
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415

    forest = RandomForestRegressor(_N_TREES, min_samples_leaf=_ROWS_IN_A_LEAF, random_state=0)
    forest.fit(train.inputs, train.targets)
    squares_of_forest = np.square(forest.predict(held_out.inputs) - targets)
    gains = squares - squares_of_forest
    standard_error = float(gains.std(ddof=1) / np.sqrt(len(gains)))
    if not gains.mean() > max(_SMALLEST_GAIN * squares.mean(), _SURE * standard_error):
        return ()
    ours, theirs = (float(np.sqrt(each.mean())) for each in (squares, squares_of_forest))
    note = (
        "The table seems to have jumps, or categories written as numbers, which the fit smooths "
        f"over: a random forest of {_N_TREES} trees predicts the {len(targets):,} validation and "
        f"test rows with an RMSE of {format_error(theirs)}, the fit with {format_error(ours)}. Try "
        "a random forest or gradient boosting."
    )
    return (note,)


def _left_out_sizes(function: FittedFunction, train: Points) -> Float64Array | None:
    """Sizes of the training rows' errors in deviations, `(n,)`, as if each had been left out.

    A residual is smaller than the noise, by the root of the part that its own row does not
    determine. NaN for a row that determines most of its prediction; None where most do.
    """
    errors, deviations = function.errors_as_fitted(train.inputs, train.targets)
    noise = sum(each.weight * each.noise_variance for each in function.members)
    noise *= float(function.output_scale[0]) ** 2
    if not noise > 0:
        return None
    own = np.maximum(np.square(deviations[:, 0]) / noise - 1.0, 0.0)
    if own.mean() > _MOST_OWN_ON_AVERAGE:
        return None
    free = np.where(own <= _MOST_OWN, 1.0 - own, np.nan)
    return np.asarray(np.abs(errors[:, 0]) / np.sqrt(noise * free))


def _rank_correlations(columns: Float64Array, sizes: Float64Array) -> Float64Array:
    """Spearman's correlation of each column `(n, k)` with the sizes `(n,)`, `(k,)`."""
    # Imported here: reading tables and `--help` need no SciPy.
    from scipy.stats import rankdata  # noqa: PLC0415

    ranks = rankdata(np.column_stack([columns, sizes]), axis=0)
    ranks -= ranks.mean(axis=0)
    lengths = np.sqrt(np.square(ranks).sum(axis=0))
    products = ranks[:, :-1].T @ ranks[:, -1]
    lengths = lengths[:-1] * lengths[-1]
    return np.asarray(np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1.0), 0.0))


def _is_sure(correlation: float, n: int, n_tried: int) -> bool:
    """Whether chance makes the strongest of so many rank correlations of n rows seldom so strong.

    Under independence a rank correlation is nearly normal with variance `1 / (n - 1)`.
    """
    from scipy.special import ndtr  # noqa: PLC0415

    return bool(2 * ndtr(-abs(correlation) * np.sqrt(n - 1)) * n_tried < _BY_CHANCE)
