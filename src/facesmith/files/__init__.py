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
from facesmith.files.output_folder import OutputFolder
from facesmith.files.reading import open_regular, read_bounded, read_up_to
from facesmith.files.walking import files_by_folder
from facesmith.files.write_errors import write_error

__all__ = [
    "OutputFolder",
    "checksum",
    "files_by_folder",
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
