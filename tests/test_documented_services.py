"""Command lines of pages that need more than a folder: servers, films, archives, searches.

Each test runs the lines that `BY_TEST` in documented_commands.py has under its name. What it
changes of them (a free port, a smaller search, stand-ins for programs of others) it says.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from disc_photos import draw_disc_photos
from documented_commands import BY_TEST
from facesmith.cli import main

ROOT = Path(__file__).parents[1]
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="stand-ins are scripts for a POSIX shell")
WHERE = "http://127.0.0.1:8000"


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return BY_TEST[request.node.originalname]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str, *more: str) -> Result:
    """What the line says; words behind it win over the same options in it."""
    program, *words = shlex.split(line)
    assert program == "facesmith"
    done = CliRunner().invoke(main, [*words, *more])
    assert done.exit_code == 0, done.output
    return done


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    """A program of that name on the path, in Python."""
    folder = Path("programs").absolute()
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!{sys.executable}\n{code}", encoding="utf-8")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@contextmanager
def started(words: list[str], said: str) -> Iterator[str]:
    """What a program says in its first line, from `said` on, while it runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            found = re.search(said, first)
            assert found, first
            yield found[1]
        finally:
            process.terminate()
            process.communicate(timeout=30)


def blocks(page: str, kind: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def run_python_of(page: str) -> dict[str, Any]:
    """The names that the first lines of Python on a page define."""
    names: dict[str, Any] = {}
    exec(blocks(page, "python")[0], names)  # noqa: S102 - our own page
    return names


def save_astronaut(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.astronaut()).save(path, quality=95)


def test_serve(lines: tuple[str, ...]) -> None:
    """At a free port, asked by curl and by the Python of the page."""
    pytest.importorskip("uvicorn")
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    save_astronaut("photo.jpg", "a.jpg", "b.png")
    with started(
        [*shlex.split(lines[0]), "--port", "0"], r"serves http://127.0.0.1:(\d+)/"
    ) as port:
        address = f"http://127.0.0.1:{port}"
        answers = [
            json.loads(subprocess.check_output(shlex.split(line.replace(WHERE, address))))
            for line in lines[1:]
        ]
        faces = run_python_of("serve.md")["faces_in"]("photo.jpg", address)
    shown = json.loads(blocks("serve.md", "json")[0])
    assert answers[0].keys() == shown.keys()
    assert (answers[0]["file"], answers[0]["width"]) == (shown["file"], shown["width"])
    np.testing.assert_allclose(answers[0]["faces"][0]["box"], shown["faces"][0]["box"], atol=3)
    assert [len(answer["faces"][0]["landmarks"]) for answer in answers[1]] == [5, 5]
    assert [len(answer["faces"]) for answer in answers[2]] == [len(faces)] == [1]


def test_serve_for_label_studio(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """At a free port; the token is the one that the page's first line exports."""
    pytest.importorskip("uvicorn")
    httpx = pytest.importorskip("httpx")
    export, serve = lines
    name, _, token = export.removeprefix("export ").partition("=")
    monkeypatch.setenv(name, token)
    with started([*shlex.split(serve), "--port", "0"], r"serves http://\S+?:(\d+)/") as port:
        status = {
            host: httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": host}).status_code
            for host in (f"my-computer:{port}", "other-computer")
        }
        schema = '<View><Image name="i" value="$image"/><RectangleLabels name="l" toName="i">'
        schema += '<Label value="face"/></RectangleLabels></View>'
        setup = httpx.post(
            f"http://127.0.0.1:{port}/setup", json={"project": "1", "schema": schema}
        )
    assert list(status.values()) == [200, 403]
    assert setup.status_code == 200


@ON_POSIX
def test_export_web(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With an archive of a few bytes in place of the runtime, which a stand-in for npm packs."""
    from web_runtime import write_tested_runtime  # noqa: PLC0415 - its fixtures are of this test

    pack, by_npm, from_archive, http = lines
    write_tested_runtime(Path("package.tgz"), monkeypatch)
    code = (
        "import shutil, sys\n"
        f"assert sys.argv[1:3] == {shlex.split(pack)[1:]}, sys.argv\n"
        f"name = sys.argv[2].replace('@', '-') + '.tgz'\n"
        f"shutil.copy({str(Path('package.tgz').absolute())!r}, name)\n"
    )
    stand_in(monkeypatch, "npm", code)
    run(by_npm)
    subprocess.run(shlex.split(pack), check=True)
    run(from_archive, "--force")
    words = shlex.split(http)
    assert words[:3] == ["python", "-m", "http.server"]
    with (
        started([*words[2:], "0"], r"http://127.0.0.1:(\d+)/") as port,
        urlopen(f"http://127.0.0.1:{port}/site.json", timeout=20) as answer,
    ):
        assert json.load(answer)["weights"] == ["detector", "refiner", "landmarks"]


def test_fetch(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sets of the same layout, from a folder in place of the publishers' addresses."""
    pytest.importorskip("pooch")
    from facesmith.fetching import DATA_SETS  # noqa: PLC0415 - an extra
    from public_sets import fddb_tree, packed, wider_tree  # noqa: PLC0415

    fetch, fddb, wider, prepare = lines
    made = packed(DATA_SETS["fddb"], fddb_tree(Path("fddb-tree")), Path("mirror"))
    monkeypatch.setitem(DATA_SETS, "fddb", made)
    run(fetch, "--mirror", "mirror")
    assert json.loads(run(fddb, "--json").stdout)["n_faces"] == 20
    wider_tree(Path("data/wider"))
    assert json.loads(run(wider, "--json").stdout)["faces"] == {"easy": 2, "medium": 2, "hard": 2}
    assert json.loads(run(prepare, "--json").stdout)["read"]["photos"] == 2


def test_bulk(lines: tuple[str, ...]) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    save_astronaut("photos/1.png", "photos/more/2.jpg")
    Image.new("RGB", (64, 48)).save("photos/3.png")
    dry, whole, disk = lines
    assert "3 photos" in run(dry).output
    run(whole)
    names = run_python_of("bulk.md")
    assert [Path(path).name for path in names["no_face"].path] == ["3.png"]
    assert len(names["faces"]) == 3
    save_astronaut("disk/1.png")
    with tarfile.open("disk/more.tar", "w") as archive:
        archive.add("photos/more/2.jpg", "2.jpg")
    assert "2 photos" in run(disk.replace("faces/", "both/")).output


@pytest.mark.slow
def test_bulk_on_a_cluster(lines: tuple[str, ...], here: Path) -> None:
    """Scheduler and two workers of this computer; `/data` is a folder of the test."""
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    save_astronaut("data/photos/1.png")
    scheduler, worker, bulk = (line.replace("/data/", f"{here}/data/") for line in lines)
    said = r"(?s)(.*)"
    with started([*shlex.split(scheduler), "--port", "8786", "--host", "127.0.0.1"], said):
        words = shlex.split(worker.replace("head:8786", "127.0.0.1:8786"))
        with started([*words, "--nworkers", "2"], said):
            run(bulk.replace("head:8786", "127.0.0.1:8786"))
    assert json.loads((here / "data/faces/manifest.json").read_text())["counts"]["photos"] == 1


TOY = {
    "proposals": {
        "network": {
            "widths": [8, 8, 12, 16, 16],
            "depths": [0, 0, 0, 0, 0],
            "heads": [8, 8, 8, 8],
        },
        "batch_size": 8,
        "loop": {"epochs": 2, "warmup_steps": 2, "average_decay": 0.9, "validate_every": 1},
        "crops": {"side": 64, "smallest_face": 16, "largest_face": 50},
    },
    "refiner": None,
    "quantise_loss": -1.0,
}


@pytest.mark.slow
def test_tune(lines: tuple[str, ...]) -> None:
    """One trial and no pairs, with a network of toy size on 24 drawings."""
    pytest.importorskip("optuna")
    Path("photos").mkdir()
    draw_disc_photos(Path("photos"), 24)
    Path("photos/faces.json").rename("faces.json")
    Path("toy.json").write_text(json.dumps(TOY), encoding="utf-8")
    tune, train = lines
    small = ("--from", "scratch", "--threads", "1")
    done = run(tune, "--trials", "1", "--confirm", "0", "--config", "toy.json", *small)
    assert "1 trial" in done.output
    run(train, *small, "--no-cross-validation")
    assert Path("runs/tuned/detector.onnx").is_file()


@ON_POSIX
@pytest.mark.slow
def test_benchmark_anonymise(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """One film of a second; a stand-in for deface covers nothing, and so leaves every face."""
    pytest.importorskip("av")
    save_astronaut("val/1.png")
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 512, "height": 512}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [180, 67, 89, 102]}],
        "categories": [{"id": 1, "name": "face"}],
    }
    Path("val.json").write_text(json.dumps(content), encoding="utf-8")
    code = (
        "import shutil, sys\n"
        "source, o, output, *more = sys.argv[1:]\n"
        "assert [o, *more[:3]] == ['-o', '--replacewith', 'img', '--replaceimg'], more\n"
        "assert open(more[3], 'rb').read(4) == b'\\x89PNG'\n"
        "shutil.copy(source, output)\n"
    )
    stand_in(monkeypatch, "deface", code)
    for line in lines:
        out = Path(shlex.split(line)[shlex.split(line).index("--out") + 1])
        run(line, "--films", "1", "--seconds", "0.4", "--force")
        told = json.loads((out / "anonymise.json").read_text())["results"]
        assert told["deface"]["covered"] == 0 < told["facesmith"]["covered"]
