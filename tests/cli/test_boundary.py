"""Whatever goes wrong is one readable line and an exit code; options refuse what is no value."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.paths import NewPath
from facesmith.errors import StoppedError, WriteError

READY_THEN_RUN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from facesmith.cli import main
print("ready", flush=True)
main()
"""
TRAIN = "facesmith.training.classifier.train_classifier"
ON = "goes on where it stopped."
NO_OUTPUTS = {"--from"}  # a run folder that is read


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def all_commands(group: click.Command = main) -> Iterator[click.Command]:
    yield from (command for _, command in named_commands(group))


def named_commands(
    group: click.Command = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command with the words that call it."""
    if not isinstance(group, click.Group):
        yield words, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from named_commands(command, (*words, name))


def options() -> list[click.Option]:
    return [
        option
        for command in all_commands()
        for option in command.params
        if isinstance(option, click.Option)
    ]


def test_all_numbers_are_of_the_types_that_take_finite_ones_only() -> None:
    numbers = [
        option
        for option in options()
        if isinstance(option.type, click.types.FloatParamType | click.types.IntParamType)
    ]
    assert len(numbers) > 40
    assert [o for o in numbers if not isinstance(o.type, FiniteRange | WholeRange)] == []


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e400", "9" * 400, "1e", ""])
def test_no_number_option_takes_what_is_no_finite_number(text: str) -> None:
    for option in options():
        if isinstance(option.type, FiniteRange | WholeRange):
            with pytest.raises(click.BadParameter):
                option.type.convert(text, option, None)


def test_no_output_is_written_to_a_file_called_dash() -> None:
    outputs = [
        option
        for option in options()
        if isinstance(option.type, click.Path)
        and not option.type.exists
        and not NO_OUTPUTS & set(option.opts)
    ]
    assert len(outputs) > 12
    for option in outputs:
        assert isinstance(option.type, NewPath), option.opts
        with pytest.raises(click.BadParameter, match="standard output"):
            option.type.convert("-", option, None)
        assert option.type.convert("./-", option, None) == Path("-")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["dtect", "photo.jpg"], "No such command 'dtect'. Did you mean 'detect'?"),
        (["hide", "a.jpg"], "No such command 'hide'. Did you mean 'anonymise'?"),
        (["benchmark", "COC"], "No such command 'COC'. Did you mean 'coco'?"),
        (["qqq"], "No such command 'qqq'."),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest(words: list[str], answer: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert f"Error: {answer}\n" in result.stderr


def test_no_command_starts_where_its_output_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    tried = 0
    for words, command in named_commands():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.type, NewPath):
                tried += 1
                for out in (file / "new", file / "some" / "new"):
                    result = run(*words, option.opts[0], out)
                    assert result.exit_code == 1, (words, option.opts)
                    assert result.stderr.startswith(f"Error: Cannot write {out}: {file} is no fold")
    assert tried > 12
    assert file.read_bytes() == b"mine"


def test_an_output_in_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    option = click.Option(["--out"], type=NewPath(folder=True))
    with pytest.raises(WriteError, match="Choose a folder that you may write to"):
        option.type.convert(str(tmp_path / "a" / "b"), option, None)


def test_an_unexpected_exception_is_one_line_that_asks_for_a_report(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("all\nof a sudden")

    monkeypatch.setattr("facesmith.detection.opening.open_detector", fail)
    result = run("detect", photo)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: This should not have happened (ZeroDivisionError: all ")
    assert "report it" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "--debug" in result.stderr
    shown = run("--debug", "detect", photo)
    assert "Traceback" in shown.stderr
    assert "in fail" in shown.stderr
    assert shown.exit_code == 1
    monkeypatch.setenv("FACESMITH_DEBUG", "1")
    assert "Traceback" in run("detect", photo).stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "Too little memory"),
        (PermissionError(13, "Permission denied", "/root/x"), "/root/x: Permission denied."),
        (OSError(28, "No space left on device"), "Cannot write to standard output: No space left"),
        (OSError(24, "Too many open files"), "The system refused: Too many open files."),
        (RecursionError("deep"), "This should not have happened (RecursionError: deep)"),
    ],
)
def test_errors_of_the_system_are_told_in_words(
    photo: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("facesmith.detection.opening.open_detector", fail)
    result = run("detect", photo)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {words}")


@pytest.mark.parametrize(
    ("command", "module", "words"),
    [
        ("train", TRAIN, f"The same command with --resume at its end {ON}"),
        ("train --resume", TRAIN, f"The same command {ON}"),
        ("train --force", TRAIN, f"The same command with --resume instead of --force {ON}"),
        ("detect", "facesmith.detection.opening.open_detector", ""),
    ],
)
def test_ctrl_c_between_two_phases_says_how_to_go_on(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, command: str, module: str,
    words: str,
) -> None:  # fmt: skip
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if command == "train":
        pytest.importorskip("torch")
    monkeypatch.setattr(module, stop)
    data = tmp_path / "patches.npz"
    data.touch()
    name, *options = command.split()
    given = [data, "--out", tmp_path / "run"] if name == "train" else [photo]
    result = run(name, *given, *options)
    assert result.exit_code == 130
    # Before it there may be a line on the threads of a busy machine.
    assert result.stderr.splitlines()[-1] == f"Stopped on request. {words}".strip()


@pytest.mark.parametrize(
    ("command", "called", "words"),
    [
        ("train", TRAIN, f"The same command with --resume at its end {ON}"),
        ("tune", "facesmith.training.search.search", f"The same command {ON}"),
    ],
)
def test_a_training_that_is_stopped_says_at_which_step_and_how_to_go_on(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, command: str, called: str,
    words: str,
) -> None:  # fmt: skip
    if command == "tune":
        pytest.importorskip("optuna")

    def stop(*_: object, **__: object) -> None:
        raise StoppedError("Stopped at step 7 of 90.")

    monkeypatch.setattr(called, stop)
    data, images = tmp_path / "patches.npz", []
    data.touch()
    if command == "tune":
        boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 24, 24]}]
        named = [{"id": 1, "file_name": photo.name, "width": 64, "height": 48}]
        content = {"images": named, "annotations": boxes, "categories": [{"id": 1, "name": "face"}]}
        data, images = tmp_path / "faces.json", ["--images", tmp_path]
        data.write_text(json.dumps(content))
    result = run(command, data, "--out", tmp_path / "run", *images)
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == f"Stopped at step 7 of 90. {words}"


def shell(line: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command with what the shell does to its streams."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -m facesmith "$@" {line}', sys.executable, *map(str, words)],
        timeout=60, text=True, check=False, capture_output=True,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("words", [["detect", "{photo}"], ["detect", "{photo}", "--json"], ["-h"]])
def test_a_full_standard_output_is_said(photo: Path, words: list[str]) -> None:
    done = shell(">/dev/full", *(word.format(photo=photo) for word in words))
    assert done.returncode == 1
    assert re.fullmatch("Error: Cannot write to standard output: No space.*\n", done.stderr)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_closed_streams(photo: Path) -> None:
    done = shell(">&-", "detect", photo)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Cannot write to standard output: it is closed.")
    # What needs no standard output runs without; its files hold nothing that was meant for it.
    done = shell(">&-", "detect", photo, "--quiet", "--draw", photo.parent / "seen")
    assert (done.returncode, done.stderr) == (0, "")
    Image.open(photo.parent / "seen" / "a_faces.jpg").load()
    done = shell("<&-", "detect", "-")
    assert done.returncode == 1
    assert "Standard input is empty" in done.stderr
    done = shell("2>&-", "detect", photo, photo.parent / "none.png")
    assert done.returncode == 1
    assert "no face" in done.stdout
    done = shell("<&- >&- 2>&-", "detect", photo)
    assert done.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_who_reads_no_more_ends_the_command_without_a_word(photo: Path) -> None:
    done = shell("| true; exit ${PIPESTATUS[0]}", "detect", photo, "--json")
    assert done.returncode in (0, 1)  # 0 where all was written before the reader went
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="such names and signals")
def test_names_do_not_reach_the_terminal_as_they_are(photo: Path) -> None:
    names = ["red\x1b[31m.png", "bell\x07.png", "two\nlines.png", "csi\x9b2J.png", "bidi\u202e.png"]
    for name in names:
        photo.with_name(name).write_bytes(photo.read_bytes())
    undecodable = os.fsencode(photo.parent) + b"/latin\xe9.png"
    Path(os.fsdecode(undecodable)).write_bytes(photo.read_bytes())
    broken = photo.with_name("broken\x1b]0;title\x07.png")
    broken.write_bytes(b"nothing")
    for encoding in ("utf-8", "ascii", "latin-1"):
        done = subprocess.run(
            [sys.executable, "-m", "facesmith", "detect", str(photo.parent)],
            timeout=60, check=False, capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert done.returncode == 1
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", done.stdout + done.stderr)
        text = (done.stdout + done.stderr).decode(encoding)
        assert "red\\x1b[31m.png" in text
        assert "broken\\x1b]0;title\\x07.png" in text
        assert "\x9b" not in text
        assert "\u202e" not in text
        assert "Traceback" not in text


def test_messages_are_short(tmp_path: Path) -> None:
    result = run("detect", tmp_path / ("x" * 5000 + ".jpg"))
    assert result.exit_code == 1
    assert len(result.stderr) < 1000
    result = run("detect", *["y" * 4000] * 2, "--min-face", "z" * 9000)
    assert result.exit_code == 2
    assert len(result.stderr) < 1000


def test_an_output_below_a_file_is_refused(photo: Path) -> None:
    for option in ("--draw", "--crops", "--csv"):
        result = run("detect", photo, option, photo / "below" / "more")
        assert result.exit_code == 1, option
        assert str(photo) in result.stderr
        assert "should not have happened" not in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_at_any_moment_is_one_line(tmp_path: Path) -> None:
    """While modules are loaded, too."""
    pytest.importorskip("skimage")
    for wait in (0.25, 0.5, 1.0):
        with subprocess.Popen(
            [sys.executable, "-c", READY_THEN_RUN, "demo", "--out", str(tmp_path / str(wait))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as started:  # fmt: skip
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
            time.sleep(wait)
            os.kill(started.pid, signal.SIGINT)
            _, errors = started.communicate(timeout=60)
        assert started.returncode == 130, errors
        assert "Traceback" not in errors
        assert "Stopped on request." in errors
