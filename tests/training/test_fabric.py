"""The accelerator of a training: what the settings ask for and what the processes share."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.cli import main  # noqa: E402
from facesmith.errors import TrainingError  # noqa: E402
from facesmith.training import fabric  # noqa: E402
from facesmith.training.fabric import make_fabric  # noqa: E402
from facesmith.training.loop_config import LoopConfig  # noqa: E402
from facesmith.training.sharing import World, backend  # noqa: E402
from synthetic_rows import save_synthetic  # noqa: E402

SECOND = World(1, 2, 1)  # of two processes


def settings(accelerator: str = "auto", precision: str = "auto") -> LoopConfig:
    return LoopConfig(1, 0.1, accelerator=accelerator, precision=precision)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What Lightning's Fabric is asked for, which here needs no such accelerator."""
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(fabric, "Fabric", lambda **words: asked.append(words))
    return asked


def with_gpus(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)


def test_each_of_several_processes_has_a_gpu_of_its_own(
    made: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, True)
    make_fabric(settings(), SECOND)
    make_fabric(settings("cuda"), SECOND)
    assert backend() == "nccl"
    assert made == [{"accelerator": "cuda", "devices": [1], "precision": "bf16-mixed"}] * 2


def test_without_cuda_several_processes_train_on_cores(
    made: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on Apple's GPU, which `auto` means there, and whose tensors gloo cannot send."""
    with_gpus(monkeypatch, False)
    make_fabric(settings(precision="32-true"), SECOND)
    assert backend() == "gloo"
    assert made == [{"accelerator": "cpu", "devices": 1, "precision": "32-true"}]


@pytest.mark.parametrize(
    ("gpus", "asked", "message"),
    [
        (True, "cpu", r"must be auto or cuda .* got 'cpu'\. .* \(CUDA_VISIBLE_DEVICES=\)"),
        (False, "mps", r"must be auto or cpu .* got 'mps'\. For them leave the setting out\."),
        (False, "cuda", r"must be auto or cpu .* got 'cuda'"),
    ],
)
def test_an_accelerator_that_the_processes_do_not_share_is_refused(
    gpus: bool, asked: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, gpus)
    with pytest.raises(TrainingError, match=message):
        make_fabric(settings(asked), SECOND)


@pytest.mark.parametrize("gpus", [True, False])
@pytest.mark.parametrize("asked", ["auto", "cpu", "cuda", "mps"])
def test_one_process_trains_where_the_settings_say(
    asked: str, gpus: bool, made: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, gpus)
    make_fabric(settings(asked, "32-true"), World())
    assert made == [{"accelerator": asked, "devices": 1, "precision": "32-true"}]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (settings("tpux"), "`accelerator` 'tpux' .* cannot be had on this machine"),
        (settings(precision="half"), "`precision` 'half' .* cannot be had on this machine"),
    ],
)
def test_what_no_machine_has_is_named(config: LoopConfig, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make_fabric(config, World())


@pytest.mark.parametrize("kind", ["classifier", "detector"])
def test_a_training_that_the_machine_cannot_do_leaves_no_folder(kind: str, tmp_path: Path) -> None:
    """It ends before photos are read: here those of a detector are no photos."""
    if kind == "classifier":
        data = [str(save_synthetic(tmp_path / "patches.npz", n_photos=8))]
        settings = {"loop": {"accelerator": "tpux"}}
    else:
        draw_disc_photos(tmp_path, 20)
        for photo in tmp_path.glob("*.png"):
            photo.write_bytes(photo.read_bytes()[:-200])
        data = [str(tmp_path / "faces.json"), "--images", str(tmp_path)]
        settings = {"refiner": {"loop": {"accelerator": "tpux"}}}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    words = ["--config", str(tmp_path / "settings.json"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["train", *data, *words], catch_exceptions=False)
    assert result.exit_code == 1
    assert "`accelerator` 'tpux'" in result.stderr
    assert "Left out" not in result.stderr
    assert not (tmp_path / "run").exists()
