"""Films out: times and sound as they were, the picture upright, and never half a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.errors import VideoError
from facesmith.video import VideoWriter, open_video
from facesmith.video.orientation import Orientation
from made_films import STEADY, UNEVEN, sound_packets, write_film

av = pytest.importorskip("av")


def rewrite(source: Path, path: Path, *, paint: bool = True) -> None:
    """The film again, with a green square at the top left of each upright frame."""
    with open_video(source) as video, VideoWriter(
        path, video.size_wh, video.time_base, rate=video.rate, orientation=video.orientation,
        source=video,
    ) as out:  # fmt: skip
        for frame in video.frames(out.copy):
            image = frame.image() if paint else None
            if image is not None:
                image[:12, :12] = (0, 255, 0)
            out.write(frame, image)


def times(path: Path) -> list[float]:
    with open_video(path) as video:
        return [frame.time for frame in video.frames()]


@pytest.mark.parametrize("pts", [STEADY, UNEVEN, tuple(stamp + 12_345 for stamp in UNEVEN)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_every_time_stamp_is_kept(tmp_path: Path, pts: tuple[int, ...], suffix: str) -> None:
    source = write_film(tmp_path / "a.mp4", pts=pts, sounds=["aac"])
    rewrite(source, tmp_path / f"b{suffix}")
    assert times(tmp_path / f"b{suffix}") == times(source) == [stamp / 90_000 for stamp in pts]


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_matroska_keeps_milliseconds(tmp_path: Path, suffix: str) -> None:
    source = write_film(tmp_path / "a.mp4", pts=UNEVEN)
    rewrite(source, tmp_path / f"b{suffix}")
    assert times(tmp_path / f"b{suffix}") == pytest.approx(times(source), abs=0.00051)


@pytest.mark.parametrize("sounds", [[], ["aac"], ["aac", "libmp3lame"]])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_is_copied_byte_for_byte(tmp_path: Path, sounds: list[str], suffix: str) -> None:
    source = write_film(tmp_path / "a.mp4", sounds=sounds)
    rewrite(source, tmp_path / f"b{suffix}")
    before, after = sound_packets(source), sound_packets(tmp_path / f"b{suffix}")
    assert len(after) == len(before) == len(sounds)
    for old, new in zip(before, after, strict=True):
        assert len(old) >= 19
        assert [content for _, content in new] == [content for _, content in old]
        assert [at for at, _ in new] == pytest.approx([at for at, _ in old], abs=0.001)


@pytest.mark.parametrize("flags", [(1, 0, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0)])
def test_rotation_is_kept(tmp_path: Path, flags: tuple[int, ...]) -> None:
    orientation = Orientation(*map(bool, flags))
    source = write_film(tmp_path / "a.mp4", matrix=orientation.matrix)
    rewrite(source, tmp_path / "b.mp4")
    with open_video(source) as before, open_video(tmp_path / "b.mp4") as after:
        assert after.orientation == before.orientation == orientation
        old, new = next(before.frames()).image(), next(after.frames()).image()
    assert new.shape == old.shape
    assert new[3:8, 3:8].mean(axis=(0, 1)) == pytest.approx([0, 255, 0], abs=30)
    difference = np.abs(new.astype(int) - old)[20:, 20:]
    assert difference.mean() < 4


def test_odd_sides_get_a_row_and_a_column(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mkv", size_wh=(63, 47), pix_fmt="yuv444p")
    for paint in (True, False):
        rewrite(tmp_path / "a.mkv", tmp_path / "b.mp4", paint=paint)
        with open_video(tmp_path / "b.mp4") as video:
            assert video.size_wh == (64, 48)
            image = next(video.frames()).image()
        assert np.abs(image[-1].astype(int) - image[-2]).mean() < 3


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pix_fmt="yuv420p10le")
    rewrite(tmp_path / "a.mp4", tmp_path / "b.mp4")
    with open_video(tmp_path / "b.mp4") as video:
        frame = next(video.frames())
    assert frame.raw.format.name == "yuv420p"
    assert frame.image()[-5:].mean() == pytest.approx(60, abs=3)


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"old")

    def stop_in_the_middle() -> None:
        with (
            open_video(source) as video,
            VideoWriter(tmp_path / "b.mp4", video.size_wh, video.time_base) as out,
        ):
            for frame in video.frames():
                out.write(frame)
                if frame.number == 5:
                    raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stop_in_the_middle()
    assert (tmp_path / "b.mp4").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_sound_that_does_not_fit_and_unknown_kinds_are_named(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mkv", sounds=["pcm_s16le"])
    with pytest.raises(VideoError, match=r"b.webm cannot hold the sound of .*pcm_s16le.*\.mkv"):
        rewrite(source, tmp_path / "b.webm")
    assert not (tmp_path / "b.webm").exists()
    with pytest.raises(VideoError, match=r"must end in \.m4v, \.mkv, \.mov, \.mp4 or \.webm"):
        rewrite(source, tmp_path / "b.flv")
