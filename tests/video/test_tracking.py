"""Tracks over time, measured by a public implementation of IDF1 and HOTA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from facesmith.faces import Faces
from facesmith.video import FrameFaces, LiveTracker, TrackConfig, collect_tracks, track
from facesmith.video.kalman import KalmanBoxes, as_boxes, measured
from made_tracks import SIZE_WH, Scene, make, metrics, straight, waving

EVEN = np.arange(0, 10, 1 / 25)
CROSSING = [straight(50, 180, 50, 0), straight(550, 180, -50, 0)]
CROWD = [waving(60 + 70 * (k % 8), 60 + 80 * (k // 8), 20, 1.5 + 0.13 * k) for k in range(32)]


def hidden_while_crossing(face: int, time: float) -> float:
    return 1.0 if face == 1 and 4.6 < time < 5.4 else 0.0


def uneven() -> np.ndarray:
    return np.cumsum(np.random.default_rng(3).choice([0.01, 0.04, 0.3], 80))


# Bars below what was measured; a tracker that gives a new id to every face has an IDF1 near 0, one
# that mixes two faces up half of the time about 0.5.
@pytest.mark.parametrize(
    ("scene", "min_idf1", "min_hota"),
    [
        (make(CROSSING, EVEN), 0.99, 0.86),
        (make(CROSSING, EVEN, missed=hidden_while_crossing), 0.99, 0.86),
        (make(CROSSING, np.arange(0, 10, 0.1), missed=hidden_while_crossing), 0.99, 0.86),
        (make(CROWD, EVEN[:50], missed=lambda _, __: 0.1), 0.97, 0.85),
        (make(CROWD, np.arange(0, 6, 0.2), missed=lambda _, __: 0.1), 0.97, 0.84),
        (make([straight(50, 100, 40, 0)], EVEN, faint=lambda _, time: time < 5), 0.99, 0.86),
        (make([waving(300, 180, 60, 1.5)], EVEN, missed=lambda _, __: 0.1), 0.98, 0.85),
        (make([CROSSING[0], waving(300, 300, 40, 3)], uneven()), 0.98, 0.85),
        (make([straight(60, 90, 40, 0)], EVEN, missed=lambda _, __: 0.3, false_boxes=0.02),
         0.85, 0.75),
    ],
    ids=["crossing", "hidden", "10 a second", "crowd", "crowd 5 a second", "faint at first",
         "swinging", "uneven times", "false boxes"],
)  # fmt: skip
def test_tracks_follow_the_faces(scene: Scene, min_idf1: float, min_hota: float) -> None:
    pytest.importorskip("trackeval")
    found = metrics(scene, list(track(scene.frames)))
    assert found["IDF1"] >= min_idf1
    assert found["HOTA"] >= min_hota


def test_the_public_metric_is_asked_rightly() -> None:
    """Two faces that swap their ids half way: by hand IDTP = half of all, so IDF1 = 0.5.

    HOTA with perfect boxes: DetA = 1, and each face has A = 1/2 / (1/2 + 1/2 + 1/2) = 1/3 for
    either id, so HOTA = sqrt(1/3).
    """
    pytest.importorskip("trackeval")
    scene = make([straight(100, 100, 0, 0), straight(400, 100, 0, 0)], EVEN[:100], noise=0)
    tracked = [
        FrameFaces(f.number, f.time, SIZE_WH, f.faces, np.array([1, 2] if k < 50 else [2, 1]))
        for k, f in enumerate(scene.frames)
    ]
    found = metrics(scene, tracked)
    assert found["IDF1"] == pytest.approx(0.5)
    assert found["HOTA"] == pytest.approx(np.sqrt(1 / 3), abs=1e-6)
    assert found["switches"] == 2


def test_both_ways_beat_forwards_alone() -> None:
    pytest.importorskip("trackeval")
    scene = make(
        [waving(300, 180, 50, 2.2), straight(50, 60, 40, 0)], EVEN,
        missed=lambda face, time: float(face == 0 and time % 2 < 0.6),
        faint=lambda face, time: face == 1 and time < 5,
    )  # fmt: skip
    live = LiveTracker()
    forwards = metrics(scene, [live.update(frame) for frame in scene.frames])
    both = metrics(scene, list(track(scene.frames)))
    assert both["IDF1"] > forwards["IDF1"] + 0.1
    assert both["ids"] <= forwards["ids"]


def one_face(
    times: Sequence[float], seen: Sequence[bool], *, speed: float = 0.0
) -> list[FrameFaces]:
    frames = []
    for number, (time, there) in enumerate(zip(times, seen, strict=True)):
        box = np.float32([[100 + speed * time, 100, 140 + speed * time, 150]])
        faces = Faces(box, np.float32([0.9])) if there else Faces.empty()
        frames.append(FrameFaces(number, time, SIZE_WH, faces))
    return frames


def test_a_gap_is_filled_in_a_straight_line_by_time() -> None:
    """At 0.1 s of 0.5 s the box has gone a fifth of the way."""
    times = [0.0, 0.04, 0.08, 0.18, 0.4, 0.58, 0.62]
    frames = one_face(times, [True, True, True, False, False, True, True], speed=50)
    tracked = list(track(frames))
    assert [frame.filled.tolist() for frame in tracked] == [
        [False], [False], [False], [True], [True], [False], [False]
    ]  # fmt: skip
    for frame in tracked:
        assert frame.faces.boxes[0] == pytest.approx(
            [100 + 50 * frame.time, 100, 140 + 50 * frame.time, 150], abs=0.01
        )
    assert {int(frame.tracks[0]) for frame in tracked} == {1}


@pytest.mark.parametrize(("gap", "n_tracks"), [(0.9, 1), (1.2, 2)])
@pytest.mark.parametrize("rate", [10, 50])
def test_gaps_are_counted_in_seconds_whatever_the_rate(
    gap: float, n_tracks: int, rate: int
) -> None:
    times = np.arange(0, 3, 1 / rate)
    tracked = list(track(one_face(times, [not 1 <= t < 1 + gap for t in times])))
    assert len(collect_tracks(tracked)) == n_tracks
    middle = tracked[int((1 + gap / 2) * rate)]
    assert len(middle.faces) == (1 if n_tracks == 1 else 0)


def test_ends_are_held_where_the_face_was_going() -> None:
    times = np.arange(0, 2, 0.04)
    tracked = list(track(one_face(times, [0.8 <= t < 1.2 for t in times], speed=50)))
    shown = [frame for frame in tracked if len(frame.faces)]
    assert shown[0].time == pytest.approx(0.6, abs=0.02)
    assert shown[-1].time == pytest.approx(1.36, abs=0.02)
    assert shown[0].filled[0]
    assert shown[-1].filled[0]
    for frame in shown:
        assert frame.faces.boxes[0, 0] == pytest.approx(100 + 50 * frame.time, abs=0.1)
    none = list(track(one_face(times, [0.8 <= t < 1.2 for t in times]), TrackConfig(hold=0)))
    assert not any(frame.filled.any() for frame in none)


def test_a_held_box_outside_the_frame_is_cut_or_left_out() -> None:
    frames = []
    for number, time in enumerate(np.arange(0, 2, 0.04)):
        box = np.float32([[60 + 100 * time, 50, 100 + 100 * time, 90]])
        faces = Faces(box, np.float32([0.9])) if time < 1.0 else Faces.empty()
        frames.append(FrameFaces(number, time, (200, 200), faces))
    boxes = np.concatenate([frame.faces.boxes for frame in track(frames)])
    assert boxes[:, 2].max() == 200


def test_no_track_goes_over_a_cut() -> None:
    frames = one_face(EVEN[:50], [k not in (24, 25) for k in range(50)])
    frames[25] = FrameFaces(25, frames[25].time, SIZE_WH, Faces.empty(), cut=True)
    tracked = list(track(frames))
    assert [int(frame.tracks[0]) for frame in tracked] == [1] * 25 + [2] * 25
    assert tracked[25].cut
    # both are held, and nothing is put between
    assert tracked[24].filled[0]
    assert tracked[25].filled[0]
    live = LiveTracker()
    assert [live.update(frame).tracks.tolist() for frame in frames][26:] == [[2]] * 24


def test_low_scores_go_on_with_tracks_and_begin_none() -> None:
    face = np.float32([[100, 100, 140, 150]])
    scores = [0.3, 0.3, 0.9, 0.3, 0.1, 0.3]
    frames = [
        FrameFaces(n, n / 25, SIZE_WH, Faces(face, np.float32([score])))
        for n, score in enumerate(scores)
    ]
    both = list(track(frames))
    assert [frame.tracks.tolist() for frame in both] == [[1]] * 6
    assert [bool(frame.filled[0]) for frame in both] == [False] * 4 + [True, False]
    live = LiveTracker(TrackConfig(hold=0))
    assert [live.update(frame).tracks.tolist() for frame in frames] == [[], [], [1], [1], [], [1]]
    faint = [frames[0], frames[1], frames[3]]
    assert all(len(frame.faces) == 0 for frame in track(faint))


@pytest.mark.parametrize("every", [3, 40])
def test_frames_that_were_not_looked_at_are_filled(every: int) -> None:
    """Also where looks are more than `max_gap` apart: 40 frames are 1.6 seconds."""
    frames = []
    for frame in one_face(EVEN[:201], [True] * 201, speed=20):
        looked = frame.number % every == 0
        faces = frame.faces if looked else Faces.empty()
        frames.append(FrameFaces(frame.number, frame.time, SIZE_WH, faces, looked=looked))
    tracked = list(track(frames))
    last = 200 // every * every
    for frame in tracked[: last + 1]:
        assert frame.tracks.tolist() == [1]
        assert bool(frame.filled[0]) == (frame.number % every != 0)
        assert frame.faces.boxes[0, 0] == pytest.approx(100 + 20 * frame.time, abs=0.05)


def test_ids_stay_over_the_borders_of_windows() -> None:
    """Two and a half minutes, a minute at a time; frames come out long before the end."""
    times = np.arange(0, 150, 0.1)
    paths = [waving(100 + 60 * k, 100 + 20 * k, 20, 5 + k) for k in range(6)]
    scene = make(paths, times, missed=lambda _, __: 0.15)
    taken = []

    def counted():  # type: ignore[no-untyped-def]
        for frame in scene.frames:
            taken.append(frame.number)
            yield frame

    behind, tracked = [], []
    for frame in track(counted()):
        behind.append(taken[-1] - frame.number)
        tracked.append(frame)
    assert [frame.number for frame in tracked] == list(range(len(times)))
    assert max(behind) <= 10 * 75
    assert len(collect_tracks(tracked)) == 6
    for one in collect_tracks(tracked):
        assert all(b - a == 1 for a, b in pairwise(one.numbers.tolist()))


def test_frames_with_the_same_time_do_not_pile_up() -> None:
    frames = (FrameFaces(n, 0.0, SIZE_WH, Faces.empty()) for n in range(21_000))
    numbers = [frame.number for frame in track(frames)]
    assert numbers == list(range(21_000))


def test_times_that_fall_are_refused() -> None:
    frames = one_face([0.0, 0.2, 0.1], [True] * 3)
    with pytest.raises(ValueError, match="Times must not fall; frame 2"):
        list(track(frames))
    live = LiveTracker()
    live.update(frames[1])
    with pytest.raises(ValueError, match="Times must not fall"):
        live.update(frames[0])


def test_nothing_gives_nothing() -> None:
    assert list(track([])) == []
    (frame,) = track([FrameFaces(0, 0.0, SIZE_WH, Faces.empty())])
    assert len(frame.faces) == len(frame.tracks) == 0
    assert collect_tracks([frame]) == []


def test_collected_tracks_have_what_the_frames_have() -> None:
    scene = make(CROSSING, EVEN[:50])
    tracked = list(track(scene.frames))
    first, second = collect_tracks(tracked)
    assert (first.id, second.id) == (1, 2)
    assert len(first) == 50
    assert first.times == pytest.approx(EVEN[:50])
    for k, frame in enumerate(tracked):
        index = frame.tracks.tolist().index(1)
        assert (frame.faces.boxes[index] == first.boxes[k]).all()
        assert frame.faces.scores[index] == first.scores[k]


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"high_score": 2.0}, {"low_score": 0.9}, {"max_gap": -1.0}, {"hold": 11.0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            TrackConfig(**settings)
    assert TrackConfig(high_score=0.6).lowest == pytest.approx(0.2)
    with pytest.raises(ValueError, match="`tracks` must have shape"):
        FrameFaces(0, 0.0, SIZE_WH, Faces.empty(), np.array([1]))


def test_the_filter_is_the_textbook_one() -> None:
    """The same steps with the full 8x8 matrices of the textbook."""
    random = np.random.default_rng(0)
    box = np.array([100.0, 100, 140, 160])
    ours = KalmanBoxes()
    ours.add(box[None])
    size = float(np.sqrt(40 * 60))
    unit = np.array([size, size, 1, 1])
    noise = np.array([0.06, 0.06, 0.08, 0.08]) * unit
    state = np.concatenate([measured(box[None])[0], np.zeros(4)])
    covariance = np.diag(np.concatenate([noise**2, (np.array([2, 2, 0.5, 0.5]) * unit) ** 2]))
    see = np.eye(4, 8)
    for seconds in (0.04, 0.3, 0.01):
        unit = np.array([*[np.exp(state[2:4].mean())] * 2, 1, 1])
        move = np.eye(8) + seconds * np.eye(8, k=4)
        jolt = np.diag(np.array([4, 4, 0.25, 0.25]) * unit**2)
        process = np.block([[jolt * seconds**3 / 3, jolt * seconds**2 / 2],
                            [jolt * seconds**2 / 2, jolt * seconds]])  # fmt: skip
        state, covariance = move @ state, move @ covariance @ move.T + process
        box = box + random.normal(0, 3, 4)
        unit = np.array([*[np.exp(state[2:4].mean())] * 2, 1, 1])
        noise = np.array([0.06, 0.06, 0.08, 0.08]) * unit
        gain = covariance @ see.T @ np.linalg.inv(see @ covariance @ see.T + np.diag(noise**2))
        state = state + gain @ (measured(box[None])[0] - see @ state)
        covariance = (np.eye(8) - gain @ see) @ covariance
        ours.predict(seconds)
        ours.update(np.array([0]), box[None])
        assert ours.position[0] == pytest.approx(state[:4], abs=1e-9)
        assert ours.velocity[0] == pytest.approx(state[4:], abs=1e-9)
    assert as_boxes(measured(box[None]))[0] == pytest.approx(box, abs=1e-4)


def test_frames_come_out_within_the_time_that_may_be_looked_ahead() -> None:
    taken: list[float] = []
    face = Faces(np.float32([[10, 10, 30, 34]]), np.float32([0.9]))

    def frames() -> Iterator[FrameFaces]:
        for n in range(250):
            taken.append(n / 25)
            yield FrameFaces(n, n / 25, (64, 48), face)

    behind = [(taken[-1] - each.time, each) for each in track(frames(), ahead=1.0)]
    assert [each.number for _, each in behind] == list(range(250))
    assert max(late for late, _ in behind) <= 1.05
    assert {tuple(each.tracks.tolist()) for _, each in behind} == {(1,)}
    with pytest.raises(ValueError, match="ahead"):
        list(track([], ahead=0))
