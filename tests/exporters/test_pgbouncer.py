"""The pgbouncer collector on real servers, beside what pgbouncer_exporter says of one."""

import logging
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from pgbouncer import ENVIRON, PASSWORDS, PgbouncerServer, StartPgbouncer, running_pgbouncer
from postgres import PostgresServer
from scrapes import value
from servers import Family, LabelSet, RunningExporter, Scrape, StartExporter, eventually, parse

from seawall.exporters import inventory

pytestmark = pytest.mark.e2e

RECORDING: Final = Path(__file__).parent / "recordings/pgbouncer_exporter.txt"
OUR_OWN: Final = {
    "seawall_probe_success",
    "seawall_probe_duration_seconds",
    "seawall_probe_query_success",
    "seawall_probe_query_folded_rows",
}
# What goes on by itself, and what counts the questions of whoever asks.
MOVING: Final = ("seconds_total", "client_connections", "free_")
# Their columns are those of versions from 1.23 on, and Debian 12 has 1.18: tests/exporters/test_pgbouncer_tables.py.
OF_NEWER: Final = {f"pgbouncer_stats_totals_{name}_total" for name in ("server_assignments", "client_parses", "server_parses", "binds")}  # fmt: skip


@pytest.fixture(scope="module")
def server(start_pgbouncer: StartPgbouncer) -> PgbouncerServer:
    """Return a server that had what the recorded one had: a database that is used once, and a small one that is not."""
    found = start_pgbouncer({"odd": "pool_size=1 max_db_connections=1 pool_mode=session"})
    with found.client() as client:
        client.execute("SELECT 1")
    return found


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, server: PgbouncerServer) -> RunningExporter:
    """Return the exporter of it."""
    return start_exporter({"bouncer": server.url}, ENVIRON)


@pytest.fixture(scope="module")
def scrape(exporter: RunningExporter) -> Scrape:
    """Return what it tells."""
    return exporter.scrape("/probe?service=bouncer")


@pytest.fixture(scope="module")
def recorded(server: PgbouncerServer) -> Scrape:
    """Return what pgbouncer_exporter told of such a server, with the ports and the user of this one, and its own name."""
    behind, user = ("port", "5432", str(server.behind.port)), server.behind.user
    other = (("port", "6432", str(server.port)), ("user", "postgres", user), ("force_user", "postgres", user))
    here = {(name, there): text for name, there, text in (behind, *other, ("application_name", "", "seawall"))}

    def as_here(labels: LabelSet) -> LabelSet:
        return frozenset((name, here.get((name, text), text)) for name, text in labels)

    return {
        name: Family(family.type, {(sample, as_here(labels)): one for (sample, labels), one in family.samples.items()})
        for name, family in parse(RECORDING.read_text()).items()
    }


def test_names_types_labels_and_values_are_those_of_pgbouncer_exporter(scrape: Scrape, recorded: Scrape) -> None:
    """All that it says of a server of the same version; values where they are still."""
    assert recorded.keys() == scrape.keys() - OUR_OWN
    assert {name: recorded[name].type for name in recorded} == {name: scrape[name].type for name in recorded}
    assert {name: recorded[name].label_sets for name in recorded} == {name: scrape[name].label_sets for name in recorded}  # fmt: skip
    still = {name for name in recorded if not any(word in name for word in MOVING)}
    console = frozenset({("database", "pgbouncer")})  # which counts the questions of who asks

    def values(of: Scrape, name: str) -> dict[tuple[str, LabelSet], float]:
        return {key: one for key, one in of[name].samples.items() if key[1] != console}

    assert {name: values(recorded, name) for name in still} == {name: values(scrape, name) for name in still}


def test_all_that_is_declared_is_seen(scrape: Scrape) -> None:
    """But for what newer versions have."""
    assert {info.name for info in inventory()["pgbouncer"]} == scrape.keys() - OUR_OWN | OF_NEWER


def test_times_are_seconds_and_the_state_of_a_pool_is_told(exporter: RunningExporter, server: PgbouncerServer) -> None:
    """The server counts microseconds. A transaction holds the only connection of its pool, and another client waits."""

    def waiting() -> bool:
        return 1 == value(exporter.scrape("/probe?service=bouncer"), "pgbouncer_pools_client_waiting_connections", database="odd")  # fmt: skip

    def ask() -> None:
        with server.client("odd", application_name='no"line\nat all') as client:
            client.execute("SELECT 1")

    with server.client("odd") as holder:
        holder.execute("SELECT pg_sleep(0.2)")
        other = Thread(target=ask)
        other.start()
        eventually(waiting, 60)
        scrape = exporter.scrape("/probe?service=bouncer")
        assert 1 == value(scrape, "pgbouncer_pools_server_active_connections", database="odd")
        assert 1 == value(scrape, "pgbouncer_databases_current_connections", name="odd")
        waits = {"database": "odd", "user": "shop", "application_name": 'no"line\nat all', "state": "waiting"}
        assert 1 == value(scrape, "pgbouncer_client_connections", **waits)
        spent = value(scrape, "pgbouncer_stats_totals_queries_duration_seconds_total", database="odd")
        assert 0.2 <= spent < 60
    other.join(60)


def test_the_connection_is_kept_and_a_restart_costs_no_probe(
    start_exporter: StartExporter, postgres: PostgresServer
) -> None:
    """Three probes are one login; the first one after a restart succeeds."""
    with running_pgbouncer(postgres) as first:
        exporter = start_exporter({"bouncer": first.url}, ENVIRON)
        for _ in range(3):
            scrape = exporter.scrape("/probe?service=bouncer")
        assert [1, 1] == [value(scrape, "pgbouncer_up"), value(scrape, "pgbouncer_used_clients")]
    with running_pgbouncer(postgres, port=first.port):
        assert 1 == value(exporter.scrape("/probe?service=bouncer"), "pgbouncer_up")


def test_who_may_not_look_is_told_so_without_the_password(
    start_exporter: StartExporter, server: PgbouncerServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password, and a user who is in neither list."""
    caplog.set_level(logging.DEBUG)
    urls = {
        "wrong": f"pgbouncer://seawall:${{BAD}}@127.0.0.1:{server.port}",
        "forbidden": f"pgbouncer://shop:${{SHOP}}@127.0.0.1:{server.port}/pgbouncer",
    }
    exporter = start_exporter(urls, {"BAD": "wrong-secret", "SHOP": PASSWORDS["shop"]})

    pages = {name: exporter.scrape(f"/probe?service={name}") for name in urls}
    assert [0, 0] == [value(page, "pgbouncer_up") for page in pages.values()]
    assert "probe of wrong failed" in caplog.text
    assert "authentication failed" in caplog.text
    assert "probe of forbidden failed" in caplog.text
    assert "not allowed" in caplog.text
    assert not any(secret in caplog.text + repr(pages) for secret in ("wrong-secret", PASSWORDS["shop"]))


def test_a_database_that_is_no_console_is_down(start_exporter: StartExporter, postgres: PostgresServer) -> None:
    """PostgreSQL itself has no such database."""
    exporter = start_exporter({"bouncer": f"pgbouncer://{postgres.user}@127.0.0.1:{postgres.port}"})
    assert 0 == value(exporter.scrape("/probe?service=bouncer"), "pgbouncer_up")
    postgres.run("CREATE DATABASE pgbouncer")
    assert 0 == value(exporter.scrape("/probe?service=bouncer"), "pgbouncer_up")
