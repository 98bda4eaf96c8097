"""What goes wrong with PgBouncer for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final

import psycopg
import pytest
from pgbouncer import ENVIRON, PgbouncerServer, StartPgbouncer
from servers import eventually

from .watching import Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

QUICK: Final = {"[5m]": "[10s]"}  # counters that a test moves for some seconds are read over as many
LIMIT: Final = 30  # clients that the crowded one takes
DATABASES: Final = {"narrow": "pool_size=1", "tight": "pool_size=5 max_db_connections=1"}


@dataclass(frozen=True)
class Bouncers:
    """What is watched: one with small pools, and one that takes few clients."""

    prometheus: Prometheus
    bouncer: PgbouncerServer
    crowded: PgbouncerServer

    def fire(self, *alerts: str, service: str = "bouncer") -> None:
        """Wait until *alerts* fire; nothing else does."""
        self.prometheus.fires(service, *alerts)
        assert {(service, alert) for alert in alerts} == self.prometheus.firing()


@pytest.fixture(scope="module")
def bouncers(start_pgbouncer: StartPgbouncer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bouncers]:
    """Return both, and Prometheus over them."""
    bouncer, crowded = start_pgbouncer(DATABASES), start_pgbouncer(max_client_conn=LIMIT)
    catalog = catalog_of_kind("pgbouncer", {"bouncer": bouncer.url, "crowded": crowded.url})
    with watching(tmp_path_factory.mktemp("bouncers"), catalog, QUICK, ENVIRON) as prometheus:
        yield Bouncers(prometheus, bouncer, crowded)


@contextmanager
def threads(work: Callable[[], None], many: int) -> Iterator[None]:
    """Run *work* in threads; whoever leaves the block sees to it that it ends."""
    running = [Thread(target=work) for _ in range(many)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        for thread in running:
            thread.join(60)


def ask(bouncer: PgbouncerServer, database: str, query: str = "SELECT 1") -> None:
    """Ask once; to be sent away is an answer too."""
    with suppress(psycopg.Error), bouncer.client(database) as client:
        client.execute(query.encode())


@contextmanager
def exhausted(bouncer: PgbouncerServer, database: str) -> Iterator[None]:
    """Let a statement sleep on the only server connection, and three clients wait behind it."""
    sleeping = "pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
    with threads(lambda: ask(bouncer, database, "SELECT pg_sleep(600)"), 1):
        eventually(lambda: bouncer.behind.ask(f"SELECT count(*) FROM {sleeping}") == 1, 60)
        with threads(lambda: ask(bouncer, database), 3):
            try:
                yield
            finally:
                bouncer.behind.run(f"SELECT pg_cancel_backend(pid) FROM {sleeping}")


def test_all_is_quiet_while_all_is_well(bouncers: Bouncers) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    ask(bouncers.bouncer, "orders")
    bouncers.prometheus.knows("pgbouncer_up", 2)
    assert set() == bouncers.prometheus.active()


def test_a_pool_that_a_sleeping_statement_holds_pages_for_those_who_wait(bouncers: Bouncers) -> None:
    """And is a ticket as what is too small."""
    with exhausted(bouncers.bouncer, "narrow"):
        bouncers.fire("PgbouncerClientsWaitLong", "PgbouncerPoolSaturated")
        assert {("bouncer", "PgbouncerClientsWaitLong")} == bouncers.prometheus.firing("page")
    bouncers.prometheus.is_quiet()


def test_a_database_at_its_limit_of_server_connections_is_told_of(bouncers: Bouncers) -> None:
    """Its pool has room, and clients wait."""
    with exhausted(bouncers.bouncer, "tight"):
        bouncers.fire("PgbouncerClientsWaitLong", "PgbouncerDatabaseNearLimit")
    bouncers.prometheus.is_quiet()


def test_short_waits_of_many_are_a_ticket(bouncers: Bouncers) -> None:
    """Nobody waits for long, and everybody waits."""
    stop = Event()

    def work() -> None:
        with bouncers.bouncer.client("narrow") as client:
            while not stop.is_set():
                client.execute("SELECT pg_sleep(0.05)")

    with threads(work, 5):
        try:
            bouncers.fire("PgbouncerWaitTimeHigh", "PgbouncerPoolSaturated")
        finally:
            stop.set()
    bouncers.prometheus.is_quiet()


def test_transactions_that_wait_for_their_application_are_a_ticket(bouncers: Bouncers) -> None:
    """They hold servers, which are not at work."""
    stop = Event()

    def work() -> None:
        with bouncers.bouncer.client() as client:
            while not stop.is_set():
                with client.transaction():
                    client.execute("SELECT 1")
                    stop.wait(0.3)

    with threads(work, 5):
        try:
            bouncers.fire("PgbouncerTransactionsIdle")
        finally:
            stop.set()
    bouncers.prometheus.is_quiet()


def test_a_database_that_was_left_paused_is_a_ticket_and_its_queue_a_page(bouncers: Bouncers) -> None:
    """A paused one has no servers, and that is no news."""
    bouncers.bouncer.console("PAUSE orders")
    bouncers.fire("PgbouncerDatabasePaused")
    with threads(lambda: ask(bouncers.bouncer, "orders"), 2):
        try:
            bouncers.fire("PgbouncerDatabasePaused", "PgbouncerClientsWaitLong")
        finally:
            bouncers.bouncer.console("RESUME orders")
    bouncers.prometheus.is_quiet()


def test_a_disabled_database_is_a_ticket(bouncers: Bouncers) -> None:
    """Until it is enabled."""
    bouncers.bouncer.console("DISABLE orders")
    try:
        bouncers.fire("PgbouncerDatabaseDisabled")
    finally:
        bouncers.bouncer.console("ENABLE orders")
    bouncers.prometheus.is_quiet()


def test_clients_near_the_limit_page_and_the_exporter_goes_on_telling(bouncers: Bouncers) -> None:
    """Its connection is kept: at the limit it is still in."""
    with ExitStack() as stack:
        for _ in range(LIMIT - 2):
            stack.enter_context(bouncers.crowded.client())
        bouncers.fire("PgbouncerClientsNearLimit", service="crowded")
        with suppress(psycopg.OperationalError):
            for _ in range(5):
                stack.enter_context(bouncers.crowded.client())
        bouncers.prometheus.has(f'pgbouncer_used_clients{{job="crowded"}} >= {LIMIT}')
        assert 1 == bouncers.prometheus.value('pgbouncer_up{job="crowded"}')
    bouncers.prometheus.is_quiet()


def test_clients_that_do_not_come_past_the_login_are_a_ticket(bouncers: Bouncers) -> None:
    """They connect and say nothing."""
    with ExitStack() as stack:
        for _ in range(25):
            stack.enter_context(socket.create_connection(("127.0.0.1", bouncers.bouncer.port), 60))
        bouncers.fire("PgbouncerLoginsPending")
    bouncers.prometheus.is_quiet()


def test_postgresql_that_is_away_pages_until_it_is_back(bouncers: Bouncers) -> None:
    """One page, and not another one of the wait."""
    behind = bouncers.bouncer.behind
    behind.stop()
    started = False
    try:
        with threads(lambda: ask(bouncers.bouncer, "orders"), 1):
            bouncers.fire("PgbouncerNoServers")
            assert {("bouncer", "PgbouncerNoServers")} == bouncers.prometheus.firing("page")
            behind.start()
            started = True

            def answers_again() -> bool:
                with suppress(psycopg.Error), bouncers.bouncer.client() as client:
                    return client.execute("SELECT 1").fetchone() == (1,)
                return False

            eventually(answers_again, 60)
    finally:
        if not started:
            behind.start()
    bouncers.prometheus.is_quiet()
