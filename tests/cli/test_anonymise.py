"""`facesmith anonymise`, with a detector that takes white spots for faces."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from facesmith.anonymisation import photos as photos_module
from facesmith.cli import main
from facesmith.images import read_image
from spot_detector import spots


@pytest.fixture
def weights(spot_weights: Path) -> Path:
    return spot_weights


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos: two faces, none, one in a sub-folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "street"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(spots(160, 120, (40, 32), (96, 64))).save(folder / "two.png")
    Image.fromarray(spots(64, 48)).save(folder / "none.png")
    Image.fromarray(spots(160, 120, (40, 32))).save(folder / "more" / "one.png")
    return folder


def run(weights: Path, *arguments: object, command: str = "anonymise") -> Result:
    words = [command, *map(str, arguments), "--model", str(weights)]
    return CliRunner().invoke(main, words)


def is_white(path: Path, x: int, y: int) -> bool:
    return bool(read_image(path)[y + 4, x + 4].min() > 250)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_tree_is_mirrored_and_the_originals_stay(street: Path, weights: Path) -> None:
    before = contents(street)
    result = run(weights, "street", "--out", "out")
    assert result.exit_code == 0, result.output
    assert contents(street) == before
    out = Path("out")
    assert {"two.png", "none.png", "more/one.png"} <= set(contents(out))
    assert not is_white(out / "two.png", 40, 32)
    assert not is_white(out / "two.png", 96, 64)
    assert not is_white(out / "more/one.png", 40, 32)
    assert np.array_equal(read_image(out / "none.png"), read_image(street / "none.png"))
    assert "3 faces in 3 photos" in result.stderr
    assert "street/two.png -> two.png  2 faces covered" in result.stdout


@pytest.mark.usefixtures("street")
def test_blur_is_another_name_of_the_command(weights: Path) -> None:
    assert run(weights, "street", "--out", "out", "--quiet", command="blur").exit_code == 0
    assert not is_white(Path("out/two.png"), 40, 32)
    assert "blur " not in CliRunner().invoke(main, ["--help"]).output


def test_the_help_fits_on_a_screen() -> None:
    text = CliRunner().invoke(main, ["anonymise", "--help"], terminal_width=80).output
    assert len(text.splitlines()) <= 50


def test_the_default_scores_are_what_the_help_says() -> None:
    from facesmith.anonymisation.films import tracks_that_miss_little  # noqa: PLC0415
    from facesmith.anonymisation.photos import photo_score  # noqa: PLC0415
    from facesmith.detection import load_detector  # noqa: PLC0415

    text = CliRunner().invoke(main, ["anonymise", "--help"], terminal_width=200).output
    assert "[default: photos as detect --find-all, films a third of the threshold]" in text
    detector = load_detector()
    assert photo_score(detector, None) == detector.find_all_score
    tracks = tracks_that_miss_little(detector)
    assert tracks.high_score == pytest.approx(detector.min_score / 3)
    assert tracks.lowest == detector.find_all_score


@pytest.mark.usefixtures("street")
def test_a_blur_is_warned_of(weights: Path) -> None:
    result = run(weights, "street/two.png", "--out", "out", "--fill", "blur")
    assert "Warning: A blur can be undone" in result.stderr
    assert "Warning" not in run(weights, "street/two.png", "--out", "solid").stderr


@pytest.mark.usefixtures("street")
def test_a_picture_covers_all_even_where_it_is_transparent(weights: Path) -> None:
    sticker = np.zeros((8, 8, 4), np.uint8)
    sticker[4:] = (250, 0, 0, 255)
    Image.fromarray(sticker).save("sticker.png")
    result = run(
        weights, "street/two.png", "--out", "out", "--image", "sticker.png", "--colour", "#0000fa"
    )
    assert result.exit_code == 0, result.output
    image = read_image("out/two.png")
    # The box (28, 20, 60, 52) grows to (21.6, 13.6, 66.4, 58.4); above blue, below red.
    assert (image[14:35, 22:66] == (250, 0, 0)).all()
    assert (image[38:58, 22:66] == (0, 0, 250)).all()


@pytest.mark.usefixtures("street")
def test_what_was_covered_can_be_edited_and_rendered_again(weights: Path) -> None:
    assert run(weights, "street", "--out", "out", "--json").exit_code == 0
    found = lines(Path("out/boxes.jsonl"))
    two = next(line for line in found if line["file"] == "street/two.png")
    assert [face["box"] for face in two["faces"]] == [[28, 20, 60, 52], [84, 52, 116, 84]]
    two["faces"] = [{"box": [0, 0, 10, 10]}]
    Path("edited.jsonl").write_text("\n".join(map(json.dumps, found)))
    result = run(weights, "street", "--out", "again", "--boxes", "edited.jsonl", "--no-verify")
    assert result.exit_code == 0, result.output
    assert is_white(Path("again/two.png"), 40, 32)
    assert not is_white(Path("again/more/one.png"), 40, 32)
    assert Path("again/more/one.png").read_bytes() == Path("out/more/one.png").read_bytes()


@pytest.mark.usefixtures("street")
@pytest.mark.parametrize("option", ["--boxes", "--only", "--except"])
def test_boxes_of_files_that_are_not_in_the_input_are_told_once(weights: Path, option: str) -> None:
    listed = [
        {"file": "street/two.png", "faces": [{"box": [28, 20, 60, 52]}]},
        {"file": "street/none.png", "faces": []},
        {"file": "lane/gone.png", "faces": [{"box": [0, 0, 9, 9]}, {"box": [9, 9, 18, 18]}]},
        {"file": "film.mp4", "frame": 3, "faces": [{"box": [0, 0, 9, 9]}]},
    ]
    Path("edited.jsonl").write_text("\n".join(map(json.dumps, listed)))
    words = ["--out", "out", option, "edited.jsonl", "--no-verify"]
    result = run(weights, "street/two.png", *words)
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning:")]
    (warning,) = warnings
    assert warning == (
        "Warning: 3 boxes in edited.jsonl are of files that are not in the input, such as "
        "lane/gone.png; nothing is done with them."
    )
    Path("edited.jsonl").write_text("\n".join(map(json.dumps, listed[:2])))
    quiet = run(weights, "street/two.png", *words, "--force")
    assert "not in the input" not in quiet.stderr


@pytest.mark.usefixtures("street")
def test_with_boxes_what_is_no_image_is_called_so(weights: Path) -> None:
    Path("text.jpg").write_text("no photo")
    Path("edited.jsonl").write_text('{"file": "other.jpg", "faces": []}')
    result = run(weights, "text.jpg", "--out", "out", "--boxes", "edited.jsonl")
    assert result.exit_code == 1
    assert "text.jpg is not an image" in result.stderr
    assert "no line" not in result.stderr


@pytest.mark.usefixtures("street")
@pytest.mark.parametrize("copied", [False, True])
def test_boxes_of_a_run_with_another_fill_are_warned_of(weights: Path, copied: bool) -> None:
    run(weights, "street", "--out", "out", "--fill", "mosaic")
    boxes = Path("out/boxes.jsonl")
    if copied:
        boxes = Path("boxes.jsonl")
        boxes.write_bytes(Path("out/boxes.jsonl").read_bytes())
    words = ["street", "--out", "out", "--boxes", boxes, "--resume" if not copied else "--force"]
    assert "covered with --fill mosaic" in run(weights, *words).stderr
    assert (
        "--fill mosaic" not in run(weights, *words[:2], "a", *words[3:5], "--fill", "solid").stderr
    )


@pytest.mark.usefixtures("street")
def test_a_photo_that_a_box_file_lacks_is_an_error_and_not_copied(weights: Path) -> None:
    Path("boxes.jsonl").write_text('{"file": "street/none.png", "faces": []}\n')
    result = run(weights, "street", "--out", "out", "--boxes", "boxes.jsonl")
    assert result.exit_code == 1
    assert "street/two.png has no line in boxes.jsonl" in result.stderr
    assert not Path("out/two.png").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[]", "line 1"),
        ('{"file": "a.png", "faces": [{"box": [1, 2, 3]}]}', "box"),
        ('{"file": "a.png", "faces": [{"box": [9, 2, 3, 8]}]}', "box"),
        ('{"file": "a.png", "faces": [{"box": [9, 2, 9, 8]}]}', "box"),
        ('{"file": "a.png", "faces": [{"box": [true, false, 9, 8]}]}', "box"),
        ('{"file": "a.png", "width": "9", "height": "8", "faces": []}', "`width` and `height`"),
        ('{"file": "a.png", "width": 9, "faces": []}', "`width` and `height`"),
        ('{"file": "a\\u0000.png", "faces": []}', "cannot be the name of a file"),
        ('{"file": "\\ud800.png", "faces": []}', "cannot be the name of a file"),
        (
            '{"file": "a.png", "faces": [{"box": [1, 2, 3, 4]}]}\n{"file": "./a.png", "faces": []}',
            "line 2: ./a.png has a line with other boxes before",
        ),
        ('{"file": "a.png"}', "faces"),
        ("{", "JSON"),
    ],
)
@pytest.mark.usefixtures("street")
def test_a_damaged_box_file_is_told(weights: Path, line: str, words: str) -> None:
    Path("boxes.jsonl").write_text(line)
    result = run(weights, "street", "--out", "out", "--boxes", "boxes.jsonl")
    assert result.exit_code == 1
    assert words in result.stderr
    assert not Path("out").exists()


@pytest.mark.usefixtures("street")
def test_only_and_except_take_regions_and_files(weights: Path) -> None:
    run(weights, "street/two.png", "--out", "a", "--only", "0,0,80,120", "--no-verify")
    assert not is_white(Path("a/two.png"), 40, 32)
    assert is_white(Path("a/two.png"), 96, 64)
    run(weights, "street/two.png", "--out", "b", "--except", "0,0,80,120", "--no-verify")
    assert is_white(Path("b/two.png"), 40, 32)
    assert not is_white(Path("b/two.png"), 96, 64)
    # Listed in any case, whatever score the second look asks for.
    high = run(
        weights, "street/two.png", "--out", "h", "--except", "0,0,80,120", "--verify-score", 1
    )
    assert high.exit_code == 1
    assert "Warning" not in high.stderr  # of one photo
    assert len(json.loads(Path("h/report.json").read_text())["files"][0]["left"]) == 1
    Path("me.jsonl").write_text(
        json.dumps({"file": "street/two.png", "faces": [{"box": [82, 50, 118, 90]}]})
    )
    run(weights, "street/two.png", "--out", "c", "--except", "me.jsonl", "--no-verify")
    assert not is_white(Path("c/two.png"), 40, 32)
    assert is_white(Path("c/two.png"), 96, 64)
    wrong = run(weights, "street/two.png", "--out", "d", "--only", "9,9,3,12")
    assert wrong.exit_code == 2
    assert "no area" in wrong.stderr


@pytest.mark.usefixtures("street")
def test_the_second_look_finds_a_face_that_was_left_out(weights: Path) -> None:
    result = run(weights, "street", "--out", "out", "--except", "0,0,80,120")
    assert result.exit_code == 1
    assert "may still be seen" not in result.stdout
    assert "more/one.png  none covered, 1 left on purpose: 0.98 [28, 20, 60, 52]" in result.stdout
    assert "2 places left on purpose" in result.stderr
    assert "nothing else" in result.stderr
    assert "a region" not in result.stderr.replace("the region of --only or --except", "")
    assert result.stderr.count("chose faces in 2 photos: it holds for every photo") == 1
    report = json.loads(Path("out/report.json").read_text())
    by_name = {line["file"]: line for line in report["files"]}
    (left,) = by_name["street/two.png"]["left"]
    assert left["on_purpose"] is True
    x_min, y_min, x_max, y_max = left["box"]
    assert x_min < 44 < x_max
    assert y_min < 36 < y_max
    assert by_name["street/none.png"]["left"] == []
    assert report["counts"]["left"] == 2
    assert report["counts"]["spared"] == report["counts"]["left_on_purpose"] == 2
    for file in ("street/two.png", "street/none.png"):
        line = by_name[file]
        given = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        written = hashlib.sha256(Path("out", line["out"]).read_bytes()).hexdigest()
        assert (line["input"]["sha256"], line["output"]["sha256"]) == (given, written)
    page = Path("out/report.html").read_text()
    assert "supports anonymisation; look at the output" in page
    assert page.count("<figure>") == 2
    assert read_image("out/left.png").shape[1] > 500


@pytest.mark.usefixtures("street")
def test_a_mosaic_that_looks_like_a_face_does_not_count(weights: Path) -> None:
    # A white field under the mosaic stays white: to this detector a face, but a covered one.
    Image.fromarray(spots(160, 120, (40, 32), side=48)).save("field.png")
    found = {"file": "field.png", "faces": [{"box": [30, 22, 98, 90]}]}
    Path("boxes.jsonl").write_text(json.dumps(found))
    result = run(weights, "field.png", "--out", "out", "--fill", "mosaic", "--boxes", "boxes.jsonl")
    assert is_white(Path("out/field.png"), 60, 52)
    assert result.exit_code == 0, result.output


def test_unreadable_photos_are_errors_and_never_copied(street: Path, weights: Path) -> None:
    (street / "bad.jpg").write_bytes(b"no photo")
    cut = (street / "two.png").read_bytes()
    (street / "cut.png").write_bytes(cut[: len(cut) // 2])
    result = run(weights, "street", "--out", "out", "--json")
    assert result.exit_code == 1
    assert result.stderr.count("Error: ") == 2
    assert {"bad.jpg", "cut.png"}.isdisjoint(contents(Path("out")))
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert sum("error" in line for line in told) == 2
    errors = json.loads(Path("out/report.json").read_text())["errors"]
    assert [each["file"] for each in errors] == ["street/bad.jpg", "street/cut.png"]


@pytest.mark.usefixtures("street")
def test_several_processes_write_the_same(weights: Path) -> None:
    assert run(weights, "street", "--out", "one", "--workers", "1").exit_code == 0
    assert run(weights, "street", "--out", "two", "--workers", "2").exit_code == 0
    one, two = contents(Path("one")), contents(Path("two"))
    for name in ("two.png", "none.png", "more/one.png", "boxes.jsonl"):
        assert one[name] == two[name]


@pytest.mark.usefixtures("street")
def test_a_run_that_was_stopped_goes_on(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = photos_module.write_bytes, []

    def fail_late(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, content)

    monkeypatch.setattr(photos_module, "write_bytes", fail_late)
    assert run(weights, "street", "--out", "out", "--workers", "1").exit_code != 0
    images = {name for name in contents(Path("out")) if name.endswith(".png")}
    assert len(images) == 2
    assert not [name for name in contents(Path("out")) if name.endswith(".tmp")]
    monkeypatch.setattr(
        photos_module, "write_bytes", lambda p, c: (written.append(p.name), write(p, c))
    )
    refused = run(weights, "street", "--out", "out")
    assert "--resume" in refused.stderr
    with Path("out/boxes.jsonl").open("a") as file:
        file.write('{"file": "street/tw')  # what a kill leaves
    Path("out/.two.png.01234567.tmp").write_bytes(b"half")
    result = run(weights, "street", "--out", "out", "--resume", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert sorted(written) == ["none.png", "one.png", "two.png"]
    assert not [name for name in contents(Path("out")) if name.endswith(".tmp")]
    assert len(lines(Path("out/boxes.jsonl"))) == 3
    assert json.loads(Path("out/report.json").read_text())["counts"]["photos"] == 3


def test_resume_does_again_what_has_changed(street: Path, weights: Path) -> None:
    run(weights, "street", "--out", "out")
    Image.fromarray(spots(160, 120, (80, 32))).save(street / "more" / "one.png")
    Path("out/none.png").unlink()
    two = Path("out/two.png").stat().st_mtime_ns
    assert run(weights, "street", "--out", "out", "--resume").exit_code == 0
    assert Path("out/none.png").exists()
    assert not is_white(Path("out/more/one.png"), 80, 32)
    assert Path("out/two.png").stat().st_mtime_ns == two
    # With other settings everything is done again.
    assert run(weights, "street", "--out", "out", "--resume", "--colour", "red").exit_code == 0
    assert (read_image("out/two.png")[36, 44] == (0, 0, 255)).all()


@pytest.mark.usefixtures("street")
def test_force_replaces_an_earlier_run_only(weights: Path) -> None:
    run(weights, "street", "--out", "out")
    assert run(weights, "street/two.png", "--out", "out", "--force").exit_code == 0
    assert not Path("out/none.png").exists()
    Path("out/mine.txt").write_text("mine")
    refused = run(weights, "street/two.png", "--out", "out", "--force")
    assert refused.exit_code == 1
    assert Path("out/two.png").exists()


def test_originals_are_never_written_over(street: Path, weights: Path) -> None:
    before = contents(street)
    for out in ("street", "STREET/../street", "link"):
        if out == "link":
            Path("link").symlink_to(street, target_is_directory=True)
        if not Path(out).exists():
            continue
        for options in ((), ("--resume",), ("--force",)):
            assert run(weights, "street", "--out", out, *options).exit_code != 0
    assert {name: before[name] for name in before} == {
        name: content for name, content in contents(street).items() if name in before
    }


def test_a_link_to_an_original_is_not_followed(street: Path, weights: Path) -> None:
    run(weights, "street", "--out", "out")
    before = (street / "two.png").read_bytes()
    Path("out/two.png").unlink()
    Path("out/two.png").hardlink_to(street / "two.png")  # listed as written by the first run
    result = run(weights, "street", "--out", "out", "--resume")
    assert result.exit_code == 1
    assert "one of the photos" in result.stderr
    assert (street / "two.png").read_bytes() == before


def test_two_photos_for_one_place_are_refused(street: Path, weights: Path) -> None:
    (street / "more" / "TWO.png").write_bytes((street / "two.png").read_bytes())
    result = run(weights, "street/two.png", "street/more/TWO.png", "--out", "out")
    assert result.exit_code == 1
    assert "would both be written" in result.stderr


@pytest.mark.usefixtures("street")
def test_what_was_written_is_no_photo_to_cover(weights: Path) -> None:
    assert run(weights, "street", "--out", "street/out").exit_code == 0
    again = run(weights, "street", "--out", "street/out", "--resume")
    assert again.exit_code == 0
    assert not Path("street/out/out").exists()
    nothing = run(weights, "street/out", "--out", "street/out", "--resume")
    assert nothing.exit_code == 1
    assert "Name the originals" in nothing.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--fill", "image"],
        ["--image", "street/two.png", "--fill", "mosaic"],
        ["--colour", "blurple"],
        ["--only", "street"],
        ["--resume", "--force"],
        ["--margin", "nan"],
    ],
)
@pytest.mark.usefixtures("street")
def test_options_that_do_not_fit_are_usage_errors(weights: Path, words: list[str]) -> None:
    assert run(weights, "street", "--out", "out", *words).exit_code == 2
    assert not Path("out").exists()


def test_films_are_covered_among_photos(street: Path, weights: Path) -> None:
    pytest.importorskip("av")
    from made_films import STEADY, write_film  # noqa: PLC0415

    pictures = [spots(160, 120, (40, 32))] * 10
    write_film(street / "more" / "clip.mp4", pictures, STEADY, size_wh=(160, 120))
    frames = [Image.fromarray(spots(160, 120, (40, 32 + 8 * n))) for n in range(3)]
    frames[0].save(street / "wave.gif", save_all=True, append_images=frames[1:], duration=100)
    result = run(weights, "street", "--out", "out", "--verify")
    assert result.exit_code == 0, result.output
    settings = json.loads(Path("out/report.json").read_text())["settings"]
    scores = [settings[name] for name in ("film_min_score", "film_min_score_to_go_on")]
    assert all(score == round(score, 4) > 0 for score in (settings["min_score"], *scores))
    assert {"more/clip.mp4", "wave.gif.mp4", "two.png"} <= set(contents(Path("out")))
    assert "passed over" not in result.stderr
    report = json.loads(Path("out/report.json").read_text())
    assert (report["counts"]["photos"], report["counts"]["films"]) == (3, 2)
    before = Path("out/more/clip.mp4").stat().st_mtime_ns
    assert run(weights, "street", "--out", "out", "--verify", "--resume").exit_code == 0
    assert Path("out/more/clip.mp4").stat().st_mtime_ns == before
    assert json.loads(Path("out/report.json").read_text())["counts"] == report["counts"]
    # Edited boxes of films are rendered again as those of photos are.
    found = lines(Path("out/boxes.jsonl"))
    for line in found:
        if "frame" in line:
            line["faces"] = [{"box": [100, 60, 140, 100]}]
    Path("edited.jsonl").write_text("\n".join(map(json.dumps, found)))
    words = ["--boxes", "edited.jsonl", "--no-verify", "--colour", "red"]
    edited = run(weights, "street", "--out", "again", *words)
    assert edited.exit_code == 0
    assert "13 boxes in 2 films" in edited.stderr
    looked = run(weights, "street/more", "--out", "seen", "--boxes", "edited.jsonl")
    assert looked.exit_code == 1  # the face is bare in all frames, and all are looked at
    assert "10 frames looked at again" in looked.stdout
    assert "may still be seen" in looked.stdout
    from facesmith.video import open_video  # noqa: PLC0415

    with open_video("again/more/clip.mp4") as film:
        image = [frame.image() for frame in film.frames()][5]
    assert image[36, 44].min() > 200
    assert image[80, 120, 2] > 200
    assert image[80, 120, 0] < 60
    for line in found:
        if "frame" in line:
            line["width"] *= 2
    Path("other.jsonl").write_text("\n".join(map(json.dumps, found)))
    for option in ("--boxes", "--except"):
        words = ["--out", "other", option, "other.jsonl", "--no-verify", "--force"]
        refused = run(weights, "street/more/clip.mp4", *words)
        assert refused.exit_code == 1
        assert "clip.mp4 has 160 x 120 pixels" in refused.stderr
        assert not list(Path("other").glob("**/*.mp4"))


def test_without_the_extra_a_film_is_named_and_photos_are_done(
    street: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (street / "clip.mp4").write_bytes(b"a film")
    monkeypatch.setitem(sys.modules, "av", None)
    result = run(weights, "street", "--out", "out")
    assert result.exit_code == 1
    assert "street/clip.mp4 is a film. This needs the package 'av'" in result.stderr
    assert {"two.png", "none.png"} <= set(contents(Path("out")))
    assert run(weights, "street/clip.mp4", "--out", "film").exit_code == 1
    assert not Path("film").exists()


def test_without_the_extra_films_that_are_done_count_as_done(
    street: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    from made_films import STEADY, write_film  # noqa: PLC0415

    pictures = [spots(160, 120, (40, 32))] * 10
    write_film(street / "clip.mp4", pictures, STEADY, size_wh=(160, 120))
    assert run(weights, "street", "--out", "out").exit_code == 0
    assert run(weights, "street/clip.mp4", "--out", "film").exit_code == 0
    before, report = contents(Path("out")), json.loads(Path("out/report.json").read_text())
    monkeypatch.setitem(sys.modules, "av", None)
    for inputs, out in (("street", "out"), ("street/clip.mp4", "film")):
        again = run(weights, inputs, "--out", out, "--resume")
        assert again.exit_code == 0, again.output
    now = contents(Path("out"))
    assert now["clip.mp4"] == before["clip.mp4"]
    assert now["boxes.jsonl"] == before["boxes.jsonl"]
    assert json.loads(now["report.json"])["counts"] == report["counts"]
    # One that is not done is named, and what is done stays.
    (street / "new.mp4").write_bytes(b"a film")
    partly = run(weights, "street", "--out", "out", "--resume")
    assert partly.exit_code == 1
    assert "street/new.mp4 is a film. This needs the package 'av'" in partly.stderr
    assert "street/clip.mp4" not in partly.stderr
    assert contents(Path("out"))["clip.mp4"] == before["clip.mp4"]
    # With other settings nothing is done: the run ends before it changes what is there.
    before = contents(Path("film"))
    words = ["street/clip.mp4", "--out", "film", "--resume", "--colour", "red"]
    assert run(weights, *words).exit_code == 1
    assert contents(Path("film")) == before


@pytest.mark.usefixtures("street")
@pytest.mark.parametrize("option", ["--boxes", "--except"])
def test_boxes_of_a_photo_of_another_size_are_refused(weights: Path, option: str) -> None:
    line = {"file": "street/two.png", "width": 120, "height": 160, "faces": []}
    Path("boxes.jsonl").write_text(json.dumps(line))
    result = run(weights, "street/two.png", "--out", "out", option, "boxes.jsonl", "--json")
    assert result.exit_code == 1
    (told,) = map(json.loads, result.stdout.splitlines())
    assert told["file"] == "street/two.png"
    assert "160 x 120 pixels" in told["error"]
    assert "120 x 160" in told["error"]
    assert not Path("out/two.png").exists()
    line.update(width=160, height=120)
    Path("boxes.jsonl").write_text(json.dumps(line))
    words = ["--out", "again", option, "boxes.jsonl", "--no-verify"]
    assert run(weights, "street/two.png", *words).exit_code == 0


@pytest.mark.usefixtures("street")
def test_boxes_of_a_photo_that_was_turned_since_are_refused(weights: Path) -> None:
    assert run(weights, "street/two.png", "--out", "out").exit_code == 0
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open("street/two.png") as image:
        image.save("street/two.png", exif=exif)
    result = run(weights, "street/two.png", "--out", "again", "--boxes", "out/boxes.jsonl")
    assert result.exit_code == 1
    assert "120 x 160 pixels" in result.stderr


def test_names_of_any_kind_stay_on_their_line(street: Path, weights: Path) -> None:
    names = ["two\nlines.png", "sep\u2028\u0085.png", "-dash.png", "red\x1b[31m.png", "q'\"<b>.png"]
    for name in names:
        (street / name).write_bytes((street / "two.png").read_bytes())
    (street / "bad\nname.png").write_bytes(b"none")
    result = run(weights, "street", "--out", "out", "--except", "0,0,80,120")
    assert len(result.stdout.splitlines()) == 3 + len(names)
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1
    begins = ("Error: ", "Warning: ", "Covered: ", "7 places left on purpose", "The second look ")
    assert all(line.startswith(begins) for line in result.stderr.splitlines()), result.stderr
    assert set(names) <= set(contents(Path("out")))
    page = Path("out/report.html").read_text()
    assert "<b>" not in page
    assert r"two\nlines.png" in page
    # The same names in a file that an editor has saved with plain letters.
    found = [json.dumps(line, ensure_ascii=False) for line in lines(Path("out/boxes.jsonl"))]
    Path("edited.jsonl").write_text("\n".join(found), encoding="utf-8")
    again = run(weights, "street", "--out", "again", "--boxes", "edited.jsonl", "--no-verify")
    assert set(names) <= set(contents(Path("again"))), again.output


def test_results_of_an_earlier_run_are_no_photos_to_cover(street: Path, weights: Path) -> None:
    assert run(weights, "street", "--out", "street/covered").exit_code == 0
    (street / "covered" / "mine.png").write_bytes((street / "two.png").read_bytes())
    result = run(weights, "street", "--out", "street/again", "--quiet")
    assert "street/covered/: passed over 3 files that an earlier run wrote" in result.stderr
    found = {line["file"] for line in lines(street / "again" / "boxes.jsonl")}
    names = ("two.png", "none.png", "more/one.png", "covered/mine.png")
    assert found == {f"street/{name}" for name in names}
    # Named, they are photos as others are.
    assert run(weights, "street/covered/two.png", "--out", "third").exit_code == 0


def test_a_photo_that_takes_too_much_memory_is_told_with_the_option(
    street: Path, weights: Path
) -> None:
    Image.new("RGB", (3000, 1000)).save(street / "large.png")
    result = run(weights, "street/large.png", "--out", "out", "--photo-memory", 4, "--json")
    assert result.exit_code == 1
    (told,) = map(json.loads, result.stdout.splitlines())
    assert "--photo-memory of `detect`, `anonymise` and `serve`" in told["error"]


@pytest.mark.usefixtures("street")
def test_the_thorough_look_is_another_setting(weights: Path) -> None:
    assert run(weights, "street", "--out", "out").exit_code == 0
    before = (Path("out") / "two.png").stat().st_mtime_ns
    assert run(weights, "street", "--out", "out", "--resume").exit_code == 0
    assert (Path("out") / "two.png").stat().st_mtime_ns == before
    assert run(weights, "street", "--out", "out", "--resume", "--verify").exit_code == 0
    assert (Path("out") / "two.png").stat().st_mtime_ns != before


def test_faces_in_few_colours_are_covered_at_the_first_look(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    photo = Image.fromarray(data.astronaut())
    made = {
        "dithered.png": photo.convert("1"),
        "hard.png": photo.convert("L").point(lambda value: 255 * (value > 127), mode="1"),
        "fax.tif": photo.convert("1"),
        "few.png": photo.quantize(4),
        "few.gif": photo.quantize(16),
    }
    (tmp_path / "in").mkdir()
    for name, image in made.items():
        image.save(tmp_path / "in" / name)
    words = ["anonymise", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    CliRunner().invoke(main, words)
    assert len(lines(tmp_path / "out" / "boxes.jsonl")) == len(made)
    for line in lines(tmp_path / "out" / "boxes.jsonl"):
        x_min, y_min, x_max, y_max = line["faces"][0]["box"]
        assert x_min < 224 < x_max
        assert y_min < 118 < y_max
        with Image.open(tmp_path / "out" / line["out"]) as covered:
            assert covered.mode == made[line["out"]].mode
            assert len(np.unique(np.asarray(covered)[90:150, 200:250])) == 1
