"""Detectors side by side: figures worked by hand, turns, times, memory, sizes and pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import told_progress
from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation import footprint, plots
from facesmith.evaluation.baselines import BaselineError, DetectorName, open_baseline
from facesmith.evaluation.compare import (
    AS_THEY_ARE,
    CompareConfig,
    at_threshold,
    compare,
    face_free_figures,
    threshold_at_recall,
    timed_photos,
)
from facesmith.evaluation.compare_report import Comparison, with_footprints, write_comparison
from facesmith.evaluation.timing import Stopwatch, time_in_turns
from facesmith.faces import Faces
from facesmith.images import write_image
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall
from spot_detector import spots

FACE = (8.0, 8.0, 40.0, 40.0)
ELSEWHERE = (100.0, 60.0, 140.0, 100.0)


def faces(*rows: tuple[tuple[float, ...], float]) -> Faces:
    """Boxes with their scores."""
    table = np.float32([(*box, score) for box, score in rows]).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


class Told:
    """A baseline that answers by the first pixel of an image, and notes who is asked what."""

    modules = ("numpy",)
    weights_paths = ()

    def __init__(self, name: str, answers: dict[int, Faces], log: list[Any], own: float) -> None:
        self.name, self.answers, self.log, self.min_score = name, answers, log, own

    def __call__(self, image: np.ndarray, *, min_score: float | None = None) -> Faces:
        self.log.append((self.name, image.shape[1::-1], min_score))
        found = self.answers.get(int(image[0, 0, 0]), Faces.empty())
        return found[found.scores >= (self.min_score if min_score is None else min_score)]


def photo(folder: Path, number: int, *boxes: tuple[float, ...]) -> AnnotatedPhoto:
    """A photo of one grey, which says its number."""
    path = folder / f"{number}.png"
    write_image(path, np.full((120, 160, 3), number, np.uint8))
    table = np.float32(boxes).reshape(-1, 4)
    return AnnotatedPhoto(path, table, np.zeros(len(table), bool), path.name, 160, 120)


@pytest.fixture
def photos(tmp_path):
    return [photo(tmp_path, 1, FACE), photo(tmp_path, 2, FACE)]


@pytest.fixture
def face_free(tmp_path):
    return [photo(tmp_path, number) for number in (3, 4)]


def two_baselines(log: list[Any]) -> dict[str, Told]:
    good = {
        1: faces((FACE, 0.9)),
        2: faces((FACE, 0.6), (ELSEWHERE, 0.3)),
        3: faces((FACE, 0.7), (ELSEWHERE, 0.65)),
        4: faces((FACE, 0.1)),
    }
    poor = {1: faces((ELSEWHERE, 0.8)), 2: faces((FACE, 0.5))}
    return {"good": Told("good", good, log, 0.65), "poor": Told("poor", poor, log, 0.2)}


def test_figures_by_hand(photos, face_free):
    """Good: right at 0.9 and 0.6, wrong at 0.3. Poor: wrong at 0.8, right at 0.5."""
    log: list[Any] = []
    measured = compare(two_baselines(log), photos, face_free, CompareConfig(rounds=1))
    good, poor = measured["good"], measured["poor"]
    assert good.curves[0.5].average_precision == 1
    # Precision 1/2 at recall 1/2, the only point with a face: 1/2 * 1/2.
    assert poor.curves[0.5].average_precision == pytest.approx(1 / 4)
    own = good.at_own_threshold(0.5)  # 0.65: one of two faces, nothing false
    assert (own.precision, own.recall, own.false_per_photo) == (1, 0.5, 0)
    own = poor.at_own_threshold(0.5)  # 0.2: one face, one false box in two photos
    assert (own.precision, own.recall, own.false_per_photo) == (0.5, 0.5, 0.5)
    # Face-free: at 0.65 both boxes of photo 3; for a recall of 0.9, at 0.6, the same two.
    for figures, threshold in ((good.face_free_own, 0.65), (good.face_free_common, 0.6)):
        assert figures.threshold == pytest.approx(threshold)
        assert (figures.false_per_photo, figures.photos_with_one) == (1, 0.5)
    assert poor.face_free_own.false_per_photo == 0
    assert isnan(poor.face_free_common.false_per_photo), "it never finds nine of ten faces"


def test_each_detector_is_compared_with_the_first(photos, tmp_path):
    # Good finds the face of each photo alone; poor finds none in the odd ones, and a false box.
    photos = [photo(tmp_path, number, FACE) for number in range(24)]
    good = {number: faces((FACE, 0.9)) for number in range(24)}
    poor = {number: faces((ELSEWHERE, 0.8)) if number % 2 else good[number] for number in good}
    baselines = {
        name: Told(name, answers, [], 0.5)
        for name, answers in (("good", good), ("poor", poor), ("again", good))
    }
    config = CompareConfig(rounds=1, sizes_wh=())
    measured = compare(baselines, photos, config=config)
    assert measured["good"].against_first == {}
    for change in measured["again"].against_first[0.5].values():
        assert (change.difference, change.interval) == (0, (0, 0))
    changes = measured["poor"].against_first[0.4]
    assert changes["recall"].difference == changes["false_per_photo"].difference * -1 == -0.5
    assert changes["ap"].interval[1] < 0
    compared = Comparison(
        config, tuple(DetectorName(n, "facesmith", None) for n in baselines), measured, {}, 0, {}
    )
    first, second, _ = compared.to_dict()["detectors"]
    assert "against_first" not in first["accuracy"]["0.5"]
    told = second["accuracy"]["0.5"]["against_first"]["recall"]
    assert told["difference"] == -0.5
    assert told["interval"] == list(measured["poor"].against_first[0.5]["recall"].interval)


def test_without_face_free_photos_there_are_no_such_figures(photos):
    measured = compare(two_baselines([]), photos, config=CompareConfig(rounds=1, sizes_wh=()))
    assert measured["good"].face_free_own is measured["good"].face_free_common is None


def test_detectors_take_turns_on_each_photo(photos, face_free):
    log: list[Any] = []
    progress = told_progress.Told()
    config = CompareConfig(rounds=2, sizes_wh=((64, 48),), n_timed=2, min_score=0.05)
    measured = compare(two_baselines(log), photos, face_free, config, progress=progress)
    # A first look each, two photos, two face-free ones; then three rounds of two photos.
    untimed, timed = log[:10], log[10:]
    assert [name for name, _, _ in untimed] == ["good", "poor"] * 5
    assert {(size, score) for _, size, score in untimed} == {((160, 120), 0.05)}
    assert {(size, score) for _, size, score in timed} == {((64, 48), None)}, "own threshold"
    assert [name for name, _, _ in timed] == ["good", "poor", "poor", "good"] * 3
    assert progress.reports == [("Photos", done, 10) for done in range(11)]
    times = measured["poor"].timings
    assert {size: timing.n_calls for size, timing in times.items()} == {
        "64x48": 4, AS_THEY_ARE: 2,
    }  # fmt: skip


def test_nothing_to_compare_is_an_error(photos):
    with pytest.raises(ValueError, match="must not be empty; got 0 detectors and 2 photos"):
        compare({}, photos)
    with pytest.raises(ValueError, match="got 2 detectors and 0 photos"):
        compare(two_baselines([]), [])


def test_timed_photos_are_spread():
    assert list(timed_photos(list(range(10)), 3)) == [0, 3, 6]
    assert list(timed_photos(list(range(2)), 3)) == [0, 1]


@pytest.fixture
def curve():
    """Scores 0.9 right, 0.8 wrong, 0.7 right, of two faces in two photos."""
    boxes = np.float32([FACE, ELSEWHERE])
    truths = [AnnotatedFaces(boxes[[i]], np.zeros(1, bool)) for i in (0, 1)]
    found = [faces((FACE, 0.9), (ELSEWHERE, 0.8)), faces((ELSEWHERE, 0.7))]
    return precision_recall(truths, found)


@pytest.mark.parametrize(
    ("threshold", "precision", "recall", "false"),
    [(0.95, nan, 0, 0), (0.9, 1, 0.5, 0), (0.8, 0.5, 0.5, 0.5), (0.1, 2 / 3, 1, 0.5)],
)
def test_at_a_threshold_scores_of_just_that_count(curve, threshold, precision, recall, false):
    found = at_threshold(curve, threshold)
    assert found.precision == pytest.approx(precision, nan_ok=True)
    assert (found.recall, found.false_per_photo) == (recall, false)


def test_the_threshold_of_a_recall_is_the_highest(curve):
    assert threshold_at_recall(curve, 0.5) == pytest.approx(0.9)
    assert threshold_at_recall(curve, 0.51) == pytest.approx(0.7)
    few = precision_recall([AnnotatedFaces(np.float32([FACE]), np.zeros(1, bool))], [faces()])
    assert isnan(threshold_at_recall(few, 0.5))


def test_face_free_figures_count_boxes_and_photos():
    found = [faces((FACE, 0.9), (ELSEWHERE, 0.4)), faces(), faces((FACE, 0.4)), faces()]
    at = face_free_figures(found, 0.4)
    assert (at.false_per_photo, at.photos_with_one) == (0.75, 0.5)
    assert face_free_figures(found, 0.5).false_per_photo == 0.25
    assert isnan(face_free_figures(found, nan).photos_with_one)


def test_times_are_median_and_the_95th_of_a_hundred():
    watch = Stopwatch(
        wall=[i / 1000 for i in range(1, 102)], cpu=[2 * i / 1000 for i in range(101)]
    )
    timing = watch.timing()  # 1 to 101 ms: the 95th percentile lies 95 steps above the first
    assert (timing.median_ms, timing.p95_ms) == pytest.approx((51, 96))
    assert timing.cpu_share == pytest.approx(2 * 5050 / 5151)
    assert timing.n_calls == 101
    nothing = Stopwatch().timing()
    assert isnan(nothing.median_ms)
    assert nothing.n_calls == 0


def test_the_first_round_does_not_count_and_turns_go_around():
    log: list[str] = []
    detectors = {name: lambda _, name=name: log.append(name) for name in "abc"}
    timed = time_in_turns(detectors, [np.zeros((1, 1, 3), np.uint8)] * 2, rounds=1)
    assert "".join(log) == "abc" + "bca" + "cab" + "abc"
    assert [timing.n_calls for timing in timed.values()] == [2, 2, 2]
    with pytest.raises(ValueError, match="`rounds` must be at least 1"):
        time_in_turns(detectors, [], rounds=0)


def test_what_a_detector_needs_is_what_its_packages_require():
    assert footprint.needed_distributions(["numpy"]) == ("numpy",)
    needed = set(footprint.needed_distributions(["facesmith"]))
    assert {"facesmith", "numpy", "onnxruntime", "pillow", "click", "protobuf"} <= needed
    assert not needed & {"torch", "scipy", "matplotlib"}, "extras are no need"
    assert footprint.needed_distributions(["no_such_module"]) == ()


def test_installed_bytes_are_those_on_the_disk():
    """Against a walk over the folders, which belong to NumPy alone."""
    folder = Path(np.__file__).parent
    folders = [folder, *folder.parent.glob("numpy.libs"), *folder.parent.glob("numpy-*.dist-info")]
    walked = sum(
        path.stat().st_size
        for each in folders
        for path in each.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    assert footprint.installed_bytes("numpy") == pytest.approx(walked, rel=0.01)
    weights = Path(footprint.__file__).parents[1] / "weights"
    assert footprint.installed_bytes("facesmith") > sum(p.stat().st_size for p in weights.iterdir())


def test_peak_memory_is_that_of_the_own_process(spot_weights, tmp_path):
    """A big array in this process does not count for the one that is measured; one there does."""
    if os.name != "posix":
        pytest.skip("the system does not tell")
    write_image(tmp_path / "a.png", spots(64, 48, (8, 8)))
    name = DetectorName("spots", "facesmith", spot_weights)
    big = np.ones(400_000_000, np.uint8)
    peak = footprint.peak_memory_of(name, [tmp_path / "a.png"])
    assert 20e6 < peak < len(big) < footprint.peak_memory()
    code = (
        "import numpy as np; from facesmith.evaluation.footprint import peak_memory\n"
        "before = peak_memory(); np.ones(200_000_000, np.uint8); print(peak_memory() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 190e6 < int(done.stdout) < 210e6


def test_a_measuring_process_that_fails_says_why(tmp_path):
    name = DetectorName("mine", "facesmith", tmp_path / "gone.onnx")
    with pytest.raises(BaselineError, match=r"mine: the process .* exit code 1: .*no such weights"):
        footprint.peak_memory_of(name, [])


def test_files_hold_all_figures(spot_weights, tmp_path):
    """The spot detector finds what is annotated: 1.0 everywhere, and no NaN in the JSON."""
    annotated, other = tmp_path / "1.png", tmp_path / "2.png"
    write_image(annotated, spots(160, 120, (40, 32)))
    write_image(other, spots(160, 120, (80, 64)))
    box, none = np.float32([[28, 20, 60, 52]]), np.zeros((0, 4), np.float32)
    photos = [AnnotatedPhoto(annotated, box, np.zeros(1, bool), "1.png", 160, 120)]
    without = [AnnotatedPhoto(other, none, np.zeros(0, bool), "2.png", 160, 120)]
    name = DetectorName("spots", "facesmith", spot_weights)
    config = CompareConfig(sizes_wh=((64, 48),), rounds=1)
    measured = compare({"spots": open_baseline(name)}, photos, without, config)
    measured = with_footprints(measured, [name], photos, config)
    compared = Comparison(config, (name,), measured, {"dlib": "absent"}, 1, {})
    paths = write_comparison(compared, tmp_path)
    assert [path.name for path in paths] == [
        "compare.json", "precision_recall.png", "accuracy_time.png",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[1:])
    content = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    assert content["left_out"] == {"dlib": "absent"}
    assert content["sets"]["annotated"] == {"source": None, "photos": 1, "faces": 1}
    assert {"machine", "versions", "date", "threads"} <= set(content["about"])
    assert content["protocol"]["sizes_wh"] == ["64x48"]
    (row,) = content["detectors"]
    assert row["accuracy"]["0.5"]["average_precision"] == 1
    assert row["accuracy"]["0.4"]["recall_at_0.1_false_a_photo"] == 1
    assert row["face_free"]["at_recall_0.9"]["false_per_photo"] == 1
    assert set(row["milliseconds"]) == {"64x48", AS_THEY_ARE}
    assert row["bytes"]["weights"] == spot_weights.stat().st_size
    assert row["bytes"]["install"] > row["bytes"]["weights"]


def test_no_label_covers_another_or_a_point(monkeypatch, tmp_path):
    kept: list[Any] = []
    monkeypatch.setattr(plots, "write_chart", lambda figure, path: kept.append((figure, path)))
    r = np.random.default_rng(3)
    points = {
        f"detector {i}": (float(t), float(p))
        for i, (t, p) in enumerate(zip(r.uniform(5, 9, 8), r.uniform(0.88, 0.9, 8), strict=True))
    }
    points["unknown"] = (nan, 0.5)
    plots.draw_accuracy_time(points, tmp_path / "a.png", title="t", size="photo")
    ((figure, _),) = kept
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert sorted(text.get_text() for text in axes.texts) == sorted(set(points) - {"unknown"})
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        for x, y in axes.transData.transform([points[f"detector {n}"] for n in range(8)]):
            assert not box.contains(x, y)


def test_pictures_without_anything_to_show_are_written(tmp_path):
    empty = precision_recall([AnnotatedFaces(np.float32([FACE]), np.zeros(1, bool))], [faces()])
    no_face = precision_recall([AnnotatedFaces(np.zeros((0, 4)), np.zeros(0, bool))], [faces()])
    curves = {"nothing found": empty, "no face": no_face}
    plots.draw_precision_recall(
        {label: (curve.recall, curve.precision) for label, curve in curves.items()},
        tmp_path / "p.png",
        "t",
        {"nothing found": (0.0, nan), "no face": (nan, nan)},
    )
    plots.draw_accuracy_time({"a": (nan, nan)}, tmp_path / "a.png", title="t", size="photo")
    assert (tmp_path / "p.png").stat().st_size > 1000
    assert (tmp_path / "a.png").stat().st_size > 1000
