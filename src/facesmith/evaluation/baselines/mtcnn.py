"""MTCNN in PyTorch, from the package facenet-pytorch, which carries its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.baselines.baseline import faces_in, import_package
from facesmith.faces import Faces

INSTALL = (
    "pip install torch torchvision requests tqdm, then pip install --no-deps facenet-pytorch "
    "(its own pins ask for old releases of NumPy, Pillow and PyTorch, and it runs with new ones)"
)
_FIRST, _SECOND = 0.6, 0.7  # the package's thresholds of the first two nets


class MTCNN:
    """`facenet_pytorch.MTCNN` on the CPU, all faces from 20 pixels on; its own threshold is 0.7.

    The threshold is that of the third net; those of the first two stay as they come, so that a
    curve does not reach below what they let through. The number of threads is PyTorch's, one for
    the whole process.

    Source:
        Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional
        networks", 2016.
    """

    min_score = 0.7
    modules: tuple[str, ...] = ("facenet_pytorch", "torchvision")

    def __init__(self, threads: int = 1) -> None:
        package = import_package("facenet_pytorch", INSTALL)
        import_package("torch", INSTALL).set_num_threads(threads)
        self.weights_paths = tuple(sorted(Path(package.__file__).parent.glob("data/?net.pt")))
        self._detector: Any = package.MTCNN(keep_all=True, device="cpu")

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        if min(image.shape[:2]) < self._detector.min_face_size:
            return Faces.empty()  # the package stumbles over a pyramid without a level
        self._detector.thresholds = [_FIRST, _SECOND, min_score]
        boxes, scores = self._detector.detect(np.ascontiguousarray(image[..., ::-1]))
        if boxes is None:
            return Faces.empty()
        return faces_in(boxes, scores, image, min_score)[0]
