"""The recipe of the container: small, not root, nothing written. Built where Docker runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its words, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(kind, rest.strip()) for kind, _, rest in
            (line.partition(" ") for line in joined.splitlines() if line.strip())]  # fmt: skip


def of_last_stage(kind: str) -> list[str]:
    known = instructions()
    start = max(i for i, (each, _) in enumerate(known) if each == "FROM")
    return [rest for each, rest in known[start:] if each == kind]


def test_only_known_instructions_and_slim_bases() -> None:
    kinds = {kind for kind, _ in instructions()}
    assert kinds <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL",
                     "HEALTHCHECK", "ENTRYPOINT", "CMD"}  # fmt: skip
    bases = [rest.split()[0] for kind, rest in instructions() if kind == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    assert len(set(bases)) == 1


def test_it_does_not_run_as_root_and_writes_nothing() -> None:
    (user,) = of_last_stage("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)  # numbers, so that Kubernetes can check them
    assert "PYTHONDONTWRITEBYTECODE=1" in of_last_stage("ENV")[0]
    assert of_last_stage("RUN") == []
    assert of_last_stage("VOLUME") == []


def test_it_serves_and_is_asked_how_it_is() -> None:
    from facesmith.cli import main  # noqa: PLC0415

    words = json.loads(of_last_stage("ENTRYPOINT")[0]) + json.loads(of_last_stage("CMD")[0])
    assert words[:2] == ["facesmith", "serve"]
    command = main.get_command(None, "serve")  # type: ignore[arg-type, attr-defined]
    given = command.make_context("serve", words[2:]).params
    assert (given["host"], given["port"]) == ("0.0.0.0", 8000)  # noqa: S104
    (check,) = of_last_stage("HEALTHCHECK")
    code = json.loads(check[check.index("[") :])[2]
    assert "http://127.0.0.1:8000/health" in code
    compile(code, "HEALTHCHECK", "exec")
    assert of_last_stage("EXPOSE") == ["8000"]
    assert of_last_stage("STOPSIGNAL") == ["SIGTERM"]


def test_what_it_copies_is_there_and_nothing_else_is_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    copied = {
        name
        for kind, rest in instructions()
        if kind == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == sent
    assert all((ROOT / name).exists() for name in sent)


def docker_runs() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not docker_runs(), reason="no Docker")
def test_it_is_built_and_serves_with_nothing_to_write_to() -> None:
    subprocess.run(["docker", "build", "-q", "-t", "facesmith-test", "."], cwd=ROOT, check=True)
    name = subprocess.run(
        ["docker", "run", "-d", "--rm", "--read-only", "--cap-drop", "ALL", "-p",
         "127.0.0.1:18000:8000", "facesmith-test"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    try:
        for _ in range(100):
            try:
                with urlopen("http://127.0.0.1:18000/health", timeout=2) as answer:
                    assert json.loads(answer.read())["status"] == "UP"
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError("it does not answer")
    finally:
        stopped = subprocess.run(["docker", "stop", name], capture_output=True, check=False)
    assert stopped.returncode == 0
