"""Writes docs/cli.md, the reference of the command, from the help texts themselves.

python docs/make_cli.py [PAGE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from facesmith.cli import main

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 96  # columns of the help texts

INTRODUCTION = """\
# The command

Made from the help texts by `python docs/make_cli.py`; a test sees to it that it is up to date.
"""


def reference() -> str:
    """The whole page."""
    group = click.Context(
        main,
        info_name="facesmith",
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        **main.context_settings,
    )
    parts = [INTRODUCTION, _section("facesmith", main.get_help(group))]
    parts += _commands(main, group)
    return "\n".join(parts)


def _commands(group: click.Group, parent: click.Context) -> list[str]:
    """A section for each command of a group, those of the groups in it included."""
    parts = []
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
        parts.append(_section(context.command_path, command.get_help(context)))
        if isinstance(command, click.Group):
            parts += _commands(command, context)
    return parts


def _section(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    page.write_text(reference(), encoding="utf-8")
