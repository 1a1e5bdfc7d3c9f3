"""How pixels become a network's numbers: stored in every weights file, used by every part alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of its pixels.

    A network sees `pixel * scale + offset`, channels in `channel_order`. The classifiers do this
    inside their graph, so that their weights file takes uint8 pixels as they are.

    Attributes:
        channel_order: Order of the last axis, `"BGR"` or `"RGB"`.
        scale: Factor on the uint8 pixel values.
        offset: Added after scaling.
        size_wh: Width and height of the input, pixels; `None` where any size will do.
    """

    channel_order: str = "BGR"
    scale: float = 1 / 255
    offset: float = 0.0
    size_wh: tuple[int, int] | None = (64, 64)

    def __post_init__(self) -> None:
        if self.channel_order not in ("BGR", "RGB"):
            raise ValueError(
                f"`channel_order` must be 'BGR' or 'RGB'; got channel_order={self.channel_order!r}."
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`, also after a trip through JSON.

        Example:
            >>> Preprocessing.from_dict(Preprocessing().to_dict()) == Preprocessing()
            True
        """
        size_wh = values["size_wh"]
        return cls(
            channel_order=str(values["channel_order"]),
            scale=float(values["scale"]),
            offset=float(values["offset"]),
            size_wh=None if size_wh is None else (int(size_wh[0]), int(size_wh[1])),
        )
