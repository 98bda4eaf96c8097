"""redis-py: its pools of threads and of tasks, which wait or refuse when they are full."""

import os
from collections.abc import Iterator
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from .metrics import DatabasePools, PoolState
from .noting import address, note_made, read_each, surround, waiting
from .timing import NamedPools, Timed

if TYPE_CHECKING:
    from . import PoolMetrics

_UNBOUNDED: Final = 2**31  # what older versions take for the bound of a pool that was given none


def hook_threads(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of threads."""
    pools = RedisPools(metrics.database)
    surround(module.BlockingConnectionPool, "get_connection", pools.timed.around)
    surround(module.ConnectionPool, "make_connection", pools.timed.around_refusal)
    pools.watch(module.ConnectionPool)


def hook_tasks(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of tasks."""
    pools = RedisPools(metrics.database)
    surround(module.BlockingConnectionPool, "get_connection", pools.timed.around_coroutine)
    surround(module.ConnectionPool, "get_available_connection", pools.timed.around_refusal)
    pools.watch(module.ConnectionPool)


class RedisPools:
    """The pools of one class and of those that are made of it."""

    def __init__(self, pools: DatabasePools) -> None:
        self._pools = pools
        self._named = NamedPools(pools, pool_name)
        self.timed = Timed(pools, self._named.labels, is_full)

    def watch(self, owner: type) -> None:
        """Know every pool of the class *owner* from now on."""
        note_made(owner, self._named.add)
        self._pools.watch(self.states, self.forget_parent)

    def states(self) -> Iterator[PoolState]:
        """Tell every pool that has had a connection."""
        yield from (state for state in read_each(self._named, self._state) if state is not None)

    def forget_parent(self) -> None:
        """Forget pools with the parent's connections; those of threads find out themselves, and open their own."""
        self._named.keep(lambda pool: hasattr(pool, "pid") or not any(connections(pool)))

    def _state(self, pool: Any) -> PoolState | None:
        used, free = connections(pool)
        if getattr(pool, "pid", os.getpid()) != os.getpid() or not (used or free):
            return None
        most = pool.max_connections
        return PoolState(
            self._named.labels(pool),
            len(used),
            sum(bool(getattr(connection, "is_connected", True)) for connection in free),
            most=most if most < _UNBOUNDED else None,
            pending=_pending(pool),
        )


def connections(pool: Any) -> tuple[list[Any], list[Any]]:
    """Return the connections of *pool* that are used, and those that are free; none of its locks is waited for."""
    queue = getattr(pool, "pool", None)
    if queue is None:
        return list(pool._in_use_connections), list(pool._available_connections)
    made, free = list(pool._connections), [connection for connection in list(queue.queue) if connection is not None]
    return [connection for connection in made if connection not in free], free


def pool_name(pool: Any) -> str:
    """Return the address of the server, or what Sentinel calls it."""
    if hasattr(pool, "sentinel_manager") or type(pool).__name__.startswith("Sentinel"):
        return str(pool.service_name)
    words = pool.connection_kwargs
    database = str(words.get("db") or 0)
    if "path" in words:
        return address(str(words["path"]), None, database)
    return address(str(words.get("host", "localhost")), words.get("port", 6379), database)


def is_full(error: Exception) -> bool:
    """Whether *error* tells of the pool, and not of the server."""
    if type(error).__name__ == "MaxConnectionsError":
        return True
    # Both kinds of pools that wait raise what a server that is gone raises, too: only its reason differs.
    return type(error).__name__ == "ConnectionError" and (
        isinstance(error.__context__, Empty) or isinstance(error.__cause__, TimeoutError)
    )


def _pending(pool: Any) -> int:
    if hasattr(pool, "pool"):
        return waiting(pool.pool)
    condition = getattr(pool, "_condition", None)
    return sum(not waiter.done() for waiter in list(condition._waiters)) if condition is not None else 0
