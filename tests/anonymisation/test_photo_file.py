"""Files of covered photos: pixels outside, quality, orientation, and what must not be in them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from facesmith.anonymisation import CoverConfig, anonymise
from facesmith.anonymisation.photo_file import Keeping, covered_file
from facesmith.errors import ImageError
from facesmith.faces import Faces
from facesmith.images import read_image

BOX = np.float32([[40, 24, 72, 56]])
NONE = BOX[:0]
BARE = CoverConfig(margin=0)
GPS, MAKER_NOTE, MAKE, DATE = 0x8825, 0x927C, 271, 36867


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A soft landscape, 160x112, with noise: what JPEG changes little."""
    y, x = np.mgrid[0:112, 0:160]
    base = np.stack([x + 40, y + 60, 200 - x / 2], axis=2)
    noise = np.random.default_rng(0).normal(0, 4, base.shape)
    return Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def outside() -> np.ndarray:
    area = np.ones((112, 160), bool)
    area[24:56, 40:72] = False
    return area


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("fill", ["solid", "mosaic", "blur"])
def test_lossless_files_keep_every_pixel_outside(
    photo: Image.Image, kind: str, mode: str, fill: Any
) -> None:
    if mode == "I;16":
        values = np.asarray(photo.convert("L")).astype(np.uint16)
        image = Image.fromarray(values * 257 + np.arange(160, dtype=np.uint16))
    else:
        image = photo.convert(mode)
    data = encoded(image, kind)
    result = opened(covered_file("a", data, BOX, CoverConfig(fill, margin=0)))
    assert (result.format, result.mode, result.size) == (kind, image.mode, image.size)
    before, after = np.asarray(opened(data)), np.asarray(result)
    assert np.array_equal(before[outside()], after[outside()])
    assert not np.array_equal(before, after)
    if fill == "solid" and mode in ("RGB", "L", "I;16", "1"):
        assert (after[24:56, 40:72] == 0).all()


@pytest.mark.parametrize("kind", ["BMP", "PPM", "TGA", "PCX"])
def test_other_lossless_files_too(photo: Image.Image, kind: str) -> None:
    data = encoded(photo, kind)
    after = read_image(io.BytesIO(covered_file("a", data, BOX, BARE)))
    before = read_image(io.BytesIO(data))
    assert np.array_equal(before[outside()], after[outside()])
    assert (after[24:56, 40:72] == 0).all()


@pytest.mark.parametrize(("subsampling", "quality"), [(0, 92), (1, 80), (2, 75), (2, 40)])
def test_jpeg_keeps_quality_and_subsampling(
    photo: Image.Image, subsampling: int, quality: int
) -> None:
    data = encoded(photo, "JPEG", quality=quality, subsampling=subsampling)
    result = covered_file("a", data, BOX, BARE)
    before, after = opened(data), opened(result)
    assert after.quantization == before.quantization
    assert JpegImagePlugin.get_sampling(after) == subsampling
    a, b = (np.asarray(each).astype(int) for each in (before, after))
    far = outside()
    far[8:72, 24:88] = False  # 16 pixels around: the blocks that the mask touches
    assert np.abs(a - b)[far].mean() < 1.0
    assert np.abs(b[26:54, 42:70]).mean() < 3


def test_jpeg_of_several_scans_stays_one(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG", progressive=True)
    assert opened(covered_file("a", data, BOX, BARE)).info.get("progressive")


def test_grey_and_cmyk_jpegs_stay_what_they_are(photo: Image.Image) -> None:
    for mode in ("L", "CMYK"):
        data = encoded(photo.convert(mode), "JPEG", quality=90)
        result = opened(covered_file("a", data, BOX, BARE))
        assert result.mode == mode
        after = np.asarray(result.convert("RGB")).astype(int)
        before = np.asarray(opened(data).convert("RGB")).astype(int)
        far = outside()
        far[8:72, 24:88] = False
        assert np.abs(after - before)[far].mean() < 1.5
        assert after[30:50, 46:66].mean() < 6


def test_a_jpeg_without_faces_keeps_its_very_bytes_of_pixels(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    bare = encoded(photo, "JPEG", quality=85)
    data = encoded(photo, "JPEG", quality=85, exif=exif, comment=b"at home") + b"and a film behind"
    assert covered_file("a", data, NONE, BARE) == bare


def test_png_and_webp_without_faces_keep_their_pixels(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    for kind, options in (("PNG", {}), ("WEBP", {"quality": 60}), ("WEBP", {"lossless": True})):
        data = encoded(photo, kind, exif=exif, **options)
        result = covered_file("a", data, NONE, BARE)
        assert np.array_equal(np.asarray(opened(data)), np.asarray(opened(result)))
        assert b"Camera" in data
        assert b"Camera" not in result


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_turned_photos_are_covered_where_the_face_is(
    photo: Image.Image, kind: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(photo, kind, exif=exif, **options)
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2, :2] = 200  # it is upright in the result
    config = CoverConfig("image", margin=0, picture=picture)
    expected = anonymise(read_image(io.BytesIO(data)), Faces(BOX, np.ones(1, np.float32)), config)
    result = covered_file("a", data, BOX, config)
    assert np.array_equal(read_image(io.BytesIO(result)), expected)


def test_metadata_goes_but_for_orientation_profile_and_resolution(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG", exif=telling_exif(photo), icc_profile=b"p" * 300, dpi=(96, 96))
    assert b"Leica" in data
    for boxes in (BOX, NONE):
        result = covered_file("a", data, boxes, BARE)
        image = opened(result)
        assert dict(image.getexif()) == {274: 6}
        assert image.info["icc_profile"] == b"p" * 300
        assert image.info["dpi"] == (96, 96)
        for secret in (b"Leica", b"48/1", b"NOTE", b"thumb"):
            assert secret not in result


def test_kept_metadata_has_no_place_thumbnail_or_maker_note(photo: Image.Image) -> None:
    data = encoded(
        photo, "JPEG", exif=telling_exif(photo), xmp=b"<x exif:GPSLatitude='48'/>", comment=b"hi"
    )
    for boxes in (BOX, NONE):
        result = covered_file("a", data, boxes, BARE, Keeping(metadata=True))
        exif = opened(result).getexif()
        assert exif[MAKE] == "Leica"
        assert exif.get_ifd(0x8769)[DATE] == "2026:01:02 03:04:05"
        assert MAKER_NOTE not in exif.get_ifd(0x8769)
        assert not exif.get_ifd(GPS)
        assert not exif.get_ifd(1)  # where a thumbnail would be
        assert opened(result).info["comment"] == b"hi"
        for secret in (b"GPS", b"NOTE", b"thumb"):
            assert secret not in result


def telling_exif(photo: Image.Image) -> bytes:
    """EXIF data with a place, a thumbnail and a maker note."""
    exif = Image.Exif()
    exif[MAKE], exif[274] = "Leica", 6
    exif.get_ifd(0x8769)[DATE] = "2026:01:02 03:04:05"
    exif.get_ifd(0x8769)[MAKER_NOTE] = b"NOTE" * 5
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 8.0, 0.0)})
    data = exif.tobytes()
    assert b"NOTE" in data
    return data + encoded(photo.resize((16, 16)), "JPEG", comment=b"thumb")


def test_exif_that_is_damaged_or_too_long_is_left_out(photo: Image.Image) -> None:
    long = Image.Exif()
    long[270], long[274] = "x" * 65_400, 6
    plain = long.tobytes()
    for exif, orientation in (
        (plain, 6),
        (plain[:40], None),
        (b"Exif\0\0II*\0\xff\xff\xff\xff", None),
    ):
        data = encoded(photo, "PNG", exif=exif)
        for boxes in (BOX, NONE):
            result = covered_file("a", data, boxes, BARE, Keeping(metadata=True))
            assert opened(result).getexif().get(274) in (orientation, 6)


def test_embedded_previews_go(photo: Image.Image) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "MPO", save_all=True, append_images=[photo.rotate(180)])
    data = buffer.getvalue()
    assert getattr(opened(data), "n_frames", 1) == 2
    for boxes in (BOX, NONE):
        result = covered_file("a", data, boxes, BARE)
        assert getattr(opened(result), "n_frames", 1) == 1
        assert result.count(b"\xff\xd8\xff") == 1


def test_texts_and_places_of_png_go(photo: Image.Image) -> None:
    from PIL import PngImagePlugin  # noqa: PLC0415

    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ann")
    texts.add_itxt("XML:com.adobe.xmp", "GPSLatitude 48")
    data = encoded(photo, "PNG", pnginfo=texts, icc_profile=b"q" * 300, dpi=(96, 96))
    for boxes in (BOX, NONE):
        result = covered_file("a", data, boxes, BARE)
        assert b"Ann" not in result
        assert opened(result).info["icc_profile"] == b"q" * 300
        kept = covered_file("a", data, boxes, BARE, Keeping(metadata=True))
        assert b"Ann" in kept
        assert b"GPS" not in kept


def test_what_is_hidden_by_transparency_is_no_longer_there(photo: Image.Image) -> None:
    hidden = np.asarray(photo.convert("RGBA")).copy()
    hidden[80:, :, 3] = 0
    data = encoded(Image.fromarray(hidden), "PNG")
    for boxes in (BOX, NONE):
        after = np.asarray(opened(covered_file("a", data, boxes, BARE)))
        assert (after[80:] == 0).all()
        assert np.array_equal(after[:24], hidden[:24])


def test_a_covered_face_is_not_transparent(photo: Image.Image) -> None:
    half = np.asarray(photo.convert("RGBA")).copy()
    half[..., 3] = 120
    after = np.asarray(opened(covered_file("a", encoded(Image.fromarray(half), "PNG"), BOX, BARE)))
    assert (after[24:56, 40:72] == (0, 0, 0, 255)).all()


def test_a_palette_keeps_its_colours_and_its_numbers(photo: Image.Image) -> None:
    image = photo.quantize(16)
    for kind in ("PNG", "GIF"):
        data = encoded(image, kind)
        before = opened(data)
        after = opened(covered_file("a", data, BOX, CoverConfig(colour=(255, 255, 255), margin=0)))
        assert after.mode == "P"
        a, b = np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB"))
        assert np.array_equal(a[outside()], b[outside()])
        assert len(np.unique(b[24:56, 40:72].reshape(-1, 3), axis=0)) == 1


def several(photo: Image.Image, kind: str) -> bytes:
    return encoded(photo, kind, save_all=True, append_images=[photo.rotate(180)])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda photo: several(photo, "GIF"), "2 frames"),
        (lambda photo: several(photo, "PNG"), "2 frames"),
        (lambda photo: several(photo, "WEBP"), "2 frames"),
        (lambda photo: several(photo, "TIFF"), "2 pages"),
        (lambda photo: encoded(photo, "JPEG2000"), "JPEG2000"),
        (lambda _: deep_png(), "16 bits"),
        (lambda photo: encoded(photo, "JPEG")[:1500], "damaged|truncated"),
        (lambda _: b"nothing", "not an image"),
    ],
)
def test_what_would_lose_something_is_refused_in_words(
    photo: Image.Image, make: Any, words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        covered_file("a.png", make(photo), BOX, BARE)


def deep_png() -> bytes:
    """A PNG of 16 bits a colour, 64x64, which Pillow reads as 8."""
    import struct  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        return struct.pack(">I", len(body)) + kind + body + checksum

    rows = zlib.compress((b"\0" + b"\1\2" * 3 * 64) * 64)
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("alpha", "stays"), [(0, False), (10, False), (47, False), (48, True)])
def test_colours_that_nobody_sees_do_not_stay(alpha: int, stays: bool) -> None:
    pixels = np.full((8, 8, 4), (200, 150, 100, alpha), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    written = covered_file("a.png", buffer.getvalue(), np.zeros((0, 4)), CoverConfig())
    found = np.asarray(Image.open(io.BytesIO(written)).convert("RGBA"))
    assert bool((found[..., :3] == (200, 150, 100)).all()) == stays


def test_a_photo_of_other_colours_is_named() -> None:
    buffer = io.BytesIO()
    Image.new("LAB", (8, 8)).save(buffer, "TIFF")
    with pytest.raises(ImageError, match=r"lab\.tif has colours of the kind LAB"):
        covered_file("lab.tif", buffer.getvalue(), np.float32([[1, 1, 5, 5]]), CoverConfig())


def _segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + (len(content) + 2).to_bytes(2, "big") + content


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("faces", [0, 1])
def test_places_and_previews_go_from_every_segment(keep: bool, faces: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(buffer, "JPEG")
    plain = buffer.getvalue()
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>SECRET</x:xmpmeta>"
    data = b"".join(
        [
            plain[:2],
            _segment(0xE1, xmp),
            _segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0SECRET"),
            _segment(0xED, b"Photoshop 3.0\0SECRET"),
            _segment(0xE5, b"SECRET of the maker"),
            plain[2:],
            b"SECRET behind the picture",
        ]
    )
    boxes = np.float32([[8, 8, 24, 24]] * faces).reshape(-1, 4)
    written = covered_file("a.jpg", data, boxes, CoverConfig(), Keeping(metadata=keep))
    assert b"SECRET" in data
    assert b"SECRET" not in written
    with Image.open(io.BytesIO(written)) as image:
        assert image.size == (64, 48)


@pytest.mark.parametrize("shape", ["box", "ellipse"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_colours_of_jpegs_are_those_of_other_files(mode: str, shape: str) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).convert(mode)
    config = CoverConfig("solid", shape, 0.0, (30, 144, 255))
    boxes = np.float32([[8, 8, 40, 40]])
    shown = []
    for kind, options in (("JPEG", {"quality": 95, "subsampling": 0}), ("TIFF", {})):
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        with Image.open(io.BytesIO(covered_file("a", buffer.getvalue(), boxes, config))) as done:
            shown.append(np.asarray(done.convert("RGB"), int)[16:32, 16:32])
    assert np.abs(shown[0] - shown[1]).max() <= 6
    assert np.ptp(shown[1].reshape(-1, 3), axis=0).max() == 0
