"""One archive on its way: fetched, compared, unpacked and put in its place, or verified."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facesmith.errors import FetchError, WriteError
from facesmith.fetching.data_sets import Archive
from facesmith.fetching.download import DownloadConfig, ResumableDownload
from facesmith.fetching.records import (
    RECORD,
    check_own,
    listed,
    open_folder,
    read_list,
    sum_of,
)
from facesmith.fetching.unpacking import unpack
from facesmith.files import checksum, make_folder, write_bytes, write_error
from facesmith.printable import without_password
from facesmith.progress import Progress


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


class OneArchive:
    """One archive on its way."""

    def __init__(
        self,
        archive: Archive,
        folder: Path,
        config: FetchConfig,
        record: Mapping[str, Mapping[str, Any]],
        progress: Progress,
    ) -> None:
        self._archive, self._folder = archive, folder
        self._config, self._progress = config, progress
        self._target = folder / archive.folder
        self._list = folder / f"{archive.folder}.sha256"
        self._entry = record.get(archive.name)  # of an earlier run
        # Files of ours for which the record stands in, where the folder has no mark.
        self._recorded = {self._list.name: self._entry is not None, RECORD: bool(record)}
        own = config.sums.get(archive.name)
        self._sum = f"sha256:{own}" if own else archive.sum
        self._download = ResumableDownload(
            folder / f"{archive.name}.part",
            # A sum of the user's own is of another file than the published one.
            None if archive.name in config.sums else archive.n_bytes,
            config.download,
            progress,
        )

    def entry(self, found: FetchedArchive) -> dict[str, Any]:
        """What `fetched.json` says of it."""
        return {
            "source": found.source, "sha256": found.sha256, "files": found.n_files,
            "compared_with": self._sum if found.checked else "",
        }  # fmt: skip

    def check_places(self) -> None:
        """Refuse what is in the way, before anything is fetched.

        Raises:
            WriteError: Names it.
        """
        path = self._target
        empty_link = path.is_symlink() and not (path.is_dir() and any(path.iterdir()))
        if empty_link or (os.path.lexists(path) and not path.is_dir()):
            raise WriteError(
                f"{path} is {'a link to no files' if empty_link else 'no folder'}, and files of "
                f"{self._archive.name} belong there. Move it, or choose another folder."
            )
        path = self._folder / self._archive.name
        if os.path.lexists(path) and not path.is_file():
            raise WriteError(f"{path} is no file. Move it, or choose another folder.")
        if not self._is_listed():
            for name, recorded in self._recorded.items():
                check_own(self._folder, name, recorded=recorded)

    def _is_listed(self) -> bool:
        """Whether an earlier run has left its files and their list."""
        return self._entry is not None and self._target.is_dir() and os.path.lexists(self._list)

    def verify(self) -> FetchedArchive | None:
        """Each file that an earlier run listed is as it was; `None` if there was none."""
        if not self._is_listed():
            return None
        entry = self._entry or {}
        sums = read_list(self._list, self._archive.folder)
        if not sums or len(sums) != entry.get("files"):
            raise FetchError(
                f"{self._list} is damaged: it does not list the files that {RECORD} counts. "
                f"Delete it to have the files in {self._target} counted and listed again, or "
                "delete both to have them fetched again."
            )
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
        unread = [name for name in sums if not sums[name]]
        if unread:
            raise FetchError(f"{self._target / unread[0]} cannot be read. Check its rights.")
        self._write_list(sums)
        return FetchedArchive(
            self._archive.name, self._target, "adopted", len(sums), "", "", checked=False
        )

    def fetch(self) -> FetchedArchive:
        """Fetch it, check it, unpack it beside its place, and put it there in one step."""
        make_folder(self._folder)
        own = self._folder / self._archive.name
        # One that no note says to be of a run that was cut off is the user's: it stays.
        was_there = own.exists() and not self._download.moved()
        path, source = self._file()
        with _reading(path):
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
        except FetchError as error:
            if path != own:
                raise
            if not was_there:
                own.unlink(missing_ok=True)
                self._download.discard()
                raise
            raise FetchError(f"{error} Delete {own} to have it fetched again.") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if path == own and not was_there:
            if not self._config.keep_archives:
                own.unlink(missing_ok=True)
            self._download.discard()  # the note, which is all that is left
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
                what = "is no file" if os.path.lexists(path) else "does not exist"
                raise FetchError(f"{path} {what}. --mirror expects {name} there.")
            self._compare(path)
            return path, path.as_posix()
        urls = (f"{mirror.rstrip('/')}/{name}",) if mirror else self._archive.urls
        failures = []
        for url in urls:
            shown = without_password(url)
            self._progress.say(f"{name} from {shown}")
            try:
                return self._downloaded(url), shown
            except FetchError as error:
                failures.append(str(error))
        way_out = " With --mirror it comes from an address or a folder of yours."
        raise FetchError(" ".join(failures) + ("" if mirror else way_out))

    def _downloaded(self, url: str) -> Path:
        name = self._archive.name
        path = self._folder / name
        if path.is_file():  # --keep-archives, or fetched by hand
            self._compare(path, f" Delete {path} to have it fetched again.")
            return path
        import pooch  # noqa: PLC0415 - an extra

        pooch.get_logger().setLevel("ERROR")  # `progress` tells what it would
        download = self._download
        # A folder that later runs delete: a kill while pooch compares leaves a file in it.
        beside = self._folder / f".{name}.{secrets.token_hex(4)}.tmp"
        with _folder_errors(path):
            beside.mkdir()
            try:
                pooch.retrieve(
                    url, self._sum or None, fname=name, path=beside, downloader=download.for_pooch
                )
            except ValueError:  # the checksum
                download.discard()
                raise FetchError(f"{without_password(url)}: {self._wrong_sum()}") from None
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            download.move(path)
        return path

    def _compare(self, path: Path, way_out: str = "") -> None:
        import pooch  # noqa: PLC0415 - an extra

        algorithm, _, expected = self._sum.partition(":")
        if not expected:
            return
        with _reading(path):
            got = pooch.file_hash(str(path), algorithm)
        if got != expected:
            raise FetchError(f"{path}: {self._wrong_sum()}{way_out}")

    def _wrong_sum(self) -> str:
        by = self._archive.sum_source
        own = self._archive.name in self._config.sums
        return (
            f"it has not the checksum {self._sum}, "
            f"{'as --sha256 says' if own else f'as published by {by}'}. It is damaged or another "
            f"file. If it is the right one: --sha256 {self._archive.name}=..."
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
        open_folder(self._folder, [name for name, known in self._recorded.items() if known])
        write_bytes(self._list, listed(sums, self._archive.folder))


@contextmanager
def _folder_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchError(f"{path} cannot be read: {error.strerror}.") from error
