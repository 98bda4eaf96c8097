"""psycopg 3, sync and async: statements of every kind of cursor, and connections that fail."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.db_client import CONNECT, FRAMES, verb_of
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace, wrap

from . import Clients
from .calling import is_suppressed

_SYSTEM: Final = "postgresql"
_PEER: Final = "_seawall_peer"
_PORT: Final = 5432
_ENDED: Final = object()

Peer = tuple[object, object, object]
_NOWHERE: Final[Peer] = ("", "", "")
# Counts what a cursor was asked since a moment, and the exception.
End = Callable[[Any, Any, float, BaseException | None], None]


def hook_driver(module: Any, clients: Clients) -> None:
    """Count what the cursors of both kinds are asked."""

    @guarded("count a statement")
    def end(cursor: Any, query: Any, started: float, error: BaseException | None) -> None:
        seconds = perf_counter() - started
        verb = verb_of(_text_of(query))
        if verb not in FRAMES:
            failure = "" if error is None else type(error).__qualname__
            clients.db.end((_SYSTEM, *_peer(cursor.connection), verb, failure), seconds)

    for cursor, name in ((module.Cursor, "execute"), (module.Cursor, "executemany"), (module.ServerCursor, "execute")):
        _hook(cursor, name, end)
    _hook_streams(module.Cursor, end)
    for cursor in (module.AsyncCursor, module.AsyncServerCursor):
        _hook_async(cursor, "execute", end)
    _hook_async(module.AsyncCursor, "executemany", end)
    _hook_async_streams(module.AsyncCursor, end)
    _hook_connections(module, clients)


def _hook(cursor: Any, name: str, end: End) -> None:
    original = cursor.__dict__[name]

    @wraps(original)
    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if is_suppressed():
            return original(self, query, *args, **kwargs)
        _note(self.connection)
        started = perf_counter()
        try:
            result = original(self, query, *args, **kwargs)
        except BaseException as error:
            end(self, query, started, error)
            raise
        end(self, query, started, None)
        return result

    replace(cursor, name, execute)


def _hook_async(cursor: Any, name: str, end: End) -> None:
    original = cursor.__dict__[name]

    @wraps(original)
    async def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if is_suppressed():
            return await original(self, query, *args, **kwargs)
        _note(self.connection)
        started = perf_counter()
        try:
            result = await original(self, query, *args, **kwargs)
        except BaseException as error:
            end(self, query, started, error)
            raise
        end(self, query, started, None)
        return result

    replace(cursor, name, execute)


def _hook_streams(cursor: Any, end: End) -> None:
    stream_rows, copy_rows = cursor.stream, cursor.copy

    @wraps(stream_rows)
    def stream(self: Any, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        started = perf_counter()
        with closing(stream_rows(self, query, *args, **kwargs)) as rows:
            with _counted(self, query, started, end):
                first = next(rows, _ENDED)  # how long the application takes over its rows is its own matter
            if first is not _ENDED:
                yield first
                yield from rows

    @wraps(copy_rows)
    @contextmanager
    def copy(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with _counted(self, statement, perf_counter(), end), copy_rows(self, statement, *args, **kwargs) as copying:
            yield copying

    replace(cursor, "stream", stream)
    replace(cursor, "copy", copy)


def _hook_async_streams(cursor: Any, end: End) -> None:
    stream_rows, copy_rows = cursor.stream, cursor.copy

    @wraps(stream_rows)
    async def stream(self: Any, query: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        started = perf_counter()
        async with aclosing(stream_rows(self, query, *args, **kwargs)) as rows:
            with _counted(self, query, started, end):
                first = await anext(rows, _ENDED)
            if first is not _ENDED:
                yield first
                async for row in rows:
                    yield row

    @wraps(copy_rows)
    @asynccontextmanager
    async def copy(self: Any, statement: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with _counted(self, statement, perf_counter(), end):
            async with copy_rows(self, statement, *args, **kwargs) as copying:
                yield copying

    replace(cursor, "stream", stream)
    replace(cursor, "copy", copy)


@contextmanager
def _counted(cursor: Any, query: Any, started: float, end: End) -> Iterator[None]:
    if is_suppressed():
        yield
        return
    _note(cursor.connection)
    try:
        yield
    except BaseException as error:
        end(cursor, query, started, error)
        raise
    end(cursor, query, started, None)


def _hook_connections(module: Any, clients: Clients) -> None:
    @guarded("count a connection that failed")
    def fail(conninfo: str, options: dict[str, Any], started: float, error: BaseException) -> None:
        if isinstance(error, Exception) and not isinstance(error, module.OperationalError):
            return  # what the application asked for is no connection
        asked = {name: options[name] for name in ("host", "hostaddr", "port", "dbname") if name in options}
        known = module.conninfo.conninfo_to_dict(conninfo, **asked)
        host = str(known.get("host") or known.get("hostaddr") or "").partition(",")[0]
        peer = (known.get("dbname") or "", host, str(known.get("port") or _PORT).partition(",")[0])
        clients.db.end((_SYSTEM, *peer, CONNECT, type(error).__qualname__), perf_counter() - started)

    def around(original: Any) -> Any:
        def connect(cls: Any, conninfo: str = "", **options: Any) -> Any:
            started = perf_counter()
            try:
                return original(cls, conninfo, **options)
            except BaseException as error:
                if not is_suppressed():
                    fail(conninfo, options, started, error)
                raise

        return connect

    def around_async(original: Any) -> Any:
        async def connect(cls: Any, conninfo: str = "", **options: Any) -> Any:
            started = perf_counter()
            try:
                return await original(cls, conninfo, **options)
            except BaseException as error:
                if not is_suppressed():
                    fail(conninfo, options, started, error)
                raise

        return connect

    wrap(module.Connection, "connect", around)
    wrap(module.AsyncConnection, "connect", around_async)
    module.connect = module.Connection.connect


@guarded("tell a database's address")
def _note(connection: Any) -> Peer:
    """Remember where *connection* goes, while it is open: one that is closed does not say."""
    peer: Peer | None = connection.__dict__.get(_PEER)
    if peer is None:
        info = connection.info
        peer = connection.__dict__[_PEER] = (info.dbname, info.host, info.port)
    return peer


def _peer(connection: Any) -> Peer:
    return connection.__dict__.get(_PEER) or _NOWHERE


def _text_of(query: Any) -> Any:
    """Return the text that *query* begins with, without composing the rest of it."""
    if isinstance(query, str | bytes):
        return query
    if hasattr(query, "__iter__"):
        query = next(iter(query), "")
    return query if isinstance(query, str) else query.as_string(None)
