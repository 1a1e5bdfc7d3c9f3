"""The patch classifier as the base install runs it: ONNX Runtime, no training framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.detection.preprocessing import Preprocessing
from facesmith.detection.sessions import check_graph, description_errors, finite, open_session

PATCH_SIZE = 64  # px, both sides
_LARGEST_PATCH = 1024  # px
# Patches scored at once. What a layer gives for so few stays in the cache of the processor: 256 at
# once take twice as long with `pointwise`, and as long with the others.
BATCH_SIZE = 16


class Classifier:
    """Scores patches: how probable is it that each shows a human face?

    Safe to call from several threads.

    Attributes:
        metadata: What the weights file says of itself: `network`, `facesmith` (the version that
            exported it) and more.
        preprocessing: What the network does with the pixels, inside its graph.
        threshold: The score from which on a patch counts as a face.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path, self._threads = Path(path).absolute(), threads
        self._session, self.metadata = open_session(path, kind="classifier", threads=threads)
        with description_errors(path):
            self.preprocessing = Preprocessing.from_dict(self.metadata["preprocessing"])
            self.threshold = finite(self.metadata, "threshold")
        check_graph(path, self._try_out)

    def __reduce__(self) -> tuple[type[Classifier], tuple[Path, int]]:
        """Pickles as the path of its file, which is opened anew: in a process pool, for one."""
        return type(self), (self._path, self._threads)

    def _try_out(self) -> None:
        width, height = self.preprocessing.size_wh or (PATCH_SIZE, PATCH_SIZE)
        if not 0 < min(width, height) <= max(width, height) <= _LARGEST_PATCH:
            raise ValueError(f"patches of {width}x{height} pixels")
        (scores,) = self._session.run(
            ["scores"], {"patches": np.zeros((1, height, width, 3), np.uint8)}
        )
        if scores.shape != (1,) or scores.dtype != np.float32:
            raise ValueError(f"scores are {scores.dtype} of shape {scores.shape}")

    def __call__(self, patches: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Score patches.

        Args:
            patches: uint8 `(n, 64, 64, 3)`, BGR; `n` may be 0. Not modified.

        Returns:
            Scores, float32 `(n,)`, in [0, 1].

        Raises:
            ValueError: If shape or type is another.
        """
        width, height = self.preprocessing.size_wh or (PATCH_SIZE, PATCH_SIZE)
        if (
            patches.ndim != 4
            or patches.shape[1:] != (height, width, 3)
            or patches.dtype != np.uint8
        ):
            raise ValueError(
                f"`patches` must be uint8 of shape (n, {height}, {width}, 3), channels BGR; "
                f"got shape {patches.shape}, dtype {patches.dtype}."
            )
        scores = np.empty(len(patches), dtype=np.float32)
        for start in range(0, len(patches), BATCH_SIZE):
            batch = np.ascontiguousarray(patches[start : start + BATCH_SIZE])
            outputs: list[Any] = self._session.run(["scores"], {"patches": batch})
            scores[start : start + BATCH_SIZE] = outputs[0]
        return scores


def load_classifier(path: str | Path, threads: int = 1) -> Classifier:
    """Load a classifier from its weights file.

    Args:
        path: The `classifier.onnx` of a run folder.
        threads: CPU threads; one is the best choice beside other work.

    Returns:
        A callable: uint8 `(n, 64, 64, 3)` BGR patches to float32 `(n,)` scores.

    Raises:
        WeightsError: If the file is missing, damaged or holds something else.
    """
    return Classifier(path, threads)
