"""What goes wrong with Memcached for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest
from memcached import MemcachedServer, StartMemcached
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# Counters that a test moves for some seconds are read over as many.
QUICK: Final = ("[5m]", "[10s]")
MOVED: Final = {"MemcachedEvicting": "above: 5", "MemcachedItemsTooLarge": "above: 0.05"}
LIMIT: Final = 200  # connections, of which it keeps some for itself


@dataclass(frozen=True)
class Caches:
    """What is watched: a small one, and one with few connections."""

    prometheus: Prometheus
    small: MemcachedServer
    narrow: MemcachedServer

    def firing(self) -> set[tuple[str, str]]:
        """Return (service, alert) of what fires."""
        return self.prometheus.alerts("firing") - {("seawall", "Watchdog")}

    def resolves(self, service: str, alert: str) -> None:
        """Wait until *alert* is over."""
        eventually(lambda: (service, alert) not in self.prometheus.alerts("pending", "firing"), 45)


def catalog_of(servers: dict[str, MemcachedServer]) -> str:
    """Return the catalog: every alert of the services fires at once."""
    names = [name for name in load_packs().alert_names("memcached") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = ", ".join(f"{name}: {{{MOVED.get(name, AT_ONCE)}, {AT_ONCE}, reason: a test}}".replace(f"{AT_ONCE}, {AT_ONCE}", AT_ONCE) for name in names)  # fmt: skip
    lines = [f"  {name}: {{kind: memcached, team: ops, url: '{each.url}', alerts: {{{moved}}}}}" for name, each in servers.items()]  # fmt: skip
    return "\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines])


@pytest.fixture(scope="module")
def caches(start_memcached: StartMemcached, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caches]:
    """Return both, used a little, and Prometheus over them."""
    folder = tmp_path_factory.mktemp("caches")
    small, narrow = start_memcached("-m", "2"), start_memcached("-c", str(LIMIT))
    catalog, port = folder / "catalog.yaml", free_port()
    catalog.write_text(catalog_of({"small": small, "narrow": narrow}))
    with ExitStack() as stack:
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=address))
        for rules in (folder / "prometheus/rules").glob("*.yml"):
            rules.write_text(rules.read_text().replace(*QUICK))
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 30)
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        yield Caches(prometheus, small, narrow)


def test_all_is_quiet_while_all_is_well(caches: Caches) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = caches.prometheus
    eventually(lambda: prometheus.value("min(count_over_time(memcached_up[5m]))") >= 4, 45)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 30)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(memcached_up == 1)")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


def test_a_cache_that_evicts_is_a_ticket_until_it_no_longer_does(caches: Caches) -> None:
    """What is young is thrown away, which is told too; nobody is paged."""
    with caches.small.client() as client:

        def fill() -> bool:
            for index in range(200):
                assert "STORED" == client.set(f"fill-{index}-{len(seen)}", b"x" * 20_000)
            seen.append(1)
            return {("small", "MemcachedEvicting"), ("small", "MemcachedItemsShortLived")} <= caches.firing()

        seen: list[int] = []
        eventually(fill, 60)
    assert {"MemcachedEvicting", "MemcachedItemsShortLived"} == {alert for _, alert in caches.firing()}
    assert {"ticket"} == {each["labels"]["severity"] for each in caches.prometheus.ask("alerts")["alerts"] if each["labels"]["service"] == "small"}  # fmt: skip
    caches.resolves("small", "MemcachedEvicting")
    caches.resolves("small", "MemcachedItemsShortLived")


def test_an_item_that_is_too_large_is_a_ticket(caches: Caches) -> None:
    """Its client may not say so."""
    with caches.small.client() as client:

        def write() -> bool:
            assert "SERVER_ERROR object too large for cache" == client.set("large", b"x" * 2_000_000)
            return ("small", "MemcachedItemsTooLarge") in caches.firing()

        eventually(write, 60)
    caches.resolves("small", "MemcachedItemsTooLarge")


def test_connections_near_the_limit_page_and_so_do_refused_ones(caches: Caches) -> None:
    """The exporter's own connection is kept, so that it goes on telling."""
    with ExitStack() as stack:
        for _ in range(int(0.87 * LIMIT)):
            stack.enter_context(caches.narrow.client())
        caches.prometheus.fires("narrow", "MemcachedConnectionsNearLimit")
        assert {("narrow", "MemcachedConnectionsNearLimit")} == caches.firing()

        def knock() -> bool:
            for _ in range(30):
                stack.enter_context(caches.narrow.client())
            return ("narrow", "MemcachedConnectionsRefused") in caches.firing()

        eventually(knock, 60)
        assert 1 == caches.prometheus.value('memcached_up{job="narrow"}')
    caches.resolves("narrow", "MemcachedConnectionsRefused")
    caches.resolves("narrow", "MemcachedConnectionsNearLimit")
