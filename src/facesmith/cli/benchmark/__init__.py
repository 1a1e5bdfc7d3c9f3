"""`facesmith benchmark`: score any face detector, ours or not. One module a protocol."""

from __future__ import annotations

import click

from facesmith.cli.lazy import LazyGroup

BENCHMARKS: dict[str, str] = {
    "fddb": "The official FDDB curves, discrete and continuous.",
    "wider": "Average precision on WIDER FACE: easy, medium and hard.",
    "coco": "Average precision and recall on annotated photos.",
    "compare": "Detectors side by side: accuracy, time, memory.",
    "anonymise": "How many faces programs that cover faces leave in films: the leak rate.",
    "failures": "Where a detector fails: by size, blur, light, mask, border, crowd.",
    "landmarks": "How well detectors find five points: eyes, nose, corners of the mouth.",
    "reliability": "Whether scores mean what they say: the reliability diagram.",
}


class _Benchmarks(LazyGroup):
    package = __name__
    lines = BENCHMARKS


@click.group(cls=_Benchmarks)
def benchmark() -> None:
    """Score any face detector, ours or not, as the field measures.

    Each protocol is a command of its own; docs/evaluation.md says which number to quote.

    \b
    Example:
      facesmith benchmark coco --annotations val.json --images val/
    """  # noqa: D301 - click wants the control character itself
