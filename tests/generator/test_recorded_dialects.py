"""Dialects on what the software really wrote for a known number of requests: tests/generator/dialects/*.prom."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from scenarios import check, packs, rendered, verdict

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
}


@pytest.mark.parametrize("dialect", KNOWN)
def test_the_rules_count_the_requests_that_the_software_served(
    dialect: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """All of them, the failed and the slow ones, and neither a health check nor one whose client left."""
    known = KNOWN[dialect]
    text = f"""\
seawall: 1
teams: {{payments: {{}}}}
services:
  shop:
    kind: http
    team: payments
    dialect: {dialect}
    targets: ["shop:80"]
    {f"buckets: [{', '.join(known.buckets)}]" if known.buckets else ""}
    slos: {{availability: {{objective: 99}}, latency: {{objective: 95, under: {known.under}}}}}
"""
    events = {"availability": (known.total, known.bad), "latency": (known.timed, known.slow)}
    checks = [
        check(f'round(60 * slo:{what}:rate5m{{slo="{slo}"}}, 0.001)', "10m", (f'{{job="shop",slo="{slo}"}}', value))
        for slo, (total, bad) in events.items()
        for what, value in (("total", total), ("bad", bad), ("good", total - bad))
    ]

    test = {"interval": "1m", "input_series": list(_series(dialect)), "promql_expr_test": checks}
    assert "" == verdict(tools["installed"]("promtool"), rendered(text, tmp_path), [test])


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
    assert found.timed is not None
    lines = [each for each in (RECORDINGS / f"{dialect}.prom").read_text().splitlines() if not each.startswith("#")]
    counted = [each for each in lines if each.startswith(f"{found.events.metric}{{")]
    names = {each.partition("{")[0].partition(" ")[0] for each in lines}

    assert {found.events.metric, found.timed.metric, found.buckets, *filter(None, [found.active])} <= names
    assert set(found.labels.values()) <= {label for each in counted for label in re.findall(r"(\w+)=", each)}
    if found.throttled:
        assert 3 == sum(float(each.rpartition(" ")[2]) for each in counted if found.throttled in each)


def _series(dialect: str) -> Iterator[dict[str, Any]]:
    """Each recorded counter grows by what was recorded in every minute."""
    for line in (RECORDINGS / f"{dialect}.prom").read_text().splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            inside = f'{labels.removesuffix("}")},job="shop"'.removeprefix(",")
            yield {"series": f"{name}{{{inside}}}", "values": f"0+{value}x10"}
