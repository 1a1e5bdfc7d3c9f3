"""What all baselines share: how they are called, and the word on what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from facesmith.boxes import clip_boxes
from facesmith.errors import FacesmithError
from facesmith.faces import Faces


class BaselineError(FacesmithError):
    """A baseline cannot be used: its package or its weights are missing or unsuitable."""


class Baseline(Protocol):
    """A face detector that is called like `facesmith.Detector`.

    Opening one raises a `BaselineError` if its package or its weights cannot be used.
    """

    min_score: float  # its makers' threshold, used where a call names none
    weights_paths: tuple[Path, ...]  # empty where the weights are inside a library
    modules: tuple[str, ...]  # packages that it imports: their distributions are its installation

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, best score first.

        The image is uint8 `(height, width, 3)`, BGR, upright, and not modified. Faces with a score
        below `min_score`, in [0, 1], are left out; `None` is the detector's own threshold. Scores
        rank the faces; only facesmith's are probabilities.
        """
        ...


class PointFinder(Protocol):
    """A detector that finds the landmarks of the faces, too."""

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        """The faces in one image as a call of a `Baseline` finds them, with `landmarks`."""
        ...


@runtime_checkable
class PointsInBoxes(Protocol):
    """What finds the landmarks of faces whose boxes are given."""

    def landmarks_in(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Landmarks float32 `(n, 5, 2)` of the faces in `boxes`, float32 `(n, 4)`, pixels."""
        ...


@runtime_checkable
class LandmarkBaseline(PointFinder, Protocol):
    """A baseline that may find the five landmarks of faces, too."""

    @property
    def has_landmarks(self) -> bool:
        """Whether its weights find them."""
        ...


def import_package(module: str, install: str) -> Any:
    """Import a baseline's package; `install` says how to install it, for the message.

    Raises:
        BaselineError: If it is not installed, or does not load.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        what = f"'{module}' is not installed"
        if error.name is not None and error.name != module:
            what = f"'{module}' needs the package '{error.name}', which is not installed"
        raise BaselineError(f"The package {what}. Install it with: {install}") from error
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        # A system library is missing, or the builds of two packages do not go together.
        raise BaselineError(
            f"The package '{module}' is installed but does not load ({error}). "
            f"Install it again with: {install}"
        ) from error


def check_file(path: Path, what: str) -> Path:
    """The file, if it is there, or a `BaselineError`."""
    if not path.is_file():
        raise BaselineError(f"{path}: no such file; expected {what}. Check the path.")
    return path


def faces_in(
    boxes: npt.NDArray[np.floating] | Sequence[Sequence[float]],
    scores: npt.NDArray[np.floating] | Sequence[float],
    image: npt.NDArray[np.uint8],
    min_score: float,
) -> tuple[Faces, npt.NDArray[np.intp]]:
    """A baseline's boxes as `Faces`: clipped by the image, those without area dropped, best first.

    Boxes are `(n, 4)`, `(x_min, y_min, x_max, y_max)` in pixels of the image `(height, width, 3)`,
    scores `(n,)` in [0, 1] but for rounding; those below `min_score` are left out. Returns also the
    index of each face in the arguments, `(m,)`.
    """
    height, width = image.shape[:2]
    inside = clip_boxes(np.asarray(boxes, np.float32).reshape(-1, 4), width, height)
    clipped = np.clip(np.asarray(scores, np.float32).reshape(-1), 0, 1)
    good = (inside[:, 2:] > inside[:, :2]).all(axis=1) & (clipped >= np.float32(min_score))
    candidates = np.flatnonzero(good)
    order = candidates[np.argsort(-clipped[candidates], kind="stable")]
    return Faces(inside[order], clipped[order]), order
