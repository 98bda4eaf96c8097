"""The command `seawall lint`."""

import sys
from collections.abc import Iterable
from typing import Final

import click
from click.shell_completion import CompletionItem

from seawall.catalog import SeawallError
from seawall.generator.guesses import guess

from .check import Check
from .formats import FORMATS, as_github, as_json, as_list, as_text, summary
from .known import settings_of
from .registry import ALL, CHECKS
from .rules import RuleFile
from .run import Finding, UnreadableFileError, lint, read

_FOUND: Final = 1
_TROUBLE: Final = 2


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the checks that an option names, with commas between."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in CHECKS and name != ALL:
            raise click.BadParameter(f"there is no check {name!r}; {guess(name, CHECKS)}", ctx, param)
    return names


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 -- click's
    before, comma, begun = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{name}", help=each.finds)
        for name, each in CHECKS.items()
        if name.startswith(begun)
    ]


def _list(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(as_list(CHECKS.values(), click.style))
        ctx.exit()


@click.command(name="lint")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="How findings are written.")
@click.option(
    "--select",
    metavar="CHECKS",
    default="",
    callback=_names,
    shell_complete=_complete,
    help="Run these checks alone, with commas between; all: each.",
)
@click.option(
    "--ignore",
    metavar="CHECKS",
    default="",
    callback=_names,
    shell_complete=_complete,
    help="Leave these checks out, with commas between.",
)
@click.option("--metrics", multiple=True, type=click.Path(), help="A saved /metrics page: names, labels and types.")
@click.option("--scrape-interval", default="1m", help="How often your targets are scraped.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the checks.")
def lint_command(
    files: tuple[str, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    metrics: tuple[str, ...],
    scrape_interval: str,
) -> None:
    """Judge FILEs of Prometheus rules, anybody's: what never fires, always fires, or wakes people for nothing.

    A FILE of - is what is piped in. A comment in or above a rule switches a check off for it, one above the groups
    for the file: `# seawall: ignore CHECK reason`.

    \b
    Examples:
      seawall lint rules/*.yml
      seawall lint --format github --ignore raw-value rules/*.yml
      curl -s localhost:9100/metrics > node.prom && seawall lint --metrics node.prom node.yml

    Exit code: 0 when nothing is found, 1 with findings, 2 when a file cannot be read or an option is wrong.
    """
    try:
        settings = settings_of(metrics, scrape_interval)
    except SeawallError as error:
        click.echo(str(error), err=True)
        sys.exit(_TROUBLE)
    read_files = list(_read(files))
    findings = lint(read_files, chosen(select, ignore), settings)
    _write(form, findings)
    if form == "text" and read_files:
        click.echo(summary(len(read_files), sum(len(file.rules) for file in read_files), findings), err=True)
    if len(read_files) < len(dict.fromkeys(files)):
        sys.exit(_TROUBLE)
    sys.exit(_FOUND if findings else 0)


def chosen(select: Iterable[str], ignore: Iterable[str]) -> list[Check]:
    """Return the checks that *select* names, or else all that are not optional, without those of *ignore*."""
    asked = set(select)
    return [
        check
        for name, check in CHECKS.items()
        if (ALL in asked or name in asked or not (asked or check.is_optional)) and name not in set(ignore)
    ]


def _read(names: Iterable[str]) -> Iterable[RuleFile]:
    """Yield what can be read, each file once, and say what cannot."""
    for name in dict.fromkeys(names):
        try:
            yield read(name)
        except UnreadableFileError as error:
            click.secho(str(error), fg="red", err=True)


def _write(form: str, findings: list[Finding]) -> None:
    text = {"json": as_json, "github": as_github}.get(form, lambda found: as_text(found, click.style))(findings)
    if text:
        click.echo(text)
