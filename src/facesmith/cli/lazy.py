"""A group of commands that imports a command's module only when it is called or asked for help."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import ClassVar

import click


class LazyGroup(click.Group):
    """Sub-commands by name; each is the function of its name in the module of its name.

    Set `package`, where the modules lie, and `lines`, name -> what the group's help says of it,
    in the order to list them; `other_names`, further names of these commands; `meant`, words for
    which a command is suggested.
    """

    package = ""
    lines: dict[str, str]
    other_names: ClassVar[dict[str, str]] = {}
    meant: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, without importing anything."""
        return list(self.lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in self.lines:
            return None
        command: click.Command = getattr(
            import_module(f"{self.package}.{cmd_name.replace('-', '_')}"),
            cmd_name.replace("-", "_"),
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; an unknown name is answered with the nearest known one."""
        args = [self.other_names.get(args[0], args[0]), *args[1:]]
        meant = self.meant.get(args[0].lower())
        if meant:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {meant!r}?")
        near = get_close_matches(args[0].lower(), self.lines, n=1)
        if args[0] not in self.lines and near and args[0][:1].isalnum():
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lines.items()))
