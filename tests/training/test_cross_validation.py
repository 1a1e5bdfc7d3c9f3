"""Folds: every photo judged once, by a training that did not learn from it; killed, it goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.mined import MinedBox
from spot_detector import export_spot_detector, spots

pytest.importorskip("torch")

from facesmith.errors import TrainingError
from facesmith.runs.folder import RunFolder
from facesmith.training import cross_validation
from facesmith.training.cross_validation import cross_validate, deal, n_folds_for
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.learned_photos import split_photos
from facesmith.training.mined import MinedTraining
from told_progress import Told


def photo(folder: Path, name: str, *, face: bool = True) -> AnnotatedPhoto:
    """A photo with one spot, which may be annotated."""
    boxes = np.float32([[28, 28, 60, 60]] if face else []).reshape(-1, 4)
    return AnnotatedPhoto(folder / name, boxes, np.zeros(len(boxes), bool), name, 96, 96)


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    everything = [photo(tmp_path, f"{i}.png", face=i < 24) for i in range(30)]
    for each in everything:
        Image.fromarray(spots(96, 96, (40, 40))).save(each.path)
    return everything


@pytest.fixture
def out(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    RunFolder(run).start({"task": "detector"}, resume=False, force=False)
    return run


class Trainer:
    """In place of `train_detector`: notes what it is given, and leaves the detector of spots."""

    def __init__(self, lives: int = 99) -> None:
        self.lives, self.calls = lives, []

    def __call__(self, photos: Sequence[AnnotatedPhoto], out: Path, config, **options) -> None:
        if not self.lives:
            raise TrainingError("killed")
        self.lives -= 1
        self.calls.append(([p.name for p in photos], Path(out).name, config, options))
        Path(out).mkdir(parents=True, exist_ok=True)
        export_spot_detector(Path(out) / "detector.onnx")


def test_folds_are_dealt_by_name_with_faces_spread_evenly(tmp_path):
    photos = [photo(tmp_path, f"{i}.png", face=i % 3 > 0) for i in range(30)]
    folds = deal(photos, 5, seed=0)
    for number in range(5):
        inside = [p for p, fold in zip(photos, folds, strict=True) if fold == number]
        assert sum(len(p.boxes) for p in inside) == 4
        assert len(inside) == 6
    shuffled = [photos[i] for i in np.random.default_rng(1).permutation(30)]
    named = dict(zip([p.name for p in photos], folds, strict=True))
    assert deal(shuffled, 5, seed=0) == [named[p.name] for p in shuffled]
    assert deal(photos, 5, seed=1) != folds


@pytest.mark.parametrize(
    ("n", "n_held_out", "n_folds"),
    [
        (19, 5, 0),  # not four faces a fold
        (20, 5, 5),
        (120, 12, 3),
        (400, 59, 3),
        (400, 100, 0),  # 100 faces in 100 photos are enough
        (501, 20, 0),  # many photos
    ],
)
def test_how_many_folds(tmp_path, n, n_held_out, n_folds):
    photos = [photo(tmp_path, f"{i}.png") for i in range(n)]
    assert n_folds_for(photos, photos[:n_held_out]) == n_folds


def test_each_photo_is_judged_by_a_training_without_it(photos, out, monkeypatch):
    trainer = Trainer()
    monkeypatch.setattr(cross_validation, "train_detector", trainer)
    told = Told()
    found = cross_validate(
        photos, out, DetectorConfig(), 3, start="start", teacher="teacher", progress=told
    )
    assert len(found) == 30
    assert all(each.boxes.tolist() == [[28, 28, 60, 60]] for each in found)
    folds = deal(photos, 3, seed=0)
    for number, (names, folder, _, options) in enumerate(trainer.calls):
        assert folder == str(number + 1)
        assert names == [p.name for p, f in zip(photos, folds, strict=True) if f != number]
        assert (options["start"], options["teacher"]) == ("start", "teacher")
        assert options["resume"]
        # Counted as the training does: of 20 photos it holds some out.
        given = [photo for photo in photos if photo.name in names]
        learned, held_out = split_photos(given, DetectorConfig().proposals)
        assert len(learned) < len(names) == 20
        assert told.said[number] == (
            f"Fold {number + 1} of 3: {len(learned)} photos to learn from, {len(held_out)} held "
            "out, 10 to judge on."
        )


def test_what_is_done_is_not_done_again_and_what_was_killed_goes_on(photos, out, monkeypatch):
    trainer = Trainer(lives=2)
    monkeypatch.setattr(cross_validation, "train_detector", trainer)
    with pytest.raises(TrainingError, match="killed"):
        cross_validate(photos, out, DetectorConfig(), 3)
    trainer.lives = 99
    found = cross_validate(photos, out, DetectorConfig(), 3)
    assert [folder for _, folder, _, _ in trainer.calls] == ["1", "2", "3"]
    again = cross_validate(photos, out, DetectorConfig(), 3)
    assert len(trainer.calls) == 3
    for one, other in zip(found, again, strict=True):
        assert one.boxes.tobytes() == other.boxes.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()
    # Other settings, or a damaged file: the fold is done anew.
    cross_validate(photos, out, DetectorConfig(), 4)
    assert len(trainer.calls) == 7
    (out / "folds" / "2" / "found.json").write_text("[]")
    cross_validate(photos, out, DetectorConfig(), 4)
    assert [folder for _, folder, _, _ in trainer.calls[7:]] == ["2"]


def test_a_fold_has_the_plan_without_limits_and_batches_that_it_can_fill(photos, out, monkeypatch):
    trainer = Trainer()
    monkeypatch.setattr(cross_validation, "train_detector", trainer)
    config = replace(DetectorConfig(), target_precision=0.9)
    config = config.with_loops(lambda loop: replace(loop, time_limit=7.0))
    mined = MinedBox(photos[0].name, (96, 96), (0.0, 0.0, 9.0, 9.0), 0.9, 1.0, "background", "test")
    cross_validate(photos, out, config, 3, mined=MinedTraining((mined,)))
    seen = [options["mined"] for _, _, _, options in trainer.calls]
    without = deal(photos, 3, seed=0)[0]
    assert [each is None for each in seen] == [number == without for number in range(3)]
    for names, _, used, _ in trainer.calls:
        assert used.proposals.loop.time_limit == 0
        assert used.target_precision == 0
        assert used.proposals.batch_size < len(names) < config.proposals.batch_size
        assert used.refiner.loop.epochs == config.refiner.loop.epochs


def test_a_folder_without_a_run_is_an_error(photos, tmp_path):
    with pytest.raises(TrainingError, match="is no run folder"):
        cross_validate(photos, tmp_path / "nothing", DetectorConfig(), 3)
    assert json.dumps(deal([], 3, 0)) == "[]"
