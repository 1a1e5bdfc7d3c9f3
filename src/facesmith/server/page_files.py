"""The files of the page: a fixed list, read at the start, so that no path leads anywhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from facesmith.server.problems import Problem

PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    tag: str


class PageFiles:
    """Answers with the files of a folder; `/` is `index.html`. Files of other kinds are none."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        for path in sorted(folder.rglob("*")):
            media_type = _TYPES.get(path.suffix)
            if media_type is None or not path.is_file():
                continue
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            name = "/" + path.relative_to(folder).as_posix()
            self._files[name] = _File(content, media_type, tag)
        if "/index.html" in self._files:
            self._files["/"] = self._files["/index.html"]

    @property
    def paths(self) -> list[str]:
        """Where they are."""
        return list(self._files)

    async def answer(self, request: Request) -> Response:
        """The file that a request names, or that the browser has it already."""
        file = self._files.get(request.url.path)
        if file is None:
            raise Problem(404, "Not Found", f"There is nothing at {request.url.path}.")
        headers = {
            "ETag": file.tag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": PAGE_POLICY,
        }
        known = request.headers.get("if-none-match", "")
        if known == "*" or file.tag in [
            each.strip().removeprefix("W/") for each in known.split(",")
        ]:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)
