"""What an audit finds, decides and writes, against answers worked by hand; and its folds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.curation.label_audit.decisions import (
    COLUMNS,
    DecisionsError,
    match_decisions,
    read_decisions,
    write_decisions,
)
from facesmith.curation.label_audit.findings import Audit, AuditConfig, SourceOffset
from facesmith.curation.label_audit.folds import divide, enough_epochs, minutes, write_found
from facesmith.curation.label_audit.label_errors import audit_photos, label_error_factor
from facesmith.curation.label_audit.offsets import in_style_of, source_offsets
from facesmith.curation.label_audit.report import audit_dict, correct, write_audit
from facesmith.curation.label_audit.test_time_augmentation import augmented_support, box_support
from facesmith.errors import TrainingError
from facesmith.evaluation.detections import read_detections
from facesmith.faces import Faces
from facesmith.files import OutputFolder
from facesmith.images import read_image, write_image

Box = tuple[float, float, float, float]


def photo(
    boxes: Sequence[Box],
    *,
    name: str = "a.png",
    folder: Path = Path(),
    ignored: Sequence[int] = (),
    source: str = "",
    size_wh: tuple[int, int] = (400, 300),
) -> AnnotatedPhoto:
    flags = np.zeros(len(boxes), bool)
    flags[list(ignored)] = True
    return AnnotatedPhoto(
        path=folder / name,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=flags,
        name=name,
        width=size_wh[0],
        height=size_wh[1],
        source=source,
    )


def found(*rows: tuple[float, ...]) -> Faces:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


def judge(photos: Sequence[AnnotatedPhoto], faces: Sequence[Faces], **limits: float) -> Audit:
    return audit_photos(
        photos, faces, judged_by="spots", config=AuditConfig(**{"min_suspicion": 0.5} | limits)
    )


def told(audit: Audit) -> list[tuple[str, int, float]]:
    return [(f.reason, f.box_index, round(f.score, 3)) for f in audit.findings]


# Suspicious boxes


def test_a_box_is_as_suspicious_as_the_detector_is_unsure() -> None:
    """With few boxes the suspicion is 1 - the highest score with an IoU of 0.4 or more."""
    one = photo([(0, 0, 40, 40), (100, 0, 140, 40), (200, 0, 240, 40), (300, 0, 340, 40)])
    # Seen surely; seen weakly, and by a weaker one too; not seen; seen with half and a little.
    faces = found((1, 0, 41, 40, 0.9), (100, 0, 140, 40, 0.3), (100, 2, 140, 42, 0.2),
                  (300, 0, 340, 40, 0.55))  # fmt: skip
    audit = judge([one], [faces])
    assert told(audit) == [("no face", 2, 1.0), ("no face", 1, 0.7)]
    assert audit.n_found == 2, "with a score of at least 0.5"
    assert [f.support for f in audit.findings] == [0, pytest.approx(0.3)]
    assert [f.number for f in audit.findings] == [1, 2]
    assert told(judge([one], [faces], min_suspicion=0.4))[2] == ("no face", 3, 0.45)
    assert told(judge([one], [faces], min_suspicion=0.8)) == [("no face", 2, 1.0)]


def test_a_detection_supports_a_box_from_an_overlap_of_two_fifths_on() -> None:
    # Boxes of 40x40 moved by d overlap by (40 - d) / (40 + d): 0.429 for 16, 0.379 for 18.
    one = photo([(0, 0, 40, 40), (100, 0, 140, 40)])
    audit = judge([one], [found((16, 0, 56, 40, 0.7), (118, 0, 158, 40, 0.7))])
    assert told(audit) == [("no face", 1, 1.0)]


def test_low_scores_tell_little_where_they_are_common() -> None:
    """200 low boxes, 100 of them unseen; 200 high ones, 10 unseen.

    The reference is the higher half: 10 of 200, with the one that is added 11 / 202. There are
    four bins of 100. In the lower ones 50 are unseen, 51 / 102; the ratio is 0.1089, twice
    that 0.2178. In the upper ones 5 of 100, 6 / 102; the ratio is 0.9257, more than a half.
    """
    heights = np.concatenate([np.linspace(10, 20, 200), np.linspace(50, 90, 200)])
    support = np.ones(400)
    support[:200:2] = 0
    support[200::20] = 0
    assert label_error_factor(support, heights)[support == 0][:100] == pytest.approx(
        0.2178, abs=5e-5
    )
    assert (label_error_factor(support, heights)[200:] == 1).all()
    assert (label_error_factor(support, heights)[support == 1] == 1).all()
    # Fewer than two bins of 100: all heights are judged alike.
    assert (label_error_factor(support[:199], heights[:199]) == 1).all()
    assert label_error_factor(np.zeros(0), np.zeros(0)).tolist() == []


def test_the_factor_does_not_depend_on_order_or_scale() -> None:
    rng = np.random.default_rng(0)
    support, heights = rng.random(500), rng.uniform(10, 100, 500)
    order = rng.permutation(500)
    mixed = label_error_factor(support[order], 3 * heights[order])
    assert np.array_equal(mixed, label_error_factor(support, heights)[order])
    assert ((mixed > 0) & (mixed <= 1)).all()


def test_a_box_beside_a_sure_detection_is_badly_drawn() -> None:
    # The first: 40x40, detection moved by 20: IoU 20 / 60. The second has a detection that fits
    # better than one half, and a sure one of another face beside it.
    one = photo([(0, 0, 40, 40), (200, 0, 240, 40)])
    faces = found((20, 0, 60, 40, 0.9), (202, 0, 242, 40, 0.6), (222, 0, 262, 40, 0.95))
    audit = judge([one], [faces])
    assert told(audit) == [("badly drawn", 0, 0.6)]  # 0.9 x (1 - 1/3)
    assert audit.findings[0].iou == pytest.approx(1 / 3)
    # A detection that is not sure says nothing of the place, only that the box has no support.
    assert told(judge([one], [found((20, 0, 60, 40, 0.7), (200, 0, 240, 40, 1))])) == [
        ("no face", 0, 1.0)
    ]


def test_of_two_boxes_on_one_face_the_worse_one_is_told() -> None:
    # Overlaps with the detection (0, 0, 40, 40): 36/40 = 0.9 and 38/40 = 0.95; among themselves
    # 36/38 = 0.947.
    one = photo([(0, 0, 40, 36), (0, 0, 40, 38), (100, 100, 140, 140)])
    audit = judge([one], [found((0, 0, 40, 40, 0.9), (100, 100, 140, 140, 0.9))])
    assert told(audit) == [("second box", 0, 0.947)]
    # Drawn alike: the later one.
    twins = photo([(0, 0, 40, 40), (0, 0.5, 40, 40.5)])
    assert told(judge([twins], [found((0, 0.25, 40, 40.25, 0.9))]))[0][:2] == ("second box", 1)


class HalfAndHalf:
    """Finds a white square with a grey half if the grey is below, with the score 0.9.

    Of a mirrored photo it says the same; of one that is turned it finds nothing. It sees squares
    from 40 px on.
    """

    n_calls = 0

    def __call__(self, image: np.ndarray, *, min_score: float) -> Faces:
        assert min_score <= 0.01
        self.n_calls += 1
        rows, columns = np.nonzero(image[..., 0] > 50)
        if not len(rows) or np.ptp(rows) < 40:
            return Faces.empty()
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        middle_x, quarter = (box[0] + box[2]) // 2, (box[3] - box[1]) // 4
        above, below = image[box[1] + quarter, middle_x, 0], image[box[3] - quarter, middle_x, 0]
        return found((*box, 0.9)) if above > 200 > below else Faces.empty()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_closer_look_sees_small_faces_that_lie_on_their_side(turns: int) -> None:
    square = np.full((20, 20), 255, np.uint8)
    square[10:] = 100
    image = np.zeros((60, 90, 3), np.uint8)
    image[5:25, 60:80] = np.rot90(square, turns)[..., None]
    assert len(HalfAndHalf()(image, min_score=0)) == 0, "too small in the photo as it is"
    box = np.float32([60, 5, 80, 25])
    assert box_support(image, box, HalfAndHalf()) == pytest.approx(0.9)
    # A box beside it is not supported by it.
    assert box_support(image, box - np.float32([18, 0, 18, 0]), HalfAndHalf()) == 0


def test_a_score_of_one_direction_is_the_mean_of_plain_and_mirrored() -> None:
    calls = iter([0.2, 0.6, 0.3, 0.3, 0.0, 0.9, 0.0, 0.0])

    def detector(image: np.ndarray, *, min_score: float) -> Faces:
        del min_score
        edges = image.shape[1] / 3, image.shape[1] * 2 / 3  # the box, three times smaller
        return found((edges[0], edges[0], edges[1], edges[1], next(calls)))

    image = np.zeros((100, 100, 3), np.uint8)
    # Pairs: 0.4, 0.3, 0.45, 0.
    assert box_support(image, np.float32([40, 40, 60, 60]), detector) == pytest.approx(0.45)


def test_only_boxes_without_support_are_looked_at_again(tmp_path: Path) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[0:20, 0:10], image[0:20, 10:20] = 255, 100  # lies on its right side
    write_image(tmp_path / "a.png", image)
    one = photo([(0, 0, 20, 20), (100, 100, 130, 130), (200, 0, 240, 40)], folder=tmp_path)
    faces = [found((200, 0, 240, 40, 0.9))]
    first, detector = judge([one], faces), HalfAndHalf()
    assert [f.box_index for f in first.findings] == [1, 0]
    augmented = augmented_support(first, lambda _: detector)
    assert augmented == {(0, 0): pytest.approx(0.9), (0, 1): 0}
    assert detector.n_calls == 16
    config = AuditConfig(min_suspicion=0.5)
    again = audit_photos([one], faces, judged_by="spots", config=config, augmented=augmented)
    assert told(again) == [("no face", 1, 1.0)]
    # What was found in the photo as it is counts where it is more.
    less = {(0, 0): 0.3, (0, 2): 0.0}
    weak = audit_photos([one], faces, judged_by="spots", config=config, augmented=less)
    assert told(weak) == [("no face", 1, 1.0), ("no face", 0, 0.7)]


def test_ignored_boxes_are_no_findings() -> None:
    one = photo([(0, 0, 40, 40), (100, 0, 140, 40)], ignored=[0])
    assert told(judge([one], [Faces.empty()])) == [("no face", 1, 1.0)]
    assert judge([one], [Faces.empty()]).n_boxes == 1


# Missed faces


def test_a_sure_detection_without_a_box_is_a_missed_face() -> None:
    one = photo([(0, 0, 40, 40), (200, 0, 300, 100)], ignored=[1])
    faces = found(
        (0, 0, 40, 40, 0.95),
        (100, 100, 130, 140, 0.9),  # free
        (100, 200, 130, 215, 0.8),  # free, just sure enough, 15 px
        (150, 200, 180, 240, 0.79),  # not sure
        (210, 10, 240, 50, 0.99),  # IoU 0.12, but inside of an ignored region
        (30, 0, 70, 40, 0.9),  # beside the first: IoU 10 / 70
    )
    audit = judge([one], [faces])
    assert [(f.reason, *f.box.tolist()) for f in audit.findings] == [
        ("no box", 30, 0, 70, 40),
        ("no box", 100, 100, 130, 140),
        ("no box", 100, 200, 130, 215),
    ]
    assert [f.rank for f in audit.findings] == [1, 2, 3]
    high = judge([one], [faces], min_height=16)
    assert len(high.findings) == 2
    assert len(judge([one], [faces], min_score=0.75).findings) == 4


def test_a_face_in_a_face_free_photo_is_missed() -> None:
    audit = judge([photo([]), photo([], name="b.png")], [Faces.empty(), found((5, 5, 30, 30, 1))])
    assert [(f.photo.name, f.kind) for f in audit.findings] == [("b.png", "missed")]
    assert audit.n_boxes == 0


def test_findings_do_not_depend_on_the_order_of_photos() -> None:
    rng = np.random.default_rng(1)
    photos, faces = [], []
    for i in range(60):
        corners = rng.uniform(0, 200, (4, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(10, 90, (4, 1))], axis=1)
        photos.append(photo([tuple(box) for box in boxes], name=f"{i}.png"))
        seen = np.clip(boxes + rng.normal(0, 4, boxes.shape), 0, 300)
        faces.append(found(*[(*box, rng.random()) for box in seen]))
    forward = judge(photos, faces)
    backward = judge(photos[::-1], faces[::-1])
    assert len(forward.findings) > 40
    assert [(f.photo.name, f.box_index, f.score) for f in forward.findings] == [
        (f.photo.name, f.box_index, f.score) for f in backward.findings
    ]


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry per photo; got 0 for 1 photos"):
        audit_photos([photo([])], [], judged_by="spots")
    with pytest.raises(ValueError, match="`min_score` must be between 0 and 1"):
        AuditConfig(min_score=1.5)
    with pytest.raises(ValueError, match="`min_height`"):
        AuditConfig(min_height=-1)


# Offsets


def shifted(n: int, source: str) -> tuple[AnnotatedPhoto, Faces]:
    """Boxes 44 wide and 40 high, whose centres lie 2 px left of detections of 40x40."""
    boxes = [(16.0 + 60 * i, 20.0, 60.0 + 60 * i, 60.0) for i in range(n)]
    seen = [(20.0 + 60 * i, 20.0, 60.0 + 60 * i, 60.0, 0.9) for i in range(n)]
    return photo(boxes, source=source, size_wh=(60 * n + 20, 100)), found(*seen)


def test_systematic_offsets_are_told_by_source() -> None:
    one, faces = shifted(30, "hasty")
    other = photo([(20, 20, 60, 60)], source="exact", name="b.png")
    offsets = source_offsets([one, other], [faces, found((20, 20, 60, 60, 0.9))])
    assert [offset.source for offset in offsets] == ["exact", "hasty"]
    hasty = offsets[1]
    # Centre at 38 instead of 40: -2 / 40; width 44 / 40.
    assert (hasty.n_pairs, hasty.right, hasty.down) == (30, pytest.approx(-0.05), 0)
    assert (hasty.wider, hasty.higher) == (pytest.approx(0.1), 0)
    assert hasty.in_words() == (
        "Boxes of source hasty lie 5 % of their width further to the left and are 10 % wider than "
        "the detector's (30 compared)."
    )
    assert "only 1 to compare" in offsets[0].in_words()


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (SourceOffset("", 50), "Boxes lie where the detector's do (50 compared)."),
        (
            SourceOffset("", 50, right=0.03, down=0.04, higher=-0.02),
            (
                "Boxes lie 3 % of their width further to the right and lie 4 % of their height "
                "lower than the detector's (50 compared)."
            ),
        ),
        (
            SourceOffset("a", 50, down=-0.04, wider=-0.05),
            (
                "Boxes of source a lie 4 % of their height higher and are 5 % narrower than the "
                "detector's (50 compared)."
            ),
        ),
    ],
)
def test_offsets_in_words(offset: SourceOffset, words: str) -> None:
    assert offset.in_words() == words


def test_boxes_are_judged_and_added_as_the_annotator_draws() -> None:
    """All boxes of a source are twice as high as the detector's: none is badly drawn."""
    boxes = [(20.0 + 60 * i, 20.0, 60.0 + 60 * i, 100.0) for i in range(30)]
    seen = [(20.0 + 60 * i, 40.0, 60.0 + 60 * i, 80.0, 0.9) for i in range(31)]
    one = photo(boxes, size_wh=(1900, 110))
    audit = judge([one], [found(*seen)])
    assert [f.reason for f in audit.findings] == ["no box"]
    assert audit.findings[0].box.tolist() == [1820, 20, 1860, 100]
    # Of too few pairs nothing is concluded.
    few = [found(*seen[:10])]
    assert in_style_of(one, few[0], {"": source_offsets([one], few)[0]}) == few[0]


def test_boxes_at_the_border_and_ignored_ones_are_not_compared() -> None:
    one = photo([(0, 0, 40, 40), (100, 100, 140, 140), (200, 100, 240, 140)], ignored=[1])
    faces = found((0, 0, 40, 40, 1), (100, 100, 140, 140, 1), (200, 100, 240, 140, 0.4))
    assert source_offsets([one], [faces]) == (SourceOffset("", 0),)
    assert source_offsets([photo([])], [Faces.empty()]) == ()


# Decisions and the corrected annotations


@pytest.fixture
def audited() -> Audit:
    """Findings 1: box 1 of a.png; 2: box 0 of b/b.png; 3 and 4: missed faces of b/b.png, a.png."""
    one = replace(
        photo([(0, 0, 40, 40), (100, 0, 150, 50)], source="s"),
        attributes=({"mask": "yes"}, {"mask": "no"}),
    )
    two = photo([(50, 50, 90, 90)], name="b/b.png")
    return judge(
        [one, two],
        [
            found((0, 0, 40, 40, 0.9), (200, 200, 230, 230, 0.85)),
            found((50, 50, 90, 90, 0.1), (200, 100, 240, 140, 0.95)),
        ],
    )


def boxes_of(one: AnnotatedPhoto) -> list[tuple[list[float], bool, dict[str, str]]]:
    return [
        (box, ignored, dict(said))
        for box, ignored, said in zip(
            one.boxes.tolist(), one.ignored.tolist(), one.attributes, strict=True
        )
    ]


def test_corrected_photos_keep_every_box(audited: Audit) -> None:
    first, second = correct(audited)
    assert boxes_of(first) == [
        ([0, 0, 40, 40], False, {"mask": "yes"}),
        ([100, 0, 150, 50], True, {"mask": "no", "audit": "suspicious"}),
        ([200, 200, 230, 230], True, {"audit": "missed"}),
    ]
    assert boxes_of(second) == [
        ([50, 50, 90, 90], True, {"audit": "suspicious"}),
        ([200, 100, 240, 140], True, {"audit": "missed"}),
    ]
    assert (first.source, second.source) == ("s", "")
    assert audited.photos[0].ignored.tolist() == [False, False], "the photos stay as they are"


def test_missed_faces_can_be_added_and_findings_refused(audited: Audit) -> None:
    first, second = correct(audited, frozenset({1, 3}), add_missed=True)
    assert first.ignored.tolist() == [False, False, False]
    assert first.attributes[2] == {"audit": "missed"}
    assert second.ignored.tolist() == [True]
    assert correct(audited, frozenset({2, 3}))[1] is audited.photos[1]


def test_decisions_are_read_back_as_a_person_has_left_them(audited: Audit, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    write_decisions(path, audited, frozenset({3}))
    lines = path.read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1] == "1,suspicious,no face,a.png,100.0,0.0,150.0,50.0,1.000,accept"
    assert lines[3] == "3,missed,no box,b/b.png,200.0,100.0,240.0,140.0,0.950,refuse"
    assert match_decisions(audited, read_decisions(path)) == (frozenset({3}), [])
    lines[1] = lines[1].replace("accept", "Refuse ")
    lines[3] = lines[3].replace("refuse", "")
    path.write_text("\r\n".join(lines).replace(",", ";") + "\n", encoding="utf-8-sig")
    assert match_decisions(audited, read_decisions(path))[0] == {1}


def test_decisions_hold_when_the_numbers_change(audited: Audit, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    write_decisions(path, audited, frozenset({2, 3}))
    # Another detector: the first finding is gone, the missed face lies 2 px further right.
    other = judge(
        audited.photos,
        [
            found((0, 0, 40, 40, 0.9), (100, 0, 150, 50, 0.9)),
            found((202, 100, 242, 140, 0.9)),
        ],
    )
    refused, others = match_decisions(other, read_decisions(path))
    assert [(f.number, f.photo.name) for f in other.findings] == [(1, "b/b.png"), (2, "b/b.png")]
    assert refused == {1, 2}
    # Decisions about none of the findings are kept for the next time.
    assert [(one.kind, one.file) for one in others] == [
        ("suspicious", "a.png"),
        ("missed", "a.png"),
    ]
    write_decisions(path, other, refused, others)
    assert len(read_decisions(path)) == 4
    assert match_decisions(audited, read_decisions(path))[0] == {2, 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": "no"}, "line 2: expected accept or refuse as `decision`, got 'no'"),
        (
            {"kind": "odd"},
            "line 2: expected one of suspicious, missed, doubtful as `kind`, got 'odd'",
        ),
        ({"x_min": "left"}, "line 2: expected a number as `x_min`, got 'left'"),
        ({"x_min": "nan"}, "line 2: expected finite edges"),
    ],
)
def test_lines_that_cannot_be_used_are_named(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    row = dict.fromkeys(COLUMNS, "1") | {"kind": "missed", "decision": "accept"} | changes
    path = tmp_path / "decisions.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    with pytest.raises(DecisionsError, match=message):
        read_decisions(path)


def test_other_files_are_no_decisions(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(b"number,file\n1,a.png\n")
    with pytest.raises(DecisionsError, match="expected the columns number, kind"):
        read_decisions(path)
    path.write_bytes(b"")
    with pytest.raises(DecisionsError, match=r"decisions\.csv is empty"):
        read_decisions(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DecisionsError, match="UTF-8"):
        read_decisions(path)


# What is written


def audit_on_disk(folder: Path, n_unseen: int) -> Audit:
    """One photo with that many unseen boxes of 4x4."""
    size = (800, 600)
    write_image(folder / "a.png", np.full((size[1], size[0], 3), 90, np.uint8))
    boxes = [(8.0 * (i % 90), 8.0 * (i // 90), 8.0 * (i % 90) + 4, 8.0 * (i // 90) + 4.0)
             for i in range(n_unseen)]  # fmt: skip
    return judge([photo(boxes, folder=folder, size_wh=size)], [Faces.empty()])


@pytest.fixture
def per_page(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("facesmith.curation.label_audit.sheets.PER_PAGE", 4)
    return 4


def test_the_files_agree_with_each_other(tmp_path: Path, per_page: int) -> None:
    audit = audit_on_disk(tmp_path, per_page + 3)
    paths = write_audit(audit, tmp_path / "out", refused=frozenset({2}))
    names = ["audit.json", "corrected.json", "decisions.csv", "missed.png", "suspicious-2.png",
             "suspicious.png"]  # fmt: skip
    assert sorted(path.name for path in paths) == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    written = json.loads((tmp_path / "out/audit.json").read_text())
    assert written == audit_dict(audit, frozenset({2}), n_shown=240)
    findings = written["findings"]
    assert (written["n_boxes"], written["n_suspicious"], written["n_missed"]) == (7, 7, 0)
    assert [f["page"] for f in findings].count("suspicious.png") == per_page
    assert findings[-1]["page"] == "suspicious-2.png"
    assert [f["decision"] for f in findings[:3]] == ["accept", "refuse", "accept"]
    assert findings[0]["box"] == [0, 0, 4, 4]
    again = load_annotations(tmp_path / "out/corrected.json", tmp_path)
    assert again.photos[0].ignored.tolist() == [i != 1 for i in range(7)]
    assert again.problems == ()


def test_fewer_pages_replace_more(tmp_path: Path, per_page: int) -> None:
    audit = audit_on_disk(tmp_path, 2 * per_page + 1)
    OutputFolder(tmp_path, "report").add()
    write_audit(audit, tmp_path)
    assert (tmp_path / "suspicious-3.png").exists()
    write_audit(audit, tmp_path, n_shown=per_page)
    assert [p.name for p in sorted(tmp_path.glob("suspicious*.png"))] == ["suspicious.png"]
    pages = [f["page"] for f in json.loads((tmp_path / "audit.json").read_text())["findings"]]
    assert pages == ["suspicious.png"] * per_page + [None] * (per_page + 1)


def test_a_cell_shows_the_box_in_orange(tmp_path: Path) -> None:
    audit = audit_on_disk(tmp_path, 1)
    write_audit(audit, tmp_path)
    pixels = read_image(tmp_path / "suspicious.png")
    orange = (pixels == (67, 112, 255)).all(axis=2)  # blue first
    assert orange.sum() > 30
    empty_height = read_image(tmp_path / "missed.png").shape[0]
    assert empty_height < 150 < pixels.shape[0], "nothing but a headline"


# Folds


def draw_photos(folder: Path, n: int) -> list[AnnotatedPhoto]:
    """Photos of noise, of which 2 and 3 are one picture in two sizes."""
    photos = []
    for i in range(n):
        rng = np.random.default_rng(2 if i == 3 else i)
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8))
        size = (120, 90) if i == 3 else (160, 120)
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{i}.png")
        photos.append(photo([], name=f"{i}.png", folder=folder, size_wh=size))
    return photos


def test_folds_are_even_and_keep_copies_together(tmp_path: Path) -> None:
    photos = draw_photos(tmp_path, 20)
    folds = divide(photos, 3)
    assert sorted(np.bincount(folds).tolist()) in ([6, 7, 7], [6, 6, 8])
    assert folds[2] == folds[3]
    assert np.array_equal(divide(photos[::-1], 3)[::-1], folds), "the order does not matter"
    assert not np.array_equal(divide(photos, 3, seed=1), folds)


def test_folds_need_as_many_photos(tmp_path: Path) -> None:
    photos = draw_photos(tmp_path, 4)
    with pytest.raises(TrainingError, match="4 folds need as many different photos; got 3"):
        divide(photos, 4)
    with pytest.raises(ValueError, match="at least 2; got n_folds=1"):
        divide(photos, 1)


def test_detections_are_read_as_they_were_written(tmp_path: Path) -> None:
    photos = [photo([], name="b/a.png"), photo([], name="a.png")]
    faces = [found((1.25, 2, 30.07, 41, 0.12345)), Faces.empty()]
    write_found(tmp_path / "found.jsonl", photos, faces)
    again = read_detections(tmp_path / "found.jsonl", tmp_path / "found.jsonl", photos)
    assert again[0].boxes[0].tolist() == pytest.approx([1.2, 2, 30.1, 41], abs=1e-5)
    assert again[0].scores.tolist() == pytest.approx([0.1234], abs=1e-4)
    assert len(again[1]) == 0


def test_time_grows_with_what_is_learned() -> None:
    # 1,000 photos in 3 folds: each is learned from twice. 100 face-free ones: three times.
    alone = minutes(1000, 0, 3, 8, 2)
    assert minutes(1000, 100, 3, 8, 2) == pytest.approx(alone * 2300 / 2000)
    assert minutes(1000, 0, 3, 16, 4) == pytest.approx(alone)


class Trainings:
    """Stands for the training: notes its photos, and leaves a detector of white spots."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.names: list[list[str]] = []
        self.fails_at = 0

    def __call__(self, photos: Any, out: Path, _: Any, **options: Any) -> dict[str, Any]:
        assert options["resume"]
        self.names.append([photo.name for photo in photos])
        if len(self.names) == self.fails_at:
            raise TrainingError("killed")
        out.mkdir(parents=True, exist_ok=True)
        (out / "detector.onnx").write_bytes(self.weights.read_bytes())
        return {}


@pytest.fixture
def trainings(spot_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    stand_in = Trainings(spot_weights)
    monkeypatch.setattr("facesmith.training.detector.train_detector", stand_in)
    return stand_in


def test_each_photo_is_judged_by_a_detector_that_has_not_seen_it(
    trainings: Trainings, tmp_path: Path
) -> None:
    from facesmith.curation.label_audit.folds import detect_in_folds  # noqa: PLC0415 - after the patch
    from spot_detector import spots  # noqa: PLC0415

    photos = draw_photos(tmp_path, 12)
    write_image(tmp_path / "5.png", spots(160, 120, (40, 32)))
    free = photo([], name="free.png")
    judged = detect_in_folds(photos, tmp_path / "folds", n_folds=3, face_free=[free])
    folds = divide(photos, 3)
    for fold, names in enumerate(trainings.names):
        assert names[-1] == "free.png"
        not_seen = {photos[i].name for i in np.flatnonzero(folds == fold)}
        assert set(names[:-1]) == {one.name for one in photos} - not_seen
    assert judged.found[5].boxes[0].tolist() == [28, 20, 60, 52]
    # A second time nothing is trained, and the answer is the same.
    again = detect_in_folds(photos, tmp_path / "folds", n_folds=3, face_free=[free])
    assert len(trainings.names) == 3
    assert again.found == judged.found
    assert [run.name for run in again.runs] == [f"fold-{fold + 1}" for fold in folds]
    detector_of = again.detectors()
    assert detector_of(0) is detector_of(int(np.flatnonzero(folds == folds[0])[1]))


def test_folds_go_on_where_they_were_and_only_with_the_same_photos(
    trainings: Trainings, tmp_path: Path
) -> None:
    from facesmith.curation.label_audit.folds import detect_in_folds, short_config  # noqa: PLC0415

    photos = draw_photos(tmp_path, 8)
    trainings.fails_at = 2
    with pytest.raises(TrainingError, match="killed"):
        detect_in_folds(photos, tmp_path / "folds", n_folds=2)
    detect_in_folds(photos, tmp_path / "folds", n_folds=2)
    assert trainings.names[1] == trainings.names[2]
    assert len(trainings.names) == 3
    with pytest.raises(TrainingError, match="folds of another audit: photos differ"):
        detect_in_folds(photos[1:], tmp_path / "folds", n_folds=2)
    with pytest.raises(TrainingError, match="epochs differ"):
        detect_in_folds(photos, tmp_path / "folds", n_folds=2, config=short_config(5))


def test_few_photos_are_learned_from_more_often() -> None:
    # 1,200 steps of 32: 31 an epoch of 1,000 photos, 38.7 epochs; 156 of 5,000, 7.7 epochs.
    assert [enough_epochs(n) for n in (10, 1000, 5000, 50_000)] == [1200, 39, 8, 8]


def test_folds_are_trained_in_a_short_way() -> None:
    pytest.importorskip("torch")
    from facesmith.curation.label_audit.folds import short_config  # noqa: PLC0415
    from facesmith.training.detector_config import DetectorConfig  # noqa: PLC0415

    short, quick = short_config(4, seed=3, threads=1), DetectorConfig.quick()
    assert (short.proposals.loop.epochs, short.proposals.loop.seed) == (4, 3)
    assert (short.proposals.loop.threads, short.refiner.loop.threads) == (1, 1)
    assert short.refiner.loop.epochs <= quick.refiner.loop.epochs
    assert short.proposals.network == quick.proposals.network
    assert short.proposals.batch_size == 32  # of which `enough_epochs` counts
