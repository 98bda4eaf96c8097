"""SQLAlchemy: every engine's pool, of threads and of coroutines, by the records that it keeps of its connections.

A record lives as long as its connection and knows whether somebody has it. So pools of every class are told alike, also
those that keep nothing idle, and what is still out when an engine is disposed of is told until it comes back.

No constructor of an engine or a pool is replaced: SQLAlchemy reads their signatures for the options that they take.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels

from .metrics import DatabasePools, PoolState
from .noting import Living, address, note_made, read_each, surround, waiting
from .timing import Timed

if TYPE_CHECKING:
    from . import PoolMetrics


def hook(_: Any, metrics: "PoolMetrics") -> None:
    """Watch what ``create_engine`` makes, and each connection of any pool."""
    from sqlalchemy.engine.interfaces import Dialect
    from sqlalchemy.exc import TimeoutError as PoolTimeout
    from sqlalchemy.pool import base

    engines = Engines(metrics.database)
    note_engine = guarded("note an engine")(engines.note_engine)

    def around(engine_created: Callable[..., None]) -> Callable[..., None]:
        def created(cls: Any, engine: Any) -> None:
            note_engine(engine)
            engine_created(cls, engine)

        return created

    surround(Dialect, "engine_created", around)
    note_made(base._ConnectionRecord, engines.note_record)
    timed = Timed(metrics.database, engines.labels, lambda error: isinstance(error, PoolTimeout))
    surround(base._ConnectionRecord, "checkout", partial(timed.around, pool_at=1))
    metrics.database.watch(engines.states, engines.forget_parent)


class Engines:
    """The engines of this process, and the records of the connections that it opened itself."""

    def __init__(self, pools: DatabasePools) -> None:
        self._names = pools.names
        self._engines = Living()
        self._records = Living()
        # An engine makes another pool whenever it is disposed of, but its dialect stays.
        self._dialects = Living()
        self._begun = Living()

    def note_engine(self, engine: Any) -> None:
        """Remember *engine*; its pool is called as its database is."""
        name = address(engine.url.host or "", engine.url.port, engine.url.database)
        self._dialects.add(engine.dialect, self._names.bounded((name or engine.url.get_backend_name(),)))
        self._engines.add(engine)

    def note_record(self, record: Any) -> None:
        """Remember the connection of *record*."""
        self._records.add(record)
        self._begun.add(_pool_of(record)._dialect)

    def forget_parent(self) -> None:
        """Forget the connections of the process that forked this one; its engines open some of their own."""
        self._records.clear()
        self._begun.clear()

    def labels(self, pool: Any) -> Labels:
        """Return the label of *pool*: its own name, its database's, or its class where no engine is known."""
        own = pool._orig_logging_name
        if own:
            return self._names.bounded((str(own),))
        found: Labels | None = self._dialects.known(pool._dialect)
        return found or self._names.bounded((type(pool).__name__,))

    def states(self) -> Iterator[PoolState]:
        """Tell each connection, and what each engine's pool allows, once it was used in this process."""
        yield from read_each(self._records, self._connection)
        yield from read_each((engine for engine in self._engines if engine.dialect in self._begun), self._limits)

    def _connection(self, record: Any) -> PoolState:
        is_open = record.dbapi_connection is not None
        is_used = record.fairy_ref is not None
        return PoolState(self.labels(_pool_of(record)), is_open and is_used, is_open and not is_used)

    def _limits(self, engine: Any) -> PoolState:
        pool = engine.pool
        labels = self.labels(pool)
        queue, overflow = getattr(pool, "_pool", None), getattr(pool, "_max_overflow", -1)
        if queue is None:
            return PoolState(labels)
        size = queue.maxsize
        has_bound = size > 0 and overflow >= 0
        return PoolState(
            labels,
            most=size + overflow if has_bound else None,
            most_idle=size if size > 0 else None,
            pending=_pending(queue),
        )


def _pending(queue: Any) -> int:
    # A queue of coroutines is made when it is first used, by whoever asks for it: that must not be this thread.
    inner = queue.__dict__.get("_queue") if not hasattr(queue, "not_empty") else queue
    return waiting(inner) if inner is not None else 0


def _pool_of(record: Any) -> Any:
    return record._ConnectionRecord__pool
