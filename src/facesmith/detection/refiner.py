"""The refiner at proposals, as the base install runs it: patches in, scores and boxes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.calibration import Calibration
from facesmith.detection.patches import PATCH_SIZE, cut_patches
from facesmith.detection.sessions import check_graph, open_session


class Refiner:
    """Looks at a 64x64 patch of each proposal. Safe to call from several threads."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path, self._threads = Path(path).absolute(), threads
        self._session, self.metadata = open_session(path, kind="refiner", threads=threads)
        check_graph(path, self._try_out)

    def __reduce__(self) -> tuple[type[Refiner], tuple[Path, int]]:
        """Pickles as the path of its file, which is opened anew: in a process pool, for one."""
        return type(self), (self._path, self._threads)

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

    def _try_out(self) -> None:
        outputs = self.outputs(np.zeros((1, PATCH_SIZE, PATCH_SIZE, 3), np.uint8))
        if outputs.shape != (1, 5) or outputs.dtype != np.float32:
            raise ValueError(f"its output is {outputs.dtype} of shape {outputs.shape}")

    def outputs(self, patches: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The network's outputs `(n, 5)` on patches uint8 `(n, 64, 64, 3)`, BGR."""
        outputs: list[npt.NDArray[np.float32]] = self._session.run(None, {"patches": patches})
        return outputs[0]


def refine(
    refiner: Refiner,
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.float32],
    raw: npt.NDArray[np.float32],
    calibration: Calibration,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Refine the proposals between the two scores of the gate.

    Args:
        refiner: Judges and corrects.
        image: uint8 `(height, width, 3)`, BGR.
        boxes: Proposals, float32 `(n, 4)`, pixels of `image`.
        raw: Their raw scores `(n,)`.
        calibration: Has the gate.

    Returns:
        Logits float32 `(n,)`, and boxes float32 `(n, 4)`, those inside the gate corrected.
    """
    above = raw >= calibration.gate_upper
    logits = np.where(above, calibration.logit_above_gate, calibration.logit_below_gate).astype(
        np.float32
    )
    boxes = boxes.copy()
    inside = ~above & (raw >= calibration.gate_lower)
    logits[inside], boxes[inside] = refiner(image, boxes[inside])
    return logits, boxes


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
