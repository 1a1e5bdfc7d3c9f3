"""FDDB's files: what is accepted, and what is wrong where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.errors import AnnotationError, ImageError
from facesmith.evaluation.fddb import (
    choose_folds,
    read_fddb_detections,
    read_folds,
    read_sizes,
    write_fddb_detections,
)
from facesmith.images import write_image

ELLIPSES = {
    1: "2002/a/img_1\n1\n20.5 15.5 1.5 50.5 40.5  1\n2002/a/img_2\n0\n",
    2: "2002/b/img_1\n2\n10 8 0 30 30  1\n12 9 -1.2 60 60  1\n",
}
RECTANGLES = (
    "2002/a/img_1\n1\n30.5 20 40 40.25 0.9\n2002/a/img_2\n0\n"
    "2002/b/img_1\n2\n1 2 3 4 -7\n5 6 7 8 1e300\n"
)
SIZES = "image,width,height\n2002/a/img_1,100,90\n2002/a/img_2,80,70\n2002/b/img_1,120,110\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folds = tmp_path / "folds"
    folds.mkdir()
    for number, text in ELLIPSES.items():
        (folds / f"FDDB-fold-{number:02d}-ellipseList.txt").write_text(text)
        names = [line for line in text.splitlines() if "/" in line]
        (folds / f"FDDB-fold-{number:02d}.txt").write_text("\n".join(names) + "\n")
    (tmp_path / "found.txt").write_text(RECTANGLES)
    (tmp_path / "sizes.csv").write_text(SIZES)
    return tmp_path


def detections_of(folder: Path, **options):
    return read_fddb_detections([folder / "found.txt"], read_folds(folder / "folds"), **options)


def test_folds_are_read_in_the_order_of_their_numbers(folder):
    (folder / "folds/FDDB-fold-10-ellipseList.txt").write_text("x/img_9\n0\n")
    folds = read_folds(folder / "folds")
    assert [fold.number for fold in folds] == [1, 2, 10]
    assert folds[0].names == ("2002/a/img_1", "2002/a/img_2")
    assert folds[0].ellipses[0].tolist() == [[20.5, 15.5, 1.5, 50.5, 40.5]]
    assert folds[0].ellipses[1].shape == (0, 5)
    assert [fold.n_faces for fold in folds] == [1, 2, 0]
    assert [fold.number for fold in choose_folds(folds, [10, 1])] == [1, 10]


def test_rectangles_and_ellipses_are_told_apart_by_their_columns(folder):
    found = detections_of(folder)
    assert found.shape == "rectangle"
    assert found.regions["2002/b/img_1"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert found.scores["2002/b/img_1"].tolist() == [-7, 1e300]
    assert found.regions["2002/a/img_2"].shape == (0, 4)
    text = "2002/a/img_1\n1\n20 15 1.5 50 40 0.25\n2002/a/img_2\n0\n2002/b/img_1\n0\n"
    (folder / "found.txt").write_text(text)
    found = detections_of(folder)
    assert found.shape == "ellipse"
    assert found.regions["2002/a/img_1"].tolist() == [[20, 15, 1.5, 50, 40]]
    assert found.scores["2002/a/img_1"].tolist() == [0.25]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("img_1\n", "img_1.jpg\n"),
        lambda text: text.replace("2002/", "2002\\").replace("/img", "\\img"),
        lambda text: text + "\x1a",
        lambda text: text.replace("2002/b", "\x1a2002/b"),
        lambda text: "\ufeff" + text.replace("\n2002", "\n\n  2002") + "\n\n",
        lambda text: text.rstrip(),
    ],
    ids=[
        "CRLF",
        "suffix",
        "backslash",
        "DOS end of file",
        "joined files",
        "BOM and blank lines",
        "no last newline",
    ],
)
def test_harmless_differences_are_read_the_same(folder, change):
    expected = detections_of(folder)
    (folder / "found.txt").write_bytes(change(RECTANGLES).encode())
    found = detections_of(folder)
    for name, regions in expected.regions.items():
        np.testing.assert_array_equal(found.regions[name], regions)


def test_files_of_single_folds_are_read_one_after_the_other(folder):
    cut = RECTANGLES.index("2002/b")
    paths = [folder / "1.txt", folder / "2.txt"]
    paths[0].write_text(RECTANGLES[:cut])
    paths[1].write_text(RECTANGLES[cut:])
    folds = read_folds(folder / "folds")
    found = read_fddb_detections(paths, folds)
    assert list(found.regions) == [name for fold in folds for name in fold.names]
    sorted_out = read_fddb_detections(paths[::-1], folds)
    assert list(sorted_out.regions) == list(found.regions)


def test_only_the_wanted_folds_need_entries(folder):
    (folder / "found.txt").write_text(RECTANGLES[: RECTANGLES.index("2002/b")])
    folds = read_folds(folder / "folds")
    found = detections_of(folder, wanted=folds[:1])
    assert list(found.regions) == ["2002/a/img_1", "2002/a/img_2"]
    with pytest.raises(
        AnnotationError, match=r"1 of 3 images have no entry, .* 2002/b/img_1 \(fold 2"
    ):
        detections_of(folder)


BAD_DETECTIONS = {
    "too few lines": ("img_1\n1\n30", "img_1\n2\n30", r"line 4: the count of 2002/a/img_1 in line"),
    "too many lines": ("img_1\n2\n1", "img_1\n1\n1", r"line 9: expected the name of an image, got"),
    "file ends": ("img_1\n2\n1", "img_1\n3\n1", r"line 9: the file ends here, but the count of"),
    "no count": ("img_2\n0\n", "img_2\n", r"line 5: expected the number of lines of 2002/a/img_2"),
    "negative count": ("img_2\n0", "img_2\n-1", r"line 5: expected the number of lines .* '-1'"),
    "NaN score": ("-7", "nan", r"line 8 \(2002/b/img_1\): expected finite numbers"),
    "infinite score": ("1e300", "inf", r"line 9 \(2002/b/img_1\): expected finite numbers"),
    "overflowing score": ("1e300", "1e999", r"line 9 \(2002/b/img_1\): expected finite numbers"),
    "NaN edge": ("30.5", "nan", r"line 3 .*expected finite numbers"),
    "negative width": ("40 40.25", "-40 40.25", r"line 3 .*expected a width and a height of 0"),
    "negative height": ("40 40.25", "40 -1", r"line 3 .*expected a width and a height of 0"),
    "absurd box": ("30.5 20", "1e30 20", r"line 3 .*expected pixels, at most 16384"),
    "a word": ("40.25", "forty", r"line 3 .*expected 5 or 6 numbers"),
    "no score": (
        " 0.9\n",
        "\n",
        r"line 3: the count of .* is 1, but after 0 lines|line 3 .*5 or 6",
    ),
    "another kind": ("5 6 7 8 1e300", "5 6 7 8 9 1e300", r"line 9 .*the same for all lines"),
    "underscore": ("40.25", "4_0.25", r"line 3 .*expected 5 or 6 numbers"),
    "unknown": ("a/img_2", "a/img_7", r"line 4: no fold lists the image '2002/a/img_7'"),
    "twice": ("b/img_1", "a/img_1.jpg", r"line 6: 2002/a/img_1 stands already in .* line 1"),
}


@pytest.mark.parametrize("case", BAD_DETECTIONS)
def test_wrong_detections_are_named_with_file_and_line(folder, case):
    old, new, message = BAD_DETECTIONS[case]
    assert old in RECTANGLES
    (folder / "found.txt").write_text(RECTANGLES.replace(old, new))
    with pytest.raises(AnnotationError, match=rf"found\.txt.*{message}"):
        detections_of(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "expected text in UTF-8"),
        (b"\x89PNG\r\n\x00\x00".replace(b"\x89", b""), "line 2: expected text, got bytes"),
        (b"hello\nworld\n", r"line 2: expected the number of lines of hello, got 'world'"),
    ],
)
def test_files_of_another_type_are_refused(folder, content, message):
    (folder / "found.txt").write_bytes(content)
    with pytest.raises(AnnotationError, match=rf"found\.txt.*{message}"):
        detections_of(folder)


def test_another_kind_than_asked_for_is_refused(folder):
    with pytest.raises(AnnotationError, match=r"line 3 .*expected 6 numbers \(major minor"):
        detections_of(folder, shape="ellipse")
    text = RECTANGLES.replace("5 6 7 8 1e300\n", "").replace(
        "img_1\n2\n1 2 3 4", "img_1\n1\n1 2 3 4 5"
    )
    (folder / "found.txt").write_text(text)
    with pytest.raises(AnnotationError, match=r"line 6: 2002/b/img_1 has ellipses, .*line 1 rect"):
        detections_of(folder)


BAD_FOLDS = {
    "another order": (
        "FDDB-fold-01.txt",
        "2002/a/img_2\n2002/a/img_1\n",
        r"line 1: expected 2002/a/",
    ),
    "an image less": ("FDDB-fold-01.txt", "2002/a/img_1\n", r"has 2 images, .* has 1"),
    "twice": ("FDDB-fold-02-ellipseList.txt", "2002/a/img_2\n0\n", r"line 1: .* stands already in"),
    "negative axis": (
        "FDDB-fold-01-ellipseList.txt",
        "2002/a/img_1\n1\n-20 15 1.5 50 40  1\n2002/a/img_2\n0\n",
        r"line 3 \(2002/a/img_1\): expected half axes of 0 and more",
    ),
    "angle": (
        "FDDB-fold-01-ellipseList.txt",
        "2002/a/img_1\n1\n20 15 1e9 50 40  1\n2002/a/img_2\n0\n",
        "line 3 .*expected an angle in radians",
    ),
    "five numbers": (
        "FDDB-fold-01-ellipseList.txt",
        "2002/a/img_1\n1\n20 15 1.5 50 40\n2002/a/img_2\n0\n",
        "line 3 .*expected 6 numbers",
    ),
    "empty": ("FDDB-fold-02-ellipseList.txt", "\n", "is empty"),
}


@pytest.mark.parametrize("case", BAD_FOLDS)
def test_wrong_folds_are_named_with_file_and_line(folder, case):
    name, content, message = BAD_FOLDS[case]
    (folder / "folds" / name).write_text(content)
    with pytest.raises(AnnotationError, match=message):
        read_folds(folder / "folds")


def test_a_folder_without_folds_is_named(tmp_path):
    with pytest.raises(AnnotationError, match="holds no FDDB fold"):
        read_folds(tmp_path)


def test_sizes_come_from_the_images_where_they_are_and_else_from_the_table(folder):
    image = folder / "images/2002/a/img_1.jpg"
    image.parent.mkdir(parents=True)
    write_image(image, np.zeros((33, 44, 3), np.uint8))
    names = ["2002/a/img_1", "2002/b/img_1"]
    table = folder / "sizes.csv"
    assert read_sizes(names, table).tolist() == [[100, 90], [120, 110]]
    assert read_sizes(names, table, folder / "images").tolist() == [[44, 33], [120, 110]]
    with pytest.raises(
        AnnotationError, match=r"img_1 is unknown: there is no file .*b/img_1\.jpg\."
    ):
        read_sizes(names, None, folder / "images")
    with pytest.raises(
        AnnotationError, match=r"c is unknown: .*c\.jpg and no line in .*sizes\.csv"
    ):
        read_sizes(["c"], table, folder / "images")
    image.write_bytes(b"no image")
    with pytest.raises(ImageError, match="img_1"):
        read_sizes(names, table, folder / "images")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image,width,height", "name;w;h", "line 1: expected the header"),
        ("80,70", "80", "line 3: expected a name, a width and a height"),
        ("80,70", "-80,70", "line 3: expected a name, a width and a height"),
        ("80,70", "0,70", "line 3: expected a width and a height from 1"),
        ("80,70", "80,nan", "line 3: expected a name, a width and a height"),
        ("80,70", f"{'8' * 5000},70", "line 3: expected a name, a width and a height"),
        ("80,70", f"{'8' * 200_000},70", "line 3: expected a line of CSV"),
        ("a/img_2", "a/img\r_2", "line 3: expected"),
        ("a/img_2", "a/img_1.jpg", "line 3: 2002/a/img_1 stands already in line 2"),
    ],
)
def test_a_wrong_table_of_sizes_is_named_with_its_line(folder, old, new, message):
    (folder / "sizes.csv").write_text(SIZES.replace(old, new))
    with pytest.raises(AnnotationError, match=message):
        read_sizes(["2002/b/img_1"], folder / "sizes.csv")


def test_written_detections_are_read_again(folder):
    found = detections_of(folder)
    write_fddb_detections(found, found.regions, folder / "found.txt")
    again = detections_of(folder)
    assert (folder / "found.txt").read_text().startswith("2002/a/img_1\n1\n30.500000 20.000000 ")
    for name, regions in found.regions.items():
        np.testing.assert_array_equal(again.regions[name], regions)
        np.testing.assert_array_equal(again.scores[name], found.scores[name])
