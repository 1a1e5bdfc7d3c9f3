"""Films in: every frame upright, at its own time, and a clear word about what is broken."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesmith.errors import VideoError
from facesmith.video import is_animation, is_film, open_video
from facesmith.video.orientation import UPRIGHT, Orientation
from made_films import STEADY, TIME_BASE, UNEVEN, write_film

av = pytest.importorskip("av")

ALL = [Orientation(*flags) for flags in product((False, True), repeat=3)]


def corner_colours(image: np.ndarray) -> dict[str, str]:
    """Which corner is red and which blue."""
    names = {"top left": image[4, 4], "top right": image[4, -5],
             "bottom left": image[-5, 4], "bottom right": image[-5, -5]}  # fmt: skip
    return {
        "red" if colour[2] > 150 else "blue": name
        for name, colour in names.items()
        if int(colour.max()) - int(colour.min()) > 90
    }


@pytest.mark.parametrize("orientation", ALL)
def test_turning_upright_is_undone(orientation: Orientation) -> None:
    stored = np.arange(24).reshape(4, 6)
    upright = orientation.upright(stored)
    assert upright.shape[::-1] == orientation.upright_size(6, 4)
    assert (orientation.stored(upright) == stored).all()
    assert Orientation.from_matrix(orientation.matrix) == orientation


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_frames_are_upright(tmp_path: Path, orientation: Orientation, suffix: str) -> None:
    """The matrix is applied by hand here: where the stored corners go."""
    path = write_film(tmp_path / f"a{suffix}", matrix=orientation.matrix)
    a, b, c, d = (orientation.matrix[i] // 65536 for i in (0, 1, 3, 4))
    ends = {}
    for colour, (p, q) in (("red", (-1, -1)), ("blue", (1, -1))):  # seen from the middle
        x, y = a * p + c * q, b * p + d * q
        ends[colour] = f"{'top' if y < 0 else 'bottom'} {'left' if x < 0 else 'right'}"
    with open_video(path) as video:
        frames = list(video.frames())
        assert video.size_wh == frames[0].size_wh == frames[0].image().shape[1::-1]
        assert frames[0].size_wh == ((48, 64) if orientation.transposed else (64, 48))
    assert corner_colours(frames[0].image()) == ends
    if not orientation.flip_x and not orientation.transposed and not orientation.flip_y:
        assert frames[0].orientation == UPRIGHT


def test_pyav_calls_a_rotation_the_same(tmp_path: Path) -> None:
    orientation = Orientation(transposed=True, flip_y=True)
    with av.open(str(write_film(tmp_path / "a.mp4", matrix=orientation.matrix))) as film:
        assert next(film.decode(video=0)).rotation == orientation.degrees == 90


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_are_the_films_own_not_made_from_numbers(tmp_path: Path, suffix: str) -> None:
    with open_video(write_film(tmp_path / f"a{suffix}", pts=UNEVEN)) as video:
        frames = list(video.frames())
    assert [Fraction(frame.pts) * frame.time_base for frame in frames] == [
        stamp * TIME_BASE for stamp in UNEVEN
    ]
    assert [frame.number for frame in frames] == list(range(len(UNEVEN)))
    assert frames[3].time == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "size_wh"),
    [
        (".mkv", "libx264", "yuv420p10le", (64, 48)),
        (".mkv", "libx264", "yuv444p", (63, 47)),
        (".webm", "libvpx-vp9", "yuv420p", (64, 48)),
        (".avi", "mpeg4", "yuv420p", (64, 48)),
        (".mkv", "ffv1", "gray", (31, 17)),
        (".ts", "libx264", "yuv420p", (64, 48)),
    ],
)
def test_kinds_of_film(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str, size_wh: tuple[int, int]
) -> None:
    path = tmp_path / f"a{suffix}"
    unit = Fraction(1, 25) if suffix == ".avi" else TIME_BASE  # AVI has no others
    options = {"crf": "10"} if codec.startswith("lib") else {}
    write_film(path, size_wh=size_wh, codec=codec, pix_fmt=pix_fmt, options=options, unit=unit)
    assert is_film(path)
    with open_video(path) as video:
        frames = list(video.frames())
        assert video.size_wh == size_wh
        assert video.problems() == []
    assert len(frames) == len(STEADY)
    steps = np.diff([frame.time for frame in frames])
    assert steps == pytest.approx(np.full(9, 0.04), abs=0.0011)
    image = frames[0].image()
    assert image.shape == (size_wh[1], size_wh[0], 3)
    assert image.dtype == np.uint8
    assert np.abs(image[-5:, :].astype(int) - 60).max() < 12


def test_a_gif_and_a_webp_keep_the_time_of_each_frame(tmp_path: Path) -> None:
    shades = [Image.fromarray(np.full((40, 60, 3), shade, np.uint8)) for shade in (0, 128, 255)]
    for suffix in (".gif", ".webp"):
        path = tmp_path / f"a{suffix}"
        shades[0].save(
            path, save_all=True, append_images=shades[1:], duration=[100, 250, 50], loop=0
        )
        assert is_animation(path)
        assert not is_film(path)
        with open_video(path) as video:
            frames = list(video.frames())
            assert video.size_wh == (60, 40)
        assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.35])
        means = [frame.image().mean() for frame in frames]
        assert means == pytest.approx([0, 128, 255], abs=4)


def test_a_photo_is_no_animation(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.gif").write_bytes(b"GIF89a broken")
    assert not is_animation(tmp_path / "a.png")
    assert not is_animation(tmp_path / "b.gif")
    assert not is_animation(tmp_path / "none.webp")


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", pts=tuple(range(0, 40 * 3600, 3600)), gop=5,
                      size_wh=(160, 120))  # fmt: skip
    with av.open(str(path)) as film:
        places = [(p.pos, p.size) for p in film.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    position, size = places[20]
    begins = content.find(bytes(content[position : position + 4]), position) + 4
    content[begins + 8 : begins + size - 4] = b"\xff" * (size - 12)
    path.write_bytes(content)
    with open_video(path) as video:
        frames = list(video.frames())
        assert video.counts.broken >= 1
        assert 30 <= len(frames) <= 40
        assert "damaged" in video.problems()[0]
    assert frames[-1].time == pytest.approx(39 / 25, abs=0.001)


def test_a_film_that_is_cut_off_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_film(path, pts=tuple(range(0, 100 * 3600, 3600)), size_wh=(160, 120),
               container_options={"movflags": "+faststart"})  # fmt: skip
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    with open_video(path) as video:
        frames = list(video.frames())
        assert 20 < len(frames) < 90
        assert video.missing_seconds() > 1
        (problem,) = [text for text in video.problems() if "cut off" in text]
    assert "of 4.0 seconds" in problem


def test_a_film_that_was_not_read_to_its_end_is_not_called_cut(tmp_path: Path) -> None:
    with open_video(write_film(tmp_path / "a.mp4", pts=tuple(range(0, 360_000, 3600)))) as video:
        next(video.frames())
        assert video.missing_seconds() == 0
        assert not video.at_end


def test_a_film_without_its_index_is_called_cut(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    with pytest.raises(VideoError, match=r"cut off: it has no index \(moov\).*repair"):
        open_video(path)


def test_sound_alone_text_and_nothing_are_no_films(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        voice = out.add_stream("aac", rate=48_000, layout="mono")
        tone = np.zeros((1, 1024), np.int16)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 48_000
        out.mux(voice.encode(frame))
        out.mux(voice.encode(None))
    (tmp_path / "text.mp4").write_text("no film at all " * 100)
    with pytest.raises(VideoError, match="no video that can be decoded"):
        open_video(tmp_path / "sound.mp4")
    with pytest.raises(VideoError, match="is no film that can be read"):
        open_video(tmp_path / "text.mp4")
    with pytest.raises(VideoError, match="does not exist"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        open_video(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:secret.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_that_calls_itself_a_film_reads_no_other_file(tmp_path: Path, text: str) -> None:
    write_film(tmp_path / "secret.mp4")
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(VideoError, match="is no film that can be read"):
        open_video(tmp_path / "list.mp4")


def test_without_pyav_the_message_names_the_extra(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4")
    code = (
        "import sys; sys.modules['av'] = None\n"
        f"from facesmith.cli import main; main(['detect', {str(path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert 'pip install "facesmith[video]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_photos_and_help_do_not_load_pyav() -> None:
    code = "import sys, facesmith.video; assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
