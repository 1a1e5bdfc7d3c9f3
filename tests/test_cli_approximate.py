"""`facesmith approximate`: output, files, verdicts, and what is refused."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from facesmith.approximation import adam_nets, load_net, run_folder
from facesmith.approximation.points import monkey_saddle_split
from facesmith.cli import main

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


def shorten_adam(patch: pytest.MonkeyPatch) -> None:
    """The exercise's nets in a hundredth of their time."""
    train = adam_nets.train_adam_net

    def train_briefly(*arguments: Any, **options: Any) -> Any:
        return train(*arguments, epochs=5, **options)

    patch.setattr(adam_nets, "train_adam_net", train_briefly)


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all the rest; where pictures are not looked at, it is left out."""
    monkeypatch.setattr(run_folder, "_write_plots", lambda *_: None)


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
    assert row["method"] == "default"
    assert row["rmse"] < 0.01
    # 60 rows: 12 of test. rmse = sqrt(sum / 12), l2 = sqrt(sum) / 12.
    assert row["l2_error"] == pytest.approx(row["rmse"] / 12**0.5)
    assert row["mean_abs_error"] <= row["rmse"]
    assert row["verdict"] in row_kinds()


def row_kinds() -> set[str]:
    return {"overfit", "underfit", "unsteady", "still-learning", "settled", "diverged"}


@pytest.mark.slow
def test_monkey_saddle_reaches_the_exercise_figures() -> None:
    rows = {
        row["method"]: row for row in json.loads(run("--monkey-saddle", "--json").stdout)["rows"]
    }
    assert list(rows) == ["linear", "tanh-adam", "default"]
    assert rows["linear"]["l2_error"] == pytest.approx(856, abs=2)
    assert rows["tanh-adam"]["l2_error"] < 200
    assert rows["default"]["l2_error"] < 1.0
    assert "verfit" in rows["linear"]["verdict_text"]


@pytest.fixture(scope="module")
def saddle_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The exercise's task with all methods, Adam's nets after a hundredth of their epochs."""
    out = tmp_path_factory.mktemp("saddle") / "run"
    with pytest.MonkeyPatch.context() as patch:
        shorten_adam(patch)
        return run("--monkey-saddle", "--out", out), out


def test_monkey_saddle_prints_a_table_and_a_verdict_of_each_method(
    saddle_run: tuple[Result, Path],
) -> None:
    result, out = saddle_run
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Monkey saddle: 288 training, 72 validation, 240 test rows"
    assert " ".join(lines[2].split()) == "method L2 error mean abs. error RMSE seconds"
    assert [line.split()[0] for line in lines[3:6]] == ["linear", "tanh-adam", "default"]
    assert float(lines[5].split()[1]) < 1.0
    verdicts = [line.split(":")[0] for line in lines[7:] if not line.startswith(" ")]
    assert verdicts == ["linear", "tanh-adam", "default"]
    assert result.stderr == f"Wrote {out}/\n"


def test_run_folder_holds_everything(saddle_run: tuple[Result, Path]) -> None:
    _, out = saddle_run
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    config = json.loads((out / "config.json").read_text())
    assert config["config"]["methods"] == ["linear", "tanh-adam", "default"]
    assert config["config"]["seed"] == 0

    # The nets of the folder make the predictions that were measured.
    test = monkey_saddle_split().test
    for row in rows:
        net = load_net(out / "models" / f"{row['method']}.npz")
        assert net.input_names == ("x", "y")
        assert net.target_name == "z"
        errors = net(test.inputs) - test.targets
        assert row["mean_abs_error"] == pytest.approx(np.abs(errors).mean())
        assert row["l2_error"] == pytest.approx(math.sqrt((errors**2).sum()) / 240)

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

    surfaces = tuple(f"surface-{row['method']}.png" for row in rows)
    assert {path.name for path in out.glob("*.png")} == {*PNG_NAMES, *surfaces}
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert min(pixels.shape[:2]) > 300
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50  # drawn on


def test_one_input_is_drawn_as_a_curve_three_as_predictions_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (40, 3))
    path = tmp_path / "points.csv"
    values = np.column_stack([inputs, inputs.sum(axis=1)])
    np.savetxt(path, values, delimiter=";", header="a;b;c;z", comments="")
    assert run(path, "--target", "z", "--inputs", "a", "--out", tmp_path / "one").exit_code == 0
    assert (tmp_path / "one" / "curve-default.png").is_file()
    assert run(path, "--target", "z", "--out", tmp_path / "three").exit_code == 0
    assert {p.name for p in (tmp_path / "three").glob("*.png")} == set(PNG_NAMES)


@pytest.mark.usefixtures("no_plots")
def test_same_seed_same_figures_and_the_table_s_checksum_is_kept(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_adam(monkeypatch)
    options = ("--target", "z", "--inputs", "a,b", "--method", "tanh-adam", "--json", "--seed", 5)
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
    assert "With 5 validation rows" in run(table, "--target", "z", "--inputs", "a,b").stdout


@pytest.mark.usefixtures("no_plots")
def test_a_run_is_replaced_only_by_force(table: Path) -> None:
    options = (table, "--target", "z", "--inputs", "a", "--out", "run")
    assert run(*options).exit_code == 0
    old = Path("run/metrics.json").read_bytes()
    Path("run/stale.txt").touch()
    refused = run(*options)
    assert refused.exit_code == 1
    assert "run is not empty. Pass --force to replace it, or another --out." in refused.stderr
    assert Path("run/metrics.json").read_bytes() == old
    assert run(*options, "--force").exit_code == 0
    assert not Path("run/stale.txt").exists()


def test_force_spares_what_is_no_run_folder(table: Path) -> None:
    Path("home").mkdir()
    Path("home/letter.txt").write_text("dear")
    for out, message in (("home", "it is no run folder and --force leaves it"), (table, "a file")):
        result = run(table, "--target", "z", "--inputs", "a", "--out", out, "--force")
        assert result.exit_code == 1
        assert message in result.stderr
    assert Path("home/letter.txt").read_text() == "dear"
    assert table.is_file()


def test_a_folder_that_cannot_be_made_is_named(table: Path) -> None:
    Path("taken").touch()
    result = run(table, "--target", "z", "--inputs", "a", "--out", "taken/run")
    assert result.exit_code == 1
    assert "Cannot write the run folder taken/run" in result.stderr


def test_a_diverged_net_is_told_and_its_json_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,z\n" + "".join(f"{i},{i}e37\n" for i in range(20)))
    options = ("--target", "z", "--method", "linear", "--json", "--out", tmp_path / "run")
    result = run(path, *options)
    assert result.exit_code == 0

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


def test_help_shows_an_example() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "facesmith approximate --monkey-saddle --out runs/monkey-saddle" in result.stdout
