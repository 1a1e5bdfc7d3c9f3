"""Archives: what they may hold, and what is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from facesmith.errors import FetchError
from facesmith.fetching.unpacking import unpack


def made_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def made_tar(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o4777
            archive.addfile(info, io.BytesIO(content))
        for info in others:
            archive.addfile(info)
    return path


FILES = {"a/b.jpg": b"one", "a/c/d.txt": b"two" * 1000}


@pytest.mark.parametrize("make", [made_zip, made_tar])
def test_files_and_their_sums(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    extra = {"__MACOSX/a/._b.jpg": b"x", "a/.DS_Store": b"x", "./e.txt": b""}
    archive = make(tmp_path / "x", FILES | extra)
    sums = unpack(archive, tmp_path / "out", 10_000)
    expected = FILES | {"e.txt": b""}
    assert sums == {name: hashlib.sha256(each).hexdigest() for name, each in expected.items()}
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in found} == expected
    assert all(path.stat().st_mode & 0o7111 == 0 for path in found)  # no set-id, not executable


@pytest.mark.parametrize("make", [made_zip, made_tar])
@pytest.mark.parametrize(
    "name",
    ["/etc/x", "../x", "a/../../x", "a\\..\\x", "C:x", "a/b\nc", "a/" + "b" * 2000, "a./b", "a /b"],
)
def test_paths_that_lead_outside(
    make: Callable[[Path, dict[str, bytes]], Path], name: str, tmp_path: Path
) -> None:
    archive = make(tmp_path / "x", {name: b"1"})
    with pytest.raises(FetchError, match="leads outside"):
        unpack(archive, tmp_path / "out", 10_000)
    assert not list(tmp_path.glob("out/**/*"))


@pytest.mark.parametrize(
    ("kind", "word"),
    [(tarfile.SYMTYPE, "a link"), (tarfile.LNKTYPE, "a link"), (tarfile.CHRTYPE, "a device"),
     (tarfile.FIFOTYPE, "a device")],
)  # fmt: skip
def test_links_and_devices(kind: bytes, word: str, tmp_path: Path) -> None:
    info = tarfile.TarInfo("a/link")
    info.type, info.linkname = kind, "../../outside"
    archive = made_tar(tmp_path / "x", FILES, info)
    with pytest.raises(FetchError, match=f"'a/link' is {word}; expected files"):
        unpack(archive, tmp_path / "out", 10_000)


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a/link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(FetchError, match="is a link"):
        unpack(tmp_path / "x", tmp_path / "out", 10_000)


@pytest.mark.parametrize("make", [made_zip, made_tar])
def test_too_much(make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path) -> None:
    archive = make(tmp_path / "x", {"zeros": bytes(10**6)})
    assert archive.stat().st_size < 10_000
    with pytest.raises(FetchError, match="unpacks to more than"):
        unpack(archive, tmp_path / "out", 10**6 - 1)


def test_the_same_name_twice(tmp_path: Path) -> None:
    archive = made_tar(tmp_path / "x", {"a/B": b"1", "a/b": b"2"})
    with pytest.raises(FetchError, match="twice"):
        unpack(archive, tmp_path / "out", 10_000)


@pytest.mark.parametrize("make", [made_zip, made_tar])
def test_a_cut_archive(make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path) -> None:
    content = make(tmp_path / "x", {"a": bytes(range(256)) * 500}).read_bytes()
    for size in (len(content) // 2, len(content) - 9):
        (tmp_path / "y").write_bytes(content[:size])
        with pytest.raises(FetchError, match="is damaged"):
            unpack(tmp_path / "y", tmp_path / f"out{size}", 10**7)


def test_a_wrong_byte_in_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "x"
    with zipfile.ZipFile(archive, "w") as stored:
        stored.writestr("a", b"hello hello")
    archive.write_bytes(archive.read_bytes().replace(b"hello hello", b"hellO hello", 1))
    with pytest.raises(FetchError, match="is damaged"):
        unpack(archive, tmp_path / "out", 10_000)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK", b"\x1f\x8b"])
def test_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FetchError, match=r"neither|damaged"):
        unpack(tmp_path / "x", tmp_path / "out", 10_000)
