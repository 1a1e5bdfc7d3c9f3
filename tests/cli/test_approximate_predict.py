"""`facesmith approximate --predict`: what is written, what is said, and what is refused."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facesmith.approximation import load_function, save_function
from facesmith.cli import main

ADDED = ["prediction", "lower", "upper", "extrapolation"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["approximate", *map(str, arguments)])


def target(a: float, b: float) -> float:
    return math.sin(2 * a) + a * b


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of 120 points with noise of 0.1, 24 of them held out for the test."""
    folder = tmp_path_factory.mktemp("fitted")
    rng = np.random.default_rng(0)
    lines = ["a,b,z"]
    for a, b in rng.uniform(-1, 1, (120, 2)).tolist():
        lines.append(f"{a},{b},{target(a, b) + 0.1 * rng.normal()}")
    (folder / "points.csv").write_text("\n".join(lines))
    options = ("--target", "z", "--max-iter", 20, "--out", folder / "run", "--quiet")
    assert run(folder / "points.csv", *options).exit_code == 0
    return folder / "run"


@pytest.fixture
def model(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it in the current folder, called `run`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(fitted, "run")
    return Path("run")


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(text.splitlines(), delimiter=delimiter))


def test_rows_keep_their_columns_and_get_predictions_with_intervals(model: Path) -> None:
    new = Path("new.csv")
    new.write_text('\ufeffname,b,note,a\n"Miller, J.",.5,,1e-1\n\nK,-0.25,x,0.7\nfar,0,y,9\n')
    result = run("--predict", new, "--model", model)
    assert result.exit_code == 0
    head, *rows = rows_of(result.stdout)
    assert head == ["name", "b", "note", "a", *ADDED]
    assert [row[:4] for row in rows] == [
        ["Miller, J.", ".5", "", "1e-1"],
        ["K", "-0.25", "x", "0.7"],
        ["far", "0", "y", "9"],
    ]
    inputs = np.array([[0.1, 0.5], [0.7, -0.25], [9, 0]])
    found = load_function(model / "models" / "bayesian-ensemble.npz").predict_with_interval(inputs)
    expected = np.column_stack([found.values, found.lower, found.upper])
    half = (found.upper - found.lower).min() / 2
    written = np.array([row[4:7] for row in rows], float)
    np.testing.assert_allclose(written, expected, rtol=1e-5, atol=1e-4 * half)
    assert [row[7] for row in rows] == ["0", "0", "1"]
    for (a, b), row in zip(inputs[:2], rows, strict=False):
        assert float(row[5]) < target(a, b) < float(row[6])
    assert "95 % intervals of new targets, the prediction plus and minus" in result.stderr
    assert "24 held-out rows" in result.stderr
    assert "Warning: 1 of 3 rows lies outside the range of the training inputs" in result.stderr


def test_narrow_intervals_are_written_with_the_digits_they_need(model: Path) -> None:
    file = model / "models" / "bayesian-ensemble.npz"
    function = load_function(file)
    far = function.output_offset + 1e6
    scores = np.full((24, 1), 1e-8)
    save_function(replace(function, output_offset=far, held_out_scores=scores), file)
    Path("new.csv").write_text("a,b\n0,0\n")
    result = run("--predict", "new.csv", "--model", model, "--level", "0.9")
    prediction, lower, upper = map(float, rows_of(result.stdout)[1][2:5])
    assert lower < prediction < upper
    ends = load_function(file).predict_with_interval([[0.0, 0.0]], 0.9)
    assert upper - lower == pytest.approx(float((ends.upper - ends.lower)[0, 0]), rel=1e-2)


def test_decimal_commas_stay_and_other_levels_have_other_widths(model: Path) -> None:
    new = Path("new.csv")
    new.write_text("a;b\n0,5;0,25\n-0,5;1\n")
    widths = []
    for level in ("0.5", "0.9"):
        result = run("--predict", new, "--model", model, "--level", level, "--quiet")
        assert result.exit_code == 0
        assert result.stderr == ""
        head, *rows = rows_of(result.stdout, ";")
        assert head == ["a", "b", *ADDED]
        assert [row[:2] for row in rows] == [["0,5", "0,25"], ["-0,5", "1"]]
        assert "." not in result.stdout
        numbers = np.array([[cell.replace(",", ".") for cell in row] for row in rows], float)
        widths.append(numbers[:, 4] - numbers[:, 3])
    assert (widths[0] < widths[1]).all()


def test_a_file_is_written_whole_and_replaced_only_by_force(model: Path) -> None:
    Path("new.csv").write_text("a,b\n0,0\n")
    options = ("--predict", "new.csv", "--model", model, "--out")
    result = run(*options, "out.csv")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Wrote out.csv (1 row)" in result.stderr
    text = Path("out.csv").read_text()
    assert text.startswith("a,b,prediction,lower,upper,extrapolation\n0,0,")
    assert text == run(*options[:-1]).stdout
    Path("out.csv").write_text("mine")
    for out, code, message in (
        ("out.csv", 1, "out.csv exists. Pass --force to replace it."),
        ("new.csv", 2, "an output is never an input"),
        ("run", 2, "--out run is a folder; with --predict name a CSV file"),
        ("run/new.csv", 2, "--out run/new.csv lies in the run folder run"),
        ("missing/out.csv", 1, "Cannot write missing/out.csv"),
    ):
        result = run(*options, out)
        assert result.exit_code == code, out
        assert message in result.stderr
    assert "never an input" in run(*options, "new.csv", "--force").stderr
    file = model / "models" / "bayesian-ensemble.npz"
    before = file.read_bytes()
    for force in ((), ("--force",)):
        result = run("--predict", "new.csv", "--model", file, "--out", file, *force)
        assert result.exit_code == 2
    assert file.read_bytes() == before
    assert Path("out.csv").read_text() == "mine"
    assert run(*options, "out.csv", "--force").exit_code == 0
    assert Path("out.csv").read_text() == text
    assert Path("new.csv").read_text() == "a,b\n0,0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,2\n", "new.csv has no column 'b'; its header line reads 'a', 'c'. The function"),
        ("A,b\n1,2\n", "Did you mean 'A'?"),
        ("0.5,0.5\n1,1\n", "Put a line with the columns' names before it."),
        (
            "a,b\n0,0\n0,red\n1,x\n",
            "line 3, column 'b': expected a finite number; got 'red'. 1 more",
        ),
        ("a,b\n0,\n0,1\n", "line 2, column 'b': expected a finite number; the cell is empty."),
        (
            "a,b\n0,nan\n0,1\n",
            "expected a finite number; got 'nan'. Fix or delete the line or pass",
        ),
        ("a,b\n0,inf\n", "got 'inf', and none in any of its 1 rows. The function needs its"),
        ("a,b\n0\n", "line 2: expected 2 values, as in the header line; got 1."),
        ("a,b\n", "new.csv has no row below its header line. Add rows to predict."),
        ("", "new.csv is empty."),
        ("a,a,b\n1,1,1\n", "2 columns are named 'a', columns 1 and 2."),
        ("a,b,lower\n1,1,1\n", "has a column 'lower' already, the name of one to be added."),
        ("a,b\n0,1e200\n", "line 2, column 'b': expected a number below 1e+150"),
        ("a;b\n0,5;0.5\n", "has a decimal comma, but line 2, column 'b' a decimal point"),
    ],
)
def test_tables_that_cannot_be_used_are_named_and_nothing_is_written(
    model: Path, text: str, message: str
) -> None:
    Path("new.csv").write_text(text)
    result = run("--predict", "new.csv", "--model", model, "--out", "out.csv")
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not Path("out.csv").exists()


def test_bad_lines_can_be_left_out(model: Path) -> None:
    Path("new.csv").write_text("a,b\n0,0\nred,1\n1,1,1\n0.5,0\n")
    result = run("--predict", "new.csv", "--model", model, "--skip-bad-lines", "--quiet")
    assert result.exit_code == 0
    assert [row[:2] for row in rows_of(result.stdout)] == [["a", "b"], ["0", "0"], ["0.5", "0"]]
    assert "Warning: Left out 2 of 4 lines of new.csv" in result.stderr


def test_more_than_a_block_of_rows(model: Path) -> None:
    inputs = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    np.savetxt("new.csv", inputs, "%.17g", ",", header="a,b", comments="")
    assert run("--predict", "new.csv", "--model", model, "--out", "out.csv").exit_code == 0
    found = np.loadtxt("out.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(found[:, :2], inputs)
    function = load_function(model / "models" / "bayesian-ensemble.npz")
    np.testing.assert_allclose(found[:, 2], function.predict(inputs)[:, 0], rtol=1e-5, atol=1e-4)


def test_too_few_held_out_rows_and_runs_of_earlier_versions_are_told(model: Path) -> None:
    Path("new.csv").write_text("a,b\n0,0\n")
    options = ("--predict", "new.csv", "--model", model)
    result = run(*options, "--level", "0.99")
    assert result.exit_code == 0
    assert "24 held-out rows vouch for intervals of 96 % at most; 99 % need 99." in result.stderr
    # An earlier version: no scores, and another name of the method.
    old = model / "models" / "default.npz"
    file = model / "models" / "bayesian-ensemble.npz"
    save_function(replace(load_function(file), held_out_scores=None), old)
    file.unlink()
    metrics = json.loads((model / "metrics.json").read_text())
    metrics["rows"][0] |= {"method": "default", "label": "default"}
    (model / "metrics.json").write_text(json.dumps(metrics))
    result = run(*options)
    assert result.exit_code == 0
    assert "Warning: The intervals are the function's own estimate." in result.stderr
    prediction, lower, upper = map(float, rows_of(result.stdout)[1][2:5])
    (((mean,),), ((deviation,),)) = load_function(old).predict_with_std([[0.0, 0.0]])
    assert prediction == pytest.approx(mean)
    assert [lower, upper] == pytest.approx(
        [mean - 1.959964 * deviation, mean + 1.959964 * deviation]
    )


def test_the_chosen_fit_predicts_and_no_diverged_one(model: Path) -> None:
    Path("new.csv").write_text("a,b\n0,0\n")
    metrics = json.loads((model / "metrics.json").read_text())
    (row,) = metrics["rows"]
    worse = row | {"label": "linear", "validation_mean_abs_error": 1e9}
    diverged = row | {
        "label": "tanh-adam",
        "verdict": "diverged",
        "validation_mean_abs_error": None,
    }
    metrics["rows"] = [worse, diverged, row]
    (model / "metrics.json").write_text(json.dumps(metrics))
    result = run("--predict", "new.csv", "--model", model)
    assert result.exit_code == 0
    assert result.stderr.startswith("bayesian-ensemble: 95 % intervals")
    for rows, message in (
        ([diverged], "No fit of run ended with finite numbers"),
        ([row | {"label": "../../secret"}], "names a fit '../../secret', which no file can have"),
        ([worse], "linear.npz does not exist"),
        ([{}], "run is no run folder of `facesmith approximate` ('verdict')"),
    ):
        (model / "metrics.json").write_text(json.dumps({"rows": rows}))
        result = run("--predict", "new.csv", "--model", model)
        assert result.exit_code == 1
        assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predict", "new.csv"], "--predict needs --model RUN"),
        (["--model", "run"], "--model belongs to --predict CSV"),
        (["--monkey-saddle", "--level", "0.9"], "--level belongs to --predict CSV"),
        (["--predict", "new.csv", "--model", "run", "--level", "95"], "95.0 is not in the range"),
        (["--predict", "new.csv", "--model", "run", "--epochs", "3"], "--epochs belongs to a fit"),
        (["new.csv", "--predict", "new.csv", "--model", "run"], "POINTS belongs to a fit"),
        (["--predict", "new.csv", "--model", "run", "--json"], "--json belongs to a fit"),
        (["--predict", "new.csv", "--model", "none"], "'none' does not exist"),
    ],
)
def test_wrong_usage_ends_with_2(model: Path, arguments: list[str], message: str) -> None:
    assert model.is_dir()
    Path("new.csv").write_text("a,b\n0,0\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_what_is_no_run_is_refused(model: Path) -> None:
    Path("new.csv").write_text("a,b\n0,0\n")
    Path("empty").mkdir()
    for other, message in (
        ("empty", "empty is no run folder of `facesmith approximate`"),
        ("new.csv", "new.csv"),
        (model / "log.csv", "Pass models/bayesian-ensemble.npz of a run folder."),
    ):
        result = run("--predict", "new.csv", "--model", other)
        assert result.exit_code == 1
        assert message in result.stderr
