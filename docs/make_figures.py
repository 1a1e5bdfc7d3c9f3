"""Writes every measured figure of README, model card and docs pages from its source.

python docs/make_figures.py

Sources are the files of `benchmarks/results/` and the metadata in the shipped weights. Two kinds
of marks, which Markdown does not show, say where a figure goes:

    <!-- figure: detection/detectors/facesmith/val_other_domain/ap_0.5 -->.882<!-- /figure -->
    <!-- generated: detector-table -->
    a table or a whole output, written by the function of that name in `BLOCKS`
    <!-- end -->

The path of a figure is the name of a results file (or `weights`, for the metadata in
`detector.onnx`), then keys. In a list a key picks the item with that string among its values.
` as FORMAT` behind the path sets the form, see `FORMATS`. A figure that no results file holds
stands between `<!-- stated by: SOURCE -->` and `<!-- /stated -->`; it is left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from facesmith.runtime import onnxruntime

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WEIGHTS = ROOT / "src" / "facesmith" / "weights"
# Decisions are dated records; cli.md is made from the help texts.
PAGES = sorted(
    [ROOT / "README.md", WEIGHTS / "MODEL_CARD.md", RESULTS / "README.md"]
    + [path for path in (ROOT / "docs").glob("*.md") if path.name != "cli.md"]
)

FIGURE = re.compile(r"<!-- figure: (.+?)(?: as (\S+))? -->(.*?)<!-- /figure -->", re.DOTALL)
BLOCK = re.compile(r"<!-- generated: (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)
MEASURED = re.compile(r"(?<![\w.])0?\.\d{3,4}(?!\d)|\d\.\d+ ms\b")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    .*$", re.MULTILINE)
STATED = re.compile(r"<!-- stated by: .+? -->.*?<!-- /stated -->", re.DOTALL)

DETECTORS = ("facesmith", "yunet_n", "yunet_s")
LABELS = {"facesmith": "facesmith", "yunet_n": "YuNet_n", "yunet_s": "YuNet_s"}
SETS = ("val_same_domain", "val_other_domain")
RECALL = "recall_at_0.1_false_a_photo_0.4"


def fraction(value: float) -> str:
    """Three decimals without the leading zero, as `.882`; 1 as `1.000`."""
    return f"{value:.3f}".removeprefix("0")


def fraction4(value: float) -> str:
    """Four decimals without the leading zero, for figures close to 1."""
    return f"{value:.4f}".removeprefix("0")


FORMATS: dict[str, Callable[[float], str]] = {
    "fraction": fraction,
    "fraction4": fraction4,
    "percent": lambda value: f"{100 * value:.0f}",
    "percent1": lambda value: f"{100 * value:.1f}",
    "integer": lambda value: f"{value:,.0f}",
    "1": lambda value: f"{value:.1f}",
    "2": lambda value: f"{value:.2f}",
    "3": lambda value: f"{value:.3f}",
    "4": lambda value: f"{value:.4f}",
    "third": lambda value: f"{value / 3:.2f}",
    "hours": lambda minutes: f"{minutes // 60:.0f} h {minutes % 60:.0f} min",
}


@cache
def source(name: str) -> Any:
    """A results file, or for `weights` the metadata in the shipped detector."""
    if name == "weights":
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        session = onnxruntime.InferenceSession(str(WEIGHTS / "detector.onnx"), options)
        return json.loads(session.get_modelmeta().custom_metadata_map["facesmith"])
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def look_up(path: str) -> Any:
    """The value at a path such as `detection/detectors/facesmith/ms_640x480`."""
    name, *keys = path.split("/")
    value = source(name)
    for key in keys:
        if isinstance(value, list):
            if key.isdecimal():
                value = value[int(key)]
                continue
            value = next((item for item in value if key in item.values()), None)
        else:
            value = value.get(key)
        if value is None:
            raise KeyError(f"`{key}` of figure `{path}` is not in its source. Correct the path.")
    return value


def figure(path: str, form: str | None = None) -> str:
    """A value as the pages write it."""
    return FORMATS[form or "fraction"](look_up(path))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines).replace("|  |", "| |")


def _of(detector: str, path: str, form: str | None = None) -> str:
    return figure(f"detection/detectors/{detector}/{path}", form)


def _bold_best(cells: Sequence[str], best: Callable[..., str]) -> list[str]:
    """The cells with the best one bold; fractions and numbers of one form."""
    top = best(cells, key=float)
    return [f"**{cell}**" if cell == top else cell for cell in cells]


def detector_table() -> str:
    """Accuracy and time beside YuNet, of docs/measured.md."""
    columns = []
    for name in SETS:
        columns += [_bold_best([_of(d, f"{name}/{ap}") for d in DETECTORS], max)
                    for ap in ("ap_0.5", "ap_0.4")]  # fmt: skip
    columns += [
        _bold_best([_of(d, f"ms_{size}", "1") for d in DETECTORS], min)
        for size in ("640x480", "1280x720")
    ]
    rows = [
        [LABELS[d], f"{a} / {b}", f"{c} / {e}", f"{small} ms", f"{large} ms"]
        for d, a, b, c, e, small, large in zip(DETECTORS, *columns, strict=True)
    ]
    head = ["", "photos like the training's", "other people's photos", "640x480", "1280x720"]
    return table(head, rows)


def _all_three(path: str) -> str:
    return " / ".join(_of(d, path) for d in DETECTORS)


def _accuracy_rows(suffix: str) -> str:
    names = [name + suffix for name in SETS]
    count = [_of("facesmith", f"{name}/photos", "integer") for name in names]
    rows = [
        [f"AP at {iou}: facesmith / YuNet_n / YuNet_s" if iou == "0.5" else f"AP at {iou}",
         *(_all_three(f"{name}/ap_{iou}") for name in names)]
        for iou in ("0.5", "0.4")
    ]  # fmt: skip
    rows.append(
        [
            "recall at 0.1 false boxes a photo, IoU 0.4",
            *(_all_three(f"{n}/{RECALL}") for n in names),
        ]
    )
    at = [f"{n}/at_threshold_0.4" for n in names]
    rows.append(
        ["facesmith at its threshold, IoU 0.4: precision, recall"]
        + [f"{_of('facesmith', f'{p}/precision')}, {_of('facesmith', f'{p}/recall')}" for p in at]
    )
    head = ["", f"photos like the training's ({count[0]})",
            f"other people's photos: press, sport, street ({count[1]})"]  # fmt: skip
    return table(head, rows)


def accuracy_table() -> str:
    """Accuracy by the annotations as they are, of the model card."""
    return _accuracy_rows("")


def accuracy_looked_at_table() -> str:
    """The same with the wrong annotations ignored."""
    return _accuracy_rows("_looked_at")


def other_looked_at_table() -> str:
    """Other people's photos with the wrong annotations ignored, of docs/measured.md."""
    name = "val_other_domain_looked_at"
    rows = [
        [LABELS[d], f"{_of(d, f'{name}/ap_0.5')} / {_of(d, f'{name}/ap_0.4')}",
         _of(d, f"{name}/{RECALL}")]
        for d in DETECTORS
    ]  # fmt: skip
    head = ["other people's photos", "average precision", "recall at 0.1 false boxes a photo"]
    return table(head, rows)


RECALL_SETS = (
    ("val_people", "as_annotated", "sport, play, streets"),
    ("val_other_domain", "looked_at", "other people's photos"),
    ("val_same_domain", "looked_at", "photos like the training's"),
)


def recall_table() -> str:
    """What is found and missed, beside YuNet, of docs/measured.md and model card."""

    def cells(key: str) -> list[str]:
        """Of each set a figure of the detectors."""
        sets = [f"recall_report/{name}/{{}}/{labels}/{key}" for name, labels, _ in RECALL_SETS]
        return [" / ".join(figure(path.format(d)) for d in DETECTORS) for path in sets]

    def ours(key: str) -> list[str]:
        """Of each set a figure of facesmith alone."""
        return [
            figure(f"recall_report/{name}/facesmith/{labels}/{key}")
            for name, labels, _ in RECALL_SETS
        ]

    rows = [
        ["AP at 0.5: facesmith / YuNet_n / YuNet_s", *cells("ap50")],
        ["AP at 0.4", *cells("ap40")],
        ["recall at 0.1 false boxes a photo", *cells("recall_at_0.1")],
        ["recall at 1 false box a photo", *cells("recall_at_1")],
        ["faces without any box", *cells("without_any_box")],
        ["precision at the default threshold", *cells("default/precision")],
        ["recall at the default threshold", *cells("default/recall")],
        ["facesmith with `--find-all`: precision", *ours("find_all/precision")],
        ["recall", *ours("find_all/recall")],
    ]
    return table(["", *(words for _, _, words in RECALL_SETS)], rows)


LANDMARK_SETS = (
    ("portraits", "portraits, about 300 px"),
    ("crops80", "faces of 80 px, one in seven turned"),
)


def landmarks_table() -> str:
    """Errors of landmarks beside YuNet's, of docs/measured.md and the model card."""

    def cells(key: str, form: str) -> list[str]:
        paths = [f"landmarks/sets/{name}/detectors/{{}}/{key}" for name, _ in LANDMARK_SETS]
        return [" / ".join(figure(path.format(d), form) for d in DETECTORS) for path in paths]

    rows = [
        ["error, % of the box: facesmith / YuNet_n / YuNet_s", *cells("common/nme", "percent1")],
        ["errors above 10 %, % of faces", *cells("common/failures/0.1", "percent1")],
        ["roll, degrees off", *cells("common/roll_error", "1")],
        ["faces not found", *cells("all/not_found", "integer")],
    ]
    return table(["300 faces of each", *(words for _, words in LANDMARK_SETS)], rows)


LEAKS = (  # figure of a program, form, what it is
    ("covered", "percent1", "face-frames covered, %"),
    ("tracks_uncovered", "integer", "faces with a frame uncovered"),
    ("longest", "integer", "longest run uncovered, frames"),
    ("flicker", "percent1", "flicker, %"),
    ("vain_of_covered", "percent1", "in vain, % of what is covered"),
    ("vain_of_picture", "percent1", "in vain, % of the picture"),
    ("cpu_seconds_a_frame", "3", "CPU seconds a frame"),
    ("missing", "integer", "frames missing"),
    ("times_kept", "integer", "films with all times kept"),
)


def leaks_table() -> str:
    """What programs leave uncovered in films, with the size of the measurement before it."""
    names: list[str] = look_up("anonymise/programs")
    first = f"anonymise/results/{names[0]}"
    counts = {key: figure(f"{first}/{key}", "integer")
              for key in ("films", "frames", "tracks", "face_frames")}  # fmt: skip
    rows = [
        [words, *(figure(f"anonymise/results/{name}/{key}", form) for name in names)]
        for key, form, words in LEAKS
    ]
    kinds = look_up(f"{first}/by_kind")
    for kind, entry in kinds.items():
        if entry["face_frames"]:
            cells = [figure(f"anonymise/results/{n}/by_kind/{kind}/covered", "percent1")
                     for n in names]  # fmt: skip
            rows.append([f"covered of {entry['face_frames']:,}: {kind}, %", *cells])
    head = (
        f"{counts['films']} films of {counts['frames']} frames: {counts['tracks']} faces, "
        f"{counts['face_frames']} face-frames"
    )
    return table([head, *names], rows)


GOING_ON = (  # set, what its photos are
    ("sideways", "people, photos turned by 90 degrees"),
    ("val_people", "sport, play, streets"),
    ("masks", "faces with masks, which the shipped training had too"),
    ("train_people", "sport, play, streets, which the shipped training had too"),
)
SEEN_BEFORE = ("val_same_domain", "val_other_domain")


def going_on_table() -> str:
    """What going on from the shipped weights gains and forgets."""
    results: dict[str, Any] = json.loads((RESULTS / "going_on.json").read_text("utf-8"))
    rows = []
    for name, words in GOING_ON:
        for key, entry in results.items():
            of_set, number, *options = key.split()
            if of_set != name:
                continue
            asked = ", --forget" if "--forget" in options else ""
            minutes = "" if entry["minutes"] is None else f"{entry['minutes']:.1f}"
            sets = [entry["sets"][each] for each in (name, *SEEN_BEFORE)]
            rows.append([f"{words}{asked}", number, minutes, *map(_gain, sets)])
    head = ["photos", "number", "minutes", "others of the kind", "like the shipped training's"]
    return table([*head, "other people's"], rows)


def _gain(entry: dict[str, Any]) -> str:
    """Average precision at overlaps of 0.5 and 0.4, before and after."""
    pairs = [
        f"{fraction(entry['shipped'][key])} to {fraction(entry['new'][key])}"
        for key in ("ap_0.5", "ap_0.4")
    ]
    return " / ".join(pairs)


POSES = (
    ("frontal", "frontal"),
    ("half", "turned by 30 to 50 degrees"),
    ("turned", "turned by 50 degrees and more"),
    ("bowed", "bowed"),
    ("unknown", "no points found: hidden, blurred, small"),
)


def poses_table() -> str:
    """Of the faces of each pose those found at the default threshold, of the model card."""
    rows = []
    for pose, words in POSES:
        counts = [look_up(f"recall_report/val_people/{d}/recall_by_pose/{pose}") for d in DETECTORS]
        found = " / ".join(str(count["found"]) for count in counts)
        rows.append([words, str(counts[0]["faces"]), found])
    return table(["", "faces", "found: facesmith / YuNet_n / YuNet_s"], rows)


HARD = (
    ("turned by 15 degrees", "turned by 15"),
    ("turned by 30 degrees", "turned by 30"),
    ("turned by 45 degrees", "turned by 45"),
    ("upside down, with rotations of 0 and 180 degrees", "turned by 180, rotations 0,180"),
    ("large faces as they are", "large faces as they are"),
    ("enlarged to fill 75 to 100 % of the photo", "filling 75-100 %"),
    ("cut by the border, 25 to 50 % of the box missing", "cut by the border"),
    ("small faces, 10 to 24 px", "small faces, 10-24 px"),
    ("photos shrunk so that faces have 10 to 24 px", "shrunk to 10-24 px"),
)


def hard_faces_table() -> str:
    """Hard views of the photos, of the model card."""
    rows = []
    for words, condition in (("all faces", "all faces"), *HARD):
        both = look_up(f"hard_faces/conditions/{condition}/both")
        aps = [fraction(both[d]["ap_0.5"]) for d in DETECTORS]
        recall = fraction(both["facesmith"]["recall_at_threshold_0.5"])
        rows.append([words, " / ".join(aps), recall])
    head = ["", "AP at 0.5: facesmith / YuNet_n / YuNet_s", "facesmith's recall at its threshold"]
    return table(head, rows)


def classifier_table() -> str:
    """The classifiers on other people's photos, of docs/measured.md."""
    rows = []
    for name, words in (("compact", "`compact`"), ("pointwise", "`pointwise`, the exercise's net")):
        judged = look_up(f"classifier/networks/{name}/judged")
        accuracy, auc = judged["accuracy_95"], judged["auc_95"]
        seconds = figure(f"classifier/networks/{name}/seconds", "integer")
        rows.append(
            [words,
             f"{fraction(judged['accuracy'])} ({fraction(accuracy[0])} to {fraction(accuracy[1])})",
             f"{fraction4(judged['auc'])} ({fraction4(auc[0])} to {fraction4(auc[1])})",
             f"{seconds} s"]
        )  # fmt: skip
    return table(["", "accuracy (95 %)", "AUC (95 %)", "training"], rows)


def sliding_windows_table() -> str:
    """Classifiers over whole photos beside the detector, of docs/detect.md."""
    shown = look_up("sliding_windows/protocol/shown")
    rows = []
    for each in look_up("sliding_windows/detectors"):
        own = each["own_threshold"]
        rows.append(
            [each["detector"] if "network" not in each else f"`{each['network']}`",
             f"{each['ms'] / 1e3:.2f} s" if each["ms"] >= 100 else f"{each['ms']:.0f} ms",
             fraction(each["ap"]), f"{own['right']}, {own['wrong']}",
             *(f"{one['right']}, {one['wrong']}" for one in each["shown"])]
        )  # fmt: skip
    head = ["", "CPU time a photo", "AP", "boxes right, wrong"]
    head += [f"one photo, {photo['faces']} faces" for photo in shown]
    return table(head, rows)


MACHINES = (
    ("detection", "Intel Xeon, 2.8 GHz, AVX-512 with VNNI"),
    ("detection_zen4", "AMD EPYC, Zen 4, AVX-512 with VNNI"),
    ("detection_without_vnni", "AMD EPYC, AVX2 without VNNI"),
)


def times_table() -> str:
    """Milliseconds a photo on three processors, of docs/measured.md."""
    rows = [
        [words]
        + [
            " / ".join(
                figure(f"{name}/detectors/{d}/ms_{size}", "1") for size in ("640x480", "1280x720")
            )
            for d in DETECTORS
        ]
        for name, words in MACHINES
    ]
    return table(["", *(LABELS[d] for d in DETECTORS)], rows)


def approximation_table() -> str:
    """All methods on the exercise's points, of docs/measured.md."""
    rows = []
    for item in look_up("approximation/methods"):
        error = f"{item['l2_error']:.2g}" if item["l2_error"] < 100 else f"{item['l2_error']:.0f}"
        rows.append([item["method"], error, f"{item['seconds']:.1f} s"])
    return table(["", "L2 error", "fit"], rows)


def weights_table() -> str:
    """What is stored with the weights, of the model card."""
    point = look_up("weights/operating_point")
    low, high = point["reached_interval"]
    percent = FORMATS["percent1"]
    size = sum(path.stat().st_size for path in WEIGHTS.glob("*.onnx"))
    return table(
        ["", ""],
        [["size of the files", f"{size / 1e6:.1f} MB"],
         ["threshold", f"{look_up('weights/threshold'):.2f}"],
         [f"precision at the threshold, on the {point['n_groups']} photos held out from training",
          f"{percent(point['reached'])} % (95 %: {percent(low)} to {percent(high)})"],
         ["recall at the threshold, on the same photos", f"{percent(point['tpr'])} %"]],
    )  # fmt: skip


def training_table() -> str:
    """One command from random weights, whole and quick, of docs/train.md."""
    rows = []
    for name, words in (
        ("whole", "`facesmith train --from scratch`"),
        ("quick", "`facesmith train --quick`"),
    ):
        minutes = figure(f"training/{name}/minutes", "integer")
        figures = [
            " / ".join(figure(f"training/{name}/{labels}/all/{key}")
                       for key in ("ap_0.5", "ap_0.4", RECALL))
            for labels in ("learned", "as they were")
        ]  # fmt: skip
        machine = look_up(f"training/{name}/about/machine").replace("(R)", "")
        rows.append([words, f"{minutes} min, {machine}", *figures])
    shipped = [
        " / ".join(figure(f"held_out/detectors/facesmith/{labels}/all/{key}")
                   for key in ("ap_0.5", "ap_0.4", RECALL))
        for labels in ("learned", "as they were")
    ]  # fmt: skip
    rows.append(["shipped weights", "a chain of trainings", *shipped])
    return table(["", "time", "labels learned from", "labels as they were"], rows)


def audit_table() -> str:
    """What an audit finds of errors put in, of docs/audit.md."""
    at = look_up("audit/held_out/suspicious/whole")
    row = next(item for item in at if item["min_suspicion"] == 0.9)
    missed = next(r for r in look_up("audit/held_out/missed") if r["min_score"] == 0.8)
    percent = FORMATS["percent"]
    return table(
        ["", "found", "right, at least"],
        [["boxes moved to the background", f"{percent(row['recall_moved'])} %",
          f"{percent(row['precision_at_least'])} %, with the badly drawn ones"],
         ["boxes badly drawn", f"{percent(row['recall_badly_drawn'])} %", ""],
         ["deleted boxes", f"{percent(missed['recall_deleted'])} %",
          f"{percent(missed['precision_at_least'])} %, with the moved ones"]],
    )  # fmt: skip


def start_up_table() -> str:
    """What installing and starting cost, of docs/measured.md."""
    rows = [[f"`{step}`" if step != "python" else "Python alone", f"{each['cpu_seconds']:.2f} s"]
            for step, each in look_up("start_up/steps").items()]  # fmt: skip
    return table(["in a new process", "CPU time"], rows)


def packages_table() -> str:
    """The packages of the base install with their licences, of docs/measured.md."""
    rows = [[each["name"], each["version"], f"{each['mb']:.1f} MB", each["licence"]]
            for each in look_up("start_up/install/packages")]  # fmt: skip
    return table(["package", "version", "size", "licence, as the package states it"], rows)


def without_times(output: str) -> str:
    """An output with `...` for times, which differ on each machine and at each run."""
    output = re.sub(r"in \d+ s, [\d,]+ patches/s", "in ... s, ... patches/s", output)
    output = re.sub(r"\d+\.\d / \d+\.\d", lambda found: f"{'...':>{len(found[0])}}", output)
    lines = []
    end = 0  # where the column `seconds` ends in the table at hand
    for line in output.splitlines():
        cell = re.search(r" +[\d,]*\.\d$", line[:end])
        if cell and len(line) >= end:
            lines.append(f"{line[: cell.start()]}{'...':>{len(cell[0])}}{line[end:]}")
        else:
            lines.append(line)
        if "  seconds" in line:
            end = line.index("  seconds") + len("  seconds")
        elif not line:
            end = 0
    return "\n".join(lines)


def shown(name: str, cut: Callable[[str], str] = str) -> str:
    """A command and what it printed, from `page_outputs.json`."""
    entry = look_up(f"page_outputs/outputs/{name}")
    first = " --detector facesmith "
    command = entry["command"].replace(first, f" \\\n   {first}", 1)
    output = cut(without_times(entry["output"].rstrip()))
    if command != entry["command"]:  # a long command has a block of its own
        return f"```console\n$ {command}\n```\n\n```text\n{output}\n```\n"
    return f"```console\n$ {command}\n{output}\n```\n"


def fddb_ellipses_table() -> str:
    """What `--fit-ellipse` changes at 1,000 false positives, of docs/benchmark-fddb.md."""
    rows = []
    for words, name in (("boxes", "fddb"), ("boxes with `--fit-ellipse`", "fddb-ellipses")):
        output = look_up(f"page_outputs/outputs/{name}/output")
        found = re.search(r"^ +1,000\*? +(\S+) +\S+ +(\S+)", output, re.MULTILINE)
        if found is None:
            raise ValueError(f"output `{name}` has no line of 1,000 false positives")
        rows.append([words, *(fraction4(float(value)) for value in found.groups())])
    return table(["", "discrete TPR", "continuous TPR"], rows)


def _first_bins(output: str) -> str:
    """The output of `benchmark failures` without its bins of brightness to boxes' height."""
    start, end = output.index("\nbrightness"), output.index("\nscore ")
    return output[:start] + "\n...\n" + output[end + 1 :]


BLOCKS: dict[str, Callable[[], str]] = {
    "detector-table": detector_table,
    "accuracy-table": accuracy_table,
    "accuracy-looked-at-table": accuracy_looked_at_table,
    "other-looked-at-table": other_looked_at_table,
    "hard-faces-table": hard_faces_table,
    "recall-table": recall_table,
    "poses-table": poses_table,
    "landmarks-table": landmarks_table,
    "anonymise-leaks": leaks_table,
    "going-on-table": going_on_table,
    "classifier-table": classifier_table,
    "sliding-windows-table": sliding_windows_table,
    "times-table": times_table,
    "approximation-table": approximation_table,
    "weights-table": weights_table,
    "training-table": training_table,
    "audit-table": audit_table,
    "start-up-table": start_up_table,
    "packages-table": packages_table,
    "benchmark-coco-output": lambda: shown("coco"),
    "benchmark-compare-output": lambda: shown("compare"),
    "benchmark-failures-output": lambda: shown("failures", _first_bins),
    "benchmark-fddb-output": lambda: shown("fddb"),
    "benchmark-fddb-ellipses": fddb_ellipses_table,
    "benchmark-wider-output": lambda: shown("wider"),
    "detect-output": lambda: shown("detect"),
    "detect-folder-output": lambda: shown("detect-folder"),
    "anonymise-output": lambda: shown("anonymise"),
    "detect-json-output": lambda: shown("detect-json"),
    "prepare-output": lambda: shown("prepare"),
    "train-output": lambda: shown("train"),
    "audit-output": lambda: shown("audit"),
    "mine-output": lambda: shown("mine"),
    "label-output": lambda: shown("label"),
    "convert-output": lambda: shown("convert"),
    "redraw-output": lambda: shown("redraw"),
    "roc-output": lambda: shown("roc"),
    "approximate-output": lambda: shown("approximate"),
    "approximate-table-output": lambda: shown("approximate-table"),
    "approximate-compare-output": lambda: shown("approximate-compare"),
    "approximate-resume-output": lambda: shown("approximate-resume"),
    "approximate-predict-output": lambda: shown("approximate-predict"),
    "exercise-prepare-output": lambda: shown("exercise-prepare"),
    "exercise-train-output": lambda: shown("exercise-train"),
    "exercise-roc-output": lambda: shown("exercise-roc"),
    "exercise-detect-output": lambda: shown("exercise-detect"),
    "benchmark-reliability-output": lambda: shown("reliability"),
    "benchmark-landmarks-output": lambda: shown("landmarks"),
}


def renewed(text: str) -> str:
    """A page's text with every marked figure and block taken from its source."""
    text = FIGURE.sub(
        lambda found: (
            f"<!-- figure: {found[1]}{f' as {found[2]}' if found[2] else ''} -->"
            f"{figure(found[1], found[2])}<!-- /figure -->"
        ),
        text,
    )
    return BLOCK.sub(
        lambda found: f"<!-- generated: {found[1]} -->\n{BLOCKS[found[1]]()}<!-- end -->", text
    )


def unmarked(text: str) -> list[str]:
    """Lines that state a fraction as `.882` or a time as `8.4 ms` outside of marks and code."""
    for pattern in (FIGURE, BLOCK, STATED, FENCED, INDENTED):
        text = pattern.sub("", text)
    return [line for line in text.splitlines() if MEASURED.search(line)]


def main() -> None:
    """Rewrites the pages and says which have changed."""
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = renewed(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
