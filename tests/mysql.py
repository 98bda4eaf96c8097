"""A real MariaDB for the tests of whoever talks to one."""

import atexit
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from signal import Signals
from threading import Thread
from typing import Any, Final

import pymysql
import pytest
from databases import LOWER, Database, folder_of
from pymysql.connections import Connection
from servers import Scrape, answers, eventually, free_port, get, parse, process

RIGHTS: Final = "PROCESS, SLAVE MONITOR, BINLOG MONITOR"
"""All that the exporter needs, but for the statements."""
WAITING_FOR_A_TABLE: Final = (
    "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'"
)
GALERA: Final = Path("/usr/lib/galera/libgalera_smm.so")
COLLECTORS: Final = (
    "binlog_size",
    "info_schema.innodb_metrics",
    "info_schema.processlist",
    "perf_schema.eventsstatements",
)
"""Of mysqld_exporter's, those that it does not run by itself."""


class MysqlServer(Database):
    """A server whose root has no password; it is stopped as if its machine had lost power."""

    ended_by = Signals.SIGKILL
    not_yet = pymysql.err.OperationalError

    @property
    def url(self) -> str:
        """Where it is, for root."""
        return self.url_of("root")

    def url_of(self, who: str, options: str = "") -> str:
        """Where it is, for a user and a password."""
        return f"mysql://{who}@127.0.0.1:{self.port}/{options}"

    def connect(self, database: str | None = None, user: str = "root") -> "Connection[Any]":
        """Return a connection, each of whose statements is committed at once."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, database=database, autocommit=True, ssl_disabled=True
        )

    def run(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run each statement by itself, as root; return the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    @staticmethod
    def quoted(text: str) -> str:
        """Return *text* as it stands within quotes."""
        return pymysql.converters.escape_string(text)

    def status(self, name: str) -> int:
        """Return a number of its status."""
        return int(self.run(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def replica(self) -> dict[str, Any]:
        """Return what it says as a replica."""
        with self.connect() as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            return dict(cursor.fetchone() or {})

    def follow(self, source: "MysqlServer") -> None:
        """Become a replica of *source*, and wait until it runs."""
        self.run(
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {source.port}, MASTER_USER = 'root', "
            "MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
            "START SLAVE",
        )
        eventually(lambda: self.replica()["Seconds_Behind_Master"] == 0, 60)


@cache
def _data() -> Path:
    """Return the data of a server that was never started: to make it takes seconds, to copy it none."""
    made_in = ExitStack()
    atexit.register(made_in.close)
    folder = made_in.enter_context(folder_of("mysql"))
    made = ("mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db", "--skip-name-resolve")
    words = (*LOWER, *made, "--auth-root-authentication-method=normal", "--innodb-log-file-size=4M")
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "data"


@contextmanager
def running_mysql(*options: str) -> Iterator[MysqlServer]:
    """Run a server with a folder of its own until the end of the block; skip the test where there is none."""
    if not (program := shutil.which("mariadbd")):
        pytest.skip("install MariaDB's server (Debian: apt install mariadb-server)")
    with folder_of("mysql") as folder:
        data, port = folder / "data", free_port()
        subprocess.run(("cp", "-a", _data(), data), check=True)
        settings = (
            *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0"),
            *("--skip-name-resolve", "--max-connections=50", "--bind-address=127.0.0.1", "--server-id=1", *options),
        )
        places = (f"--datadir={data}", f"--port={port}", f"--socket={folder}/socket", f"--pid-file={folder}/pid")
        server = MysqlServer(port, folder, (program, "--no-defaults", *places, *settings))
        with server.running():
            yield server


StartMysql = Callable[..., MysqlServer]


@pytest.fixture(scope="module")
def start_mysql() -> Iterator[StartMysql]:
    """Return a function that starts servers with further options, such as ``--log-bin``."""
    with ExitStack() as stack:

        def start(*options: str) -> MysqlServer:
            return stack.enter_context(running_mysql(*options))

        yield start


def galera_options() -> tuple[str, ...]:
    """Return the options of the only node of a Galera cluster; skip the test where there is no Galera."""
    if not GALERA.exists():
        pytest.skip("install Galera (Debian: apt install galera-4)")
    port = free_port()  # it listens for further nodes
    return (
        "--wsrep-on=ON",
        f"--wsrep-provider={GALERA}",
        "--wsrep-cluster-address=gcomm://",
        f"--wsrep-provider-options=base_port={port};gcache.size=1M;gmcast.listen_addr=tcp://127.0.0.1:{port}",
        "--binlog-format=ROW",
        "--wsrep-node-address=127.0.0.1",
    )


@contextmanager
def running_family(start: StartMysql) -> Iterator[list[MysqlServer]]:
    """Run a source with statements and a session that waits for a table, its replica, and the only node of a cluster."""
    source = start("--log-bin=log", "--performance-schema=ON")
    replica, node = start("--server-id=2"), start(*galera_options())
    replica.follow(source)
    source.run("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY)")
    source.run("SELECT id FROM orders", database="shop")
    eventually(lambda: source.status("Slaves_connected") == 1, 60)
    eventually(lambda: node.status("wsrep_local_state") == 4, 60)
    with source.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("SELECT id FROM orders")
        thread = Thread(target=source.run, args=("ALTER TABLE shop.orders ADD what text",))
        thread.start()
        eventually(lambda: source.ask(WAITING_FOR_A_TABLE) == 1, 60)
        yield [source, replica, node]
    thread.join(60)


def told_by_mysqld_exporter(server: MysqlServer, folder: Path) -> Scrape:
    """Return what Debian's mysqld_exporter says of *server*; skip the test where there is none."""
    program = shutil.which("prometheus-mysqld-exporter")
    if program is None:
        pytest.skip("install mysqld_exporter (Debian: apt install prometheus-mysqld-exporter)")
    url = f"http://127.0.0.1:{free_port()}/metrics"
    name = f"DATA_SOURCE_NAME=root@(127.0.0.1:{server.port})/"
    flags = [f"--collect.{each}" for each in COLLECTORS]
    with process("env", name, program, f"--web.listen-address={url[7:-8]}", *flags, cwd=folder):
        eventually(lambda: answers(url), 60)
        return parse(get(url))


@pytest.fixture(scope="module")
def mysqls(start_mysql: StartMysql) -> Iterator[list[MysqlServer]]:
    """Return a source with statements and a session that waits, its replica, and the only node of a Galera cluster."""
    with running_family(start_mysql) as servers:
        yield servers
