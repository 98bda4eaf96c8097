"""Dialects on what the software really wrote for a known number of requests: tests/generator/dialects/*.prom."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from scenarios import check, packs, rendered, verdict

from seawall.generator.naming import PLAIN

RECORDINGS: Final = Path(__file__).parent / "dialects"


@dataclass(frozen=True)
class Known:
    """What a recorded service has served: requests and failed ones; those timed, and those slow or failed.

    *under* is the threshold of latency, *buckets* the bound that the service has beside the dialect's own. No health check
    is among the numbers.
    """

    total: int
    bad: int
    timed: int
    slow: int
    under: str = "250ms"
    buckets: tuple[str, ...] = ()
    left: int = 0  # requests whose client went away, where a proxy counts them as any others
    told: int = 1  # how often each request is told


# 40 /pay, 5 /slow, 4 /fails, 2 /crashes, 3 /limited, 3 /items and 2 /nowhere; 2 /left, answered 499, are not counted. Where
# the histogram has no status, these are timed, and a failed request that was quick is a quick one.
KNOWN: Final = {
    "otel-milliseconds": Known(59, 6, 59, 5 + 6),
    "fastapi-instrumentator": Known(61, 6, 61, 5, under="100ms"),  # which calls 499 4xx
    "starlette-exporter": Known(57, 6, 57, 5 + 6),  # which leaves out /nowhere
    "flask-exporter": Known(59, 6, 59, 5 + 6),
    "django-prometheus": Known(59, 6, 63, 5),  # which times each of /crashes twice
    "micrometer": Known(54, 4, 54, 5 + 4, under="300ms", buckets=("300ms",)),
    # 40 Pay, 5 Slow, 4 Fails, 3 Down, 2 Missing, 3 Limited, 2 Plain, 1 Late and 3 Watch; 2 Gone are not counted.
    "grpc": Known(63, 10, 62, 5),  # which cannot leave out Gone, and tells Watch, a stream, from the others
    "grpc-otel": Known(63, 10, 63, 5 + 10),
    "grpc-otel-milliseconds": Known(63, 10, 63, 5 + 10),
    # Proxies, for their service shop: 40 /pay, 5 /slow, 4 /fails, 3 /limited, 2 /nowhere and 6 /healthz, which they hold for
    # a request as any other; for their service down: 3; for left: 2 whose client went away.
    "envoy": Known(60, 4, 60, 5),
    "istio": Known(60, 4, 60, 5 + 4, told=2),
    "traefik": Known(60, 4, 60, 5 + 4, under="300ms"),
    "ingress-nginx": Known(60, 4, 60, 5 + 4),
    "haproxy": Known(60, 4, 0, 0, left=2),
    "kong": Known(60, 4, 60, 5),
}
PROXIES: Final = [each for each in KNOWN if packs().dialects["http", each].service != PLAIN]


@pytest.mark.parametrize("dialect", KNOWN)
def test_the_rules_count_the_requests_that_the_software_served(
    dialect: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """All of them, the failed and the slow ones, and neither a health check nor one whose client left."""
    known = KNOWN[dialect]
    events = {"availability": (known.total, known.bad), "latency": (known.timed, known.slow)}
    if not known.timed:
        del events["latency"]
    checks = [
        check(f'round(60 * slo:{what}:rate5m{{slo="{slo}"}}, 0.001)', "10m", (f'{{job="shop",slo="{slo}"}}', value))
        for slo, (total, bad) in events.items()
        for what, value in (("total", total), ("bad", bad), ("good", total - bad))
    ]

    test = {"interval": "1m", "input_series": list(_series(dialect)), "promql_expr_test": checks}
    assert "" == verdict(tools["installed"]("promtool"), rendered(_catalog(dialect, "shop"), tmp_path), [test])


@pytest.mark.parametrize("dialect", PROXIES)
def test_the_services_behind_a_proxy_are_told_apart(
    dialect: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """What it answers itself where one is down is that one's failure, and a client that left is nobody's."""
    known = KNOWN[dialect]
    events = {"shop": (known.total, known.bad), "down": (3, 3)} | ({"left": (known.left, 0)} if known.left else {})
    checks = [
        check(f'round(60 * slo:{what}:rate5m{{slo="availability"}}, 0.001)', "10m", *values)
        for what, values in {
            "total": [(f'{{job="{name}",slo="availability"}}', total) for name, (total, _) in events.items()],
            "bad": [(f'{{job="{name}",slo="availability"}}', bad) for name, (_, bad) in events.items()],
        }.items()
    ]

    test = {"interval": "1m", "input_series": list(_series(dialect)), "promql_expr_test": checks}
    folder = rendered(_catalog(dialect, "shop", "down", "left"), tmp_path)
    assert "" == verdict(tools["installed"]("promtool"), folder, [test])


def test_a_probe_is_as_bad_as_the_share_of_its_targets_that_fail_or_are_slow(
    tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """Of six targets two answer as they should, one of them slowly; one that fails at once is not quick."""
    checks = [
        check(f'round(6 * seawall:slo_badness:ratio{{slo="{slo}"}}, 0.001)', "5m", (f'{{job="shop",slo="{slo}"}}', bad))
        for slo, bad in {"availability": 4, "latency": 5}.items()
    ]

    test = {"interval": "1m", "input_series": list(_series("blackbox", growing=False)), "promql_expr_test": checks}
    assert "" == verdict(tools["installed"]("promtool"), rendered(_catalog("blackbox", "shop"), tmp_path), [test])


@pytest.mark.parametrize("dialect", [each for each in KNOWN if packs().dialects["http", each].bounds])
def test_the_bounds_of_a_dialect_are_those_that_the_software_has(dialect: str) -> None:
    """No more and no less; the one that the recorded service chose is not the software's own."""
    found = packs().dialects["http", dialect]
    text = (RECORDINGS / f"{dialect}.prom").read_text()
    recorded = {float(le) for le in re.findall(rf'^{found.buckets}{{.*\ble="([^"+]+)"', text, re.MULTILINE)}
    chosen = {int(each.removesuffix("ms")) / 1000 / found.seconds_per_unit for each in KNOWN[dialect].buckets}

    assert sorted(recorded - chosen) == list(found.bounds)


@pytest.mark.parametrize("dialect", KNOWN)
def test_a_dialect_names_metrics_and_labels_that_the_software_writes(dialect: str) -> None:
    """Also those that the rules of SLOs do not read: the gauge of open requests, the labels, and what was throttled."""
    found = packs().dialects["http", dialect]
    assert found.events is not None
    lines = [each for each in (RECORDINGS / f"{dialect}.prom").read_text().splitlines() if not each.startswith("#")]
    counted = [each for each in lines if each.startswith(f"{found.events.metric}{{")]
    names = {each.partition("{")[0].partition(" ")[0] for each in lines}

    assert {
        found.events.metric,
        *filter(None, [found.timed and found.timed.metric, found.buckets, found.active]),
    } <= names
    assert set(found.labels.values()) <= {label for each in counted for label in re.findall(r"(\w+)=", each)}
    if found.throttled:
        assert 3 * KNOWN[dialect].told == sum(
            float(each.rpartition(" ")[2]) for each in counted if found.throttled in each
        )


def _catalog(dialect: str, *names: str) -> str:
    known = KNOWN.get(dialect, Known(0, 0, 1, 0))
    latency = f", latency: {{objective: 95, under: {known.under}}}" if known.timed else ""
    buckets = f"buckets: [{', '.join(known.buckets)}]" if known.buckets else ""
    services = "".join(
        f"""\
  {name}:
    kind: http
    team: payments
    dialect: {dialect}
    targets: ["{name}:80"]
    {buckets}
    slos: {{availability: {{objective: 99}}{latency}}}
"""
        for name in names
    )
    return f"seawall: 1\nteams: {{payments: {{}}}}\nservices:\n{services}"


def _series(dialect: str, *, growing: bool = True) -> Iterator[dict[str, Any]]:
    """Each recorded counter grows by what was recorded in every minute; a probe's gauge stays. A proxy has its own job."""
    job = "proxy" if dialect in PROXIES else "shop"
    for line in (RECORDINGS / f"{dialect}.prom").read_text().splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            own = [labels.removesuffix("}").replace(',job="blackbox"', "")]
            inside = ",".join([*filter(None, own), f'job="{job}"'])
            yield {"series": f"{name}{{{inside}}}", "values": f"0+{value}x10" if growing else f"{value}x10"}
