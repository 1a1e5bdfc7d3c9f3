"""Writes the page with the networks and their runtime as static files."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from facesmith.detection import Detector
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, shipped_weights
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.detection.model_facts import model_facts
from facesmith.errors import WeightsError
from facesmith.export.web.runtime import runtime_files
from facesmith.files import OutputFolder

TASK = "site"
_CARD = "MODEL_CARD.md"
# Scripts that lie beside the page; all others of the browser's are modules of the detection.
_BESIDE_PAGE = ("backend.js", "offline.js")
_KEPT_DIGITS = 16  # of a SHA-256, hexadecimal: enough to tell versions of a file apart
# What the server's page is served with; a file can say all of it but `frame-ancestors`.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'"
)


def export_site(
    out: str | Path,
    model: str | Path | None = None,
    *,
    runtime: Path | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Write a site that finds faces in the browser alone.

    Args:
        out: The folder; new or empty, or an earlier site with `force`.
        model: A run folder of a detector or its `detector.onnx`; `None`: the shipped weights.
        runtime: See `runtime_files`.
        force: Replace an earlier site.

    Returns:
        Path of each file below `out` -> its length, bytes.

    Raises:
        WeightsError: If the weights cannot be used, or are those of a classifier.
        WriteError: If the folder cannot be written, or the runtime cannot be had.
    """
    folder = OutputFolder(Path(out), TASK)
    folder.check(force=force)
    content = _page() | _networks(model)
    content |= {f"runtime/{name}": each for name, each in runtime_files(runtime).items()}
    content["offline.js"] = _with_list(content)
    with folder.replaced() as staging:
        for name, each in content.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(each)
    return {name: len(each) for name, each in content.items()}


def _page() -> dict[str, bytes]:
    package = files("facesmith")
    content = _scripts(package / "server" / "page")
    head = b'<meta charset="utf-8">'
    policy = f'{head.decode()}\n  <meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    assert content["index.html"].count(head) == 1
    content["index.html"] = content["index.html"].replace(head, policy.encode())
    for name, each in _scripts(package / "export" / "web" / "browser").items():
        content[name if name in _BESIDE_PAGE else f"detection/{name}"] = each
    return content


def _scripts(folder: Traversable) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def _networks(model: str | Path | None) -> dict[str, bytes]:
    path = shipped_weights() if model is None else Path(model)
    path = path / PROPOSALS_FILE if path.is_dir() else path
    detector = Detector(path)
    names = {PROPOSALS_FILE: path}
    if detector.calibration.refiner_weight:
        names[REFINER_FILE] = path.with_name(REFINER_FILE)
    if detector.has_landmarks:
        names[LANDMARKS_FILE] = path.with_name(LANDMARKS_FILE)
    content = {f"weights/{name}": each.read_bytes() for name, each in names.items()}
    card = path.with_name(_CARD)
    if card.is_file():
        content[f"weights/{_CARD}"] = card.read_bytes()
    content["site.json"] = _described(detector, path, names)
    return content


def _described(detector: Detector, path: Path, names: dict[str, Path]) -> bytes:
    if detector.metadata.get("channel_order", "BGR") != "BGR":
        raise WeightsError(f"{path} takes other pixels than BGR, which the browser gives it.")
    description: dict[str, Any] = {
        "model": model_facts(detector, path),
        "weights": [Path(name).stem for name in names],
        "detector": detector.metadata,
        "landmark_context": None,
    }
    if LANDMARKS_FILE in names:
        description["landmark_context"] = detector.landmark_finder().context
    return (json.dumps(description, indent=1, sort_keys=True) + "\n").encode()


def _with_list(content: dict[str, bytes]) -> bytes:
    """The script that keeps the files, with the list of them."""
    sums = {
        name: hashlib.sha256(each).hexdigest()[:_KEPT_DIGITS]
        for name, each in sorted(content.items())
        if name != "offline.js"
    }
    listed = json.dumps(sums, indent=2)
    version = hashlib.sha256(listed.encode()).hexdigest()[:_KEPT_DIGITS]
    script = content["offline.js"].decode()
    slot = "const FILES = {};"
    assert script.count(slot) == script.count('"VERSION"') == 1
    script = script.replace(slot, f"const FILES = {listed};").replace('"VERSION"', f'"{version}"')
    return script.encode()
