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

from seawall.generator import render, validate
from seawall.generator.slis import bucket_matcher
from seawall.generator.slo_rules import shared_files, signature


def _writers(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return each (job, slo) once for every rule that records its events."""
    rules = [
        rule
        for path, content in files.items()
        if path.startswith("prometheus/rules/")
        for group in yaml.safe_load(content)["groups"]
        for rule in group["rules"]
    ]
    served = {
        (rule["labels"]["slo"], rule["labels"]["rules"]): [] for rule in rules if "rules" in rule.get("labels", {})
    }
    for rule in rules:
        if "rules" in rule.get("labels", {}):
            served[rule["labels"]["slo"], rule["labels"]["rules"]].append(rule["labels"]["job"])
    found = []
    for rule in rules:
        if rule.get("record") == "slo:total:rate5m":
            shared = re.search(r'seawall:slo_rules:info\{slo="([^"]+)",rules="([^"]+)"\}', rule["expr"])
            jobs = served[shared[1], shared[2]] if shared else re.findall(r'job="([^"]+)"', rule["expr"])[:1]
            found += [(job, rule["labels"]["slo"]) for job in jobs]
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=valid_catalogs())
def test_every_slo_has_one_writer(raw: dict[str, Any], tmp_path: Path) -> None:
    """Two rules that record one series are an error in Prometheus; none at all is an SLO without data."""
    found = loaded(as_yaml(raw), tmp_path)
    if any(problem.severity == "error" for problem in validate(found, packs())):
        return
    files = {each.path: each.content for each in render(found, packs())}
    expected = [(name, key) for name, service in found.services.items() for key in service.slos]
    assert sorted(expected) == sorted(_writers(files))


def test_two_slos_whose_names_run_together_have_two_files(tmp_path: Path) -> None:
    """A key may end in what a threshold looks like."""
    slos = {
        "pay": {"sli": "latency", "objective": 95, "under": "1s"},
        "pay-1s": {"sli": "availability", "objective": 95},
    }
    service = loaded(catalog({"shop": slos}), tmp_path).services["shop"]
    assert 2 == len(shared_files(service))
    assert 2 == len({signature(service, key, slo).name for key, slo in service.slos.items()})


def test_services_of_one_match_share_their_rules(tmp_path: Path) -> None:
    """And those of another have rules of their own: staging never mixes into production's numbers."""
    raw = json.loads(catalog(dict.fromkeys(("a", "b", "c"), AVAILABILITY)))
    raw["services"]["c"]["match"] = {"environment": "staging"}
    services = loaded(json.dumps(raw), tmp_path).services
    assert shared_files(services["a"]) == shared_files(services["b"]) != shared_files(services["c"])


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
