"""Every command of PgBouncer's runbooks does what it says, on its console or on the PostgreSQL behind it."""

import re
from pathlib import Path
from typing import Final

import pytest
from pgbouncer import PgbouncerServer, StartPgbouncer

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/pgbouncer.md.j2"
_COMMAND: Final = re.compile(r"`((?:SELECT|SHOW|SET|RELOAD|RECONNECT|RESUME|ENABLE|PAUSE|DISABLE)[^`]*)`")
COMMANDS: Final = sorted(set(_COMMAND.findall(RUNBOOKS.read_text())))
# What each is asked in the state of.
BEFORE: Final = {"RESUME DATABASE_NAME": "PAUSE orders", "RESUME": "PAUSE", "ENABLE DATABASE_NAME": "DISABLE orders"}
AFTER: Final = {"PAUSE": "RESUME"}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(start_pgbouncer: StartPgbouncer) -> PgbouncerServer:
    """Return a server that was used."""
    running = start_pgbouncer()
    with running.client() as client:
        client.execute("SELECT 1")
    return running


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != "DISABLE"])
def test_a_command_of_a_runbook_runs(server: PgbouncerServer, command: str) -> None:
    """With the words in capitals replaced, in the state that it is for."""
    before, after = BEFORE.get(command, "SHOW VERSION"), AFTER.get(command, "SHOW VERSION")
    command = command.replace("DATABASE_NAME", "orders").replace("PID", "0")
    if command.startswith("SELECT"):
        server.behind.run(command)
    else:
        server.console(before, command, after)


def test_what_a_setting_is_set_to_holds(server: PgbouncerServer) -> None:
    """Every SET of the runbooks is seen in SHOW CONFIG."""
    asked = dict(re.findall(r"^SET (\w+) = (\d+)$", "\n".join(COMMANDS), re.MULTILINE))
    server.console(*(f"SET {name} = {value}" for name, value in asked.items()))
    told = {row[0]: row[1] for row in server.console("SHOW CONFIG")}
    assert asked == {name: told[name] for name in asked}
    assert len(asked) > 4


def test_there_are_many() -> None:
    """The pattern finds them."""
    assert len(COMMANDS) > 15
