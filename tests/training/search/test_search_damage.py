"""A search that goes on in a folder that was damaged, or with something else than before."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

torch = pytest.importorskip("torch")
optuna = pytest.importorskip("optuna")

from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.annotations import AnnotatedPhoto, load_annotations  # noqa: E402
from facesmith.detection.detector import shipped_weights  # noqa: E402
from facesmith.errors import TrainingError, WriteError  # noqa: E402
from facesmith.runs.settings import SettingsError  # noqa: E402
from facesmith.training.detector_config import DetectorConfig  # noqa: E402
from facesmith.training.search import (  # noqa: E402
    Parameter,
    SearchConfig,
    SearchResult,
    read_space,
    search,
)
from facesmith.training.search import study as study_module  # noqa: E402
from facesmith.training.search.report import write_report  # noqa: E402
from facesmith.training.search.trial import run_trial  # noqa: E402

SPACE = (
    Parameter("proposals.loop.learning_rate", 1e-4, 1e-2, log=True),
    Parameter("proposals.batch_size", choices=(4, 8)),
)


def figure(_: Any, folder: Path, config: DetectorConfig, __: Any, **___: Any) -> float:
    """In the place of a training: leaves a folder, as one does."""
    folder.mkdir(exist_ok=True)
    return 0.5 + config.proposals.loop.learning_rate


@pytest.fixture
def photos(tmp_path: Path) -> tuple[AnnotatedPhoto, ...]:
    (tmp_path / "photos").mkdir()
    draw_disc_photos(tmp_path / "photos", 3)
    return load_annotations(tmp_path / "photos" / "faces.json", tmp_path / "photos").photos


@pytest.fixture
def go_on(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Goes on with a search of three trials in `tune`."""
    monkeypatch.setattr(study_module, "run_trial", figure)

    def run(trials: int = 4, **extra: Any) -> SearchResult | None:
        config = SearchConfig(trials=trials, confirm=0)
        return search(photos, tmp_path / "tune", DetectorConfig(), SPACE, config, **extra)

    run(3)
    return run


@pytest.mark.parametrize("content", ["[]", "3", "null", '"x"', "{", "", "{}", '{"data": NaN}'])
def test_a_description_that_is_none(go_on: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "tune" / "search.json").write_text(content)
    with pytest.raises(TrainingError, match=r"search\.json.*or pass another --out"):
        go_on()


def test_a_description_with_values_of_another_kind(go_on: Any, tmp_path: Path) -> None:
    path = tmp_path / "tune" / "search.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base": [], "start": 3}))
    with pytest.raises(TrainingError, match=r"other settings and other weights .*--from"):
        go_on()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("garbage{", "line 5 is damaged"),
        ("[]", "line 5 is damaged"),
        ("{}", "line 5 is damaged"),
        ("\0\0\0", "line 5 is damaged"),
        ('{"op_code": 99, "worker_id": "x"}', "is damaged, or of another version"),
        ('{"op_code": 6, "worker_id": "x", "trial_id": 77}', "is damaged"),
    ],
)
def test_damage_inside_the_journal(go_on: Any, tmp_path: Path, line: str, words: str) -> None:
    journal = tmp_path / "tune" / "journal.log"
    lines = journal.read_text().splitlines()
    lines[4] = line
    journal.write_text("\n".join(lines) + "\n")
    before = journal.read_bytes()
    with pytest.raises(TrainingError, match=words):
        go_on()
    assert journal.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"facesmith"', '"other"', "the journal of another study, other"),
        ("learning_rate", "nothing", "trials with other settings"),
        ('"values":[0.5', '"values":[7.5', "no average precision"),
        ('"directions":[2]', '"directions":[1]', "damaged"),
    ],
)
def test_a_journal_of_another_search(
    go_on: Any, tmp_path: Path, old: str, new: str, words: str
) -> None:
    journal = tmp_path / "tune" / "journal.log"
    assert old in journal.read_text()
    journal.write_text(journal.read_text().replace(old, new))
    with pytest.raises(TrainingError, match=words):
        go_on()


@pytest.mark.parametrize("kept", [0, 400])
def test_a_journal_that_lost_its_end(go_on: Any, tmp_path: Path, kept: int) -> None:
    """Numbers of trials whose folders are there are not given again."""
    journal = tmp_path / "tune" / "journal.log"
    journal.write_bytes(journal.read_bytes()[:kept])
    with pytest.raises(TrainingError, match="lines at its end are missing"):
        go_on()
    for folder in (tmp_path / "tune").glob("trial-*"):
        shutil.rmtree(folder)
    assert len(go_on().trials) == 4


def test_a_lock_that_a_killed_process_left(go_on: Any, tmp_path: Path) -> None:
    """Optuna's own would be waited for without end where the path of the folder is relative."""
    (tmp_path / "tune" / "journal.log.lock").symlink_to("nowhere")
    assert len(go_on().trials) == 4


def test_other_weights_or_pixels_are_refused(
    go_on: Any, photos: tuple[AnnotatedPhoto, ...]
) -> None:
    with pytest.raises(TrainingError, match=r"other weights to go on from \(--from\)"):
        go_on(start=shipped_weights())
    Image.new("RGB", (128, 96)).save(photos[0].path)
    with pytest.raises(TrainingError, match="other photos or annotations"):
        go_on()


def test_nothing_is_written_into_a_folder_of_others(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path
) -> None:
    out = photos[0].path.parent
    before = sorted(out.iterdir())
    with pytest.raises(WriteError, match="holds other files"):
        search(photos, out, DetectorConfig(), SPACE)
    assert sorted(out.iterdir()) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "search.json").write_text("{}")
    with pytest.raises(WriteError, match=r"search\.json"):
        search(photos, tmp_path / "mine", DetectorConfig(), SPACE)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["search.json"]


def test_a_trial_that_died_before_all_settings_were_chosen(go_on: Any, tmp_path: Path) -> None:
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "tune" / "journal.log"))
    )
    trial = optuna.load_study(study_name="facesmith", storage=storage).ask()
    rate = trial.suggest_float(SPACE[0].name, 1e-4, 1e-2, log=True)
    found = go_on().trials[3]
    assert set(found.values) == {parameter.name for parameter in SPACE}
    assert found.values[SPACE[0].name] == rate


def test_a_search_whose_trials_keep_failing_ends(
    go_on: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: Any, **__: Any) -> float:
        raise TrainingError("the loss is not a number")

    monkeypatch.setattr(study_module, "run_trial", fails)
    result = go_on(5)
    assert [trial.state for trial in result.trials] == ["complete"] * 3 + ["failed"] * 5
    write_report(result, tmp_path / "tune")  # best of those that are complete


def test_equal_figures_are_said_to_be_equal(go_on: Any, tmp_path: Path) -> None:
    result = go_on()
    same = replace(
        result, trials=tuple(replace(each, figure=0.0) for each in result.trials), importance={}
    )
    write_report(same, tmp_path / "tune")
    assert "have the same figure" in (tmp_path / "tune" / "report.html").read_text()


def test_a_trial_that_ended_and_whose_figure_was_lost(
    photos: tuple[AnnotatedPhoto, ...], tmp_path: Path
) -> None:
    """Its checkpoints are deleted, its figure is in its folder."""
    folder = tmp_path / "trial-0000"
    (folder / "proposals").mkdir(parents=True)
    for path in (folder / "config.json", folder / "proposals" / "config.json"):
        path.write_text("{}")
    metrics = {"kept": "fp32", "held_out": {"fp32": {"ap": 0.25}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    found = run_trial(photos, folder, DetectorConfig(), None, start=None, progress=None)  # type: ignore[arg-type]
    assert found == 0.25
    (folder / "metrics.json").write_text("[]")
    with pytest.raises(TrainingError, match="no average precision"):
        run_trial(photos, folder, DetectorConfig(), None, start=None, progress=None)  # type: ignore[arg-type]


def test_ranges_of_files(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"proposals.crops.rotate": {"low": 0, "high": 1}}))
    (parameter,) = read_space(path, DetectorConfig())
    assert not parameter.whole  # values between 0 and 1 are tried
    for name in ("proposals.held_out", "proposals.loop.seed"):
        path.write_text(json.dumps({name: {"choices": [0, 1]}}))
        with pytest.raises(SettingsError, match="judged on"):
            read_space(path, DetectorConfig())


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("proposals.batch_size", {"choices": [0, 8]}, "must be above 0; got 0"),
        ("proposals.loop.learning_rate", {"low": -5, "high": -1}, "must be above 0; got -5"),
        ("proposals.loop.epochs", {"low": -1, "high": 3}, "must be above 0; got -1"),
        ("proposals.batch_size", {"choices": 8}, "must be a list of numbers; got 8"),
        ("refiner.gate_lower", {"low": 0.1, "high": 0.2}, "`refiner` is off"),
    ],
)
def test_ranges_that_no_training_takes(
    name: str, values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "space.json"
    path.write_text(json.dumps({name: values}))
    with pytest.raises(SettingsError, match=words):
        read_space(path, replace(DetectorConfig(), refiner=None))
