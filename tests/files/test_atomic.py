"""Files are replaced whole or not at all."""

import errno
import os

import numpy as np
import pytest

from facesmith.errors import BulkError, WriteError
from facesmith.files import checksum, replacing, write_bytes, write_json
from facesmith.images import write_image


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    class OwnError(Exception):
        pass

    def write_half() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise OwnError

    with pytest.raises(OwnError):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_system_refuses_is_said_in_words(tmp_path, monkeypatch, number, said):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def refuse(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WriteError, match=f"Cannot write .*a.bin: {said}"):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_neighbour_with_the_suffix_tmp_stays(tmp_path):
    neighbour = tmp_path / "patches.tmp"
    neighbour.write_bytes(b"mine")
    write_bytes(tmp_path / "patches.npz", b"new")
    assert neighbour.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["patches.npz", "patches.tmp"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WriteError, match=r"gone.x\.json: No such file or directory"):
        write_json(tmp_path / "gone" / "x.json", {})


def test_a_full_disk_is_followed_by_no_other_advice_than_to_make_room(tmp_path, monkeypatch):
    def refuse(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    path = tmp_path / "a.jpg"
    with pytest.raises(WriteError) as caught:
        write_image(path, np.zeros((4, 4, 3), np.uint8))
    assert str(caught.value) == (
        f"Cannot write {path}: the disk is full. Make room, or choose a folder on another disk."
    )


def test_checksum_is_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert checksum(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_error_of_a_file_that_is_read_meanwhile_keeps_its_words(tmp_path):
    def write_what_is_read():
        with replacing(tmp_path / "x"):
            try:
                (tmp_path / "gone").read_bytes()
            except OSError as error:
                raise BulkError("the list is damaged") from error

    with pytest.raises(BulkError, match="the list is damaged"):
        write_what_is_read()
    assert list(tmp_path.iterdir()) == []
