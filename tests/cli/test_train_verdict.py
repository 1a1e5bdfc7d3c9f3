"""The end of `facesmith train` for a detector: table, verdict, files; training is a stand-in."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from spot_detector import spots

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from facesmith.annotations import AnnotatedPhoto
from facesmith.cli import main, train_detector
from facesmith.detection.detector import shipped_weights
from facesmith.files import write_bytes, write_json
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.runs.used_photos import write_used_photos
from facesmith.training import cross_validation
from facesmith.training.detector_config import DetectorConfig, Origin

N = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photos with one spot each, all of them faces: `faces.json` and `photos/`."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "photos").mkdir()
    images, annotations = [], []
    for i in range(N):
        corner = (40 + 8 * (i % 3), 40)
        Image.fromarray(spots(96 + i, 96, corner)).save(folder / "photos" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 96 + i, "height": 96})
        box = [corner[0] - 12, corner[1] - 12, 32, 32]
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": box})
    # A photo whose only box cannot be used: neither learned from nor judged on.
    Image.fromarray(spots(50, 50, (8, 8))).save(folder / "photos" / "lost.png")
    images.append({"id": N, "file_name": "lost.png", "width": 50, "height": 50})
    annotations.append({"id": N, "image_id": N, "category_id": 1, "bbox": [4, 4, -9, 9]})
    content = {
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}],
    }  # fmt: skip
    (folder / "faces.json").write_text(json.dumps(content))
    return folder


class Trainer:
    """In place of both `train_detector`: leaves a run folder with the detector of spots."""

    def __init__(self, weights: Path, n_held_out: int = 30, stopped: str = "all epochs") -> None:
        self.weights, self.n_held_out, self.stopped = weights, n_held_out, stopped
        self.outs: list[Path] = []

    def __call__(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        done: dict[str, Any] = one_process_at_a_time(self.train)(*arguments, **options)
        return done

    def train(
        self, photos: Sequence[AnnotatedPhoto], out: Path, config: DetectorConfig, **options: Any
    ) -> dict[str, Any]:
        self.outs.append(Path(out))
        run = RunFolder(out)
        described = {"task": "detector", "data": str(len(photos)), **config.described()}
        described |= Origin.of(config, options["start"], options["teacher"]).described(
            learns_landmarks=False
        )
        run.start(described, resume=options["resume"], force=options.get("force", False))
        write_used_photos(out, photos[self.n_held_out :], photos[: self.n_held_out])
        for path in self.weights.parent.glob("*.onnx"):
            write_bytes(run.path / path.name, path.read_bytes())
        figures = dict.fromkeys(
            ("ap", "ap_iou40", "recall_at_0.1", "precision", "recall", "false_per_photo"), 1.0
        )
        metrics = {
            "photos": len(photos),
            "photos_held_out": self.n_held_out,
            "proposals": {"best_epoch": 1, "epochs": 2, "seconds": 90, "stopped": self.stopped},
            "kept": "proposals alone",
            "calibration": {"log_losses": {}, "method": "none"},
            "held_out": {"proposals alone": {**figures, "threshold": 0.5}},
        }
        write_json(run.metrics_path, metrics)
        return metrics


@pytest.fixture
def trainer(spot_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    stand_in = Trainer(spot_weights)
    monkeypatch.setattr(train_detector, "train_detector", stand_in)
    monkeypatch.setattr(cross_validation, "train_detector", stand_in)
    return stand_in


def train(data: Path, out: Path, *words: object) -> Result:
    given = ["train", data / "faces.json", "--images", data / "photos", "--out", out, *words]
    return CliRunner().invoke(main, [str(word) for word in given])


def verdict_of(out: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((out / "verdict.json").read_text())
    return values


def test_the_held_out_photos_decide_where_asked(data, tmp_path, trainer):
    out = tmp_path / "run"
    result = train(data, out, "--no-cross-validation")
    assert result.exit_code == 0, result.output
    assert "Cross-validation" not in result.stderr
    assert trainer.outs == [out]
    verdict = verdict_of(out)
    assert verdict["photos"]["source"] == "held out"
    assert sorted(verdict["photos"]["names"]) == sorted(f"{i}.png" for i in range(30))
    lines = result.stdout.splitlines()
    assert "On the held-out 30 photos with 30 faces; 95 % intervals" in result.stdout
    assert any(line.startswith("  AP at IoU 0.5 ") and " 1.000 " in line for line in lines)
    # The shipped detector takes no white spot for a face.
    assert lines[-3].startswith("Verdict: better: +")
    assert lines[-2] == f"Report: {out / 'report.html'}"
    assert lines[-1] == f"Next: facesmith detect PHOTOS --model {out}"
    assert (out / "report.md").is_file()


def proposed(out: Path, command: str) -> list[str]:
    """The words of a command that the report proposes, as a shell reads them."""
    (line,) = re.findall(rf"^    (facesmith {command} .+)$", (out / "report.md").read_text(), re.M)
    return shlex.split(line)[1:]


@pytest.mark.usefixtures("trainer")
def test_the_audit_that_the_report_proposes_works_as_it_stands(data, tmp_path):
    out = tmp_path / "my run"
    assert train(data, out, "--no-cross-validation", "--images-anywhere").exit_code == 0
    result = CliRunner().invoke(main, proposed(out, "audit"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "my run-audit" / "corrected.json").is_file()
    # `audit` takes one file of annotations: of several, the reader names one.
    given = ["train", data / "faces.json", data / "faces.json", "--images", data / "photos"]
    both = tmp_path / "both"
    words = [*given, "--out", both, "--no-cross-validation"]
    assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0
    expected = ["audit", "ANNOTATIONS", "--images", (data / "photos").as_posix(), "--model"]
    assert proposed(both, "audit")[:5] == expected


def test_few_photos_are_cross_validated_and_a_resumption_keeps_the_folds(data, tmp_path, trainer):
    out = tmp_path / "run"
    result = train(data, out)
    assert result.exit_code == 0, result.output
    assert trainer.outs == [out, *(out / "folds" / str(k) for k in range(1, 6))]
    before = result.stderr.partition("the detector is ready")[0]
    assert "Cross-validation: 5 more detectors are trained for the verdict" in before
    assert "about 4 times as long as this one" in before
    # Five times 90 s with four fifths of the photos each.
    assert "5 more are trained, each to be judged on other photos: about 6 min." in result.stderr
    assert "--no-cross-validation leaves it out" in result.stderr
    verdict = verdict_of(out)
    assert (verdict["photos"]["n_photos"], verdict["photos"]["folds"]) == (N, 5)
    assert verdict["photos"]["source"] == "cross-validated"
    again = train(data, out, "--resume", "--json")
    assert again.exit_code == 0, again.output
    assert trainer.outs[6:] == [out], "no fold is trained again"
    assert json.loads(again.stdout)["verdict"] == verdict
    # All of it is facesmith's own, so that --force may begin anew.
    anew = train(data, out, "--force", "--no-cross-validation")
    assert anew.exit_code == 0, anew.output
    assert not (out / "folds").exists()
    assert verdict_of(out)["photos"]["source"] == "held out"


def test_quick_and_a_time_limit_leave_the_folds_out(data, tmp_path, trainer):
    assert train(data, tmp_path / "quick", "--quick").exit_code == 0
    trainer.stopped = "time limit"
    limited = train(data, tmp_path / "limited", "--time-limit", 9)
    assert limited.exit_code == 0
    assert "so it is not cross-validated. --resume with a longer --time-limit" in limited.stderr
    assert trainer.outs == [tmp_path / "quick", tmp_path / "limited"]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Five photos of `data` under other names and seven of others, in `photos/`."""
    folder = tmp_path_factory.mktemp("others")
    (folder / "photos").mkdir()
    content = json.loads((data / "faces.json").read_text())
    images = content["images"][:12]
    for number, image in enumerate(images):
        old, new = data / "photos" / image["file_name"], folder / "photos" / f"other{number}.png"
        if number < 5:
            shutil.copyfile(old, new)
        else:
            Image.fromarray(np.array(Image.open(old))[:, ::-1]).save(new)
        image["file_name"] = new.name
    content["annotations"] = content["annotations"][:12]
    (folder / "faces.json").write_text(json.dumps({**content, "images": images}))
    return folder


def test_photos_of_val_decide_and_those_trained_on_are_told(data, others, tmp_path, trainer):
    out = tmp_path / "run"
    val = ("--val", others / "faces.json", "--val-images", others / "photos")
    result = train(data, out, *val)
    assert result.exit_code == 0, result.output
    assert trainer.outs == [out], "no folds"
    assert verdict_of(out)["photos"]["source"] == "val"
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning")]
    (warning,) = warnings
    assert warning.startswith(f"Warning: 5 of 12 photos of --val {val[1]} are trained on, too")
    assert "On the photos of --val: 12 photos with 12 faces" in result.stdout


def test_val_of_photos_that_are_all_trained_on_is_refused(data, tmp_path, trainer):
    val = ("--val", data / "faces.json", "--val-images", data / "photos")
    result = train(data, tmp_path / "run", *val)
    assert result.exit_code == 2
    assert f"All {N} photos of --val" in result.stderr
    assert trainer.outs == []


def test_what_was_gone_on_from_is_the_old_one(data, tmp_path, trainer):
    first, out = tmp_path / "first", tmp_path / "run"
    shutil.copytree(shipped_weights().parent, first)
    trainer.weights = first / "detector.onnx"
    result = train(data, out, "--from", first, "--no-cross-validation")
    assert result.exit_code == 0, result.output
    verdict = verdict_of(out)
    assert verdict["old"]["detector"].startswith(first.as_posix())
    # The same weights: exactly no difference.
    assert verdict["verdict"] == "alike"
    assert verdict["figures"]["ap"]["interval"] == [0, 0]
    assert "Verdict: as good: +.000 AP, 95 % +.000 to +.000" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--val-images", "."], "--val-images is the folder of the photos of --val"),
        (["--val", "nowhere.json"], "does not exist"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_training(
    data, tmp_path, trainer, words, message
):
    result = train(data, tmp_path / "run", *words)
    assert result.exit_code == 2
    assert message in result.output
    assert trainer.outs == []


def test_they_go_with_annotated_photos_only(tmp_path):
    patches = tmp_path / "patches.npz"
    patches.touch()
    words = ["train", str(patches), "--out", str(tmp_path / "run"), "--no-cross-validation"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "--no-cross-validation goes with annotated photos" in result.output
