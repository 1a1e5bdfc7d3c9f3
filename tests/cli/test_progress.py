"""How the command line shows progress."""

import io
import re
from contextlib import redirect_stderr

import pytest

from facesmith.cli.progress import ShownProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal() -> redirect_stderr[Terminal]:
    return redirect_stderr(Terminal())


def last_of(line: str) -> str:
    """What a terminal shows of a line that was drawn several times."""
    shown = line.rsplit("\r", maxsplit=1)[-1]
    return re.sub(r"\x1b\[\?25[hl]", "", shown)  # the cursor hidden, and shown again


def test_a_terminal_gets_a_bar_for_each_work_and_the_lines() -> None:
    with on_terminal() as terminal, ShownProgress(quiet=False) as progress:
        progress.say("Proposals: 2 steps an epoch.")
        progress.report("Training", 0, 2)
        progress.report("Training", 1, 2, "epoch 1  loss 0.5000")
        progress.say("Refiner next.")
        for _ in progress.each("ab", "Photos"):
            pass
        progress.report("Photos", 2, 2)
        progress.report("Fitting", 5, 10)
    lines = [last_of(line) for line in terminal.getvalue().rstrip("\n").split("\n")]
    assert lines[0] == "Proposals: 2 steps an epoch."
    assert lines[1].startswith("Training")
    assert "50%" in lines[1]
    assert lines[1].rstrip().endswith("epoch 1  loss 0.5000")
    assert lines[2] == "Refiner next."
    assert lines[3].startswith("Photos")
    assert "100%" in lines[3]
    assert lines[4].startswith("Fitting")
    assert "50%" in lines[4]
    assert len(lines) == 5


def test_quiet_shows_nothing_on_a_terminal() -> None:
    with on_terminal() as terminal, ShownProgress(quiet=True) as progress:
        progress.say("Refiner next.")
        progress.report("Training", 1, 2)
    assert terminal.getvalue() == ""


def test_a_file_gets_the_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    with ShownProgress(quiet=False) as progress:
        progress.say("Refiner next.")
        progress.report("Training", 1, 2)
    assert capsys.readouterr() == ("", "Refiner next.\n")


def test_after_an_error_the_bar_stays_where_it_was() -> None:
    def work() -> None:
        with ShownProgress(quiet=False) as progress:
            progress.report("Photos", 1, 4)
            raise ValueError("broken")

    with on_terminal() as terminal, pytest.raises(ValueError, match="broken"):
        work()
    drawn = terminal.getvalue()
    assert drawn.endswith("\n")
    assert "100%" not in drawn
