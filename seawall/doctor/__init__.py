"""``seawall doctor``: what Seawall sees of an application, what it could see, and what is seen twice."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from . import child, text

if TYPE_CHECKING:
    from seawall.instrumentation.doctor.report import Report

EXIT_FINDINGS: Final = 1
EXIT_UNUSABLE: Final = 2
_EPILOG: Final = """\b
Examples:
  seawall doctor --app shop.main:app
  seawall doctor --app "shop:create_app('test')" --app-dir src
  SEAWALL_SERVICE=build/services/checkout.json seawall doctor --app app --format json

Exit codes: 0 when all is well, 1 where something is counted twice, missed or set wrongly, 2 where the application
cannot be imported, and for a wrong option.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--app",
    "app",
    metavar="MODULE[:NAME]",
    required=True,
    help="The application, as servers take it: module:name, module:factory(), or a module that has an app.",
)
@click.option(
    "--app-dir",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    show_default=True,
    help="The folder that its module is looked for in, before PYTHONPATH.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Seconds that the import may take.",
)
@click.pass_context
def doctor(ctx: click.Context, app: str, folder: Path, form: str, seconds: float) -> None:
    """List what of an application is instrumented, what could be, and what is counted twice.

    The application is imported as `seawall run` would import it, in a process of its own that opens no port, pushes
    nothing and ends with the import; no request is made. What it does when it is imported, it does.
    """
    outcome = child.examine(app, folder.resolve(), os.environ, seconds)
    report = outcome["report"]
    if report is None:
        _tell_failure(app, outcome)
        ctx.exit(EXIT_UNUSABLE)
    if form == "json":
        click.echo(json.dumps(report, indent=1))
    else:
        has_colour = sys.stdout.isatty() and ctx.color is not False
        click.echo(text.render(report, click.style if has_colour else text.plain))
    ctx.exit(EXIT_FINDINGS if findings(report) else 0)


def _tell_failure(app: str, outcome: child.Examined) -> None:
    failure = outcome["failure"] or {"message": "nothing was told of it", "place": ""}
    place = f"{failure['place']}: " if failure["place"] else ""
    click.echo(f"seawall doctor: {app}: {place}{failure['message']}", err=True)
    if outcome["output"]:
        click.echo(f"What it had written until then:\n{outcome['output']}", err=True)


def findings(report: "Report") -> int:
    """Return how many things are not as they should be."""
    uncounted = report["application"]["protocol"] in ("ASGI", "WSGI") and not report["application"]["counted_by"]
    failed = sum(library["state"] == "failed" for library in report["libraries"])
    is_off = report["settings"]["disabled"]
    return (
        len(report["twice"])
        + len(report["late"])
        + len(report["settings"]["problems"])
        + failed
        + (uncounted and not is_off)
    )
