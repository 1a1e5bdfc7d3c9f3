"""`facesmith benchmark fddb`: files, table, JSON, and what is wrong on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from math import pi
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facesmith.cli import main
from facesmith.images import write_image

SHARED = Path(__file__).parents[3] / "shared" / "fddb"

ELLIPSES = {
    1: f"a/img_1\n1\n20.5 15.5 {pi / 2} 50 50  1\na/img_2\n0\n",
    2: f"b/img_1\n1\n20.5 15.5 {pi / 2} 50 50  1\n",
}
DETECTIONS = "a/img_1\n2\n35 30 30 40 0.9\n0 0 9 9 0.5\na/img_2\n0\nb/img_1\n1\n0 0 9 9 0.7\n"
SIZES = "image,width,height\na/img_1,100,100\na/img_2,100,100\nb/img_1,100,100\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folds").mkdir()
    for number, text in ELLIPSES.items():
        (tmp_path / f"folds/FDDB-fold-{number:02d}-ellipseList.txt").write_text(text)
    (tmp_path / "found.txt").write_text(DETECTIONS)
    (tmp_path / "sizes.csv").write_text(SIZES)
    return tmp_path


def fddb(folder: Path, *words: object, sizes: bool = True, found: bool = True) -> Result:
    all_words = ["--folds", folder / "folds", "--out", folder / "out", *words]
    all_words += ["--detections", folder / "found.txt"] if found else []
    all_words += ["--image-sizes", folder / "sizes.csv"] if sizes else []
    return CliRunner().invoke(main, ["benchmark", "fddb", *map(str, all_words)])


def test_writes_both_curves_and_prints_a_table(folder):
    result = fddb(folder)
    assert result.exit_code == 0, result.output
    # Two faces: one found at .9; below it come false positives at .7 and at .5.
    assert (folder / "out/DiscROC.txt").read_bytes() == (
        b"0.5 2 0.5\r\n0.5 1 0.7\r\n0.5 0 0.9\r\n0 0 1.79769e+308\r\n"
    )
    continuous = (folder / "out/ContROC.txt").read_text().split()
    assert continuous[1::2] == ["2", "1", "0", "0"]
    assert 0.35 < float(continuous[0]) < 0.45  # an ellipse covers 0.785 of its box; of two faces
    assert "2 faces in 3 images, 3 detections (rectangles)" in result.stdout
    assert "            100*         0.5000            1" in result.stdout
    assert "* the curves end at 2 false positives" in result.stdout
    assert result.stderr == ""


def test_json_has_the_same_figures(folder):
    result = fddb(folder, "--json", "--each-fold")
    values = json.loads(result.stdout, parse_constant=pytest.fail)
    assert (values["folds"], values["shape"]) == ([1, 2], "rectangle")
    assert (values["n_faces"], values["n_images"], values["n_detections"]) == (2, 3, 3)
    assert [point["false_positives"] for point in values["points"]] == [100, 250, 500, 1000, 2000]
    assert values["points"][0] == {
        "false_positives": 100,
        "reached": 0,
        "n_found": 1,
        "discrete_tpr": 0.5,
        "continuous_tpr": pytest.approx(values["by_fold"][0]["points"][0]["continuous_tpr"] / 2),
        "threshold": 0.9,
        "beyond_end": True,
    }
    assert [each["fold"] for each in values["by_fold"]] == [1, 2]
    assert (folder / "out/fold-01-DiscROC.txt").read_text().split()[:3] == ["1", "1", "0.5"]
    assert (folder / "out/fold-02-ContROC.txt").read_bytes() == b"0 1\r\n"


def test_one_fold_alone(folder):
    result = fddb(folder, "--fold", 2, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert (folder / "out/DiscROC.txt").read_bytes() == b"0 1 0.7\r\n"
    assert "There is no fold 3" in fddb(folder, "--fold", 3).stderr


def test_detections_in_several_files(folder):
    cut = DETECTIONS.index("b/img_1")
    (folder / "found.txt").write_text(DETECTIONS[cut:])
    (folder / "first.txt").write_text(DETECTIONS[:cut])
    result = fddb(folder, "--detections", folder / "first.txt")
    assert result.exit_code == 0, result.output
    assert (folder / "out/DiscROC.txt").read_text().startswith("0.5 2 0.5")


def test_ellipses_and_fitted_ellipses_overlap_more_than_boxes(folder):
    text = f"a/img_1\n1\n20 15 {pi / 2} 50 50 0.9\na/img_2\n0\nb/img_1\n0\n"
    plain = json.loads(fddb(folder, "--json").stdout)["points"][0]["continuous_tpr"]
    fitted = json.loads(fddb(folder, "--json", "--fit-ellipse").stdout)
    assert fitted["shape"] == "ellipse"
    (folder / "found.txt").write_text(text)
    values = json.loads(fddb(folder, "--json").stdout)
    assert values["points"][0]["continuous_tpr"] == 0.5  # the very pixels of one of two faces
    assert values["points"][0]["continuous_tpr"] > plain
    refused = fddb(folder, "--format", "rectangle")
    assert refused.exit_code == 1
    assert "found.txt line 3 (a/img_1): expected 5 numbers" in refused.stderr


def test_the_order_of_images_does_not_matter(folder):
    assert fddb(folder).exit_code == 0
    cut = DETECTIONS.index("b/img_1")
    (folder / "found.txt").write_text(DETECTIONS[cut:] + DETECTIONS[:cut])
    assert fddb(folder, "--out", folder / "turned").exit_code == 0
    for name in ("DiscROC.txt", "ContROC.txt"):
        assert (folder / "turned" / name).read_text() == (folder / "out" / name).read_text()


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ([], {"sizes": False}, "pass --images DIR or --image-sizes CSV"),
        ([], {"found": False}, "Pass --detections FILE, or --images DIR"),
        (["--model", "."], {}, "Pass either --detections or --model"),
        (["--format", "pixels"], {}, "'pixels' is not one of"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(folder, words, options, message):
    result = fddb(folder, *words, **options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_missing_size_is_one_line_and_exit_code_1(folder):
    (folder / "sizes.csv").write_text(SIZES.replace("b/img_1", "b/img_2"))
    result = fddb(folder)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The size of the image b/img_1 is unknown")
    assert "no line in" in result.stderr


def test_draws_a_picture(folder):
    pytest.importorskip("matplotlib")
    assert fddb(folder, "--plot").exit_code == 0
    assert (folder / "out/roc.png").read_bytes().startswith(b"\x89PNG")


def test_runs_the_detector_where_there_are_only_images(folder, spot_weights):
    from spot_detector import spots  # noqa: PLC0415 - needs the weights' packages

    # A white spot at (x, y) is found as the box x - 12, y - 12, 32 pixels wide and high.
    for name in ("a/img_1", "a/img_2", "b/img_1"):
        path = folder / f"images/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, spots(128, 128, *([(48, 48)] if name == "a/img_1" else [])))
    ellipse = f"a/img_1\n1\n20 16 {pi / 2} 52 52  1\na/img_2\n0\n"
    (folder / "folds/FDDB-fold-01-ellipseList.txt").write_text(ellipse)
    images = ["--images", folder / "images", "--model", spot_weights]
    result = fddb(folder, *images, sizes=False, found=False)
    assert result.exit_code == 0, result.output
    found = (folder / "out/detections.txt").read_text().splitlines()
    assert [line for line in found if "/" in line] == ["a/img_1", "a/img_2", "b/img_1"]
    assert found[1] != "0"
    np.testing.assert_allclose(
        [float(v) for v in found[2].split()], [36, 36, 32, 32, 0.982], atol=0.1
    )
    assert (folder / "out/DiscROC.txt").read_text().startswith("0.5 ")
    (folder / "images/b/img_1.png").unlink()
    missing = fddb(folder, *images, sizes=False, found=False)
    assert missing.exit_code == 1
    assert "The image b/img_1 of fold 2 is missing" in missing.stderr


@pytest.mark.skipif(not SHARED.is_dir(), reason="the official FDDB files are not at hand")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says the peak memory")
def test_the_official_curves_come_out_of_the_command_in_little_memory(tmp_path):
    # A process of its own: the peak memory is that of the whole command. (Not ru_maxrss, which
    # begins with that of the process it was started from.)
    code = (
        "import sys; from facesmith.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    words = ["--folds", SHARED, "--detections", SHARED / "pyface_detections.txt", "--image-sizes"]
    words += [SHARED / "image_sizes.csv", "--out", tmp_path, "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", code, "benchmark", "fddb", *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("DiscROC.txt", "ContROC.txt"):
        assert (tmp_path / name).read_bytes() == (SHARED / f"pyface_{name}").read_bytes()
    assert int(done.stdout) < 300 * 1024  # kilobytes
