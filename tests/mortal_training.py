"""Trainings that die after so many steps."""

import pytest

from facesmith.errors import TrainingError
from facesmith.training.loop import _Training


class Mortal:
    """Every training of this test raises "killed" once `steps_left` steps are done.

    Attributes:
        steps_left: Set it to let trainings live on.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps_left: int = 0) -> None:
        self.steps_left = steps_left
        step = _Training.step

        def mortal(training: _Training, batch: object) -> None:
            if self.steps_left == 0:
                raise TrainingError("killed")
            self.steps_left -= 1
            step(training, batch)

        monkeypatch.setattr(_Training, "step", mortal)
