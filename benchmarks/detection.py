"""The detector beside its baselines: average precision, false boxes and time, on the same photos.

    python benchmarks/detection.py --photos PHOTOS --detector yunet:WEIGHTS/yunet_n.onnx

PHOTOS holds, for each set, a folder of photos and its COCO JSON beside it; `negatives` has no face.
It is `facesmith benchmark compare` on two sets at once, and with the face-free photos told apart
that facesmith was trained on. `results/README.md` says what the sets are and how the figures come
about.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from about import about
from facesmith.evaluation.baselines import Baseline
from facesmith.evaluation.compare import (
    CompareConfig,
    FaceFreeFigures,
    Measured,
    compare,
    face_free_figures,
    size_name,
    threshold_at_recall,
)
from facesmith.files import checksum
from looked_at import looked_at
from photo_options import (
    OURS,
    held_out_photos,
    open_detectors,
    photo_options,
    photos_of_set,
    read_options,
)

ANNOTATED = ("val_same_domain", "val_other_domain")
FACE_FREE = "negatives"
ALWAYS = {OURS: "facesmith", "facesmith, proposals alone": "facesmith-proposals"}
SHOWN = (("ap", 0.5), ("ap", 0.4), ("recall_at_0.1_false_a_photo", 0.4))
SIZES_WH = ((640, 480), (1280, 720))


def main() -> None:
    arguments = _arguments()
    baselines = open_detectors(arguments, [f"{label}={kind}" for label, kind in ALWAYS.items()])
    ours = baselines[OURS]
    face_free = photos_of_set(arguments.photos, FACE_FREE, arguments.limit)
    held_out = _held_out_face_free(arguments.photos)
    kept = [photo.path.resolve() in held_out for photo in face_free]
    rows: dict[str, dict[str, Any]] = {label: {"detector": label} for label in baselines}
    config = CompareConfig(rounds=arguments.rounds, sizes_wh=SIZES_WH)
    for set_name in ANNOTATED:
        last = set_name == ANNOTATED[-1]  # the honest set: times and false boxes go by it
        config_of_set = config if last else CompareConfig(sizes_wh=())
        photos = photos_of_set(arguments.photos, set_name, arguments.limit)
        print(f"{set_name}: {len(photos)} photos", file=sys.stderr)
        measured = compare(baselines, photos, face_free if last else (), config_of_set)
        corrected = compare(baselines, looked_at(set_name, photos), (), CompareConfig(sizes_wh=()))
        for label, each in measured.items():
            rows[label][set_name] = _accuracy(each, with_threshold=label == OURS)
            rows[label][f"{set_name}_looked_at"] = _accuracy(corrected[label], with_threshold=True)
            if last:
                rows[label] |= _face_free(each, kept, ours.min_score, config)
                for size_wh in SIZES_WH:
                    timing = each.timings[size_name(size_wh)]
                    rows[label][f"ms_{size_name(size_wh)}"] = round(timing.median_ms, 2)
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": _checksums(ours),
        "protocol": {
            "min_face_height": int(config.min_height),
            "common_recall": f"{config.common_recall} on {ANNOTATED[-1]} at IoU "
            f"{config.common_recall_iou}",
            "photos_a_set": arguments.limit or "all",
            "timing": f"median over {config.rounds} rounds of {config.n_timed} photos, interleaved",
        },
        "detectors": list(rows.values()),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    _print(result, config)


def _checksums(ours: Baseline) -> dict[str, str]:
    return {path.name: checksum(path)[:16] for path in ours.weights_paths}


def _arguments() -> argparse.Namespace:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "detection.json")
    parser.add_argument("--rounds", type=int, default=15)
    return read_options(parser)


def _held_out_face_free(folder: Path) -> set[Path]:
    """The face-free photos that the shipped weights were not trained on, only calibrated on."""
    return {p.path.resolve() for p in held_out_photos(folder) if not len(p.boxes)}


def _accuracy(each: Measured, *, with_threshold: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for iou, curve in each.curves.items():
        figures["photos"], figures["faces"] = curve.n_photos, curve.n_faces
        figures[f"ap_{iou}"] = round(curve.average_precision, 4)
        figures[f"recall_at_0.1_false_a_photo_{iou}"] = round(curve.recall_at(0.1), 4)
        if with_threshold:
            own = each.at_own_threshold(iou)
            figures[f"at_threshold_{iou}"] = {
                "threshold": own.threshold,
                "precision": round(own.precision, 4),
                "recall": round(own.recall, 4),
                "false_a_photo": round(own.false_per_photo, 4),
            }
    return figures


def _face_free(
    each: Measured, kept: list[bool], our_threshold: float, config: CompareConfig
) -> dict[str, Any]:
    """False boxes on all face-free photos, and on those held out of our training."""
    common = threshold_at_recall(each.curves[config.common_recall_iou], config.common_recall)
    held_out = [faces for faces, keep in zip(each.face_free, kept, strict=True) if keep]
    return {
        name: {
            "photos": len(found),
            f"at recall {config.common_recall}": _rounded(face_free_figures(found, common)),
            f"at score {our_threshold}": _rounded(face_free_figures(found, our_threshold)),
        }
        for name, found in ((FACE_FREE, each.face_free), (f"{FACE_FREE}_held_out", held_out))
        if found
    }


def _rounded(figures: FaceFreeFigures) -> dict[str, float | None]:
    def plain(value: float) -> float | None:
        return None if value != value else round(value, 4)  # noqa: PLR0124 - NaN is no JSON

    return {
        "threshold": plain(figures.threshold),
        "false_a_photo": plain(figures.false_per_photo),
        "photos_with_one": plain(figures.photos_with_one),
    }


def _print(result: dict[str, Any], config: CompareConfig) -> None:
    recall = f"at recall {config.common_recall}"
    for name in (*ANNOTATED, *(f"{set_name}_looked_at" for set_name in ANNOTATED)):
        print(f"{name:36}  AP@0.5  AP@0.4  recall at 0.1 false boxes")
        for row in result["detectors"]:
            figures = [row[name][f"{word}_{iou}"] for word, iou in SHOWN]
            print(f"{row['detector']:36}  " + "  ".join(f"{figure:6.3f}" for figure in figures))
    print(f"{'':28}  false boxes {recall}  ms 640x480")
    for row in result["detectors"]:
        held_out = row.get(f"{FACE_FREE}_held_out", {}).get(recall, {}).get("false_a_photo")
        print(
            f"{row['detector']:28}  "
            f"{'-' if held_out is None else f'{held_out:.3f}':28}{row['ms_640x480']:.1f}"
        )


if __name__ == "__main__":
    main()
