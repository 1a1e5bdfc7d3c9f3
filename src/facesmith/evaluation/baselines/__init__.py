"""Other face detectors, each called like `facesmith.Detector`, to measure against.

They are optional plugs: none is needed by facesmith, each says what to install where it is absent.
A detector is named as `[LABEL=]KIND[:PATH]`, for example `yunet_n=yunet:weights/yunet_n.onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facesmith.evaluation.baselines.baseline import (
    Baseline,
    BaselineError,
    LandmarkBaseline,
    PointsInBoxes,
)
from facesmith.evaluation.baselines.dlib_hog import DlibHog
from facesmith.evaluation.baselines.mediapipe_faces import MediaPipeFaces
from facesmith.evaluation.baselines.mediapipe_mesh import MediaPipeMesh
from facesmith.evaluation.baselines.mtcnn import MTCNN
from facesmith.evaluation.baselines.opencv import OpenCVHaar, OpenCVYuNet
from facesmith.evaluation.baselines.ours import Ours, ProposalsAlone, Windows
from facesmith.evaluation.baselines.scrfd import SCRFD
from facesmith.evaluation.baselines.yunet import YuNet

__all__ = [
    "Baseline",
    "BaselineError",
    "DetectorName",
    "LandmarkBaseline",
    "PointsInBoxes",
    "open_baseline",
    "open_landmark_baseline",
    "parse_names",
]


# Kind -> whether it takes a weights file or run folder, and how it opens with that and threads.
Open = Callable[[Path | None, int], Baseline]
KINDS: dict[str, tuple[Literal["needed", "optional", "none"], Open]] = {
    "facesmith": ("optional", Ours),
    "facesmith-proposals": ("optional", ProposalsAlone),
    "classifier": ("needed", lambda p, n: Windows(p or "", n)),
    "yunet": ("needed", lambda p, n: YuNet(p or "", n)),
    "scrfd": ("needed", lambda p, n: SCRFD(p or "", n)),
    "opencv-yunet": ("needed", lambda p, n: OpenCVYuNet(p or "", n)),
    "opencv-haar": ("none", lambda _, n: OpenCVHaar(n)),
    "mtcnn": ("none", lambda _, n: MTCNN(n)),
    "mediapipe": ("optional", MediaPipeFaces),
    "mediapipe-mesh": ("optional", MediaPipeMesh),
    "dlib": ("none", lambda _, n: DlibHog(n)),
}
# What `all` stands for; the others need a file that only the user can name.
WITHOUT_PATH = ("facesmith", "opencv-haar", "mtcnn", "mediapipe", "dlib")
LANDMARK_KINDS = ("facesmith", "yunet", "scrfd", "mediapipe-mesh")


@dataclass(frozen=True)
class DetectorName:
    """A detector as the user names it."""

    label: str  # what to call it in tables and pictures
    kind: str  # one of `KINDS`
    path: Path | None = None  # its weights file or run folder; `None`: what comes with it
    optional: bool = False  # whether it may be absent, since `all` stood for it


def parse_name(text: str, file_kinds: Sequence[str] = ()) -> DetectorName:
    """Read `[LABEL=]KIND[:PATH]`; without a label it is called as its file, or else its kind.

    `file_kinds` are further kinds, none of which `open_baseline` opens; each needs a file.

    Raises:
        BaselineError: If the kind is unknown, or a path is missing or one too many.

    Example:
        >>> parse_name("yunet:weights/yunet_n.onnx").label, parse_name("old=facesmith:runs/1").label
        ('yunet_n', 'old')
    """
    head, colon, path = text.partition(":")
    label, equals, kind = head.rpartition("=")
    known = (*KINDS, *file_kinds)
    if kind not in known:
        hint = f" Did you mean {label}:{kind}?" if label in known and not colon else ""
        raise BaselineError(
            f"{text!r}: expected a detector as [LABEL=]KIND[:PATH], where KIND is one of "
            f"{', '.join(known)}; got the kind {kind!r}.{hint}"
        )
    if (equals and not label) or (colon and not path):
        raise BaselineError(
            f"{text!r}: expected [LABEL=]KIND[:PATH]; the label or the path is empty."
        )
    takes = "needed" if kind in file_kinds else KINDS[kind][0]
    if takes == "needed" and not path:
        what = "a file" if kind in file_kinds else "its weights file"
        raise BaselineError(f"{text!r}: {kind} needs {what}. Write {text}:PATH.")
    if takes == "none" and path:
        raise BaselineError(
            f"{text!r}: {kind} brings its weights along. Write {label or kind} alone."
        )
    return DetectorName(
        label or (Path(path).stem if path else kind), kind, Path(path) if path else None
    )


def parse_names(texts: Sequence[str], file_kinds: Sequence[str] = ()) -> list[DetectorName]:
    """Read the detectors that a user names; `all` stands for those that need no file.

    `file_kinds` are further kinds, see `parse_name`.

    Raises:
        BaselineError: As `parse_name`, and if two have the same label.
    """
    names: list[DetectorName] = []
    for text in texts:
        if text == "all":
            known = {name.kind for name in names if name.path is None}
            kinds = (kind for kind in WITHOUT_PATH if kind not in known)
            names += [DetectorName(kind, kind, optional=kind != "facesmith") for kind in kinds]
        else:
            names.append(parse_name(text, file_kinds))
    labels = [name.label for name in names]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise BaselineError(f"Two detectors are called {twice}. Name one as LABEL=KIND:PATH.")
    return names


def open_baseline(name: DetectorName, threads: int = 1) -> Baseline:
    """The detector, ready to be called, or a `BaselineError` (`WeightsError` of our weights)."""
    if threads < 1:
        raise ValueError(f"`threads` must be at least 1; got threads={threads}.")
    return KINDS[name.kind][1](name.path, threads)


def open_landmark_baseline(name: DetectorName, threads: int = 1) -> LandmarkBaseline:
    """The detector, ready to find faces with their landmarks.

    Raises:
        BaselineError: If it finds no landmarks, or cannot be used.
        WeightsError: If our weights cannot be used.
    """
    opened = open_baseline(name, threads)
    if name.kind not in LANDMARK_KINDS or not isinstance(opened, LandmarkBaseline):
        raise BaselineError(
            f"{name.label}: a detector of the kind {name.kind} finds no five landmarks. Name one "
            f"of the kinds {', '.join(LANDMARK_KINDS)}."
        )
    if not opened.has_landmarks:
        lacks = "without landmarks.onnx" if name.kind == "facesmith" else "without points"
        raise BaselineError(
            f"{name.label}: its weights find no landmarks. Name weights that do, not {lacks}."
        )
    return opened
