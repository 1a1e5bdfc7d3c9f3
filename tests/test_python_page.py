"""The examples of docs/python.md, run as they stand, and the names at the top of the package."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import facesmith
from facesmith.approximation import load_function
from facesmith.images import read_image
from facesmith.runtime import onnxruntime

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```", PAGE, re.M | re.S))
TRAINING = "Train a detector on your own photos"


def shape_of(path: str) -> tuple[int, ...]:
    return read_image(path).shape


def a_sine_was_kept(said: str) -> bool:
    """Whether the files agree, the interval holds sin 2.5, and only x = 20 is outside."""
    onnx = onnxruntime.InferenceSession("sine.onnx")
    code: dict[str, Any] = {}
    exec(Path("sine.py").read_text("utf-8"), code)  # noqa: S102 - written by the example
    value = load_function("sine.npz").predict([[2.5]])[0, 0]
    np.testing.assert_allclose(onnx.run(None, {"inputs": [[2.5]]})[0], [[value]], rtol=1e-6)
    assert code["predict"]([2.5]) == pytest.approx(value, rel=1e-6)
    numbers = [float(word) for word in re.findall(r"-?\d+\.\d+", said)]
    (first, _), (lower, _), (upper, _) = zip(numbers[::2], numbers[1::2], strict=True)
    assert first == pytest.approx(value, abs=1e-6)
    return lower < np.sin(2.5) < upper and said.endswith("[False  True]\n")


# What each example prints or leaves behind.
PROOFS = {
    "Find faces": lambda said: "[[" in said and "[0.99" in said,
    "Find faces in many photos": lambda said: said.count(".png") == 3,
    "Cut faces out upright": lambda _: shape_of("face-0.png") == (112, 112, 3),
    "Cover faces": lambda _: shape_of("covered.png") == (512, 512, 3),
    "Score a detector": lambda said: said.startswith("{0.5: 1.0, 0.4: 1.0} 1.0"),
    "Slide a classifier over a photo": lambda said: len(said.split()) == 2,
    "Fit a function to a table": lambda said: said.startswith("[0.598"),
    "Keep a fitted function": a_sine_was_kept,
}
# Examples that show several calls that belong together.
LONG = {"Keep a fitted function"}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, square_weights: Path) -> Path:
    """A folder with the files that the examples name; the only face is the astronaut's."""
    monkeypatch.chdir(tmp_path)
    for name in ("holiday", "photos", "runs/compact"):
        (tmp_path / name).mkdir(parents=True)
    Image.fromarray(data.astronaut()).save("astronaut.png")
    Image.fromarray(data.astronaut()).save("photos/astronaut.png")
    Image.fromarray(data.rocket()).save("holiday/launch.png")
    Image.fromarray(data.cat()).save("holiday/cat.png")
    shutil.copy(square_weights, "runs/compact/classifier.onnx")
    content = {
        "images": [{"id": 1, "file_name": "astronaut.png", "width": 512, "height": 512}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [180, 67, 89, 102]}],
        "categories": [{"id": 1, "name": "face"}],
    }
    Path("faces.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("title", [title for title in EXAMPLES if title != TRAINING])
def test_an_example_does_what_the_page_says(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(EXAMPLES[title], title, "exec"), {})  # noqa: S102 - our own page
    assert PROOFS[title](capsys.readouterr().out)


def test_every_example_has_five_lines_or_so_and_a_proof() -> None:
    assert set(EXAMPLES) == {*PROOFS, TRAINING}
    assert {
        title: code.count("\n")
        for title, code in EXAMPLES.items()
        if code.count("\n") > 6 and title not in LONG
    } == {}


def test_the_page_names_the_public_interface() -> None:
    named = set(re.findall(r"`([A-Za-z_]+)`", PAGE.partition("## ")[0]))
    assert set(facesmith.__all__) - {"__version__"} <= named
    for name in facesmith.__all__:
        assert getattr(facesmith, name).__doc__, name


@pytest.mark.slow
def test_the_training_example_trains(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With three passes over a dozen copies of one photo, in place of what is planned for them."""
    from facesmith.training import plan  # noqa: PLC0415 - heavy

    content = json.loads(Path("faces.json").read_text("utf-8"))
    images, boxes = content["images"], content["annotations"]
    for number in range(2, 13):
        shutil.copy("photos/astronaut.png", f"photos/{number}.png")
        images.append(images[0] | {"id": number, "file_name": f"{number}.png"})
        boxes.append(boxes[0] | {"id": number, "image_id": number})
    Path("faces.json").write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(plan, "_STEPS", (3.0, 0.0))
    monkeypatch.setattr(plan, "_CROPS_AN_EPOCH", 16)
    exec(compile(EXAMPLES[TRAINING], TRAINING, "exec"), {})  # noqa: S102 - our own page
    metrics = json.loads((work / "runs/mine/metrics.json").read_text("utf-8"))
    assert metrics["photos"] == 12
    assert (work / "runs/mine/detector.onnx").is_file()
