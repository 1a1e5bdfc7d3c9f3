"""How a search is made, and what it has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from facesmith.files import write_json
from facesmith.printable import counted
from facesmith.runs.settings import with_changes
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.search.confirming import Confirmation
from facesmith.training.search.space import Parameter, settings_of, values_in

BEST_FILE = "best.json"


@dataclass(frozen=True)
class SearchConfig:
    """How to search.

    Attributes:
        trials: Trainings in all, those of all processes and earlier runs counted.
        seed: Of the proposals; each process proposes others.
        held_out: Smallest share of the photos that trials are judged on.
        confirm: Trainings with other seeds and other held-out photos, of the default settings and
            of the best each, from which the verdict comes; 0: none.
        startup: Trials before one may be stopped early.
    """

    trials: int = 20
    seed: int = 0
    held_out: float = 0.2
    confirm: int = 3
    startup: int = 4


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: From 0, which is the one with the default settings.
        values: Settings by name.
        figure: Average precision on the photos held out; `None` if it was stopped early.
        state: `complete`, `pruned`, `failed` or `running`.
    """

    number: int
    values: dict[str, float | int]
    figure: float | None
    state: str


@dataclass(frozen=True)
class SearchResult:
    """What a search has found.

    Attributes:
        trials: All, by number.
        space: What they changed.
        defaults: The values that the default settings have.
        importance: Share of each setting in how the figures differ, by name, largest first; empty
            where too few trials are complete.
        confirmation: `None` where there was none, or it is still to come.
    """

    trials: tuple[Trial, ...]
    space: tuple[Parameter, ...]
    defaults: dict[str, float | int]
    importance: dict[str, float]
    confirmation: Confirmation | None

    @property
    def complete(self) -> list[Trial]:
        """The trials with a figure of all their epochs, best first."""
        trials = [trial for trial in self.trials if trial.state == "complete"]
        return sorted(trials, key=lambda trial: (-(trial.figure or 0.0), trial.number))

    @property
    def default(self) -> Trial | None:
        """The trial with the default settings; `None` where the ranges leave them out."""
        return next((trial for trial in self.trials if trial.values == self.defaults), None)

    @property
    def defaults_are_best(self) -> bool:
        """Whether no trial has a higher figure than that with the default settings."""
        return bool(self.complete) and self.complete[0] == self.default

    def verdict(self) -> str:
        """Whether the best settings are better than the default ones, in a sentence or two."""
        if self.defaults_are_best:
            return "The defaults are best: no trial has a higher AP. Nothing was trained again."
        if self.confirmation is None:
            return (
                "Nothing was trained again with other seeds, so whether the best trial is better "
                "than the defaults is unknown."
            )
        return self.confirmation.verdict()


def result_of(study: Any, space: tuple[Parameter, ...], base: DetectorConfig) -> SearchResult:
    """The trials of an Optuna study from default settings, and how much each setting decides."""
    import optuna  # noqa: PLC0415 - an extra

    states = {
        optuna.trial.TrialState.COMPLETE: "complete",
        optuna.trial.TrialState.PRUNED: "pruned",
        optuna.trial.TrialState.FAIL: "failed",
    }
    trials = tuple(
        Trial(
            each.number,
            dict(each.params),
            each.value if each.state == optuna.trial.TrialState.COMPLETE else None,
            states.get(each.state, "running"),
        )
        for each in study.trials
        if each.state != optuna.trial.TrialState.WAITING
    )
    figures = {trial.figure for trial in trials if trial.state == "complete"}
    importance: dict[str, float] = {}
    if sum(trial.state == "complete" for trial in trials) >= 4 and len(figures) > 1:
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    return SearchResult(trials, space, values_in(base, space), importance, None)


def summary(result: SearchResult) -> str:
    """How many trials there were, in a sentence."""
    n = {s: sum(t.state == s for t in result.trials) for s in ("complete", "pruned", "failed")}
    return (
        f"{counted(len(result.trials), 'trial')}: {n['complete']} complete, {n['pruned']} stopped "
        f"early, {n['failed']} failed."
    )


def write_best(result: SearchResult, base: DetectorConfig, out: Path) -> None:
    """Write all settings of a training with the best trial's, for `facesmith train --config`.

    What trials did not change is there too: it follows from options of the search, and a training
    without them would choose it otherwise.

    Args:
        result: What was found; at least one trial is complete.
        base: The default settings.
        out: The search's folder.
    """
    best = with_changes(base, settings_of(result.complete[0].values))
    best = best.with_loops(lambda loop: replace(loop, threads=0))  # those of this machine
    write_json(out / BEST_FILE, asdict(best))
