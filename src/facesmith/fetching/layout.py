"""Where the annotations and the photos of a public data set lie in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PublicSet:
    """A folder with a public data set, as it is unpacked.

    Attributes:
        name: `fddb` or `wider`.
        folder: The folder.
    """

    name: str
    folder: Path

    @property
    def annotations(self) -> Path:
        """Annotations to learn from: FDDB's folds, or WIDER FACE's list of its training photos."""
        if self.name == "fddb":
            return self.folder / "FDDB-folds"
        return self.folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"

    @property
    def images(self) -> Path:
        """The folder from which the names of `annotations` start."""
        return self.folder / ("originalPics" if self.name == "fddb" else "WIDER_train/images")

    @property
    def truth(self) -> Path:
        """What is scored against: FDDB's folds, or the files of WIDER FACE's evaluation tools."""
        return self.annotations if self.name == "fddb" else self.folder / "eval_tools/ground_truth"

    @property
    def scored_images(self) -> Path:
        """The photos that are scored: all of FDDB's, or WIDER FACE's validation photos."""
        return self.images if self.name == "fddb" else self.folder / "WIDER_val" / "images"


def find_public_set(folder: str | Path) -> PublicSet | None:
    """The public data set in a folder, known by its folder of annotations; `None` if none."""
    folder = Path(folder)
    for name, known_by in (
        ("fddb", "FDDB-folds"),
        ("wider", "wider_face_split"),
        ("wider", "eval_tools"),
    ):
        if (folder / known_by).is_dir():
            return PublicSet(name, folder)
    return None
