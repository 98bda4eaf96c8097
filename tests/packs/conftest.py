"""Every expression of every pack, rendered, and what the packs' tests run it against."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from cassandra import start_cassandra
from celery_apps import celery_by_celery_exporter, celery_by_seawall, celery_on
from kafka import kafka_broker, start_kafka
from memcached import start_memcached
from mongodb import mongodb_by_seawall, start_ferretdb
from mysql import mysqls, start_mysql
from pgbouncer import start_pgbouncer
from postgres import postgres, start_postgres
from promql import Labels
from rabbitmq import rabbitmq_node, start_rabbitmq
from servers import Exposed, promtool, start_exporter, start_redis

from seawall.catalog import load
from seawall.generator import load_packs, render
from seawall.generator.rule_files import SAFE_LOADER

from .kafka_names import kafka_by_kafka_exporter, kafka_by_seawall
from .postgres_names import cluster, postgres_by_postgres_exporter, postgres_by_seawall
from .stack_names import seawall_by_stack

__all__ = [
    "celery_by_celery_exporter",
    "celery_by_seawall",
    "celery_on",
    "cluster",
    "kafka_broker",
    "kafka_by_kafka_exporter",
    "kafka_by_seawall",
    "mongodb_by_seawall",
    "mysqls",
    "postgres",
    "postgres_by_postgres_exporter",
    "postgres_by_seawall",
    "promtool",
    "rabbitmq_node",
    "seawall_by_stack",
    "start_cassandra",
    "start_exporter",
    "start_ferretdb",
    "start_kafka",
    "start_memcached",
    "start_mysql",
    "start_pgbouncer",
    "start_postgres",
    "start_rabbitmq",
    "start_redis",
]

# A service of every kind, in every way that changes what is rendered.
CATALOG: Final = """
seawall: 1
teams: {ops: {}}
services:
  http-with-slos:
    kind: http
    team: ops
    targets: ["a:1"]
    slos: {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms, routes: ["/orders"]}}
    capacity: {requests_per_second: 200, concurrent_requests: 50, evidence: none}
    depends_on: [redis-probed]
  http-bare: {kind: http, team: ops, targets: ["b:1"]}
  http-pushed: {kind: http, team: ops}
  worker-with-slos: {kind: worker, team: ops, targets: ["c:1"], slos: {availability: {objective: 99}}}
  worker-bare: {kind: worker, team: ops, targets: ["d:1"]}
  host-scraped: {kind: host, team: ops, targets: ["e:1"]}
  redis-probed: {kind: redis, team: ops, url: "redis://f:6379"}
  redis-scraped: {kind: redis, team: ops, targets: ["g:9121"]}
  postgres-probed: {kind: postgres, team: ops, url: "postgresql://h:5432"}
  postgres-scraped: {kind: postgres, team: ops, targets: ["i:9187"]}
  memcached-probed: {kind: memcached, team: ops, url: "memcached://k:11211"}
  memcached-scraped: {kind: memcached, team: ops, targets: ["l:9150"]}
  mongodb-probed: {kind: mongodb, team: ops, url: "mongodb://m:27017"}
  mongodb-scraped: {kind: mongodb, team: ops, targets: ["n:9216"]}
  mysql-probed: {kind: mysql, team: ops, url: "mysql://m:3306"}
  mysql-scraped: {kind: mysql, team: ops, targets: ["n:9104"]}
  pool-inside: {kind: pool, team: ops, part_of: http-bare, depends_on: [postgres-probed]}
  rabbitmq-probed: {kind: rabbitmq, team: ops, url: "rabbitmq://m:15692"}
  rabbitmq-scraped: {kind: rabbitmq, team: ops, targets: ["n:15692"]}
  pgbouncer-probed: {kind: pgbouncer, team: ops, url: "pgbouncer://m:6432"}
  pgbouncer-scraped: {kind: pgbouncer, team: ops, targets: ["n:9127"]}
  kafka-probed: {kind: kafka, team: ops, url: "kafka://m:9092"}
  kafka-scraped: {kind: kafka, team: ops, targets: ["n:9308"]}
  cassandra-probed: {kind: cassandra, team: ops, url: "cassandra://m:9042"}
  cassandra-scraped: {kind: cassandra, team: ops, targets: ["n:9404"]}
  http-cache-probed: {kind: http-cache, team: ops, url: "nginx://m/stub_status?log=/var/log/nginx/cache.json"}
  http-cache-scraped: {kind: http-cache, team: ops, targets: ["n:9131"]}
  celery-probed: {kind: celery, team: ops, url: "celery+redis://o:6379/0"}
  celery-scraped: {kind: celery, team: ops, targets: ["p:9808"]}
  shards-redis: {kind: shards, team: ops, members: [redis-probed, redis-scraped]}
  shards-memcached: {kind: shards, team: ops, members: [memcached-probed, memcached-scraped]}
  shards-postgres: {kind: shards, team: ops, members: [postgres-probed, postgres-scraped]}
  shards-mysql: {kind: shards, team: ops, members: [mysql-scraped]}
  shards-mongodb: {kind: shards, team: ops, members: [mongodb-probed, mongodb-scraped]}
  probe-of-all: {kind: probe, team: ops, url: "https://j"}
"""
_FENCE: Final = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEGEND: Final = re.compile(r"{{ *(\w+) *}}")
_LABEL: Final = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True)
class Use:
    """An expression, where it stands, and the labels that the text beside it shows."""

    place: str
    expr: str
    shows: Labels = frozenset()


@dataclass(frozen=True)
class Rendered:
    """All that the packs render: by kind what is asked, and what the recording rules answer."""

    uses: dict[str, tuple[Use, ...]]
    recorded: dict[str, Labels]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Return every expression of rules, dashboards and runbooks."""
    path = tmp_path_factory.mktemp("packs") / "catalog.yaml"
    path.write_text(CATALOG)
    uses: dict[str, list[Use]] = {}
    recorded: dict[str, Labels] = {}
    for artifact in render(load(path), load_packs()):
        text, kind = artifact.content.decode(), _kind(artifact.path)
        if "/rules/" in artifact.path:
            for rule in (rule for group in yaml.load(text, Loader=SAFE_LOADER)["groups"] for rule in group["rules"]):
                uses.setdefault(kind, []).append(_rule(artifact.path, rule))
                if "record" in rule:
                    recorded[rule["record"]] = frozenset({"job", "slo", *rule.get("labels", {})})
        elif artifact.path.startswith("grafana/"):
            uses.setdefault(kind, []).extend(_panels(artifact.path, json.loads(text)))
        elif artifact.path.startswith("runbooks/"):
            uses.setdefault(kind, []).extend(Use(artifact.path, expr) for expr in _FENCE.findall(text))
    return Rendered({kind: tuple(found) for kind, found in uses.items()}, recorded)


def _kind(path: str) -> str:
    """Return the kind that the services of CATALOG are named after."""
    return next(
        (
            word
            for word in (
                "celery",
                "shards",
                "http-cache",
                "http",
                "worker",
                "host",
                "redis",
                "postgres",
                "memcached",
                "mongodb",
                "mysql",
                "pgbouncer",
                "pool",
                "rabbitmq",
                "kafka",
                "cassandra",
                "probe",
            )
            if f"{word}" in path
        ),
        "seawall",
    )


def _rule(path: str, rule: dict[str, Any]) -> Use:
    name = rule.get("alert") or rule["record"]
    shown = _LABEL.findall(" ".join(rule.get("annotations", {}).values()))
    return Use(f"{path}: {name}", rule["expr"], frozenset(shown) - rule.get("labels", {}).keys())


def _panels(path: str, board: dict[str, Any]) -> Iterator[Use]:
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield Use(f"{path}: {panel['title']}", target["expr"], frozenset(_LEGEND.findall(target["legendFormat"])))


@pytest.fixture(scope="module")
def shards_by_members(request: pytest.FixtureRequest) -> Exposed:
    """Return what Seawall's exporter tells of each kind that can be a member."""
    told: Exposed = {}
    for kind in load_packs().measures:
        told |= request.getfixturevalue(f"{kind}_by_seawall")
    return told


@pytest.fixture(scope="session")
def shop() -> Path:
    """Return the folder of the example."""
    return Path(__file__).parents[2] / "examples/shop"
