"""No output is ever an input, and no file of others is replaced without --force."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.images import write_image
from spot_detector import spots


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        write_image(tmp_path / "photos" / name, spots(96, 80))
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("out", ["photos/b.jpg", "link.jpg", "hard.jpg", "photos/../photos/b.jpg"])
def test_a_table_never_takes_a_photo_s_place(work: Path, out: str, force: tuple[str]) -> None:
    Path("link.jpg").symlink_to("photos/b.jpg")
    Path("hard.jpg").hardlink_to("photos/b.jpg")
    before = content(work)
    for given in ("photos/b.jpg", "photos"):
        result = run("detect", given, "--csv", out, *force)
        if given == "photos" and out == "hard.jpg" and force:  # a second name, not the photo
            assert content(work / "photos") == {
                name: each for name, each in before.items() if "photos" in name
            }
            continue
        assert result.exit_code != 0
        assert content(work) == before


@pytest.mark.usefixtures("work")
def test_somebody_s_table_needs_force_our_own_does_not() -> None:
    Path("faces.csv").write_text("name,age\nme,3\n")
    result = run("detect", "photos/a.jpg", "--csv", "faces.csv")
    assert result.exit_code == 1
    assert "faces.csv exists. Pass --force to replace it" in result.stderr
    assert Path("faces.csv").read_text() == "name,age\nme,3\n"
    for options in (("--force",), ()):
        assert run("detect", "photos/a.jpg", "--csv", "faces.csv", *options).exit_code == 0
        assert Path("faces.csv").read_text().startswith("file,width,height,face")


def test_drawings_spare_photos_and_what_others_made(work: Path) -> None:
    Path("drawn").mkdir()
    Path("drawn/a_faces.jpg").symlink_to("../photos/b.jpg")
    before = content(work / "photos")
    result = run("detect", "photos/a.jpg", "--draw", "drawn")
    assert result.exit_code == 1
    assert "a_faces.jpg exists, and facesmith did not write it" in result.stderr
    assert run("detect", "photos", "--draw", "drawn", "--force").exit_code == 1
    assert content(work / "photos") == before
    assert Path("drawn/b_faces.jpg").is_file()


def test_photos_in_the_folder_of_drawings_are_looked_at_drawings_are_not(work: Path) -> None:
    for workers in (1, 2, 2):
        result = run(
            "detect", "photos", "--draw", "photos/sub", "--json", "--workers", workers, "--quiet"
        )
        assert result.exit_code == 0
        files = [json.loads(line)["file"] for line in result.stdout.split("\n") if line]
        assert files == ["photos/a.jpg", "photos/b.jpg", "photos/sub/c.jpg"]
    for _ in range(2):
        assert run("detect", "photos", "--draw", "photos").exit_code == 0
    names = {path.name for path in (work / "photos").glob("*.jpg")}
    assert names == {"a.jpg", "b.jpg", "a_faces.jpg", "b_faces.jpg", "c_faces.jpg"}


@pytest.mark.parametrize(
    "words",
    [
        ("approximate", "runs/points.csv", "--target", "z", "--out", "runs", "--force"),
        ("train", "runs/points.csv", "--out", "runs", "--force"),
        ("train", "photos", "--from", "runs", "--out", "runs", "--force"),
        ("prepare", "photos", "--images", "photos", "--out", "photos/a.jpg", "--force"),
        ("mine", "--negatives", "photos", "--out", "photos/b.jpg", "--force"),
    ],
)
def test_no_command_writes_over_what_it_reads(work: Path, words: tuple[str]) -> None:
    Path("runs").mkdir()
    Path("runs/points.csv").write_text("x,z\n" + "".join(f"{i},{i}\n" for i in range(50)))
    before = content(work)
    result = run(*words)
    assert result.exit_code == 2
    assert content(work) == before


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("name", ["coco", "failures"])
def test_a_report_leaves_a_folder_of_others_alone(name: str) -> None:
    Path("mine").mkdir()
    Path("mine/coco.json").write_text("mine")
    result = run(
        "benchmark", name, "--annotations", "photos", "--images", "photos", "--out", "mine"
    )
    assert result.exit_code != 0
    assert "does not carry facesmith's mark" in result.stderr
    assert Path("mine/coco.json").read_text() == "mine"
