"""What is loaded when: detection never drags a training framework along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from spot_detector import spots
from square_classifier import squares

HEAVY = ("torch", "sklearn", "matplotlib", "scipy", "onnx", "cv2", "pandas", "skimage")


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running some code."""
    code += "\nimport sys; print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import facesmith; assert facesmith.__version__")
    assert "facesmith" in loaded
    assert not loaded & {*HEAVY, "onnxruntime", "PIL", "numpy", "click"}


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by(
        "from facesmith.cli import main\n"
        "for words in (['--help'], ['detect', '--help']): main(words, standalone_mode=False)"
    )
    assert not loaded & {*HEAVY, "onnxruntime"}


def test_detect_loads_no_training_framework(spot_weights: Path, tmp_path: Path) -> None:
    photo, model = tmp_path / "a.png", str(spot_weights)
    Image.fromarray(spots(64, 48, (16, 16))).save(photo)
    words = ["detect", str(photo), "--model", model, "--json", "--draw", str(tmp_path / "seen"),
             "--crops", str(tmp_path / "crops"), "--csv", str(tmp_path / "faces.csv")]  # fmt: skip
    loaded = loaded_by(f"from facesmith.cli import main; main({words!r}, standalone_mode=False)")
    assert {"onnxruntime", "PIL", "numpy"} <= loaded
    assert not loaded & set(HEAVY)
    assert (tmp_path / "crops" / "a_face_1.jpg").is_file()


def test_faces_are_covered_without_a_training_framework(spot_weights: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "a.png", tmp_path / "out"
    Image.fromarray(spots(64, 48, (16, 16))).save(photo)
    words = ["anonymise", str(photo), "--model", str(spot_weights), "--out", str(out)]
    loaded = loaded_by(f"from facesmith.cli import main; main({words!r}, standalone_mode=False)")
    assert not loaded & {*HEAVY, "av"}
    assert (out / "a.png").is_file()


def test_a_classifier_slides_without_a_training_framework(
    square_weights: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(squares(120, 90, (16, 8))).save(photo)
    words = ["detect", str(photo), "--model", str(square_weights), "--draw", str(tmp_path / "seen")]
    loaded = loaded_by(f"from facesmith.cli import main; main({words!r}, standalone_mode=False)")
    assert not loaded & set(HEAVY)
    assert (tmp_path / "seen" / "a_faces.jpg").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "read_image",
        "write_image",
        "Faces",
        "load_detector",
        "Detector",
        "open_detector",
        "SlidingClassifier",
        "detect_photos",
        "align_faces",
        "anonymise",
        "evaluate",
        "load_annotations",
    ],
)
def test_public_names_for_detection_load_no_training_framework(name: str) -> None:
    assert not loaded_by(f"import facesmith; facesmith.{name}") & set(HEAVY)


def test_fitting_a_table_with_the_base_install_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,z\n" + "".join(f"{i},{i * i}\n" for i in range(60)))
    words = ["approximate", "points.csv", "--target", "z", "--out", "run"]
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('filelock', 'torch', 'sklearn', 'scipy')))\n"
        f"from facesmith.__main__ import start; sys.argv[1:] = {words!r}; start()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert 'pip install ".[train]"' in done.stderr
    assert not (tmp_path / "run").exists()


def test_an_unknown_name_is_an_attribute_error() -> None:
    import facesmith  # noqa: PLC0415 - the subject of the test

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        facesmith.nothing  # noqa: B018
    assert set(facesmith.__all__) <= set(dir(facesmith))
