"""What the base install costs: megabytes and licences of its packages, and time until it works.

    python benchmarks/start_up.py --python ENVIRONMENT/bin/python

ENVIRONMENT is a new virtual environment with the wheel and nothing else. Each step is a new
process; times are CPU time, user and system, the median of `ROUNDS`, all steps taking turns: on a
quiet machine about as long passes on the clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from skimage import data

from about import ROOT, about

ROUNDS = 7
RESULT = ROOT / "benchmarks" / "results" / "start_up.json"
STEPS = {
    "python": "pass",
    "import facesmith": "import facesmith",
    "facesmith --help": "from facesmith.cli import main; main(['--help'])",
    "load_detector": "import facesmith; facesmith.load_detector()",
    "facesmith detect": "from facesmith.cli import main; main(['detect', 'astronaut.png'])",
}
INSTALLED = """
import importlib.metadata as m, json
def licence(d):
    found = d.metadata.get("License-Expression") or d.metadata.get("License") or ""
    kinds = [c.split(" :: ")[-1] for c in d.metadata.get_all("Classifier") or []
             if c.startswith("License ::")]
    return found if found and len(found) < 80 else ", ".join(kinds)
def size(d):
    return sum(p.stat().st_size for f in d.files or [] for p in [d.locate_file(f)]
               if p.is_file() and p.suffix != ".pyc")
print(json.dumps([{"name": d.metadata["Name"], "version": d.version, "licence": licence(d),
                   "mb": round(size(d) / 1e6, 1)} for d in m.distributions()]))
"""


def installed(python: Path) -> list[dict[str, Any]]:
    """Name, version, licence and megabytes without bytecode of each package, the largest first."""
    done = subprocess.run([python, "-c", INSTALLED], capture_output=True, text=True, check=True)
    packages = [
        each for each in json.loads(done.stdout) if each["name"] not in ("pip", "setuptools")
    ]
    return sorted(packages, key=lambda each: -each["mb"])


def timed(python: Path, code: str, folder: Path) -> float:
    """CPU seconds of a new process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Write `results/start_up.json`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--python", type=Path, required=True)
    python = parser.parse_args().python.absolute()
    taken: dict[str, list[float]] = {name: [] for name in STEPS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
        for _ in range(ROUNDS + 1):  # the first one fills the caches
            for step, code in STEPS.items():
                taken[step].append(timed(python, code, folder))
    packages = installed(python)
    steps = {
        step: {"cpu_seconds": round(statistics.median(times[1:]), 3)}
        for step, times in taken.items()
    }
    result = {
        "about": about(("numpy", "onnxruntime", "pillow", "click"), 1),
        "steps": steps,
        "install": {"mb": round(sum(each["mb"] for each in packages), 1), "packages": packages},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
