"""`facesmith anonymise` on a camera, and options that only some inputs have a use for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.video import open_video
from made_films import serving, write_film
from spot_detector import spots

pytest.importorskip("av")

# Where tests run in the background, Ctrl-C is ignored and their children inherit that.
_INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from facesmith.cli import main; main()"
)


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a photo."""
    monkeypatch.chdir(tmp_path)
    Path("street").mkdir()
    Image.fromarray(spots(160, 120, (40, 32))).save("street/one.png")


def run(weights: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymise", *map(str, arguments), "--model", str(weights)])


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_stream_is_covered_until_its_end_is_reached(
    spot_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [spots(160, 120, (40, 32))] * 10
    film = write_film(Path("a.ts"), pictures, size_wh=(160, 120), options={"crf": "4", "bf": "0"})
    with serving(film) as address:
        secret = address.replace("//", "//me:secret@")
        result = run(spot_weights, secret, "--frames", 3, "--out", "out")
        assert run(spot_weights, secret, film, "--out", "both").exit_code == 2
    assert result.exit_code == 0, result.output
    assert "secret" not in result.output
    port = address.split(":")[-1].split("/")[0]
    with open_video(f"out/camera-127.0.0.1-{port}-live.ts.mp4") as video:
        shown = [(frame.time, frame.image()) for frame in video.frames()]
    found = lines(Path("out/boxes.jsonl"))
    assert [line["file"] for line in found] == [address] * 4
    assert [time for time, _ in shown] == pytest.approx(
        [line["time"] for line in found[:3]], abs=1e-5
    )
    assert all(image[20:52, 28:60].max() < 40 for _, image in shown)
    assert json.loads(Path("out/report.json").read_text())["counts"]["films"] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["street", "--seconds", 3], "--seconds ends a camera"),
        (["street", "--frames", 3], "--frames ends a camera"),
        (["street", "--every", 2], "--every is of films"),
        (["street", "--crf", 23], "--crf is of films"),
        (["7", "--resume"], "--resume is of files"),
    ],
)
@pytest.mark.usefixtures("street")
def test_options_without_their_kind_of_input_are_named(
    spot_weights: Path, words: list[str], told: str
) -> None:
    result = run(spot_weights, *words, "--out", "out")
    assert result.exit_code == 2
    assert told in result.stderr
    assert not Path("out").exists()


@pytest.mark.usefixtures("street")
def test_a_camera_that_is_not_there_is_an_error(spot_weights: Path) -> None:
    result = run(spot_weights, "/dev/video77", "--out", "out", "--json")
    assert result.exit_code == 1
    assert "/dev/video77" in json.loads(result.stdout)["error"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are sent by other means there")
def test_ctrl_c_ends_a_camera_in_order(
    spot_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [spots(160, 120, (40, 32))] * 10
    film = write_film(Path("a.ts"), pictures, size_wh=(160, 120), options={"crf": "4", "bf": "0"})
    # The line is cut at the film's end and made again: such a camera never ends by itself.
    with serving(film) as address:
        words = ["anonymise", address, "--out", "out", "--model", str(spot_weights)]
        command = subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTIBLE, *words], stderr=subprocess.PIPE
        )
        listed = Path("out/boxes.jsonl")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (listed.exists() and listed.stat().st_size):
            time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=60)[1].decode()
    assert command.returncode == 0, said
    (written,) = Path("out").glob("camera-*.mp4")
    with open_video(written) as video:
        shown = [frame.image() for frame in video.frames()]
    assert len(shown) == len(lines(listed)) - 1
    assert all(image[20:52, 28:60].max() < 40 for image in shown)
    assert not [each for each in Path("out").rglob("*") if "tmp" in each.name]
