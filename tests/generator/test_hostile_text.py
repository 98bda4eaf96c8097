"""Hostile text in every free field of a catalog is inert in whatever is rendered, and still says what it said."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from scenarios import counter, loaded, packs, played, rendered, requests, said, verdict
from strategies import HOSTILE, as_yaml, texts

from seawall.catalog import Catalog
from seawall.generator import render, view
from seawall.generator.rule_files import read
from seawall.generator.text import promql_string

TAME = "word"
BRACES = ("{}}", "{{{", "a{", "}", "{{- .x -}}", "{{/* */}}", '{{ range query "up" }}{{ end }}', "$labels.job", "{{`")
EVERYTHING = " ".join((*HOSTILE, *BRACES))
WORST = tuple(dict.fromkeys((*HOSTILE, *BRACES, EVERYTHING)))
few = settings(max_examples=1, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.fixture(params=["installed", "newer"])
def tool(request: pytest.FixtureRequest, tools: Mapping[str, Callable[[str], str]]) -> Callable[[str], str]:
    """Return where a tool is, of the installed versions and of the newer ones."""
    return tools[request.param]


def catalog(text: str, others: Sequence[str] = ()) -> dict[str, Any]:
    """Return a catalog with *text* in each of its free fields; each of *others* is in a service of its own."""
    window = {"from": "2026-11-27T00:00:00", "to": "2026-11-28T00:00:00"}
    teams = {"a": {"description": text, "escalation": text}}
    shop = _service(text) | {
        "depends_on": ["queue"],
        "maintenance": [{**window, "reason": text if text.strip() else "none"}],
    }
    queue = {"kind": "worker", "team": "a", "description": text, "match": {"environment": text}}
    more = {f"service-{n}": _lone(other) for n, other in enumerate(others)}
    campaigns = {"wave": {**window, "description": text, "expects": {"shop": "6x"}}}
    return {"seawall": 1, "teams": teams, "services": {"shop": shop, "queue": queue, **more}, "campaigns": campaigns}


def _service(text: str) -> dict[str, Any]:
    literal = "".join(f"\\{letter}" if letter.isascii() and not letter.isalnum() else letter for letter in text)
    return {
        "kind": "http",
        "team": "a",
        "description": text,
        "match": {"environment": text},
        "capacity": {"requests_per_second": 10, "evidence": text},
        "slos": {
            "pay": {"sli": "availability", "objective": 99, "routes": ["/pay", f"/{text.replace('*', '')}"]},
            "rest": {
                "sli": "availability",
                "objective": 99,
                "exclude": {"client": literal},
                "bad": {"tenant": literal},
            },
        },
        "alerts": {
            "HttpCapacityNearLimit": {"above": 0.5, "for": "0s", "reason": text},
            "ServiceTrafficFallen": {"disabled": text if text.strip() else "none", "until": "2030-01-01"},
        },
        "runbook": {"notes": text, "mitigations": [{"when": text, "do": text}], "links": {text: "https://a.example/b"}},
    }


def _lone(text: str) -> dict[str, Any]:
    """Return a service that has one alert."""
    off = {name: {"disabled": text} for name in packs().alert_names("http") if name != "HttpCapacityNearLimit"}
    service = {key: value for key, value in _service(text).items() if key != "slos"}
    return {**service, "alerts": {**off, "HttpCapacityNearLimit": {"above": 0.5, "for": "0s", "reason": text}}}


def of(raw: Mapping[str, Any], folder: Path) -> tuple[Catalog, dict[str, str]]:
    """Return the catalog that *raw* says, and what it renders to by path."""
    found = loaded(as_yaml(raw), folder)
    return found, {each.path: each.content.decode() for each in render(found, packs())}


def alert(job: str, text: str, query: str) -> dict[str, Any]:
    """Return the alert of *job* as Prometheus is to send it."""
    labels = {"service": job, "team": "a", "tier": "2", "severity": "ticket", "class": "cause", "kind": "http"}
    annotations = {
        "summary": f"{job} carries 120% of the requests that it is known to carry",
        "description": f"Its declared capacity is 10 requests a second ({text}).",
        "runbook_url": f"http://localhost:8800/runbooks/{job}/HttpCapacityNearLimit",
        "dashboard_url": f"http://localhost:8800/services/{job}#traffic",
        "query": query,
        "likely_cause": "no dependency is declared",
    }
    return {"exp_labels": {"job": job, **labels}, "exp_annotations": annotations}


@few
@given(drawn=st.lists(texts().filter(str.strip), min_size=20, max_size=20))
@example(drawn=list(WORST))
def test_prometheus_expands_an_annotation_to_exactly_the_text(
    drawn: list[str], tool: Callable[[str], str], tmp_path: Path
) -> None:
    """The description and the query of a firing alert, as they would be sent."""
    raw = catalog(TAME, drawn)
    folder = rendered(as_yaml(raw), tmp_path)
    found = loaded(as_yaml(raw), tmp_path)
    expected, series = [], []
    for n, text in enumerate(drawn):
        job = f"service-{n}"
        [own] = [each for each in view(found, packs(), job).alerts if each.name == "HttpCapacityNearLimit"]
        expected.append(alert(job, text, own.query))
        assert f'environment="{promql_string(text)}"' in own.query
        series += requests(job, "200", counter((12, 720)), environment=promql_string(text))[:1]
    test = {"interval": "1m", "input_series": series}
    rule = {"alertname": "HttpCapacityNearLimit", "eval_time": "10m", "exp_alerts": expected}
    assert "" == verdict(tool("promtool"), folder, [{**test, "alert_rule_test": [rule]}])


@few
@given(text=texts())
@example(text=EVERYTHING)
def test_the_tools_accept_what_it_renders_to(text: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    """Rules, both configurations, and the proofs of filtered SLOs whose routes and labels hold the text."""
    folder = rendered(as_yaml(catalog(text or TAME)), tmp_path)
    rules = sorted((folder / "prometheus/rules").glob("*.yml"))
    assert "" == said(tool("promtool"), "check", "rules", *map(str, rules))
    assert "" == said(tool("promtool"), "check", "config", str(folder / "prometheus/prometheus.yml"))
    assert "" == said(tool("amtool"), "check-config", str(folder / "alertmanager/alertmanager.yml"))
    file = (folder / "prometheus/tests/shop.slos.yml").resolve()
    whole = read(file)
    whole["rule_files"] = [str(file.parent / each) for each in whole["rule_files"]]
    whole["tests"] = [test for test in whole["tests"] if "SloErrorBudgetBurn" in test["name"]]
    (tmp_path / "chosen.yml").write_text(yaml.safe_dump(whole, allow_unicode=True))
    assert "" == played(tool("promtool"), tmp_path / "chosen.yml", tmp_path)


def test_alertmanagers_configuration_holds_no_free_text(tmp_path: Path) -> None:
    """Its own templates would read it."""
    configurations = [of(catalog(text), tmp_path)[1]["alertmanager/alertmanager.yml"] for text in (TAME, EVERYTHING)]
    assert configurations[0] == configurations[1]


def tokens(text: str) -> list[Token]:
    """Return the tokens of a runbook as the most generous reader of Markdown would see it: HTML on, tables on."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [token for block in reader.parse(text) for token in (block, *(block.children or ()))]


def structure(text: str) -> list[tuple[str, str, str]]:
    """Return the markup of a runbook: everything that is no text, with where its links lead."""
    ignored = ("text", "text_special", "inline")
    return [
        (token.type, token.tag, str(token.attrs.get("href", ""))) for token in tokens(text) if token.type not in ignored
    ]


def shown(text: str) -> str:
    """Return what a reader sees of a runbook: its text, without the markup."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "text_special"))


@given(text=st.one_of(st.sampled_from(WORST), texts()))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@example(text=EVERYTHING)
def test_a_runbook_has_the_markup_that_it_has_without_the_text(text: str, tmp_path: Path) -> None:
    """No link, no HTML, no heading, no row comes of it; and it is shown, letter by letter."""
    text = f"{text}." if " ".join(text.split()) else TAME
    tame, hostile = (of(catalog(each), tmp_path)[1] for each in (TAME, text))
    books = [path for path in hostile if path.startswith("runbooks/shop/")]
    assert len(books) > 8
    for path in books:
        assert structure(tame[path]) == structure(hostile[path])
        flat = " ".join(text.split())
        assert f"shop: {flat}" in shown(hostile[path])
        assert f"When {flat}: {flat}" in shown(hostile[path])
    assert f"({flat})" not in shown(tame["runbooks/shop/HttpCapacityNearLimit.md"])


def strings(value: Any) -> list[str]:
    """Return every string in *value*."""
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (key, *strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING, "$env [[env]]"])
def test_a_dashboard_holds_the_text_as_text(text: str, tmp_path: Path) -> None:
    """Grafana would read a $ and [[ as variables, so they are parted by a space of no width; queries stay PromQL."""
    found, files = of(catalog(text), tmp_path)
    [model] = [json.loads(each) for path, each in files.items() if path.endswith("/seawall-shop.json")]
    assert text == model["description"].replace("$\u200b", "$").replace("[\u200b[", "[[")
    assert not [
        each
        for each in strings({**model, "panels": [], "annotations": {}})
        if "$" in each.replace("$\u200b", "") or "[[" in each
    ]
    queries = [target["expr"] for panel in model["panels"] for target in panel.get("targets", ())]
    queries += [each["target"]["expr"] for each in model["annotations"]["list"]]
    for query in queries:
        promql_parser.parse(query.replace("$__rate_interval", "5m"))
    assert any(f'environment="{promql_string(text)}"' in query for query in queries)
    assert found.services["shop"].description == text


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING])
def test_a_target_carries_the_text_as_its_label(text: str, tmp_path: Path) -> None:
    """In the file that Prometheus reads."""
    raw = catalog(text)
    raw["services"]["shop"]["targets"] = ["shop:80"]
    [group] = json.loads(of(raw, tmp_path)[1]["prometheus/targets/shop.json"])
    assert text == group["labels"]["environment"]


def test_a_discovered_target_carries_the_text_as_its_label(tool: Callable[[str], str], tmp_path: Path) -> None:
    """Prometheus' own relabelling is asked: a $ in it begins no group."""
    written = ["$1", "$$ $a", f"$0 {EVERYTHING}"]
    raw = catalog(TAME, written)
    (tmp_path / "found.json").write_text(json.dumps([{"targets": ["a:1"]}]))
    for name, service in raw["services"].items():
        if name.startswith("service-"):
            service["targets"] = {"file_sd_configs": [{"files": [str(tmp_path / "found.json")]}]}
    config = rendered(as_yaml(raw), tmp_path) / "prometheus/prometheus.yml"
    for n, text in enumerate(written):
        command = [tool("promtool"), "check", "service-discovery", str(config), f"service-{n}", "--timeout=1s"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        [target] = json.loads(done.stdout)
        assert text == target["labels"]["environment"]
