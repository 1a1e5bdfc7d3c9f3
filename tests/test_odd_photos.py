"""Photos that are sound and were misread, and files that claim or take too much."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin, features

from facesmith.errors import ImageError
from facesmith.images import find_images, read_image, read_photo, read_size
from facesmith.images.orientation import stated_orientation

NOISE = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(kind + body) ^ wrong
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(*chunks: bytes, before: bytes = b"IDAT") -> bytes:
    data = encoded("PNG")
    place = data.index(before) - 4
    return data[:place] + b"".join(chunks) + data[place:]


def ifd(*entries: tuple[int, int]) -> bytes:
    body = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(3 * 2**20)))],
        [chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3 * 2**20)))],
        [chunk(b"iTXt", b"n\0\1\0\0\0" + zlib.compress(bytes(3 * 2**20)))],
        [chunk(b"tEXt", b"n\0" + b"x" * 2**20)] * 70,
        [chunk(b"tEXt", b"n\0x", wrong=True)],
        [chunk(b"pHYs", b"123456789", wrong=True)],
        [chunk(b"eXIf", b"damaged", wrong=True)],
    ],
)
def test_what_does_no_harm_to_the_pixels_of_a_png(tmp_path: Path, chunks: list[bytes]) -> None:
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    path = tmp_path / "a.png"
    path.write_bytes(png_with(*chunks))
    assert np.array_equal(read_image(path)[..., ::-1], NOISE)
    assert limit == PngImagePlugin.MAX_TEXT_CHUNK


def test_a_wrong_checksum_of_pixels_is_damage(tmp_path: Path) -> None:
    data = bytearray(encoded("PNG"))
    data[data.index(b"IDAT") + 10] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.png is damaged"):
        read_image(tmp_path / "a.png")


def test_transparency_with_a_wrong_checksum_stays(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", transparency=(0, 0, 0))
    data = bytearray(file.getvalue())
    place = data.index(b"tRNS")
    data[place + 10] ^= 255  # of the checksum
    (tmp_path / "a.png").write_bytes(data)
    assert (read_image(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize(
    "stated",
    [
        chunk(b"eXIf", ifd((0x112, 6))[6:]),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(b"\nexif\n  32\n" + ifd((0x112, 6)).hex().encode()),
        ),
    ],
)
def test_orientations_of_pngs(tmp_path: Path, stated: bytes, before: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_with(stated, before=before))
    assert np.array_equal(read_image(path)[..., ::-1], np.rot90(NOISE, -1))
    assert read_size(path) == (40, 60)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
def test_an_orientation_that_only_xmp_states(tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = {"xmp": XMP} if kind != "TIFF" else {"tiffinfo": {700: XMP}}
    path = tmp_path / "a"
    path.write_bytes(encoded(kind, **options))
    assert read_size(path) == (40, 60)
    photo = read_photo(path)
    assert (photo.width, photo.height) == (40, 60)
    assert photo.image.shape == (60, 40, 3)
    stated = {"exif": ifd((0x112, 1))} if kind != "TIFF" else {"tiffinfo": {700: XMP, 274: 1}}
    path.write_bytes(encoded(kind, **options | stated))
    assert read_size(path) == (60, 40)  # EXIF decides


@pytest.mark.parametrize(
    ("exif", "xmp", "orientation"),
    [
        (ifd((0x112, 6), (0x112, 3)), b"", 3),
        (ifd((0x112, 6), (0x112, 9)), b"", 6),
        (ifd((0x112, 0)), XMP, 6),
        (ifd((0x112, 3)), XMP, 3),
        (ifd((0x100, 3)), b"<tiff:Orientation>8</tiff:Orientation>", 8),
        (b"Exif\0\0II*\0\xff\xff\xff\xff", b"", 1),
        (ifd((0x112, 8))[:20], b"tiff:Orientation='5'", 5),
        (b"", b'tiff:Orientation="0"', 1),
        (b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\5\0\0", b"", 5),
    ],
)
def test_one_rule_for_orientations(exif: bytes, xmp: bytes, orientation: int) -> None:
    assert stated_orientation(exif, xmp) == orientation


def test_two_orientations_in_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG", exif=ifd((0x112, 1), (0x112, 6))))
    assert read_size(path) == (40, 60)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_settings_of_others_change_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoded(kind)[:-300])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError, match="is damaged"):
        read_image(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_libtiff_writes_nothing_on_the_terminal(tmp_path: Path) -> None:
    data = bytearray(encoded("TIFF", compression="tiff_lzw"))
    data[20:200] = bytes(180)
    (tmp_path / "a.tif").write_bytes(data)
    code = (
        "from facesmith.images import read_image\n"
        "try: read_image('a.tif')\nexcept Exception as e: print(type(e).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("ImageError", "")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_damaged_avifs_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(encoded("AVIF")[:200])
    with pytest.raises(ImageError, match="damaged") as caught:
        read_image(path)
    assert "not supported" not in str(caught.value)


def test_heic_names_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(ImageError, match=r"a\.heic is a HEIC photo, .*facesmith\[heic\]"):
        read_image(path)


def test_heic_is_read(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    smooth = Image.fromarray(NOISE).resize((6, 4)).resize((240, 160), Image.Resampling.BICUBIC)
    pillow_heif.from_pillow(smooth).save(path, quality=95)
    image = read_image(path)
    assert np.abs(image[..., ::-1].astype(int) - np.asarray(smooth)).mean() < 6
    assert find_images([tmp_path]) == [path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a linked sub-folder, a link to itself, and files of many kinds."""
    for name in ("in/a.jpe", "in/b.TGA", "in/c.mov", "in/d.MOV", "in/e.cr2", "in/f.txt",
                 "out/g.apng", "out/h.jpx", "in/sub/i.dib"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in/aa").symlink_to(tmp_path / "in/sub")
    (tmp_path / "in/link").symlink_to(tmp_path / "out")
    (tmp_path / "in/self").symlink_to(tmp_path / "in")
    return tmp_path / "in"


def test_folders_are_read_with_what_is_linked_and_the_rest_is_counted(folder: Path) -> None:
    lines: list[str] = []
    found = [path.relative_to(folder).as_posix() for path in find_images([folder], lines.append)]
    assert found == ["a.jpe", "b.TGA", "link/g.apng", "link/h.jpx", "sub/i.dib"]
    assert lines == [f"{folder}/: passed over 1 .cr2, 2 .mov, which cannot be read."]


@pytest.mark.parametrize("kind", ["DIB", "TGA", "PPM"])
def test_the_new_suffixes_can_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(kind))
    assert np.array_equal(read_image(path)[..., ::-1], NOISE)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name, what in (("pipe.jpg", "a pipe"), ("link.jpg", "a pipe"), ("zero.jpg", "a device")):
        for read in (read_image, read_size):
            with pytest.raises(ImageError, match=f"{name} cannot be read: it is {what}"):
                read(tmp_path / name)


def test_files_are_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(ImageError, match=r"a\.jpg cannot be read: it has 20,480 MB or more"):
        read_image(path)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(ImageError, match="or more"):
        read_image(endless)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("WEBP", "RGBA"), ("PNG", "I;16")])
def test_photos_that_would_take_too_much_memory_are_refused(
    tmp_path: Path, kind: str, mode: str
) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        Image.new(mode, (600, 400)).save(file, kind)
    with pytest.raises(ImageError, match="MB of memory to decode, and 1 MB are allowed"):
        read_image(path, max_memory=2**20)
    assert read_image(path, max_memory=2**24).shape == (400, 600, 3)
    assert read_size(path) == (600, 400)


def test_jpegs_are_decoded_small_where_that_suffices(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (1600, 1200)).save(path)
    with pytest.raises(ImageError, match="are allowed"):
        read_image(path, max_memory=2**20)
    assert read_photo(path, max_side=200, max_memory=2**20).width == 1600


def test_too_little_memory_is_that_photos_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", fail)
    with pytest.raises(ImageError, match="too little memory"):
        read_image(tmp_path / "a.png")
