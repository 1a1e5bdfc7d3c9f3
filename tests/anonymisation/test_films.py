"""Films with their faces covered: pixels, times, sound, rotation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from facesmith.anonymisation import CoverConfig  # noqa: E402
from facesmith.anonymisation.choosing import Choice  # noqa: E402
from facesmith.anonymisation.film_job import FilmJob  # noqa: E402
from facesmith.anonymisation.film_left import SecondLook  # noqa: E402
from facesmith.anonymisation.film_notes import FilmNotes, FrameBoxes  # noqa: E402
from facesmith.anonymisation.films import (  # noqa: E402
    CoveredFrame,
    FilmConfig,
    film_name,
    tracks_that_miss_little,
)
from facesmith.anonymisation.verifying import VerifyConfig  # noqa: E402
from facesmith.detection import load_detector  # noqa: E402
from facesmith.errors import VideoError  # noqa: E402
from facesmith.faces import Faces  # noqa: E402
from facesmith.video import FrameFaces, LookConfig, VideoFrame, open_video  # noqa: E402
from made_films import STEADY, UNEVEN, sound_packets, write_film  # noqa: E402
from spot_detector import spots  # noqa: E402

RED = CoverConfig(colour=(200, 0, 0))
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)  # stored lying on its side


@pytest.fixture(scope="module")
def detector(spot_weights: Path) -> Any:
    return load_detector(spot_weights)


def images(n: int, *corners: tuple[int, int]) -> list[np.ndarray]:
    return [spots(160, 120, *corners)] * n


def cover(
    detector: Any,
    film: Path,
    folder: Path,
    verify: VerifyConfig | None = None,
    problems: list[str] | None = None,
    **changes: Any,
) -> tuple[dict[str, Any], list[dict[str, Any]], Path]:
    folder.mkdir(exist_ok=True)
    tracking = tracks_that_miss_little(detector)
    options = {"cover": RED, "tracking": tracking, "look": LookConfig(tracking.lowest), **changes}
    job = FilmJob(detector, FilmConfig(**options), folder, verify)
    lines = list(job.cover(str(film), film_name(film.name)))
    if problems is not None:
        problems += job.problems
    return job.result(), lines, folder / film_name(film.name)


def shown(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return [frame.image() for frame in video.frames()]


def times(path: Path) -> list[Fraction]:
    with open_video(path) as video:
        return [frame.pts * frame.time_base for frame in video.frames()]


def test_faces_are_covered_and_the_rest_stays(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "a.mp4", images(10, (40, 32)), STEADY, size_wh=(160, 120))
    result, lines, out = cover(detector, film, tmp_path / "out")
    assert len(lines) == 10
    assert lines[0]["faces"][0]["box"] == [24.8, 16.8, 63.2, 55.2]  # a tenth wider
    for before, after in zip(shown(film), shown(out), strict=True):
        # 32 pixels and a fifth of that on each side: from (21.6, 13.6) to (66.4, 58.4).
        assert (np.abs(after[16:56, 24:64].astype(int) - (0, 0, 200)) < 16).all()
        assert np.abs(after[70:].astype(int) - before[70:]).max() <= 6
    assert result["film"] | {"doubtful": 0} == {
        "frames": 10, "seconds": 0.36, "tracks": 1, "boxes": 10, "doubtful": 0,
        "looked_again": 0,
    }  # fmt: skip


def test_a_gap_is_filled_and_the_ends_are_held(tmp_path: Path, detector: Any) -> None:
    stamps = [3600 * n for n in range(40)]  # 25 a second
    empty, face = images(1)[0], images(1, (40, 32))[0]
    seen = [*[False] * 15, *[True] * 4, *[False] * 5, True, *[False] * 15]
    pictures = [face if each else empty for each in seen]
    film = write_film(tmp_path / "a.mp4", pictures, stamps, size_wh=(160, 120))
    _, lines, out = cover(detector, film, tmp_path / "out")
    covered = [bool(line["faces"]) for line in lines]
    # Held for 0.3 s, which is 7.5 frames: from frame 8 to frame 31.
    assert covered == [8 <= n <= 31 for n in range(40)]
    assert [shown(out)[n][36, 44, 2] > 150 for n in (7, 8, 20, 31, 32)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert lines[20]["faces"][0]["filled"] is True
    assert lines[20]["faces"][0]["box"] == [24.8, 16.8, 63.2, 55.2]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_and_sound_stay(tmp_path: Path, detector: Any, suffix: str) -> None:
    film = write_film(
        tmp_path / f"a{suffix}",
        images(len(UNEVEN), (40, 32)),
        UNEVEN,
        size_wh=(160, 120),
        sounds=["aac"],
    )
    _, _, out = cover(detector, film, tmp_path / "out")
    assert times(out) == times(film)
    assert sound(out) == sound(film)
    assert sound(film)


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(audio=0) if packet.size]


PHONE = (0, 3003, 6006, 9100, 12_005, 18_000, 18_001, 30_030, 45_000, 47_777)  # 1/90000 s


@pytest.mark.parametrize(
    ("suffix", "sounds"),
    [(".mp4", ["aac"]), (".mov", ["aac", "aac"]), (".mkv", ["libopus", "aac", "libopus"])],
)
def test_a_phone_s_clip_keeps_each_time_stamp_and_its_sound_to_the_byte(
    tmp_path: Path, detector: Any, suffix: str, sounds: list[str]
) -> None:
    stored = [np.rot90(spots(160, 120, (40, 32)))] * len(PHONE)  # 120x160, lying on its side
    film = write_film(
        tmp_path / f"a{suffix}", stored, PHONE, size_wh=(120, 160), sounds=sounds, matrix=TURNED
    )
    _, lines, out = cover(detector, film, tmp_path / "out")
    given = times(film)
    assert times(out) == given
    if suffix != ".mkv":  # which counts in milliseconds
        assert given == [Fraction(stamp, 90_000) for stamp in PHONE]
    assert len(set(np.diff([float(each) for each in given]).round(4).tolist())) > 5
    before, after = sound_packets(film), sound_packets(out)
    assert [len(each) for each in after] == [len(each) for each in before]
    assert len(after) == len(sounds)
    assert all(len(each) >= 10 for each in after)
    assert after == before  # times and bytes of every packet
    with open_video(film) as source, open_video(out) as written:
        assert written.orientation == source.orientation
        assert written.orientation.degrees in (90, 270)
    assert [len(line["faces"]) for line in lines] == [1] * len(PHONE)


def test_streams_that_are_left_out_are_named(tmp_path: Path, detector: Any) -> None:
    plain = write_film(tmp_path / "plain.mkv", images(3, (40, 32)), STEADY[:3], sounds=["aac"])
    titles = tmp_path / "a.srt"
    titles.write_text("1\n00:00:00,000 --> 00:00:00,100\nGPS 48.1, 11.5\n\n")
    with_titles = tmp_path / "a.mkv"
    with (
        av.open(str(plain)) as film,
        av.open(str(titles)) as text,
        av.open(str(with_titles), "w") as out,
    ):
        streams = {each.index: out.add_stream_from_template(each) for each in film.streams}
        written = out.add_stream_from_template(text.streams.subtitles[0])
        for packet in film.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
        for packet in text.demux():
            if packet.size:
                packet.stream = written
                out.mux(packet)
    problems: list[str] = []
    _, _, covered = cover(detector, with_titles, tmp_path / "out", problems=problems)
    assert problems == [f"{covered} lacks streams of its source: subtitle (srt)."]
    assert b"GPS" in with_titles.read_bytes()
    assert b"GPS" not in covered.read_bytes()
    assert sound_packets(covered) == sound_packets(with_titles)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_turned_films_are_covered_where_the_face_is(
    tmp_path: Path, detector: Any, pix_fmt: str
) -> None:
    upright = spots(120, 160, (40, 32))
    stored = [np.ascontiguousarray(np.rot90(upright))] * 5
    film = write_film(
        tmp_path / "a.mp4", stored, STEADY[:5], size_wh=(160, 120), matrix=TURNED, pix_fmt=pix_fmt
    )
    assert shown(film)[0].shape == (160, 120, 3)
    spot = np.argwhere(shown(film)[0][..., 0] > 200).mean(axis=0)
    _, lines, out = cover(detector, film, tmp_path / "out")
    box = lines[0]["faces"][0]["box"]
    assert np.allclose([(box[1] + box[3]) / 2, (box[0] + box[2]) / 2], spot, atol=2)
    after = shown(out)[0]
    assert after.shape == (160, 120, 3)
    assert after[..., 0].max() < 60  # no white is left
    assert after[int(spot[0]), int(spot[1]), 2] > 150


def test_a_picture_stands_upright_in_a_turned_film(tmp_path: Path, detector: Any) -> None:
    upright = spots(120, 160, (40, 32))
    stored = [np.ascontiguousarray(np.rot90(upright))] * 3
    film = write_film(tmp_path / "a.mp4", stored, STEADY[:3], size_wh=(160, 120), matrix=TURNED)
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4] = (0, 0, 220)  # red above
    look = CoverConfig("image", margin=0, picture=picture)
    _, lines, out = cover(detector, film, tmp_path / "out", cover=look)
    x_min, y_min, x_max, y_max = map(int, lines[0]["faces"][0]["box"])
    after, middle = shown(out)[0], (x_min + x_max) // 2
    assert after[y_min + 6, middle, 2] > 150
    assert after[y_max - 6, middle, 2] < 60


def test_colours_are_those_that_were_asked_for(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "a.mp4", images(3, (40, 32)), STEADY[:3], size_wh=(160, 120))
    for colour in ((255, 255, 0), (0, 0, 255), (120, 130, 140), (0, 0, 0)):
        look = CoverConfig(colour=colour)
        _, _, out = cover(detector, film, tmp_path / "out", cover=look, quality=5)
        assert np.abs(shown(out)[1][36, 44].astype(int) - colour[::-1]).max() <= 10


def test_odd_sides_are_covered_too(tmp_path: Path, detector: Any) -> None:
    odd = [spots(161, 121, (40, 32))] * 3
    film = write_film(tmp_path / "a.mkv", odd, STEADY[:3], codec="ffv1", pix_fmt="bgr0", options={})
    problems: list[str] = []
    _, _, out = cover(detector, film, tmp_path / "out", problems=problems)
    image = shown(out)[0]
    assert image[..., 0].max() < 60
    assert image.shape == (122, 162, 3)
    (told,) = problems
    assert told.startswith(f"{out} has 162x122 pixels instead of 161x121")


def test_metadata_goes(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "plain.mp4", images(3, (40, 32)), STEADY[:3], size_wh=(160, 120))
    placed = tmp_path / "a.mp4"
    with (
        av.open(str(film)) as source,
        av.open(str(placed), "w", options={"movflags": "use_metadata_tags"}) as target,
    ):
        target.metadata.update({"location": "+48.0-008.0/", "title": "At home", "make": "Cam"})
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert b"+48.0-008.0/" in placed.read_bytes()
    _, _, out = cover(detector, placed, tmp_path / "out")
    for secret in (b"+48.0-008.0", b"At home", b"Cam"):
        assert secret not in out.read_bytes()


def test_a_second_look_finds_a_face_that_was_spared(tmp_path: Path, detector: Any) -> None:
    corners = (40, 32), (120, 80)
    film = write_film(tmp_path / "a.mp4", images(10, *corners), STEADY, size_wh=(160, 120))
    choice = Choice(spared=[(100, 60, 160, 120)])
    result, lines, _ = cover(detector, film, tmp_path / "out", VerifyConfig(0.3), choice=choice)
    assert result["spared"] == 10
    assert [len(line["faces"]) for line in lines] == [1] * 10
    (left,) = result["left"]
    assert (left["frame"], left["last_frame"], left["frames"], left["time"]) == (0, 9, 10, 0.0)
    x_min, y_min, x_max, y_max = left["box"]
    assert x_min < 124 < x_max
    assert y_min < 84 < y_max
    assert result["film"]["looked_again"] == 10
    nothing, _, _ = cover(detector, film, tmp_path / "all", VerifyConfig(0.3))
    assert nothing["left"] == []
    # At steps of a tenth of a second: at 0, 0.12 and 0.24 and 0.36.
    steps, _, _ = cover(
        detector, film, tmp_path / "steps", VerifyConfig(0.3, step=0.1), choice=choice
    )
    assert steps["film"]["looked_again"] == 4
    (left,) = steps["left"]
    assert (left["frame"], left["last_frame"], left["frames"]) == (0, 9, 4)


def test_many_places_left_have_few_pictures() -> None:
    look = SecondLook()
    raw = av.VideoFrame.from_ndarray(np.zeros((60, 80, 3), np.uint8), format="bgr24")
    image = np.zeros((60, 80, 3), np.uint8)
    for number in range(450):  # too far apart to be one
        look.n_looks = 20 * number
        frame = VideoFrame(number, number, Fraction(1, 25), raw)
        look.add(frame, image, np.float32([10, 10, 20, 20]), 0.3 + number / 1000)
    assert len(look.left) == 450
    having = [each.score for each in look.left if each.picture is not None]
    assert 100 <= len(having) <= 200
    assert min(having) > 0.3 + 240 / 1000  # those of the best scores


def test_the_boxes_of_each_frame_are_kept_in_little_room() -> None:
    boxes = FrameBoxes()
    given = [np.zeros((0, 4)), np.arange(8).reshape(2, 4), np.zeros((0, 4)), np.ones((1, 4))]
    for each in given:
        boxes.append(each)
    assert len(boxes) == 4
    for number, each in enumerate(given):
        np.testing.assert_array_equal(boxes[number], each)
        assert boxes[number].dtype == np.float32
    assert boxes[4].shape == (0, 4)


def test_a_film_is_never_written_over_itself(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "a.mp4", images(3, (40, 32)), STEADY[:3], size_wh=(160, 120))
    before = film.read_bytes()
    with pytest.raises(VideoError, match="film itself"):
        cover(detector, film, tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").hardlink_to(film)
    with pytest.raises(VideoError, match="film itself"):
        cover(detector, film, tmp_path / "out")
    assert film.read_bytes() == before


def test_nothing_is_left_of_a_film_that_fails(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "a.mp4", images(10, (40, 32)), STEADY, size_wh=(160, 120))
    folder = tmp_path / "out"
    folder.mkdir()
    tracking = tracks_that_miss_little(detector)

    def fails(*_: Any) -> None:
        raise KeyboardInterrupt

    config = FilmConfig(RED, tracking, LookConfig(tracking.lowest))
    job = FilmJob(detector, config, folder, None, fails)
    with pytest.raises(KeyboardInterrupt):
        list(job.cover(str(film), "a.mp4"))
    assert list(folder.iterdir()) == []


def test_other_kinds_of_films_become_mp4(tmp_path: Path, detector: Any) -> None:
    film = write_film(
        tmp_path / "a.avi",
        images(5, (40, 32)),
        STEADY[:5],
        size_wh=(160, 120),
        unit=Fraction(1, 25),
    )
    _, _, out = cover(detector, film, tmp_path / "out")
    assert out.name == "a.avi.mp4"
    assert len(shown(out)) == 5


def test_doubtful_tracks_are_told_by_hand() -> None:
    notes = FilmNotes()
    for number in range(50):  # two seconds
        rows = [((10.0, 10.0, 30.0, 30.0), 1, 0.95)]  # all the time
        if number < 20:
            rows.append(((80.0, 50.0, 100.0, 70.0), 2, 0.9))  # ends in the middle
            rows.append(((0.0, 50.0, 12.0, 62.0), 3, 0.9))  # leaves at the border
        if 10 <= number < 14:
            rows.append(((130.0, 100.0, 150.0, 118.0), 4, 0.3))  # short, low, at the border
        boxes = np.array([row[0] for row in rows], np.float32)
        faces = Faces(boxes, np.array([row[2] for row in rows], np.float32))
        tracks = np.array([row[1] for row in rows])
        frame = FrameFaces(number, number / 25, (160, 120), faces, tracks)
        notes.add(CoveredFrame(frame, np.zeros((0, 4), np.float32)))
    told = {each["track"]: each["why"] for each in notes.doubtful(0.5)}
    assert told == {2: ["ends in mid-frame"], 4: ["short", "low score"]}


def test_covers_between_two_looks_do_not_pulse(tmp_path: Path, detector: Any) -> None:
    film = write_film(tmp_path / "a.mp4", images(10, (40, 32)), STEADY, size_wh=(160, 120))
    look = LookConfig(tracks_that_miss_little(detector).lowest, full_seconds=0.06)
    _, lines, _ = cover(detector, film, tmp_path / "out", look=look)
    faces = [line["faces"][0] for line in lines]
    assert [face["filled"] for face in faces] == [False, True] * 5
    assert {tuple(face["box"]) for face in faces} == {(24.8, 16.8, 63.2, 55.2)}
