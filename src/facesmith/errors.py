"""Errors that bad files and bad weights raise; wrong arguments raise ValueError or TypeError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Packages that only an extra installs, by the name they are imported under -> that extra.
_EXTRAS = {
    "av": "video",
    "dask": "bulk",
    "distributed": "bulk",
    "fastapi": "serve",
    "filelock": "train",  # of other extras too, whose own packages are asked for first
    "fsspec": "bulk",
    "lightning_fabric": "train",
    "matplotlib": "train",
    "onnx": "train",
    "optuna": "tune",
    "pooch": "fetch",
    "pyarrow": "bulk",
    "python_multipart": "serve",
    "requests": "fetch",
    "scipy": "train",
    "skimage": "demo",
    "sklearn": "train",
    "starlette": "serve",
    "tensorboard": "train",
    "threadpoolctl": "train",
    "torch": "train",
    "uvicorn": "serve",
}


class FacesmithError(Exception):
    """Base of every error that a user can mend; the command prints it as one line."""

    can_go_on = False  # whether the work can go on where it ended; the command adds how


class AnnotationError(FacesmithError):
    """An annotation file, or one entry of it, cannot be used."""


class ImageError(FacesmithError):
    """An image file is missing, truncated, too large or no image."""


class PatchesError(FacesmithError):
    """A patches file lacks an array, or an array has the wrong shape or type."""


class WeightsError(FacesmithError):
    """A weights file or checkpoint is damaged or belongs to something else."""


class TrainingError(FacesmithError):
    """A training ended early; the message says why."""


class StoppedError(TrainingError):
    """A training was asked to stop, by Ctrl-C or SIGTERM; `resume=True` goes on at that step."""

    can_go_on = True


class WriteError(FacesmithError):
    """A file or folder cannot be written; the message names it, the reason and the way out."""


class EvaluationError(FacesmithError):
    """A figure or a threshold that was asked for cannot be had from these photos or patches."""


class TableError(FacesmithError):
    """A table of points, or one value in it, cannot be used."""


class DetectionsError(FacesmithError):
    """What a detector found, or one entry of it, cannot be used."""


class VideoError(FacesmithError):
    """A film or camera is missing, damaged or cannot be read as far as it should."""


class BulkError(FacesmithError):
    """A bulk run cannot begin, go on or end; the message says what is done and how to go on."""


class UnfinishedError(BulkError):
    """A bulk run ended before its work was done: a later run of the same job goes on."""

    can_go_on = True


class FetchError(FacesmithError):
    """A public data set cannot be fetched, or is not what it should be."""


class MissingPackageError(FacesmithError, ModuleNotFoundError):
    """A package that only an extra installs is missing."""


@contextmanager
def missing_packages_named() -> Iterator[None]:
    """Inside, a package that is missing because its extra is raises a `MissingPackageError`."""
    try:
        yield
    except MissingPackageError:
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in _EXTRAS:
            raise
        extra = _EXTRAS[package]
        raise MissingPackageError(
            f"This needs the package '{package}', which the base install leaves out. Install it "
            f'with: pip install "facesmith[{extra}]", in a checkout: pip install ".[{extra}]"',
            name=error.name,
        ) from error
