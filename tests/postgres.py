"""A real PostgreSQL for the tests of whoever talks to one."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

import psycopg
import pytest
from databases import LOWER, Database, folder_of
from servers import free_port


@dataclass
class PostgresServer(Database):
    """A server; it trusts whoever comes, so that a URL may hold any password. Stopped, it sends its clients away."""

    user: str = ""
    ended_by = Signals.SIGINT
    not_yet = psycopg.OperationalError

    @property
    def url(self) -> str:
        """Where its database is, with a password that must not be seen anywhere."""
        return self.url_of(f"{self.user}:hunter2")

    def url_of(self, who: str, database: str = "postgres") -> str:
        """Where *database* is, for a user and a password."""
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run each statement by itself, as the superuser; return the rows of the last one that has any."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.url_of(self.user, database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else rows
        return rows


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs; skip the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/nowhere").parent]
    if not (found[-1] / "initdb").exists():
        pytest.skip("install PostgreSQL's server (Debian: apt install postgresql)")
    return found[-1]


@contextmanager
def running_postgres(*options: str, standby_of: PostgresServer | None = None) -> Iterator[PostgresServer]:
    """Run a server with a folder of its own until the end of the block; skip the test where there is none.

    *options* are settings such as ``wal_level=logical``. A standby streams by the slot of its application's name.
    """
    programs = binaries()
    user = "nobody" if LOWER else pwd.getpwuid(os.geteuid()).pw_name
    with folder_of("postgres") as folder:
        data, port = folder / "data", free_port()
        if standby_of is None:
            made = (str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", user, "-N", "-E", "UTF8")
        else:
            origin = f"host=127.0.0.1 port={standby_of.port} user={user} application_name=standby"
            made = (str(programs / "pg_basebackup"), "-d", origin, "-D", str(data), "-R", "-c", "fast")
            made = (*made, "-C", "-S", "standby", "-N")
        subprocess.run((*LOWER, *made), cwd=folder, check=True, capture_output=True, timeout=60)
        settings = ("fsync=off", "listen_addresses=127.0.0.1", "max_connections=50", *options)
        words = [word for setting in settings for word in ("-c", setting)]
        command = (str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *words)
        server = PostgresServer(port, folder, command, user=user)
        with server.running():
            yield server


StartPostgres = Callable[..., PostgresServer]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server for the module's tests."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def start_postgres() -> Iterator[StartPostgres]:
    """Return a function that starts further servers, with settings, or as a standby."""
    with ExitStack() as stack:

        def start(*options: str, standby_of: PostgresServer | None = None) -> PostgresServer:
            return stack.enter_context(running_postgres(*options, standby_of=standby_of))

        yield start
