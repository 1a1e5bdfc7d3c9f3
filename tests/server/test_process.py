"""`facesmith serve` as users start it: its address, its end, its processes."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facesmith.cli import main
from facesmith.server.running import Address
from served import PNG, as_process, spot_png
from spot_detector import spots

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@ON_POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_what_runs_is_done(
    spot_weights: Path, tmp_path: Path, number: signal.Signals
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4000, 4000, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=1)
    home = tmp_path / "home"
    home.mkdir()
    answers = []
    with as_process("--model", spot_weights) as (process, address):
        photo = file.getvalue()
        thread = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{address}/v1/detect", content=photo, headers=PNG, timeout=60)
            )
        )
        thread.start()
        for _ in range(200):
            if "progress 1" in httpx.get(f"{address}/metrics").text:
                break
            time.sleep(0.02)
        process.send_signal(number)
        thread.join(60)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert answers[0].json()["width"] == 4000
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


@ON_POSIX
@pytest.mark.slow
def test_several_processes_count_together_and_one_that_ends_is_replaced(
    spot_weights: Path,
) -> None:
    photo = spot_png((40, 32))

    def post(address: str) -> int:
        answer = httpx.post(f"{address}/v1/detect", content=photo, headers=PNG, timeout=60)
        return len(answer.json()["faces"])

    def workers(process: int) -> list[int]:
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(process)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return [int(pid) for pid, words in lines if "spawn_main" in words]

    with as_process("--model", spot_weights, "--workers", "2") as (process, address):
        assert [post(address) for _ in range(20)] == [1] * 20
        text = httpx.get(f"{address}/metrics").text
        assert "facesmith_photos_total 20\n" in text
        before = workers(process.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        for _ in range(300):
            now = workers(process.pid)
            if len(now) == 2 and now != before:
                break
            time.sleep(0.1)
        assert len(now) == 2
        for _ in range(10):  # the new one may still be starting; the other serves
            assert post(address) == 1
        assert "facesmith_photos_total 30\n" in httpx.get(f"{address}/metrics").text
        process.terminate()
        assert process.wait(40) == 0
    for pid in now:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_form_with_another_boundary_leaves_no_line_on_the_terminal(spot_weights: Path) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=A"}
    with as_process("--model", spot_weights) as (process, address):
        health = httpx.head(f"{address}/health")
        assert (health.status_code, health.content) == (200, b"")
        answer = httpx.post(f"{address}/v1/detect", content=b"--B\r\n\r\n--B--", headers=headers)
        assert answer.status_code == 422
        assert "The form cannot be read" in answer.json()["detail"]
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""


def test_no_file_is_written(spot_weights: Path, tmp_path: Path) -> None:
    large = spot_png((40, 32), width=3000, height=3000)
    file = io.BytesIO()
    Image.open(io.BytesIO(large)).save(file, "BMP")  # 27 MB, which a form would put on the disk
    watched = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE")}
    environment = {**os.environ, **watched, "PYTHONPATH": os.pathsep.join(sys.path),
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    code = (
        "import sys, tempfile\n"
        "def refuse(*_, **__): raise AssertionError('a file')\n"
        "tempfile.SpooledTemporaryFile = tempfile.TemporaryFile = refuse\n"
        "tempfile.NamedTemporaryFile = tempfile.mkstemp = refuse\n"
        "from facesmith.server import ServeConfig, create_app\n"
        "from pathlib import Path\n"
        "from served import ask\n"
        "app = create_app(ServeConfig(Path(sys.argv[1])))\n"
        "photo = sys.stdin.buffer.read()\n"
        "for path in ('detect', 'crops', 'anonymise'):\n"
        "    answer = ask(app, 'POST', f'/v1/{path}', files={'file': ('a.bmp', photo)})\n"
        "    assert answer.status_code == 200, answer.text\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(spot_weights)], input=file.getvalue(),
        capture_output=True, env=environment, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert list(tmp_path.rglob("*")) == []


def test_a_port_that_is_taken_is_said(spot_weights: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ["serve", "--port", str(port), "--model", str(spot_weights)]
        done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert done.stderr == (
        f"Error: Another program listens at port {port} of 127.0.0.1. Pass another --port, or "
        "--port 0 for any that is free.\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--host", "203.0.113.7"], 1, "no address of this computer"),
        (["--host", "nowhere.invalid"], 1, "Pass a name or an address of this computer"),
        (["--port", "70000"], 2, "70000 is not in the range"),
        (["--workers", "0"], 2, "0 is not in the range"),
        (["--label-studio-token", "abc"], 2, "needs --label-studio URL"),
        (["--label-studio", "ftp://a"], 2, "expected an address such as http://localhost:8080"),
        (["--model", "MISSING"], 1, "no such weights file"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    words = [str(tmp_path / "empty") if word == "MISSING" else word for word in words]
    done = CliRunner().invoke(main, ["serve", "--port", "0", *words])
    assert done.exit_code == code
    assert said in done.stderr


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "python_multipart"])
def test_without_its_packages_it_names_the_extra(package: str, tmp_path: Path) -> None:
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError('missing', name={package!r})\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "facesmith", "serve", "--port", "0"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"'{package}'" in done.stderr
    assert 'pip install "facesmith[serve]"' in done.stderr


def test_other_commands_load_nothing_of_it(spot_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(spot_png((40, 32)))
    code = (
        "import sys, facesmith\nfrom facesmith.cli import main\n"
        f"main(['detect', 'a.png', '--model', {str(spot_weights)!r}], standalone_mode=False)\n"
        "main(['serve', '--help'], standalone_mode=False)\n"
        "names = {name.split('.')[0] for name in sys.modules}\n"
        "assert not names & {'fastapi', 'starlette', 'uvicorn', 'pydantic', 'python_multipart'}\n"
        "assert 'facesmith.server' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", ("localhost", "127.0.0.1", "[::1]")),
        ("::1", ("localhost", "127.0.0.1", "[::1]")),
        ("Faces.local", ("localhost", "127.0.0.1", "[::1]", "faces.local")),
        ("fe80::2", ("localhost", "127.0.0.1", "[::1]", "[fe80::2]")),
    ],
)
def test_the_names_by_which_it_is_called(host: str, names: tuple[str, ...]) -> None:
    assert Address(host, 0).names() == names


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_200_uploads_at_once_are_all_answered_and_memory_has_an_end(spot_weights: Path) -> None:
    file = io.BytesIO()
    # Looked at in half its size, where the spot has the side that is found. 5.8 MB: 1.1 GB
    # together, of which 256 MB may wait.
    Image.fromarray(spots(1600, 1200, (80, 64), side=16)).save(file, "BMP")
    photo = file.getvalue()
    statuses: list[list[int]] = []

    def insist(address: str) -> None:
        seen = []
        while True:
            answer = httpx.post(
                f"{address}/v1/detect", content=photo, headers={"Content-Type": "image/bmp"},
                timeout=120,
            )  # fmt: skip
            seen.append(answer.status_code)
            if answer.status_code != 503:
                break
            time.sleep(int(answer.headers["retry-after"]))
        assert len(answer.json()["faces"]) == 1
        statuses.append(seen)

    with as_process("--model", spot_weights) as (process, address):
        threads = [threading.Thread(target=insist, args=(address,)) for _ in range(200)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(200)
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        peak_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        assert "facesmith_held_bytes 0\n" in httpx.get(f"{address}/metrics").text
    assert [seen[-1] for seen in statuses] == [200] * 200
    assert {status for seen in statuses for status in seen} <= {200, 503}
    assert peak_kb < 750 * 1024
