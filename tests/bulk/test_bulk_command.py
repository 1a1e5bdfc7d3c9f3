"""The command: estimates, what it refuses, and what it says when it is stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulk_runs import N_PHOTOS, waits_for_parts
from facesmith.bulk import LocalEngine
from facesmith.cli import main
from facesmith.errors import UnfinishedError
from facesmith.images import write_image
from spot_detector import spots


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def all_files(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(("n", "sampled"), [(1, 1), (49, 49), (50, 50), (51, 50)])
def test_estimates_of_some_photos(n: int, sampled: int, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    write_image(folder / "00.png", spots(96, 96, (16, 16)))
    for number in range(1, n):
        shutil.copy(folder / "00.png", folder / f"{number:02d}.png")
    before = all_files(tmp_path)
    words = ["bulk", folder, "--out", tmp_path / "out", "--model", model, "--dry-run"]
    result = run(*words, "--workers", 2, "--price", "3", "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert (values["photos"], values["sampled"], values["faces_a_photo"]) == (n, sampled, 1)
    assert values["cost"] == pytest.approx(values["hours"] * 6)
    assert values["bytes_read"] == n * (folder / "00.png").stat().st_size
    assert all_files(tmp_path) == before


def test_an_estimate_of_damaged_photos(model: Path, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"x" * number)
    result = run("bulk", tmp_path, "--out", tmp_path / "out", "--model", model, "--dry-run")
    assert result.exit_code == 0
    assert "3 photos looked at: " in result.output
    assert "0 faces, 3 errors." in result.output


@pytest.mark.parametrize("force", [False, True])
def test_an_estimate_leaves_an_earlier_run(
    force: bool, photos: Path, model: Path, tmp_path: Path
) -> None:
    words = ["bulk", photos, "--out", tmp_path / "out", "--model", model, "--workers", 1]
    run(*words)
    before = all_files(tmp_path)
    assert run(*words, "--dry-run", *["--force"] * force).exit_code == 0
    assert all_files(tmp_path) == before


def test_an_estimate_of_an_empty_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = ["bulk", tmp_path / "empty", "--out", tmp_path / "out", "--model", model]
    for more in ([], ["--dry-run"]):
        result = run(*words, *more)
        assert result.exit_code == 1
        assert "No photo found in " in result.output
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("price", ["-1", "nan", "inf", "1e300", "x"])
def test_prices_that_are_none(price: str, photos: Path, tmp_path: Path) -> None:
    result = run("bulk", photos, "--out", tmp_path / "out", "--dry-run", "--price", price)
    assert result.exit_code == 2
    assert "Invalid value for '--price'" in result.output


def test_memory_is_not_for_other_processes(tmp_path: Path) -> None:
    result = run("bulk", "memory://photos", "--out", tmp_path / "out", "--engine", "dask")
    assert result.exit_code == 2
    assert "--engine dask: its processes do not see memory:// of this one" in result.output


@pytest.mark.parametrize(
    ("option", "way_on"),
    [
        ("--quiet", "The same command goes on where it stopped."),
        ("--force", "The same command without --force goes on where it stopped."),
    ],
)
def test_the_way_on_after_an_early_end(
    option: str, way_on: str, photos: Path, model: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    words = ["bulk", photos, "--out", tmp_path / "out", "--model", model, option]
    for error, said in (
        (KeyboardInterrupt(), "Stopped on request."),
        (UnfinishedError("No."), "No."),
    ):

        def fails(*_: object, error: BaseException = error) -> object:
            raise error

        monkeypatch.setattr(LocalEngine, "results", fails)
        assert f"{said} {way_on}\n" in run(*words).output


def test_an_estimate_that_is_stopped(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("facesmith.bulk.estimate_bulk", fails)
    result = run("bulk", photos, "--out", tmp_path / "out", "--model", model, "--dry-run")
    assert result.output == "Stopped on request. Nothing was written.\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_sigterm_leaves_what_is_done_and_says_so(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["bulk", *[photos] * 20, "--out", out, "--model", model, "--workers", 1]
    command = [sys.executable, "-m", "facesmith", *map(str, words), "--shard-size", "1", "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        waits_for_parts(out, 2, process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert said == "Stopped on request. The same command goes on where it stopped.\n"
    assert process.returncode == 130
    assert 2 <= len(list(out.glob("part-*.parquet"))) < 20 * N_PHOTOS
    assert not (out / "manifest.json").exists()
