"""Nothing leaves the machine, and nothing of a photo but its pixels leaves it in a picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from spot_detector import spots

REPOSITORY = Path(__file__).parents[1]
NAME = "Jane Q. Public"


def test_onnx_runtime_is_imported_in_one_place() -> None:
    """Else it could be loaded before it is told to report nothing."""
    imports = re.compile(r"^\s*(from onnxruntime|import .*\bonnxruntime)", re.M)
    found = [
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("src", "tests", "benchmarks", "docs")
        for path in (REPOSITORY / folder).rglob("*.py")
        if imports.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["src/facesmith/runtime.py"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_leaves_no_file_in_the_home_folder(
    tmp_path: Path, spot_weights: Path, workers: int
) -> None:
    home, photos = tmp_path / "home", tmp_path / "photos"
    home.mkdir()
    photos.mkdir()
    for number in range(workers):
        Image.fromarray(spots(64, 48, (16, 16))).save(photos / f"{number}.png")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "facesmith", "detect", str(photos), "--model", str(spot_weights),
         "--workers", str(workers)],
        env={**environment, "HOME": str(home), "USERPROFILE": str(home)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(("given", "wanted"), [(None, "1"), ("0", "0")])
def test_the_users_own_setting_stays(given: str | None, wanted: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ORT_")}
    if given is not None:
        environment["ORT_DISABLE_TELEMETRY"] = given
    code = "import facesmith.runtime, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment["HOME"] = os.devnull  # nothing is written, whatever is asked for
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == wanted


def photo_with_names(path: Path, kind: str) -> None:
    """A photo that says where it was taken and by whom, in every way its format knows."""
    photo = Image.fromarray(np.ascontiguousarray(spots(160, 120, (40, 32))[..., ::-1]))
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x8298] = NAME  # description, artist, copyright
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)})
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><creator>{NAME}</creator></x:xmpmeta>".encode()
    given: dict[str, object] = {"exif": exif, "xmp": xmp}
    if kind == "JPEG":
        given |= {"comment": NAME, "quality": 95}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", NAME)
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        given = {"exif": exif, "pnginfo": text}
    photo.save(path, kind, **given)
    assert NAME.encode() in path.read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_carry_nothing_of_the_photo_but_its_pixels(
    tmp_path: Path, spot_weights: Path, kind: str
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from facesmith.cli import main  # noqa: PLC0415

    photo_with_names(tmp_path / f"a.{kind.lower()}", kind)
    result = CliRunner().invoke(
        main,
        ["detect", str(tmp_path / f"a.{kind.lower()}"), "--model", str(spot_weights), "--draw",
         str(tmp_path / "seen"), "--crops", str(tmp_path / "crops")],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    written = [*(tmp_path / "seen").glob("*.jpg"), *(tmp_path / "crops").glob("*.jpg")]
    assert len(written) == 2
    for path in written:
        content = path.read_bytes()
        assert NAME.encode() not in content
        assert b"Exif" not in content
        assert b"http" not in content
        with Image.open(path) as picture:
            assert not picture.getexif()
            assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
