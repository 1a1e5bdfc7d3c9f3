"""What a detector found in annotated photos: run it, or read what any detector wrote.

Two forms are read, told apart by their content:

- COCO results, a JSON list of `{"image_id", "category_id", "bbox": [x, y, width, height],
  "score"}`. The ids are those of the COCO annotations. A photo without an entry has no detection.
- The JSON lines of `facesmith detect --json`, one photo a line:
  `{"file", "width", "height", "faces": [{"box": [x_min, y_min, x_max, y_max], "score"}]}`. Each
  annotated photo has its line: a photo that nobody looked at is no photo without a face.

Where landmarks are asked for, each detection has five: `"landmarks": [[x, y], ...]`, or in COCO
results `"keypoints": [x, y, score, ...]` too, in the order of `Faces`.

Boxes are kept as they are given, also where they leave the photo.

Source:
    The COCO results format, cocodataset.org, "Results Format", "Object Detection".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import DetectionsError
from facesmith.evaluation.detection_entries import (
    check_size,
    coco_results,
    face_row,
    json_lines,
    points_of,
)
from facesmith.faces import N_LANDMARKS, Faces
from facesmith.images import read_image
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.untrusted import ContentError, read_text


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes of one photo with the scores of any detector, in the order given.

    Unlike `Faces`, whose scores are probabilities, the scores are any real numbers, of which only
    the order means something.

    Raises:
        ValueError: If a shape is wrong, a value is not finite, or a box has swapped edges.
    """

    boxes: npt.NDArray[np.float64]  # float64 `(n, 4)`, corners, pixels of the upright photo
    scores: npt.NDArray[np.float64]  # float64 `(n,)`, finite. Read-only.
    # float64 `(n, 5, 2)`, as `Faces` has them; `None` where they were not read.
    landmarks: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes, dtype=np.float64)
        scores = np.array(self.scores, dtype=np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (len(boxes),):
            raise ValueError(
                "`boxes` must have shape (n, 4) and `scores` (n,); got "
                f"{boxes.shape} and {scores.shape}."
            )
        if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
            raise ValueError("`boxes` and `scores` must be finite.")
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise ValueError("`boxes` must have x_min <= x_max and y_min <= y_max.")
        boxes.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: npt.NDArray[np.generic]) -> Detections:
        """Those of some boxes, by a boolean mask or integers."""
        marks = None if self.landmarks is None else self.landmarks[index]
        return Detections(self.boxes[index], self.scores[index], marks)


def find_faces(
    detector: Callable[..., Faces],
    photos: Sequence[AnnotatedPhoto],
    *,
    min_score: float | None,
    progress: Progress = NO_PROGRESS,
) -> list[Faces]:
    """Run a detector over annotated photos in their full size.

    It is called as `detector(image, min_score=...)` with the image in BGR, `None` being its own
    threshold; `progress` is told how many photos are done.

    Raises:
        ImageError: If a photo cannot be read.
    """
    return [
        detector(read_image(photo.path), min_score=min_score)
        for photo in progress.each(photos, "Photos")
    ]


def read_detections(
    path: str | Path,
    annotations_path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    *,
    allow_others: bool = False,
    categories: Sequence[str] | None = None,
    landmarks: bool = False,
) -> list[Faces]:
    """Read what a detector found, where its scores are probabilities: one `Faces` a photo.

    The file is in one of the forms above; COCO results take their ids from `annotations_path`, of
    which `photos` are those that `load_annotations` gives, by the same `categories`. With
    `allow_others` the lines of files that are none of the photos are passed over, for photos that
    had to be left out; COCO ids must be in the annotations anyway. Boxes keep their order. With
    `landmarks` each detection needs five points, which else are passed over.

    Raises:
        DetectionsError: If an entry cannot be used, or a score lies outside [0, 1].
    """
    found = read_any_scores(
        path,
        annotations_path,
        photos,
        allow_others=allow_others,
        categories=categories,
        landmarks=landmarks,
    )
    for photo, detections in zip(photos, found, strict=True):
        outside = detections.scores[(detections.scores < 0) | (detections.scores > 1)]
        if len(outside):
            raise DetectionsError(
                f"{path}: expected scores that are probabilities, from 0 to 1, got {outside[0]:g} "
                f"in {photo.name}. Map the scores into this range, for example with a sigmoid; "
                "`facesmith benchmark coco` takes any scores as they are."
            )
    return [
        Faces(
            d.boxes.astype(np.float32),
            d.scores.astype(np.float32),
            None if d.landmarks is None else d.landmarks.astype(np.float32),
        )
        for d in found
    ]


def read_any_scores(
    path: str | Path,
    annotations_path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    *,
    allow_others: bool = False,
    categories: Sequence[str] | None = None,
    landmarks: bool = False,
) -> list[Detections]:
    """Read what a detector found, whatever range its scores are in; see `read_detections`."""
    path = Path(path)
    try:
        text = read_text(path)
    except ContentError as error:
        raise DetectionsError(str(error)) from error
    rows: list[list[list[float]]] = [[] for _ in photos]
    points: list[list[list[list[float]]]] = [[] for _ in photos]
    if text.lstrip().startswith("["):
        results = coco_results(path, text, Path(annotations_path), photos, categories)
        for index, row, where, entry in results:
            rows[index].append(row)
            if landmarks:
                points[index].append(points_of(where, entry))
    else:
        find_photo = _photo_finder(photos)
        seen: dict[int, str] = {}
        for where, file, faces, size_wh in json_lines(path, text):
            found = find_photo(file)
            if found is None and allow_others:
                continue
            if found is None:
                raise DetectionsError(
                    f"{where}: {file} is none of the {len(photos)} annotated photos. Remove the "
                    "line, or annotate the photo."
                )
            if found in seen:
                raise DetectionsError(
                    f"{where}: {file} has a line already, {seen[found]}. Keep one of the two."
                )
            seen[found] = where
            check_size(where, photos[found], size_wh)
            places = [(f"{where}, faces[{i}]", face) for i, face in enumerate(faces)]
            rows[found] = [face_row(*each) for each in places]
            points[found] = [points_of(*each) for each in places] if landmarks else []
        missing = [photo.name for i, photo in enumerate(photos) if i not in seen]
        if missing:
            more = f" and of {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DetectionsError(
                f"{path}: expected a line for each of the {len(photos)} annotated photos, the one "
                f"of {missing[0]}{more} is missing. Run the detector on all of them; a photo "
                'without a face has a line with "faces": [].'
            )
    tables = [np.array(table, np.float64).reshape(-1, 5) for table in rows]
    marks = [np.array(each, np.float64).reshape(-1, N_LANDMARKS, 2) for each in points]
    return [
        Detections(table[:, :4], table[:, 4], each if landmarks else None)
        for table, each in zip(tables, marks, strict=True)
    ]


def _photo_finder(photos: Sequence[AnnotatedPhoto]) -> Callable[[str], int | None]:
    """Finds the photo that a file's path means: the same file, else the same name at its end."""
    paths = {os.path.realpath(photo.path): index for index, photo in enumerate(photos)}
    names = {photo.name: index for index, photo in enumerate(photos)}

    def find(file: str) -> int | None:
        parts = PurePosixPath(file.replace("\\", "/")).parts
        # The longest name is the surest: a/1.jpg before 1.jpg.
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        same = next((names[name] for name in ends if name in names), None)
        try:
            return paths.get(os.path.realpath(file), same)
        except ValueError:  # a null character: no file
            return same

    return find
