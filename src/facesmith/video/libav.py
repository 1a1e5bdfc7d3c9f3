"""PyAV, which reads and writes films, imported when it is first needed; its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from facesmith.errors import VideoError, missing_packages_named


def import_av() -> Any:
    """The module `av`.

    Raises:
        MissingPackageError: If PyAV is not installed; the message names the extra.
    """
    with missing_packages_named():
        import av  # noqa: PLC0415 - an extra

        return av


@contextmanager
def opening_errors(name: str) -> Iterator[None]:
    """What FFmpeg says when a film or stream is opened becomes a `VideoError`."""
    av = import_av()
    try:
        yield
    except av.FFmpegError as error:
        raise VideoError(f"{name} {_why_unopened(error)}") from error


def reason(error: Any) -> str:
    """FFmpeg's own words about an error of PyAV, without a full stop."""
    return (error.strerror or type(error).__name__).rstrip(".")


def _why_unopened(error: Exception) -> str:
    av = import_av()
    match error:
        case av.FileNotFoundError():
            return "does not exist. Check the name."
        case av.PermissionError() if error.errno == 13:  # EACCES; FFmpeg refuses with EPERM
            return "may not be read. Change its permissions, or those of the device."
        case av.InvalidDataError() | av.PermissionError() | av.ArgumentError():
            return (
                "is no film that can be read, or is damaged at its start. Copy it again from where "
                "it came, or convert it to MP4."
            )
        case av.DecoderNotFoundError():
            return "has a kind of video that cannot be decoded here. Convert it to H.264."
    return f"cannot be opened: {reason(error)}."
