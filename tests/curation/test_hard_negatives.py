"""Hard negatives: what is found, the file, and the crops and patches that show them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from facesmith.curation.hard_negatives import (
    Mining,
    MiningConfig,
    MiningError,
    merge_mined,
    mine,
    mined_checksum,
    read_mined,
    write_mined,
)
from facesmith.curation.hard_negatives.sheet import _shown, mined_sheet
from facesmith.detection.pyramid import Pyramid
from facesmith.errors import AnnotationError
from facesmith.pictures.contact_sheet import HEAD
from mined_photos import mined_box, photo
from spot_detector import SPOT_SCORE, spots
from told_progress import Told

EVERYTHING = MiningConfig(max_background_score=1.0)


class TestSearch:
    # A spot at (40, 32) is found as (28, 20, 60, 52), see `spot_detector`.

    def test_everything_in_a_face_free_photo_is_false(self, spot_weights, tmp_path):
        found = mine([photo(tmp_path, "a.png", spots(160, 120, (40, 32)))], spot_weights)
        (box,) = found.boxes
        assert box.box == (28, 20, 60, 52)
        assert box.score == pytest.approx(SPOT_SCORE, abs=1e-4)
        assert (box.file, box.size_wh, box.kind, box.scale) == ("a.png", (160, 120), "face-free", 1)
        assert found.n_photos("face-free") == 1
        assert found.n_photos("background") == 0

    @pytest.mark.parametrize(
        ("annotated", "is_false"),
        [
            pytest.param((28, 20, 60, 52), False, id="the face itself"),
            # Shared 8 x 32 = 256 of 1024 + 1024 - 256: IoU 0.143.
            pytest.param((52, 20, 84, 52), False, id="overlaps by more than a tenth"),
            # Shared 4 x 32 = 128 of 1920: IoU 0.067.
            pytest.param((56, 20, 88, 52), True, id="overlaps by less"),
            pytest.param((100, 60, 140, 100), True, id="elsewhere"),
        ],
    )
    def test_background_overlaps_no_face(self, spot_weights, tmp_path, annotated, is_false):
        one = photo(tmp_path, "a.png", spots(160, 120, (40, 32)), annotated)
        found = mine([one], spot_weights, EVERYTHING)
        assert [box.kind for box in found.boxes] == ["background"] * is_false

    def test_a_box_inside_a_large_ignored_one_is_no_background(self, spot_weights, tmp_path):
        """Its IoU with the crowd is 1024 / 19200 = 0.05, but all of it lies in the crowd."""
        image = spots(160, 120, (40, 32))
        crowd = photo(tmp_path, "a.png", image, (0, 0, 160, 120), ignored=(0,))
        face = photo(tmp_path, "b.png", image, (0, 0, 160, 120))
        found = mine([crowd, face], spot_weights, EVERYTHING)
        assert [box.file for box in found.boxes] == ["b.png"]

    def test_high_scores_in_the_background_are_left_out_and_counted(self, spot_weights, tmp_path):
        image = spots(160, 120, (40, 32))
        photos = [
            photo(tmp_path, "free.png", image),
            photo(tmp_path, "people.png", image, (100, 60, 140, 100)),
        ]
        found = mine(photos, spot_weights)
        assert [box.file for box in found.boxes] == ["free.png"]
        assert [box.file for box in found.likely_faces] == ["people.png"]
        assert found.likely_faces[0].score > 0.5

    def test_photos_with_a_box_that_could_not_be_used_are_not_searched(
        self, spot_weights, tmp_path
    ):
        one = photo(tmp_path, "a.png", spots(160, 120, (40, 32)), complete=False)
        found = mine([one], spot_weights, EVERYTHING)
        assert found.incomplete == ("a.png",)
        assert found.boxes == ()

    def test_low_scores_are_left_out(self, spot_weights, tmp_path):
        one = photo(tmp_path, "a.png", spots(160, 120, (40, 32)))
        assert not mine([one], spot_weights, MiningConfig(min_score=0.99)).boxes

    def test_a_damaged_photo_is_named_and_the_others_are_searched(self, spot_weights, tmp_path):
        image = spots(160, 120, (40, 32))
        photos = [photo(tmp_path, name, image) for name in ("a.png", "b.png")]
        photos[0].path.write_bytes(photos[0].path.read_bytes()[:60])
        told = Told()
        found = mine(photos, spot_weights, progress=told)
        assert [box.file for box in found.boxes] == ["b.png"]
        assert len(found.problems) == 1
        assert "a.png" in found.problems[0]
        assert told.reports == [("Photos", done, 2) for done in range(3)]

    def test_no_photo_no_box(self, spot_weights):
        found = mine([], spot_weights)
        assert (found.boxes, found.likely_faces, found.problems) == ((), (), ())

    def test_two_photos_of_one_name_are_refused(self, spot_weights, tmp_path):
        one = photo(tmp_path, "a.png", spots(64, 64))
        with pytest.raises(AnnotationError, match=r"but a\.png is both"):
            mine([one, one], spot_weights)

    def test_the_scale_is_that_of_the_look(self, spot_weights, tmp_path):
        """1600 pixels are seen at half the size: 1600 / 80 = 20, twice the smallest face.

        A spot of 16 pixels is one of 8 there, and its box has 32 x 2 = 64 pixels in the photo.
        """
        one = photo(tmp_path, "a.png", spots(1600, 400, (800, 160), side=16))
        (box,) = mine([one], spot_weights).boxes
        assert box.scale == 0.5
        assert box.box == (776, 136, 840, 200)

    @pytest.mark.parametrize(
        ("height", "scale"),
        [(100, 0.5), (479, 0.5), (481, 0.5 / 3), (1100, 0.5 / 3)],
    )
    def test_high_boxes_come_from_a_coarser_look(self, height, scale):
        """From 240 pixels at the network on, at a third: 480 pixels of a photo seen at one half."""
        plan = Pyramid(10, 240, 0).plan(1600, 1200)
        assert plan.scale == 0.5
        assert plan.scale_for(height) == pytest.approx(scale)

    @pytest.mark.slow
    def test_several_processes_find_the_same(self, spot_weights, tmp_path):
        photos = [
            photo(tmp_path, f"{i}.png", spots(160, 120, (8 * i + 16, 32)), (120, 90, 150, 118))
            for i in range(6)
        ]
        one, two = (mine(photos, spot_weights, EVERYTHING, workers=n) for n in (1, 2))
        assert one.boxes == two.boxes
        assert len(one.boxes) == 6

    @pytest.mark.parametrize("name", ["min_score", "max_background_score", "max_overlap"])
    def test_settings_are_fractions(self, name):
        with pytest.raises(ValueError, match=f"`{name}` must be between 0 and 1; got {name}=20"):
            MiningConfig(**{name: 20})


class TestFile:
    def test_what_is_written_is_read(self, tmp_path):
        boxes = (
            mined_box(),
            mined_box(file="b/c.png", kind="background", box=(0.25, 1, 300, 20.5), scale=1 / 3),
        )
        write_mined(tmp_path / "mined.json", boxes)
        assert read_mined(tmp_path / "mined.json") == boxes
        write_mined(tmp_path / "mined.json", ())
        assert read_mined(tmp_path / "mined.json") == ()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"file": 3}, "expected text as `file`, got 3"),
            ({"kind": "dog"}, "expected face-free or background as `kind`, got 'dog'"),
            ({"box": [1, 2, 3]}, r"expected 4 finite numbers as `box`, got \[1, 2, 3\]"),
            ({"box": [1, 2, 3, True]}, "expected 4 finite numbers as `box`"),
            ({"box": "1234"}, "expected 4 finite numbers as `box`"),
            ({"box": [50, 2, 40, 9]}, r"inside the photo of 300x200 pixels, got \[50, 2, 40, 9\]"),
            ({"box": [0, 0, 301, 9]}, "inside the photo of 300x200 pixels"),
            ({"score": float("nan")}, "expected a finite number as `score`, got nan"),
            ({"score": 1.5}, "expected a `score` from 0 to 1 .* got 1.5"),
            ({"scale": 0}, "a `scale` above 0, got 0.6 and 0"),
            ({"size_wh": [300.5, 200]}, "expected whole numbers as `size_wh`"),
            ({"detector": None}, "expected text as `detector`, got None"),
        ],
    )
    def test_wrong_entries_are_named(self, tmp_path, changes, message):
        path = tmp_path / "mined.json"
        write_mined(path, [mined_box(), mined_box()])
        content = json.loads(path.read_text())
        content["boxes"][1] |= changes
        path.write_text(json.dumps(content))
        with pytest.raises(MiningError, match=rf"mined\.json, boxes\[1\]: .*{message}"):
            read_mined(path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "not valid JSON"),
            ("", r"x\.json is empty"),
            ("[" * 100_000, "nested too deeply"),
            (
                '{"format": "facesmith mined boxes", "boxes": [{"file": "a", "detector": "b", '
                '"kind": "background", "size_wh": [1, ' + "9" * 400 + "]}]}",
                r"boxes\[0\]: expected 2 finite numbers as `size_wh`",
            ),
            ("[]", "expected a file that `facesmith mine` wrote"),
            ('{"boxes": []}', "expected a file that `facesmith mine` wrote"),
            (
                '{"format": "facesmith mined boxes", "boxes": [1]}',
                r"boxes\[0\]: expected an object",
            ),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, text, message):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(MiningError, match=message):
            read_mined(tmp_path / "x.json")


class TestMerge:
    def test_of_boxes_on_the_same_thing_the_best_stays(self):
        # The second is moved by 10 of 40 pixels: IoU 30 / 50 = 0.6. The third by 16 the other
        # way: 24 / 56 = 0.43 with the first.
        one = mined_box(score=0.5)
        near = mined_box(box=(110.0, 60.0, 150.0, 100.0), score=0.7, detector="ffffffffffff")
        far = mined_box(box=(84.0, 60.0, 124.0, 100.0), score=0.4)
        assert merge_mined([one], [near, far]) == (near, far)
        assert merge_mined([far, near], [one]) == (near, far)

    def test_a_merge_with_itself_changes_nothing(self):
        boxes = merge_mined([mined_box(file=f"{i}.png", score=i / 10) for i in range(5)])
        assert [box.score for box in boxes] == [0.4, 0.3, 0.2, 0.1, 0.0]
        assert merge_mined(boxes, boxes) == boxes
        assert merge_mined() == ()

    def test_one_name_for_two_photos_is_refused(self):
        with pytest.raises(MiningError, match=r"mined at (300x200|30x20) and at "):
            merge_mined([mined_box()], [mined_box(size_wh=(30, 20), box=(1.0, 1.0, 9.0, 9.0))])

    def test_the_checksum_tells_what_a_training_sees(self):
        one, two = mined_box(), mined_box(file="b.png")
        same = mined_checksum([one, two])
        assert mined_checksum([two, replace(one, score=0.9, detector="ab")]) == same
        assert mined_checksum([one]) != same
        assert mined_checksum([one, replace(two, scale=0.5)]) != same
        assert mined_checksum([one, replace(two, box=(1.0, 2.0, 9.0, 9.0))]) != same


def test_the_sheet_shows_the_best_scores_first(tmp_path):
    """Red surroundings for the box with the higher score, blue ones for the other."""
    red, blue = np.zeros((200, 300, 3), np.uint8), np.zeros((200, 300, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    photos = [photo(tmp_path, "a.png", red), photo(tmp_path, "b.png", blue)]
    boxes = (mined_box(score=0.9), mined_box(file="b.png", score=0.3))
    mining = Mining(boxes, (), {each.name: each for each in photos})
    sheet = np.asarray(mined_sheet(mining, "a detector"))
    first, second = sheet[HEAD + 10, 28 + 10], sheet[HEAD + 10, 28 + 180 + 10]
    assert first.tolist() == [255, 0, 0]
    assert second.tolist() == [0, 0, 255]
    assert np.asarray(mined_sheet(mining, "a detector", max_shown=1)).shape == sheet.shape
    empty = mined_sheet(Mining((), (), {}), "a detector")
    assert empty.height < HEAD + 50


@pytest.mark.parametrize(
    ("n_free", "n_background", "max_shown", "shown"),
    [
        (9, 9, 4, "ffbb"),
        (9, 9, 5, "fffbb"),
        (9, 1, 4, "fffb"),
        (1, 9, 4, "fbbb"),
        (0, 9, 4, "bbbb"),
        (1, 1, 4, "fb"),
        (9, 9, 1, "f"),
    ],
)
def test_both_kinds_have_their_place_on_the_sheet(n_free, n_background, max_shown, shown):
    """The best of each kind, whichever scores higher."""
    free = [mined_box(file=f"f{i}", score=0.9 - i / 100) for i in range(n_free)]
    background = [
        mined_box(file=f"b{i}", score=0.4 - i / 100, kind="background") for i in range(n_background)
    ]
    mining = Mining((*free, *background), (), {})
    files = [box.file for box in _shown(mining, max_shown)]
    assert "".join(file[0] for file in files) == shown
    assert files == [f"f{i}" for i in range(shown.count("f"))] + [
        f"b{i}" for i in range(shown.count("b"))
    ]
