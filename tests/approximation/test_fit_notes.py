"""What the errors of a fit say of its table: a scatter that varies, and trees that do better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation.experiment.compare import approximate_table
from facesmith.approximation.experiment.fit_notes import fit_notes, jumps_note, scatter_note
from facesmith.approximation.experiment.points import Points, Split
from facesmith.approximation.experiment.report_text import report_page
from facesmith.approximation.model.fitted import FittedFunction, Member


def plane(points: Points) -> FittedFunction:
    """The plane of least squares with its covariance and noise."""
    design = np.column_stack([points.inputs, np.ones(len(points))])
    parameters, (squares,), rank, _ = np.linalg.lstsq(design, points.targets, rcond=None)
    noise = float(squares) / (len(points) - int(rank))
    root = np.sqrt(noise) * np.linalg.cholesky(np.linalg.inv(design.T @ design))
    member = Member((parameters[:-1, None],), (parameters[-1:],), 0, 1.0, root, noise)
    zero, one = np.zeros(points.inputs.shape[1]), np.ones(points.inputs.shape[1])
    return FittedFunction((member,), zero, one, np.zeros(1), np.ones(1), zero, one)


def drawn(seed: int, scatter: str = "equal", n: int = 300) -> tuple[Points, Points]:
    """A noisy plane of three inputs: 70 % to fit and the rest."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(size=(n, 3))
    size = {
        "equal": np.ones(n),
        "x2": 1 + 4 * inputs[:, 1],
        "falls": 5 - 4 * inputs[:, 1],
        "ends": 1 + 8 * np.abs(inputs[:, 2] - 0.5),
        "middle": 5 - 8 * np.abs(inputs[:, 2] - 0.5),
        "prediction": 1 + np.exp(inputs.sum(axis=1)),
    }[scatter]
    points = Points(inputs, inputs.sum(axis=1) + 0.05 * size * rng.normal(size=n))
    part = np.arange(n)
    return points.rows(part[: 7 * n // 10]), points.rows(part[7 * n // 10 :])


NAMES = ("x1", "x2", "x3")


@pytest.mark.parametrize(
    ("scatter", "said"),
    [
        ("x2", "it grows with x2, from"),
        ("x2", "too narrow where x2 is large"),
        ("falls", "it falls with x2, from"),
        ("falls", "too narrow where x2 is small"),
        ("ends", "it grows towards the ends of x3, from"),
        ("middle", "it grows towards the middle of x3, from"),
        ("middle", "too narrow where x3 is near its median"),
        ("prediction", "it grows with the prediction, from"),
    ],
)
def test_noise_that_varies_is_said_with_what_it_varies_with(scatter: str, said: str) -> None:
    for seed in range(10):
        train, held_out = drawn(seed, scatter)
        (note,) = scatter_note(plane(train), train, held_out, NAMES)
        assert said in note


def test_noise_that_is_equal_gets_no_word() -> None:
    said = 0
    for seed in range(200):
        train, held_out = drawn(seed, n=(60, 300)[seed % 2])
        said += len(scatter_note(plane(train), train, held_out, NAMES))
    assert said <= 2


def test_the_ratio_of_the_scatter_is_that_of_the_noise() -> None:
    train, held_out = drawn(0, "x2", n=20_000)
    (note,) = scatter_note(plane(train), train, held_out, NAMES)
    # Root mean squares of 1 + 4 x over [2/3, 1] and [0, 1/3].
    ratio = np.sqrt((5**3 - (11 / 3) ** 3) / ((7 / 3) ** 3 - 1))
    said = float(note.split("the other ")[1].split(" times")[0])
    assert said == pytest.approx(ratio, rel=0.05)


def test_rows_that_determine_their_own_predictions_say_nothing() -> None:
    inputs = np.random.default_rng(0).uniform(size=(40, 30))
    train = Points(inputs, np.random.default_rng(1).normal(size=40) * (1 + 9 * inputs[:, 0]))
    _, held_out = drawn(0)
    more = Points(np.zeros((len(held_out), 30)), held_out.targets)
    assert scatter_note(plane(train), train, more, ()) == ()


def jumps(inputs: np.ndarray) -> np.ndarray:
    return np.floor(3 * inputs[:, 0]) + 2.0 * ((inputs[:, 1] > 0.4) & (inputs[:, 2] > 0.5))


def test_jumps_that_a_fit_smooths_over_are_said() -> None:
    train, held_out = drawn(0)
    train = Points(train.inputs, jumps(train.inputs))
    held_out = Points(held_out.inputs, jumps(held_out.inputs))
    (note,) = jumps_note(plane(train), train, held_out)
    assert note.startswith("The table seems to have jumps, or categories written as numbers, which")
    assert "the 90 validation and test rows" in note


def test_a_fit_as_good_as_trees_gets_no_word() -> None:
    for seed in range(10):
        train, held_out = drawn(seed)
        assert jumps_note(plane(train), train, held_out) == ()


def test_few_held_out_rows_say_nothing() -> None:
    train, held_out = drawn(0, "x2")
    split = Split(train, held_out.rows([0]), held_out.rows(list(range(1, 19))), NAMES, "z")
    outliers = np.zeros(len(train), dtype=bool)
    assert fit_notes(plane(train), split, outliers) == ()
    split = Split(train, held_out.rows([0]), held_out, NAMES, "z")
    assert len(fit_notes(plane(train), split, outliers)) == 1


def test_notes_of_a_fit_reach_report_and_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(size=(400, 3))
    targets = jumps(inputs)
    targets += 0.2 * targets.std() * rng.normal(size=400)
    path = tmp_path / "steps.csv"
    rows = np.column_stack([inputs, targets])
    np.savetxt(path, rows, "%.6g", ",", header="x,y,z,t", comments="")
    report = approximate_table(path, "t", max_iter=60)
    assert any("seems to have jumps" in note for note in report.notes)
    assert "Note: The table seems to have jumps" in report_page(report, [])


SMOOTH = {
    "sine": lambda inputs: np.sin(3 * np.pi * inputs[:, 0]),
    "friedman-1": lambda inputs: (
        10 * np.sin(np.pi * inputs[:, 0] * inputs[:, 1])
        + 20 * (inputs[:, 2] - 0.5) ** 2
        + 10 * inputs[:, 3]
        + 5 * inputs[:, 4]
    ),
    "franke": lambda inputs: (
        0.75 * np.exp(-((9 * inputs[:, 0] - 2) ** 2 + (9 * inputs[:, 1] - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * inputs[:, 0] + 1) ** 2) / 49 - (9 * inputs[:, 1] + 1) / 10)
        + 0.5 * np.exp(-((9 * inputs[:, 0] - 7) ** 2 + (9 * inputs[:, 1] - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * inputs[:, 0] - 4) ** 2) - (9 * inputs[:, 1] - 7) ** 2)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_get_no_word(tmp_path: Path, name: str, noise: float) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        inputs = rng.uniform(size=(300, 5 if name == "friedman-1" else 2))
        targets = SMOOTH[name](inputs)
        targets += noise * targets.std() * rng.normal(size=300)
        path = tmp_path / "table.csv"
        rows = np.column_stack([inputs, targets])
        header = ",".join("abcdefg"[: rows.shape[1]])
        np.savetxt(path, rows, "%.9g", ",", header=header, comments="")
        assert approximate_table(path, header[-1], max_iter=100).notes == ()
