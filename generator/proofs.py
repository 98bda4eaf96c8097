"""Proofs: the promtool tests that come with every rendered alert, computed from its threshold, ``for`` and labels."""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Duration, Position, Service, Slo

from . import fixtures
from .dialects import Dialect
from .examples import events_of, group_matchers, restates_good
from .model import Alert
from .naming import PLAIN, matchers, slo_selector
from .packs import AlertTemplate, Pack, Packs
from .slis import is_timed
from .text import Template, TemplateError, number

_PAIR: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')
_IDENTITY: Final = tuple(sorted(conventions.ALERT_LABELS))
_RECORDED: Final = re.compile(r"(?<!\w)[A-Za-z_]\w*:\w")
_SHORT: Final = 3600.0  # seconds, with a sample each minute
_LONG: Final = 8 * 3600.0
_WINDOW_MINUTES: Final = 5  # of the shortest window
_QUICK: Final = 0.001  # seconds; every good event is quicker


def proof_tests(
    packs: Packs, pack: Pack, service: Service, template: AlertTemplate, alert: Alert, scope: Mapping[str, Any]
) -> tuple[dict[str, Any], ...]:
    """Return the tests of one alert: what fires it, and, where the pack says so, what only nearly does."""
    tests = []
    for outcome, tree in proofs_of(template):
        try:
            spec = fixtures.render_tree(tree, scope)
            if spec.get("applies", "True") != "True":
                continue
            seconds = evaluated(spec, alert.for_seconds) + _seen_for(service, scope, spec)
            lasts = max(seconds, Duration.parse(spec.get("lasts", "0s")).seconds)
            series = _series(packs, pack, service, spec, scope, lasts)
        except ValueError as error:
            raise TemplateError(template.position, f"alert {alert.name}: proof: {error}") from None
        tests.append(_test(alert, outcome, series, seconds, spec))
    return tuple(tests)


def evaluated(spec: Mapping[str, Any], held: float) -> float:
    """Return when the alert is looked at: at the last evaluation that the pack names, and those that it is held for."""
    pace = _pace(spec)
    at = Duration.parse(spec.get("at", "10m")).seconds
    return (math.floor(at / pace) + math.ceil(held / pace)) * pace


def _pace(spec: Mapping[str, Any]) -> float:
    return Duration.parse(spec.get("every", "1m")).seconds


def _seen_for(service: Service, scope: Mapping[str, Any], spec: Mapping[str, Any]) -> float:
    """Return how much longer than in five minutes a slice has events that are gone, in whole minutes."""
    _, slo = _slo_at_hand(service, scope)
    traffic = spec.get("traffic", ())
    ends = isinstance(traffic, list) and "gone" in traffic[-1]
    if slo is None or slo.budgeting == "events" or not ends:
        return 0.0
    return max(0, math.ceil(slo.slice.seconds / 60) - _WINDOW_MINUTES) * 60.0


def proofs_of(template: AlertTemplate) -> Iterator[tuple[str, Any]]:
    """Yield what the pack says fires the alert, once or several times, and what leaves it quiet."""
    for outcome in ("fires", "quiet"):
        said = template.proof.get(outcome, [])
        yield from ((outcome, tree) for tree in (said if isinstance(said, list) else [said]))


def healthy_test(packs: Packs, service: Service, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the test that nothing at all fires while all is well.

    What is well for the pack may not be for a threshold of the catalog's own: such an alert has its own proofs alone.
    """
    moved = sorted(name for name, each in service.alerts.items() if each.above is not None or each.below is not None)
    seconds = 1200.0
    series = _series(packs, packs.of(service.kind)[-1], service, {}, scope, seconds)
    spared = "|".join(["Watchdog", *moved])
    dialect = packs.dialect_of(service)
    owed = "|".join(
        key
        for key, slo in sorted(service.slos.items())
        if slo.at_least is not None or (dialect is not None and restates_good(slo, dialect))
    )
    but = f',slo!~"{owed}"' if owed else ""
    query = f'ALERTS{{service="{service.name}",alertstate="firing",alertname!~"{spared}"{but}}}'
    return {
        "name": f"{service.name}: nothing fires while all is well",
        "interval": _interval({}),
        "input_series": series,
        "promql_expr_test": [{"expr": query, "eval_time": str(Duration(seconds)), "exp_samples": []}],
    }


def reads_recorded(expr: str) -> bool:
    """Whether *expr* may read a recorded series: by convention theirs are the names with a colon.

    A colon in a quoted value counts too: its proof then loads rules that it does not need, and holds all the same.
    """
    return _RECORDED.search(expr) is not None


def _test(
    alert: Alert, outcome: str, series: list[dict[str, str]], seconds: float, spec: Mapping[str, Any]
) -> dict[str, Any]:
    distinct = {key: value for key, value in alert.labels.items() if key not in _IDENTITY and "{{" not in value}
    matchers = {"alertname": alert.name, "alertstate": "firing", "service": alert.service, **distinct}
    inside = ",".join(f'{key}="{value}"' for key, value in matchers.items())
    labels = {key: alert.labels[key] for key in _IDENTITY}
    expected = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    expr = f"group by ({', '.join(_IDENTITY)}) (ALERTS{{{inside}}})"
    firing = [{"labels": f"{{{expected}}}", "value": 1}]
    looks = [{"expr": expr, "eval_time": str(Duration(seconds)), "exp_samples": firing if outcome == "fires" else []}]
    if outcome == "fires" and (too_soon := _too_soon(spec, alert.for_seconds)):
        looks.insert(0, {"expr": expr, "eval_time": str(Duration(too_soon)), "exp_samples": []})
    test = {
        "name": f"{alert.service}: {alert.name}{_suffix(distinct)} {'fires' if outcome == 'fires' else 'stays quiet'}",
        "interval": _interval(spec),
        "input_series": series,
        "promql_expr_test": looks,
    }
    return test | ({"every": spec["every"]} if "every" in spec else {})


def _too_soon(spec: Mapping[str, Any], held: float) -> float:
    """Return the last evaluation before the alert can have been *held*, whatever its condition says; 0 for none.

    It can hold from the start on, or *since* the fault begins, of which the pack says when.
    """
    pace, since = _pace(spec), Duration.parse(spec.get("since", "0s")).seconds
    return max(0.0, math.floor(since / pace) + math.ceil(held / pace) - 1) * pace


def _suffix(labels: Mapping[str, str]) -> str:
    return f" ({', '.join(labels.values())})" if labels else ""


def _interval(spec: Mapping[str, Any]) -> str:
    """Return how far apart the samples of a proof are: a month that was is told by those of some minutes."""
    otherwise = "10s" if "history" in spec else "10m" if "every" in spec else "1m"
    return str(spec.get("samples", otherwise))


def _series(
    packs: Packs,
    pack: Pack,
    service: Service,
    spec: Mapping[str, Any],
    scope: Mapping[str, Any],
    seconds: float,
) -> list[dict[str, str]]:
    """Return what the service would write: all that is healthy, with what *spec* says laid over it."""
    healthy = {} if spec.get("alone") else fixtures.render_tree(pack.healthy, scope)
    dialect = packs.dialect_of(service)
    labels = labels_of(service, dialect)
    inputs = {**healthy.get("input", {}), **spec.get("input", {})}
    found: dict[str, Any] = {}
    key, slo = _slo_at_hand(service, scope)
    traffic = spec.get("traffic", healthy.get("traffic", {"good": "60"}))
    # PromQL of the catalog's own is taken at its word; slices are too short for samples so far apart.
    stands_in = slo is not None and (slo.is_given or ("every" in spec and slo.is_timed))
    if dialect is not None and not stands_in:  # else it would be recorded twice, from the one and as the other
        events = events_of(slo, dialect) if slo else dialect
        enough = slo.at_least if slo and slo.value is None else None
        carried = traffic if enough is None else fixtures.enough_or_none(traffic, enough)
        found |= fixtures.traffic_series(events, labels, carried, bounds(service, spec))
    if slo is not None and stands_in:
        found |= fixtures.recorded_series(slo_selector(service, key), traffic, timed=is_timed(slo, dialect))
    if slo is not None and "history" in spec:
        found |= fixtures.history_series(slo_selector(service, key) + _groups(slo, dialect), spec["history"])
    for key, value in inputs.items():
        found[matched(matchers(labels.items()), filled(key, scope))] = value
    step = Duration.parse(_interval(spec)).seconds / 60
    block = _LONG if "every" in spec else _SHORT
    length = math.ceil(seconds / step / block) * block  # so that proofs of one fixture are one test
    distinct = {id(value): value for value in found.values()}  # the buckets of one class share theirs
    written = {key: fixtures.values(scaled(value, step), length) for key, value in distinct.items()}
    return [{"series": series, "values": written[id(found[series])]} for series in sorted(found)]


def scaled(value: Any, step: float) -> Any:
    """Stretch minutes for tests whose samples are that many apart, so that a rate a minute stays one."""
    if step == 1:
        return value
    phases = value if isinstance(value, list) else [fixtures.shorthand(str(value))]
    return [
        {
            key: number(float(text) * step) if fixtures.is_pace(key) else _shrunk(text, step) if key == "for" else text
            for key, text in phase.items()
        }
        for phase in phases
    ]


def _shrunk(text: str, step: float) -> str:
    return str(Duration(Duration.parse(text).seconds / step))


def _groups(slo: Slo, dialect: Dialect | None) -> str:
    """Return the matchers of the group in which the events of the dialect's example are."""
    if dialect is None or slo.is_given:
        return ""
    return group_matchers(slo, events_of(slo, dialect))


def labels_of(service: Service, dialect: Dialect | None) -> dict[str, str]:
    """Return the labels that each series of *service* has in a fixture."""
    naming = dialect.naming(service) if dialect else PLAIN
    return {**naming.labels(service.job), **service.match}


def filled(key: str, scope: Mapping[str, Any]) -> str:
    """Return the name of a series of a pack with its templates filled in."""
    return _key(key).render(scope)


@cache
def _key(text: str) -> Template:
    return Template.compile(text, Position("proof"), "plain")


@lru_cache(1024)
def matched(own: str, series: str) -> str:
    """Return *series* with a service's *own* matchers in place of its labels of that name, unless it names a job."""
    metric, _, inside = series.partition("{")
    labels = dict(_PAIR.findall(inside))
    if "job" not in labels:
        mine = dict(_PAIR.findall(own))
        labels = mine | {key: text for key, text in labels.items() if key not in mine}
    return f"{metric}{{{','.join(f'{key}={text}' for key, text in labels.items())}}}"


def bounds(service: Service, spec: Mapping[str, Any]) -> list[float]:
    """Return the buckets of a fixture: the thresholds of the SLOs, what the proof asks for, and a very quick one."""
    own = {slo.under.seconds for slo in service.slos.values() if slo.under}
    return sorted({_QUICK, *own, *(float(bound) for bound in spec.get("buckets", ()))})


def _slo_at_hand(service: Service, scope: Mapping[str, Any]) -> tuple[str, Slo | None]:
    item = scope.get("item")
    facts = getattr(item, "slo", item)
    key = getattr(facts, "key", "")
    return key, service.slos.get(key)
