"""Folders that hold something already: what is the user's stays, what is ours goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pooch
import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.errors import FacesmithError, FetchError, WriteError
from facesmith.fetching import DATA_SETS, DataSet, FetchConfig, fetch, one_archive
from facesmith.fetching.download import DownloadConfig
from facesmith.files import OutputFolder
from fault_server import Faults, served
from public_sets import fddb_tree, packed

PATIENT = DownloadConfig(tries=2, wait=0.01, read_timeout=5)
NOBODY = "http://127.0.0.1:9"  # whoever asks it fails


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataSet, Path]:
    folder = tmp_path_factory.mktemp("made")
    data_set = packed(DATA_SETS["fddb"], fddb_tree(folder / "tree"), folder / "mirror")
    return data_set, folder


@pytest.fixture
def data_set(made: tuple[DataSet, Path]) -> DataSet:
    return made[0]


@pytest.fixture
def mirror(made: tuple[DataSet, Path]) -> FetchConfig:
    return FetchConfig(mirror=str(made[1] / "mirror"), download=PATIENT)


@pytest.fixture
def tree(made: tuple[DataSet, Path], tmp_path: Path) -> Path:
    shutil.copytree(made[1] / "tree", tmp_path / "data")
    return tmp_path / "data"


def how(data_set: DataSet, folder: Path, config: FetchConfig) -> list[str]:
    return [each.how for each in fetch(data_set, folder, config).archives]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("name", ["originalPics.sha256", "fetched.json", "FDDB-folds.sha256"])
@pytest.mark.parametrize(
    "content", [b"mine", b"", b"{}", b'{"archives": {}}', b"[" * 100_000, b"\xff\xfe"]
)
def test_lists_and_records_of_others_stay(
    name: str, content: bytes, tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / "data"
    to.mkdir()
    (to / name).write_bytes(content)
    with pytest.raises(WriteError, match=f"{name} exists, and facesmith did not write it"):
        fetch(data_set, to, mirror)
    assert (to / name).read_bytes() == content
    assert [path.name for path in to.iterdir()] == [name]  # nothing was fetched


@pytest.mark.parametrize("name", ["originalPics.sha256", "fetched.json"])
def test_lists_of_others_beside_unpacked_files_stay(
    name: str, tree: Path, data_set: DataSet
) -> None:
    (tree / name).write_bytes(b"mine")
    with pytest.raises(WriteError, match="facesmith did not write it"):
        fetch(data_set, tree, FetchConfig(mirror=NOBODY, download=PATIENT))
    assert (tree / name).read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
@pytest.mark.parametrize("name", ["originalPics.sha256", "fetched.json"])
def test_no_files_where_records_belong(
    kind: str, name: str, tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to, own = tmp_path / "data", tmp_path / "own"
    to.mkdir()
    own.write_bytes(b"mine")
    make = {"pipe": os.mkfifo, "link": lambda path: path.symlink_to(own), "folder": Path.mkdir}
    make[kind](to / name)  # type: ignore[operator]
    with pytest.raises(WriteError, match="facesmith did not write it"):
        fetch(data_set, to, mirror)
    assert own.read_bytes() == b"mine"


class _Killed(BaseException):
    """What ends a run anywhere."""


@pytest.mark.parametrize(
    ("place", "nth"),
    [("write_bytes", 1), ("write_bytes", 2), ("unpack", 1), ("unpack", 2), ("checksum", 1),
     ("make_folder", 2), ("open_folder", 1)],
)  # fmt: skip
@pytest.mark.parametrize("after", [True, False])
def test_a_run_that_was_killed_goes_on(
    place: str,
    nth: int,
    after: bool,
    tmp_path: Path,
    data_set: DataSet,
    made: tuple[DataSet, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {path.name: path.read_bytes() for path in (made[1] / "mirror").iterdir()}
    real, calls = getattr(one_archive, place), []

    def killed(*words: Any) -> Any:
        calls.append(place)
        if len(calls) != nth:
            return real(*words)
        if after:
            real(*words)
        raise _Killed

    to = tmp_path / "data"
    with served(Faults(files)) as faults:
        config = FetchConfig(mirror=faults.url, download=PATIENT)
        with monkeypatch.context() as patch:
            patch.setattr(one_archive, place, killed)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a kill tidies nothing
            with pytest.raises(_Killed):
                fetch(data_set, to, config)
        assert how(data_set, to, config)[-1] == "fetched"
        assert len(faults.asked) == 2  # no archive twice
        assert how(data_set, to, config) == ["verified", "verified"]
    assert not list(to.glob(".*.tmp"))
    assert not list(to.glob("*gz*"))  # the archive of a killed run is ours


def test_a_kill_while_the_sum_is_compared_loses_nothing(
    tmp_path: Path,
    data_set: DataSet,
    made: tuple[DataSet, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {path.name: path.read_bytes() for path in (made[1] / "mirror").iterdir()}

    def killed(*_: object, **__: object) -> None:
        raise _Killed

    to, first = tmp_path / "data", data_set.archives[0].name
    with served(Faults(files)) as faults:
        config = FetchConfig(mirror=faults.url, download=PATIENT)
        with monkeypatch.context() as patch:
            patch.setattr(pooch.core, "hash_matches", killed)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(_Killed):
                fetch(data_set, to, config)
        assert (to / f"{first}.part").read_bytes() == files[first]
        assert list(to.glob(".*.tmp"))
        assert how(data_set, to, config) == ["fetched", "fetched"]
    assert not list(to.glob(".*.tmp"))
    assert not list(to.glob("*gz*"))


def test_a_kill_before_the_record_leaves_files_that_are_taken(
    tmp_path: Path, data_set: DataSet, mirror: FetchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(one_archive.OneArchive, "entry", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fetch(data_set, to, mirror)
    assert (to / "originalPics.sha256").is_file()
    assert not (to / "fetched.json").exists()
    assert how(data_set, to, mirror) == ["adopted", "fetched"]
    assert how(data_set, to, mirror) == ["verified", "verified"]


@pytest.mark.parametrize(
    "change",
    [lambda _: "", lambda text: text[: len(text) // 2], lambda text: text.split("\n", 1)[1],
     lambda text: text.replace("a", "x"), lambda text: text.replace("originalPics/", "../x/"),
     lambda text: "".join(f"  {line[66:]}\n" for line in text.splitlines())],
)  # fmt: skip
def test_a_damaged_list_verifies_nothing(
    change: Any, tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / "data"
    fetch(data_set, to, mirror)
    listed = to / "originalPics.sha256"
    whole = listed.read_text()
    listed.write_text(change(whole))
    with pytest.raises(FetchError, match=r"originalPics\.sha256 is damaged.* Delete it"):
        fetch(data_set, to, mirror)
    listed.unlink()  # the way out
    assert how(data_set, to, mirror) == ["adopted", "verified"]
    assert listed.read_text() == whole


def test_a_record_that_was_damaged_is_written_anew(
    tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / "data"
    for content in (b"", b"{", b"[1]", b'{"facesmith": 1, "archives": {"originalPics.tar.gz": 3}}'):
        fetch(data_set, to, mirror)
        (to / "fetched.json").write_bytes(content)
        assert how(data_set, to, mirror) == ["adopted", "adopted"]


def test_a_folder_of_a_version_without_marks_goes_on(
    tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / "data"
    fetch(data_set, to, mirror)
    (to / ".facesmith").unlink()
    assert how(data_set, to, mirror) == ["verified", "verified"]
    shutil.rmtree(to / "originalPics")
    assert how(data_set, to, mirror) == ["fetched", "verified"]


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.png", b"two\nlines", b"back\\slash", "sep\u2028.x".encode(), b"a  b", b"\r"]
)
def test_any_name_in_an_adopted_folder(name: bytes, tree: Path, data_set: DataSet) -> None:
    path = tree / "originalPics" / os.fsdecode(name)
    path.write_bytes(b"1")
    config = FetchConfig(mirror=NOBODY, download=PATIENT)
    assert how(data_set, tree, config) == ["adopted", "adopted"]
    assert how(data_set, tree, config) == ["verified", "verified"]
    path.write_bytes(b"2")
    with pytest.raises(FetchError, match="was changed"):
        fetch(data_set, tree, config)


@pytest.mark.parametrize("kind", ["file", "broken link", "link to an empty folder", "archive"])
def test_what_is_in_the_way_is_said_before_the_download(
    kind: str, tmp_path: Path, data_set: DataSet
) -> None:
    to = tmp_path / "data"
    (tmp_path / "empty").mkdir()
    to.mkdir()
    target = to / "FDDB-folds"  # the second archive: the first is not fetched either
    match kind:
        case "file":
            target.write_bytes(b"mine")
        case "broken link":
            target.symlink_to("nowhere")
        case "link to an empty folder":
            target.symlink_to(tmp_path / "empty")
        case "archive":
            (to / "FDDB-folds.tgz").mkdir()
    with served(Faults({})) as faults:
        with pytest.raises(WriteError, match="Move it, or choose another folder"):
            fetch(data_set, to, FetchConfig(mirror=faults.url, download=PATIENT))
        assert faults.asked == []


def test_a_link_to_a_full_folder_is_taken(tree: Path, data_set: DataSet) -> None:
    (tree / "originalPics").rename(tree.parent / "elsewhere")
    (tree / "originalPics").symlink_to(tree.parent / "elsewhere")
    assert how(data_set, tree, FetchConfig(mirror=NOBODY)) == ["adopted", "adopted"]


def test_temporary_files_of_others_stay(
    tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / "data"
    others = [to / "run" / ".weights.pt.0123abcd.tmp", to / ".notes.0123abcd.tmp"]
    for path in others:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"mine")
    fetch(data_set, to, mirror)
    assert all(path.read_bytes() == b"mine" for path in others)


def test_an_archive_that_is_none_is_fetched_again(
    tmp_path: Path, made: tuple[DataSet, Path]
) -> None:
    _, folder = made
    data_set = packed(DATA_SETS["fddb"], folder / "tree", tmp_path / "mirror", sums=False)
    name, to = "originalPics.tar.gz", tmp_path / "data"
    files = {path.name: path.read_bytes() for path in (tmp_path / "mirror").iterdir()}
    size = len(files[name])
    with served(Faults(files | {name: b"x" * size})) as faults:
        config = FetchConfig(mirror=faults.url, download=PATIENT)
        with pytest.raises(FetchError, match="neither a"):
            fetch(data_set, to, config)
        assert not (to / name).exists()
        to.mkdir(exist_ok=True)
        (to / name).write_bytes(b"x" * size)  # fetched by hand
        with pytest.raises(FetchError, match=rf"Delete .*{name} to have it fetched again"):
            fetch(data_set, to, config)
        (to / name).unlink()
        faults.files = files
        assert how(data_set, to, config) == ["fetched", "fetched"]


def test_no_password_is_written_or_shown(
    tmp_path: Path, made: tuple[DataSet, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set, folder = made
    monkeypatch.setitem(DATA_SETS, "fddb", data_set)
    files = {path.name: path.read_bytes() for path in (folder / "mirror").iterdir()}
    to = tmp_path / "data"
    with served(Faults(files)) as faults:
        mirror = faults.url.replace("://", "://me:hush@")
        monkeypatch.setattr("sys.argv", ["facesmith", "fetch", "--mirror", mirror])
        result = run("fetch", "fddb", "--to", to, "--mirror", mirror)
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    for path in to.rglob("*"):
        assert not path.is_file() or b"hush" not in path.read_bytes(), path
    assert faults.url in (to / "fetched.json").read_text()
    for bad in ("ftp://me:hush@h", "http://me:hush@", "http://me:hush@h/?x", "http://me:hush@h:x/"):
        result = run("fetch", "fddb", "--to", tmp_path / "new", "--mirror", bad)
        assert result.exit_code in (1, 2)
        assert "hush" not in result.output
        assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mirror", ""], "it is empty"),
        (["--mirror", " "], "it is empty"),
        (["--mirror", __file__], "is no folder; expected an address or a folder"),
        (["--mirror", "ftp://host/x"], "expected http://, https:// or a folder"),
        (["--mirror", " http://host"], "expected http://, https:// or a folder"),
        (["--mirror", "http://host/x?key=1"], "expected an address without ? and #"),
        (["--mirror", "http://"], "no address of http or https"),
        (["--mirror", "http://h:0x/"], "no address of http or https"),
        (["--mirror", "a\x00b"], "does not exist"),
        (["--timeout", "1e10"], "not in the range"),
        (["--timeout", "0"], "not in the range"),
        (["--timeout", "nan"], "finite number"),
        (["--to", __file__], "is a file"),
        (["--to", __file__ + "/x"], "is no folder"),
        (["--to", "/dev/null"], "is a pipe or a device"),
        (["--to", "s3://bucket"], "is an address"),
        (["--to", "-"], "standard output"),
        (["--to", "x" * 300], "too long"),
        (["--to", ""], "it is empty"),
        (["--sha256", "a=1", "--sha256", "a=2"], "one checksum only"),
    ],
)
def test_mistakes(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("fetch", "fddb", "--to", "data", *words)
    assert list(tmp_path.iterdir()) == []
    assert result.exit_code in (1, 2), result.output
    assert message.lower() in result.output.lower()
    assert "Traceback" not in result.output


def test_two_runs_say_which_option(tmp_path: Path, data_set: DataSet, mirror: FetchConfig) -> None:
    with (
        OutputFolder(tmp_path / "data", "data set").lock(),
        pytest.raises(WriteError, match="another --to"),
    ):
        fetch(data_set, tmp_path / "data", mirror)


def test_a_folder_name_that_is_not_utf_8(
    tmp_path: Path, data_set: DataSet, mirror: FetchConfig
) -> None:
    to = tmp_path / os.fsdecode(b"\xff data")
    assert how(data_set, to, mirror) == ["fetched", "fetched"]
    record = json.loads((to / "fetched.json").read_bytes())
    digest = hashlib.sha256((Path(mirror.mirror) / "FDDB-folds.tgz").read_bytes()).hexdigest()
    assert record["archives"]["FDDB-folds.tgz"]["sha256"] == digest


def test_every_error_is_of_the_package(tree: Path, data_set: DataSet) -> None:
    (tree / "FDDB-folds" / "FDDB-fold-01.txt").write_bytes(b"\xff\x00 ../../x \n")
    with pytest.raises(FacesmithError, match="is missing, and FDDB-fold-01"):
        fetch(data_set, tree, FetchConfig(mirror=NOBODY, download=PATIENT))


@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe"])
def test_what_is_called_like_the_mark_is_said_before_the_download(
    kind: str, tmp_path: Path, data_set: DataSet
) -> None:
    to = tmp_path / "data"
    to.mkdir()
    make = {
        "file": lambda path: path.write_bytes(b"mine"), "link": lambda path: path.symlink_to("x"),
        "folder": Path.mkdir, "pipe": os.mkfifo,
    }  # fmt: skip
    make[kind](to / ".facesmith")
    with served(Faults({})) as faults:
        with pytest.raises(WriteError, match=r"\.facesmith"):
            fetch(data_set, to, FetchConfig(mirror=faults.url, download=PATIENT))
        assert faults.asked == []
