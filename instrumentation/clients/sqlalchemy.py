"""SQLAlchemy: statements of the drivers that are not counted themselves (pymysql, sqlite3, oracledb, …)."""

from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.db_client import CONNECT, FRAMES, verb_of
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import wrap

from . import Clients
from .calling import is_suppressed

_COUNTED: Final = frozenset({"asyncpg", "psycopg"})  # by hooks of their own
_SYSTEMS: Final = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}  # the others' names are the conventions'
_STARTED: Final = "_seawall_started"
_connecting: Final[ContextVar[float]] = ContextVar("seawall_sqlalchemy_connecting", default=0.0)


def hook_engines(module: Any, clients: Clients) -> None:
    """Listen to every engine whose driver nothing else counts, from its birth."""

    # No constructor is replaced: SQLAlchemy reads their signatures for the options that create_engine takes.
    def around(engine_created: Any) -> Any:
        def created(cls: Any, engine: Any) -> None:
            _listen(engine, clients)
            engine_created(cls, engine)

        return created

    wrap(module.Dialect, "engine_created", around)


@guarded("listen to an engine")
def _listen(engine: Any, clients: Clients) -> None:
    dialect = engine.dialect
    if dialect.driver in _COUNTED:
        return
    from sqlalchemy import event

    url = engine.url
    system = _SYSTEMS.get(dialect.name, dialect.name)
    # The database of a server has a name; without a server it is a file.
    where = (url.database if url.host else "", url.host or "", url.port or "")

    def end(verb: str, error: BaseException | None, started: float) -> None:
        failure = "" if error is None else type(error).__qualname__
        clients.db.end((system, *where, verb, failure), perf_counter() - started)

    def connecting(*_: Any) -> None:
        _connecting.set(perf_counter())

    @guarded("count a statement")
    def before(_connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        if not is_suppressed():
            context.__dict__[_STARTED] = perf_counter()

    @guarded("count a statement")
    def after(_connection: Any, _cursor: Any, statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        started = context.__dict__.pop(_STARTED, None)
        verb = verb_of(statement)
        if started is not None and verb not in FRAMES:
            end(verb, None, started)

    @guarded("count a statement")
    def failed(told: Any) -> None:
        context = told.execution_context
        if context is not None:
            started = context.__dict__.pop(_STARTED, None)
            if started is not None:
                end(verb_of(told.statement), told.original_exception, started)
        elif told.connection is None and not is_suppressed():
            end(CONNECT, told.original_exception, _connecting.get() or perf_counter())

    event.listen(engine, "do_connect", connecting)
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)
