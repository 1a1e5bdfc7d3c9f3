"""Errors that bad files and bad weights raise; wrong arguments raise ValueError or TypeError."""


class FacesmithError(Exception):
    """Base of every error that a user can mend; the command prints it as one line."""


class AnnotationError(FacesmithError):
    """An annotation file, or one entry of it, cannot be used."""


class ImageError(FacesmithError):
    """An image file is missing, truncated, too large or no image."""


class PatchesError(FacesmithError):
    """A patches file lacks an array, or an array has the wrong shape or type."""


class WeightsError(FacesmithError):
    """A weights file or checkpoint is damaged or belongs to something else."""


class TrainingError(FacesmithError):
    """A training ended early; the message says why and where its last checkpoint lies."""


class WriteError(FacesmithError):
    """A file or folder cannot be written; the message names it, the reason and the way out."""


class EvaluationError(FacesmithError):
    """A figure or a threshold that was asked for cannot be had from these photos or patches."""


class TableError(FacesmithError):
    """A table of points, or one value in it, cannot be used."""


class DetectionsError(FacesmithError):
    """What a detector found, or one entry of it, cannot be used."""
