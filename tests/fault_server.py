"""A web server on this machine that cuts connections, is slow, or sends the wrong thing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 1 << 14


@dataclass
class Faults:
    """What the server does; each list is used up from its front, one entry a request.

    Attributes:
        files: Content by path without the slash.
        ranges: Whether parts can be asked for.
        etag: What it says of the file; empty: nothing.
        cut_after: Bytes of the answer's body before the connection is cut; -1: whole.
        statuses: Answers instead of the file; 0: the file.
        delay: Seconds before each block.
        stall: Seconds of silence after the first block.
        content_type: Of the answers.
        asked: The `Range` header of each request, empty without one.
    """

    files: dict[str, bytes]
    ranges: bool = True
    etag: str = '"one"'
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay: float = 0.0
    stall: list[float] = field(default_factory=list)
    content_type: str = "application/octet-stream"
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def served(faults: Faults) -> Iterator[Faults]:
    """The server at `faults.url` while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            faults.asked.append(self.headers.get("Range", ""))
            status = faults.statuses.pop(0) if faults.statuses else 0
            content = faults.files.get(self.path.lstrip("/"))
            if status or content is None:
                self.send_response(status or 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = 0
            asked = self.headers.get("Range", "")
            if faults.ranges and asked and self.headers.get("If-Range", "") == faults.etag:
                begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(content) and begin:
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if begin else 200)
            if begin:
                end = len(content) - 1
                self.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
            if faults.etag:
                self.send_header("ETag", faults.etag)
            self.send_header("Content-Type", faults.content_type)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            body = content[begin:]
            cut = faults.cut_after.pop(0) if faults.cut_after else -1
            if cut >= 0:
                body = body[:cut]
            stall = faults.stall.pop(0) if faults.stall else 0.0
            for i in range(0, len(body), _BLOCK):
                if i and stall:
                    self.wfile.flush()
                    time.sleep(stall)
                    stall = 0.0
                time.sleep(faults.delay)
                try:
                    self.wfile.write(body[i : i + _BLOCK])
                except OSError:
                    return
            if cut >= 0:
                self.wfile.flush()
                self.close_connection = True

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    faults.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served_bytes(*answers: bytes) -> Iterator[str]:
    """The address of a server that sends these bytes as they are, one answer a request.

    The last one is repeated; after each the connection is closed.
    """
    left = list(answers)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked and (part := connection.recv(1 << 16)):
                    asked += part
                connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
