"""Downloads that are cut, slow, refused or of something else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from facesmith.errors import FetchError
from facesmith.fetching.download import DownloadConfig, ResumableDownload
from facesmith.progress import Progress
from fault_server import Faults, served

CONTENT = np.random.default_rng(0).bytes(100_000)
PATIENT = DownloadConfig(tries=3, wait=0.01, read_timeout=0.5)


def download(faults: Faults, folder: Path, expected: int | None = None) -> bytes:
    target = folder / "a.zip"
    fetcher = ResumableDownload(folder / "a.zip.part", expected, PATIENT)
    fetcher(f"{faults.url}/a.zip")
    assert not fetcher.moved()
    fetcher.move(target)
    assert fetcher.moved()
    fetcher.discard()
    assert not list(folder.glob("a.zip.part*"))
    return target.read_bytes()


def test_a_whole_file(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT})) as faults:
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked == [""]


def test_a_cut_download_goes_on_where_it_was(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, cut_after=[32_768, 16_384])) as faults:
        assert download(faults, tmp_path, len(CONTENT)) == CONTENT
        assert faults.asked == ["", "bytes=32768-", "bytes=49152-"]


def test_without_ranges_it_starts_anew(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, ranges=False, cut_after=[32_768])) as faults:
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked == ["", "bytes=32768-"]


def test_a_server_that_vouches_for_nothing_is_not_asked_for_parts(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, etag="", cut_after=[32_768])) as faults:
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked == ["", ""]


def test_a_file_that_changed_meanwhile_is_fetched_whole(tmp_path: Path) -> None:
    with served(Faults({"a.zip": b"old" * 20_000}, cut_after=[16_384, 0, 0, 0])) as faults:
        with pytest.raises(FetchError, match="16,384 bytes are kept"):
            download(faults, tmp_path)
        faults.files, faults.etag = {"a.zip": CONTENT}, '"two"'
        faults.cut_after = []
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked[-1] == "bytes=16384-"


def test_a_later_run_goes_on(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, cut_after=[49_152, 0, 0, 0])) as faults:
        with pytest.raises(FetchError, match="the connection was cut, 3 times in a row"):
            download(faults, tmp_path)
        faults.asked.clear()
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked == ["bytes=49152-"]


def test_where_nothing_came_nothing_is_said_to_be_kept(tmp_path: Path) -> None:
    with (
        served(Faults({"a.zip": CONTENT}, cut_after=[0, 0, 0])) as faults,
        pytest.raises(FetchError, match=r"row\. Nothing came; the same command tries again\."),
    ):
        download(faults, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_silent_connection_counts_as_cut(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, stall=[2.0])) as faults:
        assert download(faults, tmp_path) == CONTENT
        assert faults.asked == ["", "bytes=16384-"]


def test_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT[:40_000]}, delay=0.2)) as faults:
        assert download(faults, tmp_path) == CONTENT[:40_000]
        assert faults.asked == [""]


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT}, statuses=[503, 429])) as faults:
        assert download(faults, tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("faults", "expected", "message"),
    [
        (Faults({}), None, "the server answered 404 Not Found"),
        (Faults({"a.zip": CONTENT}, statuses=[403]), None, "answered 403"),
        (Faults({"a.zip": CONTENT}, statuses=[503] * 3), None, "answered 503, 3 times in a row"),
        (Faults({"a.zip": CONTENT}, content_type="text/html; charset=utf-8"), None, "sent a page"),
        (Faults({"a.zip": CONTENT}), 99_999, "expected 99,999 bytes, the server has 100,000"),
    ],
)  # fmt: skip
def test_what_ends_a_download(
    faults: Faults, expected: int | None, message: str, tmp_path: Path
) -> None:
    with served(faults), pytest.raises(FetchError, match=message):
        download(faults, tmp_path, expected)


def test_no_server_at_all(tmp_path: Path) -> None:
    with served(Faults({})) as faults:
        pass
    with pytest.raises(FetchError, match="no connection, 3 times in a row"):
        download(faults, tmp_path)


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    with served(Faults({"a.zip": CONTENT})) as faults:
        fetcher = ResumableDownload(tmp_path / "p", None, DownloadConfig(max_bytes=99_999))
        with pytest.raises(FetchError, match="100,000 bytes are more than 99,999"):
            fetcher(f"{faults.url}/a.zip")


def test_progress_tells_rate_and_time_left(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []

    class Told(Progress):
        def report(self, label: str, done: int, total: int, note: str = "") -> None:
            assert label == "a.zip"
            told.append((done, total, note))

    with served(Faults({"a.zip": CONTENT}, delay=0.1)) as faults:
        ResumableDownload(tmp_path / "p", None, PATIENT, Told())(f"{faults.url}/a.zip")
    assert told[0] == (0, len(CONTENT), "waiting")
    assert re.fullmatch(r"0\.\d MB/s, \d+ s left", told[1][2])
    assert told[-1][:2] == (len(CONTENT), len(CONTENT))
