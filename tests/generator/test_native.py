"""Native histograms: what is proven of them, counted in them, and said where promtool cannot read them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from pipeline import TEAMS, put, run
from scenarios import check, packs, rendered, verdict

from seawall.generator import PackError, fixtures, load_packs

Tools = Mapping[str, Callable[[str], str]]
RECORDING: Final = Path(__file__).parent / "dialects/otel-native.prom"
SLOS: Final = {
    "http": """
      availability: {objective: 99}
      latency: {objective: 95, under: 250ms}
      slow: {sli: latency, objective: 95, under: 1500ms, by: [http_route], routes: ["/"]}""",
    "worker": """
      availability: {objective: 99}
      latency: {objective: 95, under: 250ms}
      slow: {sli: latency, objective: 95, under: 2m, by: [messaging_destination_name]}""",
}
GROUPS: Final = {"http": 'http_route="/",', "worker": 'messaging_destination_name="jobs",'}
THRESHOLDS: Final = (0.25, 1.5, 120.0)
METRIC: Final = "http_server_request_duration_seconds"
HOUSE: Final = """\
title: House
kinds:
  http:
    events: house_seconds
    native: true
    bad: ['code=~"5.."']
    example: {good: {code: "200"}, bad: {code: "500"}}
"""


def catalog_of(kind: str = "http", **dialects: str) -> str:
    """Return a catalog of services of one kind, by name, each with its dialect."""
    services = "".join(
        f'  {name}:\n    kind: {kind}\n    team: payments\n    tier: 2\n    dialect: {dialect}\n    targets: ["{name}:80"]\n'
        f"    slos:{SLOS[kind]}\n"
        for name, dialect in dialects.items()
    )
    return TEAMS + services


def traffic(kind: str, spec: Any, minutes: int, **dialects: str) -> list[dict[str, str]]:
    """Return what services with these dialects write for the same traffic."""
    return [
        {"series": series, "values": fixtures.values(values, minutes * 60)}
        for name, dialect in dialects.items()
        for series, values in fixtures.traffic_series(
            packs().dialects[kind, dialect], {"job": name}, spec, THRESHOLDS
        ).items()
    ]


def answer(tools: Tools, folder: Path, series: Sequence[Mapping[str, str]], checks: Sequence[Any], text: str) -> str:
    """Return what a promtool that reads native histograms says of the rules of a catalog."""
    test = {"interval": "1m", "input_series": list(series), "promql_expr_test": list(checks)}
    return verdict(tools["newer"]("promtool"), rendered(text, folder), [test])


def test_all_proofs_of_services_with_native_histograms_hold(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of availability, of two thresholds, of a group and of a route; of HTTP and, without SLOs, of a worker."""
    monkeypatch.setenv("PATH", str(Path(tools["newer"]("promtool")).parent))
    path = tmp_path / "catalog.yaml"
    worker = "  jobs: {kind: worker, team: payments, tier: 2, dialect: otel-native, targets: ['jobs:80'], slos: {}}\n"
    path.write_text(catalog_of(shop="otel-native") + worker)
    result = run("check", path, "--require-tools")

    assert (0, "") == (result.exit_code, "".join(re.findall("error: .*", result.stderr)))
    assert "all proofs hold" in result.stdout


@pytest.mark.parametrize("kind", SLOS)
def test_native_histograms_are_judged_as_classic_ones_of_the_same_traffic(
    kind: str, tools: Tools, tmp_path: Path
) -> None:
    """Events a minute, all and bad ones, and what is left of the budget: of ninety 10 fail and 20 more are slow."""
    dialects = {"classic": "otel", "native": "otel-native"}
    spec = {"good": "60", "slow": "20", "bad": "10"}
    bad, group = {"availability": 10, "latency": 30, "slow": 30}, {"slow": GROUPS[kind]}

    def expected(values: Mapping[str, float]) -> list[tuple[str, float]]:
        return [
            (f'{{{group.get(slo, "")}job="{job}",slo="{slo}"}}', value)
            for job in dialects
            for slo, value in values.items()
        ]

    checks = [
        check(f"round({expr}, 0.000001)", "2h", *expected(values))
        for expr, values in {
            "60 * slo:total:rate5m": dict.fromkeys(bad, 90),
            "60 * slo:bad:rate5m": bad,
            "60 * slo:bad:rate1h": bad,
            "60 * slo:good:rate30m": {slo: 90 - many for slo, many in bad.items()},
        }.items()
    ]
    left, differ = 'last_over_time(slo:budget_remaining:ratio{job="%s"}[15m])', " - ignoring (job) "
    alike = [(f'{{{group.get(slo, "")}slo="{slo}"}}', 0) for slo in bad]
    checks += [
        check(f"round({differ.join(left % job for job in dialects)}, 0.000001)", "2h", *alike),
        check(f"count({left % 'native'} < 1)", "2h", ("{}", len(bad))),
    ]
    text = catalog_of(kind, **dialects)
    assert "" == answer(tools, tmp_path, traffic(kind, spec, 120, **dialects), checks, text)


def test_telemetry_that_is_gone_is_told(tools: Tools, tmp_path: Path) -> None:
    """For each SLO, ten minutes after the last histogram; none is told while they come."""
    spec = [{"for": "30m", "good": "60"}, {"gone": "yes"}]
    expr = 'count by (slo) (ALERTS{alertname="SloTelemetryAbsent",alertstate="firing"})'
    gone = [(f'{{slo="{slo}"}}', 1) for slo in ("availability", "latency", "slow")]
    checks = [check(expr, "30m"), check(expr, "50m", *gone)]

    series = traffic("http", spec, 60, shop="otel-native")
    assert "" == answer(tools, tmp_path, series, checks, catalog_of(shop="otel-native"))


def test_what_is_near_zero_is_quick(tools: Tools, tmp_path: Path) -> None:
    """All events are in the zero bucket, which has a side below zero too."""
    near = "{{schema:0 z_bucket:60 z_bucket_w:0.001 count:60}}"
    labels = 'job="shop",http_route="/",http_response_status_code="200"'
    series = [{"series": f"{METRIC}{{{labels}}}", "values": f"{{{{schema:0}}}}+{near}x20"}]
    checks = [check('slo:bad:rate5m{slo="latency"}', "10m", ('slo:bad:rate5m{job="shop",slo="latency"}', 0))]

    assert "" == answer(tools, tmp_path, series, checks, catalog_of(shop="otel-native"))


def test_where_every_event_fails_or_is_slow_not_one_is_good(tools: Tools, tmp_path: Path) -> None:
    """Not even a rounding error of one, for SloAllEventsFailing asks for exactly none."""
    events = [(11, 9), (13, 5), (21, 15), (23, 9), (29, 11)]  # whose shares, times their sum, are not what they were of
    series = [
        {
            "series": f'{METRIC}{{job="shop",http_route="/{failed}-{slow}",http_response_status_code="{code}"}}',
            "values": f"{{{{schema:0}}}}+{{{{schema:0 count:{many} offset:{bucket} buckets:[{many}]}}}}x10",
        }
        for failed, slow in events
        for code, bucket, many in ((500, -9, failed), (200, 5, slow))
    ]
    checks = [check('count(slo:good:rate5m{slo="slow"} == 0)', "10m", ("{}", len(events)))]
    text = catalog_of(shop="otel-native").replace(', routes: ["/"]', "")

    assert "" == answer(tools, tmp_path, series, checks, text)


def recorded() -> Iterator[dict[str, str]]:
    """Yield the recorded histograms: each grows in every minute by what was recorded."""
    for line in RECORDING.read_text().splitlines():
        found = re.fullmatch(rf"{METRIC}{{(?P<labels>.*)}} (?P<value>{{{{schema:(?P<schema>\d).*}}}})", line)
        if found:
            values = f"{{{{schema:{found['schema']}}}}}+{found['value']}x10"
            yield {"series": f'{METRIC}{{{found["labels"]},job="shop"}}', "values": values}


def test_the_rules_count_the_requests_that_a_go_program_served(tools: Tools, tmp_path: Path) -> None:
    """40 /pay, 5 /slow, 4 /fails, 3 /limited, 3 /items and 2 /nowhere; no check of health, nor who left; a panic is in no
    histogram of it. They are of several resolutions, and /slow took 0.4 s."""  # fmt: skip
    known = {"availability": (57, 4), "latency": (57, 5 + 4)}
    checks = [
        check(f'round(60 * slo:{what}:rate5m{{slo="{slo}"}}, 0.001)', "10m", (f'{{job="shop",slo="{slo}"}}', value))
        for slo, (total, bad) in known.items()
        for what, value in (("total", total), ("bad", bad), ("good", total - bad))
    ]
    assert "" == answer(tools, tmp_path, list(recorded()), checks, catalog_of(shop="otel-native"))


def test_the_dialect_names_labels_that_the_go_program_writes() -> None:
    """The route, the method and the status; and those of the classic dialect, which differs in its histogram alone."""
    native, classic = (packs().dialects["http", name] for name in ("otel-native", "otel"))
    assert native.events is not None
    assert classic.events is not None
    written = set(re.findall(r"(\w+)=", RECORDING.read_text()))

    assert set(native.labels.values()) <= written
    assert (classic.labels, classic.example, classic.active) == (native.labels, native.example, native.active)
    assert (classic.events.ignore, classic.events.counted) == (native.events.ignore, native.events.counted)
    assert (classic.events.bad, METRIC) == (native.events.bad, native.events.metric)


def test_a_histogram_that_does_not_tell_failures_has_them_among_its_slow_events(tmp_path: Path) -> None:
    """The fixture adds the classes up in its one series: 60 in the quick bucket, 10 and 20 in the slow one."""
    own = "    latency: {events: house_timed, without: [code], counted: [''], bad: []}\n    bad:"
    put(
        tmp_path,
        {
            "alerts/dialects/house.yaml": HOUSE.replace("    bad:", own, 1).replace(
                "{good", '{slow: {code: "201"}, good'
            )
        },
    )
    dialect = load_packs(tmp_path).dialects["http", "house"]
    spec = [{"for": "2m", "good": "60", "slow": "20", "bad": "10"}, {"gone": "yes"}]
    found = {
        series: fixtures.values(values, 180)
        for series, values in fixtures.traffic_series(dialect, {"job": "shop"}, spec, [0.1, 1.0]).items()
    }
    start, growth = (
        f"{{{{schema:-4 count:{sum(two)} offset:-1 buckets:[{two[0]} 0 0 {two[1]}]}}}}" for two in ((0, 0), (60, 30))
    )

    assert {"house_timed", "house_seconds"} == {series.partition("{")[0] for series in found}
    assert f"{start}+{growth}x1 _x2" == found['house_timed{job="shop"}']


@pytest.mark.parametrize(("options", "code", "severity"), [((), 0, "warning"), (("--require-tools",), 1, "error")])
def test_a_promtool_that_is_too_old_for_native_histograms_is_told(
    options: Sequence[str], code: int, severity: str, tmp_path: Path
) -> None:
    """Which files it cannot read, what it is and what is needed; the proofs of the other services run."""
    path = tmp_path / "catalog.yaml"
    own = "{kind: http, team: payments, tier: 2, dialect: otel-native, targets: ['shop:80'], slos: {}}"
    path.write_text(f"{TEAMS}  shop: {own}\n  other: {own.replace('otel-native', 'otel')}\n")
    result = run("check", path, *options)

    said = (
        r"%s: promtool test rules of native histograms: promtool 2\.\d+\.\d+ cannot read them, so 2 files of proofs went "
        r"unread: shop\.8h\.yml, shop\.yml; put promtool 3\.4 or newer on PATH"
    )
    assert re.search(said % severity, result.stderr), result.output
    assert code == result.exit_code
    assert ("all proofs that were run hold" in result.stdout) == (code == 0)
    assert "FAILED" not in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("native: true", "native: yes", "house.yaml:5:13: native is 'yes'; write true or false"),
        (
            "    bad:",
            "    buckets: house_seconds_bucket\n    bad:",
            "a native histogram has no buckets to name; remove",
        ),
        ("    bad:", "    bounds: [0.1]\n    bad:", "a native histogram has no bounds to name; remove bounds"),
    ],
)
def test_a_dialect_that_contradicts_itself_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    """What is no truth value, and what only a classic histogram has."""
    put(tmp_path, {"alerts/dialects/house.yaml": HOUSE.replace(old, new, 1)})
    with pytest.raises(PackError, match=re.escape(said)):
        load_packs(tmp_path)


def test_a_threshold_may_be_any_whatever_the_service_says_of_its_buckets(tmp_path: Path) -> None:
    """A native histogram has no bounds that one would have to be."""
    text = catalog_of(shop="otel-native").replace("    slos:", "    buckets: [100ms]\n    slos:")
    rules = (rendered(text, tmp_path) / "prometheus/rules/_shared-http.otel-native.latency.0.25s.yml").read_text()

    assert "histogram_fraction(-Inf, 0.25, " in rules
    assert "_bucket" not in rules
