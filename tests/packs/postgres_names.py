"""What exporters tell of a real PostgreSQL and its standby, for the test of the names that its pack uses."""

from collections.abc import Iterator
from threading import Thread

import psycopg
import pytest
from postgres import PostgresServer, StartPostgres
from servers import Exposed, StartExporter, answers, eventually, exposed, free_port, get, parse, process


@pytest.fixture(scope="module")
def cluster(start_postgres: StartPostgres) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Return a primary with a slot that is lost, statements and a session that waits, and its standby."""
    server = start_postgres("shared_preload_libraries=pg_stat_statements", "max_slot_wal_keep_size=16MB")
    server.run("CREATE EXTENSION pg_stat_statements", "CREATE TABLE orders (id int)", "CREATE TABLE items (id int)")
    server.run("SELECT pg_create_physical_replication_slot('idle', true)")
    server.run(*("CREATE TABLE x (id int)", "SELECT pg_switch_wal()", "DROP TABLE x", "SELECT pg_switch_wal()") * 2)
    server.run("CHECKPOINT", "VACUUM ANALYZE orders", "SELECT id FROM orders")
    standby = start_postgres(standby_of=server)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(server.url) as holder:
        holder.execute("LOCK TABLE orders")
        thread = Thread(target=server.run, args=("SELECT * FROM orders",))
        thread.start()
        eventually(lambda: server.ask(waiting) == 1)
        replaying = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL"
        eventually(lambda: server.ask(replaying) == 1)
        yield server, standby
    thread.join(10)


@pytest.fixture(scope="module")
def postgres_by_seawall(start_exporter: StartExporter, cluster: tuple[PostgresServer, PostgresServer]) -> Exposed:
    """Return what Seawall's exporter tells of both."""
    exporter = start_exporter({f"postgres-{at}": each.url_of(each.user) for at, each in enumerate(cluster)})
    return exposed(exporter.scrape(f"/probe?service=postgres-{at}") for at in range(2))


@pytest.fixture(scope="module")
def postgres_by_postgres_exporter(
    tmp_path_factory: pytest.TempPathFactory, cluster: tuple[PostgresServer, PostgresServer]
) -> Iterator[Exposed]:
    """Return what postgres_exporter, as it is installed, tells of the same."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = ("prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{port}")
    source = f"DATA_SOURCE_NAME={cluster[0].url}?sslmode=disable"
    with process("env", source, *command, cwd=tmp_path_factory.mktemp("postgres_exporter")):
        eventually(lambda: answers(url))
        yield exposed([parse(get(url))])
