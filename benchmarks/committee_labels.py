"""Labels sets of photos by a committee of detectors, from the files of `judge_detections.py`.

    python benchmarks/committee_labels.py --photos PHOTOS --found FOUND --out LABELS \
        --set train=LABELS/redrawn/redrawn.json --set train_street --set train_people

The judges are called `yunet_n`, `yunet_s` and `shipped` there, see `JUDGES`. Writes
`LABELS/SET.json` for each set and prints how many boxes are of which kind. Attributes of the
boxes are those of `facesmith.curation.relabelling`.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto, load_annotations, write_coco
from facesmith.curation.committee import Judge
from facesmith.curation.relabelling import relabelled
from facesmith.faces import Faces

# Both YuNets learned from the same photos: they have one vote.
JUDGES = (
    Judge("yunet_n", "yunet", 0.3, 0.6),
    Judge("yunet_s", "yunet", 0.3, 0.6),
    Judge("shipped", "facesmith", 0.15, 0.5),
)
POINTS_OF = "yunet_n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--set", dest="sets", action="append", required=True, metavar="SET[=FILE]")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for word in arguments.sets:
        name, _, path = word.partition("=")
        annotations = Path(path) if path else arguments.photos / f"{name}.coco.json"
        photos = load_annotations(annotations, arguments.photos / name).photos
        found = {
            judge.name: Found(arguments.found / f"{name}.{judge.name}.npz") for judge in JUDGES
        }
        labelled = [
            relabelled(
                photo,
                [found[judge.name].faces(photo.name) for judge in JUDGES],
                JUDGES,
                points_of=found[POINTS_OF].with_points(photo.name),
            )
            for photo in photos
        ]
        write_coco(arguments.out / f"{name}.json", labelled)
        print(name, len(photos), json.dumps(counts_of(labelled)), flush=True)


class Found:
    """What one judge found, by photo."""

    def __init__(self, path: Path) -> None:
        arrays = np.load(path)
        ends = np.cumsum(arrays["counts"])
        self._spans = {
            str(name): slice(int(end - count), int(end))
            for name, end, count in zip(arrays["names"], ends, arrays["counts"], strict=True)
        }
        self._boxes, self._scores = arrays["boxes"], arrays["scores"]
        self._points = arrays.get("points")

    def faces(self, name: str) -> Faces:
        """The faces found in the photo of that name."""
        return Faces(self._boxes[self._spans[name]], self._scores[self._spans[name]])

    def with_points(self, name: str) -> tuple[Faces, npt.NDArray[np.float32]]:
        """The faces, and five points of each, `(n, 5, 2)`."""
        assert self._points is not None
        return self.faces(name), self._points[self._spans[name]]


def counts_of(photos: Sequence[AnnotatedPhoto]) -> dict[str, int]:
    """How many boxes have which `committee` and which `pose`."""
    counts: Counter[str] = Counter()
    for photo in photos:
        for said, ignored in zip(photo.attributes, photo.ignored, strict=True):
            verdict = said.get("committee", "undecided")
            counts["raised, ignored" if verdict.startswith("raised") else verdict] += 1
            if not ignored:
                counts[f"pose {said['pose']}"] += 1
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    main()
