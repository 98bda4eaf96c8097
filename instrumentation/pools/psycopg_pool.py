"""psycopg_pool: its pools of threads (Django's too) and of tasks, by their own statistics, which are not reset."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from .metrics import DatabasePools, PoolState
from .noting import Living, address, note_made, read_each, surround
from .timing import NamedPools, Timed

if TYPE_CHECKING:
    from . import PoolMetrics

_MADE_UP: Final = re.compile(r"pool-\d+")  # how the library calls a pool that was given no name


def hook_threads(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of threads."""
    pools = PsycopgPools(metrics.database)
    surround(module.ConnectionPool, "getconn", pools.timed.around)
    pools.watch(module.ConnectionPool)


def hook_tasks(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of tasks."""
    pools = PsycopgPools(metrics.database)
    surround(module.AsyncConnectionPool, "getconn", pools.timed.around_coroutine)
    pools.watch(module.AsyncConnectionPool)


class PsycopgPools:
    """The pools of one class, and the connections that they gave away."""

    def __init__(self, pools: DatabasePools) -> None:
        from psycopg_pool.errors import PoolTimeout, TooManyRequests

        self._pools = pools
        self._named = NamedPools(pools, pool_name)
        self._given = Living()
        refusals = (PoolTimeout, TooManyRequests)
        self.timed = Timed(pools, self._named.labels, lambda error: isinstance(error, refusals), self._note_given)

    def watch(self, owner: type) -> None:
        """Know every pool of the class *owner* from now on."""
        note_made(owner, self._named.add)
        self._pools.watch(self.states, self.forget_parent)

    def states(self) -> Iterator[PoolState]:
        """Tell every pool that is open."""
        given = Counter(id(getattr(connection, "_pool", None)) for connection in self._given if not connection.closed)

        def read(pool: Any) -> PoolState:
            now = pool.get_stats()
            # Its size counts connections that it only tries to open, its queue those that gave up before their turn.
            waiting = sum(client.conn is None and client.error is None for client in list(pool._waiting))
            most = now["pool_max"] or None
            return PoolState(self._named.labels(pool), given[id(pool)], now["pool_available"], most, pending=waiting)

        yield from read_each((pool for pool in self._named if not pool.closed), read)

    def forget_parent(self) -> None:
        """Forget the pools whose connections are the parent's: without their threads they open none any more."""
        self._given.clear()
        self._named.keep(lambda pool: not pool._opened)

    def _note_given(self, connection: Any) -> None:
        if connection not in self._given:
            self._given.add(connection)


def pool_name(pool: Any) -> str:
    """Return the name that the application gave *pool*, or its database's address."""
    own = str(pool.name)
    if not _MADE_UP.fullmatch(own):
        return own
    try:
        from psycopg.conninfo import conninfo_to_dict

        # A function that returns either may ask a vault: it is not called.
        further = pool.kwargs if isinstance(pool.kwargs, dict) else {}
        known = {key: further[key] for key in ("host", "port", "dbname") if key in further}
        parts = conninfo_to_dict(pool.conninfo if isinstance(pool.conninfo, str) else "", **known)
    except Exception:  # noqa: BLE001 - its text may hold the password
        return own
    return address(str(parts.get("host") or ""), parts.get("port"), parts.get("dbname")) or own
