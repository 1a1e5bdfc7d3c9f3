"""What `facesmith train` decides of a detector training before it starts; none is run here."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("torch")

from facesmith.cli import main, train_detector, train_start
from facesmith.detection.detector import shipped_weights
from facesmith.detection.sessions import available_cores
from facesmith.files import checksum
from facesmith.runs.folder import RunFolder
from facesmith.training.detector_config import DetectorConfig, Origin, with_threads
from facesmith.training.plan import ENOUGH_FACES
from facesmith.training.proposals import ProposalConfig

N_PHOTOS = 60
METRICS = {
    "photos": N_PHOTOS,
    "photos_held_out": 12,
    "kept": "with refiner",
    "calibration": {"method": "kept", "log_losses": {}},
    "calibration_error": None,
    "held_out": {
        "with refiner": dict.fromkeys(
            ("ap", "ap_iou40", "recall_at_0.1", "threshold", "precision", "recall"), 0.5
        )
        | {"false_per_photo": 0.1}
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`faces.json` of 60 photos with a box each, in `photos/`."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "photos").mkdir()
    images, boxes = [], []
    for i in range(N_PHOTOS):
        name = f"{i:02d}.png"
        Image.fromarray(np.full((32, 32, 3), i, np.uint8)).save(folder / "photos" / name)
        images.append({"id": i, "file_name": name, "width": 32, "height": 32})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [4, 4, 20, 24]})
    categories = [{"id": 1, "name": "face"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "faces.json").write_text(json.dumps(content))
    return folder


class NoVerdict:
    """Stands where the verdict would, for which there are no weights."""

    def to_dict(self) -> dict[str, Any]:
        return {}


class Recorder:
    """Stands where the training would; writes the settings as it does."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, photos: Any, out: Path, config: DetectorConfig, **options: Any) -> Any:
        self.calls.append({"photos": photos, "config": config, **options})
        described = config.described() | Origin.of(config, options["start"], None).described(
            learns_landmarks=False
        )
        run = RunFolder(out)
        run.start(
            {"task": "detector", **described}, resume=options["resume"], force=options["force"]
        )
        return METRICS

    @property
    def config(self) -> DetectorConfig:
        config = self.calls[-1]["config"]
        assert isinstance(config, DetectorConfig)
        return config


def stand_in(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """Put it in the place of the training, and leave the verdict out."""
    monkeypatch.setattr(train_detector, "train_detector", recorder)
    monkeypatch.setattr(train_detector, "reach_verdict", lambda *_, **__: NoVerdict())
    monkeypatch.setattr(train_detector, "print_verdict", lambda *_: None)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    stand_in(monkeypatch, recorder)
    monkeypatch.setattr(train_start, "idle_threads", lambda: (available_cores(), 0.0))
    return recorder


def train(folder: Path, out: Path, *more: object) -> Result:
    words = ["train", folder / "faces.json", "--images", folder / "photos", "--out", out, *more]
    return CliRunner().invoke(main, [str(word) for word in words])


def test_it_goes_on_from_the_shipped_weights_and_says_how(
    folder: Path, trained: Recorder, tmp_path: Path
) -> None:
    result = train(folder, tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert trained.calls[-1]["start"] == shipped_weights()
    assert trained.config.proposals.retention > 0
    assert trained.config.min_choice_faces == ENOUGH_FACES
    lines = result.stderr.splitlines()
    said = lines.index(
        "Going on from the shipped weights; --from scratch would train from random ones."
    )
    assert "steps of 16 crops at a learning rate of up to" in lines[said + 1]
    assert "Held out: 20% of the photos." in lines[said + 2]
    assert "as before: precision" in result.stdout
    by_name = train(folder, tmp_path / "other", "--from", "shipped")
    assert "Going on from the shipped weights." in by_name.stderr
    assert trained.calls[0]["config"] == trained.calls[1]["config"]


def test_several_annotations_are_read_as_one(
    folder: Path, trained: Recorder, tmp_path: Path
) -> None:
    """Two halves, in two formats; a photo of both keeps the boxes of both."""
    content = json.loads((folder / "faces.json").read_text())
    first, second = tmp_path / "first.json", tmp_path / "second.txt"
    first.write_text(
        json.dumps(
            {
                **content,
                "images": content["images"][:31],
                "annotations": content["annotations"][:31],
            }
        )
    )
    second.write_text(
        "".join(f"{i:02d}.png\n1\n1 4 20 24 0 0 0 0 0 0\n" for i in range(30, N_PHOTOS))
    )
    words = ["train", first, second, "--images", folder / "photos", "--out", tmp_path / "run"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    photos = {photo.name: photo.boxes.tolist() for photo in trained.calls[-1]["photos"]}
    assert sorted(photos) == [f"{i:02d}.png" for i in range(N_PHOTOS)]
    assert photos["29.png"] == [[4, 4, 24, 28]]
    assert photos["30.png"] == [[4, 4, 24, 28], [1, 4, 21, 28]]
    assert photos["31.png"] == [[1, 4, 21, 28]]
    assert "the photo 30.png is listed again" in result.stderr
    (tmp_path / "p.npz").touch()
    mixed = CliRunner().invoke(main, ["train", str(first), str(tmp_path / "p.npz"), "--out", "x"])
    assert mixed.exit_code == 2
    assert "is a patches file, which is trained on alone" in mixed.output


@pytest.mark.parametrize("content", [b"", b'{"config": {"pro', b"[]"])
def test_a_damaged_config_of_the_run_to_resume_is_named_and_left_alone(
    folder: Path, trained: Recorder, tmp_path: Path, content: bytes
) -> None:
    out = tmp_path / "run"
    assert train(folder, out).exit_code == 0
    (out / "config.json").write_bytes(content)
    result = train(folder, out, "--resume")
    assert result.exit_code == 1
    assert f"Cannot resume {out}: {out / 'config.json'}" in result.stderr
    assert "Start anew with --force, or pass another --out." in result.stderr
    assert (out / "config.json").read_bytes() == content
    assert len(trained.calls) == 1


def test_options_change_the_plan(folder: Path, trained: Recorder, tmp_path: Path) -> None:
    result = train(
        folder, tmp_path / "run", "--epochs", 3, "--learning-rate", 2e-4, "--batch-size", 4,
        "--threads", 1, "--seed", 5, "--no-refiner", "--forget",
    )  # fmt: skip
    proposals = trained.config.proposals
    assert (proposals.loop.epochs, proposals.rounds, proposals.batch_size) == (3, 1, 4)
    assert (proposals.loop.learning_rate, proposals.loop.seed) == (2e-4, 5)
    assert proposals.loop.threads == 1
    assert (proposals.retention, proposals.blend) == (0.0, 1.0)
    assert trained.config.refiner is None
    assert "  36 steps of 4 crops at a learning rate of up to 0.0002, as asked for." in (
        result.stderr.splitlines()
    )
    assert "--forget lets go" not in result.stderr


def test_from_scratch_is_the_training_of_before_and_warns(
    folder: Path, trained: Recorder, tmp_path: Path
) -> None:
    result = train(folder, tmp_path / "run", "--from", "scratch")
    assert result.exit_code == 0, result.output
    assert trained.calls[-1]["start"] is None
    expected = with_threads(replace(DetectorConfig(), min_choice_faces=ENOUGH_FACES))
    assert trained.config == expected
    assert "From random weights 60 steps on 52 photos are too few" in result.stderr
    refused = train(folder, tmp_path / "other", "--from", "scratch", "--forget")
    assert refused.exit_code == 2
    assert "--forget is for going on" in refused.output


def test_named_recipes_keep_their_meaning(folder: Path, trained: Recorder, tmp_path: Path) -> None:
    quick = train(folder, tmp_path / "quick", "--quick")
    assert "--quick trains from random weights." in quick.stderr
    assert "are too few for a good detector" in quick.stderr
    assert trained.calls[-1]["start"] is None
    assert trained.config == with_threads(DetectorConfig.quick())
    result = train(folder, tmp_path / "recipe", "--recipe", "shipped")
    assert trained.calls[-1]["start"] is None
    assert trained.config.proposals.batch_size == ProposalConfig().batch_size
    assert trained.config.min_choice_faces == 0
    assert trained.config.proposals.loop.threads == 1
    assert "random weights" not in result.stderr


def test_a_resumed_run_keeps_its_plan_and_threads(
    folder: Path, trained: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(train_start, "idle_threads", lambda: (1, 1.9))
    for more in ([], ["--from", "scratch"], ["--quick"]):
        started = train(folder, run, *more, "--force")
        assert started.exit_code == 0, started.output
        first = trained.config
        monkeypatch.setattr(train_start, "idle_threads", lambda: (7, 0.0))
        monkeypatch.setattr(train_detector, "plan_training", None)  # whoever plans anew fails
        resumed = train(folder, run, "--resume", *more)
        assert resumed.exit_code == 0, resumed.output
        assert resumed.stderr.splitlines()[0] == f"Goes on with the training in {run.as_posix()}."
        assert trained.config == first
        assert trained.calls[-1]["start"] == trained.calls[-2]["start"]
        monkeypatch.undo()
        stand_in(monkeypatch, trained)
        monkeypatch.setattr(train_start, "idle_threads", lambda: (1, 1.9))
    refused = train(folder, run, "--resume", "--quick", "--seed", 4)
    assert refused.exit_code == 1
    assert "proposals.loop.seed was 0, is now 4" in refused.output


def test_the_settings_of_a_run_repeat_it(folder: Path, trained: Recorder, tmp_path: Path) -> None:
    for name, more in (("on", ["--forget"]), ("anew", ["--from", "scratch"])):
        train(folder, tmp_path / name, *more)
        again = train(folder, tmp_path / f"{name}2", "--config", tmp_path / name / "config.json")
        assert again.exit_code == 0, again.output
        assert trained.calls[-1]["config"] == trained.calls[-2]["config"]
        assert trained.calls[-1]["start"] == trained.calls[-2]["start"]
    path = tmp_path / "on" / "config.json"
    path.write_text(path.read_text().replace(checksum(shipped_weights()), "0" * 64))
    other = train(folder, tmp_path / "other", "--config", path)
    assert other.exit_code == 2
    assert "went on from other weights" in other.output


def test_another_network_cannot_go_on(folder: Path, trained: Recorder, tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_text("[proposals.network]\nheads = [40, 48, 48, 48]\n")
    result = train(folder, tmp_path / "run", "--config", tmp_path / "large.toml")
    assert trained.calls[-1]["start"] is None
    assert "The network of --config is not the shipped one" in result.stderr
    (tmp_path / "same.toml").write_text("[proposals]\nweight_decay = 0.1\n")
    train(folder, tmp_path / "other", "--config", tmp_path / "same.toml")
    assert trained.calls[-1]["start"] == shipped_weights()
    assert trained.config.proposals.weight_decay == 0.1


def test_a_busy_machine_gets_fewer_threads(
    folder: Path, trained: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_start, "available_cores", lambda: 2)
    monkeypatch.setattr(train_start, "idle_threads", lambda: (1, 1.9))
    result = train(folder, tmp_path / "run")
    assert "The machine is busy (load 1.9, cores 2): training on 1 thread" in (result.stderr)
    assert trained.config.proposals.loop.threads == 1
    assert trained.config.refiner is not None
    assert trained.config.refiner.loop.threads == 1
    given = train(folder, tmp_path / "other", "--threads", 2)
    assert trained.config.proposals.loop.threads == 2
    assert "busy" not in given.stderr


def test_refusals_come_before_photos_are_decoded(
    folder: Path, trained: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    monkeypatch.setattr(train_start, "read_photo", lambda *words, **_: decoded.append(words))
    damaged = tmp_path / "model" / "detector.onnx"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no weights")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    few = json.loads((folder / "faces.json").read_text())
    few["images"], few["annotations"] = few["images"][:1], few["annotations"][:1]
    (tmp_path / "few.json").write_text(json.dumps(few))
    run = tmp_path / "run"
    for result, words in (
        (train(folder, tmp_path / "full"), "did not write"),
        (train(folder, run, "--from", damaged.parent), "not a usable ONNX file"),
        (train(folder, run, "--teacher", damaged), "not a usable ONNX file"),
        (train(folder, run, "--images", tmp_path / "model"), "none of its photos can be used"),
        (train(folder, run, "--batch-size", 5000), "needs at least"),
    ):
        assert result.exit_code == 1, result.output
        assert words in result.output
    assert decoded == []
    assert trained.calls == []
    assert not run.exists()


def test_faces_that_are_all_ignored_are_nothing_to_learn(
    folder: Path, trained: Recorder, tmp_path: Path
) -> None:
    content = json.loads((folder / "faces.json").read_text())
    for box in content["annotations"]:
        box["iscrowd"] = 1
    (tmp_path / "faces.json").write_text(json.dumps(content))
    result = train(tmp_path, tmp_path / "run", "--images", folder / "photos")
    assert result.exit_code == 1
    assert "have none that is not ignored. Add photos with faces." in result.stderr
    assert trained.calls == []
    assert not (tmp_path / "run").exists()


def test_damaged_photos_are_named_and_left_out(
    folder: Path, trained: Recorder, tmp_path: Path
) -> None:
    images = tmp_path / "photos"
    images.mkdir()
    for path in (folder / "photos").iterdir():
        content = path.read_bytes()
        (images / path.name).write_bytes(content[:-30] if path.name == "07.png" else content)
    result = train(folder, tmp_path / "run", "--images", images)
    assert result.exit_code == 0, result.output
    assert "Left out: " in result.stderr
    assert "07.png" in result.stderr
    names = [photo.name for photo in trained.calls[-1]["photos"]]
    assert len(names) == N_PHOTOS - 1
    assert "07.png" not in names


@pytest.mark.parametrize("part", ["load_photos", "decoded_photos", "train_detector"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_any_part_ends_in_the_line_that_says_how_to_go_on(
    folder: Path,
    trained: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    number: signal.Signals,
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr(train_detector, part, stopped)
    result = train(folder, tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == (
        "Stopped on request. The same command with --resume at its end goes on where it stopped."
    )
    assert trained.calls == []
