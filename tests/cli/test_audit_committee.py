"""`facesmith audit` with several judges: files of detections, and a detector of white spots."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from detections_lines import Row, write_detections
from facesmith.annotations import load_annotations
from facesmith.cli import main
from spot_detector import spots

SEEN = (28, 20, 60, 52)  # by both judges
DOUBTED = (110, 2, 140, 32)  # one judge gives it 0.2, which counts from 0.15 on
WRONG = (70, 80, 100, 110)  # no judge sees it
AGREED_A, AGREED_B = (10, 70, 40, 100), (12, 70, 42, 100)  # no box; their mean begins at 11
ALONE = (120, 60, 150, 90)  # no box; one judge sees it
WEAK = (70, 10, 95, 35)  # no box; 0.3 of one judge is a confidence of 0.43, too little
OTHERS = [(10, 10, 40, 40), (60, 10, 90, 40)]  # of two.png, seen by both

JUDGES = ("--judge", "detections:a.jsonl", "--judge", "detections:b.jsonl")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.fromarray(spots(160, 120, (40, 32))).save("photos/one.png")
    Image.fromarray(spots(200, 90)).save("photos/two.png")
    boxes = [(1, box) for box in (SEEN, DOUBTED, WRONG)] + [(2, box) for box in OTHERS]
    coco = {
        "images": [{"id": 1, "file_name": "one.png"}, {"id": 2, "file_name": "two.png"}],
        "annotations": [
            {"id": i, "image_id": photo, "category_id": 1,
             "bbox": [x, y, right - x, bottom - y]}
            for i, (photo, (x, y, right, bottom)) in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "face"}],
    }  # fmt: skip
    Path("faces.json").write_text(json.dumps(coco))
    two: list[Row] = [(*box, 0.9) for box in OTHERS]
    one: list[Row] = [(*SEEN, 0.9), (*AGREED_A, 0.9), (*ALONE, 0.9), (*WEAK, 0.3)]
    write_detections("a.jsonl", {"one.png": one, "two.png": two})
    one = [(*SEEN, 0.9), (*AGREED_B, 0.9), (*DOUBTED, 0.2)]
    write_detections("b.jsonl", {"one.png": one, "two.png": two})
    Path("settings.json").write_text('{"min_suspicion": 0.5}')
    return tmp_path


def run(*arguments: object) -> Result:
    words = ["audit", "faces.json", "--images", "photos", "--out", "out"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def told(*arguments: object) -> list[tuple[str, str, list[float]]]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.stderr
    findings = json.loads(result.stdout, parse_constant=pytest.fail)["findings"]
    return [(one["kind"], one["reason"], one["box"]) for one in findings]


def corrected() -> list[tuple[list[float], bool, str]]:
    photo = load_annotations("out/corrected.json", "photos").photos[0]
    return [
        (box, ignored, said.get("audit", ""))
        for box, ignored, said in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
        )
    ]


@pytest.mark.usefixtures("folder")
def test_a_box_that_one_judge_supports_is_not_suspicious_and_two_votes_add_a_face() -> None:
    found = told(*JUDGES, "--config", "settings.json")
    assert found == [
        ("suspicious", "no face", list(WRONG)),
        ("missed", "no box", [11, 70, 41, 100]),
        ("doubtful", "no box", list(ALONE)),
    ]
    assert corrected() == [
        (list(SEEN), False, ""),
        (list(DOUBTED), False, ""),
        (list(WRONG), True, "suspicious"),
        ([11, 70, 41, 100], False, "missed"),
        (list(ALONE), True, "doubtful"),
    ]
    assert Path("out/doubtful.png").is_file()
    values = json.loads(Path("out/audit.json").read_text())
    assert [judge["vote"] for judge in values["judges"]] == ["a", "b"]
    assert [one.get("votes") for one in values["findings"]] == [None, 2, 1]
    assert (values["n_missed"], values["n_doubtful"]) == (1, 1)
    # One judge alone cannot say that: with 0.2 the box has a suspicion of 0.8.
    alone = told("--judge", "detections:b.jsonl", "--config", "settings.json")
    assert ("suspicious", "no face", list(DOUBTED)) in alone
    assert not Path("out/doubtful.png").exists(), "the sheet of the committee is gone"


@pytest.mark.usefixtures("folder")
def test_judges_with_one_vote_count_once() -> None:
    result = run(*JUDGES, "--vote", "a=same", "--vote", "b=same")
    assert "All judges have one vote together, same: no missed face is added" in result.stderr
    kinds = [(kind, box) for kind, _, box in told(*JUDGES, "--vote", "a=same", "--vote", "b=same")]
    assert kinds == [
        ("suspicious", list(WRONG)),
        ("doubtful", [11, 70, 41, 100]),
        ("doubtful", list(ALONE)),
    ]
    assert [ignored for _, ignored, said in corrected() if said == "doubtful"] == [True, True]


@pytest.mark.usefixtures("folder")
def test_scores_of_a_judge_say_what_counts() -> None:
    # Of b only what is above 0.95 is sure, of a likewise: nobody is, so nothing is added. The
    # confidence of 0.9 is (0.9 - 0.2) / (0.95 - 0.2) = 0.93.
    strict = (*JUDGES, "--scores", "a=0.2,0.95", "--scores", "b=0.25,0.95")
    assert [kind for kind, _, _ in told(*strict)] == ["suspicious", "doubtful", "doubtful"]
    # 0.2 of b no longer counts.
    assert ("suspicious", "no face", list(DOUBTED)) in told(*strict, "--config", "settings.json")


@pytest.mark.usefixtures("folder")
def test_decisions_about_doubtful_places_are_kept() -> None:
    told(*JUDGES)
    rows = list(csv.reader(Path("out/decisions.csv").read_text().splitlines()))
    assert [row[1] for row in rows[1:]] == ["suspicious", "missed", "doubtful"]
    rows[2][-1] = rows[3][-1] = "refuse"
    with Path("out/decisions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    # With one vote the missed face is doubtful: the decision is about the same place.
    told(*JUDGES, "--vote", "a=same", "--vote", "b=same", "--decisions", "out/decisions.csv")
    assert [said for _, _, said in corrected()] == ["", "", "suspicious"]


@pytest.mark.usefixtures("folder")
def test_a_detector_and_a_file_judge_together(spot_weights: Path) -> None:
    # The spot at (40, 32) is found as SEEN; a.jsonl sees the rest of the boxes that are right.
    result = run("--judge", f"spots=facesmith:{spot_weights}", "--judge", "detections:a.jsonl")
    assert result.exit_code == 0, result.stderr
    scores = "from score 0.5 on sure of a face, from 0.15 on unsure, less is no face"
    assert result.stdout.splitlines()[:2] == [
        f"judged by   spots: {scores}; vote facesmith",
        f"            a: {scores}; vote a",
    ]
    assert "Test-time augmentation of 2 suspicious boxes by spots." in result.stderr
    assert "missed      0 faces without a box: two votes agree" in result.stdout
    assert "doubtful    2 places without a box: ignored regions" in result.stdout


@pytest.mark.usefixtures("folder")
def test_one_judge_is_the_audit_as_before(spot_weights: Path) -> None:
    settings: list[Any] = ["--json"]
    two = {"one.png": [(*SEEN, 0.9)], "two.png": [(*box, 0.9) for box in OTHERS]}
    write_detections("c.jsonl", two)
    one = run(*settings, "--judge", "detections:c.jsonl")
    assert one.exit_code == 0, one.stderr
    assert one.stdout == run(*settings, "--detections", "c.jsonl").stdout
    assert "judges" not in json.loads(one.stdout)
    coco = json.loads(Path("faces.json").read_text())
    coco |= {"images": coco["images"][:1], "annotations": coco["annotations"][:1]}
    Path("faces.json").write_text(json.dumps(coco))
    of_model = run("--model", spot_weights)
    of_judge = run("--judge", f"facesmith:{spot_weights}")
    assert "found       1 of 1 box" in of_model.stdout
    assert (of_judge.stdout, of_judge.stderr) == (of_model.stdout, of_model.stderr)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--judge", "yolo"], 2, "KIND is one of facesmith,"),
        (["--judge", "detections"], 2, "detections needs a file. Write detections:PATH."),
        (["--judge", "facesmith", "--judge", "facesmith"], 2, "Two detectors are called facesmith"),
        (["--judge", "facesmith", "--model", "."], 2, "Pass one of --model and --judge"),
        (["--judge", "facesmith", "--vote", "facesmith=a"], 2, "--vote goes with several --judge"),
        ([*JUDGES, "--vote", "c=a"], 1, "No judge is called 'c'; the judges are a, b."),
        ([*JUDGES, "--vote", "a"], 2, "'a': expected LABEL=VOTE, each label once."),
        ([*JUDGES, "--scores", "a=1"], 2, "expected two numbers, LABEL=LOWEST,SURE."),
        ([*JUDGES, "--scores", "a=0.1,inf"], 2, "expected two numbers, LABEL=LOWEST,SURE."),
        ([*JUDGES, "--scores", "a=0.6,0.5"], 1, "rise within (0, 1], got 0.6 and 0.5"),
        (["--judge", "detections:no.jsonl", *JUDGES], 1, "no.jsonl: no such file of detections"),
        (["--judge", "yunet:no.onnx", *JUDGES], 1, "no.onnx: no such file"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, arguments: Any, code: int, message: str) -> None:
    del folder
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
