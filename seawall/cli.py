"""The command line: finds a command's module when it is called for, and turns Seawall's errors into exit codes."""

import difflib
import importlib
import os
import sys
from typing import Any, Final

import click

from seawall import __doc__ as headline

# Section → command → where it lives, and what --help says of it. A module is imported when its command runs.
SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Catalog": {
        "init": ("seawall.generator.commands:init", "Write a first catalog."),
        "check": ("seawall.generator.commands:check", "Check a catalog, its rules and its proofs with the real tools."),
        "render": ("seawall.generator.commands:render", "Render a catalog into a folder."),
        "diff": ("seawall.generator.commands:diff", "Show what rendering would change."),
        "explain": ("seawall.generator.commands:explain", "Say what an alert means, its query and its numbers."),
        "lint": ("seawall.generator.lint.command:lint_command", "Judge any files of Prometheus rules."),
        "schema": ("seawall.catalog.commands:schema", "Print the catalog's JSON Schema, for editors."),
    },
    "Stack": {
        "up": ("seawall.stack.commands:up", "Start the stack: containers, or local processes."),
        "status": ("seawall.stack.commands:status", "Show what runs, and whether it is healthy."),
        "logs": ("seawall.stack.commands:logs", "Show the log of a process."),
        "demo": ("seawall.stack.commands:demo", "Switch a fault of the running example on, or heal them."),
        "down": ("seawall.stack.commands:down", "Stop the stack; what it collected stays."),
    },
    "Servers": {
        "exporter": ("seawall.exporters.commands:exporter", "Serve the metrics of this host and of probed services."),
        "portal": ("seawall.portal.commands:portal", "Serve services, runbooks and the alert inbox."),
        "watch": ("seawall.stack.watch:watch", "Render a catalog whenever it changes."),
    },
    "Applications": {
        "doctor": ("seawall.doctor:doctor", "List what of an application is counted, and what twice."),
        "run": ("seawall.run:run", "Run a program, instrumented without a change."),
    },
}
COMMANDS: Final = {name: place for section in SECTIONS.values() for name, (place, _) in section.items()}


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

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and close:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, brief) for name, (_, brief) in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Who raises a SeawallError has imported it; --help and run do not pay for pydantic.
            if not isinstance(error, getattr(sys.modules.get("seawall.catalog"), "SeawallError", ())):
                raise
            click.echo(str(error), err=True)
            ctx.exit(1)


_EPILOG: Final = """\b
Examples:
  seawall init --service checkout --kind http --target localhost:9464
  seawall check catalog.yaml
  seawall up catalog.yaml

Completion: eval "$(_SEAWALL_COMPLETE=bash_source seawall)", or zsh_source, or fish_source.
"""


@click.group(cls=_Lazy, help=headline, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seawall")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run a command of Seawall; with NO_COLOR set, no colours on a terminal either."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


if __name__ == "__main__":
    sys.exit(main())
