"""`facesmith audit`: wrong boxes and missed faces in annotations, found by disagreement."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.audit_judges import Judge, compare, compare_with_committee
from facesmith.cli.judges import judge_options, judges_in_words, read_found
from facesmith.cli.numbers import WholeRange, counted
from facesmith.cli.options import format_options
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FILE, FOLDER, REPORT_FOLDER, open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.runs.settings import read_settings, with_changes

if TYPE_CHECKING:
    from facesmith.curation.label_audit.findings import Audit

N_SHOWN = 240  # findings of each kind that the contact sheets show at most, 80 a page


@click.command(
    cls=WritingCommand,
    rewrites=("decisions",),
    way_on="The same command goes on; folds that are trained are kept.",
)
@click.argument("annotations", type=EXISTING)
@click.option("--images", required=True, type=FOLDER, help="Folder of the photos.")
@click.option(
    "--out",
    required=True,
    type=REPORT_FOLDER,
    help="Folder for the results and the contact sheets.",
)
@click.option(
    "--folds",
    type=WholeRange(2),
    is_flag=False,
    flag_value=3,
    metavar="[K]",
    help="Train K detectors, 3 if not said, and let each judge photos that it has not seen: slow, "
    "and surest.  [default: no training]",
)
@click.option(
    "--epochs",
    type=WholeRange(1),
    help="Passes of each of the --folds.  [default: 8 or more]",
)
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of face-free photos for --folds; may be repeated.",
)
@click.option("--seed", type=WholeRange(0), help="Of the division into --folds.  [default: 0]")
@click.option(
    "--model",
    metavar="FILE_OR_RUN",
    type=EXISTING,
    help="Detector or run folder.  [default: weights that come along]",
)
@click.option(
    "--detections",
    type=FILE,
    help="What any detector found: COCO results, or the lines of `facesmith detect --json "
    "--min-score 0.01`.",
)
@judge_options("see --model")
@click.option(
    "--decisions",
    type=FILE,
    help="decisions.csv of an earlier audit, with what you refuse.",
)
@click.option(
    "--add-missed",
    is_flag=True,
    help="Make faces of the missed ones, as a committee's are.  [default: ignored regions]",
)
@click.option(
    "--config",
    "config_path",
    type=FILE,
    help="JSON or TOML file of settings: min_suspicion of suspicious boxes (0.9), min_score and "
    "min_height, in pixels, of missed faces (0.8, 0).",
)
@format_options
@click.option(
    "--threads",
    type=WholeRange(1),
    help="CPU threads.  [default: all cores to train, 1 to detect]",
)
@click.option("--json", "as_json", is_flag=True, help="Print audit.json instead of a summary.")
@click.option("--quiet", is_flag=True, help="No summary and no progress; errors remain.")
def audit(
    annotations: Path,
    images: Path,
    out: Path,
    decisions: Path | None,
    add_missed: bool,
    config_path: Path | None,
    annotation_format: str | None,
    category: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find wrong boxes and missed faces in annotations.

    ANNOTATIONS may be in any format that `facesmith train` reads. A detector looks at all photos;
    boxes that it does not see, or sees elsewhere, are suspicious, and faces that it is sure of and
    that have no box are likely missed. Contact sheets show them, the worst first. In corrected.json
    they are marked as ignored, ready to train with.

    A detector agrees with labels that it has learned from, wrong ones too. --folds judges each
    photo by a detector that has not seen it; a committee sees what one judge misses.

    \b
    Examples:
      facesmith audit faces.json --images photos/ --out audit/ --folds
      facesmith audit faces.json --images photos/ --out audit/ --decisions audit/decisions.csv
    """  # noqa: D301 - click wants the control character itself
    from facesmith.curation.label_audit.decisions import match_decisions, read_decisions  # noqa: PLC0415 - slow
    from facesmith.curation.label_audit.findings import AuditConfig  # noqa: PLC0415
    from facesmith.curation.label_audit.report import DECISIONS_FILE, audit_dict, write_audit  # noqa: PLC0415

    judge = Judge(**options)
    judge.check()
    judge = judge.alone()
    config = AuditConfig()
    if config_path is not None:
        config = with_changes(config, read_settings(config_path, "audit"))
    decided = read_decisions(decisions) if decisions else []
    if not decisions:
        _keep_decisions(out / DECISIONS_FILE)
    loaded = load_photos(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        counted=not quiet,
        elsewhere=", and missing in corrected.json",
        quiet=quiet,
    )
    open_report(out)
    with ShownProgress(quiet=quiet) as progress:
        if judge.is_committee:
            findings = compare_with_committee(
                judge, loaded, annotations, category, config, progress
            )
        else:
            if judge.detections is not None:
                read = read_found(judge.detections, annotations, loaded, category)
                found, detector_of = read, None
            else:
                found, detector_of = judge.find(loaded.photos, out, progress)
            findings = compare(loaded.photos, found, detector_of, judge.name, config, progress)
    refused, others = match_decisions(findings, decided)
    if others and not quiet:
        echo(
            f"{len(others)} decisions of {decisions} are about none of the findings; they are kept "
            "in the new decisions.csv.",
            err=True,
        )
    written = write_audit(
        findings, out, refused=refused, others=others, add_missed=add_missed, n_shown=N_SHOWN
    )
    if as_json:
        echo(json.dumps(audit_dict(findings, refused, n_shown=N_SHOWN)))
    elif not quiet:
        _print(
            findings,
            len(refused),
            written,
            learned_from=judge.folds is None
            and judge.detections is None
            and not judge.is_committee,
            n_added=_n_added(findings, refused) if add_missed else None,
        )
        if decisions is None:
            echo(
                "Next: look at the sheets; write `refuse` on the lines of decisions.csv that are "
                "wrong, and pass it with --decisions."
            )
        else:
            corrected = (out / "corrected.json").as_posix()
            echo(f"Next: facesmith train {corrected} --images {images} --out DIR")


def _keep_decisions(path: Path) -> None:
    """Raise if decisions of a person would be overwritten."""
    from facesmith.curation.label_audit.decisions import DecisionsError, read_decisions  # noqa: PLC0415 - slow

    if path.exists():
        n = sum(not decision.accepted for decision in read_decisions(path))
        if n:
            raise DecisionsError(
                f"{path} refuses {counted(n, 'finding')}, which this audit would overwrite. "
                f"Pass --decisions {path} to keep to them, or another --out."
            )


def _n_added(audit: Audit, refused: Collection[int]) -> int:
    """How many missed faces are in corrected.json as faces."""
    return sum(finding.number not in refused for finding in audit.of_kind("missed"))


def _print(
    audit: Audit, n_refused: int, written: list[Path], *, learned_from: bool, n_added: int | None
) -> None:
    suspicious, missed = audit.of_kind("suspicious"), audit.of_kind("missed")
    reasons = [finding.reason for finding in suspicious]
    counts = ", ".join(
        f"{reasons.count(reason):,} {reason}"
        for reason in ("no face", "badly drawn", "second box")
        if reason in reasons
    )
    share = len(suspicious) / max(audit.n_boxes, 1)
    told = judges_in_words(audit.judges) or [audit.judged_by]
    for number, line in enumerate(told):
        echo(f"{'' if number else 'judged by':<12}{line}")
    if learned_from:
        echo(
            "            A detector agrees with photos that it has learned from, their errors too;"
            "\n            if these are among them, --folds finds more."
        )
    echo(f"found       {audit.n_found:,} of {counted(audit.n_boxes, 'box', 'boxes')}")
    echo(
        f"suspicious  {len(suspicious):,} of {counted(audit.n_boxes, 'box', 'boxes')} "
        f"({100 * share:.1f} %)"
        f"{': ' if counts else ''}{counts}"
    )
    if audit.judges:
        n = len(audit.of_kind("doubtful"))
        echo(f"missed      {counted(len(missed), 'face')} without a box: two votes agree")
        echo(f"doubtful    {counted(n, 'place')} without a box: ignored regions")
    else:
        echo(
            f"missed      {counted(len(missed), 'face')} without a box, score "
            f"{audit.config.min_score:g} and more"
        )
    if n_added is not None:
        echo(f"added       {n_added:,} of the missed as faces")
    if n_refused:
        echo(f"refused     {n_refused:,} of these findings")
    for number, offset in enumerate(audit.offsets):
        echo(f"{'' if number else 'offsets':<12}{offset.in_words()}")
    echo(f"written     {', '.join(path.as_posix() for path in written)}")
