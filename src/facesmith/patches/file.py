"""`Patches`: the rows that a classifier learns from, and the file that keeps them."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from facesmith.detection.patches import PATCH_SIZE
from facesmith.errors import PatchesError
from facesmith.files import replacing
from facesmith.patches.splitting import SPLITS, SplitShares, draw_splits

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
    for key in ("input", "target"):
        if key not in arrays:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise PatchesError(
                f"{path} has no array `{key}`; found {found}. Make the file with "
                "`facesmith prepare`."
            )
    images, labels = _images(path, arrays["input"]), _labels(path, arrays["target"])
    if len(images) != len(labels):
        raise PatchesError(
            f"{path}: `input` and `target` must have as many rows; got {len(images)} and "
            f"{len(labels)}."
        )
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
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise PatchesError(
                    f"{path} holds a single array; expected an .npz file with `input` and `target`."
                )
            return {key: archive[key] for key in archive.files if key in _KEYS}
    except PatchesError:
        raise
    except FileNotFoundError:
        raise PatchesError(f"{path} does not exist.") from None
    except Exception as error:  # damaged archives make zip, zlib and NumPy fail in countless ways
        if "allow_pickle" in str(error):
            raise PatchesError(
                f"{path} holds pickled Python objects, which could run any code and are never "
                "loaded. Save plain arrays: `input` uint8, `target` 0 or 1."
            ) from error
        reason = str(error) or type(error).__name__
        raise PatchesError(f"{path} is no .npz file, or it is damaged: {reason}") from error


def _images(path: Path, array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    shape = ("n", PATCH_SIZE, PATCH_SIZE, 3)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1:] != shape[1:]:
        raise PatchesError(
            f"{path}: `input` must be uint8 of shape (n, {PATCH_SIZE}, {PATCH_SIZE}, 3), channels "
            f"BGR; got {array.dtype} of shape {array.shape}."
        )
    return array.view(np.uint8)


def _labels(path: Path, array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    flat = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    if flat.shape[1:] != (1,) and len(flat):
        raise PatchesError(f"{path}: `target` must have shape (n, 1); got {array.shape}.")
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
