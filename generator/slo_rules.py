"""Recording rules of SLOs: event rates of all services at once, then ratios, weights, burn rates and budgets."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, Duration, Service, Slo, objective_ratio

from . import slo as arithmetic
from .dialects import Dialect, find_dialect
from .packs import Packs
from .text import number, promql_string
from .variables import selector

Rule = dict[str, Any]
INTERVAL: Final = "30s"
SLOW_INTERVAL: Final = "5m"
SHARED_ORDER: Final = ("seawall-slo-burn-rates", "seawall-slo-slow", "seawall-slo-hourly", "seawall-slo-budgets")
_INFO: Final = "seawall:slo_rules:info"
_ON: Final = "on (job, slo)"
# What is recorded every five minutes is not there while the next evaluation runs: Prometheus looks back no longer.
_KEPT: Final = "15m"
_AGE: Final = f"(time() - last_over_time(seawall:slo_seen:timestamp_min3d[{_KEPT}]))"


@dataclass(frozen=True, order=True)
class Signature:
    """SLOs that one vectorised set of rules serves: same dialect, SLI, key, threshold and matchers."""

    kind: str
    dialect: str
    sli: str
    slo: str
    under: float
    match: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """A readable and stable id."""
        text = f"{self.kind}.{self.dialect}.{self.slo}"  # no name has a dot, so that no two are told alike
        text += f".{number(self.under)}s" if self.under else ""
        digest = hashlib.sha256(repr(self.match).encode()).hexdigest()[:6]
        return f"{text}-{digest}" if self.match else text

    @property
    def file(self) -> str:
        """The stem of its file, and the name of its group."""
        return f"{conventions.SHARED_RULES}-{self.name}"


def signature(service: Service, key: str, slo: Slo) -> Signature:
    """Return which shared rules serve an unfiltered SLO."""
    under = slo.under.seconds if slo.under else 0.0
    return Signature(service.kind, service.dialect, slo.sli, key, under, tuple(sorted(service.match.items())))


def shared_groups(catalog: Catalog, packs: Packs) -> dict[str, list[dict[str, Any]]]:
    """Return the groups that serve every service, by file: one for each signature, one for what all have in common."""
    pairs = [(service, key, slo) for service in catalog.services.values() for key, slo in service.slos.items()]
    signatures = sorted({signature(service, key, slo) for service, key, slo in pairs if not slo.is_filtered})
    periods = sorted({slo.window.seconds for _, _, slo in pairs if slo.window} or {catalog.defaults.slo_window.seconds})
    files = {each.file: [_group(each.file, INTERVAL, _shared_events(each, packs))] for each in signatures}
    rules = (_burn_rules(), _slow_rules(), _hourly_rules(), _budget_rules(periods))
    intervals = (INTERVAL, SLOW_INTERVAL, "1h", SLOW_INTERVAL)
    common = [_group(*each) for each in zip(SHARED_ORDER, intervals, rules, strict=True)]
    return files | {conventions.SHARED_RULES: common}


def shared_files(service: Service) -> list[str]:
    """Return the names of the shared files that record the events of *service*."""
    return sorted({signature(service, key, slo).file for key, slo in service.slos.items() if not slo.is_filtered})


def service_rules(packs: Packs, service: Service) -> list[Rule]:
    """Return what a service's own file records: its objectives, and the event rates of its filtered SLOs."""
    rules: list[Rule] = []
    for key, slo in sorted(service.slos.items()):
        labels = {"job": service.name, "slo": key}
        assert slo.window is not None
        objective = f"vector({number(float(objective_ratio(slo.objective)))})"
        rules.append({"record": "slo:objective:ratio", "expr": objective, "labels": labels})
        rules.append(
            {"record": "slo:period:days", "expr": f"vector({number(slo.window.seconds / 86400)})", "labels": labels}
        )
        name = "own" if slo.is_filtered else signature(service, key, slo).name
        rules.append({"record": _INFO, "expr": "vector(1)", "labels": {**labels, "rules": name}})
        if slo.is_filtered:
            dialect = find_dialect(packs.dialects, service.kind, service.dialect)
            assert dialect is not None
            common = selector(service, *_filters(slo, dialect))
            rules += _event_rules(dialect, slo.sli, slo, common, f'job="{service.name}",slo="{key}"', "", {"slo": key})
    return rules


def _group(name: str, interval: str, rules: list[Rule]) -> dict[str, Any]:
    return {"name": name, "interval": interval, "rules": rules}


def _shared_events(each: Signature, packs: Packs) -> list[Rule]:
    dialect = find_dialect(packs.dialects, each.kind, each.dialect)
    assert dialect is not None
    common = ",".join(f'{label}="{promql_string(value)}"' for label, value in each.match)
    only = f' and on (job) {_INFO}{{slo="{each.slo}",rules="{each.name}"}}'
    return _event_rules(dialect, each.sli, each, common, f'slo="{each.slo}"', only, {"slo": each.slo})


def _event_rules(
    dialect: Dialect, sli: str, slo: "Slo | Signature", common: str, recorded: str, only: str, labels: dict[str, str]
) -> list[Rule]:
    """Total, bad and good events a second in three windows from the raw counters; bad is there whenever total is.

    *common* are the matchers of the dialect's metrics, *recorded* those of the recorded total.
    """
    rules: list[Rule] = []
    for window in arithmetic.RAW_WINDOWS:
        total = f"(slo:total:rate{window}{{{recorded}}}{only})"
        counted = dialect.rate(dialect.events, dialect.counted, common, window) + only
        bad = _bad(dialect, sli, slo, common, window, total)
        good = f"clamp_min({total} - slo:bad:rate{window}{{{recorded}}}, 0)"
        rules += [
            {"record": f"slo:{kind}:rate{window}", "expr": expr, "labels": labels}
            for kind, expr in (("total", counted), ("bad", bad), ("good", good))
        ]
    return rules


def _bad(dialect: Dialect, sli: str, slo: "Slo | Signature", common: str, window: str, total: str) -> str:
    restated = _restated(slo)
    bad = tuple(_joined(counted, restated) for counted in dialect.counted) if restated else dialect.bad
    if sli == "availability":
        failed = dialect.rate(dialect.events, bad, common, window)
        return f"({failed} or on (job) 0 * {total}) and on (job) {total}"
    bound = bucket_matcher(_under(slo) / dialect.seconds_per_unit)
    fast = dialect.rate(dialect.buckets, dialect.counted, _joined(common, bound), window)
    fast_bad = dialect.rate(dialect.buckets, bad, _joined(common, bound), window)
    good = f"({fast} - on (job) ({fast_bad} or on (job) 0 * {total}) or on (job) 0 * {total})"
    return f"clamp_min({total} - on (job) {good}, 0)"


def _under(slo: "Slo | Signature") -> float:
    if isinstance(slo, Signature):
        return slo.under
    return slo.under.seconds if slo.under else 0.0


def bucket_matcher(bound: float) -> str:
    """Return the matcher of a bucket: whole numbers are written ``1`` by Prometheus 2 and ``1.0`` by 3."""
    text = number(bound)
    return f'le=~"{text}(\\\\.0)?"' if "." not in text else f'le="{text}"'


def _restated(slo: "Slo | Signature") -> str:
    if isinstance(slo, Signature):
        return ""
    return ",".join(f'{label}=~"{promql_string(value)}"' for label, value in sorted(slo.bad.items()))


def _filters(slo: Slo, dialect: Dialect) -> Iterable[str]:
    if slo.routes:
        yield f'{dialect.labels["route"]}=~"{promql_string("|".join(route_regex(route) for route in slo.routes))}"'
    if slo.methods:
        yield f'{dialect.labels["method"]}=~"{promql_string("|".join(slo.methods))}"'
    for label, value in sorted(slo.exclude.items()):
        yield f'{label}!~"{promql_string(value)}"'


def route_regex(route: str) -> str:
    """Return the regular expression of a route; ``*`` stands for anything, all else for itself."""
    special = set("\\.+?()[]{}|^$")
    return "".join(".*" if letter == "*" else f"\\{letter}" if letter in special else letter for letter in route)


def _joined(*matchers: str) -> str:
    return ",".join(matcher for matcher in matchers if matcher)


def _burn_rules() -> list[Rule]:
    rules = [
        _chained(kind, window, "rate5m") for window in arithmetic.QUICK_WINDOWS for kind in ("total", "bad", "good")
    ]
    for window in arithmetic.SECONDS:
        labels = {"window": window}
        rate = {kind: _recorded(kind, window) for kind in ("total", "bad")}
        rules.append({"record": "slo:error:ratio", "expr": f"{rate['bad']} / ({rate['total']} > 0)", "labels": labels})
        rules.append({"record": "slo:burn_rate:ratio", "expr": _burn_rate(window), "labels": labels})
        rules.append({"record": "slo:bad:events", "expr": _bad_events(window), "labels": labels})
    return rules


def _burn_rate(window: str) -> str:
    total = _recorded("total", window)
    weight = f"clamp({total} / (last_over_time(seawall:slo_total:mean[2h]) > 0), 1, {arithmetic.MAX_WEIGHT})"
    # A period of seven days never shows seven whole ones: the oldest sample in it is up to an hour younger.
    enough = f"clamp_max(0.9 * slo:period:days, {arithmetic.BOOTSTRAP_DAYS})"
    settled = f"last_over_time(slo:history:days[2h]) >= {_ON} {enough}"
    one = f"(0 * {total} + 1)"
    ratio = f'slo:error:ratio{{window="{window}"}} / {_ON} group_left () (1 - slo:objective:ratio)'
    return f"{ratio} * {_ON} group_left () (({weight} and {_ON} ({settled})) or {one})"


def _bad_events(window: str) -> str:
    """Bad events in *window*; a chained mean speaks of the time since the service was first seen, never of more."""
    seconds = arithmetic.SECONDS[window]
    if window in arithmetic.RAW_WINDOWS:
        return f"slo:bad:rate{window} * {seconds}"
    return f"{_recorded('bad', window)} * {_ON} clamp_max({_AGE}, {seconds})"


def _recorded(kind: str, window: str) -> str:
    series = f"slo:{kind}:rate{window}"
    return f"last_over_time({series}[{_KEPT}])" if window in arithmetic.SLOW_WINDOWS else series


def _slow_rules() -> list[Rule]:
    sampled = [
        {"record": f"seawall:slo_{kind}:rate5m_every5m", "expr": f"slo:{kind}:rate5m"}
        for kind in ("total", "bad", "good")
    ]
    chained = [
        {"record": f"slo:{kind}:rate{window}", "expr": f"avg_over_time(seawall:slo_{kind}:rate5m_every5m[{window}])"}
        for window in arithmetic.SLOW_WINDOWS
        for kind in ("total", "bad", "good")
    ]
    seen = {"record": "seawall:slo_seen:timestamp", "expr": "0 * slo:total:rate5m + time()"}
    first = {"record": "seawall:slo_seen:timestamp_min3d", "expr": "min_over_time(seawall:slo_seen:timestamp[3d])"}
    return [*sampled, *chained, seen, first]


def _chained(kind: str, window: str, of: str) -> Rule:
    return {"record": f"slo:{kind}:rate{window}", "expr": f"avg_over_time(slo:{kind}:{of}[{window}])"}


def _hourly_rules() -> list[Rule]:
    rates = [{"record": f"seawall:slo_{kind}:rate1h_hourly", "expr": f"slo:{kind}:rate1h"} for kind in ("total", "bad")]
    return [*rates, {"record": "seawall:slo_seen:timestamp_hourly", "expr": "0 * slo:total:rate1h + time()"}]


def _budget_rules(periods: list[float]) -> list[Rule]:
    rules: list[Rule] = []
    for seconds in periods:
        days = seconds / 86400
        only = f"and {_ON} (slo:period:days == {number(days)})"
        window = str(Duration(seconds))
        rules += [_mean(kind, window, only) for kind in ("total", "bad")]
        rules.append({"record": "slo:history:days", "expr": f"{_history(window)} {only}"})
    spent = "seawall:slo_bad:mean * slo:history:days"
    allowed = f"((1 - slo:objective:ratio) * {_ON} (seawall:slo_total:mean > 0) * {_ON} slo:period:days)"
    rules.append({"record": "slo:budget_remaining:ratio", "expr": f"1 - {spent} / {_ON} {allowed}"})
    return rules


def _mean(kind: str, window: str, only: str) -> Rule:
    """The mean event rate of the period; in the first hour, when no hourly sample stands yet, of what was seen."""
    hourly = f"avg_over_time(seawall:slo_{kind}:rate1h_hourly[{window}])"
    return {
        "record": f"seawall:slo_{kind}:mean",
        "expr": f"({hourly} or avg_over_time(slo:{kind}:rate5m[1h])) {only}",
    }


def _history(window: str) -> str:
    hourly = f"(time() - min_over_time(seawall:slo_seen:timestamp_hourly[{window}]))"
    return f"(({hourly} or (time() - seawall:slo_seen:timestamp_min3d)) / 86400)"
