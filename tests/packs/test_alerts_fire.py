"""The packs' alerts in a real Prometheus: quiet on what is well, and firing on what is broken for real."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from servers import RedisServer, StartRedis, eventually, free_port

from .watching import EVERY, PATIENCE, Alerts, Prometheus, at_once, catalog_of, watching

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
MOVED: Final = {"RedisEvicting": {"above": 1}}
QUICK: Final = {"[5m]": "[10s]"}  # counters that a test moves for some seconds are read over as many


@dataclass(frozen=True)
class Fleet:
    """What is watched."""

    prometheus: Prometheus
    cache: RedisServer
    replica: RedisServer
    store: RedisServer

    def of_redis(self, severity: str = "") -> Alerts:
        """Return what fires or begins to of all but the machine, which has its own troubles."""
        return {(service, alert) for service, alert in self.prometheus.active(severity) if service != "machine"}


@pytest.fixture(scope="module")
def fleet(start_redis: StartRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a full cache that may evict, its replica, a store that may not, the host, and Prometheus over all."""
    cache = start_redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
    store = start_redis("--maxmemory", "4mb")
    replica = start_redis("--replicaof", f"127.0.0.1 {cache.port}")
    store.cli("set", "order", "kept")  # a command that was never called has no series
    eventually(lambda: "state=online" in cache.cli("info", "replication"), 60)
    port, servers = free_port(), {"cache": cache, "replica": replica, "store": store}
    services: dict[str, dict[str, object]] = {
        name: {"kind": "redis", "url": f"redis://127.0.0.1:{each.port}", "alerts": at_once("redis", MOVED)}
        for name, each in servers.items()
    }
    catalog = catalog_of(services | {"machine": {"kind": "host", "targets": [f"127.0.0.1:{port}"]}})
    with watching(tmp_path_factory.mktemp("fleet"), catalog, QUICK, port=port) as prometheus:
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
    fleet.prometheus.knows('up{job=~"cache|replica|store|machine"}', 4)
    assert set() == {each for each in fleet.prometheus.active() if each[1] not in OF_LOAD | OF_THE_MACHINE}


def test_a_cache_that_evicts_is_a_ticket_and_being_full_is_not(fleet: Fleet) -> None:
    """It is at maxmemory, as a cache is meant to be; over once it evicts no more."""
    fleet.prometheus.fires("cache", "RedisEvicting", meanwhile=lambda: fill(fleet.cache, 8))
    assert fleet.prometheus.value('redis_memory_used_bytes{job="cache"} / redis_memory_max_bytes{job="cache"}') > 0.9
    assert {("cache", "RedisEvicting")} == fleet.of_redis()
    assert set() == fleet.of_redis("page")
    fleet.prometheus.resolves("cache", "RedisEvicting")


def test_a_store_that_is_full_pages_and_so_do_its_refused_writes(fleet: Fleet) -> None:
    """Its policy is to evict nothing; over once there is room, and nobody was refused for a while."""
    fill(fleet.store, 8)
    fleet.prometheus.fires("store", "RedisMemoryNearLimit")
    assert {("store", "RedisMemoryNearLimit")} == fleet.of_redis("page")

    def write() -> None:
        fleet.store.cli("-r", "100", "set", "order", "lost")

    fleet.prometheus.fires("store", "RedisCommandsRefused", meanwhile=write)
    assert {"RedisMemoryNearLimit", "RedisCommandsRefused"} == {alert for _, alert in fleet.of_redis("page")}
    fleet.store.cli("flushall")
    fleet.prometheus.resolves("store", "RedisMemoryNearLimit", "RedisCommandsRefused")
    assert set() == fleet.of_redis()


def test_a_replica_that_died_is_down_and_is_missed_until_it_is_back(fleet: Fleet, start_redis: StartRedis) -> None:
    """Its own probe tells of it, and its master does."""
    fleet.replica.cli("shutdown", "nosave", "now", "force")
    fleet.prometheus.fires("replica", "ServiceDown")
    fleet.prometheus.fires("cache", "RedisReplicaMissing")
    assert {("replica", "ServiceDown")} == fleet.of_redis("page")
    start_redis("--replicaof", f"127.0.0.1 {fleet.cache.port}", port=fleet.replica.port)
    eventually(lambda: fleet.of_redis() == set(), PATIENCE, EVERY)
