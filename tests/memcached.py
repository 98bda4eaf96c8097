"""A real Memcached for the tests of whoever talks to one."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import connects, eventually, free_port, process


@dataclass(frozen=True)
class MemcachedServer:
    """A server on loopback."""

    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"memcached://127.0.0.1:{self.port}"

    @contextmanager
    def client(self) -> Iterator["MemcachedClient"]:
        """Yield a connection to it."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as line:
            yield MemcachedClient(line)


class MemcachedClient:
    """As much of a client as the tests need."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._stream = line, line.makefile("rb")

    def set(self, key: str, value: bytes) -> str:
        """Store an item; return what the server says."""
        return self.say(b"set %b 0 0 %d\r\n%b" % (key.encode(), len(value), value))

    def get(self, key: str) -> str:
        """Return the first line of the answer."""
        first = self.say(f"get {key}".encode())
        if first != "END":
            while self._stream.readline() != b"END\r\n":
                pass
        return first

    def say(self, command: bytes) -> str:
        """Return the first line of the answer to *command*."""
        self._line.sendall(command + b"\r\n")
        return self._stream.readline().decode().rstrip()


StartMemcached = Callable[..., MemcachedServer]


@pytest.fixture(scope="module")
def start_memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMemcached]:
    """Return a function that starts a memcached with further options, on a free port or on a given one."""
    with ExitStack() as stack:

        def start(*options: str, port: int = 0) -> MemcachedServer:
            server = MemcachedServer(port or free_port())
            stack.enter_context(running(server, tmp_path_factory.mktemp("memcached"), *options))
            return server

        yield start


@contextmanager
def running(server: MemcachedServer, folder: Path, *options: str) -> Iterator[None]:
    """Run *server* until the end of the block."""
    lower = ("-u", "nobody") if os.geteuid() == 0 else ()
    command = ("memcached", *lower, "-l", "127.0.0.1", "-p", str(server.port), "-t", "1", *options)
    with process(*command, cwd=folder):
        eventually(lambda: connects(server.port))
        yield
