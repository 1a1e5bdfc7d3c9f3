"""The run folder that every training leaves, and its log."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

from facesmith._version import __version__
from facesmith.errors import TrainingError
from facesmith.files import OutputFolder, make_folder, remove_unfinished, write_bytes, write_json
from facesmith.files.marks import read_mark
from facesmith.runs.event_file import EventFile
from facesmith.untrusted import ContentError, read_json

# Settings that change when and how a training works, not what comes out: a resumed run may differ.
INDIFFERENT = frozenset(
    {"checkpoint_seconds", "checkpoint_steps", "data_path", "prefetch", "time_limit"}
)
_Training = TypeVar("_Training", bound=Callable[..., Any])
# Checksums of it say nothing to people.
_OTHER_DATA = "the photos, their boxes or the patches are not those that it was started with"
_RESUME = "--resume to go on with it, "


class RunFolder:
    """Where everything of one training lies.

    ```
    run/
      config.json          every setting, version, seed, checksum of the data, command line
      log.csv              one line per epoch
      tensorboard/         the same, for TensorBoard
      checkpoints/last.pt  to go on from with --resume
      checkpoints/best.pt  the weights with the best validation figure
      metrics.json         how it ended
    ```
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.output = OutputFolder(path, "training")
        self.config_path = self.path / "config.json"
        self.log_path = self.path / "log.csv"
        self.metrics_path = self.path / "metrics.json"
        self.last_checkpoint = self.path / "checkpoints" / "last.pt"
        self.best_checkpoint = self.path / "checkpoints" / "best.pt"

    def start(self, config: dict[str, Any], *, resume: bool, force: bool) -> None:
        """Make the folder, or check that it is the one to resume.

        Args:
            config: What decides the result; compared with the stored one on resume.
            resume: Go on with what the folder holds; an empty or missing folder starts anew.
            force: Delete what an earlier training left there.

        Raises:
            WriteError: If the folder is not empty and neither `resume` nor `force` is given, or
                holds what no training of facesmith wrote.
            TrainingError: If a resumed run was started with other settings or data.
        """
        if resume and self.config_path.exists():
            remove_unfinished(self.path)
            self._check_same(config)
            self.output.add()
            return
        self.output.start(force=force or self._begun(resume), resume=_RESUME)
        make_folder(self.last_checkpoint.parent)
        about = {"facesmith": __version__, "command": sys.argv, "config": config}
        write_json(self.config_path, about)

    def check(self, *, resume: bool, force: bool) -> None:
        """Refuse a folder that `start` would refuse whatever the settings; changes nothing.

        Commands call it before they read photos, which may take minutes.

        Raises:
            WriteError: See `start`.
            TrainingError: If the settings of the run to resume are gone.
        """
        if not (resume and self.config_path.exists()):
            self.output.check(force=force or self._begun(resume), resume=_RESUME)

    def _begun(self, resume: bool) -> bool:
        """Whether to resume what was killed before its settings were written.

        Raises:
            TrainingError: If they are gone and there is something to lose.
        """
        if not resume or read_mark(self.path) is None or self.output.others():
            return False
        kept = next((p for p in sorted(self.path.rglob("*")) if p.suffix in (".pt", ".onnx")), None)
        if kept is not None:
            held = kept.relative_to(self.path).as_posix()
            raise TrainingError(
                f"Cannot resume {self.path}: it holds {held}, but its settings, config.json, are "
                "missing. Put them back, start anew with --force, or pass another --out."
            )
        return True

    def read_config(self) -> dict[str, Any]:
        """The settings that the run was started with.

        Raises:
            TrainingError: If there is no such run folder.
        """
        try:
            config = read_json(self.config_path)["config"]
            if not isinstance(config, dict):
                raise TypeError("its `config` is no object")
        except (ContentError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{self.path} is no run folder: expected a config.json that "
                f"`facesmith train` wrote ({str(error).rstrip('.')})."
            ) from error
        return config

    def open_log(self, first_epoch: int) -> RunLog:
        """The log from `first_epoch` (0 for the first) on; later lines of an earlier try go."""
        return RunLog(self, first_epoch)

    def _check_same(self, config: dict[str, Any]) -> None:
        try:
            stored = _decisive(self.read_config())
        except TrainingError as error:
            raise TrainingError(
                f"Cannot resume: {error} Start anew with --force, or pass another --out."
            ) from error
        wanted = _decisive(json.loads(json.dumps(config)))
        if stored.get("processes", 1) != wanted.get("processes", 1):  # one is not written down
            before = stored.get("processes", 1)
            raise TrainingError(
                f"Cannot resume {self.path}: the number of its processes was {before}, is now "
                f"{wanted.get('processes', 1)}. It decides the last bits of the weights. Pass "
                f"--devices (times --num-nodes) {before}, or another --out."
            )
        different = [
            _OTHER_DATA
            if key == "data"
            else f"{key} was {_shown(stored.get(key))}, is now {_shown(wanted.get(key))}"
            for key in sorted(stored | wanted)
            if stored.get(key) != wanted.get(key)
        ]
        if different:
            raise TrainingError(
                f"Cannot resume {self.path}: {'; '.join(different)}. Use the settings and the data "
                "that the run was started with, or another --out."
            )


def one_process_at_a_time(train: _Training) -> _Training:
    """A training `train(data, out, ...)` that is refused while another process fills `out`."""

    @wraps(train)
    def locked(data: Any, out: str | Path, *args: Any, **kwargs: Any) -> Any:
        with RunFolder(out).output.lock():
            return train(data, out, *args, **kwargs)

    return cast(_Training, locked)


def _decisive(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings that decide the result, nested ones under dotted names."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _decisive(value, f"{prefix}{key}.")
        elif key not in INDIFFERENT:
            flat[f"{prefix}{key}"] = value
    return flat


class RunLog:
    """One row per epoch, to `log.csv` and to TensorBoard."""

    def __init__(self, run: RunFolder, first_epoch: int) -> None:
        self._path = run.log_path
        self._rows: list[dict[str, Any]] = []
        if first_epoch and self._path.exists():
            self._rows = _logged(self._path, first_epoch)
        self._events = EventFile(run.path / "tensorboard", after_step=first_epoch)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._events.close()

    def write(self, epoch: int, row: dict[str, float], *, seconds: float) -> None:
        """Add the row of an epoch (0 for the first; logged as 1)."""
        line = {"epoch": epoch + 1, **{k: f"{v:.6g}" for k, v in row.items()}}
        self._rows.append({**line, "seconds": f"{seconds:.1f}"})
        names = list(dict.fromkeys(key for r in self._rows for key in r))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, restval="")
        writer.writeheader()
        writer.writerows(self._rows)
        write_bytes(self._path, text.getvalue().encode())
        self._events.write(epoch + 1, row)


def _logged(path: Path, n_epochs: int) -> list[dict[str, Any]]:
    """The rows of the first epochs of a log."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if int(row["epoch"]) <= n_epochs]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainingError(
            f"{path} is damaged: expected a column `epoch` of whole numbers. Delete it to go on "
            "without its earlier lines."
        ) from error


def _shown(value: Any) -> str:
    """A setting as messages show it: of a checksum only its first digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return f"{value[:12]!r} (checksum)"
    return repr(value)
