"""Five landmarks of faces that were found, as the base install finds them: patches in, points out.

A small network sees a 64x64 patch of each final box. Its file lies beside that of the detector and
is opened when landmarks are first asked for: detection without them costs nothing more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.calibration import sigmoid
from facesmith.detection.patches import PATCH_SIZE, cut_squares, patch_squares
from facesmith.detection.sessions import check_graph, description_errors, finite, open_session
from facesmith.errors import WeightsError
from facesmith.faces import N_LANDMARKS

Float32Array = npt.NDArray[np.float32]
Image3 = npt.NDArray[np.uint8]

LANDMARKS_FILE = "landmarks.onnx"
# Patches that the network sees at once: what its layers give for so few stays in the processor's
# cache, and memory does not grow with the number of faces.
BATCH_SIZE = 32
_N_OUTPUTS = N_LANDMARKS * 3  # x and y of each point, then a logit of each
_LARGEST_CONTEXT = 10.0
_LARGEST_OUTPUT = 1e6  # sides of a patch, and logits: only a damaged network gives more


class LandmarkFinder:
    """Finds the landmarks of faces. Safe to call from several threads.

    Attributes:
        metadata: What the weights file says of itself.
        context: By how much a patch is wider than the longer side of its box; see `patch_squares`.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path, self._threads = Path(path).absolute(), threads
        self._session, self.metadata = open_session(path, kind="landmarks", threads=threads)
        with description_errors(path):
            self.context = finite(self.metadata, "context")
            if not 0 <= self.context <= _LARGEST_CONTEXT:
                raise ValueError(
                    f"`context` must be between 0 and {_LARGEST_CONTEXT:g}; got {self.context}"
                )
        check_graph(path, self._try_out)

    def __reduce__(self) -> tuple[type[LandmarkFinder], tuple[Path, int]]:
        """Pickles as the path of its file, which is opened anew: in a process pool, for one."""
        return type(self), (self._path, self._threads)

    def __call__(
        self,
        image: Image3,
        boxes: Float32Array,
        rotations: npt.NDArray[np.intp] | None = None,
    ) -> tuple[Float32Array, Float32Array]:
        """Find the landmarks of faces in one image.

        Args:
            image: uint8 `(height, width, 3)`, BGR. Not modified.
            boxes: The faces, float32 `(n, 4)`, pixels of `image`, each with an area.
            rotations: The degrees by which the image must be rotated counter-clockwise so that each
                face stands upright, `(n,)`, multiples of 90; `None`: all stand upright.

        Returns:
            Landmarks float32 `(n, 5, 2)` and their scores float32 `(n, 5)`, as `Faces` has them.

        Raises:
            ValueError: If a box is not finite or has no area.
            WeightsError: If the network gives values that are not finite or beyond all sense.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        squares = patch_squares(boxes, self.context)
        quarters = None if rotations is None else np.asarray(rotations) // 90 % 4
        outputs = np.empty((len(boxes), _N_OUTPUTS), np.float32)
        for start in range(0, len(boxes), BATCH_SIZE):
            some = slice(start, start + BATCH_SIZE)
            patches = cut_squares(image, squares[some], PATCH_SIZE)
            if quarters is not None:
                # A square turned about its centre is the square cut from the turned image.
                for number in np.flatnonzero(quarters[some]):
                    patches[number] = np.rot90(patches[number], quarters[start + number])
            outputs[some] = self.outputs(patches)
        if not (np.abs(outputs) < _LARGEST_OUTPUT).all():  # nor NaN
            raise WeightsError(
                f"{self._path} gives landmarks that are no numbers or far away. Train or copy it "
                "again."
            )
        points = outputs[:, : N_LANDMARKS * 2].reshape(-1, N_LANDMARKS, 2)
        if quarters is not None:
            points = _turned_back(points, quarters)
        centres = (squares[:, :2] + squares[:, 2:]) / 2
        sides = squares[:, 2:] - squares[:, :2]
        landmarks = (centres[:, None] + points * sides[:, None]).astype(np.float32, copy=False)
        return landmarks, sigmoid(outputs[:, N_LANDMARKS * 2 :])

    def outputs(self, patches: Image3) -> Float32Array:
        """The network's outputs `(n, 15)` on patches uint8 `(n, 64, 64, 3)`, BGR.

        x and y of the five landmarks from the centre of the patch, in sides of the patch, then the
        five logits of being visible.
        """
        outputs: list[Float32Array] = self._session.run(None, {"patches": patches})
        return outputs[0]

    def _try_out(self) -> None:
        for n in (1, 2):
            outputs = self.outputs(np.zeros((n, PATCH_SIZE, PATCH_SIZE, 3), np.uint8))
            if outputs.shape != (n, _N_OUTPUTS) or outputs.dtype != np.float32:
                raise ValueError(f"its output is {outputs.dtype} of shape {outputs.shape}")


def _turned_back(points: Float32Array, quarters: npt.NDArray[np.intp]) -> Float32Array:
    """Points about the centre of patches that were rotated as points about that of the unrotated.

    Args:
        points: float32 `(n, 5, 2)`, x and y.
        quarters: How often each patch was rotated counter-clockwise by 90 degrees, `(n,)`, 0 to 3.
    """
    x, y = points[..., 0], points[..., 1]
    # Rotated once, what was on the right (x, y) is at the top (y, -x); here it goes back.
    ways = np.stack([np.stack(way, axis=-1) for way in ((x, y), (-y, x), (-x, -y), (y, -x))])
    back: Float32Array = ways[quarters, np.arange(len(points))]
    return back
