"""What photos inputs stand for, in an order that any machine gives."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facesmith.bulk.items import Item, list_items
from facesmith.bulk.loading import load_items
from facesmith.errors import BulkError, ImageError

NAMES = ["b/2.jpg", "b/10.JPG", "a.png", "b/c/x.webp", ".hidden.jpg", "b/note.txt", ".h/y.jpg"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    for name in NAMES:
        system.pipe(f"/test-items/photos/{name}", name.encode())
    yield "memory://test-items/photos"
    system.rm("/test-items", recursive=True)


def made_tar(path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in ("0.jpg", "0.json", "d/1.png", "._2.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(name) * 700
            archive.addfile(info, io.BytesIO(name.encode() * 700))
    return path


def endless(path: Path) -> None:
    """An archive whose only member has a size that leads back to its start."""
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf())
    header[124:136] = (-512).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path.write_bytes(header + bytes(2048))


def names(inputs: list[str], base: Path) -> list[str]:
    return [item.name for item in list_items(inputs, str(base))]


IN_FOLDER = ["photos/a.png", "photos/b/10.JPG", "photos/b/2.jpg", "photos/b/c/x.webp"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["photos"], IN_FOLDER),
        (["photos/b/c", "photos/a.png"], ["photos/b/c/x.webp", "photos/a.png"]),
        (["photos/**/*.jpg"], ["photos/b/2.jpg"]),
        (["photos/b/*"], ["photos/b/10.JPG", "photos/b/2.jpg"]),
        (["photos/b/note.txt"], ["b.jpg", "deep/ä.png"]),  # a list
    ],
)
def test_files(inputs: list[str], expected: list[str], photos: Path) -> None:
    (photos / "photos/b/note.txt").write_text("b.jpg\n\n  deep/ä.png  \n", encoding="utf-8")
    assert names(inputs, photos) == expected


def test_absolute_inputs_stay_absolute(photos: Path) -> None:
    assert names([str(photos / "photos")], Path("/")) == [f"{photos}/{name}" for name in IN_FOLDER]


def test_addresses(memory: str) -> None:
    expected = [f"memory:///test-items/{name}" for name in IN_FOLDER]
    assert names([memory], Path("/")) == expected
    assert names([f"{memory}/**/*.jpg"], Path("/")) == [expected[2]]
    assert names([f"{memory}/b/2.jpg"], Path("/")) == [expected[2]]
    items = list(list_items([memory], "/"))
    loaded = [each.source.content for each in load_items(items, "/")]
    assert loaded == [b"a.png", b"b/10.JPG", b"b/2.jpg", b"b/c/x.webp"]


@pytest.mark.parametrize(
    ("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz")]
)
def test_archives(name: str, mode: str, tmp_path: Path) -> None:
    made_tar(tmp_path / name, mode)
    items = list(list_items([name], str(tmp_path)))
    assert [item.name for item in items] == [f"{name}/0.jpg", f"{name}/d/1.png"]
    assert [Item.from_line(item.to_line()) for item in items] == items
    backwards = [items[1], items[0], items[1]]
    found = [(each.source.content, each.size) for each in load_items(backwards, str(tmp_path))]
    first, second = b"0.jpg" * 700, b"d/1.png" * 700
    assert found == [(second, 4900), (first, 3500), (second, 4900)]


def test_shards_of_a_range_and_an_archive_at_an_address(tmp_path: Path) -> None:
    for number in (8, 9, 10):
        made_tar(tmp_path / f"s-{number:03d}.tar")
    found = names(["s-{008..010}.tar"], tmp_path)
    assert found == [
        f"s-{n}.tar/{name}" for n in ("008", "009", "010") for name in ("0.jpg", "d/1.png")
    ]
    assert names(["s-*.tar"], tmp_path) == found
    system = fsspec.filesystem("memory")
    system.pipe("/test-tar/s.tar", (tmp_path / "s-008.tar").read_bytes())
    items = list(list_items(["memory://test-tar/s.tar"], "/"))
    assert [each.source.content for each in load_items(items, "/")] == [
        b"0.jpg" * 700, b"d/1.png" * 700,
    ]  # fmt: skip
    system.rm("/test-tar", recursive=True)


def test_a_parquet_list(tmp_path: Path) -> None:
    table = pa.table({"label": ["x", "y"], "url": ["s3://b/1.jpg", "2.jpg"]})
    pq.write_table(table, tmp_path / "list.parquet")
    assert names(["list.parquet"], tmp_path) == ["s3://b/1.jpg", "2.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of other bytes are Linux's")
def test_a_parquet_list_whose_own_name_is_not_utf_8(tmp_path: Path) -> None:
    path = os.fsdecode(b"\xff.parquet")
    pq.write_table(pa.table({"path": ["a.jpg"]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(tmp_path / path)
    assert names([path], tmp_path) == ["a.jpg"]


def test_a_file_whose_name_looks_like_a_range(tmp_path: Path) -> None:
    (tmp_path / "{1..3}.jpg").write_bytes(b"x")
    assert names(["{1..3}.jpg"], tmp_path) == ["{1..3}.jpg"]


def test_a_file_system_that_raises_its_own_errors(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LookupError("no credentials.")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", refuse)
    with pytest.raises(BulkError, match=r"cannot be listed: .*no credentials"):
        names([memory], Path("/"))


@pytest.mark.parametrize("line", ["{", "null", "3", "{}", "[1]", '["a"]'])
def test_a_damaged_line_of_a_listing(line: str) -> None:
    with pytest.raises(BulkError, match="damaged line"):
        Item.from_line(line)


def test_a_stream_lists_no_further_than_asked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x.jpg\n")
    items = list_items(["a.txt", "missing"], str(tmp_path))
    assert next(items).name == "x.jpg"
    with pytest.raises(BulkError, match="missing does not exist"):
        next(items)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothing/here", "nothing/here does not exist"),
        ("empty", "No photo found in empty"),
        ("*.jpg", r"No photo found in \*\.jpg"),
        ("memory://test-none/a", "memory://test-none/a"),
        ("s-{9..1}.tar", r"expected a range such as \{0000\.\.0099\}"),
        ("bad.tar", "bad.tar is no tar file"),
        ("bad.parquet", "is no Parquet file"),
        ("other.parquet", "expected a column path, url, file, file_name; it has x"),
        ("numbers.parquet", "expected text in path, got 1"),
        ("nosuchscheme://a/b", "nosuchscheme://a/b cannot be listed"),
        ("", "An input is empty"),
        (os.devnull, "is a pipe or a device"),
        ("nulls.parquet", "nulls.parquet, row 2: expected text in path, got None"),
        ("endless.tar", "has a size below zero"),
        ("changed.tgz", r"changed\.tgz is no tar file, or it is damaged: .*\. Copy it again"),
    ],
)
def test_what_is_no_input(given: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("bad.tar", "bad.parquet"):
        (tmp_path / name).write_bytes(b"hello" * 200)
    pq.write_table(pa.table({"x": ["a"]}), tmp_path / "other.parquet")
    pq.write_table(pa.table({"path": [1]}), tmp_path / "numbers.parquet")
    pq.write_table(pa.table({"path": ["a.jpg", None]}), tmp_path / "nulls.parquet")
    endless(tmp_path / "endless.tar")
    content = bytearray(gzip.compress(made_tar(tmp_path / "s.tar").read_bytes()))
    content[-6] ^= 1  # of the checksum
    (tmp_path / "changed.tgz").write_bytes(content)
    with pytest.raises(BulkError, match=message):
        list(list_items([given], str(tmp_path)))


def test_photos_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    made_tar(tmp_path / "s.tar")
    items = [
        Item("s.tar/x.jpg", "s.tar", 10**6, 10),
        Item("memory://test-none/a.jpg", "memory://test-none/a.jpg"),
        Item("gone.tar/a.jpg", "gone.tar", 0, 10),
    ]
    for item, loaded in zip(items, load_items(items, str(tmp_path)), strict=True):
        content = loaded.source.content
        assert isinstance(content, ImageError)
        assert str(content).startswith(f"{item.name} cannot be read: ")
        assert loaded.size is None
    # Those of a file system often have no word of their own.
    (loaded,) = load_items(items[1:2], str(tmp_path))
    assert str(loaded.source.content).endswith("memory://test-none/a.jpg does not exist.")


def test_members_of_one_name_are_photos_of_their_own(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for content in (b"one", b"second"):
            member = tarfile.TarInfo("a.jpg")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("b.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
        archive.addfile(link)
    items = list(list_items(["s.tar"], str(tmp_path)))
    assert [item.name for item in items] == ["s.tar/a.jpg"] * 2
    loaded = list(load_items(items, str(tmp_path)))
    assert [each.source.content for each in loaded] == [b"one", b"second"]


def test_loops_of_links_and_many_links(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.png").touch()
    for number in range(4000):
        (folder / "a" / f"{number:04d}.png").symlink_to("x.png")
    for name, target in (("b", "a"), ("c", "."), ("d", "d"), ("a/e", ".."), ("f", str(folder))):
        (folder / name).symlink_to(target)
    assert len(list(list_items(["photos"], str(tmp_path)))) == 4001


def test_names_with_line_ends(tmp_path: Path) -> None:
    names = ["a\nb.png", "c\rd.png", "e\u2028f.png"]
    for name in names:
        (tmp_path / name).touch()
    items = list(list_items(["."], str(tmp_path)))
    lines = [item.to_line() for item in items]
    assert [item.path for item in items] == names
    assert all(len(line.splitlines()) == 1 for line in lines)
    assert [Item.from_line(line) for line in lines] == items
