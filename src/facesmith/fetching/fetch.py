"""Fetching a public data set: each archive is whole, checked and unpacked, or it is not there.

Beside the folders of the archives lie `fetched.json`, which says where each came from and its
checksum, and for each a list of the SHA-256 of its files, in the form of `sha256sum`.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facesmith._version import __version__
from facesmith.errors import FetchError
from facesmith.fetching.data_sets import Archive, DataSet
from facesmith.fetching.download import DownloadConfig, ResumableDownload
from facesmith.fetching.records import RECORD, check_fddb, read_list, read_record, sum_of
from facesmith.fetching.unpacking import unpack
from facesmith.files import (
    OutputFolder,
    checksum,
    make_folder,
    remove_unfinished,
    write_bytes,
    write_error,
    write_json,
)
from facesmith.progress import NO_PROGRESS, Progress

_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64}  # hexadecimal digits


@dataclass(frozen=True)
class FetchConfig:
    """What is fetched, and from where.

    Attributes:
        parts: Parts of the data set; empty: all.
        mirror: Another place of the archives, an address or a folder; empty: their own.
        sums: SHA-256 by the name of an archive, instead of the published sum.
        keep_archives: Whether a fetched archive stays in the folder once it is unpacked; one that
            was there before stays.
        download: How patient downloads are.
    """

    parts: Sequence[str] = ()
    mirror: str = ""
    sums: Mapping[str, str] = field(default_factory=dict)
    keep_archives: bool = False
    download: DownloadConfig = field(default_factory=DownloadConfig)


@dataclass(frozen=True)
class FetchedArchive:
    """What has become of one archive.

    Attributes:
        name: Of the archive.
        folder: Where its files lie.
        how: `fetched` now; `verified`: it was there, and each file has the sum of its list;
            `adopted`: its files were there without a list, and are as many as they should be.
        n_files: Files.
        source: Address or path it came from; empty where it was adopted.
        sha256: Checksum of the archive; empty where it was adopted.
        checked: Whether the archive's checksum was compared with one known before.
    """

    name: str
    folder: Path
    how: Literal["fetched", "verified", "adopted"]
    n_files: int
    source: str
    sha256: str
    checked: bool


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
    done = []
    with OutputFolder(folder, "data set").lock():
        remove_unfinished(folder)
        record = read_record(folder)
        for archive in wanted:
            one = _One(archive, folder, config, progress)
            found = one.verify(record.get(archive.name)) or one.adopt() or one.fetch()
            done.append(found)
            if found.how != "verified":
                record[archive.name] = one.entry(found)
                write_json(folder / RECORD, {"facesmith": __version__, "archives": record})
    if data_set.name == "fddb" and len(wanted) == len(data_set.archives):
        check_fddb(folder)
    return Fetched(data_set, folder, tuple(done))


def _check_sums(data_set: DataSet, sums: Mapping[str, str]) -> None:
    names = [archive.name for archive in data_set.archives]
    for name, value in sums.items():
        if name not in names:
            raise FetchError(
                f"{data_set.name} has no archive {name!r}. Choose from {', '.join(names)}."
            )
        if len(value) != _LENGTHS["sha256"] or set(value) - set("0123456789abcdef"):
            raise FetchError(
                f"The SHA-256 of {name} must be 64 hexadecimal digits; got {value[:80]!r}."
            )


class _One:
    """One archive on its way."""

    def __init__(
        self, archive: Archive, folder: Path, config: FetchConfig, progress: Progress
    ) -> None:
        self._archive, self._folder = archive, folder
        self._config, self._progress = config, progress
        self._target = folder / archive.folder
        self._list = folder / f"{archive.folder}.sha256"
        own = config.sums.get(archive.name)
        self._sum = f"sha256:{own}" if own else archive.sum

    def entry(self, found: FetchedArchive) -> dict[str, Any]:
        """What `fetched.json` says of it."""
        return {
            "source": found.source, "sha256": found.sha256, "files": found.n_files,
            "compared_with": self._sum if found.checked else "",
        }  # fmt: skip

    def verify(self, entry: dict[str, Any] | None) -> FetchedArchive | None:
        """Each file that an earlier run listed is as it was; `None` if there was none."""
        if entry is None or not self._target.is_dir() or not self._list.is_file():
            return None
        sums = read_list(self._list)
        label = f"Checking {self._archive.folder}"
        changed = [
            name
            for name in self._progress.each(list(sums), label)
            if sum_of(self._folder / name) != sums[name]
        ]
        if changed:
            raise FetchError(
                f"{self._folder / changed[0]} is missing or was changed"
                f"{f', and {len(changed) - 1} more' if len(changed) > 1 else ''}. Delete "
                f"{self._target} to have it fetched again."
            )
        own, sha256 = self._config.sums.get(self._archive.name), str(entry.get("sha256", ""))
        if own and sha256 and own != sha256:
            raise FetchError(
                f"{self._target} was unpacked from an archive with the SHA-256 {sha256}, not "
                f"{own}. Delete it to have it fetched again."
            )
        return FetchedArchive(
            self._archive.name, self._target, "verified", len(sums), str(entry.get("source", "")),
            sha256, bool(entry.get("compared_with")),
        )  # fmt: skip

    def adopt(self) -> FetchedArchive | None:
        """Files that somebody else unpacked; `None` if there are none."""
        if not self._target.is_dir() or not any(self._target.iterdir()):
            return None
        self._check_contents(
            self._target, f" Delete {self._target} to have it fetched, or complete it."
        )
        files = sorted(path for path in self._target.rglob("*") if path.is_file())
        label = f"Listing {self._archive.folder}"
        sums = {
            path.relative_to(self._target).as_posix(): sum_of(path)
            for path in self._progress.each(files, label)
        }
        self._write_list(sums)
        return FetchedArchive(
            self._archive.name, self._target, "adopted", len(sums), "", "", checked=False
        )

    def fetch(self) -> FetchedArchive:
        """Fetch it, check it, unpack it beside its place, and put it there in one step."""
        make_folder(self._folder)
        own = self._folder / self._archive.name
        # Whose it is cannot be told: the user's, or of a run that was cut off. It stays.
        was_there = own.exists()
        path, source = self._file()
        sha256 = checksum(path)
        staging = self._folder / f".{self._archive.folder}.{secrets.token_hex(4)}.tmp"
        try:
            with _folder_errors(staging):
                staging.mkdir()
            sums = unpack(path, staging, self._archive.max_unpacked, self._progress)
            top, sums = self._below(staging, sums)
            self._check_contents(top, f" {source} is not the archive that is expected.")
            self._write_list(sums)
            with _folder_errors(self._target):
                if self._target.is_dir():
                    self._target.rmdir()  # empty, see `adopt`
                top.rename(self._target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if path == own and not was_there and not self._config.keep_archives:
            path.unlink(missing_ok=True)
        return FetchedArchive(
            self._archive.name, self._target, "fetched", len(sums), source, sha256,
            checked=bool(self._sum),
        )  # fmt: skip

    def _below(self, staging: Path, sums: dict[str, str]) -> tuple[Path, dict[str, str]]:
        """The folder whose place is `target`, whether or not the archive has it outermost."""
        outer = f"{self._archive.folder}/"
        if not all(name.startswith(outer) for name in sums):
            return staging, sums
        return staging / self._archive.folder, {n.removeprefix(outer): s for n, s in sums.items()}

    def _file(self) -> tuple[Path, str]:
        """The archive, with the right checksum, and where it came from."""
        name, mirror = self._archive.name, self._config.mirror
        if mirror and "://" not in mirror:
            path = Path(mirror) / name
            if not path.is_file():
                raise FetchError(f"{path} does not exist. --mirror expects {name} there.")
            self._compare(path)
            return path, path.as_posix()
        urls = (f"{mirror.rstrip('/')}/{name}",) if mirror else self._archive.urls
        failures = []
        for url in urls:
            self._progress.say(f"{name} from {url}")
            try:
                return self._download(url), url
            except FetchError as error:
                failures.append(str(error))
        raise FetchError(
            " ".join(failures) + " With --mirror it comes from an address or a folder of yours."
        )

    def _download(self, url: str) -> Path:
        import pooch  # noqa: PLC0415 - an extra

        pooch.get_logger().setLevel("ERROR")  # `progress` tells what it would
        name = self._archive.name
        download = ResumableDownload(
            self._folder / f"{name}.part",
            # A sum of the user's own is of another file than the published one.
            None if name in self._config.sums else self._archive.n_bytes,
            self._config.download,
            self._progress,
        )
        path = self._folder / name
        if path.is_file():  # --keep-archives, or fetched by hand
            self._compare(path)
            return path
        with _folder_errors(path):
            try:
                pooch.retrieve(
                    url, self._sum or None, fname=name, path=self._folder, downloader=download
                )
            except ValueError:  # the checksum; pooch has deleted the file
                raise FetchError(f"{url}: {self._wrong_sum()}") from None
        return path

    def _compare(self, path: Path) -> None:
        algorithm, _, expected = self._sum.partition(":")
        if not expected:
            return
        with path.open("rb") as file:
            got = hashlib.file_digest(file, algorithm).hexdigest()
        if got != expected:
            raise FetchError(f"{path}: {self._wrong_sum()}")

    def _wrong_sum(self) -> str:
        by = self._archive.sum_source
        own = self._archive.name in self._config.sums
        return (
            f"it has not the checksum {self._sum}, "
            f"{'as --sha256 says' if own else f'as published by {by}'}. It is damaged or another "
            f"file. If you know a newer one: --sha256 {self._archive.name}=..."
        )

    def _check_contents(self, top: Path, way_out: str) -> None:
        for pattern, expected in self._archive.contents:
            found = sum(1 for path in top.glob(pattern) if path.is_file())
            if found != expected:
                raise FetchError(
                    f"{self._archive.name}: expected {expected:,} files {pattern} in "
                    f"{self._archive.folder}, found {found:,}.{way_out}"
                )

    def _write_list(self, sums: dict[str, str]) -> None:
        lines = [f"{sums[name]}  {self._archive.folder}/{name}\n" for name in sorted(sums)]
        write_bytes(self._list, "".join(lines).encode())


@contextmanager
def _folder_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
