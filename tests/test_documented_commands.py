"""Every command line that a page shows is run somewhere, or it is said why not."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from documented_commands import BY_TEST, NOT_RUN, RUN
from facesmith.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ROOT / "src" / "facesmith" / "weights" / "MODEL_CARD.md",
    *sorted(ROOT.glob("docs/*.md")),  # not the decisions, which tell what was run at their time
    *sorted(ROOT.glob("docs/site/*.md")),
]
RESULTS = ROOT / "benchmarks" / "results" / "page_outputs.json"


def lines_in(text: str) -> list[str]:
    """Command lines of a page: in blocks, in examples of help texts, and between backticks."""
    lines = []
    for kind, block in re.findall(r"^ *```(\w+)\n(.*?)^ *```", text, re.M | re.S):
        given = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
        if kind == "console":
            marked = [line for line in given if line.startswith("$ ")]
            lines += marked or given
        elif kind in ("sh", "bash"):
            lines += given
        else:  # a help text has examples up to an empty line
            for examples in re.findall(r"^ *Examples?:\n(.+?)(?:\n\n|\Z)", block, re.M | re.S):
                lines += [line.strip() for line in examples.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
    lines += re.findall(r"^ {4}(facesmith .*)", prose, re.M)
    for code in re.findall(r"`([^`\n]+)`", prose):
        whole = code.startswith("facesmith ") and re.search(
            r" (--out|--draw|--aligned) |^\| ", code
        )
        lines += [code] if whole and "..." not in code else []
    for row in re.findall(r"^\|.*", prose, re.M):
        lines += [code for code in re.findall(r"`([^`]+)`", row)
                  if code.startswith("make ")]  # fmt: skip
    return lines


def shown_lines() -> set[str]:
    """Command lines of all pages, without `$`, comments and more than one space in a row."""
    lines = [line for path in PAGES for line in lines_in(path.read_text(encoding="utf-8"))]
    plain = (re.sub(r"(^|\s+)#.*", "", line.removeprefix("$ ")) for line in lines)
    return {" ".join(line.split()) for line in plain} - {""}


def test_lines_are_found() -> None:
    page = """
Say `facesmith detect a/ --draw b/` or `facesmith detect --json` or `facesmith x ... --out y`.

    facesmith serve

```console
$ make demo    # all
facesmith prints this
```

```sh
facesmith detect \\
    c.jpg
# nothing
curl x
```

```text
Usage
  Example:
    facesmith fetch fddb

facesmith's other words
```
"""
    assert set(lines_in(page)) == {
        "facesmith detect a/ --draw b/", "facesmith serve", "$ make demo    # all",
        "facesmith detect      c.jpg", "# nothing", "curl x", "facesmith fetch fddb",
    }  # fmt: skip


def run_elsewhere() -> set[str]:
    outputs = json.loads(RESULTS.read_text("utf-8"))["outputs"].values()
    return {entry["command"] for entry in outputs} | {
        line for table in (NOT_RUN, BY_TEST) for of in table.values() for line in of
    }


def test_every_line_is_run_or_it_is_said_why_not() -> None:
    shown = shown_lines()
    unknown = shown - set(RUN) - run_elsewhere()
    assert not unknown, "add these to tests/documented_commands.py"
    tables = {*RUN, *(line for of in (NOT_RUN, BY_TEST) for lines in of.values() for line in lines)}
    gone = tables - shown
    assert not gone, "no page shows these; take them out of tests/documented_commands.py"


def test_what_runs_instead_exists() -> None:
    named = {name for reason in NOT_RUN for name in re.findall(r"tests/\S+?\.py", reason)}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
    text = (ROOT / "tests" / "test_documented_services.py").read_text(encoding="utf-8")
    assert set(BY_TEST) <= set(re.findall(r"^def (test_\w+)", text, re.M))


def exported_task(image: dict[str, Any], box: list[float]) -> dict[str, Any]:
    """A corrected photo as Label Studio exports it: the box in percent."""
    size = [image["width"], image["height"]] * 2
    percent = [100 * value / of for value, of in zip(box, size, strict=True)]
    value = dict(zip(("x", "y", "width", "height"), percent, strict=True))
    result = {
        "type": "rectanglelabels", "original_width": size[0], "original_height": size[1],
        "value": {**value, "rectanglelabels": ["face"]},
    }  # fmt: skip
    return {
        "data": {"image": f"photos/{image['file_name']}"},
        "annotations": [{"result": [result]}],
    }


def write_table(path: Path, target: str) -> None:
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["angle", "speed", target])
        table.writerows([[a, v, round(a * v, 3)] for a, v in rng.uniform(1, 3, (80, 2)).round(3)])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small inputs by the names that the pages use: one face a photo, and a table of 80 rows."""
    folder = tmp_path_factory.mktemp("pages")
    photo = Image.fromarray(data.astronaut())
    images, boxes = [], []
    for name in ("photos", "val", "holiday", "pets"):
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
    exported = [exported_task(image, box["bbox"]) for image, box in zip(images, boxes, strict=True)]
    (folder / "export.json").write_text(json.dumps(exported), encoding="utf-8")
    for name, photo in (("cat", data.chelsea()), ("coffee", data.coffee())):
        Image.fromarray(photo).save(folder / "pets" / f"{name}.png")
    (folder / "new.csv").write_text("angle,speed\n2.0,1.5\n", encoding="utf-8")
    write_table(folder / "points.csv", "z")
    return folder


@pytest.fixture(scope="module")
def results(world: Path) -> dict[str, tuple[int, str]]:
    """Exit code and output of each line of `RUN`, in its order."""
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world)
        for line in RUN:
            program, *words = shlex.split(line)
            if program == "python":
                answer = subprocess.run(
                    [sys.executable, *words], capture_output=True, text=True, check=False
                )
                said[line] = (answer.returncode, answer.stdout + answer.stderr)
                continue
            words, to = (words[:-2], words[-1]) if ">" in words else (words, None)
            out = words[words.index("--out") + 1] if "--out" in words else None
            if out and "--decisions" not in words and Path(out).is_dir():
                shutil.rmtree(out)
            elif out == "patches.npz":
                for path in Path().glob("patches.*"):
                    path.unlink()
            if "--target" in words:
                write_table(Path("points.csv"), words[words.index("--target") + 1])
            done = CliRunner().invoke(main, words)
            if to:
                Path(to).write_text(done.stdout, encoding="utf-8")
            if "annotations.xml --to" in line:
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
    for name in ("corrected.json", "labels.json"):
        assert len(json.loads((world / name).read_text("utf-8"))["annotations"]) == 6
    with (world / "predicted.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["prediction"]) == pytest.approx(3, abs=0.1)
    scored = results["facesmith benchmark coco --annotations val.json --images val/"][1]
    assert re.search(r"^0\.4 +1\.000", scored, re.M), scored
    assert "def " in (world / "lift.py").read_text("utf-8")
