"""Archives that are damaged, encrypted, packed oddly or made to harm: one kind of error."""

from __future__ import annotations

import gzip
import io
import random
import resource
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from facesmith.errors import FetchError, WriteError
from facesmith.fetching.unpacking import unpack

CONTENT = bytes(range(256)) * 40
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def made_zip(path: Path, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(path, "w", method) as archive:
        for i in range(3):
            archive.writestr(f"a/{i}.jpg", CONTENT)
    return path.read_bytes()


def made_tar(path: Path, *others: tuple[tarfile.TarInfo, bytes]) -> bytes:
    with tarfile.open(path, "w:gz") as archive:
        for i in range(3):
            info = tarfile.TarInfo(f"a/{i}.jpg")
            info.size = len(CONTENT)
            archive.addfile(info, io.BytesIO(CONTENT))
        for info, content in others:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def named(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_a_zip(method: int, tmp_path: Path) -> None:
    made_zip(tmp_path / "x", method)
    assert len(unpack(tmp_path / "x", tmp_path / "out", 10**6)) == 3


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_with_any_wrong_bytes(method: int, tmp_path: Path) -> None:
    content = made_zip(tmp_path / "x", method)
    refuse_or_take(content, 120, tmp_path)


def test_a_tar_with_any_wrong_bytes(tmp_path: Path) -> None:
    packed = made_tar(tmp_path / "x")
    refuse_or_take(packed, 60, tmp_path)
    (tmp_path / "inside").mkdir()
    refuse_or_take(gzip.decompress(packed), 120, tmp_path / "inside", pack=gzip.compress)


def refuse_or_take(
    content: bytes, n: int, folder: Path, pack: Callable[[bytes], bytes] = bytes
) -> None:
    rng, refused = random.Random(0), 0  # noqa: S311
    for i in range(n):
        wrong = bytearray(content)
        for _ in range(rng.choice((1, 3, 20))):
            wrong[rng.randrange(len(wrong))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        if i % 4 == 0:
            del wrong[rng.randrange(len(wrong)) :]
        (folder / "y").write_bytes(pack(bytes(wrong)))
        try:
            unpack(folder / "y", folder / f"out{i}", 10**6)
        except FetchError:
            refused += 1
    assert refused > n // 4


def with_method(content: bytes, method: int) -> bytes:
    """A zip that says of its entries that they are packed otherwise."""
    wrong = bytearray(content)
    for sign, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        begin = wrong.find(sign)
        while begin >= 0:
            struct.pack_into("<H", wrong, begin + at, method)
            begin = wrong.find(sign, begin + 4)
    return bytes(wrong)


@pytest.mark.parametrize("method", [12, 14, 8, 99, 9, 93])
def test_a_zip_of_another_method_than_stated(method: int, tmp_path: Path) -> None:
    made_zip(tmp_path / "x", zipfile.ZIP_STORED)
    (tmp_path / "y").write_bytes(with_method((tmp_path / "x").read_bytes(), method))
    with pytest.raises(FetchError, match="is damaged"):
        unpack(tmp_path / "y", tmp_path / "out", 10**6)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    content = bytearray(made_zip(tmp_path / "x"))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(sign) + at] |= 1
    (tmp_path / "y").write_bytes(content)
    with pytest.raises(FetchError, match=r"'a/0\.jpg' is encrypted; expected files"):
        unpack(tmp_path / "y", tmp_path / "out", 10**6)


def test_zip64(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x", "w") as archive,
        archive.open("a/0.jpg", "w", force_zip64=True) as file,
    ):
        file.write(CONTENT)
    assert list(unpack(tmp_path / "x", tmp_path / "out", 10**6)) == ["a/0.jpg"]


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_a_header_that_would_fill_the_memory(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 1 << 33
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = squeezer.compress(info.tobuf(tarfile.GNU_FORMAT))
    packed += squeezer.compress(bytes(1 << 22)) + squeezer.flush()
    (tmp_path / "x").write_bytes(packed)
    with pytest.raises(FetchError, match="the header of an entry has 8,589,934,592 bytes"):
        unpack(tmp_path / "x", tmp_path / "out", 10**6)


def test_long_names_are_taken(tmp_path: Path) -> None:
    name = "a/" + "/".join(["b" * 100] * 6) + "/c.jpg"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x", "w:gz", format=kind) as archive:
            archive.addfile(named(name))
        assert list(unpack(tmp_path / "x", tmp_path / f"out{kind}", 10)) == [name]


@pytest.mark.parametrize(
    "second",
    [("A/0.JPG", tarfile.REGTYPE), ("a/0.jpg/b", tarfile.REGTYPE), ("a", tarfile.REGTYPE),
     ("A", tarfile.REGTYPE), ("a/0.jpg", tarfile.DIRTYPE), ("a/e\u0301", tarfile.REGTYPE)],
)  # fmt: skip
def test_names_that_are_the_same_somewhere(second: tuple[str, bytes], tmp_path: Path) -> None:
    first = (named("a/\u00e9"), b"1")
    made_tar(tmp_path / "x", first, (named(*second), b""))
    with pytest.raises(FetchError, match=r"it holds .* twice"):
        unpack(tmp_path / "x", tmp_path / "out", 10**6)


def test_a_folder_twice_is_one(tmp_path: Path) -> None:
    made_tar(tmp_path / "x", (named("a/", tarfile.DIRTYPE), b""), (named("A/x"), b"1"))
    assert "A/x" in unpack(tmp_path / "x", tmp_path / "out", 10**6)


@pytest.mark.parametrize("name", ["a/NUL", "con.jpg", "com1/x", "a/Lpt9.tar.gz"])
def test_names_that_windows_takes_for_devices(name: str, tmp_path: Path) -> None:
    made_tar(tmp_path / "x", (named(name), b""))
    with pytest.raises(FetchError, match="no file can be called so"):
        unpack(tmp_path / "x", tmp_path / "out", 10**6)


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    made_tar(tmp_path / "x", (named("a/\udcff.jpg"), b"1"))
    assert "a/\udcff.jpg" in unpack(tmp_path / "x", tmp_path / "out", 10**6)


def test_archives_in_archives_stay_files(tmp_path: Path) -> None:
    inner = made_zip(tmp_path / "inner")
    made_tar(tmp_path / "x", (named("a/inner.zip"), inner))
    assert len(unpack(tmp_path / "x", tmp_path / "out", 10**6)) == 4


@pytest.mark.parametrize("make", [made_zip, made_tar])
def test_a_disk_that_is_full(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    make(tmp_path / "x")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) - 1, before[1]))
    try:
        with pytest.raises(WriteError, match=r"Cannot write .*0\.jpg"):
            unpack(tmp_path / "x", tmp_path / "out", 10**6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("make", [made_zip, made_tar])
def test_an_archive_with_no_file(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("a/", b"")
    with tarfile.open(tmp_path / "t", "w:gz") as tar:
        tar.addfile(named("a", tarfile.DIRTYPE))
    with pytest.raises(FetchError, match="holds no file"):
        unpack(tmp_path / ("z" if make is made_zip else "t"), tmp_path / "out", 10**6)
