"""The base install finds faces on its own: a new environment, the built wheel, nothing else.

It downloads the base dependencies from the package index, so it is slow and needs a connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from PIL import Image

from spot_detector import SPOT_SCORE, spots

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MOST_MB = 200  # what installing the base may add


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, cwd=cwd, env=clean, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done


def megabytes(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (path,) = folder.glob("facesmith-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Where the new environment's programs lie, and how many MB the installation added."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    venv.create(folder, with_pip=True)
    before = megabytes(folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", ROOT / "constraints.txt", wheel, cwd=folder)  # fmt: skip
    return programs, megabytes(folder) - before


def test_the_base_install_is_small(installed: tuple[Path, float]) -> None:
    assert installed[1] <= MOST_MB


def test_the_base_install_has_no_framework(installed: tuple[Path, float], tmp_path: Path) -> None:
    listed = run(installed[0] / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path)
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert {"facesmith", "numpy", "onnxruntime", "pillow", "click"} <= names
    heavy = {"torch", "lightning-fabric", "scikit-learn", "scipy", "matplotlib", "onnx"}
    assert not names & {*heavy, "opencv-python", "opencv-python-headless", "tensorboard", "pandas"}


def test_the_base_install_detects(
    installed: tuple[Path, float], spot_weights: Path, tmp_path: Path
) -> None:
    Image.fromarray(spots(160, 120, (40, 32))).save(tmp_path / "a.png")
    done = run(
        installed[0] / "facesmith", "detect", "a.png", "--json", "--draw", "seen",
        "--crops", "crops", "--csv", "faces.csv", "--model", spot_weights, cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout)["faces"] == [
        {"box": [28.0, 20.0, 60.0, 52.0], "score": SPOT_SCORE}
    ]
    assert (tmp_path / "seen" / "a_faces.jpg").is_file()
    assert (tmp_path / "crops" / "a_face_1.jpg").is_file()


@pytest.mark.skipif(
    not (ROOT / "src" / "facesmith" / "weights" / "detector.onnx").is_file(),
    reason="no weights in this source tree",
)
def test_the_wheel_carries_its_weights(installed: tuple[Path, float], tmp_path: Path) -> None:
    from skimage import data  # noqa: PLC0415 - slow to import

    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    done = run(installed[0] / "facesmith", "detect", "a.png", "--json", cwd=tmp_path)
    assert len(json.loads(done.stdout)["faces"]) == 1


def test_training_commands_say_which_extra_they_need(
    installed: tuple[Path, float], tmp_path: Path
) -> None:
    (tmp_path / "patches.npz").touch()
    done = subprocess.run(
        [str(installed[0] / "facesmith"), "train", "patches.npz", "--out", "run"],
        capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'facesmith[train]'" in done.stderr
