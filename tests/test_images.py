"""Reading, writing and finding images: every odd kind of file is made here."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, features

from facesmith.errors import ImageError, WriteError
from facesmith.images import (
    IMAGE_SUFFIXES,
    find_images,
    read_image,
    read_photo,
    write_image,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
Pixels = npt.NDArray[Any]


@pytest.fixture
def rgb() -> Pixels:
    """A picture that no turn or flip maps onto itself, 6 wide and 4 high."""
    return np.random.default_rng(7).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def colour(path: Path) -> tuple[int, ...]:
    """Colour at the centre, red first."""
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    return tuple(int(value) for value in image[image.shape[0] // 2, image.shape[1] // 2, ::-1])


def turned(upright: Pixels, orientation: int) -> Pixels:
    """What a camera stores for this orientation: the row and column where each pixel is kept.

    EXIF 2.3 says where the stored row 0 and column 0 lie in the scene: 1 top left, 2 top right,
    3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom.
    """
    height, width = upright.shape[:2]
    swapped = orientation >= 5
    stored = np.zeros((width, height, 3) if swapped else upright.shape, np.uint8)
    row_from_end = orientation in (3, 4) if not swapped else orientation in (6, 7)
    column_from_end = orientation in (2, 3) if not swapped else orientation in (7, 8)
    for row in range(stored.shape[0]):
        for column in range(stored.shape[1]):
            along = stored.shape[0] - 1 - row if row_from_end else row
            across = stored.shape[1] - 1 - column if column_from_end else column
            stored[row, column] = upright[across, along] if swapped else upright[along, across]
    return stored


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
def test_every_orientation_comes_upright(
    tmp_path: Path, rgb: Pixels, kind: str, orientation: int
) -> None:
    options: dict[str, Any] = {"exif": exif(orientation)}
    if kind == "webp":
        options |= {"lossless": True, "exact": True}
    path = saved(tmp_path / f"a.{kind}", Image.fromarray(turned(rgb, orientation)), **options)
    photo = read_photo(path)
    assert np.array_equal(photo.image[..., ::-1], rgb)
    assert (photo.width, photo.height) == (6, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_of_every_orientation_come_upright_and_reduced(
    tmp_path: Path, orientation: int
) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48], upright[:32, 48:], upright[32:, :48] = RED, GREEN, BLUE
    stored = Image.fromarray(turned(upright, orientation))
    path = saved(tmp_path / "a.jpg", stored, quality=95, exif=exif(orientation))
    for side, shape in ((None, (64, 96, 3)), (48, (32, 48, 3)), (30, (20, 30, 3))):
        photo = read_photo(path, max_side=side)
        assert photo.image.shape == shape
        assert (photo.width, photo.height) == (96, 64)
        quarter = upright[16::32, 24::48]
        seen = photo.image[shape[0] // 4 :: shape[0] // 2, shape[1] // 4 :: shape[1] // 2, ::-1]
        assert np.abs(seen.astype(int) - quarter).max() < 12


def test_colours_are_blue_green_red(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGB", (3, 2), RED))
    assert read_image(path).tolist() == [[[0, 0, 255]] * 3] * 2


def test_plain_jpegs_give_exactly_the_decoders_pixels(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", Image.fromarray(noise))
    with Image.open(path) as opened:
        assert np.array_equal(read_image(path)[..., ::-1], np.asarray(opened))


GREY = 200
SOLID = [
    ("grey", "a.png", Image.new("L", (5, 4), GREY), {}, (GREY,) * 3),
    ("black and white", "a.png", Image.new("1", (5, 4), 1), {}, WHITE),
    ("grey jpeg", "a.jpg", Image.new("L", (16, 16), GREY), {}, (GREY,) * 3),
    ("palette", "a.png", Image.new("RGB", (5, 4), BLUE).quantize(4), {}, BLUE),
    ("palette gif", "a.gif", Image.new("RGB", (5, 4), GREEN), {}, GREEN),
    # Half-transparent red on white: (255 + 255) / 2, (0 + 255) / 2, with alpha 128 of 255.
    ("alpha", "a.png", Image.new("RGBA", (5, 4), (*RED, 128)), {}, (255, 127, 127)),
    ("transparent alpha", "a.png", Image.new("RGBA", (5, 4), (9, 9, 9, 0)), {}, WHITE),
    ("grey with alpha", "a.png", Image.new("LA", (5, 4), (0, 51)), {}, (204,) * 3),
    ("webp with alpha", "a.webp", Image.new("RGBA", (5, 4), (9, 9, 9, 0)), {}, WHITE),
    ("transparent colour", "a.png", Image.new("RGB", (5, 4), RED), {"transparency": RED}, WHITE),
    ("another one", "a.png", Image.new("RGB", (5, 4), RED), {"transparency": BLUE}, RED),
    ("transparent grey", "a.png", Image.new("L", (5, 4), 7), {"transparency": 7}, WHITE),
    # Ink: cyan and magenta make blue, black ink half-way makes it darker.
    ("cmyk jpeg", "a.jpg", Image.new("CMYK", (16, 16), (255, 255, 0, 0)), {}, BLUE),
    ("cmyk tiff", "a.tif", Image.new("CMYK", (16, 16), (0, 0, 0, 155)), {}, (100,) * 3),
    ("ycbcr jpeg", "a.jpg", Image.new("YCbCr", (16, 16), (GREY, 128, 128)), {}, (GREY,) * 3),
    ("16-bit grey, white", "a.png", Image.new("I;16", (5, 4), 65535), {}, WHITE),
    ("16-bit grey, middle", "a.png", Image.new("I;16", (5, 4), 100 * 257), {}, (100,) * 3),
    ("16-bit grey, rounded", "a.png", Image.new("I;16", (5, 4), 100 * 257 - 1), {}, (100,) * 3),
    ("16-bit grey tiff", "a.tif", Image.new("I;16", (5, 4), 30 * 257), {}, (30,) * 3),
    ("32-bit tiff of byte values", "a.tif", Image.new("I", (5, 4), GREY), {}, (GREY,) * 3),
    ("float tiff, fractions", "a.tif", Image.new("F", (5, 4), 0.4), {}, (102,) * 3),
    ("float tiff, largest is white", "a.tif", Image.new("F", (5, 4), 900.0), {}, WHITE),
    ("bmp", "a.bmp", Image.new("RGB", (5, 4), GREEN), {}, GREEN),
    ("ppm", "a.ppm", Image.new("RGB", (5, 4), GREEN), {}, GREEN),
    ("jpeg 2000", "a.jp2", Image.new("RGB", (16, 16), GREEN), {}, GREEN),
    ("1 pixel", "a.png", Image.new("RGB", (1, 1), GREEN), {}, GREEN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "image", "options", "expected"),
    [row[1:] for row in SOLID],
    ids=[row[0] for row in SOLID],
)
def test_odd_pixels_become_8_bit_colours(
    tmp_path: Path,
    file: str,
    image: Image.Image,
    options: dict[str, Any],
    expected: tuple[int, ...],
) -> None:
    path = saved(tmp_path / file, image, **options)
    assert np.abs(np.subtract(colour(path), expected)).max() <= (2 if "j" in path.suffix else 0)


def test_palette_with_transparency_comes_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (6, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 3, 4))
    # One transparent index, and a table of alpha values: of these Pillow warns when converting.
    for transparency in (0, bytes([0, 255])):
        path = saved(tmp_path / "a.png", image, transparency=transparency)
        assert read_image(path)[0].tolist() == [[255, 255, 255]] * 3 + [[255, 0, 0]] * 3


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def test_16_bit_colour_png_is_scaled_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    # One row (filter byte 0) of two pixels: 16-bit red, green, blue each.
    path.write_bytes(
        png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 65535, 128, 100 * 257, 0, 257, 7 * 257))
    )
    assert read_image(path)[0, :, ::-1].tolist() == [[255, 0, 100], [0, 1, 7]]


def test_16_bit_colour_with_alpha_comes_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, 16, 6, b"\0" + struct.pack(">4H", 65535, 0, 0, 0)))
    assert colour(path) == WHITE


def test_16_bit_grey_with_a_transparent_value_comes_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    content = png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 500, 501))
    data_at = content.index(b"IDAT") - 4
    key = png_chunk(b"tRNS", struct.pack(">H", 500))
    path.write_bytes(content[:data_at] + key + content[data_at:])
    assert read_image(path)[0, :, 0].tolist() == [255, 2]


def test_12_bit_tiff_reaches_white(tmp_path: Path) -> None:
    """Two 12-bit values in three bytes: 4095 and 2048, big end first."""
    tags = [
        (256, 4, 2), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 4, 1), (279, 4, 3),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, 1)
        + (struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value))
        for tag, kind, value in tags
    )
    strip = bytes([0xFF, 0xF8, 0x00, 0x00])
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 12) + strip + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    assert read_image(path)[0, :, 0].tolist() == [255, 128]


def test_not_finite_values_of_a_float_tiff_are_black(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf, 0.5, 1.0]], np.float32)
    path = saved(tmp_path / "a.tif", Image.fromarray(values))
    assert read_image(path)[0, :, 0].tolist() == [0, 0, 128, 255]


def test_negative_values_of_a_float_tiff_start_at_black(tmp_path: Path) -> None:
    values = np.array([[-1.0, 0.0, 1.0]], np.float32)
    path = saved(tmp_path / "a.tif", Image.fromarray(values))
    assert read_image(path)[0, :, 0].tolist() == [0, 128, 255]


def test_16_bit_pgm_is_scaled_by_its_stated_maximum(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 1000\n" + struct.pack(">HH", 1000, 500))
    white, middle = read_image(path)[0, :, 0].tolist()
    assert white == 255
    assert middle in (127, 128)


@pytest.mark.skipif(not features.check("littlecms2"), reason="Pillow without colour management")
def test_lab_tiff_is_converted(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.new("RGB", (16, 16), (200, 60, 30)), to_lab)
    assert lab is not None
    path = saved(tmp_path / "a.tif", lab)
    assert np.abs(np.subtract(colour(path), (200, 60, 30))).max() <= 4


def test_ycck_jpeg_has_the_right_colours(tmp_path: Path) -> None:
    """A CMYK JPEG whose first three channels hold YCbCr, and whose Adobe marker says so (2).

    Red is the ink C, M, Y = 0, 255, 255. Adobe stores 255 - ink, and YCCK is YCbCr of 255 - what
    is stored, so of 0, 255, 255 again: Y, Cb, Cr = 179, 171, 0 (JFIF's formula). Pillow inverts
    the four channels that it is given to write, hence 255 minus each.
    """
    image = Image.new("CMYK", (16, 16), (255 - 179, 255 - 171, 255 - 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=100, subsampling=0)
    content = bytearray(buffer.getvalue())
    marker = content.index(b"Adobe")
    content[marker + 11] = 2
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert np.abs(np.subtract(colour(path), RED)).max() <= 4


@pytest.mark.parametrize("file", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_the_first_frame_of_several_is_read(tmp_path: Path, file: str) -> None:
    frames = [Image.new("RGB", (8, 6), value) for value in (RED, GREEN, BLUE)]
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    if file == "a.webp":
        options["lossless"] = True
    path = saved(tmp_path / file, frames[0], **options)
    assert colour(path) == RED


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_avif_is_read_upright(tmp_path: Path) -> None:
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:, :32] = RED
    stored = Image.fromarray(turned(upright, 6))
    path = saved(tmp_path / "a.avif", stored, quality=95, exif=exif(6))
    photo = read_photo(path)
    assert (photo.width, photo.height) == (64, 32)
    assert np.abs(photo.image[16, 16::32, ::-1].astype(int) - upright[16, 16::32]).max() < 20


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize(
    ("side", "shape"),
    [(400, (150, 400)), (399, (150, 399)), (200, (75, 200)), (100, (38, 100)), (7, (3, 7)),
     (1, (1, 1)), (4000, (150, 400))],
)  # fmt: skip
def test_max_side_bounds_the_longer_side(
    tmp_path: Path, kind: str, side: int, shape: tuple[int, int]
) -> None:
    path = saved(tmp_path / f"a.{kind}", Image.new("RGB", (400, 150), GREEN))
    for limit in (side, lambda longer: side if longer == 400 else None):
        photo = read_photo(path, max_side=limit)
        assert photo.image.shape[:2] == pytest.approx(shape, abs=1)
        assert max(photo.image.shape) <= max(side, 3)
        assert (photo.width, photo.height) == (400, 150)


def test_max_side_must_be_positive(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGB", (4, 4)))
    with pytest.raises(ValueError, match="`max_side` must be at least 1; got max_side=0"):
        read_photo(path, max_side=0)


def test_reduced_jpegs_look_like_the_whole_ones(tmp_path: Path) -> None:
    y, x = np.mgrid[:240, :320]
    smooth = np.stack([x * 255 // 319, y * 255 // 239, (x + y) * 255 // 558], axis=-1)
    path = saved(tmp_path / "a.jpg", Image.fromarray(smooth.astype(np.uint8)), quality=95)
    blocks = read_image(path).reshape(60, 4, 80, 4, 3).mean(axis=(1, 3))
    assert np.abs(read_image(path, max_side=80) - blocks).max() < 6


def test_file_objects_are_read(tmp_path: Path, rgb: Pixels) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(rgb))
    with path.open("rb") as file:
        assert np.array_equal(read_image(file)[..., ::-1], rgb)
    with pytest.raises(ImageError, match="the given file object is empty"):
        read_image(io.BytesIO())


def test_the_content_decides_not_the_suffix(tmp_path: Path, rgb: Pixels) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(rgb).save(path, "PNG")
    assert np.array_equal(read_image(path)[..., ::-1], rgb)


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def png_bytes() -> bytes:
    buffer = io.BytesIO()
    steps = np.arange(256 * 256 * 3) ** 2 // 977 % 251  # compressible, so that damage shows
    Image.fromarray(steps.astype(np.uint8).reshape(256, 256, 3)).save(buffer, "PNG")
    return buffer.getvalue()


BAD = [
    ("empty", "a.jpg", b"", "is empty"),
    ("text", "a.jpg", b"hello, I am no image at all", "is not an image, or damaged"),
    ("text of another name", "notes.txt", b"hello", "Expected JPEG, PNG"),
    ("truncated jpeg", "a.jpg", jpeg_bytes()[:1500], "is damaged: the file is cut"),
    ("jpeg header alone", "a.jpg", jpeg_bytes()[:30], "a.jpg is"),
    ("truncated png", "a.png", png_bytes()[:3000], "is damaged"),
    ("corrupt png", "a.png", png_bytes()[:3000] + b"\xff" * 9000, "is damaged: unrecognized data"),
    ("heic", "a.heic", b"\0\0\0\x18ftypheic" + bytes(40), r"a HEIC photo, which needs pillow-heif"),
    ("video", "a.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "is a video"),
    ("pdf", "a.pdf", b"%PDF-1.7\n", "is a PDF document"),
    ("eps, which Pillow would run", "a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    ("psd", "a.psd", b"8BPS\0\1" + bytes(30), "is a Photoshop file"),
    ("svg", "a.svg", b"\n<svg xmlns='x'></svg>", "is an SVG drawing"),
    ("raw", "a.NEF", b"II*\0" + bytes(20), "is a camera's raw file"),
    ("odd tiff", "a.tif", b"II*\0" + bytes(20), "is a TIFF of an unusual kind"),
    ("jpeg xl", "a.jxl", b"\xff\x0a" + bytes(20), "is a JPEG XL photo"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content", "message"), [r[1:] for r in BAD], ids=[r[0] for r in BAD]
)
def test_bad_files_say_what_is_wrong(
    tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [10, 100, 600, 1000, 2000])
@pytest.mark.parametrize("kind", ["gif", "webp", "tif", "bmp", "jp2"])
def test_cut_files_of_any_kind_raise_nothing_else(tmp_path: Path, kind: str, cut: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / f"a.{kind}", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImageError, match=r"Copy it again|Convert it"):
        read_image(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image("nul\0l.jpg")


def test_images_beyond_the_limit_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(20_000, 10_001, 8, 0, b""))
    with pytest.raises(ImageError, match=r"more than 200 million pixels.*Reduce it first"):
        read_image(path)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_large_images_within_the_limit_raise_no_warning(tmp_path: Path, kind: str) -> None:
    # 100 million pixels, above where Pillow warns; one bit each, to keep the test small.
    path = saved(tmp_path / f"a.{kind}", Image.new("1", (50_000, 2_000)))
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo = read_photo(path, max_side=500)
    assert photo.image.shape == (20, 500, 3)
    assert before == Image.MAX_IMAGE_PIXELS


def test_damaged_exif_data_does_no_harm(tmp_path: Path) -> None:
    noise = Image.new("RGB", (16, 16), GREEN)
    path = saved(
        tmp_path / "a.jpg", noise, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 9
    )
    assert np.abs(np.subtract(colour(path), GREEN)).max() <= 2


def test_reading_in_threads_gives_the_same_and_restores_pillow(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", Image.fromarray(noise))
    alone, before, filters = read_image(path), Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    results: list[Pixels] = []
    threads = [
        threading.Thread(target=lambda: results.extend(read_image(path) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(np.array_equal(result, alone) for result in results)
    assert before == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters


def test_write_and_read_are_inverse_for_png(tmp_path: Path, rgb: Pixels) -> None:
    write_image(tmp_path / "a.png", rgb)
    assert np.array_equal(read_image(tmp_path / "a.png"), rgb)


def test_written_jpegs_are_close(tmp_path: Path) -> None:
    bgr = np.full((20, 30, 3), (10, 200, 90), np.uint8)
    write_image(tmp_path / "a.jpg", bgr)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - bgr).max() <= 2


@pytest.mark.parametrize("file", ["missing/a.png", "a.unknown", "a"])
def test_what_cannot_be_written_is_said(tmp_path: Path, rgb: Pixels, file: str) -> None:
    with pytest.raises((ImageError, WriteError), match="Cannot write"):
        write_image(tmp_path / file, rgb)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files only by name: nothing is decoded when looking for images."""
    monkeypatch.chdir(tmp_path)
    names = [
        "photos/img10.jpg", "photos/img2.JPG", "photos/img1.png", "photos/notes.txt",
        "photos/.hidden.jpg", "photos/.cache/a.jpg", "photos/2023/b.webp", "photos/a [1].jpg",
        "other/b.webp", "empty/readme.md",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


ALL = ["2023/b.webp", "a [1].jpg", "img1.png", "img2.JPG", "img10.jpg"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["photos"], [f"photos/{name}" for name in ALL]),
        (["photos/"], [f"photos/{name}" for name in ALL]),
        (["photos/*"], [f"photos/{name}" for name in ALL[1:]]),
        (["photos/**/*.webp"], ["photos/2023/b.webp"]),
        (["photos/img?.*"], ["photos/img1.png", "photos/img2.JPG"]),
        (["photos/a [1].jpg"], ["photos/a [1].jpg"]),  # a file, though it looks like a pattern
        (["photos/notes.txt", "gone.jpg"], ["photos/notes.txt", "gone.jpg"]),  # named: kept
        (["photos/.hidden.jpg"], ["photos/.hidden.jpg"]),
        (["photos/img10.jpg", "photos/2023", "photos"],
         ["photos/img10.jpg", *(f"photos/{name}" for name in ALL[:-1])]),
        (["./photos/img1.png", "photos/img1.png", "photos/2023/../img1.png"], ["photos/img1.png"]),
        (["other", "photos/2023"], ["other/b.webp", "photos/2023/b.webp"]),
        ([], []),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_find_images(inputs: list[str], expected: list[str]) -> None:
    assert [path.as_posix() for path in find_images(inputs)] == expected


@pytest.mark.usefixtures("folder")
def test_finding_nothing_says_where_and_for_what_was_looked() -> None:
    with pytest.raises(ImageError) as caught:
        find_images(["photos", "empty"])
    assert str(caught.value) == (
        f"No images found in empty/. Looked for {', '.join(IMAGE_SUFFIXES)}, in sub-folders too."
    )
    with pytest.raises(ImageError, match=r"No images found in photos/\*\.bmp"):
        find_images(["photos/*.bmp"])


@pytest.mark.usefixtures("folder")
def test_the_order_of_the_listing_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    walk = os.walk

    def shuffled(*args: Any, **kwargs: Any) -> Any:
        for parent, folders, names in walk(*args, **kwargs):
            folders.reverse()
            yield parent, folders, sorted(names, key=lambda name: name[::-1])

    straight = find_images(["photos"])
    monkeypatch.setattr(os, "walk", shuffled)
    assert find_images(["photos"]) == straight


@pytest.mark.parametrize("source", [b"\x89PNG", bytearray(4), 7, None, ["a.png"]])
def test_what_is_neither_path_nor_file_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match=r"a path or a binary file object; got .*BytesIO"):
        read_image(source)


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000, "x" * 5000 + "*.jpg", "a\0b", "a\0*"])
def test_names_that_no_file_can_have_are_named(name: str) -> None:
    with pytest.raises(ImageError):
        read_image(find_images([name])[0])
