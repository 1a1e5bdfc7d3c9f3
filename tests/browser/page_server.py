"""A server of the page and of what it asks for, on the loopback address, in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from facesmith import load_detector
from facesmith.cli.detect_outputs import as_dict
from facesmith.detection.model_facts import model_facts
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@contextmanager
def served(folder: Path, *, answers: bool) -> Iterator[str]:
    """The address of a server of the folder's files, and of `/v1` where it `answers`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlparse(self.path).path
            if answers and path == "/v1/model":
                return self._send(200, "application/json", json.dumps(_model()).encode())
            file = folder / (path.lstrip("/") or "index.html")
            if not file.is_file():
                return self._send(404, "text/plain", b"no such file")
            kind = TYPES.get(file.suffix, "application/octet-stream")
            return self._send(200, kind, file.read_bytes())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = parse_qs(urlparse(self.path).query)
            config = DetectionConfig(min_score=float(asked["min_score"][0]), landmarks=True)
            (found,) = detect_photos(_detector(), [PhotoSource("photo", body)], config)
            if found.error:
                problem = {"title": "Not a photo", "status": 415, "detail": found.error}
                return self._send(415, "application/problem+json", json.dumps(problem).encode())
            return self._send(200, "application/json", json.dumps(as_dict(found, [])).encode())

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


_loaded: list[Any] = []


def _detector() -> Any:
    if not _loaded:
        _loaded.append(load_detector())
    return _loaded[0]


def _model() -> dict[str, Any]:
    return model_facts(_detector(), None)
