"""The modules by which the browser finds faces, beside the package's own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from facesmith.boxes import non_maximum_suppression
from facesmith.detection import load_detector
from facesmith.detection.calibration import Calibration, logit
from facesmith.detection.decoding import decode
from facesmith.detection.patches import cut_squares, patch_squares
from facesmith.detection.refiner import decode_deltas
from facesmith.detection.resizing import scaled
from local_servers import FileServer

# Calls a function of a module; pictures go in and out as base64.
CALL = """async ([module, name, args]) => {
  const called = (await import(new URL(module, document.baseURI)))[name];
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const text = (data) => {
    let result = "";
    for (let at = 0; at < data.length; at += 4096) {
      result += String.fromCharCode(...data.subarray(at, at + 4096));
    }
    return btoa(result);
  };
  const taken = args.map((arg) => (arg?.pixels ? { ...arg, data: bytes(arg.pixels) } : arg));
  const given = await called(...taken);
  const plain = (value) => {
    if (value instanceof Uint8Array) return text(value);
    if (value?.data) return { ...value, data: text(value.data) };
    if (value?.picture) return { ...value, picture: plain(value.picture) };
    return value;
  };
  return plain(given);
}"""


class Modules:
    """Calls functions of the modules."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def __call__(self, module: str, name: str, *args: Any) -> Any:
        return self._page.evaluate(CALL, [module, name, list(args)])


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Modules]:
    server = FileServer(Path(str(files("facesmith") / "export" / "web" / "browser")))
    page = browser.new_page()
    page.goto(server.address)
    yield Modules(page)
    page.close()
    server.stop()


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def picture(image: np.ndarray) -> dict[str, Any]:
    height, width = image.shape[:2]
    return {"pixels": base64.b64encode(image.tobytes()).decode(), "width": width, "height": height}


def pixels(given: dict[str, Any]) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(given["data"]), np.uint8)
    return data.reshape(given["height"], given["width"], 3)


@pytest.mark.parametrize(
    ("size_wh", "scale"),
    [
        ((97, 61), 1.0),
        ((97, 61), 1.5),
        ((61, 97), 1.28),
        ((160, 90), 0.625),
        ((161, 91), 0.4),
        ((210, 333), 1 / 3),
        ((301, 55), 0.1234),
        ((400, 30), 0.02),
    ],
)
def test_scaled_is_that_of_the_package(
    modules: Modules, size_wh: tuple[int, int], scale: float
) -> None:
    image = noise(*size_wh)
    expected, factors = scaled(image, scale)
    found = modules("resizing.js", "scaled", picture(image), scale)
    np.testing.assert_array_equal(pixels(found["picture"]), expected)
    assert [found["scaleX"], found["scaleY"]] == factors.tolist()


@pytest.mark.parametrize("factors", [(3, 3), (2, 2), (4, 4), (5, 2)])
def test_reduced_is_that_of_pillow(modules: Modules, factors: tuple[int, int]) -> None:
    image = noise(100, 64)
    expected = np.asarray(Image.fromarray(image).reduce(factors))
    found = modules("resizing.js", "reduced", picture(image), factors)
    np.testing.assert_array_equal(pixels(found), expected)


def test_patches_are_those_of_the_package(modules: Modules) -> None:
    generator = np.random.default_rng(0)
    image = noise(320, 240)
    centres = generator.uniform((-10, -10), (330, 250), (60, 2))
    sides = np.exp(generator.uniform(np.log(6), np.log(400), (60, 2)))
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype(np.float32)
    squares = patch_squares(boxes)
    found = [modules("patches.js", "patchSquare", box) for box in boxes.tolist()]
    np.testing.assert_array_equal(np.float32(found), squares)
    expected = cut_squares(image, squares)
    data = modules("patches.js", "cutSquares", picture(image), squares.tolist())
    patches = np.frombuffer(base64.b64decode(data), np.uint8).reshape(expected.shape)
    # The order of Pillow's two passes, which it chooses by the size, decides over the last bit.
    off = np.abs(patches.astype(int) - expected)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.02


def test_boxes_are_decoded_as_in_the_package(modules: Modules) -> None:
    generator = np.random.default_rng(0)
    maps = [generator.normal(0, 2, (1, 5, 6 // s, 8 // s)).astype(np.float32) for s in (1, 2)]
    boxes, logits = decode(maps, (8, 16), 4.0, 0.5)
    levels = [
        {"data": level.ravel().tolist(), "rows": level.shape[2], "columns": level.shape[3]}
        for level in maps
    ]
    found = modules("boxes.js", "decoded", levels, [8, 16], 4.0, 0.5)
    np.testing.assert_allclose([each["box"] for each in found], boxes, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose([each["logit"] for each in found], logits)


def test_boxes_are_corrected_as_in_the_package(modules: Modules) -> None:
    box, deltas = np.float32([[10, 20, 42, 60]]), np.float32([[0.1, -0.2, -0.3, 2.0]])
    found = modules("boxes.js", "corrected", box[0].tolist(), deltas[0].tolist())
    np.testing.assert_allclose([found], decode_deltas(box, deltas), rtol=1e-6)


def test_overlapping_boxes_go_as_in_the_package(modules: Modules) -> None:
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 60, (200, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(5, 40, (200, 2))], axis=1)
    boxes = boxes.astype(np.float32)
    scores = np.round(generator.uniform(0, 1, 200), 1).astype(np.float32)  # with ties
    candidates = [
        {"box": box, "score": score, "index": index}
        for index, (box, score) in enumerate(zip(boxes.tolist(), scores.tolist(), strict=True))
    ]
    found = modules("boxes.js", "suppressed", candidates, "score")
    expected = non_maximum_suppression(boxes, scores, 0.4)
    assert [each["index"] for each in found] == expected.tolist()


@pytest.mark.parametrize("knots", [(), ((-2.0, 0.1), (0.0, 0.4), (3.0, 0.9))])
def test_scores_are_those_of_the_package(modules: Modules, knots: Any) -> None:
    calibration = Calibration(2.1, 0.9, 1.3, 0.05, knots, 0.15, 0.6, -2.8, 3.8)
    plain = asdict(calibration)
    for raw, refiner in ((0.06, -2.8), (0.3, 1.5), (0.999999, 3.8), (0.5, -9.0)):
        proposal = logit(np.float32([raw]))
        (expected,) = calibration.scores(proposal, np.float32([refiner]))
        found = modules("scores.js", "probability", plain, float(proposal[0]), refiner)
        assert found == pytest.approx(float(expected), abs=1e-6)


def test_the_pyramid_is_that_of_the_package(modules: Modules) -> None:
    detector = load_detector()
    for longer in (100, 400, 640, 801, 3199, 3200, 6400, 12_800):
        plan = detector.pyramid.plan(longer, longer)
        scale = modules("pyramid.js", "finestScale", detector.metadata, longer)
        assert scale == pytest.approx(plan.scale, rel=1e-12)
        factor = modules("pyramid.js", "decodingFactor", detector.metadata, longer)
        side = plan.decoding_side(detector.spare_size)
        assert (side or longer) == -(-longer // factor)
    for rows in (1, 240, 241, 720, 721, 2161):
        expected = detector.pyramid.plan(640, 480).n_coarser(rows)
        assert modules("pyramid.js", "nCoarser", detector.metadata, rows) == expected


def test_what_is_left_out_early_reaches_no_score(modules: Modules) -> None:
    detector = load_detector()
    for score in (0.0, 0.02, 0.5, 0.9, 1.0):
        raw = modules("scores.js", "minRawScore", detector.metadata["calibration"], score)
        assert raw == pytest.approx(detector._min_raw_score(score), abs=1e-6)


def test_a_large_jpeg_is_reduced_nearly_as_its_decoder_does(
    modules: Modules, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(astronaut()[:240, :320]).save(path, quality=95)
    whole = np.asarray(Image.open(path))
    for factor in (2, 4, 8):
        opened = Image.open(path)
        opened.draft("RGB", (320 // factor, 240 // factor))
        found = pixels(modules("resizing.js", "reduced", picture(whole), [factor, factor]))
        assert np.abs(found.astype(int) - np.asarray(opened)).mean() < 0.5
