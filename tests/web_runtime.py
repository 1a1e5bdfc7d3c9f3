"""A stand-in for the package of ONNX Runtime for browsers: two files of a few bytes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from facesmith.export.web import runtime

CONTENT = {"ort.js": b"export const env = {};\n", "ort.wasm": b"\0asm\1\0\0\0"}


def archive(**changed: bytes) -> bytes:
    """A package of two short files, as npm packs them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, (path, _) in runtime.RUNTIME_FILES.items():
            content = changed.get(name.replace(".", "_"), CONTENT[name])
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_tested_runtime(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the archive of a runtime of a few bytes, which then counts as the tested one."""
    path.write_bytes(archive())
    monkeypatch.setattr(runtime, "INTEGRITY", runtime.integrity(path.read_bytes()))
    known = {
        name: (path, hashlib.sha256(CONTENT[name]).hexdigest())
        for name, (path, _) in runtime.RUNTIME_FILES.items()
    }
    monkeypatch.setattr(runtime, "RUNTIME_FILES", known)
