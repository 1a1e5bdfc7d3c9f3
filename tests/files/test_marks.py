"""Marks that are damaged, or that lead elsewhere, cost nobody a file."""

import json
import os
from pathlib import Path

import pytest

from facesmith.errors import WriteError
from facesmith.files import OutputFolder, write_bytes
from facesmith.files.marks import MARK_NAME, close_marks, protect, read_mark


def started(path: Path) -> OutputFolder:
    made = OutputFolder(path, "training")
    made.start()
    write_bytes(path / "a.json", b"ours")
    return made


def test_a_file_of_others_called_like_the_mark_stays(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes")
    for name in ("link", "file"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / MARK_NAME).symlink_to(notes)
    (tmp_path / "file" / MARK_NAME).write_text("my notes")
    for name in ("link", "file"):
        with pytest.raises(WriteError, match=MARK_NAME):
            OutputFolder(tmp_path / name, "training").add()
        assert (tmp_path / name / MARK_NAME).read_text() == "my notes"


@pytest.mark.skipif(os.name != "posix", reason="the system has no pipes with names")
@pytest.mark.parametrize("name", [MARK_NAME, ".facesmith.lock", ".facesmith.running"])
def test_a_pipe_or_link_called_like_ours_is_refused_at_once(tmp_path: Path, name: str) -> None:
    for kind in ("pipe", "link"):
        (tmp_path / kind).mkdir()
    os.mkfifo(tmp_path / "pipe" / name)
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "link" / name).symlink_to(tmp_path / "theirs")
    for kind in ("pipe", "link"):
        made = OutputFolder(tmp_path / kind, "training")
        with pytest.raises(WriteError, match=r"a pipe|a link"), made.lock():
            made.add()
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_a_mark_that_leads_outside_deletes_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"photo")
    made = started(tmp_path / "run")
    (tmp_path / "run" / "sub").symlink_to(photos)
    with (tmp_path / "run" / MARK_NAME).open("a") as file:
        for name in ("sub/a.jpg", "sub", "\0", "\ud800", "", ".", 5):
            file.write(json.dumps(name) + "\n")
    made.start(force=True)
    assert (photos / "a.jpg").read_bytes() == b"photo"
    assert {path.name for path in (tmp_path / "run").iterdir()} == {MARK_NAME}


def test_half_a_line_spoils_neither_the_mark_nor_the_next_line(tmp_path: Path) -> None:
    made = started(tmp_path / "run")
    mark = tmp_path / "run" / MARK_NAME
    with mark.open("a") as file:
        file.write('"checkpoints/la')
    made.add()
    write_bytes(tmp_path / "run" / "b.json", b"ours")
    found = read_mark(tmp_path / "run")
    assert found is not None
    assert found.names == {"a.json", "b.json"}
    mark.write_text('{"facesmith": "0.1')
    made.add()
    assert read_mark(tmp_path / "run") is not None


def test_a_run_in_a_folder_of_another_run_stays(tmp_path: Path) -> None:
    outer = started(tmp_path / "run")
    with outer.lock():
        started(tmp_path / "run" / "part")  # filled as a part of it
    outer.check(force=True)
    close_marks(tmp_path / "run")
    started(tmp_path / "run" / "other")
    with pytest.raises(WriteError, match=r"other/a\.json"):
        outer.start(force=True)
    assert (tmp_path / "run" / "other" / "a.json").read_bytes() == b"ours"


def test_what_a_command_reads_is_not_written_over(tmp_path: Path) -> None:
    made = started(tmp_path / "run")
    read = tmp_path / "read.json"
    read.hardlink_to(tmp_path / "run" / "a.json")
    protect([read])
    try:
        with pytest.raises(WriteError, match="reads it"):
            write_bytes(tmp_path / "run" / "a.json", b"new")
    finally:
        protect([])
    write_bytes(tmp_path / "run" / "a.json", b"new")
    assert read.read_bytes() == b"ours"
    made.check(force=True)


def test_what_another_process_listed_meanwhile_is_ours(tmp_path: Path) -> None:
    started(tmp_path / "run")
    with (tmp_path / "run" / MARK_NAME).open("a") as file:
        file.write('"b.json"\n')
    (tmp_path / "run" / "b.json").write_bytes(b"of the other process")
    (tmp_path / "run" / "c.json").write_bytes(b"theirs")
    write_bytes(tmp_path / "run" / "b.json", b"ours")
    with pytest.raises(WriteError, match="did not write it"):
        write_bytes(tmp_path / "run" / "c.json", b"ours")


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
@pytest.mark.parametrize("room", [0, 5])
def test_a_full_disk_leaves_no_half_mark(room: int, tmp_path: Path) -> None:
    """It would block a later report: a folder that holds a file of others."""
    import resource  # noqa: PLC0415 - not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(WriteError, match=r"Cannot write .*\.facesmith"):
            OutputFolder(tmp_path, "report").report()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    OutputFolder(tmp_path, "report").report()
