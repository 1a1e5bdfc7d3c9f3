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
from hashlib import sha256
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import StoppedError, TrainingError, WriteError
from facesmith.files import OutputFolder, checksum, make_folder, write_json
from facesmith.files.write_errors import write_error
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.settings import SettingsError, with_changes
from facesmith.training.detector_config import DetectorConfig, Origin
from facesmith.training.detector_photos import photos_checksum
from facesmith.training.search.confirming import confirm
from facesmith.training.search.journal import open_study
from facesmith.training.search.result import SearchConfig, SearchResult, result_of, write_best
from facesmith.training.search.space import Parameter, settings_of
from facesmith.training.search.trial import Pruned, run_trial
from facesmith.untrusted import ContentError, read_json

TASK = "search"
SEARCH_FILE = "search.json"
# What of `search.json` has to be the same when a search goes on, as messages name it.
_KINDS = {
    "data": "photos or annotations",
    "pixels": "photos or annotations",
    "base": "settings",
    "space": "ranges",
    "start": "weights to go on from (--from)",
    "seed": "settings",
}
_MANY_FAILED = 3
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
    given, base = (
        base,
        replace(
            base,
            landmarks=None,  # they do not change how well faces are found
            proposals=replace(
                base.proposals, held_out=max(base.proposals.held_out, config.held_out)
            ),
        ),
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    about = _described(photos, base, space, config, start)
    _refuse_others(out)
    with _locked(out / ".giving.lock", _WAIT_SECONDS):
        _open_folder(out, about)
        study = open_study(out, base, space, config)
    trainer = _Trainer(photos, out, base, space, start, study, progress)
    while trainer.next(config.trials):
        pass
    if _under_way(study):
        return None
    with _locked(out / ".confirming.lock", 0) as mine:
        if not mine:
            return None
        result = result_of(study, space, base)
        if config.confirm and result.complete and not result.defaults_are_best:
            best = settings_of(result.complete[0].values)
            confirmation = confirm(
                photos, out / "confirm", base, best, config.confirm, start=start, progress=progress
            )
            result = replace(result, confirmation=confirmation)
        if result.complete:
            write_best(result, given, out)
    return result


def _described(
    photos: Sequence[AnnotatedPhoto],
    base: DetectorConfig,
    space: tuple[Parameter, ...],
    config: SearchConfig,
    start: str | Path | None,
) -> dict[str, Any]:
    """What decides the figures of trials, for `search.json`."""
    return {
        "data": photos_checksum(photos, base.proposals.weight_attribute),
        "pixels": _pixels_checksum(photos),
        "base": base.described(),
        "space": {parameter.name: parameter.to_dict() for parameter in space},
        "start": Origin.of(base, start, None).described(learns_landmarks=False).get("start", []),
        "seed": config.seed,
    }


def _pixels_checksum(photos: Sequence[AnnotatedPhoto]) -> str:
    """SHA-256 over the files of the photos, in order."""
    digest = sha256()
    for photo in photos:
        try:
            digest.update(checksum(photo.path).encode())
        except OSError as error:
            raise TrainingError(f"{photo.path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


def _open_folder(out: Path, about: dict[str, Any]) -> None:
    """Write down what is searched, or check that it is the same."""
    output = OutputFolder(out, TASK)
    path = out / SEARCH_FILE
    if not path.is_file():
        output.add()
        write_json(path, about)
        return
    try:
        before = read_json(path)
    except ContentError as error:
        raise TrainingError(
            f"{str(error).rstrip('.')}. Restore it from a copy, or pass another --out."
        ) from error
    if not isinstance(before, dict) or not set(about) <= set(before):
        raise TrainingError(
            f"{path} is damaged: expected an object with {', '.join(about)}. Restore it from a "
            "copy, or pass another --out."
        )
    output.add()
    # Threads and the like differ from machine to machine.
    other = [
        words for key, words in _KINDS.items() if _decisive(before[key]) != _decisive(about[key])
    ]
    if other:
        raise TrainingError(
            f"{out} holds a search with other {' and other '.join(dict.fromkeys(other))}. Give the "
            "same, or pass another --out."
        )


def _refuse_others(out: Path) -> None:
    """Refuse a folder with files of others before anything is written into it."""
    output = OutputFolder(out, TASK)
    if not out.is_dir():
        return
    others = [name for name in output.others() if not name.startswith(".")]
    if (others and not (out / SEARCH_FILE).is_file()) or SEARCH_FILE in others:
        named = SEARCH_FILE if SEARCH_FILE in others else others[0]
        raise WriteError(f"{out} holds other files, such as {named}. Pass another --out.")


def _decisive(settings: Any) -> Any:
    """Settings without those that only decide how fast a training is."""
    if isinstance(settings, dict):
        left_out = ("threads", "prefetch", "checkpoint_seconds", "checkpoint_steps")
        return {k: _decisive(v) for k, v in settings.items() if k not in left_out}
    if isinstance(settings, list | tuple):
        return [_decisive(each) for each in settings]
    return settings


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
                trial = optuna.trial.Trial(self._study, each._trial_id)
                for parameter in self._space:  # those that it has stay as they are
                    _suggest(trial, parameter)
                return trial, lock
        return None, None

    def _new_trial(self, n_trials: int) -> tuple[Any, Any]:
        import optuna  # noqa: PLC0415 - see `search`

        waiting = optuna.trial.TrialState.WAITING
        begun = [each for each in self._study.trials if each.state != waiting]
        failed = sum(each.state == optuna.trial.TrialState.FAIL for each in begun)
        # Trials that fail do not count, but a search whose trials keep failing has to end.
        if len(begun) - failed >= n_trials or failed >= max(n_trials, _MANY_FAILED):
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
        shown = ", ".join(f"{p.label} {trial.params[p.name]:.3g}" for p in self._space)
        self._progress.say(f"Trial {trial.number}: {shown}")
        try:
            config = with_changes(self._base, settings_of(trial.params))
            figure = run_trial(
                self._photos, folder, config, trial, start=self._start, progress=self._progress
            )
        except Pruned as pruned:
            self._study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
            self._progress.say(f"Trial {trial.number}: stopped early at {pruned.figure:.4f}.")
        except StoppedError:
            raise
        except (TrainingError, SettingsError) as error:
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            self._progress.say(f"Trial {trial.number} failed: {error}")
            failed = sum(each.state == optuna.trial.TrialState.FAIL for each in self._study.trials)
            if failed >= _MANY_FAILED and failed == len(self._study.trials):
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


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[bool]:
    """Whether the lock was to be had in time; it is held while the context lasts.

    Raises:
        TrainingError: If it was not, after a time in which it should have been.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - an extra

    make_folder(path.parent)
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
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield True
    finally:
        lock.release()
