"""Data sets are fetched whole, checked again, and taken by other commands as they are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.errors import FetchError, WriteError
from facesmith.fetching import DATA_SETS, DataSet, FetchConfig, fetch, find_public_set
from facesmith.fetching.download import DownloadConfig
from facesmith.files import OutputFolder
from fault_server import Faults, served
from public_sets import fddb_tree, packed, wider_tree

PATIENT = DownloadConfig(tries=3, wait=0.01, read_timeout=5)


@pytest.fixture
def fddb(tmp_path: Path) -> tuple[DataSet, Path]:
    tree = fddb_tree(tmp_path / "fddb-tree")
    return packed(DATA_SETS["fddb"], tree, tmp_path / "mirror"), tmp_path / "mirror"


@pytest.fixture
def wider(tmp_path: Path) -> tuple[DataSet, Path]:
    tree = wider_tree(tmp_path / "wider-tree")
    return packed(DATA_SETS["wider"], tree, tmp_path / "mirror"), tmp_path / "mirror"


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("mirror_is_folder", [True, False])
def test_an_archive_that_was_there_stays(
    mirror_is_folder: bool, fddb: tuple[DataSet, Path], tmp_path: Path
) -> None:
    data_set, mirror = fddb
    archives = content_of(mirror)
    config = FetchConfig(mirror=str(mirror))
    to = mirror
    if not mirror_is_folder:  # fetched by hand: no address is asked
        to = tmp_path / "data"
        shutil.copytree(mirror, to)
        config = FetchConfig(mirror="http://127.0.0.1:9", download=PATIENT)
    done = fetch(data_set, to, config)
    assert [each.how for each in done.archives] == ["fetched", "fetched"]
    assert {name: (to / name).read_bytes() for name in archives} == archives


def test_fetched_from_an_address_then_only_checked(
    fddb: tuple[DataSet, Path], tmp_path: Path
) -> None:
    data_set, mirror = fddb
    files = {path.name: path.read_bytes() for path in mirror.iterdir()}
    to = tmp_path / "data" / "fddb"
    with served(Faults(files, cut_after=[16_384])) as faults:
        config = FetchConfig(mirror=faults.url, download=PATIENT)
        done = fetch(data_set, to, config)
        n_asked = len(faults.asked)
        assert faults.asked[1] == "bytes=16384-"
        assert [(each.how, each.n_files, each.checked) for each in done.archives] == [
            ("fetched", 20, True), ("fetched", 20, True),
        ]  # fmt: skip
        again = fetch(data_set, to, config)
        assert [each.how for each in again.archives] == ["verified", "verified"]
        assert len(faults.asked) == n_asked
    tree = content_of(tmp_path / "fddb-tree")
    assert {n: c for n, c in content_of(to).items() if "/" in n} == tree
    assert sorted(p.name for p in to.iterdir()) == [
        ".facesmith", "FDDB-folds", "FDDB-folds.sha256", "fetched.json", "originalPics",
        "originalPics.sha256",
    ]  # fmt: skip
    for line in (to / "originalPics.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((to / name).read_bytes()).hexdigest() == digest


def test_a_changed_or_missing_file_is_named(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = fddb
    to = tmp_path / "data"
    fetch(data_set, to, FetchConfig(mirror=str(mirror)))
    photo = to / "originalPics/2002/01/03/big/img_3.jpg"
    content = photo.read_bytes()
    photo.write_bytes(content[:-1] + b"x")
    with pytest.raises(FetchError, match=r"img_3\.jpg is missing or was changed\. Delete"):
        fetch(data_set, to, FetchConfig(mirror=str(mirror)))
    shutil.rmtree(to / "originalPics")
    done = fetch(data_set, to, FetchConfig(mirror=str(mirror)))
    assert [each.how for each in done.archives] == ["fetched", "verified"]
    assert photo.read_bytes() == content


def test_a_wrong_sum_leaves_nothing(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = fddb
    files = {path.name: path.read_bytes() for path in mirror.iterdir()}
    damaged = bytearray(files["originalPics.tar.gz"])
    damaged[len(damaged) // 2] ^= 1
    files["originalPics.tar.gz"] = bytes(damaged)
    to = tmp_path / "data"
    with served(Faults(files)) as faults:
        config = FetchConfig(mirror=faults.url, download=PATIENT)
        with pytest.raises(FetchError, match="it has not the checksum sha256:"):
            fetch(data_set, to, config)
        assert not to.exists() or list(to.iterdir()) == []
        # The user knows a newer archive.
        other = hashlib.sha256(files["originalPics.tar.gz"]).hexdigest()
        with pytest.raises(FetchError, match=r"is damaged|has another size"):
            fetch(data_set, to, dataclasses.replace(config, sums={"originalPics.tar.gz": other}))
        assert not (to / "originalPics").exists()


def test_the_next_address_is_tried(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = fddb
    name = "FDDB-folds.tgz"
    with served(Faults({f"second/{name}": (mirror / name).read_bytes()})) as faults:
        archives = tuple(
            dataclasses.replace(each, urls=tuple(f"{faults.url}/{n}/{each.name}" for n in places))
            for each in data_set.archives
            for places in [("first", "second")]
        )
        done = fetch(
            dataclasses.replace(data_set, archives=archives),
            tmp_path / "data",
            FetchConfig(parts=("annotations",), download=PATIENT),
        )
    assert done.archives[0].source == f"{faults.url}/second/{name}"


def test_without_a_known_sum_it_is_recorded(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    _, mirror = fddb
    data_set = packed(DATA_SETS["fddb"], tmp_path / "fddb-tree", mirror, sums=False)
    done = fetch(data_set, tmp_path / "data", FetchConfig(mirror=str(mirror)))
    record = json.loads((tmp_path / "data" / "fetched.json").read_text())["archives"]
    for each in done.archives:
        assert not each.checked
        expected = hashlib.sha256((mirror / each.name).read_bytes()).hexdigest()
        assert record[each.name]["sha256"] == each.sha256 == expected
        assert record[each.name]["compared_with"] == ""


def test_what_somebody_unpacked_is_counted_and_adopted(
    fddb: tuple[DataSet, Path], tmp_path: Path
) -> None:
    data_set, _ = fddb
    tree = tmp_path / "fddb-tree"
    done = fetch(data_set, tree)  # without any address: nothing is fetched
    assert [each.how for each in done.archives] == ["adopted", "adopted"]
    assert [each.how for each in fetch(data_set, tree).archives] == ["verified", "verified"]
    (tree / "originalPics.sha256").unlink()
    (tree / "originalPics/2002/01/03/big/img_3.jpg").unlink()
    with pytest.raises(FetchError, match=r"expected 20 files \*\*/\*\.jpg in originalPics, found"):
        fetch(data_set, tree)


def test_photos_that_the_folds_name_must_be_there(
    fddb: tuple[DataSet, Path], tmp_path: Path
) -> None:
    data_set, _ = fddb
    photo = tmp_path / "fddb-tree/originalPics/2002/01/03/big/img_3.jpg"
    photo.rename(photo.with_name("img_300.jpg"))
    with pytest.raises(FetchError, match=r"img_3\.jpg is missing, and FDDB-fold-03\.txt names it"):
        fetch(data_set, tmp_path / "fddb-tree")


def test_an_archive_that_is_refused_leaves_nothing(
    fddb: tuple[DataSet, Path], tmp_path: Path
) -> None:
    data_set, mirror = fddb
    archives = tuple(dataclasses.replace(a, max_unpacked=100) for a in data_set.archives)
    with pytest.raises(FetchError, match="unpacks to more than"):
        fetch(
            dataclasses.replace(data_set, archives=archives), tmp_path / "data",
            FetchConfig(mirror=str(mirror)),
        )  # fmt: skip
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_two_at_once(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = fddb
    to = tmp_path / "data"
    with OutputFolder(to, "data set").lock(), pytest.raises(WriteError, match="being written by"):
        fetch(data_set, to, FetchConfig(mirror=str(mirror)))


def test_what_a_kill_left_is_removed(fddb: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = fddb
    left = tmp_path / "data" / ".originalPics.0123abcd.tmp"
    (left / "2002").mkdir(parents=True)
    fetch(data_set, tmp_path / "data", FetchConfig(mirror=str(mirror)))
    assert not left.exists()


def test_the_table() -> None:
    for data_set in DATA_SETS.values():
        for archive in data_set.archives:
            assert all(url.startswith(("http://", "https://")) for url in archive.urls)
            assert all(url.endswith(f"/{archive.name}") for url in archive.urls)
            assert bool(archive.sum) == bool(archive.sum_source)
            kind, _, digits = archive.sum.partition(":")
            assert len(digits) == {"": 0, "md5": 32, "sha1": 40, "sha256": 64}[kind]


def made_for_commands(
    name: str, data_set: DataSet, mirror: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setitem(DATA_SETS, name, data_set)
    result = run("fetch", name, "--to", to, "--mirror", mirror, "--quiet")
    assert result.exit_code == 0, result.output
    assert f"licence   {data_set.licence}" in result.output
    assert f"citation  {data_set.citation}" in result.output
    return to


def test_commands_take_fddb_as_it_is(
    fddb: tuple[DataSet, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = made_for_commands("fddb", *fddb, tmp_path / "data", monkeypatch)
    result = run("prepare", to, "--out", tmp_path / "p.npz", "--count", 8, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["read"] == {"photos": 20, "faces": 20, "face_free_photos": 0}
    result = run("benchmark", "fddb", "--folds", to, "--out", tmp_path / "o", "--json", "--quiet")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n_faces"] == 20
    few = packed_few(to, tmp_path / "few")
    result = run("train", few, "--out", tmp_path / "run", "--quick")
    assert "2 photos with 2 faces" in result.output  # read; too few to learn from
    assert result.exit_code == 1


def packed_few(full: Path, to: Path) -> Path:
    """The first fold alone."""
    shutil.copytree(full, to)
    for path in (to / "FDDB-folds").glob("*"):
        if "-01" not in path.name:
            path.unlink()
    return to


def test_commands_take_wider_as_it_is(
    wider: tuple[DataSet, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = made_for_commands("wider", *wider, tmp_path / "data", monkeypatch)
    result = run("prepare", to, "--out", tmp_path / "p.npz", "--count", 4, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["read"] == {"photos": 2, "faces": 2, "face_free_photos": 0}
    result = run("benchmark", "wider", "--ground-truth", to, "--out", tmp_path / "o", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["faces"] == {"easy": 2, "medium": 2, "hard": 2}
    again = run("fetch", "wider", "--to", to, "--json")
    assert [each["how"] for each in json.loads(again.stdout)["archives"]] == ["verified"] * 4


def test_only_a_part(wider: tuple[DataSet, Path], tmp_path: Path) -> None:
    data_set, mirror = wider
    to = tmp_path / "data"
    fetch(data_set, to, FetchConfig(parts=("evaluation",), mirror=str(mirror)))
    assert [path.name for path in to.iterdir() if path.is_dir()] == ["eval_tools"]
    assert find_public_set(to) is not None
    with pytest.raises(FetchError, match="wider has no part 'test'"):
        fetch(data_set, to, FetchConfig(parts=("test",)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sha256", "x"], "expected NAME=SUM"),
        (["--sha256", "x=1"], "has no archive 'x'"),
        (["--sha256", "FDDB-folds.tgz=12"], "must be 64 hexadecimal digits"),
        (["--mirror", "nowhere"], "nowhere does not exist; expected an address or a folder"),
        (["--part", "x"], "has no part 'x'"),
    ],
)
def test_mistakes(words: list[str], message: str, tmp_path: Path) -> None:
    result = run("fetch", "fddb", "--to", tmp_path / "data", *words)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert not (tmp_path / "data").exists(), result.output
