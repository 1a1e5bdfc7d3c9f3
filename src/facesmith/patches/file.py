"""`Patches`: the rows that a classifier learns from, and the file that keeps them."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from facesmith.detection.patches import PATCH_SIZE
from facesmith.errors import PatchesError
from facesmith.files import replacing
from facesmith.patches.splitting import SPLITS, SplitShares, draw_splits
from facesmith.printable import message_text
from facesmith.untrusted import ArrayFile, ContentError, PickledError, open_arrays

KINDS = (
    "face",
    "background",
    "part of a face",
    "wrong scale",
    "face-free photo",
    "beside a face",
    "not a face",  # of files that do not say more
)
FACE, BACKGROUND, PART, WRONG_SCALE, FACE_FREE, BESIDE, NOT_A_FACE = range(len(KINDS))

Whole = TypeVar("Whole", np.uint8, np.int32)

_KEYS = ("input", "target", "photo", "photo_names", "split", "kind")
_NAMES_SHOWN = 8  # of arrays, in a message
_MOST_NAMES = 2_000_000  # of photos: as many take a second to read
_LONGEST_NAME = 4096  # characters of a photo's path
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: same content, same bytes


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches, what they show, and the photos they were cut from.

    Attributes:
        images: uint8 `(n, 64, 64, 3)`, BGR.
        labels: uint8 `(n, 1)`, 1 for a human face, 0 for anything else.
        photo_indices: int32 `(n,)`, which of `photo_names` a row was cut from.
        photo_names: Name of every photo.
        splits: uint8 `(n,)`, index into `SPLITS`: 0 train, 1 validation, 2 test.
        kinds: uint8 `(n,)`, index into `KINDS`: what a row was meant to show.

    Raises:
        PatchesError: If a shape or type is wrong, or an index leads nowhere.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    photo_indices: npt.NDArray[np.int32]
    photo_names: tuple[str, ...]
    splits: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = len(self.images)
        expected: dict[str, tuple[npt.NDArray[np.generic], tuple[int, ...], type]] = {
            "images": (self.images, (n, PATCH_SIZE, PATCH_SIZE, 3), np.uint8),
            "labels": (self.labels, (n, 1), np.uint8),
            "photo_indices": (self.photo_indices, (n,), np.int32),
            "splits": (self.splits, (n,), np.uint8),
            "kinds": (self.kinds, (n,), np.uint8),
        }
        for name, (array, shape, dtype) in expected.items():
            if array.shape != shape or array.dtype != dtype:
                raise PatchesError(
                    f"`{name}` must be {np.dtype(dtype)} of shape {shape}; got {array.dtype} of "
                    f"shape {array.shape}."
                )
        limits: dict[str, tuple[npt.NDArray[np.integer], int]] = {
            "labels": (self.labels, 2),
            "photo_indices": (self.photo_indices, len(self.photo_names)),
            "splits": (self.splits, len(SPLITS)),
            "kinds": (self.kinds, len(KINDS)),
        }
        for name, (values, limit) in limits.items():
            if n and not (values.min() >= 0 and values.max() < limit):
                raise PatchesError(
                    f"`{name}` must be whole numbers from 0 to {limit - 1}; "
                    f"got {values.min()} to {values.max()}."
                )

    def __len__(self) -> int:
        return len(self.images)

    def rows_of(self, split: str) -> npt.NDArray[np.intp]:
        """Indices of the rows of a split, by its name in `SPLITS`, in order."""
        return np.flatnonzero(self.splits == SPLITS.index(split))


def save_patches(path: str | Path, patches: Patches) -> None:
    """Write a patches file; the same patches give the same bytes.

    The arrays are not compressed: photos hardly shrink, and the bytes would depend on the version
    of the compressor. An existing file is replaced in one step.
    """
    arrays = {
        "input": patches.images,
        "target": patches.labels,
        "photo": patches.photo_indices,
        "photo_names": np.array(patches.photo_names, dtype=np.str_),
        "split": patches.splits,
        "kind": patches.kinds,
    }
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for key, array in arrays.items():
            member = zipfile.ZipInfo(f"{key}.npy", _ZIP_TIME)
            with archive.open(member, "w", force_zip64=True) as stream:
                header = io.BytesIO()
                contiguous = np.ascontiguousarray(array)
                np.lib.format.write_array_header_1_0(
                    header, np.lib.format.header_data_from_array_1_0(contiguous)
                )
                stream.write(header.getvalue())
                stream.write(contiguous.data if contiguous.size else b"")


def load_patches(path: str | Path, *, seed: int = 0, shares: SplitShares | None = None) -> Patches:
    """Read a patches file.

    In a file with nothing but `input` and `target` each row counts as a photo of its own, its
    split is drawn, and a warning says so.

    Args:
        path: The `.npz`.
        seed: Decides the drawn splits of a file that has none.
        shares: Sizes of those splits; `None` for the default.

    Raises:
        PatchesError: If the file is missing or damaged, or an array is missing or wrong.
    """
    path = Path(path)
    arrays = _load_arrays(path)
    images, labels = arrays["input"].view(np.uint8), _labels(path, arrays["target"])
    missing = [key for key in _KEYS if key not in arrays]
    try:
        if missing:
            warnings.warn(
                f"{path} does not say which photo a patch came from (no `{missing[0]}`). Splits "
                "are drawn by patch: if patches of one photo are alike, held-out figures flatter.",
                stacklevel=2,
            )
            return _rows_without_photos(images, labels, seed, shares or SplitShares())
        return Patches(
            images=images,
            labels=labels,
            photo_indices=_whole("photo", arrays["photo"], np.int32),
            photo_names=tuple(str(name) for name in arrays["photo_names"].ravel()),
            splits=_whole("split", arrays["split"], np.uint8),
            kinds=_whole("kind", arrays["kind"], np.uint8),
        )
    except PatchesError as error:
        raise PatchesError(f"{path}: {error}") from error


def _load_arrays(path: Path) -> Mapping[str, npt.NDArray[np.generic]]:
    try:
        with open_arrays(path) as file:
            found = [key for key in _KEYS if key in file.names]
            _check_headers(path, file, {key: file.header(key) for key in found})
            return {key: file.read(key) for key in found}
    except PickledError as error:
        raise PatchesError(
            f"{path} holds pickled Python objects, which could run any code and are never "
            "loaded. Save plain arrays: `input` uint8, `target` 0 or 1."
        ) from error
    except ContentError as error:
        raise PatchesError(f"{error} Make patches with `facesmith prepare`.") from error


def _check_headers(
    path: Path, file: ArrayFile, headers: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
) -> None:
    """Refuse arrays of another shape or type than wanted before they take any memory."""
    for key in ("input", "target"):
        if key not in headers:
            found = message_text(", ".join(sorted(file.names)[:_NAMES_SHOWN])) or "nothing"
            raise PatchesError(
                f"{path} has no array `{key}`; found {found}. Make the file with "
                "`facesmith prepare`."
            )
    shape, dtype = headers["input"]
    if dtype != np.uint8 or len(shape) != 4 or shape[1:] != (PATCH_SIZE, PATCH_SIZE, 3):
        raise PatchesError(
            f"{path}: `input` must be uint8 of shape (n, {PATCH_SIZE}, {PATCH_SIZE}, 3), channels "
            f"BGR; got {dtype} of shape {shape}."
        )
    n = shape[0]
    shape, dtype = headers["target"]
    if shape[1:] not in ((), (1,)):
        raise PatchesError(f"{path}: `target` must have shape (n, 1); got {shape}.")
    rows = shape[0] if shape else 1
    if rows != n:
        raise PatchesError(
            f"{path}: `input` and `target` must have as many rows; got {n} and {rows}."
        )
    if n == 0:
        raise PatchesError(f"{path} has no rows. Make patches with `facesmith prepare`.")
    for key, (shape, dtype) in headers.items():
        names = key == "photo_names"
        texts = dtype.kind == "U" and dtype.itemsize <= 4 * _LONGEST_NAME
        if names and not (texts and len(shape) == 1 and shape[0] <= _MOST_NAMES):
            raise PatchesError(
                f"{path}: `photo_names` must be up to {_MOST_NAMES:,} texts of up to "
                f"{_LONGEST_NAME} characters, shape (n,); got {dtype} of shape {shape}."
            )
        if not names and (dtype.itemsize > 8 or len(shape) > 4):
            raise PatchesError(
                f"{path}: `{key}` must hold plain numbers; got {dtype} of shape {shape}."
            )


def _labels(path: Path, array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    flat = array.reshape(-1)
    if flat.dtype.kind not in "biuf":
        raise PatchesError(f"{path}: `target` must hold numbers, 0 or 1; got {array.dtype}.")
    if not np.isin(flat, (0, 1)).all():
        bad = flat[~np.isin(flat, (0, 1))][0]
        raise PatchesError(f"{path}: `target` must be 0 or 1; got {bad}.")
    return flat.reshape(-1, 1).astype(np.uint8)


def _whole(key: str, array: npt.NDArray[np.generic], dtype: type[Whole]) -> npt.NDArray[Whole]:
    """The array in the type wanted, if no value changes by it."""
    if array.dtype.kind not in "iu" or not np.array_equal(array.astype(dtype), array):
        raise PatchesError(
            f"`{key}` must hold whole numbers that fit {np.dtype(dtype)}; got {array.dtype}."
        )
    return array.astype(dtype)


def _rows_without_photos(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], seed: int, shares: SplitShares
) -> Patches:
    names = tuple(f"row {row}" for row in range(len(images)))
    return Patches(
        images=images,
        labels=labels,
        photo_indices=np.arange(len(images), dtype=np.int32),
        photo_names=names,
        splits=draw_splits(names, seed, shares),
        kinds=np.where(labels[:, 0] == 1, FACE, NOT_A_FACE).astype(np.uint8),
    )
