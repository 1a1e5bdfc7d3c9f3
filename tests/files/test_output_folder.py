"""Only what facesmith wrote is ever replaced, and by one process at a time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facesmith.errors import WriteError
from facesmith.files import OutputFolder, write_bytes
from facesmith.files.marks import MARK_NAME, read_mark


def folder(path: Path) -> OutputFolder:
    return OutputFolder(path, "training")


def started(path: Path, *names: str) -> OutputFolder:
    made = folder(path)
    made.start()
    for name in names:
        (path / name).parent.mkdir(exist_ok=True)
        write_bytes(path / name, b"ours")
    return made


def content(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_what_was_written_goes_and_the_mark_says_what(tmp_path: Path) -> None:
    made = started(tmp_path / "run", "a.json", "checkpoints/last.pt")
    mark = read_mark(tmp_path / "run")
    assert mark is not None
    assert (mark.task, mark.names) == ("training", {"a.json", "checkpoints/last.pt"})
    first = json.loads((tmp_path / "run" / MARK_NAME).read_text().split("\n")[0])
    assert first["task"] == "training"
    assert first["facesmith"]
    made.start(force=True)
    assert list(content(tmp_path / "run")) == [MARK_NAME]


@pytest.mark.parametrize("theirs", ["notes.txt", "checkpoints/mine.pt", ".hidden", "deep/er.txt"])
def test_a_file_of_others_stops_it_and_nothing_is_lost(tmp_path: Path, theirs: str) -> None:
    made = started(tmp_path / "run", "a.json", "checkpoints/last.pt")
    (tmp_path / "run" / theirs).parent.mkdir(exist_ok=True)
    (tmp_path / "run" / theirs).write_bytes(b"theirs")
    before = content(tmp_path / "run")
    with pytest.raises(WriteError, match=rf"holds other files: {theirs}\. Move"):
        made.start(force=True)
    assert content(tmp_path / "run") == before


def test_a_link_is_of_others_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"photo")
    made = started(tmp_path / "run", "a.json")
    (tmp_path / "run" / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(WriteError, match="holds other files: link"):
        made.start(force=True)
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"photo"


@pytest.mark.parametrize(
    "mark", ["", "{}", "[1]", "no json", '{"facesmith": "1"}', '{"task": "training"}']
)
def test_something_like_a_mark_is_none(tmp_path: Path, mark: str) -> None:
    (tmp_path / MARK_NAME).write_text(mark)
    (tmp_path / "config.json").write_text('{"facesmith": "1"}')
    with pytest.raises(WriteError, match="does not carry its mark"):
        folder(tmp_path).start(force=True)
    assert (tmp_path / "config.json").exists()


def test_a_mark_names_nothing_outside(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    made = started(tmp_path / "run")
    with (tmp_path / "run" / MARK_NAME).open("a") as file:
        file.write(json.dumps("../letter.txt") + "\n" + json.dumps(str(letter)) + '\n"half')
    made.start(force=True)
    assert letter.read_text() == "dear"


def test_a_run_within_a_run_goes_with_it(tmp_path: Path) -> None:
    made = started(tmp_path / "run", "a.json")
    started(tmp_path / "run" / "proposals", "b.json")
    assert made.others() == []
    made.start(force=True)
    assert list(content(tmp_path / "run")) == [MARK_NAME]


def test_files_of_others_are_written_over_with_force_only(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"theirs")
    folder(tmp_path).add()
    with pytest.raises(WriteError, match=r"b\.jpg exists, and facesmith did not write it"):
        write_bytes(tmp_path / "b.jpg", b"ours")
    assert (tmp_path / "b.jpg").read_bytes() == b"theirs"
    folder(tmp_path).add(force=True)
    write_bytes(tmp_path / "b.jpg", b"ours")
    assert (tmp_path / "b.jpg").read_bytes() == b"ours"
    (tmp_path / "c.jpg").write_bytes(b"theirs")
    with pytest.raises(WriteError, match=r"c\.jpg exists"):
        folder(tmp_path).add("c.jpg")


def test_a_report_needs_the_mark_or_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    folder(tmp_path).report()
    write_bytes(tmp_path / "report.md", b"1")
    folder(tmp_path).report()
    write_bytes(tmp_path / "report.md", b"2")
    (tmp_path / MARK_NAME).unlink()
    with pytest.raises(WriteError, match="does not carry facesmith's mark"):
        folder(tmp_path).report()


def test_the_old_files_stay_until_the_new_ones_are_whole(tmp_path: Path) -> None:
    made = started(tmp_path / "run", "old.json", "both.json")
    before = content(tmp_path / "run")

    def fail() -> None:
        with made.replaced() as new:
            (new / "new.json").write_bytes(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert content(tmp_path / "run") == before
    with made.replaced() as new:
        (new / "deep").mkdir()
        write_bytes(new / "deep" / "new.json", b"new")
        write_bytes(new / "both.json", b"new")
    after = content(tmp_path / "run")
    after.pop(MARK_NAME)
    assert after == {"deep/new.json": b"new", "both.json": b"new"}
    assert made.others() == []


HOLD = """
import sys, time
from facesmith.files import OutputFolder
with OutputFolder(sys.argv[1], "training").lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    pytest.importorskip("filelock")
    run = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(WriteError, match=f"is being written by process {holder.pid} on "),
            folder(run).lock(),
        ):
            raise AssertionError("two at once")
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    with folder(run).lock():
        folder(run).start()
    assert list(content(run)) == [MARK_NAME]


def test_a_lock_leaves_no_trace_where_nothing_was_written(tmp_path: Path) -> None:
    with folder(tmp_path / "run").lock():
        pass
    assert not (tmp_path / "run").exists()
