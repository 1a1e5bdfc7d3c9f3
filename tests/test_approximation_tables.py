"""Reading a user's table, and splitting its points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation.points import (
    Points,
    monkey_saddle,
    monkey_saddle_split,
    split_points,
)
from facesmith.approximation.tables import read_table
from facesmith.errors import TableError

ROWS = "".join(f"{i},{i * i},{i * 0.5}\n" for i in range(12))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def test_columns_go_where_they_belong(path: Path) -> None:
    path.write_text("x,z,y\n" + ROWS)
    table = read_table(path, "z")
    assert table.input_names == ("x", "y")
    assert table.target_name == "z"
    numbers = np.arange(12.0)
    np.testing.assert_array_equal(table.points.inputs, np.column_stack([numbers, numbers / 2]))
    np.testing.assert_array_equal(table.points.targets, numbers**2)
    chosen = read_table(path, "x", ["y", "z"])
    np.testing.assert_array_equal(chosen.points.inputs, np.column_stack([numbers / 2, numbers**2]))


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("semicolons", ("x,z,y\n" + ROWS).replace(",", ";")),
        ("tabs", ("x,z,y\n" + ROWS).replace(",", "\t")),
        ("a byte order mark", "\ufeffx,z,y\n" + ROWS),
        ("Windows line ends", ("x,z,y\n" + ROWS).replace("\n", "\r\n")),
        ("blanks around values", ("x,z,y\n" + ROWS).replace(",", " , ")),
        ("empty lines", "\n\nx,z,y\n\n" + ROWS.replace("\n", "\n\n")),
        ("no line end at the end", ("x,z,y\n" + ROWS).rstrip()),
        ("quotes", '"x","z","y"\n' + ROWS),
    ],
)
def test_kinds_of_csv_mean_the_same(path: Path, what: str, content: str) -> None:
    path.write_bytes(content.encode())
    table = read_table(path, "z")
    assert table.input_names == ("x", "y"), what
    np.testing.assert_array_equal(table.points.targets, np.arange(12.0) ** 2)


def test_columns_that_are_not_used_may_hold_anything(path: Path) -> None:
    path.write_text("x,note,note,z\n" + "".join(f"{i},ok,,{i}\n" for i in range(12)))
    assert read_table(path, "z", ["x"]).points.inputs.shape == (12, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty. Expected a header line"),
        (" \n\n", "is empty"),
        ("x,y,z\n", "has 0 rows of points; at least 10 are needed"),
        ("x,y,z\n" + "1,2,3\n2,3,4\n", "has 2 rows of points"),
        ("x,y,w\n" + ROWS, "has no column 'z'; its header line reads 'x', 'y', 'w'."),
        (ROWS, "reads '0', '0', '0.0'. Put a line with the columns' names before it."),
        ("z\n" + "1\n" * 12, "has no column besides the target 'z'"),
        ("x,y,z\n" + ROWS + "red,2,3\n", "'x': expected a finite number; got 'red'. Fix"),
        ("x,y,z\n" + ROWS + "1,NaN,3\n", "'y': expected a finite number; got 'NaN'. Fix"),
        ("x,y,z\n" + ROWS + "1,2,inf\n", "'z': expected a finite number; got 'inf'. Fix"),
        ("x,y,z\n" + ROWS + "1,,3\n", "line 14, column 'y': expected a finite number; the cell is"),
        ("x,y,z\n" + ROWS + "1,2\n", "line 14: expected 3 values, as in the header line; got 2"),
        ("x,y,z\n" + ROWS + "1,2,3,4\n", "expected 3 values, as in the header line; got 4"),
        ("x;z\n" + "1,5;2\n" * 12, "got '1,5'. Write decimal points instead of decimal commas."),
        ("x,x,z\n" + ROWS, "2 columns are named 'x'"),
        (",x,z\n" + ROWS, "column 1 has no name in the header line"),
        ("x,y,z\n" + "".join(f"{i},7,{i}\n" for i in range(12)), "'y' is 7 in every one of its 12"),
        ("x,z\n" + "".join(f"{i},7\n" for i in range(12)), "nothing to predict; choose another"),
        ('x,z\n"' + "1" * 140_000, "line 2 cannot be read as CSV"),
    ],
)  # fmt: skip
def test_bad_tables_are_named(path: Path, content: str, message: str) -> None:
    path.write_text(content)
    with pytest.raises(TableError) as caught:
        read_table(path, "z")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_target_among_inputs_and_unknown_inputs_are_named(path: Path) -> None:
    path.write_text("x,y,z\n" + ROWS)
    with pytest.raises(TableError, match="'z' is both --target and among --inputs"):
        read_table(path, "z", ["x", "z"])
    with pytest.raises(TableError, match="no column 'q'"):
        read_table(path, "z", ["q"])


def test_files_that_are_no_text_are_named(path: Path) -> None:
    with pytest.raises(TableError, match=r"points\.csv does not exist"):
        read_table(path, "z")
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(TableError, match="cannot be read as a UTF-8 text file"):
        read_table(path, "z")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(path.parent, "z")


# Splits


def test_exercise_points_are_those_of_the_exercise() -> None:
    # As its text draws them: the global legacy generator, seeded once, shuffles lists in place.
    np.random.seed(0)
    unit = np.random.rand(600, 2)
    x, y = 20 * unit[:, 0] - 10, 100 * unit[:, 1] - 50
    indices = list(range(600))
    np.random.shuffle(indices)
    pool, test = indices[: int(0.6 * 600)], indices[int(0.6 * 600) :]
    within = list(range(len(pool)))
    np.random.shuffle(within)
    n_train = int(0.8 * len(pool))
    train = [pool[i] for i in within[:n_train]]
    validation = [pool[i] for i in within[n_train:]]
    z = x**3 - 3 * x * y**2
    split = monkey_saddle_split()
    for part, rows in ((split.train, train), (split.validation, validation), (split.test, test)):
        np.testing.assert_array_equal(part.inputs, np.column_stack([x, y])[rows])
        np.testing.assert_array_equal(part.targets, z[rows])
    assert (len(split.train), len(split.validation), len(split.test)) == (288, 72, 240)


def test_least_squares_plane_scores_what_is_known_of_it() -> None:
    # The L2 error of the best plane on these very points is established as 856.149.
    split = monkey_saddle_split()

    def design(points: Points) -> np.ndarray:
        return np.column_stack([points.inputs, np.ones(len(points))])

    plane = np.linalg.lstsq(design(split.train), split.train.targets, rcond=None)[0]
    errors = design(split.test) @ plane - split.test.targets
    assert np.linalg.norm(errors) / 240 == pytest.approx(856.149, abs=5e-4)


def test_monkey_saddle_has_three_ways_down() -> None:
    angles = np.deg2rad([0, 60, 120, 180, 240, 300])
    around = monkey_saddle(np.column_stack([np.cos(angles), np.sin(angles)]))
    np.testing.assert_allclose(around, [1, -1, 1, -1, 1, -1])


def test_every_point_falls_into_one_part_whatever_the_seed() -> None:
    points = Points(np.arange(50.0)[:, None], np.arange(50.0))
    first, again, other = (
        split_points(points, ("x",), "z", test_fraction=0.2, validation_fraction=0.1, seed=seed)
        for seed in (3, 3, 4)
    )
    assert (len(first.train), len(first.validation), len(first.test)) == (36, 4, 10)
    together = np.concatenate([first.train.targets, first.validation.targets, first.test.targets])
    assert sorted(together) == list(range(50))
    np.testing.assert_array_equal(first.train.targets, again.train.targets)
    assert first.test.targets.tolist() != other.test.targets.tolist()


def test_too_few_rows_for_the_fractions_are_named() -> None:
    points = Points(np.arange(10.0)[:, None], np.arange(10.0))
    with pytest.raises(TableError, match="10 rows leave too few for training after 9 test"):
        split_points(points, ("x",), "z", test_fraction=0.9, validation_fraction=0.1, seed=0)
    with pytest.raises(ValueError, match="`test_fraction` must be between 0 and 1"):
        split_points(points, ("x",), "z", test_fraction=1.5, validation_fraction=0.1, seed=0)


def test_points_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(2,\)"):
        Points(np.zeros((3, 2)), np.zeros(2))
