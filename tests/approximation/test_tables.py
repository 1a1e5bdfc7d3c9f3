"""Reading a user's table, and splitting its points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation.experiment import table_rows
from facesmith.approximation.experiment.points import (
    Points,
    monkey_saddle,
    monkey_saddle_split,
    split_points,
)
from facesmith.approximation.experiment.settings import ApproximationConfig
from facesmith.approximation.experiment.tables import read_table
from facesmith.errors import TableError

N = range(12)
ROWS = "".join(f"{i},{i * i},{i * 0.5}\n" for i in range(12))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def test_columns_go_where_they_belong(path: Path) -> None:
    path.write_text("x,z,y\n" + ROWS)
    table = read_table(path, "z")
    assert table.input_names == ("x", "y")
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
        ("quoted numbers", "x,z,y\n" + "".join(f'"{i}","{i * i}","{i / 2}"\n' for i in range(12))),
        ("names with commas in quotes", '"x";"z";"y"\n' + ROWS.replace(",", ";")),
        ("decimal commas", "x;z;y\n" + ROWS.replace(",", ";").replace(".", ",")),
        ("in quotes", "x,z,y\n" + "".join(f'{i},{i * i},"{i // 2},{i % 2 * 5}"\n' for i in N)),
        ("a comma at every end", ("x,z,y\n" + ROWS).replace("\n", ",\n")),
        ("lines of commas", "x,z,y\n,,\n" + ROWS + ",,\n"),
        ("exponents", "x,z,y\n" + "".join(f"+{i}e0,{i * i}.0E+0,{i / 2}\n" for i in range(12))),
    ],
)  # fmt: skip
def test_kinds_of_csv_mean_the_same(path: Path, what: str, content: str) -> None:
    path.write_bytes(content.encode())
    table = read_table(path, "z")
    assert table.input_names == ("x", "y"), what
    np.testing.assert_array_equal(table.points.targets, np.arange(12.0) ** 2)


def test_columns_that_are_not_used_may_hold_anything(path: Path) -> None:
    path.write_text("x,note,note,z\n" + "".join(f"{i},ok,,{i}\n" for i in range(12)))
    assert read_table(path, "z", ["x"]).points.inputs.shape == (12, 1)


# Ten good rows and more, then what is wrong with the table; line 14 is the first after ROWS.
BAD_TABLES = {
    "empty file": ("", "points.csv is empty. Expected a header line"),
    "empty lines only": (" \n,,\n\n", "points.csv is empty. Expected a header line"),
    "byte order mark only": ("\ufeff", "points.csv is empty"),
    "header only": ("x,y,z\n", "has 0 rows of points; at least 10 are needed"),
    "one row": ("x,y,z\n1,2,3\n", "has 1 row of points; at least 10 are needed"),
    "two rows": ("x,y,z\n1,2,3\n2,3,4\n", "has 2 rows of points"),
    "no such target": ("x,y,w\n" + ROWS, "no column 'z'; its header line reads 'x', 'y', 'w'."),
    "header of another kind of file": (
        ",".join(f"n{i}" for i in range(500)) + "\n" + ROWS,
        "'n10', 'n11' and 488 more.",
    ),
    "target in capitals": ("x,y,Z\n" + ROWS, "reads 'x', 'y', 'Z'. Did you mean 'Z'?"),
    "no header": (ROWS, "reads '0', '0', '0.0'. Put a line with the columns' names before it."),
    "columns parted by blanks": (
        "x y z\n1 2 3\n",
        "reads 'x y z'. Columns are parted by commas, semicolons or tabs.",
    ),
    "target only": ("z\n" + "1\n" * 12, "has no column besides the target 'z'"),
    "text": (
        "x,y,z\n" + ROWS + "red,2,3\n",
        ("line 14, column 'x': expected a finite number; got 'red'. Fix or delete the line, leave "
        "the column out with --inputs, or pass --skip-bad-lines."),
    ),
    "text in two lines": (
        "x,y,z\n" + ROWS + "1,2,3\n1,blue,3\n1,2\n",
        "line 15, column 'y': expected a finite number; got 'blue'. 1 more of its 15 lines cannot",
    ),
    "text in a whole column": (
        "x,y,z\n" + "".join(f"{i},red,{i}\n" for i in range(12)),
        ("line 2, column 'y': expected a finite number; got 'red', and none in any of its 12 rows. "
        "Leave it out with --inputs x."),
    ),
    "text in several whole columns": (
        "x,y,w,z\n" + "".join(f"{i or ''},red,{'no' if i % 2 else 'yes'},{i}\n" for i in range(12)),
        ("got 'red', and none in any of its 12 rows. Nor has column 'w' any. Leave them out with "
        "--inputs x. The two values of 'w', 'no' and 'yes', can be written as 0 and 1. Besides, "
        "1 row has no number in column 'x', line 2 for one: fix that, too, or pass"),
    ),
    "a comment before the header": (
        "# made by hand\nx,y,z\n" + ROWS,
        "If that is a comment, delete it; the header line has to be the first.",
    ),
    "text in a whole target": (
        "x,z\n" + "".join(f"{i},red\n" for i in range(12)),
        "got 'red', and none in any of its 12 rows. Choose another --target.",
    ),
    "very long text": ("x,y,z\n" + ROWS + "r" * 99 + ",2,3\n", "got '" + "r" * 37 + "...'."),
    "not a number": ("x,y,z\n" + ROWS + "1,NaN,3\n", "line 14, column 'y': expected a finite"),
    "infinite": ("x,y,z\n" + ROWS + "1,2,-inf\n", ("line 14, column 'z': expected a finite number; "
        "got '-inf'. Fix or delete the line or pass")),
    "digits in groups as Python has them": (
        "x,y,z\n" + ROWS + "1_005,2,3\n",
        "line 14, column 'x': expected a finite number; got '1_005'.",
    ),
    "too large for float64": ("x,y,z\n" + ROWS + "1,2,1e999\n", "number; got '1e999'"),
    "too large to square": (
        "x,y,z\n" + ROWS + "1,-2e200,3\n",
        "line 14, column 'y': expected a number below 1e+150; got -2e+200.",
    ),
    "missing value": ("x,y,z\n" + ROWS + "1,,3\n", ("line 14, column 'y': expected a finite "
        "number; the cell is empty.")),
    "missing column": (
        "x,y,z\n" + "".join(f"{i},,{i}\n" for i in range(12)),
        "column 'y' is empty in all of its 12 rows. Leave it out with --inputs",
    ),
    "line too short": ("x,y,z\n" + ROWS + "1,2\n", "line 14: expected 3 values, as in the header"),
    "line too long": ("x,y,z\n" + ROWS + "1,2,3,4\n", "as in the header line; got 4. Fix"),
    "every line too long": (
        "x,y,z\n" + ROWS.replace("\n", ",1\n"),
        "line 2: expected 3 values, as in the header line; got 4. 11 more of its 12 lines cannot",
    ),
    "decimal commas between commas": (
        "x,z\n" + "1,5,2,5\n" * 12,
        ("got 4. 11 more of its 12 lines cannot be used either. Decimal commas need another "
        "character between the columns, such as a semicolon."),
    ),
    "decimal commas and points": (
        "x;z\n" + "".join(f"{i},5;{i}.25\n" for i in range(12)),
        ("line 2, column 'x': '0,5' has a decimal comma, but line 2, column 'z' a decimal point "
        "('0.25'). Write decimal points"),
    ),
    "decimal commas below points": (
        "x;z\n" + "".join(f"{i}.5;{i}\n" for i in range(12)) + "3;1,25\n",
        "line 14, column 'z': '1,25' has a decimal comma, but line 2, column 'x' a decimal point",
    ),
    "commas that may part thousands": (
        "x;z\n" + "".join(f"{i},000;{i}\n" for i in range(1, 13)),
        "line 2, column 'x': '1,000' may mean 1.000 or 1000. Write decimal points",
    ),
    "thousands and fractions": ("x;z\n" + "1.234,5;2\n" * 12, "got '1.234,5', and none in any"),
    "a name twice": ("x,y,x,z\n" + ROWS, "2 columns are named 'x', columns 1 and 3. Give each"),
    "no name": (",x,z\n" + ROWS, "column 1 has no name in the header line"),
    "a value beyond the last name": (
        "x,z,\n" + "1,2,\n" + "3,4,5\n",
        "line 3: the last value, '5', belongs to no column: the header line names 2.",
    ),
    "constant column": (
        "x,y,z\n" + "".join(f"{i},7,{i}\n" for i in range(12)),
        "column 'y' is 7 in every one of its 12 rows. It tells nothing apart; leave it out",
    ),
    "constant target": (
        "x,z\n" + "".join(f"{i},7\n" for i in range(12)),
        "There is nothing to predict; choose another --target.",
    ),
    "names without characters": ('""\n', "has no header line with the names of its columns"),
    "endless quote": ('x,z\n"' + "1" * 140_000, "line 2 cannot be read as CSV"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_TABLES)
def test_bad_tables_are_named(path: Path, what: str) -> None:
    content, message = BAD_TABLES[what]
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_table(path, "z")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_lines_are_those_of_the_file_behind_empty_lines_and_breaks_in_quotes(path: Path) -> None:
    path.write_text('\n\nx,note,z\n1,"two\nlines",3\n\n' + "2,ok,4\n" * 10 + "3,ok,red\n")
    # Lines 1, 2 empty; 3 header; 4 and 5 the first row; 6 empty; 7 to 16 ten rows; 17 the fault.
    with pytest.raises(TableError, match="line 17, column 'z'"):
        read_table(path, "z", ["x"])
    table = read_table(path, "z", ["x"], skip_bad_lines=True)
    assert table.lines.tolist() == [5, *range(7, 17)]


def test_bad_lines_are_left_out_when_asked_for(path: Path) -> None:
    path.write_text("x,y,z\n" + "red,2,3\n" + ROWS + "1,2\n1,nan,3\n")
    table = read_table(path, "z", skip_bad_lines=True)
    np.testing.assert_array_equal(table.points.inputs[:, 0], np.arange(12.0))
    assert table.notes == (
        (
            f"Left out 3 of 15 lines of {path} that cannot be used, the first one line 2, "
            "column 'x': expected a finite number; got 'red'."
        ),
    )
    path.write_text("x,y,z\n" + ROWS[:20] + "red,2,3\n")
    with pytest.raises(TableError, match="rows of points that can be used; at least 10"):
        read_table(path, "z", skip_bad_lines=True)


def test_a_fault_far_down_does_not_lose_the_rows_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_rows, "_BLOCK_ROWS", 5)
    lines = [f"{i},{i * i}\n" for i in range(100)]
    lines[77] = "77,?\n"
    path.write_text("x,z\n" + "".join(lines))
    with pytest.raises(TableError, match=r"line 79, column 'z': .* got '\?'"):
        read_table(path, "z")
    table = read_table(path, "z", skip_bad_lines=True)
    expected = np.delete(np.arange(100.0), 77)
    np.testing.assert_array_equal(table.points.inputs[:, 0], expected)
    np.testing.assert_array_equal(table.points.targets, expected**2)
    np.testing.assert_array_equal(table.lines, expected + 2)


def test_rows_that_contradict_each_other_are_pointed_out(path: Path) -> None:
    # (1, 2) has targets 3, 5 and 5: mean 13/3, squares 16/9 + 4/9 + 4/9 = 8/3. (0, 0) has 1 and 2:
    # squares 1/2. In all 19/6 over 2 + 1 degrees of freedom: the deviation is sqrt(19/18) = 1.03.
    rows = "1,2,3\n0,0,1\n1,2,5\n0,0,2\n1,2,5\n4,4,4\n4,4,4\n" + "".join(
        f"9,{i},{i}\n" for i in range(5)
    )
    path.write_text("x,y,z\n" + rows)
    table = read_table(path, "z")
    assert len(table.points) == 12
    note, *_ = table.notes
    assert note.startswith("5 rows share their inputs with a row of another target, for instance")
    assert "lines 3 and 5 (z 1 and 2)" in note
    assert "deviates by 1.03" in note


def test_equal_rows_and_rounded_targets_are_no_contradiction(path: Path) -> None:
    path.write_text("x,y,z\n" + ROWS + ROWS + ROWS.replace(".5", ".500001"))
    (note,) = read_table(path, "z").notes
    assert "exact copies" in note


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
        ApproximationConfig(test_fraction=1.5)


def test_points_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(2,\)"):
        Points(np.zeros((3, 2)), np.zeros(2))


def test_copies_of_rows_are_noticed(path: Path) -> None:
    path.write_text("x,z,y\n" + ROWS)
    assert read_table(path, "z").notes == ()
    path.write_text("x,z,y\n" + ROWS + ROWS)
    (note,) = read_table(path, "z").notes
    assert note.startswith("12 of 24 rows are exact copies of another, for instance lines 2 and 14")
    few = "".join(f"{i},{i},{i}\n" for i in range(40))
    path.write_text("x,z,y\n" + few + "3,3,3\n")
    assert read_table(path, "z").notes == ()
