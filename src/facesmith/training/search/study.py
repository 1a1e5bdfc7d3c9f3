"""The search: trainings with other settings, in a folder that several processes may share.

Optuna proposes settings and remembers figures in a journal, a file that is only ever appended to.
Each trial is a run folder with a lock: who finds a trial under way whose lock is free knows that
its process has died, and goes on with its training.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import StoppedError, TrainingError, WriteError
from facesmith.files import OutputFolder, write_json
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.settings import with_changes
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.detector_photos import photos_checksum
from facesmith.training.search.confirming import confirm
from facesmith.training.search.result import SearchConfig, SearchResult, result_of
from facesmith.training.search.space import Parameter, settings_of, values_in
from facesmith.training.search.trial import Pruned, run_trial
from facesmith.untrusted import ContentError, read_json

TASK = "search"
SEARCH_FILE, BEST_FILE = "search.json", "best.json"
_JOURNAL, _STUDY = "journal.log", "facesmith"
_WAIT_SECONDS = 600.0  # for the lock that is held while a trial is given out


def search(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    base: DetectorConfig,
    space: Sequence[Parameter],
    config: SearchConfig | None = None,
    *,
    start: str | Path | None = None,
    progress: Progress = NO_PROGRESS,
) -> SearchResult | None:
    """Search for settings, or go on with a search; several processes may call it at a time.

    Args:
        photos: Annotated photos and face-free ones.
        out: The folder that processes share.
        base: The default settings, which trials change.
        space: What they change.
        config: How to search.
        start: As `train_detector` takes it.
        progress: Told what is trained.

    Returns:
        What was found; `None` where other processes are still at trials: the last one to end has
        the result.

    Raises:
        TrainingError: If the photos do not do, or the folder holds another search.
        WriteError: If the folder holds files of others.
    """
    import optuna  # noqa: PLC0415 - an extra

    config, out, space = config or SearchConfig(), Path(out), tuple(space)
    base = replace(
        base,
        landmarks=None,  # they do not change how well faces are found
        proposals=replace(base.proposals, held_out=max(base.proposals.held_out, config.held_out)),
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _locked(out / ".giving.lock", _WAIT_SECONDS):
        _open_folder(out, photos, base, space, config, start)
        study = _open_study(out, base, space, config)
    trainer = _Trainer(photos, out, base, space, start, study, progress)
    while trainer.next(config.trials):
        pass
    if _under_way(study):
        return None
    with _locked(out / ".confirming.lock", 0) as mine:
        if not mine:
            return None
        result = result_of(study, space)
        if config.confirm and len(result.complete) > 0:
            best = settings_of(result.complete[0].values)
            confirmation = confirm(
                photos, out / "confirm", base, best, config.confirm, start=start, progress=progress
            )
            result = replace(result, confirmation=confirmation)
        if result.complete:
            _write_best(out, result)
    return result


def _open_folder(
    out: Path,
    photos: Sequence[AnnotatedPhoto],
    base: DetectorConfig,
    space: tuple[Parameter, ...],
    config: SearchConfig,
    start: str | Path | None,
) -> None:
    """Write down what is searched, or check that it is the same."""
    about = {
        "data": photos_checksum(photos, base.proposals.weight_attribute),
        "base": base.described(),
        "space": {parameter.name: parameter.to_dict() for parameter in space},
        "start": None if start is None else str(start),
        "seed": config.seed,
    }
    output = OutputFolder(out, TASK)
    path = out / SEARCH_FILE
    if not path.is_file():
        others = [name for name in output.others() if not name.startswith(".")]
        if others:
            raise WriteError(f"{out} holds other files, such as {others[0]}. Pass another --out.")
        output.add()
        write_json(path, about)
        return
    output.add()
    try:
        before = read_json(path)
    except ContentError as error:
        raise TrainingError(f"{error} Pass another --out.") from error
    # Threads and the like differ from machine to machine.
    same = before.get("data") == about["data"] and before.get("space") == about["space"]
    if not same or _decisive(before.get("base", {})) != _decisive(about["base"]):
        raise TrainingError(
            f"{out} holds a search with other photos, settings or ranges. Give the same, or pass "
            "another --out."
        )


def _decisive(settings: Any) -> Any:
    """Settings without those that only decide how fast a training is."""
    if isinstance(settings, dict):
        left_out = ("threads", "prefetch", "checkpoint_seconds", "checkpoint_steps")
        return {k: _decisive(v) for k, v in settings.items() if k not in left_out}
    if isinstance(settings, list | tuple):
        return [_decisive(each) for each in settings]
    return settings


def _open_study(
    out: Path, base: DetectorConfig, space: tuple[Parameter, ...], config: SearchConfig
) -> Any:
    import optuna  # noqa: PLC0415 - see `search`
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    _mend(out / _JOURNAL)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(out / _JOURNAL)))
    study = optuna.create_study(
        storage=storage,
        study_name=_STUDY,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=config.startup, n_warmup_steps=30),
    )
    # A process that goes on must not propose what an earlier one did.
    study.sampler = optuna.samplers.TPESampler(
        seed=config.seed + 1009 * len(study.trials), n_startup_trials=min(8, config.trials // 2)
    )
    if not study.trials:
        study.enqueue_trial(values_in(base, space))
    return study


def _mend(journal: Path) -> None:
    """Drop the half line that a kill or a full disk left at the end: Optuna would not read on."""
    from optuna.storages.journal import JournalFileSymlinkLock  # noqa: PLC0415 - see `search`

    if not journal.is_file():
        return
    lock = JournalFileSymlinkLock(str(journal))
    lock.acquire()
    try:
        with journal.open("r+b") as file:
            content = file.read()
            if not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


class _Trainer:
    """One process of a search."""

    def __init__(
        self,
        photos: Sequence[AnnotatedPhoto],
        out: Path,
        base: DetectorConfig,
        space: tuple[Parameter, ...],
        start: str | Path | None,
        study: Any,
        progress: Progress,
    ) -> None:
        self._photos, self._out, self._base, self._space = photos, out, base, space
        self._start, self._study, self._progress = start, study, progress

    def next(self, n_trials: int) -> bool:
        """Train with one more set of settings; whether there was one to train."""
        with _locked(self._out / ".giving.lock", _WAIT_SECONDS):
            trial, lock = self._dead_trial()
            if trial is None:
                trial, lock = self._new_trial(n_trials)
        if trial is None or lock is None:
            return False
        try:
            self._train(trial)
        finally:
            lock.release()
        return True

    def _dead_trial(self) -> tuple[Any, Any]:
        """A trial under way whose process has ended, with its lock."""
        import optuna  # noqa: PLC0415 - see `search`

        for each in _under_way(self._study):
            lock = self._lock(each.number)
            if lock is not None:
                self._progress.say(f"Trial {each.number}: its process ended; going on with it.")
                return optuna.trial.Trial(self._study, each._trial_id), lock
        return None, None

    def _new_trial(self, n_trials: int) -> tuple[Any, Any]:
        import optuna  # noqa: PLC0415 - see `search`

        waiting = optuna.trial.TrialState.WAITING
        begun = [each for each in self._study.trials if each.state != waiting]
        failed = sum(each.state == optuna.trial.TrialState.FAIL for each in begun)
        if len(begun) - failed >= n_trials:
            return None, None
        trial = self._study.ask()
        for parameter in self._space:
            _suggest(trial, parameter)
        return trial, self._lock(trial.number)

    def _lock(self, number: int) -> Any:
        """The lock of a trial; `None` if another process holds it."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - an extra

        lock = FileLock(self._out / f".trial-{number:04d}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock

    def _train(self, trial: Any) -> None:
        import optuna  # noqa: PLC0415 - see `search`

        folder = self._out / f"trial-{trial.number:04d}"
        config = with_changes(self._base, settings_of(trial.params))
        shown = ", ".join(f"{n.rpartition('.')[2]} {v:.3g}" for n, v in trial.params.items())
        self._progress.say(f"Trial {trial.number}: {shown}")
        try:
            figure = run_trial(
                self._photos, folder, config, trial, start=self._start, progress=self._progress
            )
        except Pruned as pruned:
            self._study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
            self._progress.say(f"Trial {trial.number}: stopped early at {pruned.figure:.4f}.")
        except StoppedError:
            raise
        except TrainingError as error:
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            self._progress.say(f"Trial {trial.number} failed: {error}")
            failed = sum(each.state == optuna.trial.TrialState.FAIL for each in self._study.trials)
            if failed >= 3 and failed == len(self._study.trials):
                raise
        else:
            self._study.tell(trial.number, figure)
            self._progress.say(f"Trial {trial.number}: {figure:.4f}.")
        for part in ("proposals", "refiner"):  # hundreds of megabytes in all
            shutil.rmtree(folder / part / "checkpoints", ignore_errors=True)


def _suggest(trial: Any, parameter: Parameter) -> None:
    if parameter.choices:
        trial.suggest_categorical(parameter.name, list(parameter.choices))
    elif parameter.whole:
        trial.suggest_int(parameter.name, parameter.low, parameter.high, log=parameter.log)
    else:
        trial.suggest_float(parameter.name, parameter.low, parameter.high, log=parameter.log)


def _under_way(study: Any) -> list[Any]:
    import optuna  # noqa: PLC0415 - see `search`

    return list(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)))


def _write_best(out: Path, result: SearchResult) -> None:
    write_json(out / BEST_FILE, settings_of(result.complete[0].values))


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[bool]:
    """Whether the lock was to be had in time; it is held while the context lasts.

    Raises:
        TrainingError: If it was not, after a time in which it should have been.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - an extra

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:
        if timeout:
            raise TrainingError(
                f"{path} is held by another process since {timeout:.0f} s. If none runs, delete it."
            ) from error
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
