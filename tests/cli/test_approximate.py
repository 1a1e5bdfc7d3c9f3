"""`facesmith approximate`: output, files, verdicts, and what is refused."""

from __future__ import annotations

import csv
import json
import math
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from facesmith.approximation import load_function
from facesmith.approximation.experiment import run_folder
from facesmith.approximation.experiment.points import monkey_saddle_split
from facesmith.approximation.experiment.settings import ApproximationConfig
from facesmith.approximation.experiment.summaries import format_error
from facesmith.cli import main
from facesmith.cli.approximate import approximate
from facesmith.cli.approximate_config import config_of_options
from facesmith.printable import markdown_text
from facesmith.runtime import onnxruntime

PNG_NAMES = ("learning-curves.png", "predictions.png")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 points of a smooth function of two inputs, with a column that is no number."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    path = tmp_path / "points.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "where", "z"])
        for a, b in rng.uniform(-1, 1, (60, 2)).tolist():
            writer.writerow([a, b, "lab", math.sin(2 * a) + a * b])
    return path


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all the rest; where pictures are not looked at, it is left out."""
    monkeypatch.setattr(run_folder, "_write_plots", lambda *_: [])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["approximate", *map(str, arguments)])


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """What TensorBoard's own reader finds: tag, step and value of every entry."""
    (file,) = folder.glob("events.out.tfevents.*")
    return [
        (value.tag, event.step, value.tensor.float_val[0])
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]


def test_json_holds_the_rows_of_the_contract_and_nothing_else_is_printed(table: Path) -> None:
    result = run(table, "--target", "z", "--inputs", "a,b", "--json", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    (row,) = json.loads(result.stdout)["rows"]
    assert {"method", "l2_error", "mean_abs_error", "rmse", "seconds"} <= set(row)
    assert row["method"] == "bayesian-ensemble"
    assert row["rmse"] < 0.01
    # 60 rows: 12 of test. rmse = sqrt(sum / 12), l2 = sqrt(sum) / 12.
    assert row["l2_error"] == pytest.approx(row["rmse"] / 12**0.5)
    assert row["mean_abs_error"] <= row["rmse"]
    assert 0.999 < row["r2"] <= 1
    assert row["verdict"] in row_kinds()


def row_kinds() -> set[str]:
    return {
        *("overfit", "underfit", "unsteady", "still-learning", "settled", "diverged"),
        "unjudged",
    }


@pytest.mark.slow
def test_monkey_saddle_reaches_the_exercise_figures() -> None:
    rows = {
        row["method"]: row for row in json.loads(run("--monkey-saddle", "--json").stdout)["rows"]
    }
    assert list(rows) == ["linear", "tanh-adam", "bayesian-ensemble"]
    assert rows["linear"]["l2_error"] == pytest.approx(856, abs=2)
    assert rows["tanh-adam"]["l2_error"] < 200
    assert rows["bayesian-ensemble"]["l2_error"] < 1.0
    assert "verfit" in rows["linear"]["verdict_text"]


@pytest.fixture(scope="module")
def saddle_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The exercise's task with all methods, Adam's nets after a hundredth of their epochs."""
    out = tmp_path_factory.mktemp("saddle") / "run"
    exports = ("--onnx", "--code", "python", "--code", "c")
    return run("--monkey-saddle", "--epochs", 5, "--out", out, *exports), out


def test_monkey_saddle_prints_a_table_and_a_verdict_of_each_method(
    saddle_run: tuple[Result, Path],
) -> None:
    result, out = saddle_run
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Monkey saddle: 288 training, 72 validation, 240 test rows"
    assert lines[1].startswith("bayesian-ensemble, the chosen one, explains 99.")
    assert "of the variance of the test rows; typical error" in " ".join(lines[1:3])
    lines = lines[next(i for i, line in enumerate(lines) if line.startswith("method")) - 2 :]
    assert " ".join(lines[2].split()) == "method L2 error mean abs. error RMSE R2 seconds"
    assert [line.split()[0] for line in lines[3:6]] == ["linear", "tanh-adam", "bayesian-ensemble"]
    assert float(lines[5].split()[1]) < 1.0
    said = [line.split(":")[0] for line in lines[7:] if ": " in line and line[0] != " "]
    assert said == ["linear", "tanh-adam", "bayesian-ensemble", "Chosen", "Next"]
    # The learning curves in numbers: the first epoch and the last, of train and validation.
    assert lines[7].split() == ["epoch", "1", "2", "3", "4", "5"]
    assert [line.split()[0] for line in lines[8:12]] == [
        *("linear", "validation", "tanh-adam", "validation"),
    ]
    assert "Chosen: bayesian-ensemble, for the smallest mean abs. error on the validation rows" in (
        result.stdout
    )
    assert "5 epochs, 64 units a layer, 1 tanh layer" in " ".join(result.stdout.split())
    assert result.stderr == f"Wrote {out}/; its report is {out}/report.html\n"
    assert lines[-1] == f"Next: facesmith approximate --predict NEW.csv --model {out}"


def test_a_fit_says_how_to_predict_and_export_unless_it_is_to_be_quiet(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--epochs", 1, "--out", "run")
    said = run(*options).stdout.splitlines()
    assert said[-2] == "Next: facesmith approximate --predict NEW.csv --model run"
    again = "facesmith approximate --resume --out run --onnx --code c"
    assert said[-1] == f"For other programs: {again}"
    result = run(*again.split()[2:], "--quiet")
    assert result.exit_code == 0
    assert Path("run/models/tanh-adam.c").is_file()
    assert Path("run/models/tanh-adam.onnx").is_file()
    for more in ("--quiet", "--json"):
        assert "Next:" not in run(*options, "--force", more).stdout


def test_run_folder_holds_everything(saddle_run: tuple[Result, Path]) -> None:
    _, out = saddle_run
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    config = json.loads((out / "config.json").read_text())
    assert config["config"]["methods"] == ["linear", "tanh-adam", "bayesian-ensemble"]
    assert config["config"]["seed"] == 0

    # The nets of the folder make the predictions that were measured.
    test = monkey_saddle_split().test
    for row in rows:
        function = load_function(out / "models" / f"{row['method']}.npz")
        assert function.input_names == ("x", "y")
        assert function.output_names == ("z",)
        predictions = function.predict(test.inputs)[:, 0]
        errors = predictions - test.targets
        assert row["mean_abs_error"] == pytest.approx(np.abs(errors).mean())
        assert row["l2_error"] == pytest.approx(math.sqrt((errors**2).sum()) / 240)
        model = out / "models" / row["method"]
        session = onnxruntime.InferenceSession(f"{model}.onnx", providers=["CPUExecutionProvider"])
        (targets,) = session.run(None, {"inputs": test.inputs})
        # A Gaussian process through points without noise adds huge terms that cancel.
        tolerance = 1e-7 * float(predictions.std())
        np.testing.assert_allclose(targets[:, 0], predictions, rtol=1e-9, atol=tolerance)
        code: dict[str, Any] = {}
        exec(Path(f"{model}.py").read_text(encoding="utf-8"), code)  # noqa: S102 - our own code
        found = [code["predict"](inputs) for inputs in test.inputs[:20].tolist()]
        np.testing.assert_allclose(found, predictions[:20], rtol=1e-9, atol=tolerance)
        assert "double predict(const double *inputs)" in Path(f"{model}.c").read_text()

    page = (out / "report.md").read_text(encoding="utf-8")
    for row in rows:
        assert row["verdict_text"] in page
    for name in (path.name for path in out.glob("*.png")):
        assert f"![{name}]({name})" in page
    html = (out / "report.html").read_text(encoding="utf-8")
    for row in rows:
        assert escape(row["verdict_text"]) in html
        assert f"<td>{format_error(row['rmse'])}</td>" in html
    assert html.count("data:image/png;base64,") == len(list(out.glob("*.png")))
    assert not re.search(r"(src|href)=\"(?!data:)", html)

    with (out / "log.csv").open(newline="") as file:
        log = list(csv.DictReader(file))
    for row in rows:
        entries = [entry for entry in log if entry["method"] == row["method"]]
        assert [int(entry["step"]) for entry in entries] == list(range(1, row["steps"] + 1))
        for part in ("train", "validation"):
            found = scalars(out / "tensorboard" / row["method"] / part)
            tag = f"{row['step_name']}_mae"
            assert [(name, step) for name, step, _ in found] == [
                (tag, int(entry["step"])) for entry in entries
            ]
            np.testing.assert_allclose(
                [value for _, _, value in found],
                [float(entry[f"{part}_mean_abs_error"]) for entry in entries],
                rtol=1e-5,
            )
            curve = [float(entry[f"{part}_mean_abs_error"]) for entry in entries]
            assert row[f"{part}_curve"] == pytest.approx(curve, rel=1e-5)

    surfaces = tuple(f"surface-{row['method']}.png" for row in rows)
    assert {path.name for path in out.glob("*.png")} == {*PNG_NAMES, *surfaces}
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 300
            assert image.convert("RGB").getcolors(50) is None  # more colours: drawn on


def test_one_input_is_drawn_as_a_curve_three_as_predictions_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (40, 3))
    path = tmp_path / "points.csv"
    values = np.column_stack([inputs, inputs.sum(axis=1)])
    np.savetxt(path, values, delimiter=";", header="a;b;c;z", comments="")
    assert run(path, "--target", "z", "--inputs", "a", "--out", tmp_path / "one").exit_code == 0
    assert (tmp_path / "one" / "curve-bayesian-ensemble.png").is_file()
    assert run(path, "--target", "z", "--out", tmp_path / "three").exit_code == 0
    assert {p.name for p in (tmp_path / "three").glob("*.png")} == set(PNG_NAMES)


@pytest.mark.usefixtures("no_plots")
def test_same_seed_same_figures_and_the_table_s_checksum_is_kept(table: Path) -> None:
    options = ("--target", "z", "--inputs", "a,b", "--epochs", 5, "--json", "--seed", 5)
    rows = [json.loads(run(table, *options, "--out", f"run{i}").stdout)["rows"] for i in (0, 1)]
    for row in rows:
        row[0].pop("seconds")
    assert rows[0] == rows[1]
    assert Path("run0/log.csv").read_bytes() == Path("run1/log.csv").read_bytes()
    nets = [Path(f"run{i}/models/tanh-adam.npz").read_bytes() for i in (0, 1)]
    assert nets[0] == nets[1]
    config = json.loads(Path("run0/config.json").read_text())["config"]
    assert len(config["points_sha256"]) == 64
    assert config["inputs"] == ["a", "b"]


def test_few_validation_rows_are_pointed_out(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--method", "linear", "--epochs", 2)
    said = run(*options).stdout
    assert "linear: 5 validation rows: too few for a word on overfitting." in said
    assert "learning rate" not in said


def test_a_single_test_row_is_pointed_out(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--method", "linear", "--epochs", 2)
    result = run(*options, "--test-fraction", "0.001")
    assert result.exit_code == 0
    assert "Warning: There is 1 test row" in result.stderr


@pytest.mark.usefixtures("no_plots")
def test_a_run_is_replaced_only_by_force(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a", "--out", "run")
    assert run(*options).exit_code == 0
    old = Path("run/metrics.json").read_bytes()
    refused = run(*options)
    assert refused.exit_code == 1
    assert "run is not empty. Pass --resume to go on with it, --force to replace" in refused.stderr
    assert Path("run/metrics.json").read_bytes() == old
    Path("run/models/mine.txt").touch()
    refused = run(*options, "--force")
    assert refused.exit_code == 1
    assert "run holds other files: models/mine.txt. Move them" in refused.stderr
    assert Path("run/metrics.json").read_bytes() == old
    Path("run/models/mine.txt").unlink()
    assert run(*options, "--force", "--method", "linear").exit_code == 0
    assert [path.name for path in Path("run/models").iterdir()] == ["linear.npz"]


def test_force_spares_what_is_no_run_folder(table: Path) -> None:
    Path("home").mkdir()
    Path("home/letter.txt").write_text("dear")
    Path("notes").touch()
    for out, code, message in (
        ("home", 1, "does not carry its mark"),
        (table, 2, "an output is never an input"),
        ("notes", 2, "--out notes is a file; name a folder"),
    ):
        result = run(table, "--target", "z", "--inputs", "a", "--out", out, "--force")
        assert result.exit_code == code
        assert message in result.stderr
    assert Path("home/letter.txt").read_text() == "dear"
    Path("home/config.json").write_text('{"facesmith": "1.0", "config": {}}')
    result = run(table, "--target", "z", "--inputs", "a", "--out", "home", "--force")
    assert "does not carry its mark" in result.stderr
    assert len(list(Path("home").iterdir())) == 2
    assert table.is_file()


def test_a_folder_that_cannot_be_made_is_named(table: Path) -> None:
    Path("taken").touch()
    result = run(table, "--target", "z", "--inputs", "a", "--out", "taken/run")
    assert result.exit_code == 1
    assert "Cannot write taken/run" in result.stderr


def test_a_diverged_net_is_told_and_its_json_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,z\n" + "".join(f"{i},{i}e37\n" for i in range(20)))
    options = ("--target", "z", "--method", "linear", "--json", "--out", tmp_path / "run")
    result = run(path, *options, "--code", "python")
    assert result.exit_code == 0
    assert "Warning: linear diverged and is not exported." in result.stderr
    assert not (tmp_path / "run" / "models" / "linear.py").exists()

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    (row,) = json.loads(result.stdout, parse_constant=refuse)["rows"]
    assert row["verdict"] == "diverged"
    assert row["l2_error"] is None
    assert "another unit" in row["verdict_text"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Pass either a file of POINTS or --monkey-saddle."),
        (["points.csv", "--monkey-saddle"], "Pass either a file of POINTS or --monkey-saddle."),
        (["points.csv"], "Pass --target COLUMN"),
        (["--monkey-saddle", "--target", "z"], "belong to a file of POINTS"),
        (["missing.csv", "--target", "z"], "does not exist"),
        (["points.csv", "--target", "z", "--method", "magic"], "'magic' is not one of"),
        (["points.csv", "--target", "z", "--test-fraction", "1.5"], "1.5 is not in the range"),
        (["points.csv", "--target", "z", "--seed", "-1"], "-1 is not in the range"),
        (
            ["points.csv", "--target", "z", "--inputs", "a,", "b"],
            "'a,' ends with a comma. Write A,B without blanks",
        ),
        (["--monkey-saddle", "--resume"], "--resume needs --out RUN"),
        (["--monkey-saddle", "--onnx"], "--onnx needs --out RUN"),
        (["--resume", "--force", "--out", "run"], "--resume goes on with a run, --force replaces"),
        (["--monkey-saddle", "--code", "c"], "Several functions do not fit into one output"),
        (["points.csv", "--target", "z", "--code", "c", "--json"], "Only one thing can be printed"),
        (["--monkey-saddle", "--compare", "batch-size"], "'batch-size': expected NAME=VALUE,VALUE"),
        (["--monkey-saddle", "--compare", "colour=1,2"], "among batch-size, learning-rate, depth"),
        (["--monkey-saddle", "--compare", "batch-size=1,x"], "'x' is not a valid integer"),
        (["--monkey-saddle", "--compare", "batch-size=0"], "0 is not in the range x>=1"),
        (["--monkey-saddle", "--compare", "learning-rate=nan"], "expected a finite number"),
        (
            ["--monkey-saddle", "--compare", "depth=0,1,2,3,4", "--compare", "units=1,2,3,4,5"],
            "25 combinations are too many to compare; at most 24",
        ),
        (
            ["--monkey-saddle", "--compare", "batch-size=1,2", "--batch-size", "3"],
            "--batch-size and --compare batch-size exclude each other",
        ),
        (
            ["--monkey-saddle", "--method", "bayesian-ensemble", "--epochs", "9"],
            "add --method tanh-adam",
        ),
        (
            ["--monkey-saddle", "--method", "linear", "--compare", "depth=1,2"],
            "its depth cannot be compared",
        ),
    ],
)
@pytest.mark.usefixtures("table")
def test_wrong_usage_ends_with_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "q"], "points.csv has no column 'q'; its header line reads 'a', 'b'"),
        (["--target", "z"], "line 2, column 'where': expected a finite number; got 'lab'"),
        (
            ["--target", "z", "--inputs", "a", "--test-fraction", "0.99"],
            "60 rows leave too few for training after 59 test and 1 validation rows",
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("table")
def test_bad_tables_end_with_1_and_one_line(arguments: list[str], message: str) -> None:
    result = run("points.csv", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_settings_are_compared_in_one_table_one_picture_and_tensorboard(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--epochs", 4, "--quiet", "--out", "run")
    compared = ("--compare", "batch-size=1,100", "--compare", "depth=0,2", "--compare", "depth=2")
    result = run(*options, *compared)
    assert result.exit_code == 0, result.output
    labels = [f"batch-size={b} depth={d}" for b in (1, 100) for d in (0, 2)]
    lines = result.stdout.splitlines()
    head = ["method", "validation", "L2", "error", "mean", "abs.", "error", "RMSE", "R2", "seconds"]
    lines = lines[next(i for i, line in enumerate(lines) if line.startswith("method")) - 2 :]
    assert lines[2].split() == [*head, "verdict"]
    for line, label in zip(lines[3:7], labels, strict=True):
        assert line.startswith(f"tanh-adam {label} ")
    rows = json.loads(Path("run/metrics.json").read_text())["rows"]
    assert [row["label"] for row in rows] == [f"tanh-adam {label}" for label in labels]
    assert rows[3]["settings"] == {
        "batch_size": 100,
        "learning_rate": 0.01,
        "depth": 2,
        "units": 64,
        "epochs": 4,
    }
    best = min(rows, key=lambda row: row["validation_mean_abs_error"])
    assert f"Chosen: {best['label']}, for" in " ".join(lines)
    # 43 training rows: 43 steps an epoch, or one.
    names = [row["label"].replace(" ", "_") for row in rows]
    assert {path.stem for path in Path("run/models").iterdir()} == set(names)
    assert {path.name for path in Path("run/tensorboard").iterdir()} == set(names)
    for name in names:
        steps = [step for _, step, _ in scalars(Path(f"run/tensorboard/{name}/validation"))]
        assert steps == [1, 2, 3, 4]
    chosen = best["label"].replace(" ", "_")
    pictures = {path.name for path in Path("run").glob("*.png")}
    assert pictures == {*PNG_NAMES, "comparison.png", f"surface-{chosen}.png"}


@pytest.mark.usefixtures("no_plots")
def test_a_run_that_goes_on_ends_as_the_longer_run(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--seed", 3, "--quiet")
    options += ("--compare", "learning-rate=0.001,0.02")
    assert run(*options, "--epochs", 6, "--out", "whole").exit_code == 0
    assert run(*options, "--epochs", 2, "--out", "part").exit_code == 0
    # Without saying it all again, and then with it.
    assert run("--resume", "--out", "part", "--epochs", 5, "--quiet").exit_code == 0
    result = run(*options, "--resume", "--out", "part", "--epochs", 6)
    assert result.exit_code == 0, result.output
    for name in ("learning-rate=0.001", "learning-rate=0.02"):
        model = f"models/tanh-adam_{name}.npz"
        assert Path("part", model).read_bytes() == Path("whole", model).read_bytes()
    assert Path("part/log.csv").read_bytes() == Path("whole/log.csv").read_bytes()
    assert json.loads(Path("part/config.json").read_text())["config"]["adam"]["epochs"] == 6
    assert not list(Path().glob("*.unfinished"))


@pytest.mark.usefixtures("no_plots")
def test_the_default_method_goes_on_to_the_same_bits(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--quiet")
    assert run(*options, "--max-iter", 60, "--out", "whole").exit_code == 0
    assert run(*options, "--max-iter", 5, "--out", "part").exit_code == 0
    assert run("--resume", "--out", "part", "--max-iter", 60, "--quiet").exit_code == 0
    models = [Path(name, "models/bayesian-ensemble.npz").read_bytes() for name in ("whole", "part")]
    assert models[0] == models[1]


@pytest.mark.usefixtures("no_plots")
def test_the_former_name_of_the_ensemble_is_understood(table: Path) -> None:
    """Runs and commands of earlier versions call it `default`."""
    options = (table, "--target", "z", "--inputs", "a,b", "--quiet", "--max-iter", 5)
    assert run(*options, "--method", "default", "--out", "run").exit_code == 0
    assert [path.name for path in Path("run/models").iterdir()] == ["bayesian-ensemble.npz"]
    # A run folder as an earlier version left it.
    config = json.loads(Path("run/config.json").read_text())
    assert config["config"]["methods"] == ["bayesian-ensemble"]
    config["config"]["methods"] = ["default"]
    Path("run/config.json").write_text(json.dumps(config))
    result = run("--resume", "--out", "run", "--method", "default", "--max-iter", 6, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"][0]["label"] == "bayesian-ensemble"
    assert config_of("--monkey-saddle", "--config", "run/config.json").methods == (
        "bayesian-ensemble",
    )


@pytest.mark.usefixtures("no_plots")
def test_a_run_goes_on_with_its_own_table_and_settings_only(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--epochs", 2, "--out", "run")
    assert run(*options, "--quiet").exit_code == 0
    before = Path("run/metrics.json").read_bytes()
    resume = ("--resume", "--out", "run")
    for more, code, message in (
        (("--seed", 9), 2, "it had another --seed"),
        (("--batch-size", 1), 2, "it had another --batch-size"),
        (("--method", "linear"), 2, "it had another --method"),
        (("--compare", "depth=1,2"), 2, "it had another --compare"),
        (("--epochs", 1), 1, "has done 2 epochs; got epochs 1"),
    ):
        result = run(*resume, *more)
        assert result.exit_code == code, more
        assert message in result.stderr
    table.write_text(table.read_text() + "0,0,lab,0\n")
    result = run(*resume, "--epochs", 3)
    assert result.exit_code == 1
    assert "points.csv is not the table that the run was fitted to" in result.stderr
    table.unlink()
    assert "points.csv is gone; pass the table" in run(*resume, "--epochs", 3).stderr
    Path("empty").mkdir()
    result = run("--resume", "--out", "empty")
    assert result.exit_code == 1
    assert "empty is no run folder of `facesmith approximate` to go on with" in result.stderr
    assert Path("run/metrics.json").read_bytes() == before


@pytest.mark.usefixtures("no_plots")
def test_going_on_without_more_epochs_adds_what_is_asked_for(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--epochs", 2, "--out", "run")
    assert run(*options, "--quiet").exit_code == 0
    model = Path("run/models/tanh-adam.npz").read_bytes()
    assert run("--resume", "--out", "run", "--code", "python", "--onnx").exit_code == 0
    assert Path("run/models/tanh-adam.npz").read_bytes() == model
    assert Path("run/models/tanh-adam.py").is_file()
    assert Path("run/models/tanh-adam.onnx").is_file()


def test_code_goes_to_standard_output_and_the_table_beside_it(table: Path) -> None:
    result = run(table, "--target", "z", "--inputs", "a,b", "--code", "python", "--quiet")
    assert result.exit_code == 0
    code: dict[str, Any] = {}
    exec(result.stdout, code)  # noqa: S102 - our own code
    assert code["predict"]([0.3, -0.4]) == pytest.approx(math.sin(0.6) - 0.12, abs=0.01)
    assert "mean abs. error" in result.stderr


@pytest.mark.usefixtures("no_plots")
def test_bad_lines_and_contradictions_are_noted(table: Path) -> None:
    text = table.read_text()
    table.write_text(f"{text}oops,1,lab,2\n0.5,0.5,lab,1\n0.5,0.5,lab,1.5\n")
    options = (table, "--target", "z", "--inputs", "a,b", "--quiet", "--out", "run")
    refused = run(*options)
    assert refused.exit_code == 1
    assert "line 62, column 'a': expected a finite number; got 'oops'" in refused.stderr
    assert not Path("run").exists()
    result = run(*options, "--skip-bad-lines", "--json")
    assert result.exit_code == 0
    left_out, contradicting = json.loads(result.stdout)["notes"]
    assert left_out.startswith("Left out 1 of 63 lines")
    assert "lines 63 and 64 (z 1 and 1.5)" in contradicting
    assert result.stderr.count("Note: ") == 2
    assert markdown_text(left_out) in Path("run/report.md").read_text()


def test_settings_come_from_a_file_and_options_go_before_it(table: Path) -> None:
    Path("a.json").write_text('{"adam": {"depth": 2, "units": 8, "epochs": 9}, "seed": 3}')
    toml = ("seed = 3", "validation_fraction = 0.25", "[adam]", "depth = 2", "units = 8")
    Path("b.toml").write_text("\n".join((*toml, "epochs = 9")))
    options = ("--target", "z", "--inputs", "a,b", "--epochs", 2, "--seed", 0, "--quiet")
    for file, fraction in (("a.json", 0.1), ("b.toml", 0.25)):
        result = run(table, *options, "--config", file, "--json")
        (row,) = json.loads(result.stdout)["rows"]
        assert row["label"] == "tanh-adam"
        expected = {"batch_size": 16, "learning_rate": 0.01, "depth": 2, "units": 8, "epochs": 2}
        assert row["settings"] == expected
        config = config_of(table, *options, "--config", file)
        assert (config.seed, config.validation_fraction) == (0, fraction)


def config_of(*arguments: object) -> ApproximationConfig:
    """The settings that a command line asks for."""
    words = [str(argument) for argument in arguments]
    params = approximate.make_context("approximate", words).params
    return config_of_options(params)


@pytest.mark.usefixtures("no_plots")
def test_a_run_s_own_settings_repeat_the_run(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a,b", "--epochs", 2, "--seed", 4)
    assert run(*options, "--out", "one").exit_code == 0
    assert run("--config", "one/config.json", "--out", "two").exit_code == 0
    configs = [
        json.loads(Path(f"{out}/config.json").read_text())["config"] for out in ("one", "two")
    ]
    assert configs[0] == configs[1]
    models = [Path(out, "models/tanh-adam.npz").read_bytes() for out in ("one", "two")]
    assert models[0] == models[1]
    assert config_of("--monkey-saddle", "--config", "one/config.json").points is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"colour": 1}', "Unknown setting 'colour'. Known here: adam, compare"),
        ("a.toml", "[adam]\nlayers = 1", "Unknown setting 'adam.layers'. Known here: batch_size"),
        ("a.json", '{"validation_fraction": 2}', "`validation_fraction` must be between 0 and 1"),
        ("a.json", '{"max_iter": 0}', "`max_iter` must be a positive integer; got max_iter=0"),
        ("a.json", '{"adam": {"units": "many"}}', "'adam.units' must be int; got 'many'"),
        ("a.json", '{"adam": 3}', "'adam' must be dict; got 3"),
        ("a.json", '{"methods": "linear"}', "'methods' must be a list; got 'linear'"),
        ("a.json", '{"max_iter": "9"}', "'max_iter' must be int; got '9'"),
        (
            "a.json",
            '{"compare": {"depth": 3}}',
            "`compare` must be lists of values; got compare={'depth': 3}",
        ),
        ("a.json", "[]", "expected a JSON object"),
        ("a.json", "{", "a.json: not valid JSON"),
        ("a.toml", "{", "a.toml: expected a TOML file with settings"),
    ],
)
@pytest.mark.usefixtures("table")
def test_settings_that_cannot_be_used_are_named(name: str, text: str, message: str) -> None:
    Path(name).write_text(text)
    result = run("points.csv", "--target", "z", "--config", name)
    assert result.exit_code == 1
    assert message in result.stderr


def test_help_shows_an_example() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "facesmith approximate --monkey-saddle --out runs/monkey-saddle" in result.stdout
    wide = CliRunner().invoke(main, ["approximate", "--help"], terminal_width=96)
    assert len(wide.stdout.splitlines()) <= 50
