"""`facesmith fetch`: public data sets, fetched, checked and unpacked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.numbers import FiniteRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import NEW_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.errors import FetchError

if TYPE_CHECKING:
    from facesmith.fetching import DataSet, Fetched


def _sums(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(name and digits for name, _, digits in pairs):
        raise click.BadParameter("expected NAME=SUM, as WIDER_val.zip=f9ef...", ctx, param)
    sums = {name: digits.strip().lower() for name, _, digits in pairs}
    if len(sums) < len(pairs):
        raise click.BadParameter("an archive has one checksum only", ctx, param)
    return sums


def _mirror(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; expected an address or a folder", ctx, param)
    return value or ""


@click.command(cls=WritingCommand, way_on="The same command goes on where it stopped.")
@click.argument("name", type=click.Choice(["fddb", "wider"]))
@click.option("--to", "folder", type=NEW_FOLDER, required=True, help="Folder of the data set.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="PART",
    help="Fetch this part only; may be repeated. fddb: images, annotations; wider: annotations, "
    "evaluation, val, train.",
)
@click.option(
    "--mirror",
    metavar="URL|DIR",
    callback=_mirror,
    help="Where the archives lie, under their own names, instead of their own addresses.",
)
@click.option(
    "--sha256",
    "sums",
    multiple=True,
    metavar="NAME=SUM",
    callback=_sums,
    help="The checksum that an archive must have, instead of the published one; may be repeated.",
)
@click.option("--keep-archives", is_flag=True, help="Do not delete archives once unpacked.")
@click.option(
    "--timeout",
    type=FiniteRange(0, 86_400, min_open=True),
    default=60,
    show_default=True,
    metavar="S",
    help="Seconds without a byte before a connection counts as cut.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def fetch(
    name: str,
    folder: Path,
    parts: tuple[str, ...],
    mirror: str,
    sums: dict[str, str],
    keep_archives: bool,
    timeout: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch a public data set, check it and unpack it: FDDB or WIDER FACE.

    A download that was cut goes on where it was when the same command runs again. What is in the
    folder is checked, not fetched. `prepare`, `train` and `benchmark` take the folder as it is.

    \b
    Example:
      facesmith fetch fddb --to data/fddb
      facesmith benchmark fddb --folds data/fddb --out fddb
    """  # noqa: D301 - click wants the control character itself
    from facesmith.fetching import DATA_SETS, FetchConfig  # noqa: PLC0415 - `--help` is quick
    from facesmith.fetching import fetch as fetch_set  # noqa: PLC0415
    from facesmith.fetching.download import DownloadConfig  # noqa: PLC0415
    from facesmith.fetching.fetch import check_mirror  # noqa: PLC0415

    data_set = DATA_SETS[name]
    try:
        check_mirror(mirror)
    except FetchError as error:
        raise click.UsageError(str(error)) from None
    if not as_json:
        _print_terms(data_set)
    config = FetchConfig(parts, mirror, sums, keep_archives, DownloadConfig(read_timeout=timeout))
    with ShownProgress(quiet=quiet) as progress:
        fetched = fetch_set(data_set, folder, config, progress)
    if as_json:
        echo(json.dumps(_as_dict(fetched)))
    else:
        _print(fetched)


def _print_terms(data_set: DataSet) -> None:
    echo(data_set.title)
    echo(f"page      {data_set.page}")
    echo(f"licence   {data_set.licence}")
    echo(f"citation  {data_set.citation}")


def _print(fetched: Fetched) -> None:
    for each in fetched.archives:
        if each.how == "adopted":
            text = "was there; its files are counted, their archive is unknown"
        elif each.how == "verified":
            text = "was there; each file is as it was fetched"
        elif each.checked:
            text = "fetched; the archive has the checksum that is expected"
        else:
            text = f"fetched; no checksum is published. The archive's SHA-256 is {each.sha256}"
        echo(f"{each.folder}: {counted(each.n_files, 'file')}, {text}.")


def _as_dict(fetched: Fetched) -> dict[str, Any]:
    data_set = fetched.data_set
    return {
        "name": data_set.name,
        "folder": fetched.folder.as_posix(),
        "page": data_set.page,
        "licence": data_set.licence,
        "citation": data_set.citation,
        "archives": [
            {
                "name": each.name, "folder": each.folder.as_posix(), "how": each.how,
                "files": each.n_files, "source": each.source, "sha256": each.sha256,
                "compared": each.checked,
            }
            for each in fetched.archives
        ],
    }  # fmt: skip
