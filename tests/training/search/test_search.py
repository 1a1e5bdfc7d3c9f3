"""A search for settings: what it may change, trials that stop early or die, the verdict."""

from __future__ import annotations

import json
import multiprocessing
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch")
optuna = pytest.importorskip("optuna")

import lock_holder  # noqa: E402
from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.annotations import AnnotatedPhoto, load_annotations  # noqa: E402
from facesmith.cli import main  # noqa: E402
from facesmith.errors import TrainingError, WriteError  # noqa: E402
from facesmith.networks.detector import DetectorNetConfig  # noqa: E402
from facesmith.progress import Progress  # noqa: E402
from facesmith.runs.settings import read_settings, with_changes  # noqa: E402
from facesmith.training.crops import CropConfig  # noqa: E402
from facesmith.training.detector_config import DetectorConfig  # noqa: E402
from facesmith.training.proposals import ProposalConfig  # noqa: E402
from facesmith.training.search import (  # noqa: E402
    Parameter,
    SearchConfig,
    search,
    settings_of,
)
from facesmith.training.search import confirming as confirming_module  # noqa: E402
from facesmith.training.search import study as study_module  # noqa: E402
from facesmith.training.search import trial as trial_module  # noqa: E402
from facesmith.training.search.confirming import Confirmation  # noqa: E402
from facesmith.training.search.report import write_report  # noqa: E402
from facesmith.training.search.trial import Pruned  # noqa: E402
from mortal_training import Mortal  # noqa: E402

SPACE = (
    Parameter("proposals.loop.learning_rate", 1e-4, 1e-2, log=True),
    Parameter("proposals.batch_size", choices=(4, 8)),
    Parameter("proposals.loop.epochs", 1, 3),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 small photos with a light disc each, and their `faces.json`."""
    folder = tmp_path_factory.mktemp("photos")
    draw_disc_photos(folder, 24)
    return folder


@pytest.fixture(scope="module")
def photos(folder: Path) -> tuple[AnnotatedPhoto, ...]:
    return load_annotations(folder / "faces.json", folder).photos


def base() -> DetectorConfig:
    proposals = ProposalConfig(
        network=DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8)),
        crops=CropConfig(side=64, smallest_face=16, largest_face=50),
        batch_size=8,
    )
    loop = replace(
        proposals.loop, epochs=2, warmup_steps=2, threads=1, average_decay=0.9, validate_every=1,
        checkpoint_steps=1,
    )  # fmt: skip
    return DetectorConfig(replace(proposals, loop=loop), None, quantise_loss=-1)


class Said(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def parabola(_: Any, __: Path, config: DetectorConfig, trial: Any, **___: Any) -> float:
    """In the place of a training: best at a learning rate of 0.001 and a batch of 4."""
    rate = np.log10(config.proposals.loop.learning_rate)
    figure = float(0.9 - 0.1 * (rate + 3) ** 2 - 0.01 * (config.proposals.batch_size == 8))
    if trial is not None:
        for step in (50, 100):
            trial.report(figure, step)
            if step < 100 and trial.should_prune():
                raise Pruned(figure)
    seed = config.proposals.loop.seed
    return figure + 0.001 * seed


def test_it_finds_the_best_settings(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "run_trial", parabola)
    out = tmp_path / "tune"
    said = Said()
    result = search(
        photos, out, base(), SPACE, SearchConfig(trials=40, confirm=0, seed=1), progress=said
    )
    assert result is not None
    assert result.trials[0].values == {
        "proposals.loop.learning_rate": 3e-3, "proposals.batch_size": 8, "proposals.loop.epochs": 2,
    }  # fmt: skip
    states = [trial.state for trial in result.trials]
    assert len(states) == 40
    assert states.count("pruned") > 3
    best = result.complete[0]
    assert best.figure is not None
    assert best.figure > 0.895
    assert 3e-4 < best.values["proposals.loop.learning_rate"] < 3e-3
    assert set(result.importance) == {parameter.name for parameter in SPACE}
    assert sum(result.importance.values()) == pytest.approx(1)
    shares = list(result.importance.values())
    assert shares == sorted(shares, reverse=True)
    settings = read_settings(out / "best.json", "detector")
    expected = with_changes(base(), settings_of(best.values))
    expected = expected.with_loops(lambda loop: replace(loop, threads=0))
    assert with_changes(DetectorConfig.quick(), settings) == expected  # whatever is planned
    write_report(result, out)
    assert "Nothing was trained again with other seeds" in (out / "report.html").read_text()
    for name in ("parallel.png", "importance.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 1000
    assert len(json.loads((out / "trials.json").read_text())["trials"]) == 40


def test_trials_are_counted_over_runs(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "run_trial", parabola)
    out = tmp_path / "tune"
    first = search(photos, out, base(), SPACE, SearchConfig(trials=3, confirm=0))
    again = search(photos, out, base(), SPACE, SearchConfig(trials=5, confirm=0))
    assert first is not None
    assert again is not None
    assert again.trials[:3] == first.trials
    assert len(again.trials) == 5
    # A process that goes on proposes something else than the first one did.
    assert len({trial.values["proposals.loop.learning_rate"] for trial in again.trials}) == 5


def test_half_a_line_of_the_journal_is_left_out(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "run_trial", parabola)
    out = tmp_path / "tune"
    first = search(photos, out, base(), SPACE, SearchConfig(trials=2, confirm=0))
    with (out / "journal.log").open("ab") as file:
        file.write(b'{"op_code": 6, "worker_')
    again = search(photos, out, base(), SPACE, SearchConfig(trials=3, confirm=0))
    assert first is not None
    assert again is not None
    assert again.trials[:2] == first.trials


def test_another_search_in_the_folder_is_refused(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "run_trial", parabola)
    out = tmp_path / "tune"
    config = SearchConfig(trials=1, confirm=0)
    search(photos, out, base(), SPACE, config)
    with pytest.raises(TrainingError, match="other photos or annotations"):
        search(photos[1:], out, base(), SPACE, config)
    with pytest.raises(TrainingError, match="other ranges"):
        search(photos, out, base(), SPACE[:2], config)
    with pytest.raises(TrainingError, match="other settings"):
        search(photos, out, replace(base(), quantise_loss=0.1), SPACE, config)
    loops = base().with_loops(lambda loop: replace(loop, threads=2))
    assert search(photos, out, loops, SPACE, config) is not None  # threads may differ
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").touch()
    with pytest.raises(WriteError, match=r"letter\.txt"):
        search(photos, tmp_path / "other", base(), SPACE, config)


def test_a_failed_trial_does_not_end_the_search(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_once(photos: Any, folder: Path, config: Any, trial: Any, **extra: Any) -> float:
        if trial.number == 1:
            raise TrainingError("the loss is not a number")
        return parabola(photos, folder, config, trial, **extra)

    monkeypatch.setattr(study_module, "run_trial", fails_once)
    result = search(photos, tmp_path / "tune", base(), SPACE, SearchConfig(trials=3, confirm=0))
    assert result is not None
    assert [trial.state for trial in result.trials].count("failed") == 1
    assert len(result.trials) == 4  # three that count


def test_a_trial_whose_process_died_is_gone_on_with(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the midst of its training: the next run resumes it at its checkpoint."""

    class Killed(BaseException):
        pass

    out = tmp_path / "tune"
    space = SPACE[:1]
    config = SearchConfig(trials=1, confirm=0)
    mortal = Mortal(monkeypatch, steps_left=3)
    told = study_module._Trainer._train

    def killed(self: Any, trial: Any) -> None:
        assert trial.number == 0
        try:
            study_module.run_trial(
                self._photos, self._out / "trial-0000", self._base, None,
                start=None, progress=Progress(),
            )  # fmt: skip
        except TrainingError as error:
            raise Killed from error

    monkeypatch.setattr(study_module._Trainer, "_train", killed)
    # The default settings of trial 0 are those of the base.
    with pytest.raises(Killed):
        search(photos, out, base(), space, config)
    monkeypatch.setattr(study_module._Trainer, "_train", told)
    mortal.steps_left = 1000
    said = Said()
    result = search(photos, out, base(), space, config, progress=said)
    assert said.lines[0] == "Trial 0: its process ended; going on with it."
    assert result is not None
    assert [trial.state for trial in result.trials] == ["complete"]
    steps_an_epoch = 1000 - mortal.steps_left
    assert steps_an_epoch < 2 * (19 // 8) + 3  # three steps were not done again


def test_a_trial_of_a_process_that_lives_is_left_alone(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "run_trial", parabola)
    out = tmp_path / "tune"
    search(photos, out, base(), SPACE, SearchConfig(trials=1, confirm=0))
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(out / "journal.log"))
    )
    other = optuna.load_study(study_name="facesmith", storage=storage).ask()
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    process = context.Process(
        target=lock_holder.hold, args=(str(out / f".trial-{other.number:04d}.lock"), held, done)
    )
    process.start()
    try:
        assert held.wait(30)
        assert search(photos, out, base(), SPACE, SearchConfig(trials=3, confirm=0)) is None
        assert not (out / "best.json").exists() or json.loads((out / "best.json").read_text())
    finally:
        done.set()
        process.join(30)


def test_defaults_that_are_best_are_not_trained_again(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(_: Any, __: Path, config: DetectorConfig, trial: Any, **___: Any) -> float:
        assert trial is not None, "trained again"
        return 0.5 if config == expected else 0.4

    expected = replace(base(), landmarks=None)
    monkeypatch.setattr(study_module, "run_trial", worse)
    monkeypatch.setattr(confirming_module, "run_trial", worse)
    config = SearchConfig(trials=3, confirm=2, held_out=0.04)
    result = search(photos, tmp_path / "tune", base(), SPACE, config)
    assert result is not None
    assert result.defaults_are_best
    assert result.verdict().startswith("The defaults are best")
    write_report(result, tmp_path / "tune")
    assert "The defaults are best" in (tmp_path / "tune" / "report.html").read_text()


def test_ranges_without_the_defaults_are_compared_with_them(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trial 0 is at the end of the range then, and is not called the default one."""
    monkeypatch.setattr(study_module, "run_trial", parabola)
    monkeypatch.setattr(confirming_module, "run_trial", parabola)
    space = (Parameter("proposals.loop.learning_rate", 1e-3, 2e-3, log=True),)
    result = search(photos, tmp_path / "tune", base(), space, SearchConfig(trials=1, confirm=2))
    assert result is not None
    assert result.trials[0].values == {"proposals.loop.learning_rate": 2e-3}
    assert result.default is None
    assert result.confirmation is not None
    assert result.confirmation.better
    write_report(result, tmp_path / "tune")
    report = (tmp_path / "tune" / "report.html").read_text()
    assert "<td>0.002</td><td>0.003</td>" in report
    assert re.search(
        r'"number">0\.8809</span><span class="what">best trial', report
    )  # the figure is the large one


def test_settings_that_a_training_refuses_are_a_failed_trial(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> dict[str, Any]:
        raise ValueError("rotate must be at most 1; got 7")

    monkeypatch.setattr(trial_module, "train_detector", refuses)
    with pytest.raises(TrainingError, match="trial-0002: these settings cannot be used: rotate"):
        search(photos, tmp_path / "tune", base(), SPACE)


@pytest.mark.parametrize(
    ("default", "best", "better", "words"),
    [
        ((0.5, 0.6, 0.7), (0.51, 0.62, 0.71), True, r"Better .* AP \+0\.0133 .* one of 8 searches"),
        ((0.5, 0.6, 0.7), (0.55, 0.62, 0.69), False, r"Not shown .* AP \+0\.0200 .* 2 of 3 pairs"),
        ((0.5,), (0.6,), False, "Not shown"),
    ],
)
def test_the_verdict(
    default: tuple[float, ...], best: tuple[float, ...], better: bool, words: str
) -> None:
    found = Confirmation(tuple(range(len(default))), default, best)
    assert found.better is better
    assert re.search(words, found.verdict())


@pytest.mark.slow
def test_the_command(folder: Path, tmp_path: Path) -> None:
    """From photos to a report, with real trainings, then a training with the best settings."""
    settings = {
        "proposals": {
            **{k: v for k, v in asdict(base().proposals).items() if k in ("network", "batch_size")},
            "loop": {"epochs": 2, "warmup_steps": 2, "average_decay": 0.9, "validate_every": 1},
            "crops": {"side": 64, "smallest_face": 16, "largest_face": 50},
        },
        "refiner": None,
        "quantise_loss": -1.0,
    }
    (tmp_path / "base.json").write_text(json.dumps(settings))
    (tmp_path / "space.json").write_text(
        json.dumps({"proposals.loop.learning_rate": {"low": 4e-3, "high": 1e-2, "log": True}})
    )
    words = [
        folder / "faces.json", "--images", folder, "--config", tmp_path / "base.json", "--from",
        "scratch", "--threads", "1",
    ]  # fmt: skip
    out = tmp_path / "tune"
    result = CliRunner().invoke(
        main,
        [str(word) for word in ("tune", *words, "--out", out, "--trials", 2, "--confirm", 2,
                                "--space", tmp_path / "space.json")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2 trials: " in result.output
    assert "with other seeds and other photos held out" in result.output
    assert {"best.json", "report.html", "trials.json", "parallel.png"} <= {
        path.name for path in out.iterdir()
    }
    assert not list(out.glob("trial-*/proposals/checkpoints"))
    words = [
        "train", folder / "faces.json", "--images", folder, "--config", out / "best.json", "--from",
        "scratch", "--out", tmp_path / "tuned",
    ]  # fmt: skip
    trained = CliRunner().invoke(main, [str(word) for word in words])
    assert trained.exit_code == 0, trained.output
    best = read_settings(out / "best.json", "detector")
    found = json.loads((tmp_path / "tuned" / "config.json").read_text())["config"]["proposals"]
    assert found["network"]["widths"] == [8, 8, 12, 16, 16]
    assert found["loop"]["learning_rate"] == best["proposals"]["loop"]["learning_rate"]
