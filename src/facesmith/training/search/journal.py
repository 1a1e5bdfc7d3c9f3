"""The journal of a search: what Optuna knows of its trials, one line of JSON a change.

A line cut off at the end is what a kill leaves, and is dropped. Any other damage ends the search
with the line's number: lines count trials, so that one left out would mix up the later ones.
"""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path
from typing import Any

from facesmith.errors import FacesmithError, TrainingError
from facesmith.training.search.result import SearchConfig
from facesmith.training.search.space import Parameter, values_in
from facesmith.untrusted import ContentError, parsed_json

JOURNAL_FILE = "journal.log"
_STUDY = "facesmith"
_WAY_OUT = "Restore it from a copy, or pass another --out."


def open_study(out: Path, base: Any, space: tuple[Parameter, ...], config: SearchConfig) -> Any:
    """Optuna's study in a folder, made where there is none.

    Args:
        out: The folder, which no other process opens at the same time.
        base: The default settings, those of trial 0 where the ranges have them.
        space: What trials change.
        config: How to search.

    Raises:
        TrainingError: If the journal is damaged, lacks trials whose folders are there, or is that
            of another search.
    """
    import optuna  # noqa: PLC0415 - an extra
    from filelock import FileLock  # noqa: PLC0415 - an extra
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    path = out / JOURNAL_FILE
    # Optuna's own locks outlive their process, and hold up the others for half a minute or more.
    lock: Any = FileLock(out / ".journal.lock")
    with lock:
        _mend(path)
    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path), lock))
        names = [each.study_name for each in storage.get_all_studies()]
        if names not in ([], [_STUDY]):
            raise TrainingError(f"{path} is the journal of another study, {names[0]}. {_WAY_OUT}")
        if not names:
            optuna.create_study(storage=storage, study_name=_STUDY, direction="maximize")
        pruner = optuna.pruners.MedianPruner(n_startup_trials=config.startup, n_warmup_steps=30)
        study = optuna.load_study(storage=storage, study_name=_STUDY, pruner=pruner)
        trials = study.trials
        fits = [str(each.name) for each in study.directions] == ["MAXIMIZE"] and all(
            _fits(each, space) for each in trials
        )
    except (FacesmithError, OSError):
        raise
    except Exception as error:  # whatever a line of another form makes Optuna raise
        raise TrainingError(
            f"{path} is damaged, or of another version of Optuna than {optuna.__version__} "
            f"({type(error).__name__}: {error}). {_WAY_OUT}"
        ) from error
    if not fits:
        raise TrainingError(
            f"{path} has trials with other settings, or figures that are no average precision: it "
            f"is damaged, or of another search. {_WAY_OUT}"
        )
    _refuse_unknown(out, len(trials))
    # A process that goes on must not propose what an earlier one did.
    study.sampler = optuna.samplers.TPESampler(
        seed=config.seed + 1009 * len(trials), n_startup_trials=min(8, config.trials // 2)
    )
    if not trials:
        values = values_in(base, space)
        study.enqueue_trial({each.name: each.nearest(values[each.name]) for each in space})
    return study


def _mend(path: Path) -> None:
    """Drop the half line that a kill or a full disk left at the end; refuse any other damage."""
    if path.exists() and not path.is_file():
        raise TrainingError(f"{path} is no file. {_WAY_OUT}")
    if not path.is_file():
        return
    with path.open("r+b") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            end = content.rfind(b"\n") + 1
            file.truncate(end)
            content = content[:end]
    for number, line in enumerate(content.splitlines(), 1):
        where = f"{path}, line {number}"
        try:
            change = parsed_json(line.decode("utf-8"), where)
        except (ContentError, UnicodeDecodeError):
            raise TrainingError(f"{where} is damaged: it is no JSON. {_WAY_OUT}") from None
        if not isinstance(change, dict) or not isinstance(change.get("op_code"), int):
            raise TrainingError(
                f"{where} is damaged: expected an object with `op_code`. {_WAY_OUT}"
            )


def _fits(trial: Any, space: tuple[Parameter, ...]) -> bool:
    """Whether a trial is one of this search, its figure an average precision."""
    known = {parameter.name for parameter in space}
    numbers = list(trial.params.values())
    if trial.state.name == "COMPLETE":
        if not (isinstance(trial.value, int | float) and 0 <= trial.value <= 1):
            return False
        if set(trial.params) != known:
            return False
    return set(trial.params) <= known and all(
        isinstance(value, int | float) and isfinite(value) for value in numbers
    )


def _refuse_unknown(out: Path, n_trials: int) -> None:
    """Refuse folders of trials that the journal has lost: their numbers would be given again."""
    for folder in sorted(out.glob("trial-*")):
        number = re.fullmatch(r"trial-(\d{4,})", folder.name)
        if number and int(number[1]) >= n_trials:
            raise TrainingError(
                f"{out / JOURNAL_FILE} knows {n_trials} trials, and {folder.name} is there: lines "
                "at its end are missing. Restore it from a copy, move this folder and later ones "
                "away to go on without them, or pass another --out."
            )
