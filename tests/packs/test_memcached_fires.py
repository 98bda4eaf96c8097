"""What goes wrong with Memcached for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Final

import pytest
from memcached import MemcachedServer, StartMemcached

from .watching import Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Counters that a test moves for some seconds are read over as many.
QUICK: Final = {"[5m]": "[10s]"}
MOVED: Final = {"MemcachedEvicting": {"above": 5}, "MemcachedItemsTooLarge": {"above": 0.05}}
LIMIT: Final = 200  # connections, of which it keeps some for itself


@dataclass(frozen=True)
class Caches:
    """What is watched: a small one, and one with few connections."""

    prometheus: Prometheus
    small: MemcachedServer
    narrow: MemcachedServer


@pytest.fixture(scope="module")
def caches(start_memcached: StartMemcached, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caches]:
    """Return both, used a little, and Prometheus over them."""
    small, narrow = start_memcached("-m", "2"), start_memcached("-c", str(LIMIT))
    catalog = catalog_of_kind("memcached", {"small": small.url, "narrow": narrow.url}, MOVED)
    with watching(tmp_path_factory.mktemp("caches"), catalog, QUICK) as prometheus:
        yield Caches(prometheus, small, narrow)


def test_all_is_quiet_while_all_is_well(caches: Caches) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    caches.prometheus.knows("memcached_up", 2)
    assert set() == caches.prometheus.active()


def test_a_cache_that_evicts_is_a_ticket_until_it_no_longer_does(caches: Caches) -> None:
    """What is young is thrown away, which is told too; nobody is paged."""
    names = count()
    with caches.small.client() as client:

        def fill() -> None:
            for _ in range(100):
                assert "STORED" == client.set(f"fill-{next(names)}", b"x" * 20_000)

        caches.prometheus.fires("small", "MemcachedEvicting", "MemcachedItemsShortLived", meanwhile=fill)
    assert set() == caches.prometheus.active("page")
    assert {("small", "MemcachedEvicting"), ("small", "MemcachedItemsShortLived")} == caches.prometheus.active("ticket")
    caches.prometheus.is_quiet()


def test_an_item_that_is_too_large_is_a_ticket(caches: Caches) -> None:
    """Its client may not say so."""
    with caches.small.client() as client:

        def write() -> None:
            assert "SERVER_ERROR object too large for cache" == client.set("large", b"x" * 2_000_000)

        caches.prometheus.fires("small", "MemcachedItemsTooLarge", meanwhile=write)
    assert set() == caches.prometheus.active("page")
    caches.prometheus.is_quiet()


def test_connections_near_the_limit_page_and_so_do_refused_ones(caches: Caches) -> None:
    """The exporter's own connection is kept, so that it goes on telling."""
    with ExitStack() as stack:
        for _ in range(int(0.87 * LIMIT)):
            stack.enter_context(caches.narrow.client())
        caches.prometheus.fires("narrow", "MemcachedConnectionsNearLimit")
        assert {("narrow", "MemcachedConnectionsNearLimit")} == caches.prometheus.active()

        def knock() -> None:
            for _ in range(10):
                stack.enter_context(caches.narrow.client())

        caches.prometheus.fires("narrow", "MemcachedConnectionsRefused", meanwhile=knock)
        assert 1 == caches.prometheus.value('memcached_up{job="narrow"}')
    caches.prometheus.is_quiet()
