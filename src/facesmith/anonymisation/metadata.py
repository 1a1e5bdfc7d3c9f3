"""What of a photo's metadata may stay: never places, thumbnails, previews or maker notes.

Tags are named that stay; all others go. So no tag that nobody thought of gives anybody away.

Source:
    EXIF 2.32, tables 4 to 8; TIFF 6.0.
"""

from __future__ import annotations

from PIL import Image

_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_MOST_BYTES = 2**16 - 16  # of a segment of a JPEG
# Description, make, model, resolution, software, date, artist, copyright.
_KEPT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)
# Of the exposure, its time, the lens.
_KEPT_OF_EXPOSURE = (
    33434, 33437, 34850, 34855, 34864, 34865, 36864, 36867, 36868, 36880, 36881, 36882, 37377,
    37378, 37379, 37380, 37381, 37382, 37383, 37384, 37385, 37386, 37520, 37521, 37522, 40961,
    41486, 41487, 41488, 41495, 41985, 41986, 41987, 41988, 41989, 41990, 41991, 41992, 41993,
    41994, 41996, 42034, 42035, 42036,
)  # fmt: skip


def kept_exif(exif: bytes, orientation: int, *, keep: bool) -> bytes:
    """EXIF data for the covered photo; empty if there is nothing to say.

    Args:
        exif: Of the photo, as Pillow gives it; may be empty or damaged.
        orientation: What the covered photo's is to be, 1 to 8.
        keep: Whether exposure, time, camera and author stay. Else only the orientation does.
    """
    kept = Image.Exif()
    if keep and exif:
        _copy(exif, kept)
    if orientation != 1:
        kept[_ORIENTATION] = orientation
    content = kept.tobytes() if len(kept) else b""
    return content if len(content) <= _MOST_BYTES else kept_exif(b"", orientation, keep=False)


def _copy(exif: bytes, kept: Image.Exif) -> None:
    found = Image.Exif()
    try:
        found.load(exif)
        exposure = found.get_ifd(_EXIF_IFD)
        for tag in _KEPT:
            if tag in found:
                kept[tag] = found[tag]
        for tag in _KEPT_OF_EXPOSURE:
            if tag in exposure:
                kept.get_ifd(_EXIF_IFD)[tag] = exposure[tag]
        if kept.get_ifd(_EXIF_IFD):
            kept[_EXIF_IFD] = kept.get_ifd(_EXIF_IFD)
        kept.tobytes()
    except Exception:  # noqa: BLE001 - damaged EXIF data makes Pillow fail in countless ways
        kept.clear()
