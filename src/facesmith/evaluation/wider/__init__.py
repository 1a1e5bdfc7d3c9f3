"""WIDER FACE: the official ground truth, predictions in the official form, average precision."""

from facesmith.evaluation.wider.predictions import read_predictions, write_predictions
from facesmith.evaluation.wider.protocols import WiderScores, evaluate_wider
from facesmith.evaluation.wider.truth import SETTINGS, WiderImage, read_ground_truth

__all__ = [
    "SETTINGS", "WiderImage", "WiderScores", "evaluate_wider", "read_ground_truth",
    "read_predictions", "write_predictions",
]  # fmt: skip
