"""Servers that answer oddly: what passes is tried again, what does not ends at once."""

from __future__ import annotations

import gzip
import os
import socket
import time
from pathlib import Path

import pytest

from facesmith.errors import FetchError, WriteError
from facesmith.fetching.download import DownloadConfig, ResumableDownload
from fault_server import Faults, served, served_bytes

CONTENT = os.urandom(50_000)
PATIENT = DownloadConfig(tries=3, wait=0.01, connect_timeout=0.5, read_timeout=0.5)


def answer(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    return (
        "\r\n".join((f"HTTP/1.1 {status}", "Connection: close", *headers, "", "")).encode() + body
    )


def got(url: str, folder: Path, expected: int | None = None) -> bytes:
    part = folder / "a.part"
    ResumableDownload(part, expected, PATIENT)(url)
    return part.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "http://", "http:///a", "http://[::1/a", "http://host:port/a", "http://h:99999/a",
        "http://a..b/x", "http://.host/", "http://" + "a" * 300 + "/", "gopher://host/x", "http://*/",
        "x", "", "http://\x00/", "http://a b/c",
    ],
)  # fmt: skip
def test_no_address_is_not_tried_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it is tried again"))
    with pytest.raises(FetchError, match="no address of http or https"):
        got(url, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/a", "file:///etc/passwd", "http://["])
def test_redirects_to_no_address(to: str, tmp_path: Path) -> None:
    with (
        served_bytes(answer(f"Location: {to}", status="302 Found")) as url,
        pytest.raises(FetchError, match="leads to, no address"),
    ):
        got(f"{url}/a", tmp_path)


def test_redirects_in_a_loop(tmp_path: Path) -> None:
    with (
        served_bytes(answer("Location: /b", "Content-Length: 0", status="301 Moved")) as url,
        pytest.raises(FetchError, match="from one address to the next without end"),
    ):
        got(f"{url}/a", tmp_path)


def test_a_redirect_to_elsewhere_is_followed(tmp_path: Path) -> None:
    with (
        served(Faults({"b": CONTENT})) as faults,
        served_bytes(answer(f"Location: {faults.url}/b", status="302 Found")) as url,
    ):
        assert got(f"{url}/a", tmp_path) == CONTENT


def test_a_cut_chunked_answer_is_no_whole_file(tmp_path: Path) -> None:
    headers = answer("Transfer-Encoding: chunked")
    chunk = f"{len(CONTENT):x}\r\n".encode() + CONTENT + b"\r\n"
    with served_bytes(headers + chunk, headers + chunk + b"0\r\n\r\n") as url:
        assert got(f"{url}/a", tmp_path) == CONTENT
    with served_bytes(headers + chunk) as url, pytest.raises(FetchError, match="was cut, 3 times"):
        got(f"{url}/a", tmp_path)


def test_without_a_length_the_end_is_the_end(tmp_path: Path) -> None:
    with served_bytes(answer(body=CONTENT)) as url:
        assert got(f"{url}/a", tmp_path) == CONTENT
    with served_bytes(answer(body=CONTENT[:-1]), answer(body=CONTENT)) as url:
        assert got(f"{url}/a", tmp_path, len(CONTENT)) == CONTENT
    with (
        served_bytes(answer(body=CONTENT + b"x")) as url,
        pytest.raises(FetchError, match="sends more than 50,000 bytes"),
    ):
        got(f"{url}/a", tmp_path, len(CONTENT))


def test_an_archive_that_is_called_compressed_stays_compressed(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    for name in ("gzip", "x-gzip", "deflate"):
        headers = (f"Content-Encoding: {name}", f"Content-Length: {len(packed)}")
        with served_bytes(answer(*headers, body=packed)) as url:
            assert got(f"{url}/a", tmp_path, len(packed)) == packed


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Range: bytes 0-9/50000",),  # not the part that was asked for
        ("Content-Range: bytes 16384-49999/60000",),  # of another file
        ("Content-Range: nonsense",),
        (),
    ],
)
def test_another_part_than_asked_for_is_not_taken(headers: tuple[str, ...], tmp_path: Path) -> None:
    first = answer('ETag: "1"', "Content-Length: 50000", body=CONTENT[:16384])
    part = answer(
        *headers, "Content-Length: 33616", body=bytes(33616), status="206 Partial Content"
    )
    whole = answer("Content-Length: 50000", body=CONTENT)
    with served_bytes(first, part, whole) as url:
        assert got(f"{url}/a", tmp_path) == CONTENT


def test_a_part_of_unknown_size_ends_with_the_known_file(tmp_path: Path) -> None:
    first = answer('ETag: "1"', "Content-Length: 50000", body=CONTENT[:16384])
    status = "206 Partial Content"
    short = answer("Content-Range: bytes 16384-20479/*", body=CONTENT[16384:20480], status=status)
    rest = answer("Content-Range: bytes 20480-49999/*", body=CONTENT[20480:], status=status)
    with served_bytes(first, short, rest) as url:
        assert got(f"{url}/a", tmp_path) == CONTENT


def test_a_page_that_is_not_called_one(tmp_path: Path) -> None:
    page = b"\n<!DOCTYPE html><form action=login>"
    with (
        served_bytes(answer("Content-Type: application/zip", body=page)) as url,
        pytest.raises(FetchError, match="sent a page"),
    ):
        got(f"{url}/a", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("1", 1, 1), ("100000", 120, 120), ("-5", 0, 0.1), ("soon", 0, 0.1), ("1e9", 0, 0.1)],
)
def test_a_busy_server_is_given_the_time_it_asks_for(
    asked: str, least: float, most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    busy = answer(f"Retry-After: {asked}", "Content-Length: 0", status="503 Busy")
    with served_bytes(busy, answer("Content-Length: 50000", body=CONTENT)) as url:
        assert got(f"{url}/a", tmp_path) == CONTENT
    assert least <= waited[0] <= most
    assert len(waited) == 1


def test_cuts_at_varying_places_without_parts_end(tmp_path: Path) -> None:
    answers = [
        answer("Content-Length: 50000", body=CONTENT[: (i % 2 + 1) * 16384]) for i in range(40)
    ]
    with (
        served_bytes(*answers) as url,
        pytest.raises(FetchError, match="the connection was cut, 3 times in a row"),
    ):
        got(f"{url}/a", tmp_path)


@pytest.mark.parametrize(
    "reply",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\x16\x03\x01",
     b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n", b"HTTP/1.1 200 " + b"x" * 70_000,
     answer("Transfer-Encoding: chunked", body=b"zz\r\nabc"), answer("Content-Length: -7")],
)  # fmt: skip
def test_no_http(reply: bytes, tmp_path: Path) -> None:
    with served_bytes(reply) as url, pytest.raises(FetchError, match="3 times in a row"):
        got(f"{url}/a", tmp_path)


@pytest.mark.parametrize("length", ["9" * 30, "9" * 17])
def test_absurd_lengths(length: str, tmp_path: Path) -> None:
    with (
        served_bytes(answer(f"Content-Length: {length}", body=b"x")) as url,
        pytest.raises(FetchError, match=r"are more than|times in a row"),
    ):
        got(f"{url}/a", tmp_path)


def test_tls_of_a_server_without(tmp_path: Path) -> None:
    with served_bytes(b"no tls") as url, pytest.raises(FetchError, match="3 times in a row"):
        got(url.replace("http", "https") + "/a", tmp_path)


def test_no_password_in_messages_or_notes(tmp_path: Path) -> None:
    cut = answer('ETag: "1"', "Content-Length: 50000", body=CONTENT[:16384])
    with served_bytes(cut) as url, pytest.raises(FetchError) as caught:
        got(url.replace("://", "://me:hush@") + "/a", tmp_path)
    assert "hush" not in str(caught.value)
    assert "hush" not in (tmp_path / "a.part.json").read_text()
    for bad in (
        "http://me:hush@",
        "http://me:hu/hush@h/a",
        "ftp://me:hush@h/",
        "http://me:hush@h:0x/",
    ):
        with pytest.raises(FetchError) as caught:
            got(bad, tmp_path / "new")
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe", "note"])
def test_files_of_others_in_the_way_stay(kind: str, tmp_path: Path) -> None:
    part, own = tmp_path / "a.part", tmp_path / "own"
    own.write_bytes(b"mine")
    match kind:
        case "file":
            part.write_bytes(b"mine")
        case "link":
            part.symlink_to(own)
        case "folder":
            part.mkdir()
        case "pipe":
            os.mkfifo(part)
        case "note":
            part.with_name("a.part.json").write_bytes(b"mine")
    with pytest.raises(WriteError, match="no earlier run left it: it stays"):
        got("http://127.0.0.1:9/a", tmp_path)
    assert own.read_bytes() == b"mine"
    assert kind != "file" or part.read_bytes() == b"mine"


def test_a_proxy_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for proxy, words in (
        (f"http://me:hush@127.0.0.1:{port}", "no connection to the proxy"),
        ("http://", "is no address"),
        ("socks5://me:hush@127.0.0.1:1", "PySocks"),
    ):
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(FetchError, match=words) as caught:
            got("http://example.invalid/a", tmp_path)
        assert "hush" not in str(caught.value)
