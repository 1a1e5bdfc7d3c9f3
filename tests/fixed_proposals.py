"""Stand-ins whose proposals and photos can be worked out by hand."""

from __future__ import annotations

import numpy as np


class Proposer:
    """Stands for a detector that proposes the same boxes in every photo."""

    def __init__(self, *boxes: tuple[float, ...]) -> None:
        self.boxes = np.float32(boxes).reshape(-1, 4)

    def candidates(self, image, min_raw_score):
        del image, min_raw_score
        return self.boxes, np.full(len(self.boxes), 0.5, np.float32)


class OnePhoto:
    """One photo, 200 x 200, with these faces."""

    def __init__(
        self,
        *faces: tuple[float, ...],
        ignored: tuple[int, ...] = (),
        weights: tuple[float, ...] | None = None,
    ) -> None:
        self.given_weights = None if weights is None else np.float32(weights)
        self.faces = np.float32(faces).reshape(-1, 4)
        self.ignored = np.isin(np.arange(len(self.faces)), ignored)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int):
        assert index == 0
        return np.zeros((200, 200, 3), np.uint8), self.faces, self.ignored

    def weights(self, index: int) -> np.ndarray | None:
        assert index == 0
        return self.given_weights
