"""Whether the best settings of a search are better than the default ones, on a fair footing.

The best of many trials is best by luck in part, on the photos that it was chosen by. So both
settings are trained again with other seeds and other photos held out, in pairs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import mean
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.files import make_folder
from facesmith.progress import Progress
from facesmith.runs.settings import with_changes
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.loop_config import LoopConfig
from facesmith.training.search.trial import run_trial


@dataclass(frozen=True)
class Confirmation:
    """Average precision in pairs: the same seed, the same photos held out.

    Attributes:
        seeds: Of the pairs.
        default: Figures of the default settings.
        best: Figures of the best settings.
    """

    seeds: tuple[int, ...]
    default: tuple[float, ...]
    best: tuple[float, ...]

    @property
    def margin(self) -> float:
        """How much better the best settings are on average."""
        return mean(b - d for b, d in zip(self.best, self.default, strict=True))

    @property
    def wins(self) -> int:
        """Pairs in which they are better."""
        return sum(b > d for b, d in zip(self.best, self.default, strict=True))

    @property
    def better(self) -> bool:
        """Whether they are better in every pair: by luck alone that happens in one of 2^n."""
        return len(self.seeds) > 1 and self.wins == len(self.seeds)

    def verdict(self) -> str:
        """What came of it, in a sentence."""
        n = len(self.seeds)
        pairs = f"{self.wins} of {n} pairs with other seeds and other photos held out"
        if self.better:
            return (
                f"Better than the defaults: AP {self.margin:+.4f} on average, in {pairs}. By luck "
                f"alone that happens in one of {2**n} searches."
            )
        return (
            f"Not shown to be better than the defaults: AP {self.margin:+.4f} on average, better "
            f"in {pairs}. Keep the defaults, or give more photos or trials."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "margin": self.margin, "wins": self.wins, "better": self.better}


def confirm(
    photos: Sequence[AnnotatedPhoto],
    folder: Path,
    base: DetectorConfig,
    best: Mapping[str, Any],
    n_pairs: int,
    *,
    start: str | Path | None,
    progress: Progress,
) -> Confirmation:
    """Train both settings again; goes on where an earlier call with the same ones was ended.

    Args:
        photos: As `train_detector` takes them.
        folder: For the run folders.
        base: The default settings.
        best: What the best settings change.
        n_pairs: Pairs of trainings.
        start: As `train_detector` takes it.
        progress: Told how far the trainings are.
    """
    make_folder(folder)
    used = base.proposals.loop.seed
    seeds = tuple(range(used + 1, used + 1 + n_pairs))
    name = _short_name(best)
    figures: dict[str, list[float]] = {"default": [], name: []}
    for seed in seeds:
        for which, changes in (("default", {}), (name, best)):
            shown = "default" if which == "default" else "best"
            progress.say(f"Confirming with seed {seed}: {shown} settings.")
            config = with_changes(base, changes).with_loops(partial(_with_seed, seed=seed))
            place = folder / f"{which}-{seed}"
            figures[which].append(
                run_trial(photos, place, config, None, start=start, progress=progress)
            )
    return Confirmation(seeds, tuple(figures["default"]), tuple(figures[name]))


def _with_seed(loop: LoopConfig, seed: int) -> LoopConfig:
    """Settings with another seed, which decides what is held out as well."""
    return dataclasses.replace(loop, seed=seed)


def _short_name(settings: Mapping[str, Any]) -> str:
    """A name that is another one for other settings."""
    return f"best-{sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]}"
