"""Clients of an application in this process: they speak ASGI and WSGI as a server does, and wait for events alone."""

import asyncio
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import Any

SECONDS = 20
HOST = "shop.example"


class Exchange(ABC):
    """One request, and what its client gets."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.failure = ""  # the exception that the server saw
        self.begun = Event()  # the first byte of the body is here
        self.ended = Event()  # the last byte is here, or there will be none
        self.gone = Event()  # the client has left

    @abstractmethod
    def leave(self) -> None:
        """Close the connection."""

    @abstractmethod
    def finish(self) -> None:
        """Wait until the application has nothing to do with this request any more."""

    def await_begin(self) -> None:
        """Wait for the first byte."""
        assert self.begun.wait(SECONDS), "no byte came"

    def await_end(self) -> None:
        """Wait for the last byte."""
        assert self.ended.wait(SECONDS), "the response does not end"


class AsgiExchange(Exchange):
    """One request to an ASGI application, in the event loop of its client."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop, scope: dict[str, Any]) -> None:
        super().__init__()
        self._app = app
        self._loop = loop
        self._scope = scope
        self._asked = False
        self._left = asyncio.Event()
        self._running = asyncio.run_coroutine_threadsafe(self._run(), loop)

    async def _run(self) -> None:
        self._task = asyncio.create_task(self.exchange())
        with suppress(asyncio.CancelledError):
            await asyncio.shield(self._task)

    async def exchange(self) -> None:
        """Run the application."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except BaseException as error:  # noqa: BLE001 - what the server sees
            self.failure = type(error).__name__
            self.status = self.status or 500
        finally:
            self.begun.set()
            self.ended.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.gone.is_set():
            raise OSError("the client is gone")
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if self.body:
                self.begun.set()
            if not message.get("more_body", False):
                self._left.set()  # a server says so once it has all
                self.ended.set()

    def leave(self) -> None:
        self.gone.set()
        self._loop.call_soon_threadsafe(self._left.set)

    def cancel(self) -> None:
        """Give the request up, as a server does that shuts down, and see it end: its gate may open only then."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self.finish()

    def finish(self) -> None:
        self._running.result(SECONDS)


class AsgiClient:
    """Send requests to an ASGI application, whose lifespan is the client's."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        self._lives(self._begin_lifespan())

    def _lives(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    async def _begin_lifespan(self) -> None:
        started, messages = asyncio.Event(), iter(["lifespan.startup"])
        self._closing = asyncio.Event()

        async def receive() -> dict[str, Any]:
            for message in messages:
                return {"type": message}
            await self._closing.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, Any]) -> None:
            assert message["type"] in ("lifespan.startup.complete", "lifespan.shutdown.complete"), message
            started.set()

        self._lifespan = asyncio.create_task(self._app({"type": "lifespan", "asgi": ASGI, "state": {}}, receive, send))
        waits = asyncio.create_task(started.wait())
        await asyncio.wait([self._lifespan, waits], return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
        if self._lifespan.done():
            self._lifespan.exception()  # it has none, and says so

    def close(self) -> None:
        """End the lifespan."""

        async def end() -> None:
            self._closing.set()
            await asyncio.wait([self._lifespan], timeout=SECONDS)

        self._lives(end())

    def begin(self, path: str, method: str = "GET", host: str = HOST) -> AsgiExchange:
        """Send a request."""
        return AsgiExchange(self._app, self._loop, http_scope(path, method, host))

    def flood(self, requests: Iterable[tuple[str, str]]) -> None:
        """Send a request to each path and host, one after the other."""

        async def send_all() -> None:
            for path, host in requests:
                await self._app(http_scope(path, "GET", host), Asked(), nothing)

        asyncio.run_coroutine_threadsafe(send_all(), self._loop).result()

    def talk(self, path: str, said: str) -> list[Any]:
        """Say one thing on a websocket; return what was heard until the application closed it."""
        messages = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": said}])
        heard: list[Any] = []
        closed = asyncio.Event()

        async def receive() -> dict[str, Any]:
            for message in messages:
                return message
            await closed.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: dict[str, Any]) -> None:
            heard.append(message.get("text") or message["type"])
            if message["type"] == "websocket.close":
                closed.set()

        scope = {**http_scope(path, "GET", HOST), "type": "websocket", "scheme": "ws", "subprotocols": []}
        del scope["method"]
        self._lives(self._app(scope, receive, send))
        return heard


ASGI = {"version": "3.0", "spec_version": "2.4"}


class Asked:
    """The receiving end of a request without a body."""

    def __init__(self) -> None:
        self._messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def __call__(self) -> dict[str, Any]:
        for message in self._messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError


async def nothing(_: Any) -> None:
    """Take a message, and forget it."""


def http_scope(path: str, method: str, host: str) -> dict[str, Any]:
    """Return what a server makes of a request."""
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode()), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": {},
    }


class WsgiExchange(Exchange):
    """One request to a WSGI application, in a thread of its own."""

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        super().__init__()
        self._thread = Thread(target=self._run, args=(app, environ), daemon=True)
        self._thread.start()

    def _run(self, app: Any, environ: dict[str, Any]) -> None:
        try:
            body = app(environ, self._start)
            try:
                self._read(body)
            finally:
                getattr(body, "close", lambda: None)()
        except BaseException as error:  # noqa: BLE001 - what the server sees
            self.failure = type(error).__name__
            self.status = self.status if self.body else 500
        finally:
            self.begun.set()
            self.ended.set()

    def _read(self, body: Iterable[bytes]) -> None:
        for chunk in body:
            if self.gone.is_set():
                break
            self.body += chunk
            if self.body:
                self.begun.set()

    def _start(self, status: str, headers: Any, error: Any = None) -> Callable[[bytes], None]:
        self.status = int(status[:3])
        return lambda _: None

    def leave(self) -> None:
        self.gone.set()

    def finish(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


class WsgiClient:
    """Send requests to a WSGI application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def close(self) -> None:
        """Do nothing: WSGI has no lifespan."""

    def begin(self, path: str, method: str = "GET", host: str = HOST) -> WsgiExchange:
        """Send a request."""
        return WsgiExchange(self._app, environ(path, method, host))

    def flood(self, requests: Iterable[tuple[str, str]]) -> None:
        """Send a request to each path and host, one after the other."""
        for path, host in requests:
            body = self._app(environ(path, "GET", host), lambda *_: None)
            for _ in body:
                pass
            getattr(body, "close", lambda: None)()


def environ(path: str, method: str, host: str) -> dict[str, Any]:
    """Return what a server makes of a request."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": host,
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


CLIENTS: Mapping[str, Callable[[Any], Any]] = {"asgi": AsgiClient, "wsgi": WsgiClient}
