"""`facesmith export-web`: the page as static files that find faces in the browser alone."""

from __future__ import annotations

from pathlib import Path

import click

from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, NEW_FOLDER
from facesmith.cli.terminal import echo


@click.command(cls=WritingCommand)
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder for the site.")
@click.option("--force", is_flag=True, help="Replace an earlier site in --out.")
@click.option(
    "--model",
    type=EXISTING,
    help="Run folder of a detector, or its detector.onnx.  [default: the weights that come along]",
)
@click.option(
    "--runtime",
    type=EXISTING,
    metavar="ARCHIVE|FOLDER",
    help="The npm package onnxruntime-web, for computers without npm.  [default: npm fetches it]",
)
@click.option("--quiet", is_flag=True, help="No summary; errors remain.")
def export_web(
    out: Path, force: bool, model: Path | None, runtime: Path | None, quiet: bool
) -> None:
    """Write a site that finds faces in the browser alone.

    The site is the page of `facesmith serve` with the networks and ONNX Runtime's WebAssembly
    build as static files, for any web space. Photos never leave the computer of whoever opens it,
    and after the first visit it works without a network.

    \b
    Examples:
      facesmith export-web --out site/
      facesmith export-web --out site/ --runtime onnxruntime-web-1.30.0.tgz
    """  # noqa: D301 - click wants the control character itself
    from facesmith.export.web import export_site  # noqa: PLC0415 - `--help` needs no NumPy

    written = export_site(out, model, runtime=runtime, force=force)
    if not quiet:
        total = sum(written.values()) / 1e6
        echo(f"Wrote {len(written)} files, {total:.1f} MB, to {out}.", err=True)
        echo(f"Look at it: python -m http.server --directory {out} --bind 127.0.0.1", err=True)
