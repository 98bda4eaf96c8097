"""Hypothesis strategies that more than one room draws from: any valid catalog, with hostile free text."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from slo_strategies import slos

KINDS: Final = ("http", "worker", "host", "redis")
HOSTILE: Final = (
    '"',
    "'",
    "`whoami`",
    "$(whoami)",
    "\\",
    "\\n",
    "{{ $labels.job }}",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "{#",
    "}}",
    '"} or vector(1)',
    "</script><script>alert(1)</script>",
    "[link](javascript:alert(1))",
    "| table |",
    "# heading",
    "- item",
    "---",
    "...",
    "a: b",
    "%s %d",
    "🌊",
    "👩\u200d🚒",
    "naïve \u202eltr",
    "two\nlines",
    "a\ttab",
)
_POOL: Final = "the-pool"
_NAME: Final = st.from_regex(r"\A[a-z][a-z0-9-]{0,14}\Z").filter(lambda name: not name.startswith("seawall"))
_EVERY_DAY: Final = (
    "07:00-23:00",
    "Mon-Fri 08:00-20:00",
    "22:00-06:00 Europe/Berlin",
    "Sat 09:00-12:00, Sun 10:00-24:00",
)
_ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
_BEGINNING: Final = datetime(2026, 1, 1)
Alerts = Mapping[str, Sequence[str] | Mapping[str, st.SearchStrategy[dict[str, Any]]]]


def texts() -> st.SearchStrategy[str]:
    """Return any text that a catalog may hold in its free fields."""
    characters = st.characters(exclude_categories=("Cc", "Cs", "Cn"))
    pieces = st.one_of(st.sampled_from(HOSTILE), st.text(characters, max_size=8))
    return st.lists(pieces, max_size=4).map("".join).filter(lambda text: "${" not in text)


def durations(least: int = 1, most: int = 86400) -> st.SearchStrategy[str]:
    """Return durations of whole seconds, as a catalog writes them."""
    return st.integers(least, most).map(
        lambda seconds: f"{seconds // 60}m{seconds % 60}s" if seconds > 59 else f"{seconds}s"
    )


@st.composite
def valid_catalogs(draw: st.DrawFn, alerts: Alerts | None = None, most: int = 5) -> dict[str, Any]:
    """Draw a catalog of at most *most* services that load() takes.

    *alerts* names those to override, by kind: a list, or a mapping to a strategy of what more an override may say.
    """
    teams = draw(st.lists(_NAME, min_size=1, max_size=3, unique=True))
    names = draw(st.lists(_NAME, min_size=1, max_size=most, unique=True))
    services = {name: draw(_services(name, names, teams, alerts or {})) for name in names}
    if _POOL not in services and draw(st.booleans()):
        services[_POOL] = draw(_pools(names, teams))
    catalog = {
        "seawall": 1,
        "teams": {team: draw(_teams()) for team in teams},
        "services": services,
        "campaigns": draw(st.dictionaries(_NAME, _campaigns(names), max_size=2)),
    }
    return draw(_with_defaults(catalog))


def as_yaml(catalog: Any) -> str:
    """Return *catalog* as YAML that keeps every character."""
    text = json.dumps(catalog, ensure_ascii=False)
    for character in "\ufeff\u2028\u2029":  # breaks of lines to YAML 1.1, and a mark of the byte order
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@st.composite
def _with_defaults(draw: st.DrawFn, catalog: dict[str, Any]) -> dict[str, Any]:
    defaults = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "slo_window": st.sampled_from(["7d", "28d", "30d"]),
                "scrape_interval": st.sampled_from(["10s", "15s", "30s", "1m"]),
                "match": _matches(),
                "grafana_url": st.just("https://grafana.example.org/"),
            },
        )
    )
    return {**catalog, "defaults": defaults} if defaults else catalog


def _teams() -> st.SearchStrategy[dict[str, Any]]:
    receivers = st.fixed_dictionaries(
        {},
        optional={
            "pagerduty": st.just({"routing_key_file": "/run/secrets/pagerduty"}),
            "webhook": st.just({"url": "http://hooks.example.org/"}),
        },
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "description": texts(),
            "escalation": texts(),
            "hours": st.sampled_from(_EVERY_DAY),
            "timezone": st.sampled_from(_ZONES),
            "notify": st.fixed_dictionaries({}, optional={"page": receivers, "ticket": receivers}),
        },
    )


def _matches() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(["environment", "region", "cluster"]), texts(), max_size=2)


@st.composite
def _services(draw: st.DrawFn, name: str, names: list[str], teams: list[str], alerts: Alerts) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    service = draw(
        st.fixed_dictionaries(
            {"kind": st.just(kind), "team": st.sampled_from(teams)},
            optional={
                "tier": st.sampled_from([1, 2, 3]),
                "description": texts(),
                "targets": _targets(name),
                "metrics_path": st.sampled_from(["/metrics", "/q/metrics"]),
                "scheme": st.sampled_from(["http", "https"]),
                "match": _matches(),
                "depends_on": _edges([other for other in names if other != name]),
                "runbook": _notes(),
                "maintenance": st.lists(_maintenance(), max_size=2),
                "mode": st.sampled_from(["live", "shadow"]),
            },
        )
    )
    if kind == "redis":
        service["url"] = draw(
            st.sampled_from(["redis://cache:6379", "${CACHE_URL}", "redis://:${CACHE_PASSWORD}@cache/0"])
        )
    if kind in ("http", "worker"):
        service["capacity"] = draw(_capacities())
    service["slos"] = draw(st.dictionaries(_NAME, slos(kind, texts()), max_size=3))
    if alerts.get(kind):
        chosen = draw(st.lists(st.sampled_from(sorted(alerts[kind])), max_size=3, unique=True))
        service["alerts"] = {alert: draw(_overrides()) | draw(_more(alerts[kind], alert)) for alert in chosen}
    return service


def _pools(names: list[str], teams: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {"kind": st.just("pool"), "team": st.sampled_from(teams), "part_of": st.sampled_from(names)}
    pool = st.fixed_dictionaries({}, optional={"db_client_connection_pool_name": texts()})
    return st.fixed_dictionaries(fields, optional={"match": pool, "depends_on": _edges(names)})


def _targets(name: str) -> st.SearchStrategy[Any]:
    discovered = [{"names": [name], "type": "A", "port": 80}]
    return st.one_of(
        st.lists(st.sampled_from(["localhost:9464", "[::1]:9465", f"{name}:80"]), max_size=2, unique=True),
        st.just({"dns_sd_configs": discovered}),
    )


def _more(alerts: Sequence[str] | Mapping[str, st.SearchStrategy[dict[str, Any]]], alert: str) -> Any:
    return alerts[alert] if isinstance(alerts, Mapping) else st.just({})


def _edges(others: list[str]) -> st.SearchStrategy[Any]:
    if not others:
        return st.just([])
    edge = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"inhibits": st.booleans()}))
    return st.one_of(
        st.lists(st.sampled_from(others), unique=True, max_size=3),
        st.dictionaries(st.sampled_from(others), edge, max_size=3),
    )


def _capacities() -> st.SearchStrategy[dict[str, Any]]:
    most = st.floats(0.5, 1e6)
    fields = {"requests_per_second": most, "concurrent_requests": most, "evidence": texts()}
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def _overrides(draw: st.DrawFn) -> dict[str, Any]:
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "for": durations(60, 3600),
                "severity": st.sampled_from(["page", "ticket"]),
                "only": st.sampled_from(_EVERY_DAY),
                "reason": texts(),
                "disabled": texts().filter(str.strip),
                "until": st.dates().map(lambda day: f"{day.year:04}-{day:%m-%d}"),
            },
        )
    )


def _notes() -> st.SearchStrategy[dict[str, Any]]:
    commands = st.one_of(texts(), st.just("kubectl --namespace ${NAMESPACE} rollout undo"))
    mitigation = st.fixed_dictionaries({"when": texts(), "do": commands})
    fields = {
        "mitigations": st.lists(mitigation, max_size=2),
        "notes": commands,
        "links": st.dictionaries(texts(), st.just("https://wiki.example.org/checkout"), max_size=2),
    }
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, Any]:
    begin = _BEGINNING + timedelta(minutes=draw(st.integers(0, 500_000)))
    # Longer than any change to or from summer time.
    end = begin + timedelta(minutes=draw(st.integers(180, 20_000)))
    return {"from": begin.isoformat(), "to": end.isoformat()}


@st.composite
def _maintenance(draw: st.DrawFn) -> dict[str, Any]:
    zone = draw(st.fixed_dictionaries({}, optional={"timezone": st.sampled_from(_ZONES)}))
    return {**draw(_windows()), **zone, "reason": draw(texts().filter(str.strip))}


@st.composite
def _campaigns(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    expected = st.sampled_from(["6x", "1.5x", "900/s", "0.5/s"])
    more = {
        "description": texts(),
        "timezone": st.sampled_from(_ZONES),
        "expects": st.dictionaries(st.sampled_from(names), expected, max_size=3),
    }
    return {**draw(_windows()), **draw(st.fixed_dictionaries({}, optional=more))}
