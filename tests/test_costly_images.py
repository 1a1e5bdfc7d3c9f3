"""Small image files that take long, or much memory: refused with a reason, or read quickly."""

from __future__ import annotations

import io
import logging
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesmith.errors import ImageError
from facesmith.images import read_image, read_photo, read_size
from facesmith.images.costly import quick_netpbm

MOST_SECONDS = 3.0  # of processor time


def encoded(image_format: str, size_wh: tuple[int, int] = (50, 40), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size_wh, (90, 80, 70)).save(file, image_format, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def many_scans() -> bytes:
    data = encoded("JPEG", (9000, 8000), progressive=True, subsampling=0, quality=30)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 100 + b"\xff\xd9"


def icon(picture: bytes) -> bytes:
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(picture), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + picture


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    )


def dib_header(width: int, height: int) -> bytes:
    return struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"\xff\xd8" + bytes(9_000_000), "is damaged"),
        (lambda: b"\xff\xd8" + b"\xff" * 9_000_000, "is damaged"),
        (lambda: b"\xff\xd8" + b"\xff\xd1" * 4_000_000, "is damaged"),
        (lambda: b"\xff\xd8" + b"\xff\xe5\0\x02" * 2_000_000, "is damaged"),
        (many_scans, "110 scans"),
        (lambda: b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\2ab\0" * 200_000, "thousands of comments"),
        (lambda: b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + b"\1a" * 2_000_000, "thousands of comments"),
        (lambda: icon(png_header(9000, 9000)), "an icon of 9000x9000"),
        (lambda: icon(dib_header(9000, -9000)), "an icon of 9000x9000"),
        (lambda: b"qoif" + struct.pack(">IIBB", 6000, 5000, 3, 0) + b"\xfd" * 500_000, "too long"),
        (lambda: b"P2 4000 4000 255\n" + b"7 " * 16_000_000, "too long"),
    ],
)  # fmt: skip
def test_what_would_take_long_is_refused_at_once(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    path = tmp_path / "photo.jpg"
    path.write_bytes(make())
    start = time.process_time()
    for read in (read_size, read_photo):
        with pytest.raises(ImageError, match=reason):
            read(path)
    assert time.process_time() - start < MOST_SECONDS


def test_packed_texts_of_a_png_cost_little(tmp_path: Path) -> None:
    png = encoded("PNG")
    packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(2**24), 9)
    turned = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
    path = tmp_path / "photo.png"
    texts = chunk(b"iTXt", packed) * 300 + chunk(b"iTXt", turned)
    path.write_bytes(png[:33] + texts + png[33:])
    start = time.process_time()
    assert read_image(path).shape == (50, 40, 3)
    assert time.process_time() - start < MOST_SECONDS


def test_the_coefficients_of_a_progressive_jpeg_count(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    sizes = (
        (False, 0, 10 * 400 * 300),
        (True, 0, (10 + 6) * 400 * 300),
        (True, 2, (10 + 3) * 400 * 300),
    )
    for progressive, subsampling, needed in sizes:
        path.write_bytes(
            encoded("JPEG", (400, 300), progressive=progressive, subsampling=subsampling)
        )
        assert read_photo(path, max_memory=needed).width == 400
        with pytest.raises(ImageError, match="of memory to decode"):
            read_photo(path, max_memory=needed - 1)


def test_a_tile_of_a_tiff_counts_whole(tmp_path: Path) -> None:
    def field(tag: int, kind: int, value: int) -> bytes:
        return struct.pack("<HHII" if kind == 4 else "<HHIHxx", tag, kind, 1, value)

    tile = zlib.compress(bytes(4000 * 4000))
    fields = [
        field(256, 4, 16), field(257, 4, 16), field(258, 3, 8), field(259, 3, 8), field(262, 3, 1),
        field(277, 3, 1), field(322, 4, 4000), field(323, 4, 4000), field(324, 4, 200),
        field(325, 4, len(tile)),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + b"".join(fields) + bytes(4)
    path = tmp_path / "photo.tif"
    path.write_bytes(head.ljust(200, b"\0") + tile)
    assert read_image(path, max_memory=17_000_000).shape == (16, 16, 3)
    with pytest.raises(ImageError, match="15 MB of memory"):
        read_image(path, max_memory=15_000_000)


@pytest.mark.parametrize(
    "header",
    [
        b"P5 30 20 1023\n", b"P5\n# a comment\n30 20\n100\n", b"P6 30 20 100\n", b"P6 30 20 4095\n",
        b"P5 30 20 1\n", b"P6 30 20 65535\n", b"P5 30 20 256\n",
    ],
)  # fmt: skip
def test_netpbm_of_any_white_has_the_values_that_pillow_gives(header: bytes) -> None:
    rng = np.random.default_rng(3)
    data = header + rng.integers(0, 256, 30 * 20 * 6, np.uint8).tobytes()
    quick = quick_netpbm(data)
    assert quick != data
    expected, found = (Image.open(io.BytesIO(each)) for each in (data, quick))
    assert found.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize(
    "data", [b"P5 30 20 255\n" + bytes(600), b"P5 30 20 100\n" + bytes(599), b"P5 30 20 0\n", b"P5"]
)
def test_other_netpbm_stays_as_it_is(data: bytes) -> None:
    assert quick_netpbm(data) == data


def test_a_slow_netpbm_is_quick(tmp_path: Path) -> None:
    path = tmp_path / "photo.ppm"
    path.write_bytes(b"P6 4000 3000 100\n" + bytes([50]) * 36_000_000)
    start = time.process_time()
    image = read_image(path)
    assert time.process_time() - start < MOST_SECONDS
    assert image.shape == (3000, 4000, 3)
    assert (image == 128).all()


def test_what_pillow_logs_does_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded("TIFF")
    samples = data.index(struct.pack("<HHI", 277, 3, 1)) + 8
    path = tmp_path / "photo.tif"
    path.write_bytes(data[:samples] + struct.pack("<H", 5000) + data[samples + 2 :])
    told = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr("sys.stderr", told)
    with pytest.raises(ImageError):
        read_image(path)
    assert told.getvalue() == ""
