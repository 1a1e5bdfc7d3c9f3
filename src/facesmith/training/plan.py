"""How a detector is trained on so many photos: steps, learning rate, what stays as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facesmith.printable import counted

# Steps from random weights below which no detector worth having comes of it, and the photos that
# such a training wants: decision 24 has what was measured.
MIN_STEPS_ANEW = 5000
MIN_PHOTOS_ANEW = 2000
# Faces held out without which nothing is chosen by them: not the calibration, not the threshold,
# not the best epoch, not whether 8 bits cost too much.
ENOUGH_FACES = 100

_STEPS = (35.0, 0.58)  # of going on: the first times the number of photos to the power of the other
_RATES = (3e-4, 1e-3)  # lowest and highest learning rate of going on
_MANY_PHOTOS = 1000  # from so many photos on the highest rate is used
_HELD_OUT = (0.04, 0.2)  # smallest and largest share of the photos that are held out
_CROPS_AN_EPOCH = 640  # at least, so that validations are not after every few steps
_FEW_PHOTOS = 50  # below it the first stages of the network keep their weights
_REFINER_PHOTOS = 300  # below it the refiner stays as it is
_AVERAGE_DECAY = 0.998  # of the weights: a hundred steps remember a third of the start
_RETENTION, _BLEND = 1.0, 0.7
_BATCH_SIZE = 16  # crops: in few passes more and smaller steps lead further
_BATCH_SIZE_MANY, _BATCH_PHOTOS = 32, 4000  # and from so many photos on


@dataclass(frozen=True)
class Plan:
    """What follows from the number of photos and faces for going on from trained weights.

    Attributes:
        batch_size: Crops a step.
        rounds: Passes over the photos in an epoch.
        epochs: Of the proposals.
        learning_rate: The highest of their schedule.
        frozen: Stages of the proposal network, from the image on, that keep their weights.
        held_out: Share of the photos that are held out.
        validate_every: Epochs between validations, where enough faces are held out.
        keep_refiner: The refiner stays as it is.
        steps: Of the proposals.
        average_decay: Of the moving average of their weights.
        retention: Weight of the distance from what the weights before say.
        blend: How far the result is on the way from the weights before to the learned ones.
        reasons: A sentence on each of "steps", "held out", "retention" and, where they stay as they
            are, "frozen" and "refiner".
    """

    batch_size: int
    rounds: int
    epochs: int
    learning_rate: float
    frozen: int
    held_out: float
    validate_every: int
    keep_refiner: bool
    steps: int
    average_decay: float
    retention: float
    blend: float
    reasons: dict[str, str]


def plan_training(n_photos: int, n_faces: int, epochs: int | None = None) -> Plan:
    """How to go on from trained weights with so many photos.

    Args:
        n_photos: All photos, annotated and face-free, at least 1.
        n_faces: Annotated faces that are not to be ignored.
        epochs: Passes over the photos, where they are given.

    Raises:
        ValueError: If there is no photo, or a negative number of faces.
    """
    if n_photos < 1 or n_faces < 0:
        raise ValueError(
            "A plan needs at least one photo and no negative number of faces; got "
            f"n_photos={n_photos} and n_faces={n_faces}."
        )
    low, high = _HELD_OUT
    share = min(max(ENOUGH_FACES / max(n_faces, 1), low), high)
    n_learned = max(n_photos - round(share * n_photos), 1)
    batch_size = _BATCH_SIZE if n_learned < _BATCH_PHOTOS else _BATCH_SIZE_MANY
    factor, power = _STEPS
    rounds = math.ceil((batch_size if epochs else _CROPS_AN_EPOCH) / n_learned)
    steps_per_epoch = max(n_learned * rounds // batch_size, 1)
    epochs = epochs or max(1, round(factor * n_learned**power / steps_per_epoch))
    rate = _RATES[1] * min(1.0, n_photos / _MANY_PHOTOS) ** 0.3
    rate = float(f"{max(_RATES[0], rate):.2g}")
    frozen = 2 if n_learned < _FEW_PHOTOS else 0
    keep_refiner = n_learned < _REFINER_PHOTOS
    steps = (
        f"{counted(epochs * steps_per_epoch, 'step')} of {counted(batch_size, 'crop')} at a "
        "learning rate of up to "
        f"{rate:.2g}: more photos bear more and larger steps."
    )
    held_back = (
        "So that little is forgotten, answers of the old weights are learned beside your labels, "
        f"and the result lies {_BLEND:.0%} of the way from the old weights (--forget lets go)."
    )
    reasons = {
        "steps": steps,
        "held out": f"Held out: {share:.0%} of the photos.",
        "retention": held_back,
    }
    if frozen:
        reasons["frozen"] = (
            f"The first {frozen} stages of the network stay as they are: fewer than "
            f"{_FEW_PHOTOS} photos to learn from."
        )
    if keep_refiner:
        reasons["refiner"] = (
            f"The refiner stays as it is: fewer than {_REFINER_PHOTOS} photos to learn from."
        )
    return Plan(
        batch_size=batch_size,
        rounds=rounds,
        epochs=epochs,
        learning_rate=rate,
        frozen=frozen,
        held_out=round(share, 3),
        validate_every=max(epochs // 5, 1),
        keep_refiner=keep_refiner,
        steps=epochs * steps_per_epoch,
        average_decay=_AVERAGE_DECAY,
        retention=_RETENTION,
        blend=_BLEND,
        reasons=reasons,
    )


def warning_anew(n_steps: int, n_photos: int) -> str:
    """What to say of a training from random weights that cannot work; empty where it can.

    Args:
        n_steps: Its steps.
        n_photos: Photos that it learns from.
    """
    if n_steps >= MIN_STEPS_ANEW and n_photos >= MIN_PHOTOS_ANEW:
        return ""
    return (
        f"From random weights {counted(n_steps, 'step')} on {counted(n_photos, 'photo')} are too "
        "few for a good "
        f"detector; it takes about {MIN_STEPS_ANEW:,} steps on {MIN_PHOTOS_ANEW:,} photos or more. "
        "120 photos gave an average precision of .43 after 8 minutes, and .997 in going on from "
        "the shipped weights. Use --from shipped."
    )
