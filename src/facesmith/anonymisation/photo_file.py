"""Photos as files store them: read, covered, and written with everything else as it was."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.covering import Paint, Pixels, cover, filling, masks_of
from facesmith.anonymisation.metadata import kept_exif
from facesmith.anonymisation.palette import cover_palette
from facesmith.anonymisation.placing import OF_EXIF, stored_boxes
from facesmith.anonymisation.stripping import (
    png_chunks,
    png_looks,
    stripped_jpeg,
    stripped_webp,
    webp_chunks,
    with_looks,
)
from facesmith.errors import ImageError
from facesmith.images import MAX_MEMORY, MAX_PIXELS
from facesmith.images.memory import bytes_to_decode, memory_for
from facesmith.images.pillow_settings import quiet_header, steady_pillow
from facesmith.images.png import SIGNATURE, bare_png
from facesmith.images.reading import open_header
from facesmith.images.unreadable import image_errors

_WRITTEN = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "TGA", "PCX")
_COVERED_AS_THEY_ARE = (
    "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16", "I;16B", "I;16L"
)  # fmt: skip
_WEBP_QUALITY = 95  # of lossy files, whose own is not told
_RGB_IDS = tuple(map(ord, "RGB"))  # of the components of a JPEG that stores no luminance
# Colours behind less opacity than this go: on white nobody sees the faces there, the detector
# neither, and whoever takes the transparency away would.
_SEEN_FROM = 48
_BITS = 258  # a TIFF's tag


@dataclass(frozen=True)
class Keeping:
    """What stays of a photo beside its pixels.

    Attributes:
        metadata: Whether exposure, time, camera, author and comments stay.
        max_memory: Bytes that decoding it may take.
    """

    metadata: bool = False
    max_memory: int = MAX_MEMORY


def covered_file(
    name: str,
    data: bytes,
    boxes: npt.NDArray[np.floating],
    config: CoverConfig,
    keeping: Keeping | None = None,
) -> bytes:
    """The bytes of a photo's file with faces covered and metadata left out.

    Pixels outside what is covered stay: exactly where the format stores them exactly, and in JPEGs
    with the quality and the subsampling of before. Where there is nothing to cover, JPEGs and most
    other files keep their pixels bit for bit. Colour profile, resolution and orientation stay.

    Args:
        name: Of the photo, for messages.
        data: Its file.
        boxes: What to cover, `(n, 4)`, pixels of the upright photo.
        config: How.
        keeping: What else stays; `None`: nothing.

    Raises:
        ImageError: If the file is damaged, or its kind cannot be written without loss of what is
            outside the masks: animations, several pages, 16 bits a colour, HEIC.
    """
    keeping = keeping or Keeping()
    with image_errors(name, data), steady_pillow():
        opened, orientation, besides = open_header(name, data)
        _refuse_others(name, data, opened)
        exif = _exif_of(data, opened)
        if opened.format == "TIFF" and opened.tag_v2.get(274) in range(2, 9):  # type: ignore[attr-defined]
            orientation = 1  # Pillow turns it
        kept = kept_exif(exif, orientation, keep=keeping.metadata)
        if not len(boxes) and (stripped := _stripped(data, opened, kept, keeping)) is not None:
            return stripped
        # Of JPEGs only the surroundings of faces are copied.
        copies = 1 if opened.format in ("JPEG", "MPO") else 2
        needed = copies * bytes_to_decode(opened, reduced=False) + besides
        with memory_for(name, needed, keeping.max_memory):
            image = _decoded(opened)
            if image.mode not in (*_COVERED_AS_THEY_ARE, "P", "1"):
                raise ImageError(
                    f"{name} has colours of the kind {image.mode}, which cannot be written with "
                    "faces covered. Convert it to RGB first."
                )
            stored = _covered(image, boxes, config, orientation)
            return _written(data, opened, stored, kept, keeping)


def _refuse_others(name: str, data: bytes, opened: Image.Image) -> None:
    """Say of files that would lose something what they are, and the way out."""
    kind = opened.format or "of no known kind"
    if kind not in _WRITTEN:
        raise ImageError(
            f"{name} is a {kind} photo, which can be read but not written with its faces covered. "
            "Convert it to JPEG or PNG first."
        )
    n_frames = getattr(opened, "n_frames", 1) if kind != "MPO" else 1
    if data.startswith(SIGNATURE):
        for chunk, content in png_chunks(data):
            if chunk == b"acTL":
                n_frames = int.from_bytes(content[8:12], "big")
    if n_frames > 1:
        what = "pages" if kind == "TIFF" else "frames"
        way = "Save each page as a file." if kind == "TIFF" else "Convert it to a film (MP4) first."
        raise ImageError(f"{name} has {n_frames} {what}, and faces may show in each. {way}")
    deep = _bits(data, opened)
    if deep > 8 and opened.mode not in ("I;16", "I;16B", "I;16L", "I", "F"):
        raise ImageError(
            f"{name} has {deep} bits a colour, of which only 8 can be read. Convert it to 8 bits "
            "first."
        )


def _bits(data: bytes, opened: Image.Image) -> int:
    """Bits of each colour in the file, where that may be more than is read."""
    if data.startswith(SIGNATURE):
        return data[24]
    if opened.format == "TIFF":
        bits = opened.tag_v2.get(_BITS, (8,))  # type: ignore[attr-defined]
        return max((each for each in bits if isinstance(each, int)), default=8)
    if opened.format == "PPM" and opened.mode == "RGB":
        words = data[:100].split()
        return 16 if len(words) > 3 and words[3].isdigit() and int(words[3]) > 255 else 8
    return 8


def _exif_of(data: bytes, opened: Image.Image) -> bytes:
    if data.startswith(SIGNATURE):
        return bare_png(data)[1]
    if opened.format == "TIFF":
        return b""
    exif = opened.info.get("exif", b"")
    return exif if isinstance(exif, bytes) else b""


def _stripped(data: bytes, opened: Image.Image, exif: bytes, keeping: Keeping) -> bytes | None:
    """The file without metadata, its pixels untouched; `None` where it must be written anew."""
    if opened.format in ("JPEG", "MPO"):
        return stripped_jpeg(data, exif, keep_comments=keeping.metadata)
    # What is transparent may hide a face, which writing anew blackens.
    if opened.format == "PNG" and not opened.has_transparency_data:
        return with_looks(data, png_looks(data, keep_texts=keeping.metadata), exif)
    if opened.format == "WEBP" and not opened.has_transparency_data:
        return stripped_webp(data, exif)
    return None


def _decoded(opened: Image.Image) -> Image.Image:
    """The stored pixels; those of most JPEGs as brightness and colour, which saves a rounding."""
    if opened.format in ("JPEG", "MPO") and opened.mode == "RGB" and not _stores_rgb(opened):
        opened.draft("YCbCr", opened.size)
    if opened.format == "TIFF":
        with quiet_header(MAX_PIXELS):
            opened.load()
    opened.load()
    return opened.convert("RGBA") if opened.mode in ("PA", "La", "RGBa") else opened


def _stores_rgb(opened: Image.Image) -> bool:
    ids = tuple(layer[0] for layer in getattr(opened, "layer", ()))
    return ids == _RGB_IDS or opened.info.get("adobe_transform") == 0


def _covered(
    image: Image.Image, boxes: npt.NDArray[np.floating], config: CoverConfig, orientation: int
) -> Image.Image:
    turned = OF_EXIF[orientation]
    placed = stored_boxes(boxes, turned, turned.upright_size(*image.size))
    if config.picture is not None:
        config = replace(config, picture=turned.stored(config.picture))
    if image.mode == "P":
        return cover_palette(image, placed, config)
    if image.mode == "1":
        grey = _covered(image.convert("L"), boxes, config, orientation)
        return grey.point(lambda value: 255 * (value > 127), mode="1")
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return _covered_jpeg(image, placed, config)
    pixels = np.array(image)
    if image.mode == "I;16B":
        pixels = pixels.astype(np.uint16)
    channels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if image.mode in ("RGBA", "LA"):
        alpha = channels[..., -1]
        channels[alpha < _SEEN_FROM] = 0
    cover(channels, placed, config, _paint(image.mode, config, channels))
    if image.mode in ("I", "F"):
        return Image.fromarray(pixels)
    mode = "I;16" if image.mode.startswith("I;16") else image.mode
    return Image.frombytes(mode, image.size, np.ascontiguousarray(pixels).tobytes())


def _covered_jpeg(
    image: Image.Image, placed: npt.NDArray[np.floating], config: CoverConfig
) -> Image.Image:
    """The image itself, covered: only the pixels around faces are copied, of a large photo few."""
    masks = list(masks_of(placed, config, image.size))
    if config.fill == "solid":
        colour: Any = Image.new("RGB", (1, 1), config.colour).convert(image.mode).getpixel((0, 0))
        for mask in masks:
            height, width = mask.inside.shape
            corners = (mask.left, mask.top, mask.left + width, mask.top + height)
            inside = None if config.shape == "box" else Image.fromarray(mask.inside)
            image.paste(colour, corners, inside)
        return image
    parts = []
    for mask in masks:
        height, width = mask.inside.shape
        corners = (mask.left, mask.top, mask.left + width, mask.top + height)
        part = np.array(image.crop(corners))
        parts.append(part[:, :, None] if part.ndim == 2 else part)
    for mask, part in zip(masks, parts, strict=True):
        height, width = mask.inside.shape
        paint = _paint(image.mode, config, part)
        values = np.broadcast_to(filling(part, config, paint, (1.0, 1.0)), part.shape)
        patch = Image.frombytes(image.mode, (width, height), values.tobytes())
        image.paste(
            patch, (mask.left, mask.top), Image.fromarray(mask.inside.astype(np.uint8) * 255)
        )
    return image


def _paint(mode: str, config: CoverConfig, pixels: Pixels) -> Paint:
    """Colour and picture in a mode of Pillow."""
    brightness = 1.0
    if mode.startswith("I;16"):
        brightness, mode = 257.0, "L"
    elif mode in ("I", "F"):
        nominal = 1.0 if mode == "F" else 255.0
        brightness = max(float(np.nanmax(pixels, initial=0)), nominal) / 255
        mode = "L"
    colour = np.asarray(Image.new("RGB", (1, 1), config.colour).convert(mode)).reshape(-1)
    picture: Any = None
    if config.picture is not None:
        rgb = Image.fromarray(np.ascontiguousarray(config.picture[..., ::-1]))
        picture = np.asarray(rgb.convert(mode), np.float32) * brightness
        picture = picture[:, :, None] if picture.ndim == 2 else picture
    return Paint(tuple(float(each) * brightness for each in colour.tolist()), picture)


def _written(
    data: bytes, opened: Image.Image, stored: Image.Image, exif: bytes, keeping: Keeping
) -> bytes:
    """The file of the covered pixels, of the same kind as before."""
    options = _options(data, opened, keeping)
    if exif and opened.format in ("JPEG", "MPO", "WEBP"):
        options["exif"] = exif
    if opened.format in ("JPEG", "MPO", "WEBP", "TIFF") and opened.info.get("icc_profile"):
        options["icc_profile"] = opened.info["icc_profile"]
    dpi = opened.info.get("dpi")
    if dpi and opened.format in ("JPEG", "MPO", "TIFF", "BMP"):
        options["dpi"] = dpi
    kind = "JPEG" if opened.format == "MPO" else opened.format
    stored.info = {}  # of which Pillow would write comments and more
    buffer = io.BytesIO()
    stored.save(buffer, kind, **options)
    written = buffer.getvalue()
    if kind == "PNG":
        return with_looks(written, png_looks(data, keep_texts=keeping.metadata), exif)
    return written


def _options(data: bytes, opened: Image.Image, keeping: Keeping) -> dict[str, Any]:
    """What Pillow is told so that the file stays as it was."""
    if opened.format in ("JPEG", "MPO"):
        sampling = JpegImagePlugin.get_sampling(opened)
        options: dict[str, Any] = {
            "qtables": opened.quantization,  # type: ignore[attr-defined]
            "subsampling": 0 if sampling < 0 else sampling,  # of kinds that are not written: none
            "progressive": bool(opened.info.get("progressive")),
            "keep_rgb": _stores_rgb(opened),
        }
        if keeping.metadata and opened.info.get("comment"):
            options["comment"] = opened.info["comment"]
        return options
    if opened.format == "WEBP":
        lossless = any(kind == b"VP8L" for kind, _ in webp_chunks(data))
        return {"lossless": lossless, "exact": True, "quality": 75 if lossless else _WEBP_QUALITY}
    if opened.format == "TIFF":
        packed = opened.info.get("compression", "raw")
        return {"compression": packed, **({"quality": 95} if packed == "jpeg" else {})}
    if opened.format in ("PNG", "GIF") and "transparency" in opened.info:
        return {"transparency": opened.info["transparency"]}
    return {}
