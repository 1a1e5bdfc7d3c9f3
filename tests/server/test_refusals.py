"""What is not done, and what is said then: always problem JSON, and the next request is fine."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facesmith.server import ServeConfig, create_app, uploads
from served import PNG, ask, spot_png, with_client

LIMIT = 20_000


@pytest.fixture(scope="module")
def small_app(spot_weights: Path) -> Any:
    return create_app(
        ServeConfig(
            spot_weights, max_upload=LIMIT, max_files=2, max_memory=10_000_000,
            hosts=("localhost", "[::1]", "faces.example"),
        )
    )  # fmt: skip


@pytest.fixture(autouse=True)
def next_is_fine(small_app: Any) -> Iterator[None]:
    yield
    answer = ask(small_app, "POST", "/v1/detect", content=spot_png((40, 32)), headers=PNG)
    assert len(answer.json()["faces"]) == 1
    assert "facesmith_requests_in_progress 0" in ask(small_app, "GET", "/metrics").text


def refused(answer: Any, status: int, title: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"] == title
    assert problem["status"] == status
    detail: str = problem["detail"]
    return detail


def form(*parts: bytes) -> dict[str, Any]:
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


def part(disposition: str, content: bytes) -> bytes:
    return f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode() + content


@pytest.mark.parametrize("told", [True, False])
def test_more_than_the_limit_is_refused(small_app: Any, told: bool) -> None:
    async def pieces() -> Any:
        for _ in range(5):
            yield bytes(LIMIT // 4)

    content = bytes(LIMIT + 1) if told else pieces()
    detail = refused(
        ask(small_app, "POST", "/v1/detect", content=content, headers=PNG), 413, "Too large"
    )
    assert "--max-upload" in detail


def test_too_many_files_are_refused(small_app: Any) -> None:
    files = [("file", (f"{i}.png", spot_png())) for i in range(3)]
    detail = refused(ask(small_app, "POST", "/v1/detect", files=files), 413, "Too large")
    assert "may bring 2 photos" in detail


def bomb() -> bytes:
    """A PNG of few bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_ = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def costly() -> bytes:
    file = io.BytesIO()
    Image.new("1", (5000, 5000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("path", ["/v1/detect", "/v1/crops", "/v1/anonymise"])
@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is not an image that can be read"),
        (b"%PDF-1.4", "is a PDF document"),
        (spot_png((40, 32))[:60], "damaged"),
        (bomb(), "200 million pixels"),
        (costly(), "MB are allowed. Reduce it first, or allow more (--photo-memory"),
    ],
    ids=["empty", "text", "pdf", "cut", "bomb", "costly"],
)
def test_what_is_no_photo_to_read_is_said(
    small_app: Any, path: str, photo: bytes, said: str
) -> None:
    answer = ask(small_app, "POST", path, content=photo, headers=PNG)
    assert said in refused(answer, 422, "Unreadable photo")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json"},
    ],
)
def test_other_kinds_of_content_are_refused(small_app: Any, headers: dict[str, str]) -> None:
    answer = ask(small_app, "POST", "/v1/detect", content=spot_png(), headers=headers)
    assert "-F file=@photo.jpg" in refused(answer, 415, "Wrong content type")


def test_packed_bodies_are_refused(small_app: Any) -> None:
    answer = ask(
        small_app, "POST", "/v1/detect", content=spot_png(),
        headers={**PNG, "Content-Encoding": "gzip"},
    )  # fmt: skip
    refused(answer, 415, "Wrong content encoding")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("min_score=2", "`min_score`: Input should be less than or equal to 1; got '2'."),
        ("min_score=nan", "`min_score`"),
        ("min_score=high", "`min_score`"),
        ("min_face=0", "`min_face`"),
        ("rotations=45", "expected one or several of 0, 90, 180 and 270"),
        ("rotations=0,0", "each once"),
        ("stride=3", "`stride`: there is no such option. Leave it out; /openapi.json lists all."),
        ("find_all=true&min_score=0.2", "exclude each other"),
        ("find_all=true", "These weights store no score for find_all"),
        ("landmarks=true", "These weights find no landmarks"),
    ],
)
def test_wrong_options_are_named(small_app: Any, query: str, said: str) -> None:
    answer = ask(small_app, "POST", f"/v1/detect?{query}", content=spot_png(), headers=PNG)
    assert said in refused(answer, 422, "Wrong request")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("fill=pink", "`fill`"),
        ("colour=none", "'none' is no colour"),
        ("margin=-1", "`margin`"),
        ("boxes=7", "expected a JSON list of [x, y, width, height]"),
        ("boxes=[[1,2,3]]", "expected a JSON list"),
        ("boxes=[[1,2,0,4]]", "each with an area"),
        ("boxes=[[1,2,NaN,4]]", "expected a JSON list"),
        ("boxes=[[600,600,10,10]]", "begins at 600, 600 lies outside the photo of 160 x 120"),
        ("boxes=[[-90,5,50,50]]", "lies outside the photo"),
        ("boxes=[[1,2,3,4]]&boxes=[[5,6,7,8]]", "`boxes` comes twice"),
        ("boxes=" + "[" * 5000, "expected a JSON list"),
    ],
)
def test_wrong_covers_are_named(small_app: Any, query: str, said: str) -> None:
    answer = ask(small_app, "POST", f"/v1/anonymise?{query}", content=spot_png(), headers=PNG)
    assert said in refused(answer, 422, "Wrong request")


def test_boxes_that_are_given_twice_are_refused(small_app: Any) -> None:
    files, boxes = {"file": ("a.png", spot_png())}, "[[1, 2, 3, 4]]"
    path = "/v1/anonymise"
    twice = ask(small_app, "POST", path, files=files, data={"boxes": [boxes, boxes]})
    assert "'boxes' comes twice" in refused(twice, 422, "Wrong request")
    both = ask(small_app, "POST", f"{path}?boxes=[[5,6,7,8]]", files=files, data={"boxes": boxes})
    assert "a field and an option" in refused(both, 422, "Wrong request")


def test_boxes_over_each_other_take_no_memory_without_end(small_app: Any) -> None:
    photo = spot_png((40, 32))  # 19,200 pixels, of which 2,500,000 may be covered
    for count, status in ((100, 200), (200, 422)):
        boxes = json.dumps([[0, 0, 160, 120]] * count)
        answer = ask(
            small_app, "POST", "/v1/anonymise?margin=2", files={"file": ("a.png", photo)},
            data={"boxes": boxes},
        )  # fmt: skip
        assert answer.status_code == status
    assert "4 million pixels" in refused(answer, 422, "Wrong request")


def test_boxes_of_no_photo_are_refused_as_the_photo_is(small_app: Any) -> None:
    answer = ask(small_app, "POST", "/v1/anonymise?boxes=[[1,1,2,2]]", content=b"no", headers=PNG)
    assert "is not an image" in refused(answer, 422, "Unreadable photo")


def test_one_photo_is_covered_a_request(small_app: Any) -> None:
    files = [("file", (f"{i}.png", spot_png())) for i in range(2)]
    detail = refused(ask(small_app, "POST", "/v1/anonymise", files=files), 422, "Wrong request")
    assert "2 photos came; expected one" in detail


PHOTO_PART = part('name="file"; filename="a.png"', spot_png((40, 32)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (form(), "has no file"),
        (form(part('name="min_score"', b"0.5"), PHOTO_PART), "Options stand in the query"),
        ({**form(PHOTO_PART), "headers": {"Content-Type": "multipart/form-data"}}, "no boundary"),
        ({**form(PHOTO_PART), "content": form(PHOTO_PART)["content"][:-9]}, "last boundary"),
        (form(b"no colon\r\n\r\n"), "cannot be read"),
        (form(b"X-Long: " + b"a" * 19_000 + b"\r\n\r\n"), "cannot be read"),
    ],
    ids=["nothing", "option", "boundary", "end", "header", "long header"],
)
def test_forms_that_are_none_are_refused(small_app: Any, given: dict[str, Any], said: str) -> None:
    detail = refused(ask(small_app, "POST", "/v1/detect", **given), 422, "Wrong request")
    assert said in detail


def test_a_slow_upload_is_given_up(small_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(uploads, "SLOWEST", 1e9)
    ended = False

    async def trickle() -> Any:
        nonlocal ended
        for byte in spot_png():
            yield bytes([byte])
            await asyncio.sleep(0.05)
        ended = True

    answer = ask(small_app, "POST", "/v1/detect", content=trickle(), headers=PNG)
    assert "expected" in refused(answer, 408, "Too slow")
    assert not ended


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("[::1]:8000", 200),
        ("faces.example", 200),
        ("127.0.0.1", 403),  # not among the names here
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("faces.example.", 403),
        ("", 403),
    ],
)
def test_only_known_names_lead_here(small_app: Any, host: str, status: int) -> None:
    answer = ask(small_app, "GET", "/health", headers={"Host": host})
    assert answer.status_code == status
    if status == 403:
        assert "--allow-host" in refused(answer, 403, "Unknown host")


def test_a_server_for_all_networks_is_called_by_any_address_but_not_by_any_name(
    spot_weights: Path,
) -> None:
    app = create_app(ServeConfig(spot_weights, any_address=True))

    async def statuses(client: Any) -> list[int]:
        hosts = ("192.168.1.7:8000", "[fe80::1]", "localhost", "evil.example", "1.2.3.evil")
        answers = [await client.get("/health", headers={"Host": host}) for host in hosts]
        return [each.status_code for each in answers]

    assert with_client(app, statuses) == [200, 200, 200, 403, 403]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("http://evil.example", 403),
        ("http://localhost:81", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_pages_of_other_hosts_may_send_nothing(small_app: Any, origin: str, status: int) -> None:
    answer = ask(
        small_app, "POST", "/v1/detect", content=spot_png(), headers={**PNG, "Origin": origin}
    )
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/../../etc/passwd", 404, "Not Found"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404, "Not Found"),
        ("GET", "/docs", 404, "Not Found"),
        ("GET", "/v1/detect", 405, "Method Not Allowed"),
        ("OPTIONS", "/v1/detect", 405, "Method Not Allowed"),
        ("DELETE", "/health", 405, "Method Not Allowed"),
    ],
)
def test_other_paths_and_methods(
    small_app: Any, method: str, path: str, status: int, title: str
) -> None:
    answer = ask(small_app, method, path)
    refused(answer, status, title)
    assert (status == 405) == ("allow" in answer.headers)


def test_a_fault_of_ours_is_a_problem_too(small_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("facesmith.server.photos.photo_as_dict", fail)
    answer = ask(small_app, "POST", "/v1/detect", content=spot_png(), headers=PNG)
    detail = refused(answer, 500, "Unexpected error")
    assert "RuntimeError" in detail
    assert "secret" not in answer.text
    monkeypatch.undo()
