"""A group of commands that imports a command's module only when it is called or asked for help."""

from __future__ import annotations

from importlib import import_module

import click


class LazyGroup(click.Group):
    """Sub-commands by name; each is the function of its name in the module of its name.

    Set `package`, where the modules lie, and `lines`, name -> what the group's help says of it,
    in the order to list them.
    """

    package = ""
    lines: dict[str, str]

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lines.items()))
