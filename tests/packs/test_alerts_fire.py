"""The packs' alerts in a real Prometheus: quiet on what is well, and firing on what is broken for real."""

import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from servers import RedisServer, StartRedis, answers, eventually, free_port, get, process, serving

from seawall.catalog import load
from seawall.generator import Addresses, load_packs, render

pytestmark = pytest.mark.e2e

# What other work on the machine under test may bring about; the rest must be quiet on it.
OF_LOAD: Final = {"HostCpuSaturated", "HostIoStalled", "HostMemoryPressure", "HostDiskSlow", "HostTcpRetransmitsHigh"}
# What is true of a test machine.
OF_THE_MACHINE: Final = {
    "HostClockNotSynchronised",
    "HostClockOffsetHigh",
    "HostFilesystemLow",
    "HostFilesystemAlmostFull",
}
FLAGS: Final = ("--config.file=prometheus/prometheus.yml", "--storage.tsdb.path=data")
AT_ONCE: Final = "for: 1s"


@dataclass(frozen=True)
class Prometheus:
    """A real Prometheus with the rendered rules, each evaluated every second."""

    url: str

    def ask(self, path: str) -> Any:
        """Return what its API answers."""
        return json.loads(get(f"{self.url}/api/v1/{path}"))["data"]

    def value(self, query: str) -> float:
        """Return the one value of *query*; 0 where there is none."""
        found = self.ask(f"query?query={urllib.parse.quote(query)}")["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def alerts(self, *states: str) -> set[tuple[str, str]]:
        """Return (service, alert) of those in one of *states*."""
        found = self.ask("alerts")["alerts"]
        return {(each["labels"]["service"], each["labels"]["alertname"]) for each in found if each["state"] in states}

    def fires(self, service: str, alert: str) -> None:
        """Wait until *alert* fires."""
        eventually(lambda: (service, alert) in self.alerts("firing"), 30)


@dataclass(frozen=True)
class Fleet:
    """What is watched."""

    prometheus: Prometheus
    cache: RedisServer
    replica: RedisServer
    store: RedisServer


def catalog_of(exporter: str, urls: dict[str, RedisServer]) -> str:
    """Return the catalog: every alert of the redis services fires at once, where it is not moved further."""
    names = load_packs().alert_names("redis")
    lines = ["seawall: 1", "teams: {ops: {}}", "services:"]
    lines.append(f"  machine: {{kind: host, team: ops, targets: ['{exporter}']}}")
    for name, server in urls.items():
        moved = {alert: AT_ONCE for alert in names if not alert.startswith(("Slo", "ServiceTraffic"))}
        moved["RedisEvicting"] = f"above: 1, {AT_ONCE}"
        alerts = ", ".join(f"{alert}: {{{what}, reason: a test}}" for alert, what in moved.items())
        lines.append(
            f"  {name}: {{kind: redis, team: ops, url: 'redis://127.0.0.1:{server.port}', alerts: {{{alerts}}}}}"
        )
    return "\n".join(lines)


def write_quick(catalog: Path, folder: Path, where: Addresses) -> None:
    """Render *catalog* into *folder*, with a second for every interval."""
    for artifact in render(load(catalog), load_packs(), where):
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = artifact.content.decode()
        if artifact.path.startswith("prometheus/"):
            text = re.sub(r'^(\s*\w*(?:interval|timeout): )"?\d+[smh]"?$', r"\g<1>1s", text, flags=re.MULTILINE)
        path.write_text(text)


@pytest.fixture(scope="module")
def fleet(start_redis: StartRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a full cache that may evict, its replica, a store that may not, the host, and Prometheus over all."""
    folder = tmp_path_factory.mktemp("fleet")
    cache = start_redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
    store = start_redis("--maxmemory", "4mb")
    replica = start_redis("--replicaof", f"127.0.0.1 {cache.port}")
    store.cli("set", "order", "kept")  # a command that was never called has no series
    eventually(lambda: "state=online" in cache.cli("info", "replication"))
    catalog = folder / "catalog.yaml"
    catalog.write_text("seawall: 1\nteams: {ops: {}}\nservices: {}\n")
    with ExitStack() as stack:
        exporter = stack.enter_context(serving(catalog))
        address, port = urllib.parse.urlsplit(exporter.url).netloc, free_port()
        catalog.write_text(catalog_of(address, {"cache": cache, "replica": replica, "store": store}))
        where = Addresses(prometheus=f"127.0.0.1:{port}", exporter=address)
        write_quick(catalog, folder, where)
        # Debian's Prometheus has a database of the whole machine where none is named.
        flags = (f"--web.listen-address=127.0.0.1:{port}", *FLAGS)
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: len(json.loads(get(f"{exporter.url}targets"))) == 3)
        stack.enter_context(process("prometheus", *flags, cwd=folder))
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 30)
        yield Fleet(prometheus, cache, replica, store)


def fill(server: RedisServer, megabytes: int) -> None:
    """Write keys of ten kilobytes; what the server answers is not looked at."""
    server.cli(
        "eval",
        "for i = 1, ARGV[1] do redis.pcall('set', 'fill-' .. i, string.rep('x', 10000)) end",
        "0",
        str(100 * megabytes),
    )


def test_all_is_quiet_while_all_is_well(fleet: Fleet) -> None:
    """Every rule is evaluated without an error, and no alert even begins but of what is so on this machine."""
    prometheus = fleet.prometheus
    eventually(lambda: prometheus.value('min(count_over_time(up{job=~"cache|replica|store|machine"}[5m]))') >= 6, 45)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 30)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 4 == prometheus.value('count(up{job=~"cache|replica|store|machine"} == 1)')
    active = prometheus.alerts("pending", "firing") - {("seawall", "Watchdog")}
    assert set() == {each for each in active if each[1] not in OF_LOAD | OF_THE_MACHINE}


def test_a_cache_that_evicts_is_a_ticket_and_being_full_is_not(fleet: Fleet) -> None:
    """It is at maxmemory, as a cache is meant to be."""
    for _ in range(3):
        fill(fleet.cache, 8)
    fleet.prometheus.fires("cache", "RedisEvicting")
    assert fleet.prometheus.value('redis_memory_used_bytes{job="cache"} / redis_memory_max_bytes{job="cache"}') > 0.9
    assert ("cache", "RedisMemoryNearLimit") not in fleet.prometheus.alerts("pending", "firing")


def test_a_store_that_is_full_pages_and_so_do_its_refused_writes(fleet: Fleet) -> None:
    """Its policy is to evict nothing."""
    fill(fleet.store, 8)
    fleet.prometheus.fires("store", "RedisMemoryNearLimit")
    fleet.store.cli("-r", "1000", "set", "order", "lost")
    fleet.prometheus.fires("store", "RedisCommandsRefused")


def test_a_replica_that_died_is_down_and_is_missed(fleet: Fleet) -> None:
    """Its own probe tells of it, and its master does."""
    fleet.replica.cli("shutdown", "nosave", "now", "force")
    fleet.prometheus.fires("replica", "ServiceDown")
    fleet.prometheus.fires("cache", "RedisReplicaMissing")
    assert ("cache", "ServiceDown") not in fleet.prometheus.alerts("pending", "firing")
