"""A client over real connections, and aiohttp's server in this process."""

import asyncio
import http.client
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from typing import Any

from matrix_clients import HOST, SECONDS, Exchange
from websockets.sync.client import connect


class SocketExchange(Exchange):
    """One request on a connection of its own; *noticed* waits until the server has seen that it ended."""

    def __init__(
        self, port: int, path: str, method: str, host: str, noticed: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._noticed = noticed
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        received = b""
        try:
            while more := self._connection.recv(65536):
                received += more
                head, _, body = received.partition(b"\r\n\r\n")
                if body:
                    self.status, self.body = int(head.split()[1]), body
                    self.begun.set()
        except OSError as error:
            self.failure = type(error).__name__
        if received:
            head, _, self.body = received.partition(b"\r\n\r\n")
            self.status = int(head.split()[1])
        self._connection.close()
        self.begun.set()
        self.ended.set()

    def leave(self) -> None:
        self.gone.set()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._noticed()

    def finish(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


class SocketClient:
    """Send requests to a server's *port*."""

    def __init__(self, port: int) -> None:
        self.port = port

    def close(self) -> None:
        """Do nothing: the server is somebody else's."""

    def begin(self, path: str, method: str = "GET", host: str = HOST) -> SocketExchange:
        """Send a request."""
        return SocketExchange(self.port, path, method, host)

    def flood(self, requests: Iterable[tuple[str, str]]) -> None:
        """Send a request to each path and host, one after the other, on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        for path, host in requests:
            connection.request("GET", path, headers={"Host": host})
            connection.getresponse().read()
        connection.close()

    def talk(self, path: str, said: str) -> list[Any]:
        """Say one thing on a websocket; return what was heard until the application closed it."""
        with connect(f"ws://127.0.0.1:{self.port}{path}", open_timeout=SECONDS, compression=None) as connection:
            connection.send(said)
            return ["websocket.accept", *connection, "websocket.close"]


class AiohttpClient(SocketClient):
    """Serve an aiohttp application in this process, and send it requests."""

    def __init__(self, app: Any) -> None:
        from aiohttp import web

        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        self._runner = web.AppRunner(app, access_log=None)
        super().__init__(self._lives(self._serve()))

    def _lives(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    async def _serve(self) -> int:
        from aiohttp import web

        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    def begin(self, path: str, method: str = "GET", host: str = HOST) -> SocketExchange:
        """Send a request; who leaves it is seen to have left before anything else is done."""
        return SocketExchange(self.port, path, method, host, self._has_let_go)

    def _has_let_go(self) -> None:
        end = time.monotonic() + SECONDS
        while self._runner.server.connections:
            assert time.monotonic() < end
            time.sleep(0.005)

    def close(self) -> None:
        """Stop serving."""
        self._lives(self._runner.cleanup())
