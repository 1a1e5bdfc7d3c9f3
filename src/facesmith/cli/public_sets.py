"""Folders of `facesmith fetch` where annotations and photos are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from facesmith.fetching.layout import PublicSet, find_public_set


def annotated(data: Sequence[Path], images: Path | None) -> tuple[tuple[Path, ...], Path]:
    """The annotations and the folder of their photos.

    One folder of a public data set, without `--images`, stands for both.
    """
    if images is None and len(data) == 1:
        public = find_public_set(data[0])
        if public is not None:
            return (public.annotations,), public.images
    if images is None:
        raise click.UsageError(
            f"Annotated photos need --images, the folder of the photos of {data[0]}."
        )
    return tuple(data), images


def scored_set(folder: Path, name: str) -> PublicSet | None:
    """The public data set of that name in a folder, `None` if the folder is another one."""
    public = find_public_set(folder)
    return public if public is not None and public.name == name else None
