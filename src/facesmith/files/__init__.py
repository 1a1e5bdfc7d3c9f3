"""Files that are whole or not there, and folders that are known by facesmith's mark."""

from facesmith.files.atomic import (
    checksum,
    finite_or_none,
    is_unfinished,
    make_folder,
    remove_unfinished,
    replacing,
    write_bytes,
    write_json,
)
from facesmith.files.marks import write_error
from facesmith.files.output_folder import OutputFolder
from facesmith.files.reading import open_regular, read_bounded, read_up_to

__all__ = [
    "OutputFolder",
    "checksum",
    "finite_or_none",
    "is_unfinished",
    "make_folder",
    "open_regular",
    "read_bounded",
    "read_up_to",
    "remove_unfinished",
    "replacing",
    "write_bytes",
    "write_error",
    "write_json",
]
