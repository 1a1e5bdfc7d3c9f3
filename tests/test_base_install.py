"""The base install finds faces on its own: a new environment, the built wheel, nothing else.

It downloads the base dependencies from the package index, so it is slow and needs a connection.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from spot_detector import SPOT_SCORE, spots

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MOST_MB = 200  # what installing the base may add
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The minor versions of Python 3 that the classifiers name.
MINORS = [int(name) for name in re.findall(r"Python :: 3\.(\d+)", " ".join(PROJECT["classifiers"]))]
MOST_WHEEL, MOST_SOURCE = 4e6, 8e6  # bytes; the weights are 2.4 MB of both


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
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (path,) = folder.glob("facesmith-*.whl")
    return path


def test_the_archives_hold_what_is_needed_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: info.file_size for info in archive.infolist()}
    ours = {name.removeprefix("facesmith/") for name in files if name.startswith("facesmith/")}
    weights = {"detector.onnx", "refiner.onnx", "landmarks.onnx", "MODEL_CARD.md"}
    needed = {*(f"weights/{name}" for name in weights), "py.typed", "pictures/page.css",
              "demo/report.html", "evaluation/run_report.html", "__main__.py"}  # fmt: skip
    assert needed <= ours
    assert {name.partition("/")[0] for name in files} == {
        "facesmith", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    }  # fmt: skip
    assert not [name for name in files if name.endswith((".jpg", ".png", ".npz", ".pyc", ".pt"))]
    assert wheel.stat().st_size <= MOST_WHEEL
    (source,) = wheel.parent.glob("facesmith-*.tar.gz")
    with tarfile.open(source) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    pages = {"README.md", "LICENSE", "SECURITY.md", "CITATION.cff", "CHANGELOG.md"}
    tools = {"Makefile", "pyproject.toml", "constraints.txt"}
    assert {"src", "tests", "docs", "benchmarks", *pages, *tools} <= tops
    assert source.stat().st_size <= MOST_SOURCE


@pytest.mark.skipif(find_spec("twine") is None, reason="twine is not installed")
def test_an_index_would_take_the_archives(wheel: Path) -> None:
    done = run(
        sys.executable, "-m", "twine", "check", "--strict", *wheel.parent.iterdir(), cwd=ROOT
    )
    assert done.stdout.count("PASSED") == 2


def python_of(minor: int) -> str | None:
    """A Python 3 of this minor version on this machine, if it runs."""
    for name in (
        f"python3.{minor}",
        *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")),
    ):
        path = shutil.which(name)
        if path and not subprocess.run([path, "-V"], capture_output=True, check=False).returncode:
            return path
    return None


@pytest.mark.parametrize("minor", [minor for minor in MINORS if minor != sys.version_info.minor])
def test_other_pythons_install_and_detect(minor: int, wheel: Path, tmp_path: Path) -> None:
    python = python_of(minor)
    if python is None:
        pytest.skip(f"Python 3.{minor} is not on this machine")
    from skimage import data  # noqa: PLC0415 - slow to import

    run(python, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", ROOT / "constraints.txt", wheel, cwd=tmp_path)  # fmt: skip
    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    done = run(programs / "facesmith", "detect", "a.png", "--json", "--landmarks", cwd=tmp_path)
    (face,) = json.loads(done.stdout)["faces"]
    assert len(face["landmarks"]) == 5


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
    assert 'pip install "facesmith[train]"' in done.stderr
