"""WIDER FACE's official files, written by hand: images and the folder of a ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from facesmith.evaluation.wider import SETTINGS, WiderImage

Rows = Sequence[Sequence[float]]


def image(
    boxes: Rows, *counted: int, name: str = "a", event: str = "0--Parade", **by_setting: Any
) -> WiderImage:
    """An image whose faces `counted` (from 0) count in every setting not named otherwise."""
    lists = {setting: by_setting.get(setting, counted) for setting in SETTINGS}
    return WiderImage(
        event,
        name,
        np.array(boxes, float).reshape(-1, 4),
        {setting: np.array(numbers, np.intp) for setting, numbers in lists.items()},
    )


def two_images() -> list[WiderImage]:
    """One face in each; the second counts in the setting hard alone."""
    return [
        image([[28, 20, 32, 32]], 0, name="one"),
        image([[36, 28, 32, 32]], name="two", event="1--Handshaking", hard=(0,)),
    ]


def save_predictions(folder: Path) -> None:
    """Of `two_images`: one face found, of the other image a false box that scores more."""
    for place, text in (
        ("0--Parade/one", "one\n1\n28 20 32 32 0.5\n"),
        ("1--Handshaking/two", "two.jpg\n2\n90 80 20 20 0.75\n36 28 32 32 0.25\n"),
    ):
        path = folder / f"{place}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def cell(entries: Sequence[Any]) -> Any:
    """A MATLAB cell with one column."""
    column = np.empty((len(entries), 1), object)
    for i, entry in enumerate(entries):
        column[i, 0] = entry
    return column


def save_ground_truth(folder: Path, images: Sequence[WiderImage]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    events = list(dict.fromkeys(each.event for each in images))
    of_event = [[each for each in images if each.event == event] for event in events]
    savemat(
        folder / "wider_face_val.mat",
        {
            "event_list": cell(events),
            "file_list": cell([cell([each.name for each in group]) for group in of_event]),
            "face_bbx_list": cell([cell([each.boxes for each in group]) for group in of_event]),
        },
    )
    for setting in SETTINGS:
        lists = [
            cell([(each.counted[setting] + 1).astype(np.uint16).reshape(-1, 1) for each in group])
            for group in of_event
        ]
        savemat(folder / f"wider_{setting}_val.mat", {"gt_list": cell(lists)})
