"""The patches file and its contact sheet."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facesmith.errors import PatchesError
from facesmith.patches import (
    KINDS,
    SPLITS,
    Patches,
    contact_sheet,
    load_patches,
    save_patches,
    write_contact_sheet,
)
from patch_photos import arrays_of


def test_file_is_the_exercise_s_and_comes_back(tmp_path: Path, prepared: Patches) -> None:
    save_patches(tmp_path / "p.npz", prepared)
    with np.load(tmp_path / "p.npz", allow_pickle=False) as archive:
        assert archive.files[:2] == ["input", "target"]
        assert archive["input"].dtype == np.uint8
        assert archive["input"].shape == (200, 64, 64, 3)
        assert archive["target"].shape == (200, 1)
        np.testing.assert_array_equal(archive["input"], prepared.images)
    assert arrays_of(load_patches(tmp_path / "p.npz")) == arrays_of(prepared)
    save_patches(tmp_path / "q.npz", load_patches(tmp_path / "p.npz"))
    assert (tmp_path / "q.npz").read_bytes() == (tmp_path / "p.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.npz", "q.npz"]


def test_numpy_s_own_files_are_read_compressed_or_not(tmp_path: Path, prepared: Patches) -> None:
    keys = {
        "input": prepared.images,
        "target": prepared.labels.astype(np.float32),
        "photo": prepared.photo_indices.astype(np.int64),
        "photo_names": np.array(prepared.photo_names),
        "split": prepared.splits,
        "kind": prepared.kinds,
        "something_else": np.arange(3),
    }
    np.savez_compressed(tmp_path / "p.npz", **keys)
    assert arrays_of(load_patches(tmp_path / "p.npz")) == arrays_of(prepared)


@pytest.mark.parametrize("shape", [(60, 1), (60,)])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.bool_])
def test_the_exercise_s_file_is_accepted_with_a_warning(
    tmp_path: Path, shape: tuple[int, ...], dtype: type
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8)
    target = (np.arange(60) % 3 == 0).reshape(shape).astype(dtype)
    np.savez(tmp_path / "seed.npz", input=images, target=target)
    with pytest.warns(UserWarning, match=r"seed\.npz does not say which photo"):
        patches = load_patches(tmp_path / "seed.npz")
    np.testing.assert_array_equal(patches.images, images)
    assert patches.labels.dtype == np.uint8
    assert patches.labels[:, 0].tolist() == [int(row % 3 == 0) for row in range(60)]
    assert len(patches.photo_names) == 60
    assert {KINDS[kind] for kind in patches.kinds} == {"face", "not a face"}
    assert [len(patches.rows_of(split)) > 0 for split in SPLITS] == [True, True, True]
    with pytest.warns(UserWarning, match="which photo"):
        again = load_patches(tmp_path / "seed.npz")
    with pytest.warns(UserWarning, match="which photo"):
        other = load_patches(tmp_path / "seed.npz", seed=1)
    assert (again.splits == patches.splits).all()
    assert (other.splits != patches.splits).any()


IMAGES = np.zeros((3, 64, 64, 3), np.uint8)
TARGET = np.array([[0], [1], [1]], np.uint8)
BAD_ARRAYS = [
    ("no target", {"input": IMAGES}, "has no array `target`; found input"),
    ("no input", {"target": TARGET, "x": TARGET}, "has no array `input`; found target"),
    ("floats", {"input": IMAGES / 255, "target": TARGET}, r"`input` must be uint8.*got float64"),
    ("32x32", {"input": IMAGES[:, :32, :32], "target": TARGET}, r"\(3, 32, 32, 3\)"),
    ("grey", {"input": IMAGES[..., 0], "target": TARGET}, r"got uint8 of shape \(3, 64, 64\)"),
    ("fewer labels", {"input": IMAGES, "target": TARGET[:2]}, "as many rows; got 3 and 2"),
    ("two columns", {"input": IMAGES, "target": np.zeros((3, 2))}, r"shape \(n, 1\); got \(3, 2\)"),
    ("labels 0 and 2", {"input": IMAGES, "target": TARGET * 2}, "must be 0 or 1; got 2"),
    ("NaN", {"input": IMAGES, "target": TARGET * np.nan}, "must be 0 or 1; got nan"),
    ("words", {"input": IMAGES, "target": np.array(["a", "b", "c"])}, "must hold numbers"),
]


@pytest.mark.parametrize(
    ("arrays", "message"), [row[1:] for row in BAD_ARRAYS], ids=[row[0] for row in BAD_ARRAYS]
)
def test_wrong_arrays_are_named(
    tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str
) -> None:
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(PatchesError, match=message) as caught:
        load_patches(tmp_path / "p.npz")
    assert str(tmp_path / "p.npz") in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("photo", np.array([0, 1, 7]), "`photo_indices` must be whole numbers from 0 to 1"),
        ("photo", np.array([0, 1, -1]), "`photo_indices` must be whole numbers from 0 to 1"),
        ("photo", np.array([0, 1]), r"`photo_indices` must be int32 of shape \(3,\)"),
        ("split", np.array([0, 1, 3]), "`splits` must be whole numbers from 0 to 2"),
        ("split", np.array([0.0, 1.0, 2.0]), "`split` must hold whole numbers"),
        ("kind", np.array([0, 300, 2]), "`kind` must hold whole numbers that fit uint8"),
    ],
)
def test_wrong_bookkeeping_is_named(
    tmp_path: Path, key: str, value: npt.NDArray[Any], message: str
) -> None:
    rows = {
        "input": IMAGES,
        "target": TARGET,
        "photo": np.array([0, 0, 1]),
        "photo_names": np.array(["a.jpg", "b.jpg"]),
        "split": np.array([0, 0, 1]),
        "kind": np.array([1, 0, 0]),
    }
    np.savez(tmp_path / "p.npz", **{**rows, key: value})
    with pytest.raises(PatchesError, match=message):
        load_patches(tmp_path / "p.npz")


class Bomb:
    """What a pickle could do: here, leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("key", ["input", "target", "photo_names"])
def test_pickled_objects_are_refused(tmp_path: Path, key: str) -> None:
    trap = tmp_path / "trap"
    arrays: dict[str, Any] = {"input": IMAGES, "target": TARGET}
    arrays[key] = np.array([Bomb(trap)], dtype=object)
    np.savez(tmp_path / "p.npz", allow_pickle=True, **arrays)
    with pytest.raises(PatchesError, match="pickled Python objects, which could run any code"):
        load_patches(tmp_path / "p.npz")
    assert not trap.exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(PatchesError, match="holds a single array"):
        load_patches(tmp_path / "one.npy")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("input.npy", "no array")
    for name in ("text.npz", "empty.npz", "zip.npz"):
        with pytest.raises(PatchesError, match=rf"{name} (is|has|holds)"):
            load_patches(tmp_path / name)
    with pytest.raises(PatchesError, match=r"gone\.npz does not exist"):
        load_patches(tmp_path / "gone.npz")
    with pytest.raises(PatchesError, match="is a folder; expected a file"):
        load_patches(tmp_path)


def npz_with(path: Path, **members: bytes) -> None:
    """An archive with these bytes as its arrays, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def array_bytes(array: npt.NDArray[Any], shape: tuple[int, ...] | None = None) -> bytes:
    """An array as `.npy`, perhaps with another shape in its header."""
    header = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(header, {**described, "shape": shape or array.shape})
    return header.getvalue() + array.tobytes()


def test_claims_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    tracemalloc.start()
    target = array_bytes(TARGET)
    for content, message in (
        # A header that claims a terabyte, names that take gigabytes, and rows of zeros that do.
        (array_bytes(IMAGES, (10**8, 64, 64, 3)), "claims 1,228,800,000,000 bytes and has 36,864"),
        (array_bytes(np.zeros(0, np.uint8), (0, 64, 64, 3)), "as many rows; got 0 and 3"),
        (b"no array at all", "damaged"),
        (b"", "damaged"),
    ):
        npz_with(path, input=content, target=target)
        with pytest.raises(PatchesError, match=message) as caught:
            load_patches(path)
        assert str(path) in str(caught.value)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_a_small_file_does_not_swell(tmp_path: Path) -> None:
    path, n = tmp_path / "p.npz", 22_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("input.npy", "w") as member:
            member.write(array_bytes(np.zeros(0, np.uint8), (n, 64, 64, 3)))
            for _ in range(n):
                member.write(bytes(64 * 64 * 3))
        archive.writestr("target.npy", array_bytes(np.zeros((n, 1), np.uint8)))
    assert path.stat().st_size < 1e6
    with pytest.raises(PatchesError, match="claims 270,336,000 bytes from"):
        load_patches(path)


def test_names_have_a_length(tmp_path: Path) -> None:
    rows = {"input": IMAGES, "target": TARGET, "photo": np.zeros(3, np.int32)}
    rows |= {"split": np.zeros(3, np.uint8), "kind": np.zeros(3, np.uint8)}
    for names in (np.array(["x" * 5000]), np.array([["a"]]), np.array([b"a"]), np.array([1])):
        np.savez_compressed(tmp_path / "p.npz", photo_names=names, **rows)
        with pytest.raises(PatchesError, match="`photo_names` must be up to 2,000,000 texts"):
            load_patches(tmp_path / "p.npz")


def test_files_without_rows_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", input=IMAGES[:0], target=TARGET[:0])
    with pytest.raises(PatchesError, match="has no rows"):
        load_patches(tmp_path / "p.npz")


def test_encrypted_archives_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", input=IMAGES, target=TARGET)
    content = bytearray((tmp_path / "p.npz").read_bytes())
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):  # the flags of each member
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 1)
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(PatchesError, match="is encrypted"):
        load_patches(tmp_path / "p.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.npz")
    with pytest.raises(PatchesError, match="is a pipe or a device"):
        load_patches(tmp_path / "p.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_refused_not_misread(tmp_path: Path, compressed: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    path = tmp_path / "p.npz"
    (np.savez_compressed if compressed else np.savez)(path, input=images, target=TARGET)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for attempt in range(60):
        damaged = bytearray(whole)
        if attempt % 3 == 0:
            damaged = damaged[: int(rng.integers(0, len(whole)))]
        else:
            # Every third in the arrays, every third in the archive's directory at its end.
            first = 0 if attempt % 3 == 1 else len(whole) - 300
            place = int(rng.integers(first, len(whole)))
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found = load_patches(path)
        except PatchesError:
            continue
        np.testing.assert_array_equal(found.images, images)  # the damage lay in what is not read
        np.testing.assert_array_equal(found.labels, TARGET)


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, prepared: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(b"old")
    monkeypatch.setattr("facesmith.patches.file.np.ascontiguousarray", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_patches(path, prepared)
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["p.npz"]


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_contact_sheet_shows_patches_of_every_kind_in_their_colours(
    tmp_path: Path, prepared: Patches
) -> None:
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, prepared, "drawn.npz")
    sheet = np.asarray(Image.open(path).convert("RGB"))
    again = contact_sheet(prepared, "drawn.npz")
    np.testing.assert_array_equal(sheet, np.asarray(again))
    assert 1000 < sheet.shape[1] < 2000
    # A patch is copied as it is, red first: look for shown ones by their first row of pixels.
    shown = {prepared.images[row][0, :, ::-1].tobytes() for row in range(len(prepared))}
    lines = {
        sheet[y, x : x + 64].tobytes()
        for y in range(sheet.shape[0])
        for x in range(28 + 168, sheet.shape[1] - 63, 68)
    }
    assert len(shown & lines) > 60


def test_contact_sheet_of_a_file_with_few_rows() -> None:
    patches = Patches(
        images=IMAGES,
        labels=TARGET,
        photo_indices=np.zeros(3, np.int32),
        photo_names=("a.jpg",),
        splits=np.full(3, 2, np.uint8),
        kinds=np.array([6, 0, 0], np.uint8),
    )
    sheet = contact_sheet(patches, "few.npz")
    # Head, one block with two kinds of two lines each.
    assert sheet.height < 92 + 40 + 2 * (2 * 68 + 14) + 30
