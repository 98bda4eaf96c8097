"""The command line: finds a command's module when it is called for, and turns Seawall's errors into exit codes."""

import importlib
import sys
from typing import Any, Final

import click

from seawall import __doc__ as headline

# Command → where it lives. A module is imported when its command runs, so that `seawall --help` stays quick.
COMMANDS: Final = {
    "check": "seawall.generator.commands:check",
    "demo": "seawall.stack.commands:demo",
    "diff": "seawall.generator.commands:diff",
    "down": "seawall.stack.commands:down",
    "explain": "seawall.generator.commands:explain",
    "exporter": "seawall.exporters.commands:exporter",
    "init": "seawall.generator.commands:init",
    "logs": "seawall.stack.commands:logs",
    "portal": "seawall.portal.commands:portal",
    "render": "seawall.generator.commands:render",
    "schema": "seawall.catalog.commands:schema",
    "status": "seawall.stack.commands:status",
    "up": "seawall.stack.commands:up",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        from seawall.catalog import SeawallError  # here, so that --help does not pay for pydantic

        try:
            return super().invoke(ctx)
        except SeawallError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)


@click.group(cls=_Lazy, help=headline, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seawall")
def main() -> None:
    """Run a command of Seawall."""


if __name__ == "__main__":
    sys.exit(main())
