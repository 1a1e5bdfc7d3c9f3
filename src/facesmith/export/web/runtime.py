"""ONNX Runtime for browsers: two files of its npm package, checked against known sums."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from facesmith.errors import WriteError
from facesmith.files import read_bounded
from facesmith.untrusted import ContentError

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
# As the registry states it of the package's archive.
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZ"
    "ClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
# Name in the site -> name in the package, and its SHA-256. The plain WebAssembly build: no GPU, no
# threads, so that the site needs no special headers. `.js`: some web servers know no `.mjs`.
RUNTIME_FILES = {
    "ort.js": (
        "dist/ort.wasm.bundle.min.mjs",
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    ),
    "ort.wasm": (
        "dist/ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
}
# The package brings no licence file; the Python package of the same project brings both.
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")
_MOST_BYTES = 2**27  # of the archive, and of each file
_PATIENCE_S = 600


def runtime_files(source: Path | None = None) -> dict[str, bytes]:
    """Name in the site -> content, of the runtime and its licences.

    Args:
        source: The package's archive, or a folder with its files; `None`: the npm client of this
            computer fetches the archive.

    Raises:
        WriteError: If it cannot be had, or is not exactly the one that was tested.
    """
    if source is None:
        content = _from_npm()
    elif source.is_dir():
        content = _from_folder(source)
    else:
        content = _from_archive(_read(source), str(source))
    return content | _licences()


def _from_npm() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise WriteError(f"{PACKAGE} {VERSION} is fetched by npm, which is not installed. {_way()}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(  # noqa: S603 - no shell, no words of the user
                [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WriteError(
                f"npm could not fetch {PACKAGE} {VERSION}: {error}. {_way()}"
            ) from error
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            said = " ".join(done.stderr.split())[-200:] or f"exit code {done.returncode}"
            raise WriteError(f"npm could not fetch {PACKAGE} {VERSION} ({said}). {_way()}")
        return _from_archive(_read(archives[0]), f"what npm fetched as {PACKAGE} {VERSION}")


def _from_archive(archive: bytes, name: str) -> dict[str, bytes]:
    if integrity(archive) != INTEGRITY:
        raise WriteError(
            f"{name} is not the archive of {PACKAGE} {VERSION}: expected the integrity "
            f"{INTEGRITY[:20]}..., got {integrity(archive)[:20]}.... {_way()}"
        )
    content = {}
    with tarfile.open(fileobj=BytesIO(archive), mode="r:gz") as opened:
        # By name, into memory: nothing of the archive is unpacked where it says.
        for target, (path, _) in RUNTIME_FILES.items():
            member = opened.getmember(f"package/{path}")
            file = opened.extractfile(member)
            assert file is not None
            content[target] = _checked(target, file.read(_MOST_BYTES), f"{path} in {name}")
    return content


def _from_folder(folder: Path) -> dict[str, bytes]:
    content = {}
    for target, (path, _) in RUNTIME_FILES.items():
        places = [folder / path, folder / "package" / path, folder / Path(path).name]
        place = next((each for each in places if each.is_file()), None)
        if place is None:
            raise WriteError(f"{folder} does not hold {path} of {PACKAGE} {VERSION}. {_way()}")
        content[target] = _checked(target, _read(place), str(place))
    return content


def _checked(target: str, content: bytes, name: str) -> bytes:
    if hashlib.sha256(content).hexdigest() != RUNTIME_FILES[target][1]:
        raise WriteError(f"{name} is not the file of {PACKAGE} {VERSION}. {_way()}")
    return content


def _licences() -> dict[str, bytes]:
    package = files("onnxruntime")
    missing = [name for name in LICENCES if not (package / name).is_file()]
    if missing:
        raise WriteError(
            f"The installed onnxruntime brings no {missing[0]}, which belongs beside its files. "
            "Install it again from its wheel."
        )
    return {f"{name.removesuffix('.txt')}.txt": (package / name).read_bytes() for name in LICENCES}


def integrity(content: bytes) -> str:
    """SHA-512 as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, _MOST_BYTES)
    except (OSError, ContentError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"{path} cannot be read: {reason}. {_way()}") from error


def _way() -> str:
    return (
        f"Pass --runtime with the archive {PACKAGE}-{VERSION}.tgz, as `npm pack "
        f"{PACKAGE}@{VERSION}` makes it on a computer with npm, or with its folder."
    )
