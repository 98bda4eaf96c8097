"""A hot member of a store for real, in a real Prometheus: a ticket, nothing pages, and it is over once the load spreads."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from servers import RedisServer, StartRedis

from .watching import Prometheus, at_once, catalog_of, watching

pytestmark = pytest.mark.e2e

MEMBERS: Final = ("shard-a", "shard-b", "shard-c")
# What is read over minutes is read over seconds here, and whoever is older than a few seconds has its share.
QUICK: Final = {"[5m]": "[8s]", "offset 1h": "offset 8s"}


@dataclass(frozen=True)
class Shards:
    """Three Redis servers that share keys, and Prometheus over them."""

    prometheus: Prometheus
    servers: dict[str, RedisServer]

    def write(self, **times: int) -> Callable[[], None]:
        """Return what writes as many keys to each member, by the last letter of its name."""

        def load() -> None:
            for letter, many in times.items():
                server = self.servers[f"shard-{letter}"]
                lines = "".join(f"SET hot-{index % 10} x\n" for index in range(many))
                subprocess.run(
                    ["redis-cli", "-p", str(server.port), "--pipe"],
                    input=lines.encode(),
                    check=True,
                    capture_output=True,
                    timeout=30,
                )

        return load


@pytest.fixture(scope="module")
def shards(start_redis: StartRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    """Return three members; every alert of the whole fires at once."""
    servers = {name: start_redis() for name in MEMBERS}
    services: dict[str, dict[str, object]] = {
        name: {"kind": "redis", "url": f"redis://127.0.0.1:{each.port}"} for name, each in servers.items()
    }
    whole: dict[str, object] = {"kind": "shards", "members": list(MEMBERS), "alerts": at_once("shards")}
    with watching(tmp_path_factory.mktemp("shards"), catalog_of(services | {"carts": whole}), QUICK) as prometheus:
        yield Shards(prometheus, servers)


def test_all_is_quiet_while_all_is_idle(shards: Shards) -> None:
    """Every rule is evaluated without an error; nothing is no skew."""
    shards.prometheus.knows("redis_up", 3)
    assert set() == shards.prometheus.active()


def test_a_hot_member_is_a_ticket_that_ends_when_the_load_spreads(shards: Shards) -> None:
    """The ticket names it; nobody is paged."""
    prometheus = shards.prometheus
    prometheus.fires("carts", "ShardsWritesSkewed", meanwhile=shards.write(a=300, b=10, c=10))
    (hot,) = [
        each["labels"]["job"]
        for each in prometheus.ask("alerts")["alerts"]
        if each["labels"]["alertname"] == "ShardsWritesSkewed"
    ]
    assert "shard-a" == hot
    assert {("carts", "ShardsWritesSkewed")} == prometheus.active()
    assert set() == prometheus.active("page")

    spread = shards.write(a=100, b=100, c=100)
    for _ in range(3):
        spread()
    prometheus.resolves("carts", "ShardsWritesSkewed")


def test_a_member_that_takes_no_more_writes_pages(shards: Shards) -> None:
    """The others go on; it ends with its writes."""
    prometheus = shards.prometheus
    prometheus.fires("carts", "ShardsWritesStopped", meanwhile=_first_all(shards))
    assert {("carts", "ShardsWritesStopped")} == prometheus.active("page")
    prometheus.resolves("carts", "ShardsWritesStopped")


def _first_all(shards: Shards) -> Callable[[], None]:
    """Return what writes to all members for a while, then to two of them."""
    calls = iter(range(10**6))
    alike, two = shards.write(a=50, b=50, c=50), shards.write(a=50, b=50)

    def load() -> None:
        wrote = shards.prometheus.value('min(rate(redis_commands_total{cmd="set"}[8s] offset 8s))')
        if next(calls) == 0 or not started:
            alike()
            if wrote > 1:
                started.append(True)
        else:
            two()

    started: list[bool] = []
    return load
