"""Patches for the classifier: cutting, choosing, splitting, keeping them in a file."""

from facesmith.detection.patches import cut_patch, cut_patches
from facesmith.patches.contact_sheet import contact_sheet, write_contact_sheet
from facesmith.patches.file import KINDS, Patches, load_patches, save_patches
from facesmith.patches.splitting import SPLITS, SplitShares

__all__ = [
    "KINDS",
    "SPLITS",
    "Patches",
    "SplitShares",
    "contact_sheet",
    "cut_patch",
    "cut_patches",
    "load_patches",
    "save_patches",
    "write_contact_sheet",
]
