"""Fetching a public data set: each archive is whole, checked and unpacked, or it is not there.

Beside the folders of the archives lie `fetched.json`, which says where each came from and its
checksum, and for each a list of the SHA-256 of its files, in the form of `sha256sum`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from facesmith._version import __version__
from facesmith.errors import FetchError
from facesmith.fetching.data_sets import DATA_SETS, DataSet
from facesmith.fetching.one_archive import FetchConfig, FetchedArchive, OneArchive
from facesmith.fetching.records import (
    RECORD,
    check_fddb,
    check_mark,
    read_record,
    remove_left_over,
)
from facesmith.files import OutputFolder, write_json
from facesmith.printable import without_password
from facesmith.progress import NO_PROGRESS, Progress

_LENGTH = 64  # hexadecimal digits of a SHA-256


@dataclass(frozen=True)
class Fetched:
    """A data set that lies in its folder."""

    data_set: DataSet
    folder: Path
    archives: tuple[FetchedArchive, ...]


def fetch(
    data_set: DataSet,
    folder: str | Path,
    config: FetchConfig | None = None,
    progress: Progress = NO_PROGRESS,
) -> Fetched:
    """Fetch, check and unpack the archives of a data set; what is there is checked only.

    Args:
        data_set: An entry of `DATA_SETS`.
        folder: Where to; made if need be.
        config: See there.
        progress: Is told what is fetched and unpacked, in bytes.

    Raises:
        FetchError: If an archive cannot be had, has another checksum, is damaged or refused, lacks
            files, or if its files in `folder` were changed.
        WriteError: If a file cannot be written, or another process fetches to the folder.
    """
    import pooch  # noqa: F401, PLC0415 - an extra: said before anything is written

    config, folder = config or FetchConfig(), Path(folder)
    unknown = [name for name in config.parts if name not in data_set.parts]
    if unknown:
        raise FetchError(
            f"{data_set.name} has no part {unknown[0]!r}. Choose from {', '.join(data_set.parts)}."
        )
    wanted = [each for each in data_set.archives if not config.parts or each.part in config.parts]
    _check_sums(data_set, config.sums)
    check_mirror(config.mirror)
    done = []
    with OutputFolder(folder, "data set", "--to").lock():
        remove_left_over(folder, _written_names())
        check_mark(folder)
        record = read_record(folder)
        ones = [OneArchive(each, folder, config, record, progress) for each in wanted]
        for one in ones:
            one.check_places()
        for archive, one in zip(wanted, ones, strict=True):
            found = one.verify() or one.adopt() or one.fetch()
            done.append(found)
            if found.how != "verified":
                record[archive.name] = one.entry(found)
                write_json(folder / RECORD, {"facesmith": __version__, "archives": record})
    if data_set.name == "fddb" and len(wanted) == len(data_set.archives):
        check_fddb(folder)
    return Fetched(data_set, folder, tuple(done))


def check_mirror(mirror: str) -> None:
    """Refuse what is neither an address of http or https nor a folder.

    Raises:
        FetchError: Names it, without user and password.
    """
    shown, (scheme, is_address, rest) = without_password(mirror), mirror.partition("://")
    if not is_address:
        if mirror and not Path(mirror).is_dir():
            what = "is no folder" if Path(mirror).exists() else "does not exist"
            raise FetchError(f"--mirror {shown} {what}; expected an address or a folder.")
        return
    if scheme.lower() not in ("http", "https"):
        raise FetchError(f"--mirror {shown}: expected http://, https:// or a folder.")
    if "?" in rest or "#" in rest:
        raise FetchError(
            f"--mirror {shown.partition('?')[0].partition('#')[0]}: expected an address without "
            "? and #, as the names of the archives are put behind it."
        )


def _written_names() -> Iterator[str]:
    """Names in a folder of what is written before it is whole, of all data sets."""
    yield RECORD
    for data_set in DATA_SETS.values():
        for archive in data_set.archives:
            yield from (
                archive.folder,
                archive.name,
                f"{archive.folder}.sha256",
                f"{archive.name}.part.json",
            )


def _check_sums(data_set: DataSet, sums: Mapping[str, str]) -> None:
    names = [archive.name for archive in data_set.archives]
    for name, value in sums.items():
        if name not in names:
            raise FetchError(
                f"{data_set.name} has no archive {name!r}. Choose from {', '.join(names)}."
            )
        if len(value) != _LENGTH or set(value) - set("0123456789abcdef"):
            raise FetchError(
                f"The SHA-256 of {name} must be 64 hexadecimal digits; got {value[:80]!r}."
            )
