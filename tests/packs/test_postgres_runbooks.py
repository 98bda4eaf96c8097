"""Every command of PostgreSQL's runbooks does what it says on a real server."""

import re
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

import psycopg
import pytest
from postgres import PostgresServer, StartPostgres
from servers import eventually

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/postgres.md.j2"
_COMMAND: Final = re.compile(r"`((?:SELECT|WITH|SHOW|ALTER|GRANT|VACUUM|ANALYZE|SET|ROLLBACK|EXPLAIN) [^`]+)`")
COMMANDS: Final = sorted(set(_COMMAND.findall(RUNBOOKS.read_text())))
# The words in capitals that whoever reads is to replace.
WORDS: Final = {
    "PID": "0",
    "SLOT": "spare",
    "APPLICATION": "application",
    "PERSON": "person",
    "TABLE_NAME": "items",
    "PRIMARY": "127.0.0.1",
    "GID": "left-behind",
}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(start_postgres: StartPostgres) -> PostgresServer:
    """Return a server with what the commands speak of."""
    running = start_postgres(
        "shared_preload_libraries=pg_stat_statements", "max_prepared_transactions=5", "statement_timeout=20s"
    )
    running.run(
        "CREATE EXTENSION pg_stat_statements",
        "CREATE TABLE items (id int)",
        "CREATE TABLE others (id int)",
        "CREATE ROLE application",
        "CREATE ROLE person",
        "CREATE ROLE seawall",
    )
    return running


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_runbook_runs(server: PostgresServer, command: str) -> None:
    """With the words in capitals replaced; what resumes a standby's replay is refused here, where none is."""
    if "left-behind" not in server.ask("SELECT coalesce(string_agg(gid, ''), '') FROM pg_prepared_xacts"):
        server.run("BEGIN; INSERT INTO others VALUES (1); PREPARE TRANSACTION 'left-behind'")
    if not server.ask("SELECT count(*) FROM pg_replication_slots"):
        server.run("SELECT pg_create_physical_replication_slot('spare')")
    for word, value in WORDS.items():
        command = re.sub(rf"\b{word}\b", value, command)
    if command.startswith("EXPLAIN"):
        command += " SELECT 1"
    of_a_standby = (psycopg.errors.ObjectNotInPrerequisiteState,) if "wal_replay" in command else ()
    with suppress(*of_a_standby):
        server.run(command)


def test_the_head_of_a_queue_is_found(server: PostgresServer) -> None:
    """Behind an idle transaction a migration waits, and readers behind the migration: it is the transaction."""
    (head,) = [command for command in COMMANDS if "holds_up" in command]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(server.url) as holder:
        holder.execute("SELECT * FROM items")
        migration = Thread(target=server.run, args=("ALTER TABLE items ADD COLUMN what text",))
        readers = [Thread(target=server.run, args=("SELECT * FROM items",)) for _ in range(3)]
        migration.start()
        eventually(lambda: server.ask(waiting) == 1)
        for reader in readers:
            reader.start()
        eventually(lambda: server.ask(waiting) == 4)
        found = [(row[0], row[3], row[5]) for row in server.run(head)]
        expected = [(holder.info.backend_pid, "idle in transaction", 4)]
        holder.rollback()
    for thread in (migration, *readers):
        thread.join(10)
    assert expected == found


def test_there_are_many() -> None:
    """The pattern finds them."""
    assert len(COMMANDS) > 50
