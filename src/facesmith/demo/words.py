"""What the report says about its figures: sentences that follow from them, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facesmith import printable
from facesmith.demo.classifiers import TrainedClassifier
from facesmith.demo.photos import SearchedPhoto

_SCORES_SHOWN = 4
# How far the AUC of scores given by chance lies from 0.5, in 19 of 20 cases: 1.96 standard errors
# of the Mann-Whitney statistic with 100 faces and 100 other patches.
_GUESSING_AUC = 1.96 * math.sqrt((100 + 100 + 1) / (12 * 100 * 100))
_RELIABLE_ACCURACY = 0.95

METHODS = {
    "linear": "a net without a bend in it: whatever it learns is a plane",
    "tanh-adam": "the exercise's net with 64 tanh units, trained its way (Adam, 500 epochs)",
    "bayesian-ensemble": "ours: small tanh nets and a Gaussian process, averaged by their evidence",
}
NETWORKS = {
    "pointwise": "the exercise's own net. It looks at single pixels, never at two side by side: "
    "it can learn which colours stand where, but not what an edge is",
    "compact": "our default. It looks at neighbourhoods, small ones first, then larger ones",
    "tiny-darknet": "the net that the exercise names as its model",
}


def figure(value: float) -> str:
    """A number with as many digits as one wants to read."""
    if math.isnan(value):
        return "-"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Minutes and seconds, or seconds alone."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def counted(number: int, singular: str, plural: str = "") -> str:
    """The number and its noun, e.g. "1 face", "no faces", "3 boxes"."""
    if number:
        return printable.counted(number, singular, plural)
    return f"no {plural or singular + 's'}"


def scores(values: Sequence[float] | npt.NDArray[np.float32]) -> str:
    """The scores of what was found, in brackets; of many, the highest."""
    if not len(values):
        return ""
    shown = ", ".join(f"{value:.2f}" for value in values[:_SCORES_SHOWN])
    more = ", ..." if len(values) > _SCORES_SHOWN else ""
    return f" (score {shown}{more})"


def photos_summary(photos: Sequence[SearchedPhoto]) -> str:
    """How many photos came out as they should."""
    wrong = [photo for photo in photos if len(photo.faces) != photo.expected]
    if not wrong:
        return f"All {len(photos)} photos came out as they should."
    names = "; ".join(
        f"{photo.title}: {counted(photo.expected, 'face')} there, {len(photo.faces)} found"
        for photo in wrong
    )
    return (
        f"{len(photos) - len(wrong)} of {len(photos)} photos came out as they should. "
        f"Wrong: {names}."
    )


def learning(classifier: TrainedClassifier) -> str:
    """What the learning curves say, in one or two sentences."""
    verdict, history, guessing = classifier.verdict, classifier.history, f"{math.log(2):.2f}"
    kept = f"The weights kept are those of epoch {classifier.metrics['best_epoch']}."
    rose = f"the loss on validation patches rose by {verdict.rise:.0%}"
    if verdict.kind == "overfit":
        said = (
            f"It overfits from about epoch {verdict.best_step} on: since then {rose} while that "
            "on training patches went on falling."
        )
    elif verdict.kind == "underfit" and classifier.network != "pointwise":
        # Changed patches and softened targets raise the training loss: it proves nothing here.
        said = (
            f"It has more to learn: the loss on validation patches is {history.validation[-1]:.2f} "
            f"(guessing scores {guessing})."
        )
    elif verdict.kind == "underfit":
        said = (
            f"It underfits: even on patches it learns from, the loss stays at "
            f"{history.train[-1]:.2f} (guessing scores {guessing})."
        )
    elif verdict.kind == "unsteady":
        said = f"It wavers: after epoch {verdict.best_step} {rose}, and no other loss fell."
    elif verdict.kind == "still-learning":
        said = "It was still getting better when its epochs were up, and shows no overfitting."
    else:
        said = "It has settled, without overfitting."
    if classifier.network != "pointwise":
        kept += (
            " Its training patches are changed at random each time and its targets softened, so "
            "that their loss lies above what the net deserves."
        )
    return f"{said} {kept}"


def comparison(classifiers: Sequence[TrainedClassifier]) -> str:
    """Which of the nets is ahead, and by how much."""
    if len(classifiers) < 2:
        return ""
    ordered = sorted(classifiers, key=lambda c: c.report.accuracy)
    worst, best = ordered[0], ordered[-1]
    errors = [(1 - c.report.accuracy) * (c.report.n_faces + c.report.n_others) for c in ordered]
    if round(errors[0]) == round(errors[-1]):
        return f"{best.network} and {worst.network} make the same number of mistakes."
    return (
        f"{best.network} is wrong on {counted(round(errors[-1]), 'test patch', 'test patches')}, "
        f"{worst.network} on {round(errors[0]):,}."
    )


def on_real_patches(classifiers: Sequence[TrainedClassifier]) -> str:
    """How the nets that saw only drawings do on patches of real photos."""
    told = [c for c in classifiers if not math.isnan(c.real_auc)]
    if not told:
        return ""
    figures = "; ".join(_on_real_patches(c) for c in told)
    return (
        "To see it, they were shown 200 small grey patches of real photos that come with "
        f"scikit-image, half of them faces (guessing gets 50% right). {figures}. "
        "Nets that have only seen drawings know drawings."
    )


def _on_real_patches(classifier: TrainedClassifier) -> str:
    """What one net does on the 200 patches of real photos, and what that is worth."""
    auc, accuracy = classifier.real_auc, classifier.real_accuracy
    if auc - 0.5 <= _GUESSING_AUC:
        worth = "no better than guessing"
    elif accuracy < _RELIABLE_ACCURACY:
        worth = "better than guessing, and not to be relied on"
    else:
        worth = "nearly all right"
    return f"{classifier.network}: AUC {auc:.2f}, accuracy {accuracy:.0%}, {worth}"
