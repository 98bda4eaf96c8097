"""The postgres collector on a real primary and its standby, and beside postgres_exporter where there is one."""

import shutil
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest
from postgres import PostgresServer, StartPostgres
from scrapes import misdeclared, queries, unseen, value
from servers import RunningExporter, Scrape, StartExporter, answers, eventually, free_port, get, parse, process

from seawall.exporters.postgres_query import Server
from seawall.exporters.postgres_server import CHECKPOINTER
from seawall.exporters.postgres_settings import factor
from seawall.exporters.postgres_tables import STATEMENTS

pytestmark = pytest.mark.e2e

PRIMARY: Final = (
    "shared_preload_libraries=pg_stat_statements",
    "track_io_timing=on",
    "archive_mode=on",
    "archive_command=true",
    "max_slot_wal_keep_size=64MB",
    "autovacuum_naptime=1",
    "autovacuum_vacuum_threshold=1",
    "autovacuum_vacuum_scale_factor=0",
    "autovacuum_analyze_threshold=1",
    "autovacuum_analyze_scale_factor=0",
)
# Version 17 has these, and Debian 12 has 15: the test of that view stands below.
OF_NEWER: Final = {info.name for info in CHECKPOINTER.families.values()}


@pytest.fixture(scope="module")
def primary(start_postgres: StartPostgres) -> PostgresServer:
    """Return a server with a table that was used, a logical slot, statements that were counted, and an archive."""
    server = start_postgres(*PRIMARY, "wal_level=logical")
    server.run(
        "CREATE EXTENSION pg_stat_statements",
        "CREATE TABLE orders (id int PRIMARY KEY, what text)",
        "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 1000) n",
        "DELETE FROM orders WHERE id > 900",
        "SELECT what FROM orders WHERE id = 7",
        "SELECT pg_create_logical_replication_slot('feed', 'test_decoding')",
        "SELECT pg_switch_wal()",
        "VACUUM ANALYZE orders",
        "SELECT pg_stat_reset_shared('bgwriter')",
        "SELECT pg_stat_reset()",
        "SELECT count(*) FROM orders",
        "DELETE FROM orders WHERE id > 800",
    )
    return server


@pytest.fixture(scope="module")
def standby(start_postgres: StartPostgres, primary: PostgresServer) -> PostgresServer:
    """Return a standby that has caught up."""
    server = start_postgres(*PRIMARY, standby_of=primary)
    primary.run("INSERT INTO orders VALUES (5000, 'late')")
    eventually(lambda: server.ask("SELECT count(*) FROM orders WHERE id = 5000") == 1)
    eventually(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL") == 1)
    return server


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, primary: PostgresServer, standby: PostgresServer) -> RunningExporter:
    """Return the exporter of both."""
    return start_exporter({"primary": primary.url_of(primary.user), "standby": standby.url_of(standby.user)})


@pytest.fixture(scope="module")
def scrapes(exporter: RunningExporter, primary: PostgresServer) -> dict[str, Scrape]:
    """Return a scrape of each, once vacuums and the archive are in the primary's statistics."""
    primary.run("VACUUM ANALYZE orders", "SELECT pg_switch_wal()")
    eventually(lambda: primary.ask("SELECT archived_count FROM pg_stat_archiver") > 0)
    visited = "SELECT last_autovacuum IS NOT NULL AND last_autoanalyze IS NOT NULL FROM pg_stat_user_tables"
    primary.run("INSERT INTO orders VALUES (6000, 'x')", "DELETE FROM orders WHERE id > 700")
    eventually(lambda: primary.ask(visited))
    return {name: exporter.scrape(f"/probe?service={name}") for name in ("primary", "standby")}


def test_every_declared_family_is_seen_of_one_server_or_another(scrapes: dict[str, Scrape]) -> None:
    """The inventory holds no name that no real server has."""
    assert OF_NEWER == unseen("postgres", scrapes.values())


def test_the_declaration_says_the_name_type_and_labels_of_what_is_exposed(scrapes: dict[str, Scrape]) -> None:
    """The inventory is true of a real scrape, also of counters that were named without ``_total``."""
    assert [] == misdeclared("postgres", scrapes.values())


def test_every_query_has_its_answer(scrapes: dict[str, Scrape]) -> None:
    """On a primary and on a standby."""
    assert {1.0} == {one for scrape in scrapes.values() for one in queries(scrape).values()}


def test_the_numbers_are_the_servers(scrapes: dict[str, Scrape]) -> None:
    """Settings in bytes and seconds, what the tables hold, and who is whose standby."""
    primary, standby = scrapes["primary"], scrapes["standby"]
    assert [50, 3, 134217728, 300] == [
        value(primary, f"pg_settings_{name}")
        for name in (
            "max_connections",
            "superuser_reserved_connections",
            "shared_buffers_bytes",
            "checkpoint_timeout_seconds",
        )
    ]
    assert value(primary, "pg_stat_user_tables_seq_tup_read", relname="orders") >= 900
    assert value(primary, "pg_stat_user_tables_table_size_bytes", relname="orders") > 8192
    assert [0, 1] == [value(each, "pg_replication_is_replica") for each in (primary, standby)]
    assert value(primary, "pg_stat_replication_pg_wal_lsn_diff", application_name="standby", slot_name="standby") < 1e9
    assert 0 == value(primary, "pg_replication_slots_active", slot_name="feed", database="postgres")
    assert 1 == value(primary, "pg_replication_slots_wal_status", slot_name="standby", wal_status="reserved")
    assert value(standby, "pg_stat_wal_receiver_flushed_lsn", upstream_host="127.0.0.1", status="streaming") > 0


def test_a_probe_is_two_messages_and_leaves_no_transaction_open(
    exporter: RunningExporter, primary: PostgresServer
) -> None:
    """The connection is kept, says who it is, and its last transaction was read-only."""
    exporter.scrape("/probe?service=primary")
    before = primary.run("SELECT pid, state FROM pg_stat_activity WHERE application_name = 'seawall'")
    exporter.scrape("/probe?service=primary")
    after = primary.run("SELECT pid, state FROM pg_stat_activity WHERE application_name = 'seawall'")
    assert [(before[0][0], "idle")] == after == before
    sent = primary.ask("SELECT query FROM pg_stat_activity WHERE application_name = 'seawall'")
    assert sent.startswith("BEGIN READ ONLY; SET LOCAL statement_timeout = 2000; SET LOCAL lock_timeout = 500;")


@pytest.mark.parametrize("version", ["1.7", "1.8", "1.11"])
def test_statements_are_asked_in_the_words_of_the_extensions_version(version: str) -> None:
    """Version 1.8 split the time of planning off, and 1.11 the blocks that are shared."""
    parts = tuple(int(part) for part in version.split("."))
    text = STATEMENTS.text(Server(150000, True, "public.pg_stat_statements", parts))
    assert ("total_exec_time" in text, "shared_blk_read_time" in text) == (parts >= (1, 8), parts >= (1, 11))


def test_the_checkpoints_of_version_17_have_their_names(start_postgres: StartPostgres) -> None:
    """Its view, with the documented columns, in the catalog of an older server: what is not there is left out."""
    server = start_postgres("allow_system_table_mods=on")
    server.run(
        "CREATE VIEW pg_catalog.pg_stat_checkpointer AS SELECT 3::bigint AS num_timed, 5::bigint AS num_requested, "
        "1::bigint AS restartpoints_timed, 2::bigint AS restartpoints_req, 2::bigint AS restartpoints_done, "
        "1.5::float8 AS write_time, 0.5::float8 AS sync_time, 7::bigint AS buffers_written, now() AS stats_reset"
    )
    with psycopg.connect(server.url, row_factory=psycopg.rows.dict_row) as connection:
        rows = connection.execute(CHECKPOINTER.text(Server(170000, True)).encode()).fetchall()
    found = {metric.samples[0].name: metric.samples[0].value for metric in CHECKPOINTER.answer(rows)}
    assert OF_NEWER == found.keys()
    assert [3, 5] == [found[f"pg_stat_checkpointer_num_{name}_total"] for name in ("timed", "requested")]
    assert [] == [
        metric for metric in CHECKPOINTER.answer([{"num_timed": 1, "slru_written": 2}]) if len(metric.samples) > 1
    ]


@pytest.mark.parametrize(
    ("unit", "expected"), [("8kB", 8192), ("kB", 1024), ("ms", 0.001), ("min", 60), ("", 1), ("B", 1)]
)
def test_a_unit_of_a_setting_is_bytes_or_seconds(unit: str, expected: float) -> None:
    """The settings that count blocks say how large these are."""
    assert expected == factor(unit)


@pytest.fixture(scope="module")
def theirs(primary: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    """Return what postgres_exporter says of the primary."""
    program = shutil.which("prometheus-postgres-exporter") or shutil.which("postgres_exporter")
    if program is None:
        pytest.skip("install postgres_exporter (Debian: apt install prometheus-postgres-exporter)")
    port, folder = free_port(), tmp_path_factory.mktemp("postgres_exporter")
    source = f"DATA_SOURCE_NAME={primary.url}?sslmode=disable"
    with process("env", source, program, f"--web.listen-address=127.0.0.1:{port}", cwd=folder):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/metrics"))
        yield parse(get(f"http://127.0.0.1:{port}/metrics"))


def test_types_and_labels_are_postgres_exporters(scrapes: dict[str, Scrape], theirs: Scrape) -> None:
    """Of every family that its version at hand has; older ones have fewer, and put the server's address on each."""
    ours = {name: family for name, family in scrapes["primary"].items() if name in theirs}
    assert len(ours) > 40
    assert {name: theirs[name].type for name in ours} == {name: family.type for name, family in ours.items()}
    for name, family in ours.items():
        names = {label for labels in theirs[name].label_sets for label, _ in labels} - {"server"}
        assert names <= {label for labels in family.label_sets for label, _ in labels}, name


def test_settings_and_sizes_have_postgres_exporters_values(scrapes: dict[str, Scrape], theirs: Scrape) -> None:
    """What does not move between two scrapes is the same, to the last digit."""
    still = [name for name in scrapes["primary"] if name.startswith("pg_settings_") and name in theirs]
    assert len(still) > 30
    for name in still:
        assert list(theirs[name].samples.values()) == list(scrapes["primary"][name].samples.values()), name
