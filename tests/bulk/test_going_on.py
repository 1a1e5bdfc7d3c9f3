"""What a run knows again of an earlier one: its photos, its shards, its inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bulk_runs import job, rows
from facesmith.bulk import HereEngine, run_bulk
from facesmith.errors import BulkError
from facesmith.images import write_image
from spot_detector import spots


@pytest.fixture
def out(photos: Path, model: Path, tmp_path: Path) -> Path:
    """The result of a run."""
    run_bulk(job(photos, tmp_path / "out", model), HereEngine())
    return tmp_path / "out"


@pytest.mark.parametrize("kept", [0, 1, 10, 22])
def test_a_list_that_was_cut_is_noticed(kept: int, out: Path, photos: Path, model: Path) -> None:
    path = out / "listing.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:kept]))
    with pytest.raises(BulkError, match=r"listing\.jsonl is not as the run wrote it.* 23 photos"):
        run_bulk(job(photos, out, model), HereEngine())
    path.write_bytes(whole)
    assert run_bulk(job(photos, out, model), HereEngine()).n_before == 5


def test_a_list_with_other_photos_is_noticed(out: Path, photos: Path, model: Path) -> None:
    path = out / "listing.jsonl"
    path.write_bytes(path.read_bytes().replace(b"01.png", b"02.png"))
    with pytest.raises(BulkError, match=r"listing\.jsonl is not as the run wrote it"):
        run_bulk(job(photos, out, model), HereEngine())


def test_a_missing_list_is_made_again_from_the_same_photos(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    write_image(photos / "a.png", spots(64, 64))
    run_bulk(job(photos, out, model), HereEngine())
    listed = (out / "listing.jsonl").read_bytes()
    (out / "listing.jsonl").unlink()
    assert run_bulk(job(photos, out, model), HereEngine()).n_before == 1
    assert (out / "listing.jsonl").read_bytes() == listed
    (out / "listing.jsonl").unlink()
    write_image(photos / "b.png", spots(64, 64))
    with pytest.raises(BulkError, match="inputs hold other photos now"):
        run_bulk(job(photos, out, model), HereEngine())
    assert not (out / "listing.jsonl").exists()


def test_a_run_that_was_killed_while_it_listed_lists_again(
    out: Path, photos: Path, model: Path
) -> None:
    """Between the list and the note of it in the job's file, too."""
    for path in out.glob("part-*"):
        path.unlink()
    record = json.loads((out / "job.json").read_text())
    del record["listing"]
    (out / "job.json").write_text(json.dumps(record))
    (out / "listing.jsonl").write_bytes(b"")
    assert run_bulk(job(photos, out, model), HereEngine()).counts.photos == 23


def test_a_run_of_a_version_that_kept_no_note_of_its_list(
    out: Path, photos: Path, model: Path
) -> None:
    record = json.loads((out / "job.json").read_text())
    del record["listing"]
    (out / "job.json").write_text(json.dumps(record))
    with pytest.raises(BulkError, match="run of another version of facesmith"):
        run_bulk(job(photos, out, model), HereEngine())


@pytest.mark.parametrize("other", ["part-00000004.parquet", "part-00000003.parquet"])
def test_an_exchanged_shard_is_noticed(other: str, out: Path, photos: Path, model: Path) -> None:
    """The last has fewer photos, the one before it as many."""
    path = out / "part-00000001.parquet"
    path.write_bytes((out / other).read_bytes())
    with pytest.raises(BulkError, match=r"part-00000001\.parquet is of other photos or other set"):
        run_bulk(job(photos, out, model), HereEngine())
    path.unlink()
    assert run_bulk(job(photos, out, model), HereEngine()).n_before == 4


def test_a_shard_of_a_run_with_other_settings_is_noticed(
    out: Path, photos: Path, model: Path, tmp_path: Path
) -> None:
    run_bulk(job(photos, tmp_path / "other", model, min_score=0.5), HereEngine())
    name = "part-00000001.parquet"
    (out / name).write_bytes((tmp_path / "other" / name).read_bytes())
    (out / "part-00000002.parquet").unlink()
    with pytest.raises(BulkError, match=f"{name} is of other photos or other settings"):
        run_bulk(job(photos, out, model), HereEngine())
    assert not (out / "part-00000002.parquet").exists()  # it is said before the work


def test_a_damaged_shard_is_named(out: Path, photos: Path, model: Path) -> None:
    last = out / "part-00000004.parquet"
    last.write_bytes(last.read_bytes()[:-20])
    with pytest.raises(BulkError, match=r"part-00000004\.parquet is damaged.*Delete it"):
        run_bulk(job(photos, out, model), HereEngine())


@pytest.mark.parametrize("content", ["[]", "{", '{"inputs": 3}', '{"base": 1}'])
def test_a_damaged_job_file(content: str, out: Path, photos: Path, model: Path) -> None:
    (out / "job.json").write_text(content)
    with pytest.raises(BulkError, match=r"job\.json is damaged .*--force"):
        run_bulk(job(photos, out, model), HereEngine())


def test_photos_that_change_before_a_run_goes_on(model: Path, tmp_path: Path) -> None:
    """The list stays; what is looked at now is looked at as it is now."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(10):
        write_image(photos / f"{number}.png", spots(96, 96, (16, 16)))
    run_bulk(job(photos, out, model), HereEngine())
    first = rows(out)
    (out / "part-00000001.parquet").unlink()  # as after a kill
    for number in (0, 5, 6, 8, 9):
        (photos / f"{number}.png").unlink()
    (photos / "6.png").write_bytes(b"no image")
    write_image(photos / "7.png", spots(64, 96))
    (photos / "8.png").mkdir()
    (photos / "9.png").symlink_to("9.png")
    write_image(photos / "0a.png", spots(96, 96))
    counts = run_bulk(job(photos, out, model), HereEngine()).counts
    assert vars(counts) == {"photos": 10, "faces": 5, "without_face": 1, "errors": 4}
    found = rows(out)
    pd.testing.assert_frame_equal(found[:5], first[:5], check_dtype=False)
    assert found.path.tolist() == first.path.tolist()
    assert found[found.error.isna()].index.tolist() == [0, 1, 2, 3, 4, 7]
    assert (found.width[7], found.height[7]) == (64, 96)
    assert "5.png: no such file" in found.error[5]


@pytest.mark.parametrize(("shard_size", "n_shards"), [(1, 46), (45, 2), (46, 1), (2**32 - 1, 1)])
def test_shards_of_any_size_and_photos_given_twice(
    shard_size: int, n_shards: int, photos: Path, model: Path, tmp_path: Path
) -> None:
    given = (str(photos), f"{photos}/*.png")
    twice = job(photos, tmp_path / "out", model, inputs=given, shard_size=shard_size)
    result = run_bulk(twice, HereEngine())
    assert (result.n_shards, result.counts.photos) == (n_shards, 46)
    found = rows(tmp_path / "out")
    pd.testing.assert_frame_equal(
        found[: len(found) // 2], found[len(found) // 2 :].reset_index(drop=True)
    )
    assert run_bulk(twice, HereEngine()).n_before == n_shards


def test_inputs_are_the_same_however_they_are_written(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "p", tmp_path / "out"
    photos.mkdir()
    write_image(photos / "a.png", spots(64, 64))
    (tmp_path / "linked").symlink_to(photos)
    base = str(tmp_path)
    run_bulk(job(Path("p"), out, model, base=base), HereEngine())
    first = rows(out)
    written = (
        "./p",
        "p/",
        "p/.",
        "../" + tmp_path.name + "/p",
        str(photos),
        f"{photos}/",
        "linked",
    )
    for given in written:
        (out / "part-00000000.parquet").unlink()
        again = job(Path(), out, model, base=base, inputs=(given,))
        assert run_bulk(again, HereEngine()).n_before == 0
        pd.testing.assert_frame_equal(rows(out), first)  # with the paths as they were
    elsewhere = job(photos, out, model, base="/")
    assert run_bulk(elsewhere, HereEngine()).n_before == 1
    (tmp_path / "q").mkdir()
    for given, start in (("q", base), ("p", "/"), ("p/*", base), ("p/a.png", base)):
        with pytest.raises(BulkError, match="other settings: inputs was"):
            run_bulk(job(Path(), out, model, base=start, inputs=(given,)), HereEngine())


def test_paths_in_a_list_start_from_the_same_place(model: Path, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "a.png", spots(64, 64))
    (tmp_path / "list.txt").write_text("a.png\n")
    given, out = tmp_path / "list.txt", tmp_path / "out"
    run_bulk(job(given, out, model, base=str(tmp_path / "here")), HereEngine())
    with pytest.raises(BulkError, match="other settings: base was"):
        run_bulk(job(given, out, model, base=str(tmp_path / "there")), HereEngine())


def test_a_model_is_the_same_however_its_path_is_written(
    out: Path, photos: Path, model: Path
) -> None:
    written = model.parent / ".." / model.parent.name / model.name
    assert run_bulk(job(photos, out, written), HereEngine()).n_before == 5


def test_a_failed_list_leaves_nothing(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(BulkError, match="does not exist"):
        run_bulk(job(photos / "gone", out, model), HereEngine())
    assert not (tmp_path / "new").exists()
    out.mkdir(parents=True)
    with pytest.raises(BulkError, match="does not exist"):
        run_bulk(job(photos / "gone", out, model), HereEngine())
    assert not list(out.iterdir())
    assert run_bulk(job(photos, out, model), HereEngine()).counts.photos == 23
