"""Proves a rendered folder: every expression parsed, then the real promtool and amtool, every proof run."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import promql_parser

from seawall import conventions
from seawall.catalog import Catalog, Severity

from .advice import advice
from .alike import alike
from .model import ServiceView
from .packs import Packs
from .render import view
from .routing import routing_warnings
from .text import counted
from .tools import ran
from .validation import validate

TOOLS: Final = ("promtool", "amtool")
UNREAD: Final = "promtool test rules of native histograms"  # where it is too old
_GRAFANA_VARIABLES: Final = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
_NAMED: Final = 3
NATIVE: Final = b"{{schema:"  # how promtool's tests write a native histogram
READS_NATIVE: Final = (3, 4)  # from then on in several phases after each other, with one since 2.47
_PACKAGES: Final = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found: what was checked, the message, and whether it stops a release."""

    what: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.severity}: {self.what}: {self.message}"


def check(
    catalog: Catalog,
    packs: Packs,
    folder: Path,
    *,
    tools: Mapping[str, Path | None],
    require_tools: bool = False,
    every_proof: bool = False,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Return everything that is wrong with what *folder* holds for *catalog*.

    *tools* maps promtool and amtool to their paths. A missing tool is a warning that names what went unchecked; with
    *require_tools* it is an error. Proofs that differ in names alone are run once, with *every_proof* each one is.
    """
    findings = [*_catalog_findings(catalog, packs)]
    progress(f"parsing the expressions of {counted(len(catalog.services), 'service')}")
    findings += [found for name in sorted(catalog.services) for found in _expressions(view(catalog, packs, name))]
    for name in TOOLS:
        tool = tools.get(name)
        if tool is None:
            severity = Severity.ERROR if require_tools else Severity.WARNING
            mend = f"install it (Debian: {_PACKAGES[name]}), or run seawall up once"
            text = f"is not on PATH, so its checks were left out; {mend}"
            findings.append(Finding(name, text, severity))
        elif name == "promtool":
            findings += _promtool(tool, folder, catalog, progress, require=require_tools, every=every_proof)
        else:
            findings += _amtool(tool, folder, progress)
    return findings


def _catalog_findings(catalog: Catalog, packs: Packs) -> Iterator[Finding]:
    problems = [*catalog.warnings, *validate(catalog, packs), *routing_warnings(catalog), *advice(catalog, packs)]
    for problem in problems:
        yield Finding(str(problem.position), problem.message, problem.severity)


def _expressions(rendered: ServiceView) -> Iterator[Finding]:
    for alert in rendered.alerts:
        for expr in {alert.expr, alert.query}:
            yield from _parse(f"{rendered.name}: alert {alert.name}", expr)
    for panel in rendered.panels:
        for query in panel.queries:
            yield from _parse(f"{rendered.name}: panel {panel.id}", query.expr)


def _parse(what: str, expr: str) -> Iterator[Finding]:
    for variable, value in _GRAFANA_VARIABLES.items():
        expr = expr.replace(variable, value)
    try:
        promql_parser.parse(expr)
    except ValueError as error:
        yield Finding(what, f"is not PromQL: {error}: {expr}")


def _promtool(
    tool: Path, folder: Path, catalog: Catalog, progress: Progress, *, require: bool, every: bool
) -> Iterator[Finding]:
    rules = sorted((folder / conventions.RULES_DIR).glob("*.yml"))
    progress(f"promtool check rules on {len(rules)} files")
    yield from _run("promtool check rules", [str(tool), "check", "rules", *map(str, rules)])
    progress("promtool check config")
    yield from _run(
        "promtool check config", [str(tool), "check", "config", str(folder / conventions.PROMETHEUS_CONFIG)]
    )
    tests = sorted((folder / conventions.TESTS_DIR).glob("*.yml"))
    unread = _unread(tool, tests)
    if unread:
        yield _too_old(tool, unread, require=require)
    runs = [file for file in tests if file not in unread]
    yield from _proofs(tool, folder, catalog, progress, tests=runs, every=every)


def _unread(tool: Path, tests: Sequence[Path]) -> list[Path]:
    """Return the tests that this promtool cannot read, because native histograms are in them."""
    version = _version(tool)
    if not version or tuple(map(int, version.split(".")[:2])) >= READS_NATIVE:
        return []
    return [file for file in tests if NATIVE in file.read_bytes()]


def _too_old(tool: Path, files: Sequence[Path], *, require: bool) -> Finding:
    needed = ".".join(map(str, READS_NATIVE))
    names = ", ".join(file.name for file in files)
    text = (
        f"promtool {_version(tool)} cannot read them, so {counted(len(files), 'file')} of proofs went unread: {names}; "
        f"put promtool {needed} or newer on PATH"
    )
    return Finding(UNREAD, text, Severity.ERROR if require else Severity.WARNING)


@cache
def _version(tool: Path) -> str:
    """Return the version that a promtool says, or nothing where it says none."""
    try:
        done = subprocess.run(
            [str(tool), "--version"], check=False, capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"version (\d+\.\d+[.\d]*)", done.stdout + done.stderr)
    return found[1] if found else ""


def _proofs(
    tool: Path, folder: Path, catalog: Catalog, progress: Progress, *, tests: Sequence[Path], every: bool
) -> Iterator[Finding]:
    """Run the proofs; those that differ from another one in names alone share its run, unless *every* one is wanted."""
    groups = [(file,) for file in tests] if every else alike(folder, catalog, tests)
    shared = "" if len(groups) == len(tests) else f", which stand for {len(tests)} that differ in names alone"
    progress(f"promtool test rules on {counted(len(groups), 'file')}{shared}")
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for found in pool.map(lambda files: _test(tool, files), groups):
            yield from found


def _test(tool: Path, files: Sequence[Path]) -> list[Finding]:
    first, *others = files
    stands = f" (and {counted(len(others), 'file')} like it: {_few(others)})" if others else ""
    return list(_run(f"promtool test rules {first.name}{stands}", [str(tool), "test", "rules", str(first)]))


def _few(files: Sequence[Path]) -> str:
    names = [file.name for file in files[:_NAMED]]
    return ", ".join(names) + (", …" if len(files) > _NAMED else "")


def _amtool(tool: Path, folder: Path, progress: Progress) -> Iterator[Finding]:
    progress("amtool check-config")
    yield from _run("amtool check-config", [str(tool), "check-config", str(folder / conventions.ALERTMANAGER_CONFIG)])


def _run(what: str, command: Sequence[str]) -> Iterator[Finding]:
    try:
        done = ran(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding(what, f"did not end: {error}")
        return
    if done.returncode != 0:
        yield Finding(what, (done.stderr + done.stdout).strip())
