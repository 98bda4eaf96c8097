"""asyncpg: its pools, by what they tell of their size.

A pool cannot be referred to weakly, but its queue can, which lives exactly as long.
"""

from asyncio import TimeoutError as PoolTimeout
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from seawall.instrumentation.memory import Labels

from .metrics import DatabasePools, PoolState
from .noting import address, note_made, read_each, surround, waiting
from .timing import NamedPools, Timed

if TYPE_CHECKING:
    from . import PoolMetrics

_POOL: Final = "__seawall_pool__"
_PORT: Final = 5432
_SOCKET: Final = "/.s.PGSQL."


def hook(module: Any, metrics: "PoolMetrics") -> None:
    """Watch every pool that is initialised, and the time until it gives a connection."""
    pools = AsyncpgPools(metrics.database)
    note_made(module.PoolConnectionHolder, pools.note_holder)
    timed = Timed(metrics.database, pools.labels, lambda error: isinstance(error, PoolTimeout))
    surround(module.Pool, "_acquire", timed.around_coroutine)
    metrics.database.watch(pools.states, pools.forget_parent)


class AsyncpgPools:
    """The queues of this process' pools."""

    def __init__(self, pools: DatabasePools) -> None:
        self._queues = NamedPools(pools, lambda queue: pool_name(getattr(queue, _POOL)))

    def note_holder(self, holder: Any) -> None:
        """Remember the pool that *holder* is made for: one for each connection that it may open."""
        queue = holder._pool._queue
        if queue not in self._queues:
            setattr(queue, _POOL, holder._pool)
            self._queues.add(queue)

    def labels(self, pool: Any) -> Labels:
        """Return the label of *pool*, known from now on."""
        setattr(pool._queue, _POOL, pool)
        return self._queues.labels(pool._queue)

    def states(self) -> Iterator[PoolState]:
        """Tell every pool that is open."""
        yield from read_each((queue for queue in self._queues if not getattr(queue, _POOL)._closed), self._state)

    def forget_parent(self) -> None:
        """Forget every pool: its loop is the parent's."""
        self._queues.clear()

    def _state(self, queue: Any) -> PoolState:
        pool = getattr(queue, _POOL)
        idle = pool.get_idle_size()
        return PoolState(
            self._queues.labels(queue),
            pool.get_size() - idle,
            idle,
            most=pool.get_max_size(),
            pending=waiting(queue),
        )


def pool_name(pool: Any) -> str:
    """Return the address of the database that *pool* is connected to, or should be."""
    connection = next((holder._con for holder in pool._holders if holder._con is not None), None)
    try:
        if connection is None:
            return _asked_for(pool) or "asyncpg"
        where, database = connection._addr, connection._params.database
    except Exception:  # noqa: BLE001 - another version, or a text that is no address and may hold a password
        return "asyncpg"
    if isinstance(where, str):
        host, _, port = where.rpartition(_SOCKET)
        return address(host or where, port, database)
    return address(str(where[0]), where[1], database)


def _asked_for(pool: Any) -> str:
    words = pool._connect_kwargs
    dsn = urlsplit(str((*pool._connect_args, "")[0] or words.get("dsn") or ""))
    host = words.get("host") or dsn.hostname
    if not isinstance(host, str):
        return ""
    return address(host, words.get("port") or dsn.port or _PORT, words.get("database") or dsn.path.lstrip("/"))
