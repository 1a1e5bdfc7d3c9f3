"""Patches: cutting, choosing, splitting, their file; on photos whose every pixel is known."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from facesmith.annotations import AnnotatedPhoto, Annotations, Problem, load_face_free
from facesmith.detection.patches import CONTEXT, cut_squares, patch_squares
from facesmith.errors import AnnotationError, PatchesError
from facesmith.images import read_image
from facesmith.patches import (
    KINDS,
    SPLITS,
    Patches,
    SplitShares,
    contact_sheet,
    cut_patch,
    cut_patches,
    load_patches,
    save_patches,
    write_contact_sheet,
)
from facesmith.patches.duplicates import fingerprint, group_duplicates
from facesmith.patches.file import (
    BACKGROUND,
    BESIDE,
    FACE,
    FACE_FREE,
    NOT_A_FACE,
    PART,
    WRONG_SCALE,
)
from facesmith.patches.prepare import NEGATIVE_SHARES, PrepareConfig, prepare_patches
from facesmith.patches.splitting import draw_splits
from oracles import slow_area, slow_iou

FACE_GREEN = (20, 220, 20)  # BGR, of the drawn faces; no photo has such a green elsewhere
Pixels = npt.NDArray[np.uint8]


def noise(seed: int, shape_hw: tuple[int, int] = (160, 200)) -> Pixels:
    """A photo without green: blobs of blue and red, different for every seed."""
    height, width = shape_hw
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    coarse[..., 1] = 0
    large = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large.filter(ImageFilter.GaussianBlur(2)))


def save(path: Path, image: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(path)
    return path


def annotated(path: Path, seed: int, *boxes: tuple[int, int, int, int]) -> AnnotatedPhoto:
    """A saved photo whose face boxes are filled with `FACE_GREEN`."""
    image = noise(seed).copy()
    for x_min, y_min, x_max, y_max in boxes:
        image[y_min:y_max, x_min:x_max] = FACE_GREEN
    save(path, image)
    return AnnotatedPhoto(
        path=path,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=np.zeros(len(boxes), bool),
        name=path.name,
        width=200,
        height=160,
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Annotations, Annotations]:
    """Twelve photos with one or two green faces, and six without."""
    folder = tmp_path_factory.mktemp("drawn")
    photos = []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        left, top, side = int(rng.integers(10, 50)), int(rng.integers(20, 70)), 48
        boxes = [(left, top, left + side, top + side)]
        if seed % 2:
            boxes.append((140, top + 5, 170, top + 40))
        photos.append(annotated(folder / f"photo{seed}.png", seed, *boxes))
    for seed in range(6):
        save(folder / "free" / f"free{seed}.png", noise(500 + seed))
    return Annotations(tuple(photos)), load_face_free([folder / "free"])


@pytest.fixture(scope="module")
def prepared(drawn: tuple[Annotations, Annotations]) -> Patches:
    return prepare_patches(*drawn, PrepareConfig(count=200))


def arrays_of(patches: Patches) -> dict[str, bytes]:
    return {
        "images": patches.images.tobytes(),
        "labels": patches.labels.tobytes(),
        "photo_indices": patches.photo_indices.tobytes(),
        "photo_names": "\n".join(patches.photo_names).encode(),
        "splits": patches.splits.tobytes(),
        "kinds": patches.kinds.tobytes(),
    }


def green(images: Pixels) -> npt.NDArray[np.float64]:
    """Part of each patch's pixels that show a drawn face; photos have no green at all."""
    share: npt.NDArray[np.float64] = (images[..., 1] > 110).mean(axis=(1, 2))
    return share


# Cutting


def test_squares_are_about_the_centre_and_wider_by_the_context() -> None:
    # Centre (14, 15), longer side 10; 30 % wider: 13, so 6.5 to each side.
    boxes = np.float32([[10, 10, 18, 20]])
    np.testing.assert_allclose(patch_squares(boxes), [[7.5, 8.5, 20.5, 21.5]])
    assert CONTEXT == 0.3
    assert patch_squares(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_square_of_patch_size_is_copied_pixel_by_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    before = image.copy()
    patch = cut_squares(image, np.float32([[30, 20, 94, 84]]))[0]
    np.testing.assert_array_equal(patch, image[20:84, 30:94])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("x", "y"),
    [(-10, 20), (90, 20), (30, -20), (30, 70), (-40, -40), (100, 80), (-200, 20), (300, 300)],
)
def test_beyond_the_border_the_outermost_pixels_are_repeated(x: int, y: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    room = 400
    padded = np.pad(image, ((room, room), (room, room), (0, 0)), mode="edge")
    expected = padded[y + room : y + room + 64, x + room : x + room + 64]
    patch = cut_squares(image, np.float32([[x, y, x + 64, y + 64]]))[0]
    np.testing.assert_array_equal(patch, expected)


def test_shrinking_averages_and_enlarging_interpolates() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200  # columns of one pixel
    shrunk = cut_squares(stripes, np.float32([[0, 0, 256, 256]]))[0]
    assert np.abs(shrunk.astype(int) - 100).max() <= 15
    ramp = np.repeat(np.arange(0, 240, 15, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    enlarged = cut_squares(ramp, np.float32([[0, 0, 16, 16]]))[0]
    assert (np.diff(enlarged[32, :, 0].astype(int)) >= 0).all()
    assert np.diff(enlarged[32, :, 0].astype(int)).max() <= 5  # 15 a pixel over 4 patch pixels


def test_patches_are_what_the_whole_photo_gives() -> None:
    """Cut from a corner of the photo or from all of it, one by one or together: up to rounding."""
    image, generator = noise(5), np.random.default_rng(6)
    centres, sides = generator.uniform(45, 110, (12, 2)), generator.uniform(5, 90, (12, 1))
    squares = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    together = cut_squares(image, squares)
    for square, patch in zip(squares, together, strict=True):
        box = (float(square[0]), float(square[1]), float(square[2]), float(square[3]))
        whole = Image.fromarray(image).resize(
            (64, 64), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0
        )
        alone = cut_squares(image, square[None])[0]
        for other in (alone, np.asarray(whole)):
            difference = np.abs(patch.astype(int) - other)
            assert difference.max() <= 1
            assert difference.mean() < 0.05


def test_scaling_photo_and_box_together_changes_little() -> None:
    image = noise(3)
    doubled = np.asarray(Image.fromarray(image).resize((400, 320), Image.Resampling.BICUBIC))
    box = np.float32([60, 40, 120, 100])
    difference = cut_patch(image, box).astype(int) - cut_patch(doubled, box * 2)
    assert np.abs(difference).mean() < 2


def test_channels_and_face_keep_their_places() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:80, 20:80] = (250, 10, 60)  # blue
    patch = cut_patch(image, np.float32([20, 20, 80, 80]))
    assert patch[32, 32].tolist() == [250, 10, 60]
    # 60 of the square's 78 pixels show the face: 49 of 64.
    assert int((patch[32, :, 0] > 125).sum()) in (49, 50)
    assert patch[2, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape_hw", [(1, 1), (1, 80), (80, 1)])
def test_photos_of_one_pixel(shape_hw: tuple[int, int]) -> None:
    image = np.full((*shape_hw, 3), 77, np.uint8)
    for square in ([0, 0, 1, 1], [-5, -5, 5, 5], [0.2, 0.2, 0.4, 0.4], [-100, 3, -90, 13]):
        assert (cut_squares(image, np.float32([square])) == 77).all()


def test_no_box_gives_no_patch_and_bad_ones_an_error() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    assert cut_patches(image, np.zeros((0, 4), np.float32)).shape == (0, 64, 64, 3)
    for box in ([0, 0, 0, 0], [np.nan, 0, 5, 5], [0, 0, np.inf, 5]):
        with pytest.raises(ValueError, match="finite and have an area"):
            cut_patches(image, np.float32([[1, 1, 5, 5], box]))


# What is prepared


def test_form_and_counts(prepared: Patches) -> None:
    assert len(prepared) == 200
    assert prepared.images.shape == (200, 64, 64, 3)
    assert prepared.images.dtype == np.uint8
    assert prepared.labels.shape == (200, 1)
    assert int(prepared.labels.sum()) == 100
    assert (prepared.labels[:, 0] == (prepared.kinds == FACE)).all()
    counts = {kind: int((prepared.kinds == kind).sum()) for kind in range(len(KINDS))}
    # 100 rows by the shares, 0.30 0.22 0.18 0.15 0.15.
    shares = {FACE: 100, FACE_FREE: 30, BACKGROUND: 22, PART: 18, WRONG_SCALE: 15, BESIDE: 15}
    assert counts == {**shares, NOT_A_FACE: 0}
    assert abs(sum(NEGATIVE_SHARES.values()) - 1) < 1e-9


def test_blue_stays_first(tmp_path: Path) -> None:
    image = np.zeros((120, 120, 3), np.uint8)
    image[:] = (200, 90, 10)  # blue, green, red
    path = save(tmp_path / "blue.png", image)
    photo = AnnotatedPhoto(
        path, np.float32([[20, 20, 50, 50]]), np.zeros(1, bool), "blue.png", 120, 120
    )
    patches = prepare_patches(Annotations((photo,)), config=PrepareConfig(count=8))
    assert (patches.images == np.uint8([200, 90, 10])).all()


def test_labels_are_right(prepared: Patches) -> None:
    """Faces are painted green, and nothing else is, so green tells what a patch shows."""
    shown = green(prepared.images)
    by_kind = {kind: shown[prepared.kinds == kind] for kind in np.unique(prepared.kinds).tolist()}
    # A face fills (1/1.3)^2 = 59 % of its patch, jitter 0.89 to 1.13 of it a side; of a face of
    # 30 by 35 pixels, 51 %. A second face nearby may add to it.
    assert by_kind[FACE].min() > 0.35
    assert by_kind[FACE].max() < 0.85
    assert by_kind[BACKGROUND].max() == 0
    assert by_kind[FACE_FREE].max() == 0
    assert (by_kind[PART] > 0.05).all()
    assert by_kind[PART].max() < 0.6
    assert by_kind[BESIDE].max() < 0.25
    wrong = by_kind[WRONG_SCALE]
    assert ((wrong < 0.25) | (wrong > 0.75)).all()
    assert (wrong < 0.25).any()
    assert (wrong > 0.9).any()


def test_faces_are_centred_with_context(prepared: Patches) -> None:
    for image in prepared.images[prepared.kinds == FACE]:
        mask = image[..., 1] > 110
        assert mask[32, 32]
        assert mask[24:40, 24:40].all()
        assert mask.sum(axis=1).max() < 64
        assert not mask[:, 0].all()


def test_jitter_and_mirroring_make_every_row_another(prepared: Patches) -> None:
    faces = prepared.images[prepared.kinds == FACE]
    assert len({image.tobytes() for image in faces}) == len(faces)
    # Of the others, only close-ups of the one-coloured face may be equal.
    others = prepared.images[(prepared.kinds != FACE) & (prepared.kinds != WRONG_SCALE)]
    assert len({image.tobytes() for image in others}) == len(others)


def test_squares_of_each_kind_keep_their_distance_from_faces(
    drawn: tuple[Annotations, Annotations],
) -> None:
    """The rule of decision 4, checked square by square with the slow IoU."""
    from facesmith.patches.choosing import PlaceFinder  # noqa: PLC0415 - not public

    annotations, free = drawn
    photos = [*annotations.photos, *free.photos]
    finder = PlaceFinder(photos, len(annotations.photos), 20.0, seed=3)
    for kind in (FACE, BACKGROUND, PART, WRONG_SCALE, FACE_FREE, BESIDE):
        places = [place for _, place in zip(range(60), finder.places(kind), strict=False)]
        assert len(places) == 60
        assert len({place.photo for place in places}) == (6 if kind == FACE_FREE else 12)
        for place in places:
            photo = photos[place.photo]
            low, high = place.square[:2].astype(float), place.square[2:].astype(float)
            centre, half = (low + high) / 2, (high - low) / 2 / 1.3
            inner = [*(centre - half), *(centre + half)]
            squares = [squared(box) for box in photo.boxes.tolist()]
            highest = max((slow_iou(inner, face) for face in squares), default=0.0)
            outer = [*low, *high]
            touched = [slow_iou(outer, box) for box in photo.boxes.tolist()]
            if kind == FACE:
                assert highest >= 0.599
            elif kind in (BACKGROUND, FACE_FREE):
                assert not any(touched)
            else:
                assert highest <= (0.051 if kind == BESIDE else 0.251)
            if kind == PART:
                assert highest >= 0.119
            if kind != FACE:
                inside = [max(low[0], 0), max(low[1], 0), min(high[0], 200), min(high[1], 160)]
                assert slow_area(inside) / slow_area(outer) >= 0.699


def squared(box: list[float]) -> list[float]:
    """The square about the centre of a box, as wide as its longer side."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - box[0], box[3] - box[1]) / 2
    return [x - half, y - half, x + half, y + half]


def test_ignored_boxes_are_neither_face_nor_background(tmp_path: Path) -> None:
    photo = annotated(tmp_path / "a.png", 1, (20, 40, 60, 80), (120, 40, 160, 80))
    crowd = AnnotatedPhoto(
        photo.path, photo.boxes, np.array([False, True]), photo.name, photo.width, photo.height
    )
    patches = prepare_patches(Annotations((crowd,)), config=PrepareConfig(count=120))
    others = patches.images[patches.labels[:, 0] == 0]
    kinds = patches.kinds[patches.labels[:, 0] == 0]
    # The face at the left is at most 40 of the photo's 200 pixels; whatever shows green is it.
    assert green(others[kinds == BACKGROUND]).max() == 0
    shown = patches.images[patches.kinds == FACE]
    assert green(shown).min() > 0.35
    for patch in others[(kinds == PART) | (kinds == BESIDE)]:
        columns = np.flatnonzero((patch[..., 1] > 110).any(axis=0))
        assert len(columns) == 0 or np.ptp(columns) <= 60


def test_photos_that_miss_a_box_give_no_background(tmp_path: Path) -> None:
    """A face may be where the box that was left out would have said so."""
    photo = annotated(tmp_path / "a.png", 1, (20, 40, 60, 80))
    other = annotated(tmp_path / "b.png", 2, (20, 40, 60, 80))
    broken = AnnotatedPhoto(
        photo.path, photo.boxes, photo.ignored, photo.name, photo.width, photo.height, False
    )
    patches = prepare_patches(Annotations((broken, other)), config=PrepareConfig(count=60))
    names = np.array(patches.photo_names)[patches.photo_indices]
    assert set(names[patches.labels[:, 0] == 0]) == {"b.png"}
    assert set(names[patches.labels[:, 0] == 1]) == {"a.png", "b.png"}


def test_small_faces_are_not_used_but_not_background_either(tmp_path: Path) -> None:
    photo = annotated(tmp_path / "a.png", 1, (20, 40, 60, 80), (120, 100, 135, 115))
    patches = prepare_patches(Annotations((photo,)), config=PrepareConfig(count=100))
    assert green(patches.images[patches.kinds == BACKGROUND]).max() == 0
    assert green(patches.images[patches.kinds == FACE]).min() > 0.35
    small = prepare_patches(Annotations((photo,)), config=PrepareConfig(count=100, min_face=15))
    assert len(small) == 100
    with pytest.raises(PatchesError, match=r"none of the 1 annotated photos.*60 pixels high"):
        prepare_patches(Annotations((photo,)), config=PrepareConfig(count=10, min_face=60))


@pytest.mark.parametrize(("count", "n_faces"), [(2, 1), (3, 2), (5, 2), (37, 18), (38, 19)])
def test_counts_are_exact(drawn: tuple[Annotations, Annotations], count: int, n_faces: int) -> None:
    patches = prepare_patches(*drawn, PrepareConfig(count=count))
    assert len(patches) == count
    assert int(patches.labels.sum()) == n_faces


def test_default_is_the_exercise_s_number_of_rows() -> None:
    assert PrepareConfig().count == 11_038
    assert PrepareConfig().face_share == 0.5


def test_few_rows_come_from_many_photos(drawn: tuple[Annotations, Annotations]) -> None:
    patches = prepare_patches(*drawn, PrepareConfig(count=24))
    faces = patches.photo_indices[patches.kinds == FACE]
    assert len(faces) == len(set(faces.tolist())) == 12


def test_without_face_free_photos_the_other_kinds_fill_the_rows(
    drawn: tuple[Annotations, Annotations],
) -> None:
    patches = prepare_patches(drawn[0], config=PrepareConfig(count=101))
    assert len(patches) == 101
    assert not (patches.kinds == FACE_FREE).any()


def test_photos_filled_by_their_face_need_negatives(tmp_path: Path) -> None:
    image = noise(1)
    path = save(tmp_path / "a.png", image)
    close = AnnotatedPhoto(
        path, np.float32([[0, 0, 200, 160]]), np.zeros(1, bool), "a.png", 200, 160, False
    )
    with pytest.raises(PatchesError, match=r"Cannot cut 10 rows: 5 that show no face.*--negatives"):
        prepare_patches(Annotations((close,)), config=PrepareConfig(count=10))


# The same again


def test_same_seed_same_bytes_whatever_threads_and_order(
    drawn: tuple[Annotations, Annotations], prepared: Patches
) -> None:
    annotations, free = drawn
    config = PrepareConfig(count=200)
    reversed_boxes = [
        AnnotatedPhoto(p.path, p.boxes[::-1], p.ignored[::-1], p.name, p.width, p.height)
        for p in annotations.photos
    ]
    shuffled = Annotations(tuple(reversed_boxes[::-1])), Annotations(free.photos[::-1])
    for given, threads in ((drawn, 1), (drawn, 5), (shuffled, 3)):
        again = prepare_patches(*given, config, threads=threads)
        assert arrays_of(again) == arrays_of(prepared)


def test_another_seed_gives_other_bytes(
    drawn: tuple[Annotations, Annotations], prepared: Patches
) -> None:
    other = arrays_of(prepare_patches(*drawn, PrepareConfig(count=200, seed=1)))
    same = arrays_of(prepared)
    assert [key for key in same if same[key] == other[key]] == []


# Splits


def test_photos_never_straddle_the_split(prepared: Patches) -> None:
    for photo in range(len(prepared.photo_names)):
        assert len(set(prepared.splits[prepared.photo_indices == photo].tolist())) == 1
    assert sum(len(prepared.rows_of(split)) for split in SPLITS) == len(prepared)


def test_splits_have_their_shares_and_do_not_move() -> None:
    names = [f"photo {number}" for number in range(4000)]
    splits = draw_splits(names, 0, SplitShares())
    # 0.7, 0.15, 0.15 of 4000; four standard deviations are 116 and 91 photos.
    counts = np.bincount(splits, minlength=3)
    assert np.abs(counts - [2800, 600, 600]).max() < 116
    np.testing.assert_array_equal(
        draw_splits(names[1000:2000], 0, SplitShares()), splits[1000:2000]
    )
    assert (draw_splits(names, 1, SplitShares()) != splits).any()
    assert set(draw_splits(names, 0, SplitShares(0, 0, 1))) == {2}
    assert set(draw_splits(names, 0, SplitShares(0.5, 0.5, 0))) == {0, 1}
    for shares in ((0.5, 0.5, 0.5), (-0.5, 1, 0.5), (float("nan"), 0.5, 0.5)):
        with pytest.raises(ValueError, match="add up to 1; got"):
            SplitShares(*shares)


def altered(image: Image.Image, how: str) -> Image.Image:
    if how == "recompressed":
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=35)
        return Image.open(stream)
    if how == "resized":
        return image.resize((image.width * 2 // 3, image.height * 2 // 3))
    return ImageEnhance.Brightness(image).enhance(1.15)


def test_near_duplicates_never_straddle_the_split(tmp_path: Path) -> None:
    photos = []
    for seed in range(9):
        photo = annotated(tmp_path / f"{seed}.png", seed, (70, 50, 118, 98))
        photos.append(photo)
        for how in ("recompressed", "resized", "brighter"):
            name = f"{how} {seed}.png"
            copy = altered(Image.open(photo.path), how)
            copy.save(tmp_path / name)
            scale = copy.width / 200
            photos.append(
                AnnotatedPhoto(
                    tmp_path / name, photo.boxes * scale, photo.ignored, name, *copy.size
                )
            )
    patches = prepare_patches(
        Annotations(tuple(photos)),
        config=PrepareConfig(count=80, split=SplitShares(0.4, 0.3, 0.3)),
    )
    splits: dict[str, set[int]] = {}
    for row, photo_index in enumerate(patches.photo_indices):
        seed_name = patches.photo_names[photo_index].split()[-1]
        splits.setdefault(seed_name, set()).add(int(patches.splits[row]))
    assert len(splits) == 9
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) == 3
    # And different photos are told apart.
    prints = [fingerprint(read_image(photo.path, max_side=64)) for photo in photos]
    assert len(set(group_duplicates(prints).tolist())) == 9


def test_duplicates_are_grouped_through_each_other() -> None:
    first, third = noise(1).astype(float), noise(2).astype(float)
    chain = [first * (1 - part) + third * part for part in np.linspace(0, 1, 25)]
    prints = [fingerprint(image.astype(np.uint8)) for image in chain]
    assert set(group_duplicates(prints).tolist()) == {0}
    assert group_duplicates([prints[0], prints[-1]]).tolist() == [0, 1]
    assert group_duplicates([]).tolist() == []
    flat = [fingerprint(np.full((5, 7, 3), value, np.uint8)) for value in (0, 9, 255)]
    assert group_duplicates(flat).tolist() == [0, 0, 0]


# Photos that cannot be used


def test_truncated_photos_are_left_out_and_named(
    tmp_path: Path, drawn: tuple[Annotations, Annotations]
) -> None:
    good = annotated(tmp_path / "good.png", 1, (20, 40, 60, 80))
    bad = annotated(tmp_path / "bad.png", 2, (20, 40, 60, 80))
    bad.path.write_bytes(bad.path.read_bytes()[:-500])
    bad = AnnotatedPhoto(
        bad.path, bad.boxes, bad.ignored, bad.name, 200, 160, where="faces.json image 7"
    )
    problems: list[Problem] = []
    steps: list[int] = []
    patches = prepare_patches(
        Annotations((bad, good)),
        config=PrepareConfig(count=20),
        report=problems.append,
        progress=lambda: steps.append(1),
    )
    assert len(patches) == 20
    assert patches.photo_names == ("good.png",)
    assert [(problem.where, problem.skipped) for problem in problems] == [
        ("faces.json image 7", "photo")
    ]
    assert "bad.png is damaged" in problems[0].message
    assert len(steps) <= 4
    with pytest.raises(AnnotationError, match=r"faces\.json image 7: .*bad\.png is damaged"):
        prepare_patches(Annotations((bad, good, *drawn[0].photos)), strict=True)


def test_annotated_faces_are_never_taken_for_face_free(tmp_path: Path) -> None:
    """A folder of negatives that holds the annotated photos too would poison the labels."""
    photo = annotated(tmp_path / "photos/a.png", 1, (20, 40, 60, 80))
    save(tmp_path / "photos/free.png", noise(9))
    free = load_face_free([tmp_path / "photos"])
    assert len(free) == 2
    problems: list[Problem] = []
    config = PrepareConfig(count=40)
    patches = prepare_patches(Annotations((photo,)), free, config, report=problems.append)
    assert green(patches.images[patches.kinds == FACE_FREE]).max() == 0
    assert [(problem.where, problem.skipped) for problem in problems] == [
        ((tmp_path / "photos/a.png").as_posix(), "photo")
    ]
    assert "the annotations give it 1 face (a.png)" in problems[0].message
    with pytest.raises(AnnotationError, match="expected a photo without faces"):
        prepare_patches(Annotations((photo,)), free, config, strict=True)


def test_nothing_to_cut_from() -> None:
    with pytest.raises(PatchesError, match=r"No face to cut: none of the 0 annotated photos"):
        prepare_patches(Annotations(()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 1}, "`count` must be at least 2; got count=1"),
        ({"seed": -1}, "`seed` must be 0 or more; got seed=-1"),
        ({"face_share": 1.0}, "`face_share` must lie between 0 and 1; got face_share=1.0"),
        ({"min_face": 0.0}, "`min_face` must be positive"),
        ({"min_face": float("nan")}, "`min_face` must be positive"),
    ],
)
def test_config_is_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrepareConfig(**arguments)


# The file


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
    with pytest.raises(PatchesError, match="damaged"):
        load_patches(tmp_path)


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


# The contact sheet


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
