"""Proves a rendered folder: every expression parsed, then the real promtool and amtool, every proof run."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import promql_parser

from seawall import conventions
from seawall.catalog import Catalog, Severity

from .advice import advice
from .alike import alike
from .lean import RULES, lean
from .model import ServiceView
from .packs import Packs
from .passed import Passed
from .promql_text import TOO_LARGE, too_large
from .render import view
from .routing import routing_warnings
from .runs import RunError, Runs, complaint, runs, scratch
from .text import counted
from .validation import validate

TOOLS: Final = ("promtool", "amtool")
UNREAD: Final = "promtool test rules of native histograms"  # where it is too old
_GRAFANA_VARIABLES: Final = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
_NAMED: Final = 3
_TOLD: Final = 10  # times at most that it is said how many proofs have run
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
    passed: Path | None = None,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Return everything that is wrong with what *folder* holds for *catalog*.

    *tools* maps promtool and amtool to their paths. A missing tool is a warning that names what went unchecked; with
    *require_tools* it is an error. Proofs that differ in names alone are run once, and those not at all that the folder
    *passed* knows to hold; with *every_proof* each one is run.
    """
    findings = [*_catalog_findings(catalog, packs)]
    progress(f"parsing the expressions of {counted(len(catalog.services), 'service')}")
    parsed = [found for name in sorted(catalog.services) for found in _expressions(view(catalog, packs, name))]
    findings += parsed
    if any(TOO_LARGE in found.message for found in parsed):
        left_out = "promtool and amtool were not run: what is too large to be read would hold them up"
        return [*findings, Finding("tools", left_out, Severity.WARNING)]
    with runs() as tool_runs:
        for name in TOOLS:
            tool = tools.get(name)
            if tool is None:
                findings.append(_missing(name, require=require_tools))
            elif name == "promtool":
                held = Passed(None if every_proof else passed, tool)
                promtool = _Promtool(tool_runs, tool, folder, held, progress)
                findings += promtool.findings(catalog, require=require_tools, every=every_proof)
            else:
                findings += _amtool(tool_runs, tool, folder, progress)
    return findings


def _missing(name: str, *, require: bool) -> Finding:
    mend = f"install it (Debian: {_PACKAGES[name]}), or run seawall up once"
    text = f"is not on PATH, so its checks were left out; {mend}"
    return Finding(name, text, Severity.ERROR if require else Severity.WARNING)


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
    large = too_large(expr)
    if large is not None:
        yield Finding(what, large)
        return
    try:
        promql_parser.parse(expr)
    except ValueError as error:
        yield Finding(what, f"is not PromQL: {error}: {expr}")


class _Promtool:
    """promtool, and the *folder* that it reads."""

    def __init__(self, tool_runs: Runs, tool: Path, folder: Path, passed: Passed, progress: Progress) -> None:
        self._runs, self._tool, self._folder, self._progress = tool_runs, str(tool), folder, progress
        self._passed = passed

    def findings(self, catalog: Catalog, *, require: bool, every: bool) -> Iterator[Finding]:
        rules = sorted((self._folder / conventions.RULES_DIR).glob("*.yml"))
        self._progress(f"promtool check rules on {len(rules)} files")
        yield from _run(self._runs, "promtool check rules", [self._tool, "check", "rules", *map(str, rules)])
        self._progress("promtool check config")
        config = str(self._folder / conventions.PROMETHEUS_CONFIG)
        yield from _run(self._runs, "promtool check config", [self._tool, "check", "config", config])
        tests = sorted((self._folder / conventions.TESTS_DIR).glob("*.yml"))
        version = self._version()
        unread = _unread(version, tests)
        if unread:
            yield _too_old(version, unread, require=require)
        readable = [file for file in tests if file not in unread]
        yield from self._proofs([(file,) for file in readable] if every else alike(self._folder, catalog, readable))

    def _version(self) -> str:
        """Return the version that it says, or nothing where it says none."""
        try:
            done = self._runs.run([self._tool, "--version"])
        except RunError:
            return ""
        found = re.search(r"version (\d+\.\d+[.\d]*)", done.stdout + done.stderr)
        return found[1] if found else ""

    def _proofs(self, groups: Sequence[tuple[Path, ...]]) -> Iterator[Finding]:
        """Run the proofs; those of one group differ in names alone, and share a run."""
        files = sum(map(len, groups))
        shared = "" if len(groups) == files else f", which stand for {files} that differ in names alone"
        self._progress(f"promtool test rules on {counted(len(groups), 'file')}{shared}")
        for number, found in enumerate(self._runs.each(self._test, groups), 1):
            if number * _TOLD // len(groups) > (number - 1) * _TOLD // len(groups) and number < len(groups):
                self._progress(f"promtool test rules on {len(groups)} files: {number} done")
            yield from found
        self._passed.forget_the_oldest()

    def _test(self, files: Sequence[Path]) -> list[Finding]:
        first, *others = files
        stands = f" (and {counted(len(others), 'file')} like it: {_few(others)})" if others else ""
        with scratch("proofs") as folder:
            files_of_tests = [file for file in lean(first, folder) if not self._passed.holds(file)]
            asked = [str(file) for file in files_of_tests]
            command = [self._tool, "test", "rules", *asked]
            found = list(_run(self._runs, f"promtool test rules {first.name}{stands}", command)) if asked else []
            for file in files_of_tests if not found else ():
                self._passed.note(file)
        return [replace(each, message=_named(each.message, asked, first)) for each in found]


def _unread(version: str, tests: Sequence[Path]) -> list[Path]:
    """Return the tests that a promtool of that version cannot read, because native histograms are in them."""
    if not version or tuple(map(int, version.split(".")[:2])) >= READS_NATIVE:
        return []
    return [file for file in tests if NATIVE in file.read_bytes()]


def _too_old(version: str, files: Sequence[Path], *, require: bool) -> Finding:
    needed = ".".join(map(str, READS_NATIVE))
    names = ", ".join(file.name for file in files)
    text = (
        f"promtool {version} cannot read them, so {counted(len(files), 'file')} of proofs went unread: {names}; "
        f"put promtool {needed} or newer on PATH"
    )
    return Finding(UNREAD, text, Severity.ERROR if require else Severity.WARNING)


def _named(message: str, asked: Iterable[str], file: Path) -> str:
    """Return *message* with the name of the rendered *file* in place of those that were written to be played."""
    for each in asked:
        message = message.replace(each, str(file)).replace(str(Path(each).with_name(RULES)), f"the rules of {file}")
    return message


def _few(files: Sequence[Path]) -> str:
    names = [file.name for file in files[:_NAMED]]
    return ", ".join(names) + (", …" if len(files) > _NAMED else "")


def _amtool(tool_runs: Runs, tool: Path, folder: Path, progress: Progress) -> Iterator[Finding]:
    progress("amtool check-config")
    config = str(folder / conventions.ALERTMANAGER_CONFIG)
    yield from _run(tool_runs, "amtool check-config", [str(tool), "check-config", config])


def _run(tool_runs: Runs, what: str, command: Sequence[str]) -> Iterator[Finding]:
    try:
        done = tool_runs.run(command)
    except RunError as error:
        yield Finding(what, str(error))
        return
    if done.returncode != 0:
        yield Finding(what, complaint(done))
