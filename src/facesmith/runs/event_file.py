"""Figures for TensorBoard, in the event files that it reads."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from facesmith.files import write_error
from facesmith.files.marks import claim


class EventFile:
    """A new file of scalars for TensorBoard, on the disk after every step.

    PyTorch's and TensorBoard's own writers work in a thread of theirs, where a full disk ends in
    a traceback and a kill loses what waits.

    Args:
        folder: Where the event files of the run lie.
        after_step: TensorBoard forgets what earlier files say of later steps: they are done again.
    """

    def __init__(self, folder: Path, *, after_step: int = 0) -> None:
        # Imported here, not above: who loads a training need not load TensorBoard.
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415
        from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415

        # Files are read in the order of their names.
        self._path = folder / f"events.out.tfevents.{time.time_ns()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            claim(self._path)
            self._writer = RecordWriter(self._path.open("wb"))
        except OSError as error:
            raise write_error(self._path, error) from error
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._add(Event(wall_time=time.time(), step=after_step + 1, session_log=start))

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Add the figures of a step."""
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        # Every event was flushed: closing has nothing to add, whatever the disk says of it.
        with suppress(OSError):
            self._writer.close()

    def _add(self, event: Any) -> None:
        try:
            self._writer.write(event.SerializeToString())
            self._writer.flush()
        except OSError as error:
            raise write_error(self._path, error) from error
