"""What a detector costs a computer: peak memory, and the size of its installation and weights.

Memory is measured in a process of its own, `python -m facesmith.evaluation.footprint`, which does
nothing but open the detector and look at some photos.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import numpy as np
from PIL import Image

from facesmith.evaluation.baselines import Baseline, BaselineError, DetectorName, open_baseline
from facesmith.images import read_image

_TIMEOUT_S = 600
# Threads of the libraries below NumPy and PyTorch, which are fixed when these are imported.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Footprint:
    """Sizes in bytes."""

    # Most resident memory of a process that opens the detector and looks at some photos, decoding
    # included; `None` where the system does not tell (Windows).
    peak_memory: int | None
    install: int  # the installed distributions that it needs beyond Python itself, without bytecode
    weights: int | None  # its weights files; `None` where they are inside a library
    distributions: tuple[str, ...]  # the distributions that `install` is the sum of, by name


def measure_footprint(
    name: DetectorName,
    baseline: Baseline,
    photos: Sequence[Path],
    *,
    size_wh: tuple[int, int] | None = None,
    threads: int = 1,
) -> Footprint:
    """Measure one detector; `baseline` is the same as `name`, opened here already.

    A process of its own opens it and looks at the photos, brought to the width and height
    `size_wh`, or as they are.

    Raises:
        BaselineError: If that process fails; the message ends with its last words.
    """
    distributions = needed_distributions(baseline.modules)
    files = baseline.weights_paths
    return Footprint(
        peak_memory=peak_memory_of(name, photos, size_wh=size_wh, threads=threads),
        install=sum(map(installed_bytes, distributions)),
        weights=sum(path.stat().st_size for path in files) if files else None,
        distributions=distributions,
    )


def peak_memory_of(
    name: DetectorName,
    photos: Sequence[Path],
    *,
    size_wh: tuple[int, int] | None = None,
    threads: int = 1,
) -> int | None:
    """Peak memory of a fresh process with the detector, bytes; see `measure_footprint`."""
    task = {
        "name": {**asdict(name), "path": None if name.path is None else str(name.path)},
        "photos": [str(path) for path in photos],
        "size_wh": size_wh,
        "threads": threads,
    }
    done = subprocess.run(  # noqa: S603 - our own module, the task on standard input
        [sys.executable, "-m", __name__],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
        env={**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))},
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BaselineError(
            f"{name.label}: the process that measures its memory ended with exit code "
            f"{done.returncode}: {last}"
        )
    peak: int | None = json.loads(done.stdout.splitlines()[-1])["peak_memory"]
    return peak


def peak_memory() -> int | None:
    """Most resident memory that this process had so far, bytes; `None` where unknown.

    On Linux from `/proc`: `getrusage` begins with the memory of the parent process there.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def needed_distributions(modules: Iterable[str]) -> tuple[str, ...]:
    """The installed distributions that modules come from, and all that these require.

    Requirements for extras are left out. Names are in lower case with `-`, sorted.
    """
    homes = packages_distributions()
    waiting = [name for module in modules for name in homes.get(module, [module])]
    found: set[str] = set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for requirement in requires:
            text, _, marker = requirement.partition(";")
            match = re.match(r"[A-Za-z0-9._-]+", text.strip())
            if match and "extra" not in marker:
                waiting.append(match.group())
    return tuple(sorted(found))


def installed_bytes(name: str) -> int:
    """Size of the files that a distribution's record lists, bytes, without bytecode.

    facesmith itself is the folder of the package: a development installation counts alike.
    """
    if name == "facesmith":
        package = Path(__file__).parents[1]
        paths = [path for path in package.rglob("*") if path.is_file()]
    else:
        paths = [Path(str(file.locate())) for file in distribution(name).files or []]
    kept = (path for path in paths if path.suffix != ".pyc")
    return sum(path.stat().st_size for path in kept if path.is_file())


def _main() -> None:
    """Do the task on standard input and print the peak memory as JSON."""
    task = json.load(sys.stdin)
    path = task["name"].pop("path")
    name = DetectorName(**task["name"], path=None if path is None else Path(path))
    detector = open_baseline(name, task["threads"])
    for photo in task["photos"]:
        image = read_image(photo)
        if task["size_wh"] is not None:
            image = np.asarray(Image.fromarray(image).resize(tuple(task["size_wh"])))
        detector(image)
    print(json.dumps({"peak_memory": peak_memory()}))


if __name__ == "__main__":
    _main()
