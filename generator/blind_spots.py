"""The blind spots of a service: promtool plays its scenarios through its real rules, and says what fires when."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, Duration, SeawallError, Service

from . import slo_rules
from .alerts import active_override
from .check import NATIVE, READS_NATIVE
from .lean import read_by
from .packs import Packs, Scenario
from .render import STACK, iterate
from .rule_files import read
from .runs import RunError, Runs, complaint, runs, scratch
from .scenarios import INTERVAL, Course, Series, Subject
from .slo import QUICK_WINDOWS, SLOW_WINDOWS
from .text import TemplateError, counted
from .variables import variables
from .yaml_out import dump

HOURS: Final = 2
_FAULT: Final = HOURS * 3600
_LONG_WINDOWS: Final = frozenset((*QUICK_WINDOWS, *SLOW_WINDOWS))
# Alerts over up to an hour are played after an hour of health, minute by minute. Longer windows need six hours of it,
# and those of days three days: as many samples as evaluations, five minutes apart, would have left.
_QUICK: Final = Course(well=3600, fault=_FAULT, evaluation=60)
_SLOW: Final = Course(well=6 * 3600, fault=_FAULT, evaluation=300, seeds=3 * 288 - 64)
# What judges whole days says nothing within hours.
_JUDGES_DAYS: Final = re.compile(r"\bslo:budget_|\boffset 1w\b")
_SCENARIO: Final = re.compile(r'exp: \{scenario="(\d+)"\} 1E\+00\s+got:(.*)')
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
_SAMPLE: Final = re.compile(rf"\{{((?:\w+={_QUOTED}(?:, )?)*)\}} ([0-9.E+-]+)")
_LABEL: Final = re.compile(rf"(\w+)={_QUOTED}")
_IDENTITY: Final = ("alertname", "severity", "service", "slo", "window")
Progress = Callable[[str], None]


@dataclass(frozen=True, order=True)
class Sighting:
    """An alert that sees a fault, and how many *seconds* after it began."""

    seconds: float
    alert: str
    severity: str
    service: str
    slo: str = ""
    window: str = ""

    @property
    def after(self) -> str:
        """How soon, in words."""
        return f"after {Duration(self.seconds)}" if self.seconds else "at once"


@dataclass(frozen=True)
class Row:
    """One scenario: *what* it is, the first page and the first ticket, and what would *mend* a blind spot."""

    scenario: str
    what: str
    mend: str
    page: Sighting | None
    ticket: Sighting | None


@dataclass(frozen=True)
class Table:
    """All scenarios of a *service*.

    *early* alerts fire while all is well, SLOs that are *unseen* take no part, and alerts that are *limited* tell
    somebody in their hours alone.
    """

    service: Service
    rows: tuple[Row, ...]
    early: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    limited: tuple[tuple[str, str], ...] = ()

    @property
    def pages(self) -> bool:
        """Whether a page of it reaches anybody as one."""
        return self.service.can_page


def blind_spots(
    catalog: Catalog, packs: Packs, names: Sequence[str], promtool: Path, progress: Progress = lambda _: None
) -> list[Table]:
    """Return the table of each service in *names*, measured with the real *promtool*."""
    plays = [_Play(catalog, packs, catalog.services[name]) for name in names]
    with scratch("blind-spots") as folder, runs() as tool_runs:
        for artifact in iterate(catalog, packs, only=frozenset({"rules"})):
            (folder / artifact.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / artifact.path).write_bytes(artifact.content)
        jobs = [(play, course) for play in plays for course in (_QUICK, _SLOW) if play.indices(course)]
        many = sum(len(play.scenarios) for play in plays)
        progress(f"playing {counted(many, 'scenario')} of {counted(len(plays), 'service')}")
        answers: dict[str, list[Mapping[int, list[Sighting]]]] = {play.service.name: [] for play in plays}
        played = tool_runs.each(lambda job: job[0].run(folder, tool_runs, promtool, job[1]), jobs)
        for (play, _), answer in zip(jobs, played, strict=True):
            answers[play.service.name].append(answer)
            progress(f"played those of {play.service.name}")
    return [play.table(answers[play.service.name]) for play in plays]


class _Play:
    """The scenarios of one service."""

    def __init__(self, catalog: Catalog, packs: Packs, service: Service) -> None:
        self.catalog, self.packs, self.service = catalog, packs, service
        self.scope = variables(catalog, packs, service)
        self.subject = Subject(packs, service, self.scope)
        every = [each for pack in reversed(packs.of(service.kind)) for each in pack.scenarios]
        self.scenarios = [each for each in every if self.subject.applies(each)]

    def indices(self, course: Course) -> list[int]:
        """Return which scenarios are to be played: the long windows of SLOs see what fails and what is slow alone."""
        every = range(len(self.scenarios))
        return [index for index in every if course is _QUICK or self.subject.spends_budget(self.scenarios[index])]

    def run(self, folder: Path, tool_runs: Runs, promtool: Path, course: Course) -> dict[int, list[Sighting]]:
        """Return what each scenario shows to the alerts of *course*."""
        fixtures: dict[str, tuple[Series, list[int]]] = {}
        for index in self.indices(course):  # some are the same to a service without probes
            series = self._series(self.scenarios[index], course)
            fixtures.setdefault(repr(series), (series, []))[1].append(index)
        test = folder / f"{self.service.name}.{course.evaluation}s.test.yml"
        test.write_bytes(dump(self._test(folder, course, [series for series, _ in fixtures.values()])))
        found = dict(_answers(_said(tool_runs, promtool, test, len(fixtures)), course))
        told = [[self._held(each, course) for each in found[at]] for at in range(len(fixtures))]
        return {index: told[at] for at, (_, same) in enumerate(fixtures.values()) for index in same}

    def table(self, answers: Sequence[Mapping[int, Sequence[Sighting]]]) -> Table:
        """Return the table from the *answers* of each run."""
        rows, early = [], set[str]()
        for index, scenario in enumerate(self.scenarios):
            seen = sorted(each for answer in answers for each in answer.get(index, ()))
            early |= {each.alert for each in seen if each.seconds < 0}
            rows.append(self._row(scenario, [each for each in seen if each.seconds >= 0]))
        told = sorted({each.alert for row in rows for each in (row.page, row.ticket) if each})
        hours = {alert: active_override(self.catalog, self.service, alert).only for alert in told}
        limited = tuple((alert, str(only)) for alert, only in hours.items() if only is not None)
        return Table(self.service, tuple(rows), tuple(sorted(early)), tuple(self.subject.unseen), limited)

    def _held(self, seen: Sighting, course: Course) -> Sighting:
        """Return *seen*, later where an evaluation stood for more of the fault than there was of it.

        What is judged moment by moment is so at each evaluation, and these are far apart.
        """
        slo = self.service.slos.get(seen.slo)
        if course is _QUICK or slo is None or slo.is_given or not self.subject.judges_time(slo):
            return seen
        return replace(seen, seconds=seen.seconds + course.evaluation)

    def _row(self, scenario: Scenario, seen: Sequence[Sighting]) -> Row:
        pages = [each for each in seen if each.severity == "page" and self.service.can_page]
        tickets = [each for each in seen if each not in pages]
        return Row(
            scenario.name,
            " ".join(scenario.what.render(self.scope).split()),
            " ".join(scenario.mend.render(self.scope).split()) if scenario.mend else "",
            next(iter(pages), None),
            next(iter(tickets), None),
        )

    def _test(self, folder: Path, course: Course, fixtures: Sequence[Series]) -> dict[str, Any]:
        files, order = self._rules(folder, course)
        end, query = str(Duration(course.end)), _query(self.service, course)
        return {
            "rule_files": files,
            "evaluation_interval": f"{course.evaluation}s",
            "group_eval_order": order,
            "tests": [
                {
                    "interval": f"{INTERVAL}s",
                    "input_series": series,
                    # What cannot be: promtool then says what is.
                    "promql_expr_test": [
                        {
                            "expr": query,
                            "eval_time": end,
                            "exp_samples": [{"labels": f'{{scenario="{index}"}}', "value": 1}],
                        }
                    ],
                }
                for index, series in enumerate(fixtures)
            ],
        }

    def _rules(self, folder: Path, course: Course) -> tuple[list[str], list[str]]:
        """Return a file of what is read of the service's rules, and the stack's where its exporter asks; the groups."""
        name = self.service.name
        stack = [STACK.name] if self.service.is_probed else []
        shared = slo_rules.shared_files(self.packs, self.service)
        own = folder / f"{name}.{course.evaluation}s.rules.yml"
        asked = [_asked(group, course) for group in read(folder / _path(name))["groups"]]
        others = [read(folder / _path(each)) for each in (*shared, conventions.SHARED_RULES, *stack)]
        every = [*asked, *(group for file in others for group in file["groups"])]
        played = read_by([_query(self.service, course)], every)
        own.write_bytes(dump({"groups": played}))
        groups, found = [group["name"] for group in asked], {group["name"] for group in played}
        order = [*groups[:-1], *shared, *slo_rules.SHARED_ORDER, groups[-1], *stack]
        return [own.name], [each for each in order if each in found]

    def _series(self, scenario: Scenario, course: Course) -> Series:
        try:
            return self.subject.series(scenario, course)
        except ValueError as error:
            raise TemplateError(scenario.position, f"scenario {scenario.name}: {error}") from None


def _path(name: str) -> str:
    return f"{conventions.RULES_DIR}/{name}.yml"


def _asked(group: Mapping[str, Any], course: Course) -> dict[str, Any]:
    """Return a group with all that is recorded, and those of its alerts that *course* is for."""
    return {**group, "rules": [rule for rule in group["rules"] if "record" in rule or _is_asked(rule, course)]}


def _is_asked(rule: Mapping[str, Any], course: Course) -> bool:
    is_long = rule["labels"].get("window") in _LONG_WINDOWS
    return is_long == (course is _SLOW) and not _JUDGES_DAYS.search(rule["expr"])


def _query(service: Service, course: Course) -> str:
    """Return PromQL for when each alert first fired, from the last evaluation before the fault on."""
    alerts = f'ALERTS{{alertstate="firing",alertname!="Watchdog",service=~"{service.name}|{STACK.name}"}}'
    span = f"{course.fault + course.evaluation + 1}s:{course.evaluation}s"
    return f"min by ({', '.join(_IDENTITY)}) (min_over_time(timestamp({alerts})[{span}]))"


def _said(tool_runs: Runs, promtool: Path, test: Path, many: int) -> str:
    """Return what *promtool* says of a file of *many* tests."""
    try:
        done = tool_runs.run([str(promtool), "test", "rules", str(test)])
    except RunError as error:
        raise SeawallError(f"{promtool}: {error}") from None
    said = f"{done.stdout}{done.stderr}"
    if len(_SCENARIO.findall(said)) != many and NATIVE in test.read_bytes():
        needed = ".".join(map(str, READS_NATIVE))
        raise SeawallError(f"{promtool}: cannot play native histograms; put promtool {needed} or newer on PATH")
    if len(_SCENARIO.findall(said)) != many:
        raise SeawallError(f"{promtool}: the scenarios of {test.name} could not be played: {complaint(done)}")
    return said


def _answers(said: str, course: Course) -> Iterator[tuple[int, list[Sighting]]]:
    """Yield what promtool found in place of each expectation."""
    for index, got in _SCENARIO.findall(said):
        found = []
        for labels, _, value in _SAMPLE.findall(got):
            each: Mapping[str, str] = dict(_LABEL.findall(labels))
            values = {"slo": each.get("slo", ""), "window": each.get("window", "")}
            seconds = float(value) - course.onset
            found.append(Sighting(seconds, each["alertname"], each["severity"], each["service"], **values))
        yield int(index), found
