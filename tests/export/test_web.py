"""The exported site: its files, its runtime, and what is refused."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from facesmith.cli import main
from facesmith.errors import WeightsError, WriteError
from facesmith.export.web import export_site, runtime
from web_runtime import CONTENT, archive, write_tested_runtime


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of a runtime of a few bytes, which counts as the tested one."""
    path = tmp_path / "package.tgz"
    write_tested_runtime(path, monkeypatch)
    return path


def test_integrity_is_written_as_npm_does() -> None:
    # `printf abc | openssl dgst -sha512 -binary | base64`
    expected = (
        "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
    )
    assert runtime.integrity(b"abc") == f"sha512-{expected}"


def test_a_site_has_page_networks_runtime_and_licences(package: Path, tmp_path: Path) -> None:
    sizes = export_site(tmp_path / "site", runtime=package)
    found = {
        path.relative_to(tmp_path / "site").as_posix(): path.stat().st_size
        for path in (tmp_path / "site").rglob("*")
        if path.is_file() and path.name != ".facesmith"
    }
    assert found == sizes
    assert {
        "index.html",
        "backend.js",
        "offline.js",
        "detection/detector.js",
        "weights/detector.onnx",
        "weights/refiner.onnx",
        "weights/landmarks.onnx",
        "weights/MODEL_CARD.md",
        "runtime/ort.js",
        "runtime/ort.wasm",
        "runtime/LICENSE.txt",
        "runtime/ThirdPartyNotices.txt",
    } < set(found)
    assert "MIT" in (tmp_path / "site/runtime/LICENSE.txt").read_text()
    described = json.loads((tmp_path / "site/site.json").read_text())
    assert described["weights"] == ["detector", "refiner", "landmarks"]
    assert described["model"]["threshold"] == described["detector"]["threshold"]


def test_the_site_names_no_other_place(package: Path, tmp_path: Path) -> None:
    export_site(tmp_path / "site", runtime=package)
    for path in (tmp_path / "site").rglob("*.*"):
        if path.suffix in (".html", ".css") or (path.suffix == ".js" and path.name != "ort.js"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "//" not in text.replace("// ", "").replace("//\n", ""), path


def test_a_detector_without_refiner_and_landmarks(
    package: Path, tmp_path: Path, spot_weights: Path
) -> None:
    sizes = export_site(tmp_path / "site", spot_weights, runtime=package)
    assert {name for name in sizes if name.startswith("weights/")} == {"weights/detector.onnx"}
    described = json.loads((tmp_path / "site/site.json").read_text())
    assert described["weights"] == ["detector"]
    assert described["landmark_context"] is None


def test_a_classifier_is_refused(package: Path, tmp_path: Path, square_weights: Path) -> None:
    with pytest.raises(WeightsError, match="classifier"):
        export_site(tmp_path / "site", square_weights, runtime=package)
    assert not (tmp_path / "site").exists()


def test_an_earlier_site_is_replaced_on_request_only(package: Path, tmp_path: Path) -> None:
    export_site(tmp_path / "site", runtime=package)
    with pytest.raises(WriteError, match="--force"):
        export_site(tmp_path / "site", runtime=package)
    export_site(tmp_path / "site", runtime=package, force=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(WriteError, match="does not carry its mark"):
        export_site(other, runtime=package, force=True)


def test_the_runtime_may_come_from_a_folder(package: Path, tmp_path: Path) -> None:
    with tarfile.open(package) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    for folder in (tmp_path / "unpacked", tmp_path / "unpacked" / "package"):
        assert runtime.runtime_files(folder)["ort.wasm"] == CONTENT["ort.wasm"]


def test_another_runtime_is_refused(package: Path, tmp_path: Path) -> None:
    package.write_bytes(archive(ort_js=b"something else"))
    with pytest.raises(WriteError, match="is not the archive of onnxruntime-web"):
        runtime.runtime_files(package)
    folder = tmp_path / "folder"
    (folder / "dist").mkdir(parents=True)
    with pytest.raises(WriteError, match="does not hold dist/ort"):
        runtime.runtime_files(folder)
    for name, (path, _) in runtime.RUNTIME_FILES.items():
        (folder / path).write_bytes(CONTENT[name] + b" ")
    with pytest.raises(WriteError, match="is not the file of onnxruntime-web"):
        runtime.runtime_files(folder)


def test_without_npm_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WriteError, match=r"not installed. Pass --runtime"):
        runtime.runtime_files()


def test_what_npm_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WriteError, match="npm error no network"):
        runtime.runtime_files()


def test_the_command_says_what_it_wrote(package: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    done = CliRunner().invoke(main, ["export-web", "--out", str(out), "--runtime", str(package)])
    assert done.exit_code == 0, done.output
    assert f"MB, to {out}" in done.output
    assert (out / "index.html").is_file()
