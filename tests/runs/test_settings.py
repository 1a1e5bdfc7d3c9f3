"""Settings files."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from facesmith.curation.label_audit.findings import AuditConfig
from facesmith.errors import TrainingError
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import SettingsError, read_settings, with_changes
from facesmith.training.detector_config import DetectorConfig


def test_a_detectors_run_gives_its_settings_back(tmp_path: Path) -> None:
    config = replace(DetectorConfig.quick(), keep_proposals=True, quantise_loss=-1.0)
    for each in (config, replace(config, refiner=None)):
        path = tmp_path / "config.json"
        about = {"task": "detector", "data": "abc", "start": ["d"], **asdict(each)}
        path.write_text(json.dumps({"facesmith": "1", "config": about}))
        assert with_changes(DetectorConfig(), read_settings(path, "detector")) == each
        with pytest.raises(SettingsError, match="the run of a detector; expected that of a class"):
            read_settings(path, "classifier")


def test_toml_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        "refiner = false\n[proposals]\nloop.early_stop = 3\ncrops.side = 320\n"
        "network.widths = [8, 8, 8, 8, 8]\n"
    )
    config = with_changes(DetectorConfig(), read_settings(path, "detector"))
    assert config.refiner is None
    assert (config.proposals.loop.early_stop, config.proposals.crops.side) == (3, 320)
    assert config.proposals.network.widths == (8, 8, 8, 8, 8)
    assert config.proposals.loop.epochs == DetectorConfig().proposals.loop.epochs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proposal": {}}, "Unknown setting 'proposal'. Known here: keep_proposals, "),
        ({"refiner": {"lop": 1}}, "Unknown setting 'refiner.lop'"),
        ({"keep_proposals": 1}, "'keep_proposals' must be bool; got 1"),
        ({"refiner": {"move": float("nan")}}, "'refiner.move' must be a finite number"),
        ({"proposals": {"network": {"widths": [1]}}}, "network.widths' must be 5 values; got [1]"),
        ({"proposals": None}, "'proposals' must be dict; got None"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_changes(DetectorConfig(), changes)
    assert message in str(caught.value)


def test_a_value_out_of_range_and_a_file_of_no_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`min_score` must be between 0 and 1"):
        with_changes(AuditConfig(), {"min_score": 2})
    path = tmp_path / "settings.toml"
    path.write_text("a = ")
    with pytest.raises(SettingsError, match=r"settings\.toml: expected a TOML file"):
        read_settings(path, "detector")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "it is nested too deeply"),
        ('{"loop": {}}'.encode("utf-16"), "is text in UTF-16"),
        (b"", "is empty"),
        (b"\xff", "expected text in UTF-8"),
    ],
)
def test_settings_and_runs_from_elsewhere_get_their_true_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_settings(path, "detector")
    with pytest.raises(TrainingError, match=message):
        RunFolder(tmp_path).read_config()


@pytest.mark.parametrize("content", [b"3", b"{}", b'{"config": 3}', b'{"config": []}'])
def test_a_file_of_something_else_is_no_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(TrainingError, match="is no run folder"):
        RunFolder(tmp_path).read_config()
