"""The commands of the generator: render, check, diff, explain, init."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click

from seawall.catalog import SCHEMES, Catalog, SeawallError, Severity, load

from .address_option import address_option
from .addresses import addresses_of
from .blind_spots import blind_spots
from .blind_spots_text import as_text
from .check import TOOLS, UNREAD, Finding
from .check import check as run_check
from .diff import compare, unified
from .endings import ends_tidily
from .explain import explanation, known_service
from .packs import Packs, load_packs
from .questions import Answers, first_catalog
from .render import PARTS, iterate
from .runs import scratch
from .text import counted
from .tools import find_tool, find_tools, passed_folder
from .validation import validate
from .writer import Written, current, write

_BLIND_SPOTS: Final = "blind-spots"  # alerts are CamelCase
_TROUBLE: Final = 2  # as diff(1) ends when it cannot compare
_CATALOG: Final = click.argument("catalog", type=click.Path(path_type=Path))
_TEMPLATES: Final = click.option(
    "--templates",
    type=click.Path(path_type=Path),
    help="A folder laid out as alerts/, dashboards/, runbooks/; its files go first.",
)
_TODAY: Final = click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day that overrides and windows are judged by. Default: today.",
)
_ONLY: Final = click.option(
    "--only", default="", help=f"Comma-separated parts for a set-up that you have: {', '.join(PARTS)}."
)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    return _CATALOG(_TEMPLATES(_TODAY(command)))


def _open(catalog: Path, templates: Path | None, today: datetime | None) -> tuple[Catalog, Packs]:
    return load(catalog, today=today.date() if today else date.today()), load_packs(templates)


def _warn(catalog: Catalog, packs: Packs) -> None:
    for problem in [*catalog.warnings, *validate(catalog, packs)]:
        if problem.severity is Severity.WARNING:
            click.secho(str(problem), fg="yellow", err=True)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.secho(f"… {text}", dim=True, err=True)


@click.command()
@_common
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The folder to render into; new, empty or Seawall's."
)
@_ONLY
@address_option
@ends_tidily
def render(
    catalog: Path, templates: Path | None, today: datetime | None, out: Path, only: str, addresses: dict[str, Any]
) -> None:
    """Render CATALOG, a file or a folder, into rules, tests, dashboards, runbooks, routing and targets.

    All or nothing: where anything is wrong the folder keeps serving what it held. --only makes the folder hold these
    parts alone; `routes` is a fragment for an alertmanager.yml that you have, and is in no other render.

    \b
    Examples:
      seawall render catalog.yaml --out build
      seawall render catalog.yaml --out fragments --only rules,dashboards,runbooks,routes

    Exit code: 0, or 1 with every problem.
    """
    parts = _parts(only)
    loaded, packs = _open(catalog, templates, today)
    _warn(loaded, packs)
    _progress(f"rendering {counted(len(loaded.services), 'service')}")
    where = replace(addresses_of(loaded), **addresses)
    click.echo(_summary(write(iterate(loaded, packs, where, parts), out), out))


def _parts(only: str) -> frozenset[str]:
    parts = frozenset(part.strip() for part in only.split(",") if part.strip())
    for part in sorted(parts - set(PARTS)):
        raise SeawallError(f"--only: there is no part {part!r}; the parts are {', '.join(PARTS)}")
    return parts


def _summary(written: Written, out: Path) -> str:
    if written.is_unchanged:
        return f"{out}: unchanged, {written.total} files"
    counts = (len(written.added), len(written.changed), len(written.removed))
    new, changed, gone = (f"{count} {word}" for count, word in zip(counts, ("new", "changed", "gone"), strict=True))
    return f"{out}: {written.total} files ({new}, {changed}, {gone})"


@click.command()
@_common
@click.option("--require-tools", is_flag=True, help="A missing promtool or amtool is an error.")
@click.option("--every-proof", is_flag=True, help="Run those proofs too that differ in names alone, or held before.")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@ends_tidily
def check(
    catalog: Path,
    templates: Path | None,
    today: datetime | None,
    require_tools: bool,
    every_proof: bool,
    strict: bool,
) -> None:
    """Check CATALOG, every expression, and every proof with the real promtool and amtool.

    \b
    Examples:
      seawall check catalog.yaml
      seawall check catalog.yaml --require-tools --strict

    Exit code: 0 when nothing stops a release, 1 otherwise.
    """
    loaded, packs = _open(catalog, templates, today)
    with scratch("check") as folder:
        out = folder / "build"
        written = write(iterate(loaded, packs), out)
        tools = find_tools(TOOLS)
        findings = run_check(
            loaded,
            packs,
            out,
            tools=tools,
            require_tools=require_tools,
            every_proof=every_proof,
            passed=passed_folder(os.environ),
            progress=_progress,
        )
    for finding in findings:
        click.secho(str(finding), fg="yellow" if finding.severity is Severity.WARNING else "red", err=True)
    failed = [finding for finding in findings if strict or finding.severity is Severity.ERROR]
    if failed:
        click.secho(f"{len(failed)} of {len(findings)} findings must be mended", fg="red", err=True)
        sys.exit(1)
    click.secho(_verdict(loaded, written, findings, has_promtool=tools["promtool"] is not None), fg="green")


def _verdict(catalog: Catalog, written: Written, findings: list[Finding], *, has_promtool: bool) -> str:
    unread = any(finding.what == UNREAD for finding in findings)
    held = "all proofs that were run hold" if unread else "all proofs hold"
    proofs = held if has_promtool else "no proof was run"
    warnings = f", {counted(len(findings), 'warning')}" if findings else ""
    services = counted(len(catalog.services), "service")
    return f"{catalog.source}: {services}, {written.total} files, {proofs}{warnings}"


@click.command()
@_common
@click.option(
    "--against", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="A rendered folder."
)
@_ONLY
@click.option("--stat", is_flag=True, help="Name the files alone.")
def diff(catalog: Path, templates: Path | None, today: datetime | None, against: Path, only: str, stat: bool) -> None:
    """Show what rendering CATALOG would change in a rendered folder.

    \b
    Examples:
      seawall diff catalog.yaml --against build
      seawall diff catalog.yaml --against build --stat

    Exit code: 0 when nothing would change, 1 when something would, 2 when that cannot be told: the catalog is broken,
    or the folder is not a rendered one.
    """
    try:
        parts = _parts(only)
        loaded, packs = _open(catalog, templates, today)
        changes = compare(current(against), iterate(loaded, packs, only=parts))
    except SeawallError as error:
        click.echo(str(error), err=True)
        sys.exit(_TROUBLE)
    for change in changes:
        click.echo(f"{change.kind}: {change.path}" if stat else unified(change), nl=stat)
    if changes:
        sys.exit(1)
    click.echo(f"{against}: nothing would change")


@click.command()
@click.argument("alert")
@_CATALOG
@_TEMPLATES
@_TODAY
@click.option("--service", help="The service that it is about; with blind-spots, all where this is left out.")
@ends_tidily
def explain(alert: str, catalog: Path, templates: Path | None, today: datetime | None, service: str | None) -> None:
    """Explain ALERT of a service in CATALOG: what it means, its query, its numbers, who is told, its runbook.

    With `blind-spots` in its place: which alert tells of a load balancer that is out, a canary that fails, a slow
    database, …, how soon, or that nothing does. promtool plays each of them through the service's own rules.

    \b
    Examples:
      seawall explain HttpServiceFailing catalog.yaml --service checkout
      seawall explain blind-spots catalog.yaml --service checkout

    Exit code: 0, or 1 where there is no such service or alert.
    """
    if alert != _BLIND_SPOTS and service is None:
        raise click.UsageError("Missing option '--service'.")
    loaded, packs = _open(catalog, templates, today)
    if alert == _BLIND_SPOTS:
        click.echo(_blind_spots(loaded, packs, service))
    elif service is not None:
        click.echo(explanation(loaded, packs, service, alert))


def _blind_spots(catalog: Catalog, packs: Packs, service: str | None) -> str:
    names = sorted(catalog.services) if service is None else [known_service(catalog, service).name]
    promtool = find_tool("promtool")
    if promtool is None:
        raise SeawallError("promtool is not on PATH; install it (Debian: prometheus), or run seawall up once")
    return as_text(blind_spots(catalog, packs, names, promtool, _progress))


@click.command()
@click.argument("catalog", type=click.Path(path_type=Path), default=Path("catalog.yaml"))
@click.option("--team", help="Who answers for the service.")
@click.option("--service", help="The service's name; it is the Prometheus job.")
@click.option("--kind", help="What it is: http, worker, redis, host, …")
@click.option("--part-of", help="Of a pool: the application in whose process it is, which is written too.")
@click.option("--target", help="host:port of its metrics endpoint; of a pool, the application's.")
@click.option("--url", help="Its address, where the exporter is to ask it; secrets as ${VARIABLE}.")
@click.option("--objective", type=float, help="Availability in per cent, for kinds that have events.")
def init(catalog: Path, **given: Any) -> None:
    """Write a first CATALOG (default: catalog.yaml) from a few questions, or without a terminal from flags alone.

    An existing file is never touched.

    \b
    Examples:
      seawall init
      seawall init --team shop --service checkout --kind http --target localhost:9464
      seawall init --service checkout-pool --kind pool --part-of checkout --target localhost:9464

    Exit code: 0, or 1 where the file is there already or an answer does not fit.
    """
    if catalog.exists():
        raise SeawallError(f"{catalog}: is there already; edit it, or name another file")
    packs = load_packs()
    answers = _ask(packs, given) if sys.stdin.isatty() else given
    text = first_catalog(packs, Answers(**{key: value for key, value in answers.items() if value is not None}))
    try:
        with catalog.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SeawallError(f"{catalog}: cannot be written: {error.strerror}") from None
    click.echo(f"{catalog}: written. Next: seawall check {catalog}")


def _ask(packs: Packs, given: dict[str, Any]) -> dict[str, Any]:
    answers = dict(given)
    for key, question, default in (
        ("team", "Which team answers for it", "my-team"),
        ("service", "What is the service called", "my-service"),
        ("kind", f"What is it ({', '.join(packs.first_kinds)})", "http"),
    ):
        answers[key] = answers[key] or click.prompt(question, default=default)
    pack = packs.by_kind.get(answers["kind"])
    if pack is not None and pack.is_part:
        answers["part_of"] = answers["part_of"] or click.prompt("In the process of which service is it")
    if answers["target"] or answers["url"]:
        return answers
    if pack is None or pack.up == "up":
        answers["target"] = click.prompt("Where are its metrics (host:port)", default="localhost:9464")
    else:  # it has no metrics endpoint of its own: the exporter asks it
        answers["url"] = click.prompt("Where does the exporter reach it", default=_first_url(answers["kind"]))
    return answers


def _first_url(kind: str) -> str | None:
    """Return a url that is right as often as not; of kinds that are reached in several ways, none."""
    return f"{kind}://localhost" if kind in SCHEMES else None
