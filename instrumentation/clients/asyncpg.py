"""asyncpg: statements of connections, prepared ones and cursors, and connections that fail."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.db_client import CONNECT, FRAMES, verb_of
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import is_suppressed

_SYSTEM: Final = "postgresql"
_COPY: Final = "COPY"

# Tells the connection and the statement of a method's call; None for one that another method counts.
Tell = Callable[..., tuple[Any, Any] | None]
# Counts a statement of a connection since a moment, and the exception.
End = Callable[[Any, Any, float, BaseException | None], None]


def hook_driver(module: Any, clients: Clients) -> None:
    """Count what connections, prepared statements and cursors are asked."""

    @guarded("count a statement")
    def end(connection: Any, query: Any, started: float, error: BaseException | None) -> None:
        seconds = perf_counter() - started
        verb = verb_of(query)
        if verb not in FRAMES:
            failure = "" if error is None else type(error).__qualname__
            host, port = _address(connection._addr)
            clients.db.end((_SYSTEM, connection._params.database, host, port, verb, failure), seconds)

    connection = module.connection.Connection
    _hook(connection, "execute", _simple, end)
    for name in ("_execute", "_executemany"):  # fetch and its like stand on these
        _hook(connection, name, _own, end)
    _hook_preparation(connection, end)
    for name in ("_copy_in", "_copy_out", "copy_records_to_table"):
        _hook(connection, name, _copy, end)
    for name in ("fetch", "fetchval", "fetchrow", "fetchmany", "executemany"):
        _hook(module.prepared_stmt.PreparedStatement, name, _held, end)
    for name in ("_bind_exec", "_bind"):
        _hook(module.cursor.BaseCursor, name, _held, end)
    _hook_connections(module.connect_utils, clients)


def _hook(owner: Any, name: str, tell: Tell, end: End) -> None:
    original = owner.__dict__.get(name)
    if original is None:
        return  # another version's

    @wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await _follow(tell(self, *args, **kwargs), original(self, *args, **kwargs), end)

    @wraps(original)
    def call_guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        # What its guard refuses is refused before there is anything to wait for.
        return _follow(tell(self, *args, **kwargs), original(self, *args, **kwargs), end)

    replace(owner, name, call if iscoroutinefunction(original) else call_guarded)


async def _follow(told: tuple[Any, Any] | None, answer: Awaitable[Any], end: End) -> Any:
    if told is None or is_suppressed():
        return await answer
    started = perf_counter()
    try:
        result = await answer
    except BaseException as error:
        end(*told, started, error)
        raise
    end(*told, started, None)
    return result


def _hook_preparation(connection: Any, end: End) -> None:
    """Count a statement that the server refuses as it is prepared: nobody will ask for it."""
    original = connection.prepare

    @wraps(original)
    async def prepare(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        try:
            return await original(self, query, *args, **kwargs)
        except BaseException as error:
            if not is_suppressed():
                end(self, query, started, error)
            raise

    replace(connection, "prepare", prepare)


def _simple(connection: Any, query: Any = None, *args: Any, **_: Any) -> tuple[Any, Any] | None:
    # What a pool asks as it takes a connection back is no operation of the application's.
    if args or query is getattr(connection, "_reset_query", None):
        return None
    return connection, query


def _own(connection: Any, query: Any = None, *_: Any, **__: Any) -> tuple[Any, Any]:
    return connection, query


def _copy(connection: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
    return connection, _COPY


def _held(held: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
    return held._connection, held._query


def _hook_connections(module: Any, clients: Clients) -> None:
    original = module._connect_addr

    @guarded("count a connection that failed")
    def fail(addr: Any, params: Any, started: float, error: BaseException) -> None:
        # The driver's own word for "try the next" has the reason behind it.
        cause = error.__cause__ if type(error).__name__.startswith("_") and error.__cause__ else error
        host, port = _address(addr)
        key = (_SYSTEM, params.database, host, port, CONNECT, type(cause).__qualname__)
        clients.db.end(key, perf_counter() - started)

    @wraps(original)
    async def _connect_addr(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        try:
            return await original(*args, **kwargs)
        except BaseException as error:
            if not is_suppressed():
                fail(kwargs.get("addr"), kwargs["params"], started, error)
            raise

    replace(module, "_connect_addr", _connect_addr)


def _address(addr: Any) -> tuple[object, object]:
    """Return the host and the port; a Unix socket has its path alone."""
    return addr if isinstance(addr, tuple) else (addr, "")
