"""`facesmith detect` with films, with a detector that finds white spots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.cli import main
from facesmith.video import open_video
from facesmith.video.orientation import Orientation
from made_films import UNEVEN, serving, sound_packets, write_film
from spot_detector import SPOT_SCORE, spots

pytest.importorskip("av")

# A spot that goes right by 8 pixels a frame, one that stays, and is away in frames 3 and 4.
IMAGES = [
    spots(160, 120, (16 + 8 * k, 32), *([(96, 80)] if k not in (3, 4) else [])) for k in range(7)
]


def run(weights: Path, *arguments: object) -> Result:
    words = ["detect", *map(str, arguments), "--model", str(weights)]
    return CliRunner().invoke(main, words)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_film(
        Path("clip.mp4"), IMAGES, [k * 3600 for k in range(7)], sounds=["aac"],
        options={"crf": "4"},
    )  # fmt: skip


def test_a_line_a_frame_with_times_and_tracks(spot_weights: Path, film: Path) -> None:
    """16 - 12, 32 - 12, 16 + 20, 32 + 20; see spot_detector."""
    result = run(spot_weights, film)
    assert result.exit_code == 0, result.output
    found = lines(result)
    assert [line["frame"] for line in found] == list(range(7))
    assert [line["time"] for line in found] == pytest.approx([k / 25 for k in range(7)])
    assert found[0] == {
        "file": "clip.mp4", "frame": 0, "time": 0.0, "width": 160, "height": 120,
        "faces": found[0]["faces"],
    }  # fmt: skip
    for k, line in enumerate(found):
        by_track = {face["track"]: face for face in line["faces"]}
        assert len(by_track) == len(line["faces"]) == 2
        first, second = sorted(by_track.values(), key=lambda face: face["box"][1])
        assert first["box"] == pytest.approx([4 + 8 * k, 20, 36 + 8 * k, 52], abs=0.1)
        assert first["score"] == pytest.approx(SPOT_SCORE, abs=0.05)  # H.264
        assert not first["filled"]
        assert second["box"] == pytest.approx([84, 68, 116, 100], abs=0.1)
        assert second["filled"] == (k in (3, 4))
        assert set(by_track) == {1, 2}
    assert "clip.mp4: 7 frames, 0.2 s, 2 tracks." in result.stderr


def test_every_other_frame_keeps_the_ids(spot_weights: Path, film: Path) -> None:
    found = lines(run(spot_weights, film, "--every", 3))
    assert [line["frame"] for line in found] == [0, 3, 6]
    ids = [{face["track"] for face in line["faces"]} for line in found]
    assert ids == [{1, 2}] * 3


def test_the_drawn_film_has_times_sound_and_boxes(spot_weights: Path, film: Path) -> None:
    result = run(spot_weights, film, "--draw", "seen.mp4", "--quiet", "--every", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    with open_video("seen.mp4") as video:
        frames = list(video.frames())
    assert [frame.time for frame in frames] == [k / 25 for k in range(7)]
    assert sound_packets(Path("seen.mp4")) == sound_packets(film)
    for k, frame in enumerate(frames):
        left = frame.image()[36, 4 + 8 * k].astype(int)
        assert left[1] > 100, f"frame {k}"  # the box's left side is green or orange
        assert frame.image()[5, 5].max() < 40


def test_uneven_times_and_a_turned_film(spot_weights: Path, tmp_path: Path) -> None:
    """Boxes are of the upright frame: a quarter turn counter-clockwise puts x, y to y, W - x."""
    turned = Orientation(transposed=True, flip_y=True)
    images = [spots(160, 120, (16, 32))] * len(UNEVEN)
    path = write_film(tmp_path / "a.mov", images, UNEVEN, matrix=turned.matrix,
                      options={"crf": "4"})  # fmt: skip
    found = lines(run(spot_weights, path, "--draw", tmp_path / "b.mp4"))
    assert [line["time"] for line in found] == pytest.approx([t / 90_000 for t in UNEVEN], abs=1e-6)
    assert (found[0]["width"], found[0]["height"]) == (120, 160)
    assert found[0]["faces"][0]["box"] == pytest.approx([20, 160 - 36, 52, 160 - 4], abs=0.1)
    with open_video(tmp_path / "b.mp4") as video:
        assert video.orientation == turned


def test_the_end_can_be_said(spot_weights: Path, film: Path) -> None:
    assert len(lines(run(spot_weights, film, "--frames", 3))) == 3
    result = run(spot_weights, film, "--seconds", 0.1)
    assert len(lines(result)) == 3
    assert result.exit_code == 0
    assert "cut off" not in result.stderr


def test_a_stream_is_looked_at_until_its_end_and_drawn(
    spot_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film = write_film(Path("a.ts"), [IMAGES[0]] * 10, options={"crf": "4", "bf": "0"})
    with serving(film) as address:
        secret = address.replace("//", "//me:secret@")
        result = run(spot_weights, secret, "--frames", 3, "--draw", "b.mp4")
    assert result.exit_code == 0, result.output
    found = lines(result)
    assert [line["frame"] for line in found] == [0, 1, 2]
    assert [line["file"] for line in found] == [address] * 3
    assert {face["track"] for line in found for face in line["faces"]} == {1, 2}
    assert "secret" not in result.output
    with open_video("b.mp4") as video:
        times = [frame.time for frame in video.frames()]
    assert times == pytest.approx([line["time"] for line in found], abs=1e-5)


def test_an_animation_is_a_film_alone_and_a_photo_among_photos(
    spot_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [Image.fromarray(image) for image in IMAGES]
    shown[0].save("a.gif", save_all=True, append_images=shown[1:], duration=80)
    shown[0].save("b.png")
    assert [line["time"] for line in lines(run(spot_weights, "a.gif"))][:2] == [0, 0.08]
    mixed = run(spot_weights, "a.gif", "b.png", "--json")
    assert len(lines(mixed)) == 2
    assert "Warning: a.gif: of animations among photos the first frame alone" in mixed.stderr
    shown[0].save("a.webp", save_all=True, append_images=shown[1:], duration=80)
    assert "a.gif and 1 more: of animations" in run(spot_weights, ".").stderr
    assert "Warning" not in run(spot_weights, ".", "--quiet").stderr
    assert "Warning" not in run(spot_weights, "b.png").stderr


def test_a_film_that_cannot_be_read_is_a_line_and_the_next_is_done(
    spot_weights: Path, film: Path
) -> None:
    Path("bad.mp4").write_text("no film " * 50)
    result = run(spot_weights, "bad.mp4", film)
    assert result.exit_code == 1
    found = lines(result)
    assert len(found) == 8
    assert "is no film that can be read" in found[0]["error"]
    assert "Error: bad.mp4 is no film" in result.stderr


def test_a_film_that_is_cut_off_ends_with_a_warning_and_code_1(
    spot_weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    images = [np.random.default_rng(k).integers(0, 60, (60, 80, 3)).astype(np.uint8)
              for k in range(75)]  # fmt: skip
    write_film(path, images, [k * 3600 for k in range(75)],
               container_options={"movflags": "+faststart"})  # fmt: skip
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = run(spot_weights, path)
    assert result.exit_code == 1
    assert 10 < len(lines(result)) < 60
    assert "is cut off" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clip.mp4", "--csv", "a.csv"), "--csv does not go with films and cameras"),
        (("clip.mp4", "--crops", "a"), "--crops does not go with films and cameras"),
        (("clip.mp4", "b.png"), "clip.mp4 is a film and b.png is none"),
        (("b.png", "--every", "2"), "--every does not go with photos"),
        (("b.png", "--size", "64"), "--size does not go with photos without --aligned"),
        (("b.png", "--crop-margin", "1"), "--crop-margin does not go with photos without --crops"),
        (("b.png", "--draw", "b.txt"), "--draw b.txt is a file; name a folder"),
        (("clip.mp4", "other.mp4", "--draw", "out.mp4"), "--draw writes one film"),
        (("clip.mp4", "--draw", "clip.mp4"), "an output is never an input"),
        (("clip.mp4", "--draw", "out.txt"), "must end in"),
        (("clip.mp4", "--draw", "old.mp4"), "old.mp4 exists. Pass --force"),
    ],
)
def test_what_does_not_fit_is_refused(
    spot_weights: Path, film: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = film.read_bytes()
    Image.new("RGB", (64, 48)).save("b.png")
    Path("b.txt").write_text("text")
    Path("old.mp4").write_text("old")
    result = run(spot_weights, *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert film.read_bytes() == before
    assert Path("old.mp4").read_text() == "old"
