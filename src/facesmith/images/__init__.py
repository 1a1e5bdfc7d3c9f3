"""Reading photos, whatever their format, as upright BGR arrays; writing and finding them."""

from facesmith.images.files import IMAGE_SUFFIXES, JPEG_QUALITY, find_images, write_image
from facesmith.images.memory import MAX_MEMORY
from facesmith.images.reading import MAX_BYTES, Photo, SideLimit, read_image, read_photo, read_size
from facesmith.images.unreadable import MAX_PIXELS

__all__ = [
    "IMAGE_SUFFIXES",
    "JPEG_QUALITY",
    "MAX_BYTES",
    "MAX_MEMORY",
    "MAX_PIXELS",
    "Photo",
    "SideLimit",
    "find_images",
    "read_image",
    "read_photo",
    "read_size",
    "write_image",
]
