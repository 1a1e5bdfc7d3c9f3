"""Shrinks photos as Pillow does, in half the time.

Pillow shrinks a photo of 1280x720 to 800x450 in 7 ms, as long as the network takes for the result.
Here, where the factor is a fraction `q / p` of small numbers, each block of `p` pixels becomes `q`
by the same weights: two matrix products of 8-bit numbers, down and across, run by ONNX Runtime.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.detection.sessions import session_options
from facesmith.runtime import onnxruntime

Image3 = npt.NDArray[np.uint8]

LARGEST_BLOCK = 32  # pixels; enough to meet any factor from 1/32 to 1
# By this fraction factors may be missed where no small numbers meet them: 800 pixels may become 784
# or 816. Where some do, larger blocks are worth it.
TOLERANCE = 0.02
EXACT = 0.001
# One QLinearMatMul of 8-bit numbers whose other scales are 1 and whose zero points are 0; a file,
# since the base install cannot write ONNX.
PRODUCT_GRAPH = files("facesmith.detection") / "matrix_product.onnx"
# Large photos are shrunk in strips that stay in the processor's cache.
STRIP_BYTES = 1 << 19


def scaled(image: Image3, scale: float) -> tuple[Image3, npt.NDArray[np.float32]]:
    """An image at about another scale.

    Args:
        image: uint8 `(height, width, 3)`.
        scale: The factor; met to 2 %.

    Returns:
        The image, uint8, at least a pixel wide and high, and the factors across and down that it
        has really been scaled by, float32 `(2,)`. Scaled by 1, it is the very array given.
    """
    fraction = _fraction(scale)
    if fraction is not None:
        kept, of = fraction
        return shrunk(image, kept, of), np.full(2, kept / of, np.float32)
    height, width = image.shape[:2]
    size_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized = Image.fromarray(image).resize(size_wh, Image.Resampling.BILINEAR, reducing_gap=2.0)
    factors = np.array([size_wh[0] / width, size_wh[1] / height], np.float32)
    return np.asarray(resized), factors


def shrunk(image: Image3, kept: int, of: int) -> Image3:
    """An image in which `kept` pixels stand for each `of`, down and across.

    Args:
        image: uint8 `(height, width, 3)`. Beyond its border the outermost pixels are repeated.
        kept: Pixels of a block afterwards, at least 1.
        of: Pixels of a block before, at least `kept`.

    Returns:
        uint8, the sides multiplied by `kept / of` and rounded up. As of Pillow's `BILINEAR`, to
        within two levels.
    """
    if kept == of:
        return image
    height, width = image.shape[:2]
    weights, scale, margin = _weights(kept, of)
    seen = of + 2 * margin  # pixels that a block is made of
    blocks_down, blocks_across = -(-height // of), -(-width // of)
    rows = np.arange(blocks_down)[:, None] * of + np.arange(-margin, of + margin)
    rows = np.clip(rows, 0, height - 1)
    lines = image.reshape(height, width * 3)
    # Channels lie side by side: the weights of a pixel for each of them on a diagonal.
    across = np.kron(weights.T, np.eye(3, dtype=np.uint8))
    result = np.empty((blocks_down * kept, blocks_across * kept, 3), np.uint8)
    made = result.reshape(blocks_down, -1, kept * 3)
    strip = max(STRIP_BYTES // (seen * width * 3), 1)
    for first in range(0, blocks_down, strip):
        lower = _product(weights, lines[rows[first : first + strip]], scale).reshape(-1, width, 3)
        padded = np.empty((len(lower), blocks_across * of + 2 * margin, 3), np.uint8)
        padded[:, margin : margin + width] = lower
        padded[:, :margin], padded[:, margin + width :] = lower[:, :1], lower[:, -1:]
        # Of one item each, windows that overlap are copied in half the time.
        windows: npt.NDArray[np.void] = np.ndarray(
            (len(lower), blocks_across), f"V{seen * 3}", padded, strides=(padded.strides[0], of * 3)
        )
        blocks = _product(windows.copy().view(np.uint8).reshape(-1, seen * 3), across, scale)
        part = made[first : first + strip]
        part[:] = blocks.reshape(part.shape)
    return result[: -(-height * kept // of), : -(-width * kept // of)]


def _fraction(scale: float) -> tuple[int, int] | None:
    """The scale as a fraction `(q, p)` of the smallest numbers; `None` above 1 and without one.

    Within 0.1 % if a fraction of numbers up to `LARGEST_BLOCK` allows it, else within 2 %.
    """
    if scale > 1:
        return None
    for tolerance in (EXACT, TOLERANCE):
        for of in range(1, LARGEST_BLOCK + 1):
            kept = round(scale * of)
            if abs(kept - scale * of) <= tolerance * scale * of:
                return kept, of
    return None


@cache
def _weights(kept: int, of: int) -> tuple[Image3, npt.NDArray[np.float32], int]:
    """The weights of a block, which fall linearly with distance (as of Pillow's `BILINEAR`).

    Returns:
        Weights as whole numbers, uint8 `(kept, margin + of + margin)`; the factor that makes each
        row sum to 1; the margin, pixels seen beyond the block on each side.
    """
    margin = -(-(of - kept) // (2 * kept))
    before = np.arange(-margin, of + margin) + 0.5
    after = (np.arange(kept)[:, None] + 0.5) * of / kept
    weights = np.maximum(1 - np.abs(before - after) * kept / of, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    total = int(254 / weights.max())
    whole = np.round(weights * total)
    whole[np.arange(kept), whole.argmax(axis=1)] += total - whole.sum(axis=1)
    return whole.astype(np.uint8), np.array(1 / total, np.float32), margin


def _product(a: Image3, b: Image3, scale: npt.NDArray[np.float32]) -> Image3:
    """The matrix product `a @ b`, times `scale`, rounded."""
    outputs: list[Image3] = _session().run(None, {"a": a, "b": b, "scale": scale})
    return outputs[0]


@cache
def _session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        PRODUCT_GRAPH.read_bytes(),
        session_options(threads=1),
        providers=["CPUExecutionProvider"],
    )
