"""Scenarios: what a service writes while all is well and, from some moment on, something is not."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from seawall.catalog import Service, Slo

from . import fixtures
from .dialects import Dialect
from .examples import counts_event, events_of, group_matchers
from .naming import matchers, slo_selector
from .packs import Packs, Scenario
from .proofs import bounds, filled, labels_of, matched, scaled
from .slis import is_timed
from .slo_chain import SAMPLED, SEEN
from .text import evaluate, number

Series = list[dict[str, str]]
_Phase = dict[str, str]
INTERVAL: Final = 15  # seconds between samples, as Prometheus is told to scrape
_USUAL: Final = {"good": "60"}  # events a minute
_WELL: Final = {"good": "1"}
_GONE: Final = {"gone": "yes"}
_ENDED: Final = re.compile(r"(?<=\S) _x(\d+)")


@dataclass(frozen=True)
class Course:
    """How long a service is well before a fault, and how long that lasts, in seconds.

    *seeds* samples go before them, in which nothing is measured, and only that is there which windows of days are made
    from: as many as three days of evaluations would have left.
    """

    well: int
    fault: int
    evaluation: int
    seeds: int = 0

    @property
    def before(self) -> int:
        """Seconds before there is a service at all."""
        return self.seeds * INTERVAL

    @property
    def onset(self) -> int:
        """When the fault begins."""
        return self.before + self.well

    @property
    def end(self) -> int:
        """When all ends."""
        return self.onset + self.fault


class Subject:
    """A service as its scenarios see it: which events it gets, and which of its SLOs can be simulated."""

    def __init__(self, packs: Packs, service: Service, scope: Mapping[str, Any]) -> None:
        self.packs, self.service, self.scope = packs, service, scope
        self.dialect = packs.dialect_of(service)
        self.labels = labels_of(service, self.dialect)
        self.events = list(_examples(service, self.dialect)) if self.dialect else []

    @property
    def unseen(self) -> list[str]:
        """The SLOs whose PromQL is the catalog's own: no scenario knows what it reads. A probe's, it does."""
        return [key for key, slo in sorted(self.service.slos.items()) if slo.is_given and slo.sli != "probe"]

    def applies(self, scenario: Scenario) -> bool:
        """Whether the service can suffer *scenario*."""
        return not scenario.when or bool(evaluate(scenario.when, scenario.position, self.scope))

    def spends_budget(self, scenario: Scenario) -> bool:
        """Whether an SLO may see bad events, or bad time, in *scenario*."""
        phases = [phase for key in ("traffic", "outside") for phase in _phases(scenario.fault.get(key, {}))]
        fails = any({"bad", "slow"} & phase.keys() for phase in phases)
        return bool(self.service.slos) and (fails or any(map(self.judges_time, self.service.slos.values())))

    def judges_time(self, slo: Slo) -> bool:
        """Whether *slo* is judged moment by moment."""
        return is_timed(slo, self.dialect)

    def series(self, scenario: Scenario, course: Course) -> Series:
        """Return what is written in *scenario* over *course*, in promtool's notation."""
        spec = fixtures.render_tree(scenario.fault, self.scope)
        healthy = fixtures.render_tree(self.packs.of(self.service.kind)[-1].healthy, self.scope)
        usual, fault = _traffic(self.service, healthy, spec)
        outside = _phases(spec.get("outside", {"good": "1"}))
        found = self._inputs(healthy, spec, course)
        found |= self._events(_course(course, usual, fault), _course(course, _WELL, outside))
        found |= self._recorded(_course(course, _WELL, outside))
        if course.seeds:
            found |= self._seeds(course, _many(usual) / 60)
        # Who scrapes tells at once that something is gone; what is pushed is only not there any more.
        told = self.service.is_scraped or self.service.is_probed
        return _written(found, course, told=told)

    def _inputs(self, healthy: Mapping[str, Any], spec: Mapping[str, Any], course: Course) -> dict[str, Any]:
        before = {**healthy.get("input", {}), **spec.get("usual", {}).get("input", {})}
        before = {filled(key, self.scope): value for key, value in before.items()}
        after = dict(self._changes(before, spec.get("input", {})))
        rest = [_GONE] if spec.get("alone") else [{}]
        found: dict[str, Any] = {}
        own = matchers(self.labels.items())
        for key in dict.fromkeys([*before, *after]):
            well = _level(before[key]) if key in before else _GONE
            found[matched(own, key)] = _course(course, well, _changed(after[key]) if key in after else rest)
        return found

    def _changes(self, before: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield what each series becomes; a bare name is every series of that metric."""
        for text, value in changes.items():
            key = filled(text, self.scope)
            alike = [each for each in before if each.partition("{")[0] == key]
            yield from ((each, value) for each in alike or [key])

    def _events(self, traffic: Sequence[_Phase], outside: Sequence[_Phase]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for dialect in self.events:
            phases = outside if dialect.events is None else _divided(traffic, len(self.events))
            found |= fixtures.traffic_series(dialect, self.labels, phases, bounds(self.service, {}))
        return found

    def _recorded(self, outside: Sequence[_Phase]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, slo in self.service.slos.items():
            if slo.sli == "probe" and slo.is_given:
                found |= fixtures.recorded_series(self._sel(key), outside, timed=self.judges_time(slo))
        return found

    def _seeds(self, course: Course, usual: float) -> dict[str, Any]:
        """Return what the windows of days are made from: three days of which all was as usual."""
        found = {}
        for key, slo in self.service.slos.items():
            for groups, rate in self._rates(slo, usual).items():
                sel = self._sel(key) + groups
                values = {SAMPLED.format(kind=kind): rate for kind in ("total", "good")}
                values |= {SAMPLED.format(kind="bad"): 0, SEEN: course.before - 3 * 86400}
                for name, value in values.items():
                    level = {"for": f"{course.before}s", "value": number(value)}
                    found[f"{name}{{{sel}}}"] = [level, _GONE]
        return found

    def _rates(self, slo: Slo, usual: float) -> Mapping[str, float]:
        """Return the usual events a second that *slo* counts, by matchers of their group."""
        if self.judges_time(slo) or self.dialect is None or slo.is_raw:
            return {"": 1.0} if not slo.is_given or slo.sli == "probe" else {}
        found: Counter[str] = Counter()
        for each in self.events:
            labels = {**each.example.get("base", {}), **each.example["good"]}
            if counts_event(slo, self.dialect, labels):
                found[group_matchers(slo, each)] += usual / len(self.events)  # type: ignore[assignment]
        return found

    def _sel(self, key: str) -> str:
        return slo_selector(self.service, key)


def _examples(service: Service, dialect: Dialect) -> Iterator[Dialect]:
    """Yield *dialect* with events that are like any other, then with those that a filtered SLO counts.

    What fails, fails as the dialect says, whatever an SLO calls bad.
    """
    yield dialect
    known = [dialect.example.get("good", {})]
    for slo in service.slos.values():
        try:
            own = events_of(slo.model_copy(update={"bad": {}, "codes": {}}), dialect)
        except ValueError:  # only what it restates makes any of its events good or bad
            continue
        good = own.example.get("good", {})
        if dialect.events is not None and good not in known:
            known.append(good)
            yield replace(own, example={**own.example, "slow": good})


def _traffic(service: Service, healthy: Mapping[str, Any], spec: Mapping[str, Any]) -> tuple[_Phase, list[_Phase]]:
    """Return the usual events a minute, and those of the fault, which are told as multiples of them."""
    usual = spec.get("usual", {}).get("traffic") or _declared(service) or healthy.get("traffic", _USUAL)
    many = _many(usual)
    if "traffic" not in spec:
        return usual, [_GONE if spec.get("alone") else usual]
    return usual, [
        {key: number(float(text) * many) if key in fixtures.CLASSES else text for key, text in phase.items()}
        for phase in _phases(spec["traffic"])
    ]


def _many(usual: _Phase) -> float:
    return sum(float(usual.get(name, 0)) for name in fixtures.CLASSES)


def _declared(service: Service) -> _Phase | None:
    return None if service.events_per_minute is None else {"good": number(service.events_per_minute)}


def _phases(spec: Any) -> list[_Phase]:
    return list(spec) if isinstance(spec, list) else [spec]


def _course(course: Course, well: _Phase, fault: Sequence[_Phase]) -> list[_Phase]:
    start = [{"for": f"{course.before}s", **_GONE}] if course.before else []
    return [*start, {"for": f"{course.well}s", **well}, *_kept(well, fault)]


def _kept(well: _Phase, fault: Sequence[_Phase]) -> Iterator[_Phase]:
    """Yield the phases of the fault; one that says nothing goes on as it was."""
    for phase in fault:
        yield phase if phase else {key: text for key, text in well.items() if key != "value"}


def _level(value: Any) -> _Phase:
    if isinstance(value, list):
        raise ValueError("what is usual is one value, and not phases")
    return fixtures.shorthand(str(value))


def _changed(value: Any) -> list[_Phase]:
    """Return the phases of a changed series; ``+5`` lets a counter go on from where it is."""
    if isinstance(value, list):
        return list(value)
    phase = fixtures.shorthand(str(value))
    return [{"per_minute": phase["per_minute"]} if str(value).strip().startswith("+") else phase]


def _divided(phases: Sequence[_Phase], by: int) -> list[_Phase]:
    return [
        {key: number(float(text) / by) if key in fixtures.CLASSES else text for key, text in phase.items()}
        for phase in phases
    ]


def _written(found: Mapping[str, Any], course: Course, *, told: bool) -> Series:
    step = INTERVAL / 60
    distinct = {id(value): value for value in found.values()}
    written = {key: fixtures.values(scaled(value, step), course.end / step) for key, value in distinct.items()}
    return [
        {"series": series, "values": _told(text) if told and not _is_recorded(series) else text}
        for series in sorted(found)
        for text in (written[id(found[series])],)
    ]


def _is_recorded(series: str) -> bool:
    return ":" in series.partition("{")[0]


def _told(text: str) -> str:
    return _ENDED.sub(lambda ends: f" stale _x{int(ends[1]) - 1}", text)
