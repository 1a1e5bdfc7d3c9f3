"""Slow and obvious re-implementations, to compare the fast ones with."""

from __future__ import annotations

from collections.abc import Sequence


def pairwise_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Share of the (face, non-face) pairs that the scores order rightly; a tie counts half."""
    won, pairs = 0.0, 0
    for label, score in zip(labels, scores, strict=True):
        for other_label, other_score in zip(labels, scores, strict=True):
            if label == 1 and other_label == 0:
                pairs += 1
                won += 1.0 if score > other_score else 0.5 if score == other_score else 0.0
    return won / pairs


def rates_at(
    labels: Sequence[int], scores: Sequence[float], threshold: float
) -> tuple[float, float]:
    """True and false positive rate at one threshold, counted one row at a time."""
    hits = faces = alarms = others = 0
    for label, score in zip(labels, scores, strict=True):
        if label == 1:
            faces += 1
            hits += score >= threshold
        else:
            others += 1
            alarms += score >= threshold
    return hits / faces, alarms / others
