"""The leak rate of programs that cover faces: films with known gaps give known figures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

av = pytest.importorskip("av")

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.errors import EvaluationError  # noqa: E402
from facesmith.evaluation.leaks.camera import CameraPath, Pose  # noqa: E402
from facesmith.evaluation.leaks.config import FilmsConfig  # noqa: E402
from facesmith.evaluation.leaks.covered import film_coverage, frame_coverage  # noqa: E402
from facesmith.evaluation.leaks.figures import LeakFigures, Measured, leak_figures  # noqa: E402
from facesmith.evaluation.leaks.making import make_films  # noqa: E402
from facesmith.evaluation.leaks.measuring import GREEN, measure  # noqa: E402
from facesmith.evaluation.leaks.programs import parse_program  # noqa: E402
from facesmith.evaluation.leaks.scenes import Scene, fills_row, single, wall  # noqa: E402
from facesmith.evaluation.leaks.truth import (  # noqa: E402
    TrueFilm,
    TrueFrame,
    read_truth,
    share_in_view,
    true_frame,
    write_truth,
)
from facesmith.video import open_video  # noqa: E402
from made_films import STEADY, write_film  # noqa: E402

WIDTH, HEIGHT = 160, 96
FIRST, SECOND = (20, 20, 60, 60), (100, 30, 140, 70)
BOXES = np.array([FIRST, SECOND], np.float64)
BGR = GREEN[::-1]
SMALL = FilmsConfig(1, 1.6, 4, (320, 180))
Box = tuple[int, int, int, int]


def grey() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 120, np.uint8)


def with_boxes(*boxes: Box) -> np.ndarray:
    image = grey()
    for x_min, y_min, x_max, y_max in boxes:
        image[y_min:y_max, x_min:x_max] = BGR
    return image


def film_of(folder: Path) -> TrueFilm:
    """Ten frames with two faces that stay where they are."""
    path = write_film(folder / "film-00.mp4", [grey()] * 10, STEADY)
    ids, counts = np.array([1, 2]), np.ones(2, bool)
    frames = [TrueFrame(n / 25, BOXES, ids, counts) for n in range(10)]
    return TrueFilm(path, (WIDTH, HEIGHT), frames)


def covers() -> list[np.ndarray]:
    """Of the first face two frames are left, of the second a tenth in one; once it is in vain."""
    frames = [with_boxes(FIRST, SECOND) for _ in range(10)]
    frames[3] = frames[4] = with_boxes(SECOND)
    frames[8] = with_boxes(FIRST, (104, 30, 140, 70))
    frames[0] = with_boxes(FIRST, SECOND, (10, 82, 30, 92))
    return frames


def figures_of(
    film: TrueFilm, images: Sequence[np.ndarray], pts: Sequence[int] = STEADY
) -> LeakFigures:
    lossless = {"crf": "0"}
    out = write_film(film.path.with_name("covered.mp4"), images, pts, options=lossless)
    coverage, times = film_coverage(film, out, GREEN)
    return leak_figures([Measured(film, coverage, times)])[0]


def test_known_gaps_give_known_figures(tmp_path: Path) -> None:
    got = figures_of(film_of(tmp_path), covers())
    assert (got.face_frames, got.tracks, got.tracks_uncovered) == (20, 2, 2)
    assert got.covered == 17 / 20
    assert (got.longest, got.longest_seconds) == (2, 0.08)
    assert got.flicker == 4 / 18  # each face has 9 pairs of frames; both change twice
    assert got.vain_of_picture == 200 / (10 * WIDTH * HEIGHT)
    assert got.vain_of_covered == 200 / (200 + 8 * 1600 + 9 * 1600 + 1440)
    assert (got.frames, got.frames_out, got.missing, got.times_kept) == (10, 10, 0, 1)
    assert got.by_kind["32 to 64 px"] == (20, 17 / 20)
    assert got.by_kind["still"] == (20, 17 / 20)


def test_leaks_are_named_the_longest_first(tmp_path: Path) -> None:
    film = film_of(tmp_path)
    out = write_film(tmp_path / "covered.mp4", covers(), options={"crf": "0"})
    _, leaks = leak_figures([Measured(film, *film_coverage(film, out, GREEN))])
    assert [(leak.track, leak.first, leak.frames, leak.hidden) for leak in leaks] == [
        (1, 3, 2, 0.0),
        (2, 8, 1, 0.9),
    ]
    assert leaks[0].box == FIRST


def test_a_frame_that_is_missing_covers_nothing(tmp_path: Path) -> None:
    whole = [with_boxes(FIRST, SECOND)] * 10
    got = figures_of(film_of(tmp_path), whole[:5] + whole[7:], STEADY[:5] + STEADY[7:])
    assert (got.missing, got.frames_out, got.times_kept) == (2, 8, 0)
    assert got.covered == 16 / 20
    assert (got.longest, got.tracks_uncovered) == (2, 2)


def test_frames_are_paired_by_their_times(tmp_path: Path) -> None:
    """A film that begins a little later shows the same; one with a frame twice is told."""
    later = [stamp + 900 for stamp in STEADY]
    got = figures_of(film_of(tmp_path), covers(), later)
    assert (got.covered, got.missing, got.times_kept) == (17 / 20, 0, 0)
    twice = [*STEADY, STEADY[-1] + 3600]
    got = figures_of(film_of(tmp_path), [*covers(), grey()], twice)
    assert (got.covered, got.frames_out, got.times_kept) == (17 / 20, 11, 0)


def test_covers_survive_encoding_at_a_low_quality(tmp_path: Path) -> None:
    film = film_of(tmp_path)
    out = write_film(tmp_path / "covered.mp4", covers(), options={"crf": "32"})
    got, _ = leak_figures([Measured(film, *film_coverage(film, out, GREEN))])
    assert got.covered == 17 / 20


def test_what_had_the_colour_before_is_not_judged() -> None:
    truth = TrueFrame(0.0, BOXES, np.array([1, 2]), np.ones(2, bool))
    before = with_boxes((20, 20, 30, 60), (100, 30, 130, 70))  # a quarter, and three quarters
    got = frame_coverage(truth, before, before, GREEN)
    assert got.hidden[0] == 0
    assert np.isnan(got.hidden[1])
    assert (got.covered, got.in_vain) == (0, 0)
    half = frame_coverage(truth, before, with_boxes((20, 20, 45, 60)), GREEN)
    assert half.hidden[0] == 0.5  # columns 30 to 45 of 30 to 60


def test_another_size_is_an_error(tmp_path: Path) -> None:
    out = write_film(tmp_path / "covered.mp4", [np.zeros((48, 64, 3), np.uint8)] * 10)
    with pytest.raises(EvaluationError, match=r"64x48 pixels, the film 160x96"):
        film_coverage(film_of(tmp_path), out, GREEN)


@pytest.mark.parametrize("pose", [Pose(150, 90, 1.0, 0.0), Pose(140, 80, 0.6, 0.3),
                                  Pose(160, 100, 1.2, -0.35)])  # fmt: skip
def test_boxes_are_around_what_the_camera_shows(pose: Pose) -> None:
    """Compared with the pixels of a drawn ellipse, seen through the same camera."""
    size_wh = (280, 230)
    box = np.array([[130.0, 60.0, 190.0, 140.0]])
    image = Image.new("RGB", (300, 200))
    ImageDraw.Draw(image).ellipse([130, 60, 189, 139], fill="white")
    scene = Scene(image, box.astype(np.float32), np.ones(1, bool))
    shown = np.asarray(pose.view(scene, size_wh))[..., 0] > 127
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert pose.boxes(box, size_wh)[0] == pytest.approx(seen, abs=1.2)


def test_the_camera_stays_within_the_scene() -> None:
    scene = Scene(Image.new("RGB", (500, 400)), np.zeros((0, 4), np.float32), np.zeros(0, bool))
    corners = np.array([[0, 0], [320, 0], [0, 180], [320, 180]], float) - [160, 90]
    for seed in range(30):
        path = CameraPath(scene, (320, 180), 2.0, np.random.default_rng(seed))
        for time in np.linspace(0, 2, 9):
            pose = path.at(float(time))
            cos, sin = np.cos(pose.angle), np.sin(pose.angle)
            placed = corners @ (pose.zoom * np.array([[cos, sin], [-sin, cos]]))
            placed += [pose.x, pose.y]
            assert placed.min() > -0.01
            assert (placed <= [500.01, 400.01]).all()


def test_faces_count_by_size_and_share_in_view() -> None:
    boxes = np.array([[0, 0, 20, 20], [-11, 0, 9, 20], [-9, 0, 11, 20], [0, 0, 9, 9],
                      [50, 50, 70, 70], [200, 0, 220, 20]], float)  # fmt: skip
    faces = np.array([True, True, True, True, False, True])
    got = true_frame(0.0, boxes, np.arange(6), faces, (100, 100), 10.0)
    assert got.tracks.tolist() == [0, 1, 2, 3, 4]
    assert got.counts.tolist() == [True, False, True, False, False]
    assert share_in_view(boxes[1:2], (100, 100)) == pytest.approx([9 / 20])


@pytest.fixture
def green_faces(tmp_path: Path) -> list[AnnotatedPhoto]:
    """Photos of grey noise, each with one green ellipse as its face."""
    photos = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        noise = Image.fromarray(rng.integers(60, 160, (12, 16), np.uint8)).convert("RGB")
        image = noise.resize((200, 150), Image.Resampling.BICUBIC)
        left, top = (int(each) for each in rng.integers(20, 90, 2))
        ImageDraw.Draw(image).ellipse([left, top, left + 39, top + 49], fill=GREEN)
        path = tmp_path / f"{seed}.png"
        image.save(path)
        box = np.array([[left, top, left + 40, top + 50]], np.float32)
        photos.append(AnnotatedPhoto(path, box, np.zeros(1, bool), path.name, 200, 150))
    return photos


def test_faces_of_made_films_are_where_they_are_said_to_be(
    green_faces: list[AnnotatedPhoto], tmp_path: Path
) -> None:
    [film] = make_films(green_faces, tmp_path, SMALL)
    seen = 0
    with open_video(str(film.path)) as video:
        for frame, truth in zip(video.frames(), film.frames, strict=True):
            assert frame.time == pytest.approx(truth.time, abs=1e-6)
            image = frame.image().astype(int)
            green = image[..., 1] - image[..., [0, 2]].max(axis=2) > 60
            for i in np.flatnonzero(truth.counts):
                x_min, y_min, x_max, y_max = truth.boxes[i]
                alone = share_in_view(truth.boxes[i : i + 1], film.size_wh)[0] == 1
                if not alone:
                    continue
                place = green[round(y_min) : round(y_max), round(x_min) : round(x_max)]
                assert place.mean() == pytest.approx(np.pi / 4, abs=0.12)
                seen += 1
    assert seen > 3


def test_the_seed_decides_the_films(green_faces: list[AnnotatedPhoto], tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        folder = tmp_path / name
        folder.mkdir()
        [film] = make_films(green_faces, folder, FilmsConfig(1, 0.4, seed, (128, 72), 10))
        texts.append(film.path.with_suffix(".json").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_faces_of_a_wall_lie_in_their_photos(green_faces: list[AnnotatedPhoto]) -> None:
    row = green_faces[:2]
    assert not fills_row(row[:1], (320, 180))
    for scene in (wall([row, green_faces[2:5]], (320, 180)), single(green_faces[0], (320, 180))):
        pixels = np.asarray(scene.image).astype(int)
        for x_min, y_min, x_max, y_max in scene.boxes.round().astype(int).tolist():
            part = pixels[y_min:y_max, x_min:x_max]
            green = part[..., 1] - part[..., 0] > 60
            assert green.mean() == pytest.approx(np.pi / 4, abs=0.06)


def test_films_without_any_face_are_an_error(tmp_path: Path) -> None:
    photo = AnnotatedPhoto(
        tmp_path / "a.png", np.zeros((0, 4), np.float32), np.zeros(0, bool), "a.png", 10, 10
    )
    with pytest.raises(EvaluationError, match="No photo has a face"):
        make_films([photo], tmp_path)


def test_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    film = film_of(tmp_path)
    path = tmp_path / "film-00.json"
    write_truth(film, path)
    read = read_truth(path)
    assert (read.path, read.size_wh, len(read.frames)) == (film.path, film.size_wh, 10)
    assert np.array_equal(read.frames[3].boxes, BOXES)
    assert read.frames[3].time == pytest.approx(0.12)
    path.write_text('{"film": "film-00.mp4", "size_wh": [1], "frames": []}')
    with pytest.raises(EvaluationError, match="does not hold the faces of a film"):
        read_truth(path)


def program(body: str, words: str = "{input} {output}", name: str = "other") -> str:
    return f"{name}={shlex.quote(sys.executable)} -c {shlex.quote(body)} {words}"


COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
BUSY = f"import time\nwhile time.process_time() < 0.5: pass\n{COPY}"


def test_programs_run_on_each_film_and_their_time_is_taken(tmp_path: Path) -> None:
    film = film_of(tmp_path)
    programs = [parse_program(program(COPY, name="idle")), parse_program(program(BUSY))]
    told: list[int] = []
    results = measure(
        [film],
        programs,
        tmp_path,
        keep=True,
        on_film=lambda so_far: told.append(so_far["idle"].figures.frames),
    )
    assert told == [10]
    assert results["other"].figures.covered == 0
    assert results["other"].figures.longest == 10
    kinds = results["other"].to_dict()["by_kind"]
    assert kinds["below 32 px"] == {"face_frames": 0, "covered": None}
    assert results["other"].seconds >= 0.05
    if sys.platform != "win32":
        idle, busy = results["idle"].cpu_seconds, results["other"].cpu_seconds
        assert idle is not None
        assert busy is not None
        assert busy >= 0.05 > idle / 10  # 0.5 seconds in 10 frames
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.mp4"))
    assert kept == ["covered/idle/film-00.mp4", "covered/other/film-00.mp4", "film-00.mp4"]
    assert not list(tmp_path.glob(".run*"))


@pytest.mark.parametrize(
    ("body", "message"),
    [("import sys; sys.exit('no luck')", r"failed at film-00.mp4 with exit code 1: no luck"),
     ("print('hm')", r"did not write .*It said: hm")],
)  # fmt: skip
def test_a_program_that_fails_is_an_error(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        measure([film_of(tmp_path)], [parse_program(program(body))], tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("deface", "expected NAME=COMMAND"), ("a=b {input}", r"must contain \{input\}"),
     ("a=b {output}", "must contain"), ("a/b=c {input} {output}", "without blanks and slashes"),
     ("a=b 'c {input} {output}", "Check the quotes")],
)  # fmt: skip
def test_programs_are_named_with_a_command(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        parse_program(text)


@pytest.mark.parametrize(
    "values",
    [{"n_films": 0}, {"seconds": 121}, {"size_wh": (63, 64)}, {"rate": 0}, {"crf": 52},
     {"min_height": 0.5}],
)  # fmt: skip
def test_films_that_cannot_be_made_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        FilmsConfig(**values)  # type: ignore[arg-type]
