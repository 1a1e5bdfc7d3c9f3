"""Bulk runs: every photo once, whatever ends in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from bulk_runs import N_PHOTOS, job, rows, waits_for_parts
from facesmith.bulk import SCHEMA, SHARD_SIZE, BulkJob, HereEngine, estimate_bulk, run_bulk
from facesmith.bulk.engines import Died
from facesmith.cli import bulk as command
from facesmith.cli import main
from facesmith.detection.opening import open_detector
from facesmith.errors import BulkError
from facesmith.images import write_image
from spot_detector import spots


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_rows_are_what_the_detector_finds(photos: Path, model: Path, tmp_path: Path) -> None:
    result = run_bulk(job(photos, tmp_path / "out", model), HereEngine())
    assert vars(result.counts) == {"photos": 23, "faces": 20, "without_face": 8, "errors": 1}
    assert (result.n_shards, result.n_before) == (5, 0)
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    assert [path.name for path in parts] == [f"part-{n:08d}.parquet" for n in range(5)]
    assert pq.read_schema(parts[0]).remove_metadata() == SCHEMA
    found = rows(tmp_path / "out")
    detector = open_detector(model)
    for number in range(N_PHOTOS):
        path = photos / f"{number:02d}.png"
        mine = found[found.path == str(path)]
        assert set(mine["size"]) == {path.stat().st_size}
        if number == 5:
            assert mine.error.item().startswith(str(path))
            assert mine.box.item() is None
            continue
        assert mine.error.isna().all()
        assert set(mine.width) == {320}
        assert set(mine.height) == {96}
        faces = detector(spots(320, 96, *[(16 + 8 * number, 16), (16, 72)][: number % 3]))
        if not len(faces):
            assert len(mine) == 1
            assert mine.box.item() is None
            continue
        assert [list(box) for box in mine.box] == faces.boxes.tolist()
        assert mine.score.tolist() == pytest.approx(faces.scores.tolist())
        assert mine.landmarks.isna().all()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8_have_rows(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"a\xff.png", b"b\xff.png"):
        (folder / os.fsdecode(name)).write_bytes(b"no image")
    run_bulk(job(folder, tmp_path / "out", model), HereEngine())
    found = rows(tmp_path / "out")
    assert [path[-9:] for path in sorted(found.path)] == [r"/a\xff.png"[-9:], r"/b\xff.png"[-9:]]
    assert all(r"\xff.png" in error for error in found.error)


def test_the_manifest(photos: Path, model: Path, tmp_path: Path) -> None:
    run_bulk(job(photos, tmp_path / "out", model), HereEngine())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"] == {"photos": 23, "faces": 20, "without_face": 8, "errors": 1}
    assert manifest["shards"] == 5
    assert manifest["settings"]["shard_size"] == 5
    assert list(manifest["weights"]) == ["detector.onnx"]
    assert [each["engine"] for each in manifest["runs"]] == ["this process"]


def test_nothing_is_looked_at_twice(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_bulk(job(photos, out, model), HereEngine())
    whole = rows(out)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (out / "part-00000002.parquet").unlink()
    (out / ".part-00000003.parquet.0123abcd.tmp").touch()  # of a kill
    result = run_bulk(job(photos, out, model), HereEngine())
    assert (result.n_shards, result.n_before) == (5, 4)
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert {name for name in after if after[name] != before[name]} == {"part-00000002.parquet"}
    pd.testing.assert_frame_equal(rows(out), whole)
    assert not list(out.glob(".*.tmp"))
    again = run_bulk(job(photos, out, model), HereEngine())
    assert again.n_before == 5
    assert again.counts == result.counts


def test_new_photos_do_not_change_a_run_that_began(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    write_image(folder / "b.png", spots(64, 64))
    run_bulk(job(folder, tmp_path / "out", model), HereEngine())
    write_image(folder / "a.png", spots(64, 64))
    result = run_bulk(job(folder, tmp_path / "out", model), HereEngine())
    assert result.counts.photos == 1


def test_other_settings_are_refused(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_bulk(job(photos, out, model), HereEngine())
    with pytest.raises(BulkError, match=r"other settings: min_score was null, now it is 0\.5"):
        run_bulk(job(photos, out, model, min_score=0.5), HereEngine())
    exchanged = replace(job(photos, out, model), weights=(("detector.onnx", "0" * 64),))
    with pytest.raises(BulkError, match="other settings: weights was"):
        run_bulk(exchanged, HereEngine())
    with pytest.raises(BulkError, match=r"weights .* on this machine are others"):
        run_bulk(replace(exchanged, out=str(tmp_path / "other")), HereEngine())
    result = run_bulk(job(photos, out, model, shard_size=10), HereEngine(), force=True)
    assert (result.n_shards, result.n_before) == (3, 0)
    assert len(list(out.glob("part-*"))) == 3


@pytest.mark.parametrize("content", ["[1]", '{"runs": 3}', "{"])
def test_a_damaged_manifest_is_written_anew(
    content: str, photos: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_bulk(job(photos, out, model), HereEngine())
    (out / "manifest.json").write_text(content)
    run_bulk(job(photos, out, model), HereEngine())
    assert len(json.loads((out / "manifest.json").read_text())["runs"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of other bytes are Linux's")
def test_an_output_whose_name_is_not_utf_8(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / os.fsdecode(b"\xff")
    assert run_bulk(job(photos, out, model), HereEngine()).counts.photos == 23


def test_a_damaged_list_is_what_the_message_names(model: Path, tmp_path: Path) -> None:
    """Not the file of the result that was being written."""
    (tmp_path / "list.parquet").write_bytes(b"PAR1 or what is left of it")
    with pytest.raises(BulkError, match=r"list\.parquet is no Parquet file"):
        run_bulk(job(tmp_path / "list.parquet", tmp_path / "out", model), HereEngine())


def test_an_estimate_writes_nothing(photos: Path, model: Path, tmp_path: Path) -> None:
    estimate = estimate_bulk(job(photos, tmp_path / "out", model), sample=10)
    assert (estimate.n_photos, estimate.n_sampled) == (23, 10)
    assert estimate.counts.photos == 10
    assert estimate.hours(2) == pytest.approx(23 * estimate.seconds_a_photo / 7200)
    assert not (tmp_path / "out").exists()
    everything = estimate_bulk(job(photos, tmp_path / "out", model), sample=100)
    assert everything.counts.faces == 20
    sizes = [path.stat().st_size for path in photos.iterdir()]
    assert everything.bytes_read == pytest.approx(sum(sizes))


def test_the_command(photos: Path, model: Path, tmp_path: Path) -> None:
    words = [
        "bulk", photos, "--out", tmp_path / "out", "--model", model, "--workers", 2,
        "--shard-size", 5,
    ]  # fmt: skip
    result = run(*words, "--json")
    assert result.exit_code == 1, result.output  # a photo has an error
    assert json.loads(result.stdout)["faces"] == 20
    run_bulk(job(photos, tmp_path / "here", model), HereEngine())
    pd.testing.assert_frame_equal(rows(tmp_path / "out"), rows(tmp_path / "here"))
    again = run(*words)
    assert "20 faces in 23 photos; 8 without a face, 1 error." in again.output
    assert "5 shards, 0 new, 5 there before" in again.output
    estimate = run(*words, "--dry-run", "--price", 2)
    assert "23 photos" in estimate.output
    assert "at 2 a worker's hour" in estimate.output
    assert command._SHARD_SIZE == SHARD_SIZE


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scheduler", "tcp://x:1"], "--scheduler goes with --engine dask"),
        (["--price", "1"], "--price goes with --dry-run"),
        (["--out", "s3://bucket/faces"], "s3://bucket/faces is an address; expected a place on"),
    ],
)
def test_mistakes(words: list[str], message: str, photos: Path, tmp_path: Path) -> None:
    result = run("bulk", photos, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert message in result.output


def started(words: list[object], errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "facesmith", *map(str, words)],
            stdout=subprocess.DEVNULL, stderr=file,
        )  # fmt: skip


def worker_of(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """A process below this one that looks at photos."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        workers = [each for each in below if "spawn_main" in " ".join(each.cmdline())]
    except psutil.Error:
        return None
    return workers[-1] if workers else None


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "dask"])
def test_kills_change_nothing(engine: str, tmp_path: Path) -> None:
    """Workers are killed three times, and the command itself twice."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(90):
        spot = (16 + 8 * (number % 60), 16)
        write_image(folder / f"{number:03d}.png", spots(640, 480, spot, (200, 200)))
    whole = BulkJob((str(folder),), "/", str(tmp_path / "whole"), 6).with_weights()
    undisturbed = run_bulk(whole, HereEngine())
    out, errors = tmp_path / "out", tmp_path / "errors"
    words = [
        "bulk", folder, "--out", out, "--engine", engine, "--workers", 2, "--shard-size", 6,
        "--quiet",
    ]  # fmt: skip
    for n_parts, killed in ((1, "worker"), (3, "client"), (5, "worker"), (7, "client")):
        process = started(words, errors)
        waits_for_parts(out, n_parts, process)
        if killed == "worker" and (worker := worker_of(process)) is not None:
            worker.kill()
            waits_for_parts(out, n_parts + 1, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = started(words, errors)
    waits_for_parts(out, 9, process)
    if (worker := worker_of(process)) is not None:
        worker.kill()
    assert process.wait(120) == 0, errors.read_text()
    pd.testing.assert_frame_equal(rows(out), rows(tmp_path / "whole"))
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts == vars(undisturbed.counts)
    names = sorted(path.name for path in out.iterdir() if path.name != ".facesmith")
    assert names == sorted(
        [f"part-{n:08d}.parquet" for n in range(15)]
        + ["job.json", "listing.jsonl", "manifest.json"]
    )


def test_photos_that_end_workers_cost_only_themselves(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    """As an engine reports it whose workers ended at the shard, then at one of its photos."""

    class Deadly:
        def results(self, function: Any, job: Any, tasks: Any) -> Any:
            for task in tasks:
                harmful = "07.png" in (task if isinstance(task, str) else "".join(task.lines))
                yield task, Died("killed by SIGSEGV") if harmful else function(job, task)

        def describe(self) -> str:
            return "deadly"

    result = run_bulk(job(photos, tmp_path / "out", model), Deadly())
    assert vars(result.counts) == {"photos": 23, "faces": 19, "without_face": 8, "errors": 2}
    run_bulk(job(photos, tmp_path / "whole", model), HereEngine())
    found, whole = rows(tmp_path / "out"), rows(tmp_path / "whole")
    lost = found[found.path.str.endswith("07.png")]
    assert "each process that looked at it ended (killed by SIGSEGV)" in lost.error.item()
    others = [each[~each.path.str.endswith("07.png")] for each in (found, whole)]
    pd.testing.assert_frame_equal(
        *(each.reset_index(drop=True) for each in others), check_dtype=False
    )


def test_photos_beside_a_harmful_one_are_looked_at_alone(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    """As Dask does, the engine gives up what waited behind a task that ended its worker."""

    class Company:
        def results(self, function: Any, job: Any, tasks: Any) -> Any:
            listed = list(tasks)
            for task in listed:
                shown = task if isinstance(task, str) else "".join(task.lines)
                blamed = "07.png" in shown or ("08.png" in shown and len(listed) > 1)
                yield task, Died("killed by SIGSEGV") if blamed else function(job, task)

        def describe(self) -> str:
            return "company"

    run_bulk(job(photos, tmp_path / "out", model), Company())
    found = rows(tmp_path / "out")
    assert found[found.error.notna()].path.str[-6:].tolist() == ["05.png", "07.png"]


def test_ctrl_c_leaves_what_is_done(photos: Path, model: Path, tmp_path: Path) -> None:
    out, errors = tmp_path / "out", tmp_path / "errors"
    words = ["bulk", photos, "--out", out, "--model", model, "--workers", 1, "--shard-size", 1]
    process = started([*words], errors)
    waits_for_parts(out, 1, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) in (130, 1)
    if process.returncode == 130:
        assert "The same command goes on where it stopped." in errors.read_text()
    assert run(*words).exit_code == 1  # the photo with an error
    assert len(list(out.glob("part-*.parquet"))) == N_PHOTOS
    assert (out / "manifest.json").is_file()
