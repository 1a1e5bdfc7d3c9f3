"""The run folder that every training leaves, and its log."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from facesmith._version import __version__
from facesmith.errors import TrainingError


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
            force: Delete what the folder holds.

        Raises:
            TrainingError: If the folder is not empty and neither `resume` nor `force` is given,
                or if a resumed run was started with other settings.
        """
        if self.config_path.exists() and resume:
            stored = json.loads(self.config_path.read_text())["config"]
            wanted = json.loads(json.dumps(config))
            different = [
                f"{key} was {stored.get(key)!r}, is now {wanted.get(key)!r}"
                for key in sorted(stored | wanted)
                if stored.get(key) != wanted.get(key)
            ]
            if different:
                raise TrainingError(
                    f"Cannot resume {self.path}: {'; '.join(different)}. Use the settings that the "
                    "run was started with, or another --out."
                )
            return
        if self.path.exists() and any(self.path.iterdir()):
            if not force:
                raise TrainingError(
                    f"The run folder {self.path} is not empty. Pass --resume to go on with it, "
                    "--force to start it anew, or another --out."
                )
            shutil.rmtree(self.path)
        (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        about = {"facesmith": __version__, "command": sys.argv, "config": config}
        write_json(self.config_path, about)

    def open_log(self, first_epoch: int) -> RunLog:
        """The log from `first_epoch` (0 for the first) on; later lines of an earlier try go."""
        return RunLog(self, first_epoch)


class RunLog:
    """One row per epoch, to `log.csv` and to TensorBoard."""

    def __init__(self, run: RunFolder, first_epoch: int) -> None:
        self._path = run.log_path
        self._rows: list[dict[str, Any]] = []
        if first_epoch and self._path.exists():
            with self._path.open(newline="") as file:
                self._rows = [r for r in csv.DictReader(file) if int(r["epoch"]) <= first_epoch]
        # Imported here, not above: it takes a second, and quick trainings feel it.
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

        self._board = SummaryWriter(str(run.path / "tensorboard"), purge_step=first_epoch)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.close()

    def write(self, epoch: int, row: dict[str, float], *, seconds: float) -> None:
        """Add the row of an epoch (0 for the first; logged as 1)."""
        line = {"epoch": epoch + 1, **{k: f"{v:.6g}" for k, v in row.items()}}
        self._rows.append({**line, "seconds": f"{seconds:.1f}"})
        names = list(dict.fromkeys(key for r in self._rows for key in r))
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(self._rows)
        temporary.replace(self._path)
        for key, value in row.items():
            self._board.add_scalar(key, value, epoch)  # type: ignore[no-untyped-call]


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, atomically."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def checksum(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
