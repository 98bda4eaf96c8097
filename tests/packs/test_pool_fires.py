"""What goes wrong with connection pools for real, in a real Prometheus: the right alert fires, nothing else pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from pools import PoolApplication, pool_application
from postgres import StartPostgres

from .watching import Prometheus, at_once, catalog_of, watching

pytestmark = pytest.mark.e2e

# What is read over minutes is read over seconds here.
QUICK: Final = {"[2m]": "[4s]", "[5m]": "[8s]", "[30m]": "[8s]"}
POOL: Final = 'db_client_connection_pool_name="orders"'


@dataclass(frozen=True)
class Pools:
    """An application with two pools, and Prometheus over it."""

    application: PoolApplication
    prometheus: Prometheus

    def mended(self) -> None:
        """End the fault, and wait until every alert is over."""
        self.application.suffers("well")
        self.prometheus.is_quiet()


@pytest.fixture(scope="module")
def pools(start_postgres: StartPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """Return the application over a real PostgreSQL; every alert of its pools fires at once."""
    folder = tmp_path_factory.mktemp("pools")
    alerts = {name: moved for name, moved in at_once("pool").items() if name.startswith("Pool")}
    server = start_postgres()
    with pool_application(folder, server.url) as application:
        services: dict[str, dict[str, object]] = {
            "orders": {"kind": "http", "targets": [f"127.0.0.1:{application.port}"]},
            "orders-pool": {"kind": "pool", "part_of": "orders", "depends_on": ["orders-db"], "alerts": alerts},
            "orders-db": {"kind": "postgres", "url": server.url_of(server.user)},
        }
        with watching(folder, catalog_of(services), QUICK) as prometheus:
            yield Pools(application, prometheus)


def test_all_is_quiet_while_all_is_well(pools: Pools) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = pools.prometheus
    prometheus.has(f"min(count_over_time(db_client_connection_max{{{POOL}}}[1m])) >= 8")
    prometheus.knows('up{job="orders"}', 1)
    assert 2 == prometheus.value(f"db_client_connection_max{{{POOL}}}")
    assert set() == prometheus.active()


def test_a_slow_database_exhausts_the_pool(pools: Pools) -> None:
    """Requests wait, and none fails yet: one page, and tickets of what leads to it."""
    pools.application.suffers("slow database")
    pools.prometheus.fires("orders-pool", "PoolExhausted")
    pools.prometheus.fires("orders-pool", "PoolNearLimit", "PoolWaitsLong")
    assert {"PoolNearLimit", "PoolWaitsLong"} == {alert for _, alert in pools.prometheus.firing("ticket")}
    assert {("orders-pool", "PoolExhausted")} == pools.prometheus.firing("page")
    pools.mended()


def test_requests_that_get_no_connection_page(pools: Pools) -> None:
    """The database takes longer than anybody waits for its connections."""
    pools.application.suffers("hopeless database")
    pools.prometheus.fires("orders-pool", "PoolTimeouts")
    assert {("orders-pool", "PoolTimeouts"), ("orders-pool", "PoolExhausted")} >= pools.prometheus.firing("page")
    pools.mended()


def test_a_connection_that_nobody_gives_back_is_a_ticket(pools: Pools) -> None:
    """Long before the pool runs out."""
    pools.application.suffers("kept connection")
    pools.prometheus.fires("orders-pool", "PoolConnectionsHeld")
    assert set() == pools.prometheus.firing("page")
    pools.mended()


def test_a_slow_other_side_is_a_ticket_and_a_page_once_requests_fail(pools: Pools) -> None:
    """The pool of the HTTP client has one connection."""
    pools.application.suffers("slow other side")
    pools.prometheus.fires("orders-pool", "PoolHttpRequestsWaiting")
    assert set() == pools.prometheus.firing("page")
    pools.application.suffers("hopeless other side")
    pools.prometheus.fires("orders-pool", "PoolHttpTimeouts")
    assert {("orders-pool", "PoolHttpTimeouts")} == pools.prometheus.firing("page")
    pools.mended()


def test_pools_that_may_take_all_of_the_database_are_a_ticket(pools: Pools) -> None:
    """Long before they do, and over once there is one pool less."""
    pools.application.suffers("second pool")
    pools.prometheus.fires("orders-pool", "PoolsTooLargeForDatabase")
    assert {("orders-pool", "PoolsTooLargeForDatabase")} == pools.prometheus.active()
    pools.mended()


def test_an_application_that_tells_nothing_of_its_pools_any_more_is_a_ticket(pools: Pools) -> None:
    """It is up, and told of them before it was started anew."""
    pools.application.suffers("idle")
    pools.application.start()
    pools.prometheus.fires("orders-pool", "PoolTelemetryAbsent")
    assert set() == pools.prometheus.firing("page")
    pools.mended()
