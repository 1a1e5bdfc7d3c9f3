"""Every command line that a page shows is run somewhere, or it is said why not."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from documented_commands import NOT_RUN, OF_THEIR_ROOM, RUN
from facesmith.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
RESULTS = ROOT / "benchmarks" / "results" / "page_outputs.json"


def shown_lines() -> set[str]:
    """Command lines in the blocks of all pages, and in README's tables."""
    lines = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:console|sh|bash)\n(.*?)^```", text, re.M | re.S)
        for block in blocks:
            lines += block.replace("\\\n", " ").splitlines()
        if path.name == "README.md":
            lines += [code for row in re.findall(r"^\|.*", text, re.M)
                      for code in re.findall(r"`([^`]+)`", row)]  # fmt: skip
    plain = (re.sub(r"\s+#.*", "", line.removeprefix("$ ")) for line in lines)
    return {" ".join(line.split()) for line in plain if line.startswith("facesmith ")}


def run_elsewhere() -> set[str]:
    outputs = json.loads(RESULTS.read_text("utf-8"))["outputs"].values()
    return {entry["command"] for entry in outputs} | {
        line for of in NOT_RUN.values() for line in of
    }


def test_every_line_is_run_or_it_is_said_why_not() -> None:
    ours = {line for line in shown_lines()
            if not line.removeprefix("facesmith ").startswith(OF_THEIR_ROOM)}  # fmt: skip
    unknown = ours - set(RUN) - run_elsewhere()
    assert not unknown, "add these to tests/documented_commands.py"
    gone = {*RUN, *(line for lines in NOT_RUN.values() for line in lines)} - ours
    assert not gone, "no page shows these; take them out of tests/documented_commands.py"


def test_what_runs_instead_exists() -> None:
    named = {name for reason in NOT_RUN for name in re.findall(r"tests/\S+?\.py", reason)}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small inputs by the names that the pages use: one face a photo, and a table of 80 rows."""
    folder = tmp_path_factory.mktemp("pages")
    photo = Image.fromarray(data.astronaut())
    images, boxes = [], []
    for name in ("photos", "val", "holiday"):
        (folder / name).mkdir()
    for number in range(1, 7):
        small = photo.resize((512 - 40 * number, 512 - 40 * number))
        scale = small.width / 512
        box = [round(edge * scale, 1) for edge in (180, 67, 89, 102)]
        images.append({"id": number, "file_name": f"{number}.png", "width": small.width,
                       "height": small.height})  # fmt: skip
        boxes.append({"id": number, "image_id": number, "category_id": 1, "bbox": box})
        for name in ("photos", "val", "holiday"):
            small.save(folder / name / f"{number}.png")
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "face"}]}
    for name in ("faces.json", "people.json", "val.json"):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    found = [
        {"file": f"photos/{image['file_name']}", "width": image["width"],
         "height": image["height"],
         "faces": [{"box": [x, y, x + width, y + height], "score": 0.9}]}
        for image, (x, y, width, height) in zip(images, [b["bbox"] for b in boxes], strict=True)
    ]  # fmt: skip
    lines = "".join(json.dumps(entry) + "\n" for entry in found)
    (folder / "found.jsonl").write_text(lines, encoding="utf-8")
    rng = np.random.default_rng(0)
    with (folder / "points.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["angle", "speed", "lift", "z"])
        table.writerows([[a, v, a * v, a - v] for a, v in rng.uniform(1, 3, (80, 2)).round(3)])
    return folder


@pytest.fixture(scope="module")
def results(world: Path) -> dict[str, tuple[int, str]]:
    """Exit code and output of each line of `RUN`, in its order."""
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world)
        for line in RUN:
            words = shlex.split(line)[1:]
            words, to = (words[:-2], words[-1]) if ">" in words else (words, None)
            out = words[words.index("--out") + 1] if "--out" in words else None
            if out and "--decisions" not in words and Path(out).is_dir():
                shutil.rmtree(out)
            done = CliRunner().invoke(main, words)
            if to:
                Path(to).write_text(done.stdout, encoding="utf-8")
            if "annotations.xml" in line:
                shutil.copy("annotations.xml", "exported.xml")
            said[line] = (done.exit_code, done.output)
    return said


@pytest.mark.parametrize("line", RUN)
def test_a_documented_line_runs(line: str, results: dict[str, tuple[int, str]]) -> None:
    code, output = results[line]
    # `anonymise` exits with 1 where something may still be a face, as on the astronaut's suit.
    assert code in ((0, 1) if " anonymise " in line else (0,)), output


def test_what_the_lines_write_is_right(world: Path, results: dict[str, tuple[int, str]]) -> None:
    assert results
    assert (
        len(list((world / "faces").glob("*.jpg"))) + len(list((world / "faces").glob("*.png"))) == 6
    )
    corrected = json.loads((world / "corrected.json").read_text("utf-8"))
    assert len(corrected["annotations"]) == 6
    scored = results["facesmith benchmark coco --annotations val.json --images val/"][1]
    assert re.search(r"^0\.4 +1\.000", scored, re.M), scored
    assert "def " in (world / "lift.py").read_text("utf-8")
