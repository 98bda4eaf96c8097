"""What the exporter leaves planned in a session of PostgreSQL, and where it leaves nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest
from pgbouncer import PASSWORDS, running_pgbouncer
from postgres import PostgresServer, running_postgres
from servers import RunningExporter, Scrape, StartExporter

from seawall.exporters.postgres_plans import Plans

LOCKS: Final = {"locks": "SELECT 1 FROM pg_locks"}
OTHER: Final = {"locks": "SELECT 2 FROM pg_locks"}
PREPARED: Final = ["PREPARE seawall_locks AS SELECT 1 FROM pg_locks", "EXECUTE seawall_locks"]


def plans(*, is_alone: bool = True) -> Plans:
    """Return the plans of a new connection."""
    made = Plans()
    made.begin(is_alone=is_alone)
    return made


def test_a_query_is_prepared_once() -> None:
    """From then on it is only executed."""
    made = plans()
    assert PREPARED == made.statements(LOCKS)
    made.are_made(LOCKS)
    assert ["EXECUTE seawall_locks"] == made.statements(LOCKS)


def test_a_query_whose_text_changes_is_prepared_again() -> None:
    """As after an update of an extension, which has other columns then."""
    made = plans()
    made.are_made(LOCKS)
    expected = ["DEALLOCATE seawall_locks", "PREPARE seawall_locks AS SELECT 2 FROM pg_locks", "EXECUTE seawall_locks"]
    assert expected == made.statements(OTHER)


@pytest.mark.parametrize("lost", [lambda made: made.begin(is_alone=True), Plans.forgotten])
def test_what_is_not_known_to_be_prepared_is_prepared_again(lost: Callable[[Plans], object]) -> None:
    """After a new connection, and after statements that failed half way."""
    made = plans()
    made.are_made(LOCKS)
    lost(made)
    assert PREPARED == made.statements(LOCKS)


def test_what_failed_leaves_nothing_behind() -> None:
    """Nobody knows which statements were prepared before the one that failed."""
    assert ["DEALLOCATE ALL"] == plans().forgotten()


def test_behind_a_pooler_nothing_is_prepared() -> None:
    """Nor taken away: the statements there are somebody else's."""
    made = plans(is_alone=False)
    made.are_made(LOCKS)
    assert (list(LOCKS.values()), []) == (made.statements(LOCKS), made.forgotten())


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Return a server that counts how often it plans a statement."""
    counts = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on")
    with running_postgres(*counts) as running:
        running.run("CREATE EXTENSION pg_stat_statements", "CREATE ROLE monitor LOGIN", "GRANT pg_monitor TO monitor")
        yield running


def missing(scrape: Scrape) -> Sequence[str]:
    """Return the queries without an answer."""
    outcomes = scrape["seawall_probe_query_success"].samples
    return [dict(labels)["query"] for (_, labels), success in outcomes.items() if not success]


def probed(exporter: RunningExporter, times: int) -> list[Sequence[str]]:
    """Return the queries without an answer of each of some probes."""
    return [missing(exporter.scrape("/probe?service=orders")) for _ in range(times)]


@pytest.mark.e2e
def test_the_server_plans_a_query_once(start_exporter: StartExporter, server: PostgresServer) -> None:
    """And answers it at each probe; also after one of the queries was refused."""
    exporter = start_exporter({"orders": server.url_of("monitor")})
    locks = "FROM pg_stat_statements WHERE query LIKE '%l.mode%'"
    server.ask("SELECT count(pg_stat_statements_reset())")
    assert [[]] * 3 == probed(exporter, 3)
    assert [(1, 3)] == server.run(f"SELECT plans, calls {locks}")
    server.run("REVOKE SELECT ON pg_stat_archiver FROM PUBLIC")
    assert [["stat_archiver"]] * 3 == probed(exporter, 3)
    server.run("GRANT SELECT ON pg_stat_archiver TO PUBLIC")
    server.ask("SELECT count(pg_stat_statements_reset())")
    assert [[]] * 4 == probed(exporter, 4)
    assert server.ask(f"SELECT sum(plans) {locks}") < server.ask(f"SELECT sum(calls) {locks}") == 4


@pytest.mark.e2e
def test_a_session_that_a_pooler_lends_keeps_nothing(start_exporter: StartExporter, server: PostgresServer) -> None:
    """The next who asks there would find the exporter's statements."""
    with running_pgbouncer(server, default_pool_size=1, ignore_startup_parameters="extra_float_digits") as pooler:
        url = f"postgresql://shop:${{PASSWORD}}@127.0.0.1:{pooler.port}/orders"
        exporter = start_exporter({"orders": url}, {"PASSWORD": PASSWORDS["shop"]})
        assert [[]] * 2 == probed(exporter, 2)
        with pooler.client() as client:
            assert [(0,)] == client.execute("SELECT count(*) FROM pg_prepared_statements").fetchall()
