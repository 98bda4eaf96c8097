"""PostgreSQL servers that hang, lie, refuse, forbid and are far too large: each probe ends in time and tells no secret."""

import logging
from collections.abc import Iterator

import psycopg
import pytest
from hostile import PASSWORD, is_down
from outside import Behaviour, tcp
from postgres import PostgresServer, StartPostgres
from postgres_wire import BEHAVIOURS, tattle
from scrapes import folded, queries, value
from servers import RunningExporter, StartExporter, free_port

from seawall.exporters.postgres import QUERIES
from seawall.exporters.postgres_query import LIMIT

HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "2.5"}  # a deadline of two seconds


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """While it still hangs, and no thread is left behind."""
    is_down(start_exporter, "postgresql://somebody@127.0.0.1:{port}", behaviour, "pg_up")


def test_a_refused_connection_is_down(start_exporter: StartExporter) -> None:
    """Nobody listens on the port."""
    exporter = start_exporter({"orders": f"postgresql://127.0.0.1:{free_port()}"})
    assert value(exporter.scrape("/probe?service=orders"), "pg_up") == 0


def guarded(start_exporter: StartExporter, port: int, password: str) -> RunningExporter:
    """Return an exporter of one server with a password from the environment."""
    return start_exporter({"orders": f"postgresql://somebody:${{P}}@127.0.0.1:{port}/postgres"}, {"P": password})


def test_a_password_that_a_server_repeats_is_not_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the page holds it, nor who it is of."""
    caplog.set_level(logging.DEBUG)
    with tcp(tattle) as port:
        exporter = guarded(start_exporter, port, PASSWORD)
        page = exporter.scrape("/probe?service=orders")
    assert value(page, "pg_up") == 0
    assert "probe of orders failed" in caplog.text
    assert "is wrong for user" in caplog.text
    assert "hunter2" not in caplog.text + repr(page)
    assert "somebody" not in caplog.text + repr(page)


@pytest.fixture(scope="module")
def real(start_postgres: StartPostgres) -> PostgresServer:
    """Return a server with a user who must know his password, one who monitors, and one who may next to nothing."""
    running = start_postgres("shared_preload_libraries=pg_stat_statements", "wal_level=replica")
    hba = running.folder / "data/pg_hba.conf"
    hba.write_text("host all somebody 127.0.0.1/32 scram-sha-256\n" + hba.read_text())
    running.run(
        f"CREATE ROLE somebody LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor",
        "CREATE ROLE monitor LOGIN IN ROLE pg_monitor",
        "CREATE ROLE poor LOGIN",
        "CREATE EXTENSION pg_stat_statements",
        "SELECT pg_reload_conf()",
    )
    return running


@pytest.mark.e2e
def test_a_wrong_password_is_down_and_says_so(
    start_exporter: StartExporter, real: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells a wrong password from a dead server; with the right one it is up."""
    assert value(guarded(start_exporter, real.port, "the-wrong-one").scrape("/probe?service=orders"), "pg_up") == 0
    assert "password authentication failed" in caplog.text
    assert "the-wrong-one" not in caplog.text
    assert value(guarded(start_exporter, real.port, PASSWORD).scrape("/probe?service=orders"), "pg_up") == 1


@pytest.mark.e2e
def test_pg_monitor_is_enough(start_exporter: StartExporter, real: PostgresServer) -> None:
    """Every query has its answer."""
    exporter = start_exporter({"orders": real.url_of("monitor")})
    assert {1.0} == set(queries(exporter.scrape("/probe?service=orders")).values())


@pytest.mark.e2e
def test_a_role_without_rights_loses_what_it_may_not_see_and_that_alone(
    start_exporter: StartExporter, real: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What would be full of holes is not told at all, and which queries these are is; the log says it once."""
    exporter = start_exporter({"orders": real.url_of("poor")})
    for _ in range(2):
        scrape = exporter.scrape("/probe?service=orders")
    assert value(scrape, "pg_up") == 1
    refused = {name for name, success in queries(scrape).items() if not success}
    assert {
        "long_running_transactions",
        "stat_activity",
        "stat_replication",
        "stat_statements",
        "stat_wal_receiver",
        "wal",
    } == refused
    assert not {"pg_stat_activity_count", "pg_wal_segments", "pg_stat_statements_calls_total"} & scrape.keys()
    assert {"pg_locks_count", "pg_settings_max_connections", "pg_stat_database_numbackends"} <= scrape.keys()
    assert 1 == caplog.text.count("refuses the query wal: permission denied")


@pytest.mark.e2e
def test_one_view_that_is_closed_is_missing_alone_and_is_back_with_its_right(
    start_exporter: StartExporter, real: PostgresServer
) -> None:
    """The connection lives on, and nothing has to be restarted."""
    exporter = start_exporter({"orders": real.url_of("monitor")})
    real.run("REVOKE SELECT ON pg_stat_archiver FROM PUBLIC")
    scrape = exporter.scrape("/probe?service=orders")
    assert {"stat_archiver"} == {name for name, success in queries(scrape).items() if not success}
    assert "pg_stat_archiver_failed_count" not in scrape
    assert "pg_stat_activity_count" in scrape
    real.run("GRANT SELECT ON pg_stat_archiver TO PUBLIC")
    assert {1.0} == set(queries(exporter.scrape("/probe?service=orders")).values())


@pytest.mark.e2e
def test_a_table_that_somebody_has_to_himself_costs_its_size_alone(
    start_exporter: StartExporter, real: PostgresServer
) -> None:
    """A migration that holds its lock for an hour blinds nobody: a query that waited for it would have no answer."""
    real.run("CREATE TABLE held (id int)", "CREATE TABLE free (id int)", "INSERT INTO held VALUES (1)")
    exporter = start_exporter({"orders": real.url_of("monitor")})
    exporter.scrape("/probe?service=orders")
    with psycopg.connect(real.url) as migration:
        migration.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        scrape = exporter.scrape("/probe?service=orders")
    sized = {dict(labels)["relname"] for _, labels in scrape["pg_stat_user_tables_table_size_bytes"].samples}
    counted = {dict(labels)["relname"] for _, labels in scrape["pg_stat_user_tables_n_live_tup"].samples}
    assert [(False, True), (True, True)] == [("held" in sized, "free" in sized), ("held" in counted, "free" in counted)]
    assert {1.0} == set(queries(scrape).values())


@pytest.mark.e2e
def test_a_query_that_has_no_answer_in_time_is_missing_alone(
    start_exporter: StartExporter, real: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The others have theirs, in the probe where it begins and in the next; and it is back when it can be."""
    exporter = start_exporter({"orders": real.url_of("monitor")})
    with psycopg.connect(real.url) as holder:
        holder.execute("LOCK TABLE pg_stat_archiver IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            scrape = exporter.scrape("/probe?service=orders")
            assert {"stat_archiver"} == {name for name, success in queries(scrape).items() if not success}
    assert {1.0} == set(queries(exporter.scrape("/probe?service=orders")).values())
    assert "refuses the query stat_archiver: canceling statement due to lock timeout" in caplog.text


HOSTILE = ['qu"ote', "back\\slash", "new\nline", "snow ☃", "per%cent", "dollar ${P}", "semi;colon", "o'hara", "OTHERS"]


@pytest.mark.e2e
def test_hostile_names_are_told_as_they_are(start_exporter: StartExporter, real: PostgresServer) -> None:
    """Quotes, newlines and what would end a statement: of tables, and of applications."""
    for name in HOSTILE:
        quoted = name.replace('"', '""')
        real.run(f'CREATE TABLE "{quoted}" (id int)')
    with psycopg.connect(real.url, application_name='qu"ote; DROP TABLE x') as connection:
        connection.execute("SELECT 1")
        scrape = start_exporter({"orders": real.url_of("monitor")}).scrape("/probe?service=orders")
    tables = {dict(labels)["relname"] for _, labels in scrape["pg_stat_user_tables_seq_scan"].samples}
    assert set(HOSTILE) <= tables
    applications = {dict(labels)["application_name"] for _, labels in scrape["pg_stat_activity_count"].samples}
    assert 'qu"ote; DROP TABLE x' in applications


@pytest.mark.e2e
def test_names_that_are_no_utf_8_stay_apart(start_exporter: StartExporter, real: PostgresServer) -> None:
    """A database without an encoding takes any bytes."""
    real.run("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with psycopg.connect(real.url_of(real.user, "bytes"), autocommit=True) as connection:
        for byte in (b"\xfe", b"\xff"):
            connection.execute(b'CREATE TABLE "t' + byte + b'" (id int)')
    exporter = start_exporter({"orders": real.url_of("monitor", "bytes")})
    scrape = exporter.scrape("/probe?service=orders")
    tables = {dict(labels)["relname"] for _, labels in scrape["pg_stat_user_tables_seq_scan"].samples}
    assert {"t\\xfe", "t\\xff"} <= tables


@pytest.fixture
def shadowed(real: PostgresServer) -> Iterator[PostgresServer]:
    """Return the server with functions that somebody put before the system's own."""
    real.run(
        "CREATE DATABASE shadowed",
        "ALTER ROLE monitor SET search_path = evil, pg_catalog",
    )
    real.run(
        "CREATE SCHEMA evil",
        "CREATE TABLE evil.caught (who text)",
        "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS "
        "$$ INSERT INTO evil.caught VALUES (current_user) RETURNING 'caught' $$",
        "CREATE VIEW evil.pg_locks AS SELECT 'caught'::text AS mode, 1::oid AS database, 1::oid AS relation",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
        "GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC",
        database="shadowed",
    )
    yield real
    real.run("ALTER ROLE monitor RESET search_path")


@pytest.mark.e2e
def test_what_somebody_put_before_the_systems_own_is_never_called(
    start_exporter: StartExporter, shadowed: PostgresServer
) -> None:
    """Who owns a database cannot borrow the rights of the role that monitors it."""
    exporter = start_exporter({"orders": shadowed.url_of("monitor", "shadowed")})
    scrape = exporter.scrape("/probe?service=orders")
    assert {1.0} == set(queries(scrape).values())
    assert "caught" not in repr(scrape["pg_locks_count"])
    assert [] == shadowed.run("SELECT * FROM evil.caught", database="shadowed")


@pytest.fixture(scope="module")
def huge(start_postgres: StartPostgres) -> PostgresServer:
    """Return a server whose catalog says that it has 50,000 databases and tables; all but a few of them have no files."""
    server = start_postgres("allow_system_table_mods=on", "autovacuum=off")
    server.run(
        "DO $$ BEGIN FOR n IN 1..250 LOOP "
        "EXECUTE format('CREATE TABLE t%s AS SELECT * FROM generate_series(1, %s) AS id', n, n); END LOOP; END $$",
        "ANALYZE",
    )
    for table, name in (("pg_database", "datname"), ("pg_class", "relname")):
        columns = server.ask(
            f"SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = '{table}'::regclass "
            "AND attnum > 0 AND attname NOT IN ('oid', 'datname', 'relname', 'relpages', 'reltoastrelid')"
        )
        more = ", 0, 0" if table == "pg_class" else ""
        server.run(
            f"INSERT INTO {table} (oid, {name}, {columns}{', relpages, reltoastrelid' if more else ''}) "
            f"SELECT 1000000 + n, 'many' || n, {columns}{more} FROM {table}, generate_series(1, 50000) n "
            f"WHERE {name} IN ('postgres', 't1')"
        )
    return server


@pytest.mark.e2e
def test_far_too_many_are_bounded_and_counted(start_exporter: StartExporter, huge: PostgresServer) -> None:
    """The largest are kept, the rest is one row, how many these are is told, and the probe ends in time."""
    exporter = start_exporter({"orders": huge.url_of(huge.user)})
    scrape = exporter.scrape("/probe?service=orders")
    assert {1.0} == set(queries(scrape).values())
    beyond = folded(scrape)
    databases = huge.ask("SELECT count(*) FROM pg_database") - LIMIT
    tables = 50_250 - LIMIT
    assert {
        "stat_user_tables": tables,
        **dict.fromkeys(("stat_database", "database", "database_size"), databases),
    } == beyond
    sizes = {len(family.samples) for family in scrape.values()}
    assert max(sizes) == LIMIT + 1


@pytest.mark.e2e
def test_the_largest_are_kept_and_the_rest_is_summed(start_exporter: StartExporter, huge: PostgresServer) -> None:
    """Of what is so now; a sum of counters whose members change would look like restarts, so there is none."""
    scrape = start_exporter({"orders": huge.url_of(huge.user)}).scrape("/probe?service=orders")
    rows = {
        dict(labels)["relname"]: one for (_, labels), one in scrape["pg_stat_user_tables_n_live_tup"].samples.items()
    }
    assert {"t250", "t249", "others"} <= rows.keys()
    assert huge.ask("SELECT sum(n_live_tup) FROM pg_stat_user_tables") == sum(rows.values())
    assert "others" not in {dict(labels)["relname"] for _, labels in scrape["pg_stat_user_tables_seq_scan"].samples}
    assert "others" in {dict(labels)["datname"] for _, labels in scrape["pg_stat_database_numbackends"].samples}


@pytest.mark.e2e
def test_a_connection_that_the_server_closed_is_opened_again(
    start_exporter: StartExporter, real: PostgresServer
) -> None:
    """Nobody sees that the last one is gone: it failed while nothing was asked."""
    exporter = start_exporter({"orders": real.url_of("monitor")})
    assert 1 == value(exporter.scrape("/probe?service=orders"), "pg_up")
    real.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seawall'")
    assert 1 == value(exporter.scrape("/probe?service=orders"), "pg_up")


def test_every_query_has_a_name_of_its_own() -> None:
    """They are what seawall_probe_query_success tells apart."""
    names = [query.name for query in QUERIES]
    assert sorted(set(names)) == sorted(names)
