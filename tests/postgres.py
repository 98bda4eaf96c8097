"""A real PostgreSQL for the tests of whoever talks to one."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import connects, eventually, free_port


@dataclass(frozen=True)
class PostgresServer:
    """A running server; it trusts whoever comes, so that a URL may hold any password."""

    port: int
    user: str

    @property
    def url(self) -> str:
        """Where its database is, with a password that must not be seen anywhere."""
        return f"postgresql://{self.user}:hunter2@127.0.0.1:{self.port}/postgres"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server with a folder of its own until the end of the block; skip the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/nowhere").parent]
    if not (found[-1] / "initdb").exists():
        pytest.skip("install PostgreSQL's server (Debian: apt install postgresql)")
    # It refuses to be root, and pytest's own folders are open to nobody else.
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    lower = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups") if os.geteuid() == 0 else ()
    folder = Path(tempfile.mkdtemp(prefix="seawall-postgres-"))
    try:
        if lower:
            shutil.chown(folder, "nobody", "nogroup")
        data, port = folder / "data", free_port()
        initdb = (*lower, str(found[-1] / "initdb"), "-D", str(data), "-A", "trust", "-U", user, "-N", "-E", "UTF8")
        subprocess.run(initdb, cwd=folder, check=True, capture_output=True, timeout=60)
        options = ("-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50")
        command = (*lower, str(found[-1] / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *options)
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: connects(port))
            yield PostgresServer(port, user)
        finally:
            server.send_signal(2)  # clients that are still there are sent away
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server for the module's tests."""
    with running_postgres() as server:
        yield server
