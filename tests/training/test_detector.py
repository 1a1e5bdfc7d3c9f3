"""A whole detector training on small drawn photos: what it leaves, and that it resumes exactly."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click import UsageError
from click.testing import CliRunner
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch")

from facesmith.annotations import load_annotations, load_face_free  # noqa: E402
from facesmith.boxes import box_iou  # noqa: E402
from facesmith.cli import main  # noqa: E402
from facesmith.cli.train_settings import with_options  # noqa: E402
from facesmith.detection.detector import load_detector, shipped_weights  # noqa: E402
from facesmith.errors import TrainingError, WeightsError  # noqa: E402
from facesmith.export.metadata import update_description  # noqa: E402
from facesmith.images import read_image  # noqa: E402
from facesmith.metrics.operating_point import Target  # noqa: E402
from facesmith.networks.detector import DetectorNetConfig  # noqa: E402
from facesmith.progress import Progress  # noqa: E402
from facesmith.runs.settings import with_changes  # noqa: E402
from facesmith.training.crops import CropConfig  # noqa: E402
from facesmith.training.detector import train_detector  # noqa: E402
from facesmith.training.detector_calibration import ALONE, WITH_REFINER  # noqa: E402
from facesmith.training.detector_config import DetectorConfig  # noqa: E402
from facesmith.training.learned_photos import split_photos  # noqa: E402
from facesmith.training.plan import plan_training  # noqa: E402
from facesmith.training.proposals import ProposalConfig, ProposalTask  # noqa: E402
from facesmith.training.refiner_config import RefinerConfig  # noqa: E402
from mortal_training import Mortal  # noqa: E402

N_PHOTOS, N_FACE_FREE = 44, 8


def draw_face(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """A light disc with two eyes and a mouth."""
    x, y, side = box[0], box[1], box[2] - box[0]
    draw.ellipse(box, fill=(235, 200, 170))
    for left in (0.25, 0.6):
        draw.ellipse(
            (x + left * side, y + 0.3 * side, x + (left + 0.15) * side, y + 0.45 * side), fill=0
        )
    draw.line((x + 0.3 * side, y + 0.75 * side, x + 0.7 * side, y + 0.75 * side), fill=0, width=3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `faces.json` (COCO), `people/` and `empty/`."""
    folder = tmp_path_factory.mktemp("photos")
    images, annotations = [], []
    for i in range(N_PHOTOS + N_FACE_FREE):
        rng = np.random.default_rng(i)
        noise = rng.integers(30, 120, (12, 16, 3)).astype(np.uint8)
        photo = Image.fromarray(noise).resize((128, 96), Image.Resampling.BILINEAR)
        free = i >= N_PHOTOS
        path = folder / ("empty" if free else "people") / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        if not free:
            side = int(rng.integers(24, 60))
            x, y = (int(rng.integers(0, limit - side)) for limit in (128, 96))
            draw_face(ImageDraw.Draw(photo), (x, y, x + side, y + side))
            images.append({"id": i, "file_name": path.name, "width": 128, "height": 96})
            annotations.append(
                {"id": i, "image_id": i, "category_id": 1, "bbox": [x, y, side, side]}
            )
        photo.save(path)
    categories = [{"id": 1, "name": "face"}]
    (folder / "faces.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return folder


def config(epochs: int = 3, refiner: bool = True) -> DetectorConfig:
    proposals = ProposalConfig(
        network=DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8)),
        crops=CropConfig(side=64, smallest_face=16, largest_face=50),
        batch_size=8,
        held_out=0.2,
    )
    # Crops of the size of the photos: larger ones take most of the time.
    crops = replace(RefinerConfig().crops, side=128, smallest_face=16, largest_face=100)
    second = RefinerConfig(batch_size=16, max_per_photo=4, crops=crops)
    loop = replace(
        proposals.loop,
        epochs=epochs,
        warmup_steps=5,
        threads=1,
        average_decay=0.9,
        checkpoint_steps=2,
    )
    second_loop = replace(second.loop, epochs=1, threads=1, average_decay=0.9)
    return DetectorConfig(
        replace(proposals, loop=loop), replace(second, loop=second_loop) if refiner else None
    )


def train(photos: Path, out: Path, settings: DetectorConfig, **options) -> dict:
    annotated = load_annotations(photos / "faces.json", photos / "people")
    face_free = load_face_free([photos / "empty"])
    everything = [*annotated.photos, *face_free.photos]
    return train_detector(everything, out, settings, **options)


def weights(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.glob("*.onnx"))}


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    return run, train(photos, run, config())


def test_the_run_folder_has_all_that_is_needed(undisturbed: tuple[Path, dict]) -> None:
    run, metrics = undisturbed
    assert metrics["photos"] == N_PHOTOS + N_FACE_FREE
    assert metrics["photos_held_out"] == 11  # a fifth of 52, and one more: eight must show faces
    kept = metrics["kept"]
    alone, both = (
        [metrics["held_out"][way][name] for name in ("ap", "ap_iou40", "recall_at_0.1")]
        for way in (ALONE, WITH_REFINER)
    )
    assert kept == (WITH_REFINER if np.mean(both) - np.mean(alone) >= 0.003 else ALONE)
    assert (run / "refiner.onnx").exists() == (kept == WITH_REFINER)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    written = json.loads((run / "config.json").read_text())
    assert written["config"]["proposals"]["loop"]["seed"] == 0
    detector = load_detector(run)
    assert detector.min_score == metrics["held_out"][kept]["threshold"]
    for part in ("proposals", "refiner"):
        assert (run / part / "log.csv").is_file()


@pytest.mark.parametrize(("min_gain", "kept"), [(-1.0, WITH_REFINER), (1.0, ALONE)])
def test_the_refiner_stays_where_it_gains_enough(
    photos: Path, tmp_path: Path, min_gain: float, kept: str
) -> None:
    settings = config(epochs=1)
    second = replace(settings.refiner, min_gain=min_gain)
    metrics = train(photos, tmp_path / "run", replace(settings, refiner=second))
    assert metrics["kept"] == kept
    assert (tmp_path / "run" / "refiner.onnx").exists() == (kept == WITH_REFINER)
    load_detector(tmp_path / "run")(np.zeros((96, 128, 3), np.uint8))


def test_a_detector_can_do_without_a_refiner(photos: Path, tmp_path: Path) -> None:
    assert with_options(DetectorConfig(), None, single_look=True).refiner is None
    metrics = train(photos, tmp_path / "run", config(epochs=1, refiner=False))
    assert metrics["kept"] == ALONE
    assert metrics["held_out"].keys() == {ALONE}
    assert "refiner" not in metrics
    assert weights(tmp_path / "run").keys() == {"detector.onnx"}
    assert not (tmp_path / "run" / "refiner").exists()


def test_a_refiner_can_be_trained_for_proposals_that_stay(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path
) -> None:
    before, run = undisturbed[0], tmp_path / "run"
    started = tmp_path / "start" / "detector.onnx"
    started.parent.mkdir()
    shutil.copyfile(before / "detector.onnx", started)
    update_description(started, {"operating_point": {"value": 0.9}})
    settings = replace(config(), keep_proposals=True)
    metrics = train(photos, run, settings, start=started)
    assert "proposals" not in metrics
    assert metrics["refiner"]["epochs"] == 1
    image = read_image(photos / "people" / "00.png")
    expected = load_detector(before).candidates(image, 0.001)
    for found, given in zip(load_detector(run).candidates(image, 0.001), expected, strict=True):
        np.testing.assert_array_equal(found, given)
    assert not (run / "proposals").exists()
    assert "operating_point" not in load_detector(run).metadata
    with pytest.raises(TrainingError, match="proposals that stay as they are"):
        train(photos, tmp_path / "other", settings)


def test_proposals_to_keep_must_be_named() -> None:
    kept = replace(DetectorConfig(), keep_proposals=True)
    assert with_options(kept, shipped_weights()).keep_proposals
    for start, options in ((None, {}), (shipped_weights(), {"single_look": True})):
        with pytest.raises(UsageError, match="keep_proposals"):
            with_options(kept, start, **options)


def test_options_of_the_proposals_do_not_go_with_keeping_them(photos: Path) -> None:
    words = [
        *("train", str(photos / "faces.json"), "--images", str(photos / "people")),
        *("--out", str(photos / "run"), "--from", "shipped"),
        *("--config", str(photos / "kept.json")),
    ]
    (photos / "kept.json").write_text('{"keep_proposals": true}')
    for option, value in (("--epochs", "3"), ("--teacher", str(shipped_weights()))):
        result = CliRunner().invoke(main, [*words, option, value])
        assert result.exit_code == 2
        assert f"{option} is for the training of the proposals" in result.output


def test_killed_at_any_step_and_resumed_ends_the_same(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proposals take 3 x 5 steps, with a checkpoint after each second one.

    So the tries do steps 1 to 3, 3 to 10, and 11 to the end with the first of the refiner.
    """
    run = tmp_path / "run"
    training = Mortal(monkeypatch)
    for lives in (3, 8, 6):
        training.steps_left = lives
        with pytest.raises(TrainingError, match="killed"):
            train(photos, run, config(), resume=True)
    training.steps_left = 10**6
    train(photos, run, config(), resume=True)
    assert weights(run) == weights(undisturbed[0])


@pytest.mark.slow
def test_killed_at_many_random_moments(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path
) -> None:
    """The command itself, in any part of the training; then it goes on to the same bytes."""
    run, finished = tmp_path / "run", undisturbed[0]
    words = [str(photos / "faces.json"), "--images", str(photos / "people")]
    words += ["--negatives", str(photos / "empty"), "--config", str(finished / "config.json")]
    words += ["--out", str(run), "--resume", "--quiet", "--threads", "1", "--no-cross-validation"]
    command = [sys.executable, "-m", "facesmith", "train", *words]
    seed = time.time_ns() % 10**6  # other moments each time; shown when it fails
    draw, killed = np.random.default_rng(seed), 0
    longest = 10.0
    for _ in range(int(os.environ.get("FACESMITH_KILLS", "2"))):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        began = time.monotonic()
        try:
            errors = process.communicate(timeout=draw.uniform(0, longest))[1]
            assert process.returncode == 0, errors
            longest = time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
    subprocess.run(command, check=True)
    assert killed, "none was still running when its time came"
    assert weights(run) == weights(finished), f"seed {seed}"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_used_and_what_it_leaves_needs_none(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    loss = ProposalTask.loss

    def watched(self: ProposalTask, network: torch.nn.Module, batch: tuple) -> object:
        used.append(batch[0].device.type)
        return loss(self, network, batch)

    monkeypatch.setattr(ProposalTask, "loss", watched)
    metrics = train(photos, tmp_path / "run", config())
    assert set(used) == {"cuda"}
    assert metrics["held_out"].keys() == {ALONE, WITH_REFINER}
    load_detector(tmp_path / "run")(np.zeros((96, 128, 3), np.uint8))


def test_photos_are_held_out_by_name_alone(photos: Path) -> None:
    everything = load_annotations(photos / "faces.json", photos / "people").photos
    settings = config().proposals
    training, held_out = split_photos(everything, settings)
    assert len(training) + len(held_out) == N_PHOTOS
    again = split_photos(everything[::-1], settings)[1]
    assert {photo.name for photo in held_out} == {photo.name for photo in again}


@pytest.mark.parametrize(("n_photos", "least"), [(44, 8), (12, 3), (1, 1)])
def test_of_few_photos_enough_with_faces_are_held_out(
    photos: Path, n_photos: int, least: int
) -> None:
    people = load_annotations(photos / "faces.json", photos / "people").photos[:n_photos]
    everything = [*people, *load_face_free([photos / "empty"]).photos]
    _, held_out = split_photos(everything, ProposalConfig())
    assert sum(len(photo.boxes) > 0 for photo in held_out) == least
    assert split_photos([], ProposalConfig()) == ([], [])


def test_other_photos_cannot_be_resumed_with(photos: Path, undisturbed: tuple[Path, dict]) -> None:
    annotated = load_annotations(photos / "faces.json", photos / "people")
    with pytest.raises(TrainingError, match=r"Cannot resume .*: the photos, their boxes or"):
        train_detector(annotated.photos, undisturbed[0], config(), resume=True)


def test_too_few_photos_are_named(photos: Path, tmp_path: Path) -> None:
    few = load_annotations(photos / "faces.json", photos / "people").photos[:6]
    with pytest.raises(TrainingError, match="needs at least 8 photos to learn from"):
        train_detector(few, tmp_path / "run", config())
    assert not (tmp_path / "run").exists()  # so the next try needs no --force


@pytest.fixture(scope="module")
def learned(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DetectorConfig]:
    """A run long enough to find faces, and its settings."""
    settings = config(epochs=120)
    net = DetectorNetConfig((16, 24, 32, 32, 32), (0, 1, 1, 0, 0), (16, 16, 16, 16))
    settings = replace(settings, proposals=replace(settings.proposals, network=net))
    run = tmp_path_factory.mktemp("learned") / "run"
    train(photos, run, settings)
    return run, settings


@pytest.mark.slow
def test_a_short_training_finds_drawn_faces(
    photos: Path, learned: tuple[Path, DetectorConfig]
) -> None:
    """The best box of six of ten held-out photos lies on the face: far above chance."""
    run, settings = learned
    everything = [
        *load_annotations(photos / "faces.json", photos / "people").photos,
        *load_face_free([photos / "empty"]).photos,
    ]
    held_out = [p for p in split_photos(everything, settings.proposals)[1] if len(p.boxes)]
    detector = load_detector(run)
    hits = 0
    for photo in held_out:
        faces = detector(read_image(photo.path), min_score=0.05)
        hits += len(faces) > 0 and box_iou(faces.boxes[:1], photo.boxes)[0, 0] >= 0.4
    assert hits >= 0.6 * len(held_out)


@pytest.mark.slow
def test_a_target_is_stored_and_a_finished_run_takes_another(
    photos: Path, learned: tuple[Path, DetectorConfig]
) -> None:
    run, settings = learned
    before = weights(run)
    metrics = train(photos, run, settings, resume=True, target=Target("false_per_photo", 2.0))
    point = metrics["operating_point"]
    detector = load_detector(run)
    assert detector.min_score == point["threshold"]
    assert detector.metadata["operating_point"] == point
    assert point["reached"] <= 2.0
    find_all = metrics["find_all"]
    assert (find_all["target"], find_all["value"]) == ("false_per_photo", 1.0)
    assert find_all["reached"] <= 1.0
    assert detector.find_all_score == find_all["threshold"]
    train(photos, run, settings, resume=True)
    assert weights(run) == before


def test_the_quick_recipe_is_the_whole_one_with_less_of_everything() -> None:
    whole, quick = DetectorConfig(), DetectorConfig.quick()
    assert quick.proposals.loop.epochs <= 0.4 * whole.proposals.loop.epochs

    def patches_seen(config: RefinerConfig) -> int:
        return config.loop.epochs * (config.copies + config.crops_per_photo)

    assert quick.refiner.loop.epochs < whole.refiner.loop.epochs
    assert patches_seen(quick.refiner) <= 0.2 * patches_seen(whole.refiner)
    assert quick.refiner.copies < whole.refiner.copies
    assert quick.refiner.crops_per_photo < whole.refiner.crops_per_photo
    assert quick.proposals.network == whole.proposals.network
    assert quick.proposals.crops == whole.proposals.crops


def test_the_quick_recipe_takes_more_and_smaller_steps() -> None:
    whole, quick = DetectorConfig().proposals, DetectorConfig.quick().proposals
    assert quick.batch_size < whole.batch_size
    assert quick.loop.learning_rate < whole.loop.learning_rate


def test_quick_is_for_detectors(tmp_path: Path) -> None:
    (tmp_path / "patches.npz").write_bytes(b"")
    words = ["train", str(tmp_path / "patches.npz"), "--out", str(tmp_path / "run"), "--quick"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "--quick goes with annotated photos" in result.output


def test_a_training_goes_on_from_the_weights_of_another(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path
) -> None:
    """With no learning rate to speak of, the weights stay those that it began with."""
    still = config(epochs=1)
    still = replace(
        still,
        proposals=replace(still.proposals, loop=replace(still.proposals.loop, learning_rate=1e-9)),
        quantise_loss=-1.0,
    )
    before, run = undisturbed[0], tmp_path / "run"
    train(photos, run, still, start=before)
    old, new = load_detector(before), load_detector(run)
    image = read_image(photos / "people" / "00.png")
    boxes, scores = new.candidates(image, 0.001)
    expected, expected_scores = old.candidates(image, 0.001)
    assert len(boxes) > 0
    np.testing.assert_allclose(scores[0], expected_scores[0], rtol=0.2)
    assert box_iou(boxes[:1], expected[:1])[0, 0] > 0.9
    with pytest.raises(TrainingError, match="start"):
        train(photos, run, still, start=None, resume=True)
    with pytest.raises(WeightsError, match="no such weights file to go on from"):
        train(photos, tmp_path / "other", still, start=tmp_path / "nowhere")


def going_on(epochs: int = 2) -> DetectorConfig:
    """With everything that holds on to the weights before."""
    settings = config(epochs)
    proposals = replace(
        settings.proposals, rounds=2, frozen=1, fixed_statistics=True, retention=1.0, blend=0.6
    )
    refiner = replace(settings.refiner, retention=1.0, fixed_statistics=True)
    return replace(settings, proposals=proposals, refiner=refiner)


def test_going_on_is_resumed_to_the_same_bytes(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, whole, run = undisturbed[0], tmp_path / "whole", tmp_path / "run"
    train(photos, whole, going_on(), start=start)
    training = Mortal(monkeypatch, steps_left=13)
    with pytest.raises(TrainingError, match="killed"):
        train(photos, run, going_on(), start=start)
    training.steps_left = 10**6
    train(photos, run, going_on(), start=start, resume=True)
    assert weights(run) == weights(whole)
    columns = (run / "proposals" / "log.csv").read_text().partition("\n")[0].split(",")
    assert "train_retention_loss" in columns


def test_too_few_held_out_faces_choose_nothing(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(undisturbed[0], start)
    update_description(start / "detector.onnx", {"threshold": 0.37})
    before = load_detector(start)
    told: list[str] = []

    class Told(Progress):
        def say(self, text: str) -> None:
            told.append(text)

    settings = replace(
        going_on(2),
        min_choice_faces=100,
        keep_refiner=bool(before.calibration.refiner_weight),
        quantise_loss=0.0,
    )
    if not before.calibration.refiner_weight:
        settings = replace(settings, refiner=None)
    metrics = train(photos, tmp_path / "run", settings, start=start, progress=Told())
    new = load_detector(tmp_path / "run")
    assert new.calibration == before.calibration
    assert new.min_score == 0.37
    assert metrics["calibration"]["method"] == "kept"
    assert metrics["precision"]["proposals"]["kept"] == "8 bits"
    assert metrics["faces_held_out"] == 8
    assert any(
        line.startswith("Only 8 faces are held out: the last epoch is kept") for line in told
    )
    with (tmp_path / "run" / "proposals" / "log.csv").open() as file:
        judged = [bool(row["validation_ap"]) for row in csv.DictReader(file)]
    assert judged == [False, True], "no epoch is chosen by 8 faces"
    assert metrics["proposals"]["best_epoch"] == 2
    asked = train(
        photos, tmp_path / "run", settings, start=start, resume=True,
        target=Target("false_per_photo", 5.0),
    )  # fmt: skip
    assert asked["operating_point"]["threshold"] == load_detector(tmp_path / "run").min_score


def test_few_faces_from_random_weights_get_no_isotonic_curve(photos: Path, tmp_path: Path) -> None:
    settings = replace(config(1, refiner=False), min_choice_faces=100)
    metrics = train(photos, tmp_path / "run", settings)
    assert "isotonic" not in metrics["calibration"]["log_losses"]


def test_a_refiner_to_keep_must_be_there(photos: Path, tmp_path: Path) -> None:
    kept = replace(config(), keep_refiner=True)
    with pytest.raises(TrainingError, match="keeps the refiner of the weights"):
        train(photos, tmp_path / "run", kept)
    both = replace(kept, keep_proposals=True)
    with pytest.raises(TrainingError, match="nothing is left to learn"):
        train(photos, tmp_path / "run", both, start=shipped_weights())


def test_a_training_learns_from_a_teacher(
    photos: Path, undisturbed: tuple[Path, dict], tmp_path: Path
) -> None:
    teacher, run, settings = undisturbed[0], tmp_path / "run", config(1, refiner=False)
    train(photos, run, settings, teacher=teacher)
    columns = (run / "proposals" / "log.csv").read_text().partition("\n")[0].split(",")
    assert "train_teacher_loss" in columns
    with pytest.raises(TrainingError, match="teacher"):
        train(photos, run, settings, resume=True)
    with pytest.raises(WeightsError, match=r"no such weights file .* to be taught by"):
        train(photos, tmp_path / "other", settings, teacher=tmp_path / "nowhere.onnx")


def test_a_teacher_may_be_a_larger_network() -> None:
    large = {"proposals": {"network": asdict(DetectorNetConfig.large())}}
    config = with_changes(DetectorConfig(), large)
    assert config.proposals.network == DetectorNetConfig.large()


def test_what_is_gone_on_from_gets_fewer_passes(tmp_path: Path) -> None:
    plan = plan_training(1000, 3000)
    anew, both = DetectorConfig(), DetectorConfig.continued(shipped_weights(), plan)
    for name in ("proposals", "refiner"):
        few, many = getattr(both, name).loop, getattr(anew, name).loop
        assert few.epochs < many.epochs
        assert few.learning_rate < many.learning_rate
    (tmp_path / "detector.onnx").write_bytes(shipped_weights().read_bytes())
    alone = DetectorConfig.continued(tmp_path, plan)
    assert alone.proposals == both.proposals
    assert alone.refiner == anew.refiner


def test_going_on_is_no_quick_start(photos: Path, tmp_path: Path) -> None:
    words = ["train", str(photos / "faces.json"), "--images", str(photos / "people")]
    words += ["--out", str(tmp_path / "run"), "--from", "shipped", "--quick"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "--from is short already" in result.output


def test_the_command_asks_for_the_folder_of_the_photos(photos: Path, tmp_path: Path) -> None:
    words = ["train", str(photos / "faces.json"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "need --images" in result.output
    result = CliRunner().invoke(
        main, [*words, "--images", str(photos / "people"), "--network", "compact"]
    )
    assert result.exit_code == 2
    assert "--network goes with a patches file" in result.output


@pytest.mark.slow
def test_the_command_trains_and_detect_uses_it(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", photos / "faces.json", "--images", photos / "people", "--negatives",
             photos / "empty", "--out", run, "--epochs", "1", "--batch-size", "8",
             "--threads", "1", "--no-cross-validation", "--json"]  # fmt: skip
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout.splitlines()[-1])
    assert metrics["photos"] == N_PHOTOS + N_FACE_FREE
    assert metrics["verdict"] == json.loads((run / "verdict.json").read_text())
    assert metrics["verdict"]["photos"]["n_photos"] == metrics["photos_held_out"]
    assert "<h2>How it learned</h2>" in (run / "report.html").read_text()
    again = CliRunner().invoke(main, [str(word) for word in words])
    assert again.exit_code == 1
    assert "--resume" in again.output
    photo = photos / "people" / "00.png"
    found = CliRunner().invoke(main, ["detect", str(photo), "--model", str(run), "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["width"] == 128
