"""Overrides of the catalog: each is seen in the rule, and the alert's proof stays true in the real promtool."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pipeline import DAY, SHOP, TEAMS, catalog_of
from scenarios import played

from seawall.catalog import Catalog, Duration
from seawall.generator import Alert, iterate, load_packs, validate, view, write
from seawall.generator.rule_files import SAFE_LOADER, read
from seawall.generator.yaml_out import dump

PACKS: Final = load_packs()
# Services that between them have every alert that a kind's pack can give.
SERVICES: Final = {
    "http": "targets: ['a:1'], capacity: {requests_per_second: 100, concurrent_requests: 50}",
    "http-slo": "targets: ['a:1'], slos: {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms}}",
    "worker": "targets: ['a:1']",
    "worker-slo": "targets: ['a:1'], slos: {availability: {objective: 99}}",
    "celery": "url: 'celery+redis://a:6379'",
    "redis": "url: 'redis://a:6379'",
    "memcached": "url: 'memcached://a:11211'",
    "mysql": "url: 'mysql://a:3306'",
    "kafka": "url: 'kafka://a:9092'",
    "cassandra": "url: 'cassandra://a:9042', targets: ['a:9404']",
    "rabbitmq": "url: 'rabbitmq://a:15692'",
    "http-cache": "url: 'varnish://localhost?log=/var/log/varnish/cache.json'",
    "postgres": "url: 'postgresql://a:5432'",
    "mongodb": "url: 'mongodb://a:27017'",
    "pgbouncer": "url: 'pgbouncer://a:6432'",
    "pool": "part_of: whole, depends_on: [database]",
    "shards": "members: [first, second]",
    "probe": "url: 'https://a'",
    "host": "targets: ['a:1']",
}
# What a part needs around it, and what is made of others.
AROUND: Final = (
    f"{TEAMS}  whole: {{kind: http, team: payments}}\n  database: {{kind: postgres, team: payments}}\n"
    "  first: {kind: redis, team: payments}\n  second: {kind: redis, team: payments}\n"
)
FIRST: Final = AROUND.count("\n") + 1  # the line after it
THRESHOLDS: Final = (0.001, 0.999, 1e9)  # what a ratio, a time and a count may well be, and what they can hardly be
LATER: Final = "more than an hour more"
DURATIONS: Final = ("1s", "1h")


def overridden(folder: Path, overrides: str, *, today: Any = DAY) -> tuple[Catalog, dict[str, Alert]]:
    """Return a catalog with one http service and its alerts, with *overrides*."""
    catalog = catalog_of(folder, SHOP.replace("tier: 2", f"tier: 2\n    alerts: {overrides}"), today=today)
    return catalog, {alert.name: alert for alert in view(catalog, PACKS, "checkout").alerts}


def test_a_threshold_is_in_the_rule_as_it_is_written(tmp_path: Path) -> None:
    """Above for what fires above, below for what fires below, and no float noise."""
    alerts = overridden(tmp_path, "{HttpErrorsHigh: {above: 0.1}, ServiceTrafficStopped: {below: 0.001}}")[1]

    assert re.search(r" > 0\.1( and|$)", alerts["HttpErrorsHigh"].expr)
    assert re.search(r" < 0\.001( and|$)", alerts["ServiceTrafficStopped"].expr)
    assert (0.1, 0.001) == (alerts["HttpErrorsHigh"].threshold, alerts["ServiceTrafficStopped"].threshold)


def test_a_for_is_in_the_rule(tmp_path: Path) -> None:
    """As Prometheus writes durations."""
    catalog, _ = overridden(tmp_path, "{HttpErrorsHigh: {for: 150m}}")
    rules = {each.path: each for each in iterate(catalog, PACKS)}["prometheus/rules/checkout.yml"]
    found = {rule["alert"]: rule for rule in yaml.load(rules.content, Loader=SAFE_LOADER)["groups"][-1]["rules"]}

    assert "2h30m" == found["HttpErrorsHigh"]["for"]


def test_a_severity_is_in_the_labels(tmp_path: Path) -> None:
    """And thereby in the routing."""
    alerts = overridden(tmp_path, "{HttpErrorsHigh: {severity: ticket}, HttpLatencyHigh: {severity: page}}")[1]

    assert "ticket" == alerts["HttpErrorsHigh"].labels["severity"] == alerts["HttpErrorsHigh"].severity
    assert "page" == alerts["HttpLatencyHigh"].labels["severity"]


def test_an_override_holds_on_its_last_day_and_not_on_the_next(tmp_path: Path) -> None:
    """Switched off, or moved: past `until` the alert is as the pack has it."""
    text = "{HttpErrorsHigh: {disabled: a rewrite, until: 2026-12-01}, HttpLatencyHigh: {above: 7, until: 2026-12-01}}"
    on = overridden(tmp_path, text)[1]
    after = overridden(tmp_path, text, today=DAY.replace(day=2))[1]

    assert "HttpErrorsHigh" not in on
    assert "HttpErrorsHigh" in after
    assert (7, 1) == (on["HttpLatencyHigh"].threshold, after["HttpLatencyHigh"].threshold)


def test_what_is_switched_off_leaves_no_rule_no_proof_and_no_runbook(tmp_path: Path) -> None:
    """Nothing that is rendered speaks of it."""
    catalog, _ = overridden(tmp_path, "{HttpErrorsHigh: {disabled: a rewrite}}")
    files = {each.path: each.content for each in iterate(catalog, PACKS)}

    assert "runbooks/checkout/HttpErrorsHigh.md" not in files
    assert [path for path, text in files.items() if path.startswith("prometheus/") and b"HttpErrorsHigh" in text] == []


def test_hours_and_shadow_change_the_routing_and_not_the_rules(tmp_path: Path) -> None:
    """The alert fires at any hour, so that the inbox has it; only the telling is held back."""
    plain = {each.path: each.content for each in iterate(catalog_of(tmp_path), PACKS)}
    hours = {
        each.path: each.content
        for each in iterate(overridden(tmp_path, "{ServiceDown: {only: '08:00-20:00'}}")[0], PACKS)
    }
    shadow = {
        each.path: each.content
        for each in iterate(catalog_of(tmp_path, SHOP.replace("tier: 2", "mode: shadow")), PACKS)
    }
    rules = "prometheus/rules/checkout.yml"

    assert plain[rules] == hours[rules] == shadow[rules]
    assert b"checkout-ServiceDown-off-hours" in hours["alertmanager/alertmanager.yml"]
    assert b'service=~"checkout"' in shadow["alertmanager/alertmanager.yml"]


def bounds(kind: str) -> Iterator[tuple[str, str]]:
    """Yield each alert of *kind* that has a threshold, with the key that moves it."""
    for name in PACKS.alert_names(kind):
        bound = next(
            (each.bound for pack in PACKS.of(kind) for each in pack.alerts if each.name == name and each.bound), ""
        )
        if bound:
            yield name, bound


def accepted(folder: Path, changes: Callable[[str], Mapping[str, str]]) -> tuple[str, list[str]]:
    """Return a catalog with all overrides that are taken, a service each for those that go together, and the refusals."""
    lines, refused = [], []
    for label, base in SERVICES.items():
        kind = label.removesuffix("-slo")
        head, asked = f"{{kind: {kind}, team: payments, {base}, alerts:", changes(kind)
        each = [f"  a{n}: {head} {{{alert}: {change}}}}}\n" for n, (alert, change) in enumerate(asked.items())]
        problems = validate(catalog_of(folder, AROUND + "".join(each)), PACKS)
        refused += [str(problem) for problem in problems]
        told = {problem.position.line for problem in problems}
        assert told <= {*range(FIRST, FIRST + len(asked))}
        taken = [f"{alert}: {change}" for line, (alert, change) in enumerate(asked.items(), FIRST) if line not in told]
        lines.append(f"  {label}: {head} {{{', '.join(taken)}}}}}\n")
    return AROUND + "".join(lines), refused


def written(folder: Path, text: str) -> None:
    """Render a catalog, without those proofs that ask of no alert with an override, as the stack's: other tests play these."""
    catalog = catalog_of(folder, text)
    write(iterate(catalog, PACKS), folder / "out")
    for file in (folder / "out/prometheus/tests").iterdir():
        service = catalog.services.get(file.name.partition(".")[0])
        content = read(file)
        content["tests"] = [each for each in content["tests"] if service and asks(each, service.alerts)]
        file.write_bytes(dump(content)) if content["tests"] else file.unlink()


def asks(test: Mapping[str, Any], names: Container[str]) -> bool:
    """Whether *test* asks of one of these alerts, or of any that fires."""
    asked = [re.search(r'alertname="(\w+)"', each["expr"]) for each in test["promql_expr_test"]]
    return any(name is None or name[1] in names for name in asked)


def failures(folder: Path, text: str, tool: str) -> dict[str, str]:
    """Return what promtool says of the proofs that fail."""
    written(folder, text)
    return {name: told for name, told in proven(folder, "*.yml", tool).items() if told}


def proven(folder: Path, pattern: str, tool: str) -> dict[str, str]:
    """Return what promtool says of each of the rendered files of proofs that *pattern* names, nothing where all hold."""
    files = sorted((folder / "out/prometheus/tests").glob(pattern))
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda file: played(tool, file, folder), files)
    return {file.name: told for file, told in zip(files, done, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_is_refused_or_its_proof_holds(
    threshold: float, tmp_path: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Every alert of every kind: a number with which it could never fire, or never rest, is an error with its place."""
    text, refused = accepted(tmp_path, lambda kind: {name: f"{{{key}: {threshold:f}}}" for name, key in bounds(kind)})

    assert [said for said in refused if not re.match(r".*catalog\.yaml:\d+:\d+: .* write ", said)] == []
    assert {} == failures(tmp_path, text, tools["installed"]("promtool"))


@pytest.mark.slow
@pytest.mark.parametrize("duration", DURATIONS)
def test_a_for_is_refused_or_its_proof_holds(
    duration: str, tmp_path: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Every alert of every kind, those without a threshold too."""
    text, refused = accepted(tmp_path, lambda kind: dict.fromkeys(PACKS.alert_names(kind), f"{{for: {duration}}}"))

    assert [said for said in refused if "write a shorter for" not in said] == []
    assert {} == failures(tmp_path, text, tools["installed"]("promtool"))


def test_a_for_of_days_is_refused(tmp_path: Path) -> None:
    """Nobody waits two days to be told, and a proof plays every minute of it."""
    catalog = catalog_of(tmp_path, SHOP.replace("tier: 2", "tier: 2\n    alerts: {ServiceDown: {for: 2d}}"))

    assert ["it waits for 2d, and that is more than a day; write a shorter for" in str(each) for each in validate(catalog, PACKS)] == [True]  # fmt: skip


def keeps(rules: Mapping[str, Any], others: Mapping[str, Any]) -> set[str]:
    """Give each alert of *rules* the expression and the `for` that it has in *others*; return those that differ."""
    pairs = [(one, two) for group, other in zip(rules["groups"], others["groups"], strict=True) for one, two in zip(group["rules"], other["rules"], strict=True)]  # fmt: skip
    found = {one["alert"] for one, two in pairs if one.get("alert") and (one["expr"], one.get("for")) != (two["expr"], two.get("for"))}  # fmt: skip
    for one, two in pairs:
        one |= {key: two[key] for key in ("expr", "for") if key in two}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("change", ["0.6 times the threshold", "1.4 times the threshold", LATER])
def test_a_proof_notices_a_rule_that_is_not_overridden(
    change: str, tmp_path: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Every alert of every kind: where its rule stays as the pack has it, the proof of the override fails."""

    def changes(kind: str) -> dict[str, str]:
        if change == LATER:
            waits = {each.name: each.for_.seconds + 4200 for pack in PACKS.of(kind) for each in pack.alerts}
            return {
                name: f"{{for: {Duration(waits[name])}}}"
                for name in waits
                if "Slo" not in name and "Traffic" not in name
            }
        own = {each.name: float(each.threshold.source) for pack in PACKS.of(kind) for each in pack.alerts if each.bound}
        return {name: f"{{{key}: {own[name] * float(change[:3]) or 10:.9g}}}" for name, key in bounds(kind)}

    text, _ = accepted(tmp_path, changes)
    written(tmp_path, text)
    plain = AROUND + "".join(f"  {label}: {{kind: {label.removesuffix('-slo')}, team: payments, {base}}}\n" for label, base in SERVICES.items())  # fmt: skip
    own = {each.path: each.content for each in iterate(catalog_of(tmp_path, plain), PACKS)}
    unnoticed = {}
    for file in (tmp_path / "out/prometheus/rules").glob("[!_]*.yml"):
        rules = read(file)
        moved = keeps(rules, yaml.load(own[f"prometheus/rules/{file.name}"], Loader=SAFE_LOADER))
        file.write_bytes(dump(rules))
        said = "".join(proven(tmp_path, f"{file.stem}.*yml", tools["installed"]("promtool")).values())
        unnoticed[file.stem] = [name for name in sorted(moved) if f'alertname=\\"{name}\\"' not in said]

    assert {name: [] for name in unnoticed} == unnoticed
