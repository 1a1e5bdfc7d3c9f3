"""The refiner at proposals, as the base install runs it: patches in, scores and boxes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.patches import cut_patches
from facesmith.detection.sessions import open_session


class Refiner:
    """Looks at a 64x64 patch of each proposal. Safe to call from several threads."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._session, self.metadata = open_session(path, kind="refiner", threads=threads)

    def __call__(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Judge and correct boxes.

        Args:
            image: uint8 `(height, width, 3)`, BGR.
            boxes: Proposals, float32 `(n, 4)`, pixels of `image`, each with an area.

        Returns:
            Logits float32 `(n,)`, and corrected boxes float32 `(n, 4)`.
        """
        if len(boxes) == 0:
            return np.zeros(0, np.float32), boxes
        found = self.outputs(cut_patches(image, boxes))
        return found[:, 0], decode_deltas(boxes, found[:, 1:])

    def outputs(self, patches: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The network's outputs `(n, 5)` on patches uint8 `(n, 64, 64, 3)`, BGR."""
        outputs: list[npt.NDArray[np.float32]] = self._session.run(None, {"patches": patches})
        return outputs[0]


def decode_deltas(
    boxes: npt.NDArray[np.float32], deltas: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Correct boxes `(n, 4)` by the network's outputs `(n, 4)`; see `networks.refiner`."""
    centre, side = _centre_and_side(boxes)
    centre = centre + deltas[:, :2] * side
    half = np.exp(np.clip(deltas[:, 2:], -1, 1)) * side / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def encode_deltas(
    boxes: npt.NDArray[np.float32], faces: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """What turns boxes `(n, 4)` into faces `(n, 4)`: the inverse of `decode_deltas`."""
    centre, side = _centre_and_side(boxes)
    moved = ((faces[:, :2] + faces[:, 2:]) / 2 - centre) / side
    stretched = np.log((faces[:, 2:] - faces[:, :2]) / side)
    return np.concatenate([moved, stretched], axis=1).astype(np.float32)


def _centre_and_side(
    boxes: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    return (boxes[:, :2] + boxes[:, 2:]) / np.float32(2), side
