"""A real PgBouncer for the tests of whoever talks to one."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from databases import LOWER, folder_of
from postgres import PostgresServer
from servers import connects, eventually, free_port, process

PASSWORDS: Final = {"admin": "admin-secret", "seawall": "hunter2", "shop": "shop-secret"}
"""Who may come: the administrator, who only may look, and an application."""
ENVIRON: Final = {"CONSOLE_PASSWORD": PASSWORDS["seawall"]}
"""What the url names."""


@dataclass(frozen=True)
class PgbouncerServer:
    """A server on loopback, and the PostgreSQL behind it."""

    port: int
    behind: PostgresServer

    @property
    def url(self) -> str:
        """Where its console is, for the user who may only look."""
        return f"pgbouncer://seawall:${{CONSOLE_PASSWORD}}@127.0.0.1:{self.port}"

    def client(self, database: str = "orders", user: str = "shop", **options: Any) -> "psycopg.Connection[Any]":
        """Return a connection of an application."""
        words = {"host": "127.0.0.1", "port": self.port, "dbname": database, "user": user}
        given = {"password": PASSWORDS[user], "connect_timeout": 60, "prepare_threshold": None, **options}
        return psycopg.connect(**words, **given, autocommit=True)

    def console(self, *commands: str) -> list[tuple[Any, ...]]:
        """Run each command as the administrator; return the rows of the last one."""
        with self.client("pgbouncer", "admin") as connection:
            rows: list[tuple[Any, ...]] = []
            for command in commands:
                cursor = connection.execute(command.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows


@contextmanager
def running_pgbouncer(
    behind: PostgresServer, databases: Mapping[str, str] | None = None, port: int = 0, **settings: object
) -> Iterator[PgbouncerServer]:
    """Run a server before *behind* until the end of the block; *databases* and *settings* are those of its file.

    Each database is ``postgres`` there, the only one; its options follow.
    """
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        pytest.skip("install PgBouncer (Debian: apt install pgbouncer)")
    server = PgbouncerServer(port or free_port(), behind)
    with folder_of("pgbouncer") as folder:
        _write(folder, server, {"orders": "", **(databases or {})}, settings)
        with process(*LOWER, found, "pgbouncer.ini", cwd=folder):
            eventually(lambda: connects(server.port), 60)
            yield server


def _write(folder: Path, server: PgbouncerServer, databases: Mapping[str, str], settings: Mapping[str, object]) -> None:
    origin = f"host=127.0.0.1 port={server.behind.port} dbname=postgres user={server.behind.user}"
    known = {
        "listen_addr": "127.0.0.1",
        "listen_port": server.port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": "users",
        "admin_users": "admin",
        "stats_users": "seawall",
        "pool_mode": "transaction",
        "server_login_retry": 1,
        **settings,
    }
    lines = ["[databases]", *(f"{name} = {origin} {options}" for name, options in databases.items())]
    lines += ["[pgbouncer]", *(f"{name} = {value}" for name, value in known.items()), ""]
    (folder / "pgbouncer.ini").write_text("\n".join(lines))
    (folder / "users").write_text("".join(f'"{name}" "{word}"\n' for name, word in PASSWORDS.items()))


StartPgbouncer = Callable[..., PgbouncerServer]


@pytest.fixture(scope="module")
def start_pgbouncer(postgres: PostgresServer) -> Iterator[StartPgbouncer]:
    """Return a function that starts a PgBouncer before the module's PostgreSQL, with databases and settings."""
    with ExitStack() as stack:

        def start(databases: Mapping[str, str] | None = None, **settings: object) -> PgbouncerServer:
            return stack.enter_context(running_pgbouncer(postgres, databases, **settings))

        yield start
