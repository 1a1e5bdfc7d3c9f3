"""`facesmith serve`: a page to drop photos on, and an interface for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from facesmith.cli.detector_options import any_model_option, photo_memory_option
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.terminal import echo

_MB = 2**20
TOKEN_VARIABLE = "FACESMITH_LABEL_STUDIO_TOKEN"  # noqa: S105 - its name


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0: everywhere."
)
@click.option(
    "--port",
    type=WholeRange(0, 65535),
    default=8000,
    show_default=True,
    help="0 for any that is free.",
)
@click.option("--workers", type=WholeRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option(
    "--queue",
    type=WholeRange(1, 10_000),
    default=256,
    show_default=True,
    metavar="N",
    help="Requests that may wait in each process; others get a 503.",
)
@click.option(
    "--max-upload",
    type=WholeRange(1, 4096),
    default=64,
    show_default=True,
    metavar="MB",
    help="Of a request.",
)
@click.option(
    "--max-files",
    type=WholeRange(1, 10_000),
    default=100,
    show_default=True,
    metavar="N",
    help="Photos in a request.",
)
@photo_memory_option
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Another name by which the server may be called; may be repeated.",
)
@click.option(
    "--label-studio",
    metavar="URL",
    help="The Label Studio from which photos may be fetched for /predict.",
)
@click.option(
    "--label-studio-token",
    metavar="TOKEN",
    envvar=TOKEN_VARIABLE,
    help=f"Its access token; better in {TOKEN_VARIABLE}, where nobody sees it.",
)
@click.option(
    "--proposal-score",
    type=FiniteRange(0, 1),
    metavar="SCORE",
    help="Lowest score that /predict proposes.  [default: of the weights]",
)
@any_model_option
@click.option("--quiet", is_flag=True, help="Do not print the address.")
@click.pass_context
def serve(
    ctx: click.Context,
    host: str,
    port: int,
    workers: int,
    queue: int,
    max_upload: int,
    max_files: int,
    photo_memory: int,
    allow_host: tuple[str, ...],
    label_studio: str | None,
    label_studio_token: str | None,
    proposal_score: float | None,
    model: Path | None,
    quiet: bool,
) -> None:
    """Serve a page to drop photos on, and REST for programs.

    It listens on this computer only, unless --host says otherwise: there is no password. Photos
    stay in memory, and nothing is written. Ctrl-C ends it when what runs is done. REST:
    /openapi.json. Needs facesmith[serve].

    \b
    Example:
      facesmith serve --port 8000
      curl -F file=@photo.jpg http://127.0.0.1:8000/v1/detect
    """  # noqa: D301 - click wants the control character itself
    from facesmith.server.config import ServeConfig  # noqa: PLC0415 - an extra
    from facesmith.server.running import Address, run_server  # noqa: PLC0415

    given = ctx.get_parameter_source("label_studio_token")
    if label_studio is None and given == click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--label-studio-token needs --label-studio URL.")
    if label_studio is not None and not _is_address(label_studio):
        raise click.UsageError(
            f"--label-studio {label_studio}: expected an address such as http://localhost:8080, "
            "without a user."
        )
    for name in allow_host:
        if not name or set(name) & set("/*@ "):
            raise click.UsageError(f"--allow-host {name}: expected a name such as faces.local.")
    address = Address(host, port)
    config = ServeConfig(
        model=model,
        max_upload=max_upload * _MB,
        max_files=max_files,
        max_requests=queue,
        max_memory=photo_memory * _MB,
        hosts=(*address.names(), *(name.lower() for name in allow_host)),
        any_address=address.anywhere,
        label_studio=label_studio,
        label_studio_token=label_studio_token,
        proposal_score=proposal_score,
    )
    run_server(config, address, workers, lambda url: None if quiet else _say(url))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        return named and parts.username is None  # a password would be told to callers
    except ValueError:  # a port that is none
        return False


def _say(url: str) -> None:
    echo(f"facesmith serves {url} (Ctrl-C ends it)")
    sys.stdout.flush()  # a program that started it waits for the address
