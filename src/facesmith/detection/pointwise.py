"""The exercise's network over all windows of an image at once.

`pointwise` has 1x1 convolutions, a pooling of 2x2, and one layer over all places of a patch. So
where windows begin at even pixels, their features are those of the image, and are made once; the
last layer is a product with each block of them. ONNX Runtime cannot run parts of a weights file,
so the weights are read from it and multiplied by NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.calibration import sigmoid
from facesmith.detection.classifier import Classifier
from facesmith.detection.patches import PATCH_SIZE
from facesmith.untrusted import read_bytes

Float32Array = npt.NDArray[np.float32]
Image3 = npt.NDArray[np.uint8]

NETWORK = "pointwise"
CELLS = PATCH_SIZE // 2  # of a window, after the pooling
TOLERANCE = 1e-4  # largest difference from the scores of the weights file, as of an export
_STRIP = 32  # lines of the image at once: their features stay in the processor's cache
_ONE_THREAD = 1 << 17  # multiplications of one product; OpenBLAS adds threads from twice as many on
_FLOAT = 1  # the type of a tensor in ONNX
_NUMBER, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}  # kinds of a field: the last have so many bytes
_SHAPES = ((16, 3, 1, 1), (16,), (32, 16, 1, 1), (32,), (1, CELLS * CELLS * 32), (1,))


class Pointwise:
    """Scores all windows of an image."""

    def __init__(self, weights: list[Float32Array], scale: float, offset: float) -> None:
        first, self._first_bias, second, self._second_bias, last, self._last_bias = weights
        self._first = first.reshape(16, 3).T * np.float32(scale)
        self._first_bias = self._first_bias + first.reshape(16, 3).sum(axis=1) * np.float32(offset)
        self._second = second.reshape(32, 16).T
        self._last = last.reshape(CELLS, CELLS, 32)

    @staticmethod
    def fits(stride: int) -> bool:
        """Whether windows at this stride begin where cells do, and are made of whole blocks."""
        return stride % 2 == 0 and PATCH_SIZE % stride == 0

    def __call__(self, image: Image3, stride: int) -> Float32Array:
        """The scores of all windows.

        Args:
            image: uint8 `(height, width, 3)`, BGR; both sides are 64 and a multiple of `stride`
                pixels more.
            stride: Pixels between windows, one that `fits`.

        Returns:
            float32 `(rows, columns)`.
        """
        side = stride // 2  # cells of a block
        n = CELLS // side  # blocks of a window, down and across
        cells = self._cells(image)
        down, across = (length // side for length in cells.shape[:2])
        by_block = cells.reshape(down, side, across, side, 32).transpose(0, 2, 1, 3, 4)
        blocks = np.ascontiguousarray(by_block).reshape(down, across, -1)
        weights = self._last.reshape(n, side, n, side, 32).transpose(0, 1, 3, 4, 2)
        rows, columns = down - n + 1, across - n + 1
        logits = np.full((rows, columns), self._last_bias[0], np.float32)
        for i in range(n):
            # What each block adds to the windows in whose line i and column j it is.
            parts = _product(blocks[i : i + rows], weights[i].reshape(-1, n))
            for j in range(n):
                logits += parts[:, j : j + columns, j]
        return sigmoid(logits)

    def _cells(self, image: Image3) -> Float32Array:
        """The features of each 2x2 pixels, float32 `(height / 2, width / 2, 32)`."""
        height, width = image.shape[:2]
        cells = np.empty((height // 2, width // 2, 32), np.float32)
        for top in range(0, height, _STRIP):
            strip = image[top : top + _STRIP].astype(np.float32)
            features = _product(strip, self._first).reshape(-1, 2, width // 2, 2, 16)
            pooled = np.maximum(features[:, 0], features[:, 1])
            pooled = np.maximum(pooled[:, :, 0], pooled[:, :, 1]) + self._first_bias
            made = _product(np.maximum(pooled, 0), self._second) + self._second_bias
            cells[top // 2 : top // 2 + len(made)] = np.maximum(made, 0)
        return cells


def _product(a: Float32Array, b: Float32Array) -> Float32Array:
    """The product of each `a` `(n, rows, k)` with `b` `(k, columns)`, in one thread.

    Large products NumPy's library computes in as many threads as there are cores, whatever the
    detector was told; on a busy machine these wait for each other longer than they compute.
    """
    result = np.empty((*a.shape[:2], b.shape[1]), np.float32)
    step = max(_ONE_THREAD // b.size, 1)
    for start in range(0, a.shape[1], step):
        some = slice(start, start + step)
        np.matmul(a[:, some], b, out=result[:, some])
    return result


def open_pointwise(path: Path, classifier: Classifier) -> Pointwise | None:
    """The network of a weights file for whole images; `None` if it is another network.

    It is compared with `classifier`, the same file in ONNX Runtime, on random patches.
    """
    if classifier.metadata.get("network") != NETWORK:
        return None
    by_shape = {tensor.shape: tensor for tensor in _tensors(read_bytes(path))}
    if not all(shape in by_shape for shape in _SHAPES):
        return None
    used = classifier.preprocessing
    whole = Pointwise([by_shape[shape] for shape in _SHAPES], used.scale, used.offset)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)  # noise would look all alike
    patches = coarse.repeat(PATCH_SIZE // 8, axis=1).repeat(PATCH_SIZE // 8, axis=2)
    found = np.array([whole(patch, PATCH_SIZE)[0, 0] for patch in patches])
    same = float(np.abs(found - classifier(patches)).max()) <= TOLERANCE
    return whole if same else None


def _tensors(model: bytes) -> Iterator[Float32Array]:
    """The float32 weights in an ONNX file, each in its shape.

    Source:
        onnx.proto: the graph is field 7 of a model, its initialisers field 5; of a tensor 1 are the
        sides, 2 is the type, 9 the content.
    """
    for graph in _fields(model, 7):
        for tensor in _fields(_bytes(graph), 5):
            held = _bytes(tensor)
            shape = [side for side in _fields(held, 1) if isinstance(side, int)]
            if _fields(held, 2) == [_FLOAT]:
                for content in _fields(held, 9):
                    yield np.frombuffer(_bytes(content), "<f4").reshape(shape)


def _fields(message: bytes, wanted: int) -> list[int | bytes]:
    """The values of a field in a message of Protocol Buffers: numbers, or bytes with a length.

    Source:
        protobuf.dev, "Encoding".
    """
    values: list[int | bytes] = []
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        value: int | bytes
        if key & 7 == _NUMBER:
            value, at = _number(message, at)
        else:
            n_bytes, at = _number(message, at) if key & 7 == _BYTES else (_FIXED[key & 7], at)
            value, at = message[at : at + n_bytes], at + n_bytes
        if key >> 3 == wanted:
            values.append(value)
    return values


def _number(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a place, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        if message[at] < 0x80:  # the highest bit says that more follows
            return value, at + 1
        at, shift = at + 1, shift + 7


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""
