"""Detection in several processes: same results, same order, whatever happens to a process."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facesmith.cli import main
from facesmith.detection import processes as workers_module
from facesmith.detection.detector import Detector
from facesmith.detection.photos import DetectionConfig, PhotoFaces, PhotoSource, detect_photos
from facesmith.detection.processes import WorkerError, default_workers, detect_in_workers
from facesmith.errors import ImageError, WeightsError
from spot_detector import spots

needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture
def sources(tmp_path: Path) -> list[PhotoSource]:
    """Twelve photos with 0, 1 and 2 faces in turn; the fifth is damaged, the last mere bytes."""
    faces = ((), ((40, 32),), ((40, 32), (96, 64)))
    for number in range(11):
        image = spots(160, 120 + 8 * number, *faces[number % 3])
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "4.png").write_bytes(b"no photo")
    paths = [tmp_path / f"{number}.png" for number in range(11)]
    content = (tmp_path / "2.png").read_bytes()
    return [*(PhotoSource(path.stem, path) for path in paths), PhotoSource("11", content)]


def comparable(results: Iterator[PhotoFaces]) -> list[tuple[Any, ...]]:
    return [
        (r.source.name, r.width, r.height, r.faces.boxes.tolist(), r.faces.scores.tolist(), r.error)
        for r in results
    ]


# What a worker does at the end of a photo; they are named by module and name when sent there.


def end_at_3(found: PhotoFaces) -> None:
    if found.source.name == "3":
        os._exit(7)


def end_at_3_once(found: PhotoFaces) -> None:
    """The mark that the process leaves lies beside the photo."""
    if found.source.name == "3":
        mark = Path(str(found.source.content)).with_suffix(".mark")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def end_always(_found: PhotoFaces) -> None:
    os._exit(1)


def slow_at_0(found: PhotoFaces) -> None:
    time.sleep(0.5 if found.source.name == "0" else 0)


def refuse_no_faces(found: PhotoFaces) -> None:
    assert found.decoded is not None  # the image is at hand
    if not len(found.faces):
        raise ImageError(f"{found.source.name} is empty")


def test_results_are_those_of_one_process_in_the_order_of_the_photos(
    spot_weights: Path, sources: list[PhotoSource]
) -> None:
    """The first photo takes longer than all others together, and still comes first."""
    alone = comparable(detect_photos(Detector(spot_weights), sources))
    several = list(
        detect_in_workers(
            spot_weights, sources, workers=2, config=DetectionConfig(finish=slow_at_0)
        )
    )
    assert comparable(iter(several)) == alone
    assert [row[0] for row in alone] == [str(number) for number in range(12)]
    assert [len(row[3]) for row in alone] == [0, 1, 2, 0, 0, 2, 0, 1, 2, 0, 1, 2]
    assert [row[0] for row in alone if row[5]] == ["4"]
    assert [found.source for found in several] == sources
    assert np.array_equal(several[2].image(), several[11].image())
    assert not multiprocessing.active_children()


def test_a_photo_with_which_processes_end_gets_an_error_and_the_others_are_done(
    spot_weights: Path, sources: list[PhotoSource]
) -> None:
    expected = comparable(detect_photos(Detector(spot_weights), sources))
    results = comparable(
        detect_in_workers(spot_weights, sources, workers=1, config=DetectionConfig(finish=end_at_3))
    )
    assert results[:3] + results[4:] == expected[:3] + expected[4:]
    assert results[3][1:5] == (0, 0, [], [])
    assert results[3][5].startswith("3: the process that looked at it ended twice (exit code 7).")


@needs_signals
def test_photos_of_a_process_that_is_killed_are_looked_at_again(
    spot_weights: Path, sources: list[PhotoSource]
) -> None:
    expected = comparable(detect_photos(Detector(spot_weights), sources))
    results = detect_in_workers(
        spot_weights, sources, workers=2, config=DetectionConfig(finish=end_at_3_once)
    )
    assert comparable(results) == expected
    assert Path(str(sources[3].content)).with_suffix(".mark").exists()


@pytest.mark.slow
def test_processes_that_always_end_are_given_up(
    spot_weights: Path, sources: list[PhotoSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_MAX_LOST", 1)
    results = detect_in_workers(
        spot_weights, sources, workers=1, config=DetectionConfig(finish=end_always)
    )
    with pytest.raises(WorkerError, match=r"2 processes in a row ended .* \(exit code 1\)"):
        list(results)
    assert not multiprocessing.active_children()


def test_what_finish_refuses_is_the_error_of_the_photo(
    spot_weights: Path, sources: list[PhotoSource]
) -> None:
    def errors(results: Iterator[PhotoFaces]) -> list[str | None]:
        return [found.error for found in results]

    several = errors(
        detect_in_workers(
            spot_weights, sources[:4], workers=1, config=DetectionConfig(finish=refuse_no_faces)
        )
    )
    assert several == ["0 is empty", None, None, "3 is empty"]
    detector = Detector(spot_weights)
    assert (
        errors(detect_photos(detector, sources[:4], config=DetectionConfig(finish=refuse_no_faces)))
        == several
    )


def test_memory_is_bounded_and_stopping_early_ends_the_processes(
    spot_weights: Path, sources: list[PhotoSource]
) -> None:
    handed_out = 0

    def endless() -> Iterator[PhotoSource]:
        nonlocal handed_out
        while True:
            handed_out += 1
            yield sources[1]

    results = detect_in_workers(spot_weights, endless(), workers=1)
    for number in range(1, 31):
        assert len(next(results).faces) == 1
        assert handed_out <= number + workers_module._WINDOW
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_script_without_main_guard_is_told_so(
    spot_weights: Path, sources: list[PhotoSource], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from facesmith.detection.photos import PhotoSource\n"
        "from facesmith.detection.processes import detect_in_workers\n"
        f"sources = [PhotoSource('a', {str(sources[1].content).encode()!r})]\n"
        f"print(list(detect_in_workers({str(spot_weights)!r}, sources, workers=1)))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert 'needs `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": 0}, "`workers` must be at least 1; got workers=0"),
        ({"threads": 0}, "`threads` must be at least 1; got threads=0"),
    ],
)
def test_values_out_of_range_are_named_at_once(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detect_in_workers(None, [], **{"workers": 1, **wrong})


def test_bad_weights_are_named_as_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"a\.onnx is not a usable ONNX file"):
        list(detect_in_workers(tmp_path / "a.onnx", [], workers=1))


def test_without_photos_processes_end_quietly_even_while_they_start(
    spot_weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert list(detect_in_workers(spot_weights, [], workers=2)) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("n_photos", "cores", "expected"),
    [(0, 8, 1), (1, 8, 1), (31, 8, 1), (32, 8, 2), (32, 1, 1), (10_000, 8, 8), (10_000, 96, 60)],
)
def test_processes_by_default(
    n_photos: int, cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "available_cores", lambda: cores)
    assert default_workers(n_photos) == expected


def test_the_command_gives_the_same_files_and_lines_with_workers(
    spot_weights: Path, sources: list[PhotoSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sources  # they lie in tmp_path
    monkeypatch.chdir(tmp_path)
    outcomes = []
    for n in (1, 2):
        words = ["detect", "*.png", "gone.png", "--json", "--draw", f"out{n}/drawn", "--crops",
                 f"out{n}/crops", "--csv", f"{n}.csv", "--workers", str(n),
                 "--model", str(spot_weights)]  # fmt: skip
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 1
        files = sorted(Path(f"out{n}").rglob("*.jpg"))
        names = [path.relative_to(f"out{n}").as_posix() for path in files]
        contents = [path.read_bytes() for path in files]
        outcomes.append((result.stdout, Path(f"{n}.csv").read_text(), names, contents))
    assert outcomes[0] == outcomes[1]
    lines = [json.loads(line) for line in outcomes[0][0].splitlines()]
    assert [line["file"] for line in lines if "error" in line] == ["4.png", "gone.png"]
    assert len(outcomes[0][2]) == 10 + 9  # ten good photos, nine faces in them


@needs_signals
def test_ctrl_c_ends_the_command_and_its_processes_without_a_traceback(
    spot_weights: Path, tmp_path: Path
) -> None:
    """The interrupt goes to all processes at once, as a terminal sends it."""
    Image.fromarray(spots(160, 120, (40, 32))).save(tmp_path / "0.png")
    for number in range(1, 3000):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    # A shell starts what runs in the background with interrupts ignored, these tests too.
    program = (
        "import signal; from facesmith.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); main()"
    )
    command = [sys.executable, "-c", program, "detect", str(tmp_path), "--json", "--workers", "2",
               "--model", str(spot_weights)]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert "faces" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
    assert errors.strip() == "Stopped on request."
    assert ends_within(10, process.pid)


def ends_within(seconds: float, group: int) -> bool:
    """Whether nothing of a group of processes is left by then; some end just after the first."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_eight_threads_get_the_answers_of_one(spot_weights: Path) -> None:
    generator = np.random.default_rng(0)
    detector = Detector(spot_weights)
    images = [
        spots(
            int(generator.integers(60, 300)), int(generator.integers(60, 300)), (24, 16), (40, 40)
        )
        for _ in range(80)
    ]
    alone = [detector(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detector, images)) == alone
    assert {len(faces) for faces in alone} == {2}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_score": 1.5}, "`min_score` must be between 0 and 1; got min_score=1.5"),
        ({"min_face": 0}, "`min_face` must be positive, in pixels; got min_face=0"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectionConfig(**wrong)
