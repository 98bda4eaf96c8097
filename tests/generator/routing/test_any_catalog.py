"""Any catalog at all: Alertmanager takes its configuration, and every alert finds its way."""

import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.catalog import Catalog
from seawall.generator.routing import alertmanager_config

Read = Callable[..., Catalog]
Told = Callable[[Mapping[str, Any], Mapping[str, str], datetime | None], list[str]]
INBOX = "seawall-portal"
NOBODY = "seawall-inbox-only"

names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
hooks = st.fixed_dictionaries(
    {},
    optional={
        "webhook": st.just({"url": "http://hooks.test/"}),
        "slack": st.just({"api_url_file": "/s", "text": "{{ .Status }} by hand"}),
        "pagerduty": st.just({"routing_key_file": "/s"}),
        "email": st.just({"to": "a@hooks.test", "from": "s@hooks.test", "smarthost": "hooks.test:25"}),
        "opsgenie": st.just({"api_key_file": "/s"}),
        "victorops": st.just({"api_key_file": "/s", "routing_key": "all"}),
    },
)
hours = st.sampled_from(["Mon-Fri 08:00-20:00", "Sat-Tue 22:00-06:00 Asia/Tokyo", "00:00-24:00", "Sun 00:00-00:01"])
teams = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {"notify": st.fixed_dictionaries({"page": hooks, "ticket": hooks})},
        optional={"hours": hours, "timezone": st.sampled_from(["Europe/Berlin", "Pacific/Apia"])},
    ),
    min_size=1,
    max_size=4,
)
window = st.tuples(st.datetimes(datetime(2026, 11, 1), datetime(2027, 12, 1)), st.integers(1, 100_000)).map(
    lambda pair: {
        "from": pair[0].isoformat(timespec="seconds"),
        "to": (pair[0] + timedelta(minutes=pair[1])).isoformat(timespec="seconds"),
        "reason": '{{ "x" }}',
    }
)


@st.composite
def catalogs(draw: st.DrawFn) -> dict[str, Any]:
    """A catalog with anything that routing looks at."""
    drawn = draw(teams)
    service_names = sorted(draw(st.sets(names, min_size=1, max_size=6)))
    services = {}
    for name in service_names:
        others = [other for other in service_names if other != name]
        services[name] = {
            "kind": "http",
            "team": draw(st.sampled_from(sorted(drawn))),
            "tier": draw(st.integers(1, 3)),
            "mode": draw(st.sampled_from(["live", "live", "shadow"])),
            "depends_on": {other: {"inhibits": draw(st.booleans())} for other in others if draw(st.booleans())},
            "alerts": {"ServiceDown": {"only": draw(hours)}} if draw(st.booleans()) else {},
            "maintenance": draw(st.lists(window, max_size=2)),
        }
    return {"seawall": 1, "notify": {"watchdog": draw(hooks)}, "teams": drawn, "services": services}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=catalogs())
def test_amtool_accepts_the_configuration_of_any_catalog(
    raw: dict[str, Any], tool: Callable[[str], str], read: Read, written: Callable[[Mapping[str, Any]], str]
) -> None:
    """Whatever teams, hours, windows, edges and receivers it declares."""
    config = written(alertmanager_config(read(yaml.safe_dump(raw))))
    ran = subprocess.run([tool("amtool"), "check-config", config], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=catalogs(), offset=st.integers(0, 400 * 1440))
def test_an_alert_reaches_the_inbox_and_at_most_one_receiver_of_its_team_at_any_time(
    raw: dict[str, Any], offset: int, read: Read, told: Told
) -> None:
    """Never another team's, never both of its own."""
    config = alertmanager_config(read(yaml.safe_dump(raw)))
    for name, service in raw["services"].items():
        labels = {"alertname": "ServiceDown", "service": name, "team": service["team"], "severity": "page"}
        labels |= {"tier": str(service["tier"]), "class": "symptom", "kind": "http"}
        inbox, *others = told(config, labels, datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=offset))
        own = {f"{service['team']}-page", f"{service['team']}-ticket", NOBODY}
        assert (inbox, len(others) <= 1, set(others) <= own) == (INBOX, True, True)
