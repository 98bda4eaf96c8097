"""Rendered rules under generated traffic: catalogs in, promtool's own verdict out."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from seawall.catalog import Catalog, load
from seawall.generator import load_packs, render
from seawall.generator.lean import lean, read_by
from seawall.generator.packs import Packs
from seawall.generator.rule_files import read
from seawall.generator.slo_rules import SHARED_ORDER
from seawall.generator.writer import write
from seawall.generator.yaml_out import dump

TODAY = date(2026, 11, 24)


@cache
def packs() -> Packs:
    """Return Seawall's own packs, read once."""
    return load_packs()


def loaded(text: str, folder: Path) -> Catalog:
    """Return the catalog that *text* says."""
    file = folder / "catalog.yaml"
    file.write_text(text)
    return load(file, today=TODAY)


def rendered(text: str, folder: Path) -> Path:
    """Return the folder into which the catalog that *text* says was rendered."""
    write(render(loaded(text, folder), packs()), folder / "out")
    return folder / "out"


def said(*command: str) -> str:
    """Return what *command* says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def played(tool: str, file: Path, folder: Path) -> str:
    """Return what promtool says of a rendered *file* of proofs that fail, played in *folder* as ``seawall check`` does."""
    return said(tool, "test", "rules", *map(str, lean(file.resolve(), Path(mkdtemp(dir=folder)))))


def verdict(
    promtool: str,
    folder: Path,
    tests: Sequence[Mapping[str, Any]],
    *,
    more: Sequence[Mapping[str, Any]] = (),
    every: str = "1m",
) -> str:
    """Return what promtool says of *tests* on the rules in *folder* that they read; *more* rules are evaluated last."""
    rules = _read_by(tests, more, folder.resolve() / "prometheus/rules")
    groups = [group["name"] for group in rules]
    own = [name for name in groups if name.endswith("-slos")]
    shared = [name for name in groups if name.startswith("_")]
    chain = [name for name in SHARED_ORDER if name in groups]
    alerts = [name for name in groups if name not in (*own, *shared, *chain)]
    played = folder.parent / "played.yml"
    played.write_bytes(dump({"groups": [*rules, *([{"name": "more", "rules": list(more)}] if more else [])]}))
    content = {
        "rule_files": [str(played)],
        "evaluation_interval": every,
        "group_eval_order": [*own, *shared, *chain, *alerts, *(["more"] if more else [])],
        "tests": list(tests),
    }
    file = folder.parent / "scenario.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return said(promtool, "test", "rules", str(file))


def _read_by(tests: Sequence[Mapping[str, Any]], more: Sequence[Mapping[str, Any]], folder: Path) -> list[Any]:
    """Return the groups in *folder* with the rules that are read; with all where an alert is looked at as it is sent."""
    groups = [group for file in sorted(folder.glob("*.yml")) for group in read(file)["groups"]]
    if any("alert_rule_test" in test for test in tests):
        return groups
    exprs = [each["expr"] for test in tests for each in test["promql_expr_test"]]
    return read_by([*exprs, *(rule["expr"] for rule in more)], groups)


def counter(*phases: tuple[int, float]) -> str:
    """Return a counter in promtool's notation: (samples, growth between two) after each other."""
    parts, level = [], 0.0
    for samples, growth in phases:
        parts.append(f"{level:.10g}+{growth:.10g}x{samples - 1}")
        level += samples * growth
    return " ".join(parts)


def requests(job: str, status: str, values: str, **labels: str) -> list[dict[str, str]]:
    """Return the counter of an http service's requests with *status*, and the buckets of as quick ones."""
    own = {"http_request_method": "GET", "http_route": "/", "job": job, "http_response_status_code": status} | labels
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(own.items()))
    name = "http_server_request_duration_seconds"
    buckets = [f'{name}_bucket{{{inside},le="{le}"}}' for le in ("0.3", "1", "+Inf")]
    return [{"series": series, "values": values} for series in (f"{name}_count{{{inside}}}", *buckets)]


def check(expr: str, at: str, *samples: tuple[str, float]) -> dict[str, Any]:
    """Return the expectation that *expr* gives exactly *samples*, (labels, value), at a time."""
    return {
        "expr": expr,
        "eval_time": at,
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
    }


def catalog(services: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a catalog of http services with these SLOs and no other alerts than theirs."""
    off = {name: {"disabled": "no part of this test"} for name in packs().alert_names("http") if "Slo" not in name}
    each = {name: {"kind": "http", "team": "a", "slos": slos, "alerts": off} for name, slos in services.items()}
    return json.dumps({"seawall": 1, "teams": {"a": {}}, "services": each})


AVAILABILITY = {"availability": {"objective": 99.9}}
