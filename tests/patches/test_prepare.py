"""Choosing and splitting: labels, kinds, counts, seeds, duplicates."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from facesmith.annotations import AnnotatedPhoto, Annotations, Problem, load_face_free
from facesmith.errors import AnnotationError, PatchesError
from facesmith.images import read_image
from facesmith.patches import KINDS, SPLITS, Patches, SplitShares
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
from patch_photos import annotated, arrays_of, green, noise, save
from told_progress import Told


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
    progress = Told()
    patches = prepare_patches(
        Annotations((bad, good)),
        config=PrepareConfig(count=20),
        report=problems.append,
        progress=progress,
    )
    assert len(patches) == 20
    assert patches.photo_names == ("good.png",)
    assert [(problem.where, problem.skipped) for problem in problems] == [
        ("faces.json image 7", "photo")
    ]
    assert "bad.png is damaged" in problems[0].message
    assert [report for report in progress.reports if report[1] == report[2]] == [
        ("Comparing photos", 2, 2),
        ("Cutting", 1, 1),
    ]
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
