"""Opens whatever finds faces in whole photos: a detector, or a classifier with sliding windows."""

from __future__ import annotations

from pathlib import Path

from facesmith.detection.detector import PROPOSALS_FILE, load_detector
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.sessions import WrongKindError
from facesmith.detection.window_plan import WindowConfig
from facesmith.detection.windows import CLASSIFIER_FILE, SlidingClassifier
from facesmith.errors import WeightsError


def open_detector(
    model: str | Path | None = None, threads: int = 1, windows: WindowConfig | None = None
) -> PhotoDetector:
    """Open a detector, or a patch classifier that is slid over photos.

    Args:
        model: A run folder of either, its `detector.onnx` or its `classifier.onnx`; `None` for the
            detector that ships with facesmith.
        threads: CPU threads of one call.
        windows: How a classifier's windows are slid; `None`: as `WindowConfig` has it.

    Returns:
        A callable: `faces = detector(image_bgr)`.

    Raises:
        WeightsError: If the file is missing, damaged or holds something else, or if `windows` are
            given for a detector, which has none.
    """
    path = None if model is None else Path(model)
    if path is not None and path.is_dir() and not (path / PROPOSALS_FILE).exists():
        if (path / CLASSIFIER_FILE).exists():
            return SlidingClassifier(path, threads, windows)
        raise WeightsError(
            f"{path}: no such weights file: expected {PROPOSALS_FILE} or {CLASSIFIER_FILE} in it. "
            "Pass the run folder of a training that has ended, or its .onnx file."
        )
    try:
        detector = load_detector(path, threads)
    except WrongKindError as error:
        if path is None or error.kind != "classifier":
            raise WeightsError(f"{str(error).removesuffix('.')} or 'classifier'.") from error
        return SlidingClassifier(path, threads, windows)
    if windows is not None:
        raise WeightsError(
            f"{'The detector that comes along' if path is None else path} has no windows: stride, "
            "scale step and tallest face are settings of a classifier. Leave them out, or pass the "
            "run folder of a classifier."
        )
    return detector
