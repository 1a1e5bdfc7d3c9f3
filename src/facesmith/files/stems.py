"""Names for files that are written about photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_STDIN = "-"


def unique_stems(names: Sequence[str]) -> list[str]:
    """Names for what is written about each photo, no two the same even where case is ignored.

    A photo's own name without suffix; where others have it too, folders are put before it until it
    is unique, then the suffix is added, and last a number.

    Example:
        >>> unique_stems(["2023/a.jpg", "2024/a.jpg", "2024/b.jpg", "2024/b.png"])
        ['2023_a', '2024_a', '2024_b_jpg', '2024_b_png']
    """
    choices = [_stems(name) for name in names]
    depths = [0] * len(names)
    while True:
        stems = [c[min(depth, len(c) - 1)] for c, depth in zip(choices, depths, strict=True)]
        count: dict[str, int] = {}
        for stem in stems:
            count[stem.casefold()] = count.get(stem.casefold(), 0) + 1
        clash = [
            i
            for i, stem in enumerate(stems)
            if count[stem.casefold()] > 1 and depths[i] < len(choices[i]) - 1
        ]
        if not clash:
            break
        for i in clash:
            depths[i] += 1
    taken: set[str] = set()
    for i, stem in enumerate(stems):
        number = 1
        while stems[i].casefold() in taken:
            number += 1
            stems[i] = f"{stem}-{number}"
        taken.add(stems[i].casefold())
    return stems


def _stems(name: str) -> list[str]:
    """From the shortest name of a photo to the longest."""
    if name == _STDIN:
        return ["stdin"]
    path = Path(name)
    folders = [part for part in path.parent.parts if part not in (path.anchor, "..")]
    stems = ["_".join([*folders[len(folders) - n :], path.stem]) for n in range(len(folders) + 1)]
    return [*stems, f"{stems[-1]}_{path.suffix.lstrip('.')}"]
