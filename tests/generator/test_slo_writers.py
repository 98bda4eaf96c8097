"""Which rules an SLO gets: one writer a series, shared where a match is shared, buckets as both versions write them."""

import json
import re
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenarios import AVAILABILITY, catalog, loaded, packs
from strategies import as_yaml, valid_catalogs

from seawall.catalog import CatalogError, Service
from seawall.generator import iterate
from seawall.generator.rule_files import SAFE_LOADER
from seawall.generator.slis import bucket_matcher
from seawall.generator.slo_chain import BADNESS
from seawall.generator.slo_rules import Signature, shared_files, signature


def _writers(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return each (job, slo) once for every rule that records its events, or how bad its moments are."""
    rules = [
        rule
        for path, content in files.items()
        if path.startswith("prometheus/rules/")
        for group in yaml.load(content, Loader=SAFE_LOADER)["groups"]
        for rule in group["rules"]
    ]
    served: dict[tuple[str, str], list[str]] = {}
    for labels in (rule["labels"] for rule in rules if rule.get("record") == "seawall:slo_rules:info"):
        served.setdefault((labels["slo"], labels["rules"]), []).append(labels["job"])
    found = []
    for rule in rules:
        labels = rule.get("labels", {})
        if "slo" not in labels:  # those that chain from what is recorded
            continue
        if rule.get("record") in ("slo:total:rate5m", BADNESS):
            shared = re.search(r'seawall:slo_rules:info\{slo="([^"]+)",rules="([^"]+)"\}', rule["expr"])
            jobs = [labels["job"]] if "job" in labels else served[shared[1], shared[2]] if shared else []
            found += [(job, labels["slo"]) for job in jobs]
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=valid_catalogs())
def test_every_slo_has_one_writer(raw: dict[str, Any], tmp_path: Path) -> None:
    """Two rules that record one series are an error in Prometheus; none at all is an SLO without data."""
    found = loaded(as_yaml(raw), tmp_path)
    try:  # all of it is rendered in test_any_catalog.py
        files = {each.path: each.content for each in iterate(found, packs(), only=frozenset({"rules"}))}
    except CatalogError:
        return
    expected = [(name, key) for name, service in found.services.items() for key in service.slos]
    assert sorted(expected) == sorted(_writers(files))


def _signatures(service: Service) -> list[Signature | None]:
    return [signature(packs(), service, key, slo) for key, slo in service.slos.items()]


def test_two_slos_whose_names_run_together_have_two_files(tmp_path: Path) -> None:
    """A key may end in what a threshold looks like."""
    slos = {
        "pay": {"sli": "latency", "objective": 95, "under": "1s"},
        "pay-1s": {"sli": "availability", "objective": 95},
    }
    service = loaded(catalog({"shop": slos}), tmp_path).services["shop"]
    assert 2 == len(shared_files(packs(), service))
    assert 2 == len({each.name for each in _signatures(service) if each})


def test_services_of_one_match_share_their_rules(tmp_path: Path) -> None:
    """And those of another have rules of their own: staging never mixes into production's numbers."""
    raw = json.loads(catalog(dict.fromkeys(("a", "b", "c"), AVAILABILITY)))
    raw["services"]["c"]["match"] = {"environment": "staging"}
    services = loaded(json.dumps(raw), tmp_path).services
    files = {name: shared_files(packs(), service) for name, service in services.items()}
    assert files["a"] == files["b"] != files["c"]


@pytest.mark.parametrize(
    "own",
    [
        {"routes": ["/pay"]},
        {"methods": ["GET"]},
        {"exclude": {"client": "bot"}},
        {"bad": {"client": "bot"}},
        {"codes": {"429": "bad"}},
        {"budgeting": "timeslices"},
        {"sli": "throughput", "at_least": 5},
        {"sli": "freshness", "value": "max(seen)", "within": "1h"},
        {"good": "sum(rate(a[{{window}}]))", "total": "sum(rate(b[{{window}}]))"},
    ],
    ids=lambda own: ",".join(own),
)
def test_an_slo_that_reads_other_events_has_rules_of_its_own(own: dict[str, Any], tmp_path: Path) -> None:
    """In the file of its service, and in no shared one."""
    service = loaded(catalog({"shop": {"availability": {"objective": 99, **own}}}), tmp_path).services["shop"]
    assert [None] == _signatures(service)
    assert [] == shared_files(packs(), service)


def test_pushed_and_scraped_services_share_no_rules(tmp_path: Path) -> None:
    """The job of one may have a namespace in front, and is another label set."""
    raw = json.loads(catalog(dict.fromkeys(("a", "b"), AVAILABILITY)))
    raw["services"]["a"]["targets"] = ["a:80"]
    services = loaded(json.dumps(raw), tmp_path).services
    [[scraped], [pushed]] = [_signatures(services[name]) for name in ("a", "b")]
    assert scraped is not None
    assert pushed is not None
    assert (False, True) == (scraped.pushed, pushed.pushed)
    assert scraped.file != pushed.file


@given(bound=st.integers(1, 100_000))
def test_a_whole_bucket_is_found_in_both_spellings(bound: int) -> None:
    """Prometheus 2 writes 1, Prometheus 3 writes 1.0."""
    label, quoted = bucket_matcher(float(bound)).split("=~")
    pattern = re.compile(literal_eval(quoted))
    assert "le" == label
    assert all(pattern.fullmatch(text) for text in (f"{bound}", f"{bound}.0"))
    assert not any(pattern.fullmatch(text) for text in (f"{bound}0", f"{bound}.00", f"{bound}x0", f"1{bound}"))


@pytest.mark.parametrize(("bound", "matcher"), [(0.3, 'le="0.3"'), (2.5, 'le="2.5"'), (0.005, 'le="0.005"')])
def test_a_broken_bucket_is_found_as_it_is_written(bound: float, matcher: str) -> None:
    """Both versions write it alike."""
    assert matcher == bucket_matcher(bound)
