"""Every command of MySQL's runbooks does what it says on a real server."""

import re
from pathlib import Path
from threading import Thread
from typing import Final

import pymysql
import pytest
from mysql import WAITING_FOR_A_TABLE, MysqlServer, StartMysql, galera_options
from servers import eventually

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/mysql.md.j2"
_COMMAND: Final = re.compile(
    r"`((?:SELECT|SHOW|ALTER (?:TABLE|USER)|GRANT|ANALYZE|SET|KILL|EXPLAIN|START|STOP|FLUSH|XA) [^`]+)`"
)
COMMANDS: Final = sorted(set(_COMMAND.findall(RUNBOOKS.read_text())))
# The words in capitals that whoever reads is to replace; and what is too large for a test.
WORDS: Final = {
    "THREAD_ID": "0",
    "APPLICATION": "application",
    "TABLE_NAME": "items",
    "COLUMN_NAME": "what",
    "8589934592": "33554432",
    "1073741824": "33554432",
}
# What this server refuses, for it has no such thread and is no replica, and by which number.
REFUSED: Final = {"KILL THREAD_ID": 1094, "KILL QUERY THREAD_ID": 1094, "START SLAVE": 1200}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(start_mysql: StartMysql) -> MysqlServer:
    """Return a server with what the commands speak of."""
    running = start_mysql("--performance-schema=ON", "--log-bin=log", "--innodb-buffer-pool-size=16M")
    running.run(
        "CREATE DATABASE shop",
        "CREATE TABLE shop.items (id int PRIMARY KEY, what int)",
        "INSERT INTO shop.items VALUES (1, 1)",
        "CREATE USER application@'%', seawall@'%'",
    )
    return running


@pytest.fixture(scope="module")
def node(start_mysql: StartMysql) -> MysqlServer:
    """Return the only node of a Galera cluster."""
    node = start_mysql(*galera_options())
    eventually(lambda: node.status("wsrep_local_state") == 4, 60)
    return node


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in REFUSED])
def test_a_command_of_a_runbook_runs(server: MysqlServer, request: pytest.FixtureRequest, command: str) -> None:
    """With the words in capitals replaced; those of Galera on a node of a cluster."""
    where = request.getfixturevalue("node") if "wsrep" in command else server
    said = re.sub(rf"\b({'|'.join(WORDS)})\b", lambda found: WORDS[found[0]], command)
    where.run(said, database="shop" if where is server else None)


@pytest.mark.parametrize("command", REFUSED)
def test_a_command_without_its_object_is_refused_for_that_alone(server: MysqlServer, command: str) -> None:
    """Its words are right."""
    assert command in COMMANDS
    with pytest.raises(pymysql.err.MySQLError) as raised:
        server.run(command.replace("THREAD_ID", "0"))
    assert REFUSED[command] == raised.value.args[0]


def test_the_holder_of_a_row_is_found(server: MysqlServer) -> None:
    """Several wait for an idle transaction: it is the one that holds them all up."""
    (head,) = [command for command in COMMANDS if "holds_up" in command]
    with server.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("UPDATE items SET what = 2 WHERE id = 1")
        waiters = [Thread(target=server.run, args=("UPDATE shop.items SET what = 3 WHERE id = 1",)) for _ in range(3)]
        for waiter in waiters:
            waiter.start()
        eventually(lambda: server.status("Innodb_row_lock_current_waits") == 3, 60)
        eventually(lambda: [(row[0], row[3]) for row in server.run(head)][:1] == [(holder.thread_id(), 3)], 60)
        holder.rollback()
    for waiter in waiters:
        waiter.join(60)


def test_a_migration_that_waits_is_found(server: MysqlServer) -> None:
    """It has waited longest of those who wait for the table."""
    (head,) = [command for command in COMMANDS if "Waiting for table%" in command]
    with server.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("SELECT * FROM items")
        migration = Thread(target=server.run, args=("ALTER TABLE shop.items FORCE",))
        migration.start()
        eventually(lambda: server.ask(WAITING_FOR_A_TABLE) == 1, 60)
        assert ["ALTER TABLE shop.items FORCE"] == [row[4] for row in server.run(head)]
        holder.rollback()
    migration.join(60)


def test_there_are_many() -> None:
    """The pattern finds them."""
    assert len(COMMANDS) > 40
