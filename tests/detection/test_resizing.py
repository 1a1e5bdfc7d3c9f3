"""Making photos smaller, against a slow re-implementation and Pillow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facesmith.detection.resizing import LARGEST_BLOCK, PRODUCT_GRAPH, TOLERANCE, scaled, shrunk

Image3 = npt.NDArray[np.uint8]


def noise(height: int, width: int, seed: int = 0) -> Image3:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def in_full(image: Image3, kept: int, of: int) -> npt.NDArray[np.float64]:
    """Tent-shaped weights from one pixel made to those beside it, pixel by pixel."""

    def along(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        size = len(pixels)
        made = []
        for place in range(-(-size * kept // of)):
            centre, total, weight_sum = (place + 0.5) * of / kept, 0.0, 0.0
            for source in range(int(centre) - 2 * of, int(centre) + 2 * of):
                weight = max(1 - abs(source + 0.5 - centre) * kept / of, 0)
                total = total + weight * pixels[min(max(source, 0), size - 1)]
                weight_sum += weight
            made.append(total / weight_sum)
        return np.array(made)

    return along(along(image.astype(np.float64)).swapaxes(0, 1)).swapaxes(0, 1)


@pytest.mark.parametrize(
    ("height", "width", "kept", "of"),
    [(16, 24, 5, 8), (17, 23, 5, 8), (3, 5, 1, 3), (1, 1, 2, 3), (40, 41, 7, 9), (33, 65, 31, 32)],
)
def test_pixels_count_less_with_distance(height: int, width: int, kept: int, of: int) -> None:
    image = noise(height, width)
    before = image.copy()
    result, expected = shrunk(image, kept, of), in_full(image, kept, of)
    assert result.shape == expected.shape
    assert result.dtype == np.uint8
    assert np.abs(result - expected).max() <= 2  # rounded twice, and the weights are, too
    assert abs((result - expected).mean()) < 0.3
    assert np.array_equal(image, before)


def test_the_result_is_pillows() -> None:
    image = noise(240, 320)
    pillow = np.asarray(Image.fromarray(image).resize((200, 150), Image.Resampling.BILINEAR))
    difference = np.abs(shrunk(image, 5, 8).astype(int) - pillow)[1:-1, 1:-1]
    assert difference.max() <= 2
    assert difference.mean() < 0.4


def test_worked_by_hand() -> None:
    """Two pixels become one: weights 1/4 and 3/4 on each side, the outermost at the border."""
    image = np.array([0, 80, 160, 240], np.uint8)[None, :, None].repeat(3, axis=2)
    # (0 + 3 * 0 + 3 * 80 + 160) / 8 = 50, and the same from the other side.
    assert shrunk(image, 1, 2)[0, :, 1].tolist() == [50, 190]


def test_an_even_area_keeps_its_level_at_every_factor() -> None:
    for level in (0, 1, 127, 255):
        image = np.full((37, 41, 3), level, np.uint8)
        for scale in np.linspace(1 / LARGEST_BLOCK, 2, 23):
            assert (scaled(image, float(scale))[0] == level).all()


def test_views_are_as_good_as_arrays_of_their_own() -> None:
    image = noise(32, 48)
    turned = image[::-1, ::2, ::-1]
    assert np.array_equal(shrunk(turned, 5, 8), shrunk(turned.copy(), 5, 8))


@pytest.mark.parametrize("longer", [1280, 1366, 801, 1024, 1920, 4000, 4032, 25_599])
def test_factors_are_met_to_two_per_cent_and_told_exactly(longer: int) -> None:
    scale = 800 / longer
    image = np.zeros((64, longer, 3), np.uint8)
    result, factors = scaled(image, scale)
    assert factors.tolist() == pytest.approx([scale, scale], rel=TOLERANCE * 1.001)
    # Rounded up: of a block that the border cuts, what is in the photo.
    assert result.shape[1] == int(np.ceil(np.float64(factors[0]) * longer - 1e-3))


def test_common_sizes_are_met_exactly() -> None:
    for width, height in ((1280, 720), (1920, 1080), (1600, 1200), (3840, 2160)):
        result, _ = scaled(np.zeros((height, width, 3), np.uint8), 800 / width)
        assert result.shape == (height * 800 // width, 800, 3)


def test_a_factor_of_about_one_gives_the_image_itself() -> None:
    image = noise(20, 30)
    result, factors = scaled(image, 0.99)
    assert result is image
    assert factors.tolist() == [1, 1]


def test_enlarging_and_tiny_factors_are_pillows() -> None:
    image = noise(90, 120)
    for scale, size_wh in ((1.5, (180, 135)), (0.01, (1, 1))):
        result, factors = scaled(image, scale)
        pillow = Image.fromarray(image).resize(size_wh, Image.Resampling.BILINEAR, reducing_gap=2.0)
        assert np.array_equal(result, np.asarray(pillow))
        expected = (size_wh[0] / 120, size_wh[1] / 90)
        assert tuple(factors.tolist()) == pytest.approx(expected)


def test_the_graph_is_the_one_that_onnx_writes() -> None:
    """Field by field the same as made with the package that the base install lacks."""
    onnx = pytest.importorskip("onnx")
    kinds = {"a": onnx.TensorProto.UINT8, "b": onnx.TensorProto.UINT8, "scale": 1}
    names = ["a", "one", "zero", "b", "scale", "zero", "one", "zero"]
    expected = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("QLinearMatMul", names, ["y"])],
            "product",
            [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()],
            [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, None)],
            [
                onnx.numpy_helper.from_array(np.float32(1), "one"),
                onnx.numpy_helper.from_array(np.uint8(0), "zero"),
            ],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 13)],
        ir_version=7,
    )
    assert onnx.load_from_string(PRODUCT_GRAPH.read_bytes()) == expected
