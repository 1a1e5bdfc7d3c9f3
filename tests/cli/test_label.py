"""`facesmith label`: a detector of white spots, and files of detections, label photos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from detections_lines import write_detections
from facesmith import load_detector
from facesmith.annotations import load_annotations
from facesmith.cli import main
from spot_detector import spots


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, one with a white spot and a grey one, one without any, in a sub-folder.

    The detector's box of a spot begins 12 px before it and is 32x32. Of a white one the score is
    0.982; of the grey one, 225 of 255, it is sigmoid(40 x (225 / 255 - 0.9)) = 0.3305.
    """
    monkeypatch.chdir(tmp_path)
    Path("photos/more").mkdir(parents=True)
    image = spots(160, 120, (40, 32))
    image[64:72, 96:104] = 225
    Image.fromarray(image).save("photos/one.png")
    Image.fromarray(spots(200, 90)).save("photos/more/two.png")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["label", "photos", "--out", "out", *map(str, arguments)])


def labels(file: str) -> list[tuple[list[float], bool, dict[str, str]]]:
    photos = load_annotations("out/labels.json", "photos", strict=True).photos
    (photo,) = (photo for photo in photos if photo.name == file)
    return [
        (box, ignored, dict(said))
        for box, ignored, said in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
        )
    ]


@pytest.mark.usefixtures("folder")
def test_one_detector_labels_from_its_threshold_on(spot_weights: Path) -> None:
    result = run("--judge", f"spots=facesmith:{spot_weights}")
    assert result.exit_code == 0, result.stderr
    # Its threshold is 0.5. The face: 1 - (0.982 - 0.5) / 0.5; the region: (0.3305 - 0.15) / 0.35.
    assert labels("one.png") == [
        ([28, 20, 60, 52], False, {"votes": "1", "doubt": "0.04"}),
        ([84, 52, 116, 84], True, {"votes": "1", "doubt": "0.52"}),
    ]
    assert labels("more/two.png") == []
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "judged by   spots: from score 0.5 on sure of a face, from 0.15 on unsure, less is no face",
        "photos      2, 1 without a face to learn, 1 in which nothing was found",
        "faces       1: a judge is sure of them",
        "ignored     1 region with a lower score",
    ]
    assert "out/labels.json, out/counts.json, out/doubt.csv, out/doubt.png" in lines[4]
    with Image.open("out/doubt.png") as sheet:
        assert sheet.width > 1000


@pytest.mark.usefixtures("folder")
def test_the_shipped_detector_labels_by_itself() -> None:
    result = run("--json")
    assert result.exit_code == 0, result.stderr
    (judge,) = json.loads(result.stdout)["judges"]
    assert judge == {
        "name": "facesmith",
        "vote": "facesmith",
        "min_score": 0.15,
        "sure_score": load_detector().min_score,
    }


@pytest.mark.usefixtures("folder")
def test_scores_move_the_lines(spot_weights: Path) -> None:
    judge = ("--judge", f"spots=facesmith:{spot_weights}")
    run(*judge, "--scores", "spots=0.2,0.3")
    assert [ignored for _, ignored, _ in labels("one.png")] == [False, False]
    one_line = run(*judge, "--scores", "spots=0.4,0.4", "--force").stdout.splitlines()[0]
    assert one_line == "judged by   spots: from score 0.4 on sure of a face, less is no face"
    run(*judge, "--scores", "spots=0.4,0.99", "--force")
    # (0.982 - 0.4) / (0.99 - 0.4)
    assert labels("one.png") == [([28, 20, 60, 52], True, {"votes": "1", "doubt": "0.99"})]


def write_votes() -> tuple[str, ...]:
    """Three judges by files; a confidence is (score - 0.15) / 0.35."""
    none: list[Any] = []
    agreed, alone, low = (10, 10, 40, 50), (60, 10, 90, 50), (110, 10, 117, 17)
    write_detections(
        "a.jsonl",
        {"one.png": [(*agreed, 0.9), (*alone, 0.9), (*low, 0.9)], "more/two.png": none},
    )
    # 0.29 is a confidence of 0.4; its box of the agreed face is 4 px higher, 36 / 44 of an overlap.
    # 0.3 of a single judge is one of 0.43: nothing.
    other = [(10, 14, 40, 54, 0.29), (120, 60, 150, 100, 0.3), (*low, 0.9)]
    write_detections("b.jsonl", {"one.png": other, "more/two.png": none})
    words: list[str] = []
    for name in ("a", "b"):
        words += ["--judge", f"detections:{name}.jsonl"]
    return tuple(words)


@pytest.mark.usefixtures("folder")
def test_two_votes_make_a_face_and_one_an_ignored_region() -> None:
    judges = write_votes()
    result = run(*judges, "--json")
    assert result.exit_code == 0, result.stderr
    assert labels("one.png") == [
        ([10, 12, 40, 52], False, {"votes": "2", "doubt": "0.60"}),  # 1 - 0.4
        ([110, 10, 117, 17], True, {"votes": "2", "doubt": "1.00"}),  # 7 px: too low for a face
        ([60, 10, 90, 50], True, {"votes": "1", "doubt": "1.00"}),
    ]
    counts = json.loads(result.stdout, parse_constant=pytest.fail)
    assert counts == json.loads(Path("out/counts.json").read_text())
    assert [judge["name"] for judge in counts.pop("judges")] == ["a", "b"]
    assert counts == {
        "photos": 2,
        "photos_without_a_face": 1,
        "photos_with_nothing": 1,
        "faces": 1,
        "ignored": 2,
        "n_votes": 2,
        "photos_left_out": 0,
    }


@pytest.mark.usefixtures("folder")
def test_judges_with_one_vote_label_as_one() -> None:
    judges = write_votes()
    result = run(*judges, "--vote", "a=x", "--vote", "b=x")
    faces = [box for box, ignored, _ in labels("one.png") if not ignored]
    # What one of them is sure of: the mean of both where both see it.
    assert sorted(faces) == [[10, 12, 40, 52], [60, 10, 90, 50]]
    assert "faces       2: a judge is sure of them" in result.stdout


@pytest.mark.usefixtures("folder")
def test_what_is_written_is_no_photo_of_the_next_time(spot_weights: Path) -> None:
    judge = ("--judge", f"facesmith:{spot_weights}")
    words = ["label", "photos", "--out", "photos/labels", *judge, "--json"]
    for again in ((), ("--force",)):
        result = CliRunner().invoke(main, [*words, *again])
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["photos"] == 2
    assert Path("photos/labels/doubt.png").is_file()


FILES = {"coco": "labels.json", "cvat": "annotations.xml", "label-studio": "tasks.json"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("target", [*FILES, "labelme", "voc", "yolo"])
def test_labels_for_the_tool_in_which_they_are_corrected(target: str) -> None:
    """One vote and low faces come back as ignored regions; the most doubtful photo is first."""
    judges = write_votes()
    result = run(*judges, "--to", target)
    assert result.exit_code == 0, result.stderr
    written = Path("out") / FILES.get(target, target)
    assert f"written     {written.as_posix()}, out/counts.json, out/doubt.csv" in result.stdout
    found = load_annotations(written, "photos", strict=True).photos
    (photo,) = (photo for photo in found if photo.name == "one.png")
    ignored = dict(zip(map(tuple, photo.boxes.round(3).tolist()), photo.ignored, strict=True))
    assert ignored == {(10, 12, 40, 52): False, (110, 10, 117, 17): True, (60, 10, 90, 50): True}
    if target in FILES:
        assert [photo.name for photo in found] == ["one.png", "more/two.png"]
    lost = {"voc": "attributes of boxes", "yolo": "written as boxes called `unsure`"}
    assert lost.get(target, "") in result.stderr
    assert Path("out/doubt.csv").read_text() == (
        "file,doubt,faces,ignored\none.png,1.00,1,2\nmore/two.png,0.00,0,0\n"
    )


@pytest.mark.usefixtures("folder")
def test_corrected_files_are_replaced_with_force_only() -> None:
    judges = write_votes()
    assert run(*judges, "--to", "labelme").exit_code == 0
    file = Path("out/labelme/one.json")
    corrected = file.read_text().replace('"face"', '"unsure"')
    file.write_text(corrected)
    refused = run(*judges, "--to", "labelme")
    assert refused.exit_code == 1
    assert "out/labelme is not empty. Pass --force" in refused.stderr
    assert file.read_text() == corrected
    assert run(*judges, "--to", "labelme", "--force").exit_code == 0
    assert '"face"' in file.read_text()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("target", "name"),
    [("coco", "labels.json"), ("cvat", "annotations.xml"), ("label-studio", "tasks.json")],
)
def test_a_corrected_file_is_replaced_with_force_only(target: str, name: str) -> None:
    judges = write_votes()
    assert run(*judges, "--to", target).exit_code == 0
    file = Path("out") / name
    labelled = file.read_text()
    file.write_text(labelled + "\n")
    refused = run(*judges, "--to", target)
    assert refused.exit_code == 1
    assert f"out/{name} exists. Pass --force to replace it." in refused.stderr
    assert file.read_text() == labelled + "\n"
    assert run(*judges, "--to", target, "--force").exit_code == 0
    assert file.read_text() == labelled


@pytest.mark.usefixtures("folder")
def test_labels_do_not_take_the_place_of_detections_that_a_judge_reads() -> None:
    judges = write_votes()
    assert run(*judges).exit_code == 0
    shutil.copy("a.jsonl", "out/labels.json")
    refused = run("--judge", "detections:out/labels.json", "--force")
    assert refused.exit_code == 2
    assert "--force would delete it" in " ".join(refused.stderr.split())
    assert Path("out/labels.json").read_bytes() == Path("a.jsonl").read_bytes()


@pytest.mark.usefixtures("folder")
def test_photos_that_would_share_a_label_are_named_before_any_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("photos/one.jpg").write_bytes(Path("photos/one.png").read_bytes())
    monkeypatch.setattr("facesmith.cli.judges.Panel.find", pytest.fail)
    result = run("--to", "yolo")
    assert result.exit_code == 1
    assert "one.jpg and one.png would share the label file one.txt" in result.stderr


@pytest.mark.usefixtures("folder")
def test_a_photo_that_cannot_be_read_is_left_out_and_named(spot_weights: Path) -> None:
    Path("photos/bad.png").write_bytes(Path("photos/one.png").read_bytes()[:40])
    result = run("--judge", f"facesmith:{spot_weights}", "--json")
    assert result.exit_code == 0
    assert "Left out: " in result.stderr
    assert "bad.png" in result.stderr
    assert json.loads(result.stdout)["photos_left_out"] == 1
    quiet = run("--judge", f"facesmith:{spot_weights}", "--quiet", "--force")
    assert quiet.exit_code == 0
    assert quiet.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--judge", "detections:coco.json"], 1, "whose image ids only COCO annotations explain"),
        (["--judge", "detections:some.jsonl"], 1, "the one of more/two.png is missing"),
        (["--judge", "detections:ga.jsonl"], 1, "ga.jsonl: no such file of detections"),
        (["--judge", "facesmith", "--vote", "b=1"], 1, "No judge is called 'b'"),
        (["--judge", "odd"], 2, "expected a detector as [LABEL=]KIND[:PATH]"),
        (["--out", "photos"], 1, "holds files and does not carry facesmith's mark"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, arguments: Any, code: int, message: str) -> None:
    del folder
    Path("coco.json").write_text("[]")
    write_detections("some.jsonl", {"one.png": []})
    result = run(*arguments)
    assert message in " ".join(result.stderr.split())
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
