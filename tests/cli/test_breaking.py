"""What commands must not break: files of others that lie where outputs go."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.cli.detect_outputs import Table
from facesmith.images import write_image
from spot_detector import spots


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    images, boxes = [], []
    for number in range(2):
        write_image(tmp_path / "photos" / f"{number}.png", spots(96, 80))
        images.append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 80})
        boxes.append({"id": number, "image_id": number, "category_id": 1, "bbox": [9, 9, 40, 40]})
    categories = [{"id": 1, "name": "face"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (tmp_path / "faces.json").write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("prepare", "faces.json", "--images", "photos", "--count", "400"),
        ("mine", "--negatives", "photos"),
    ],
)
def test_a_picture_beside_the_output_never_takes_a_photo_s_place(
    work: Path, words: tuple[str, ...]
) -> None:
    before = (work / "photos" / "0.png").read_bytes()
    suffix = ".npz" if words[0] == "prepare" else ".json"
    result = run(*words, "--out", f"photos/0{suffix}", "--force")
    assert result.exit_code == 2
    assert "0.png is read by" in result.stderr
    assert (work / "photos" / "0.png").read_bytes() == before


def test_an_audit_in_place_spares_its_annotations_and_the_pictures_of_others(work: Path) -> None:
    found = [
        {"image_id": n, "category_id": 1, "bbox": [9, 9, 40, 40], "score": 0.9} for n in (0, 1)
    ]
    Path("found.json").write_text(json.dumps(found))
    words = ("--images", "photos", "--out", "audit", "--quiet", "--detections", "found.json")
    first = run("audit", "faces.json", *words)
    assert first.exit_code == 0, first.output
    theirs = work / "audit" / "missed-2.png"
    theirs.write_bytes(b"theirs")
    assert run("audit", "faces.json", *words).exit_code == 0
    assert theirs.read_bytes() == b"theirs"
    again = work / "audit" / "corrected.json"
    Path("link.json").symlink_to(again)
    again.write_text(Path("faces.json").read_text() + " ")
    for given in ("audit/corrected.json", "link.json"):
        result = run("audit", given, *words)
        assert result.exit_code == 1
        assert "this command reads it" in result.stderr
        assert again.read_text() == Path("faces.json").read_text() + " "


@pytest.mark.skipif(os.name != "posix", reason="the system has no pipes with names")
def test_devices_and_pipes_stay(work: Path) -> None:
    os.mkfifo("pipe")
    for out in ("pipe", "/dev/null"):
        for words in (("mine", "--negatives", "photos", "--out"), ("detect", "photos", "--csv")):
            result = run(*words, out, "--force")
            assert result.exit_code == 2
            assert "is a pipe or a device" in result.stderr
    assert (work / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


def test_an_earlier_table_stays_until_there_is_another(work: Path) -> None:
    Path("t.csv").write_text("file,width,height,face,x_min,y_min,x_max,y_max,score\nold\n")
    old = Path("t.csv").read_text()
    Path("broken.onnx").write_bytes(b"none")
    assert run("detect", "photos", "--csv", "t.csv", "--model", "broken.onnx").exit_code == 1
    assert Path("t.csv").read_text() == old
    photo = {"file": "a.jpg", "width": 9, "height": 9, "faces": [{"box": [1] * 4, "score": 1}]}

    def stopped() -> None:
        with Table(Path("t.csv")) as table:
            table.write(photo)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert Path("t.csv").read_text().endswith("a.jpg,9,9,1,1,1,1,1,1\n")
    assert sorted(path.name for path in work.iterdir() if path.suffix == ".tmp") == []


@pytest.mark.skipif(os.name != "posix", reason="the system has no pipes with names")
@pytest.mark.usefixtures("work")
def test_a_table_that_is_no_file_or_huge_or_one_line_is_named_at_once() -> None:
    pytest.importorskip("scipy")
    os.mkfifo("pipe")
    with Path("sparse").open("wb") as file:
        file.truncate(20 * 2**30)
    with Path("line").open("wb") as file:
        file.truncate(2**25)
    for name, reason in (("pipe", "a pipe"), ("sparse", "20,480 MB"), ("line", "line 1 has")):
        result = run("approximate", name, "--target", "z")
        assert result.exit_code == 1
        assert f"{name} " in result.stderr
        assert reason in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no such device")
@pytest.mark.usefixtures("work")
def test_messages_that_nobody_can_read_do_not_end_the_work() -> None:
    words = ("detect", "photos", "missing.jpg", "--csv", "t.csv")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "facesmith", *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 2
    assert Path("t.csv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
@pytest.mark.usefixtures("work")
def test_charts_take_any_name_of_a_file_and_its_columns() -> None:
    pytest.importorskip("matplotlib")
    name = os.fsdecode(b"p\xff\n$\\foo$.csv")
    rows = [f"{i / 20},{i * 7 % 20},{i * i}" for i in range(20)]
    Path(name).write_text("\n".join(["$\\bar{$,b\x1b,$z$", *rows]))
    result = run("approximate", name, "--target", "$z$", "--max-iter", 2, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert Path("run/predictions.png").stat().st_size > 1000


@pytest.mark.usefixtures("work")
def test_a_demo_is_refused_while_another_process_fills_its_folder() -> None:
    pytest.importorskip("filelock")
    code = (
        "import sys; from facesmith.files import OutputFolder\n"
        "with OutputFolder('out', 'demo').lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        result = run("demo", "--out", "out", "--rows", 400)
        other.communicate()
    assert result.exit_code == 1
    assert f"out is being written by process {other.pid}" in result.stderr
