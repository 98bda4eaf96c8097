"""urllib3, and requests, botocore and whatever else stands on it: connections by the server that is called.

A pool knows its idle connections alone, and one that does not block lets more be made than it keeps. So each connection
is known from its making, and idle while its pool has it.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels

from .metrics import HttpPools, HttpState
from .noting import Living, note_made, read_each, surround, waiting

if TYPE_CHECKING:
    from . import PoolMetrics


def hook(module: Any, metrics: "PoolMetrics") -> None:
    """Watch every pool and its connections."""
    pools = UrllibPools(metrics.http, module.EmptyPoolError)
    note_made(module.HTTPConnectionPool, pools.note_pool)
    for owner in (module.HTTPConnectionPool, module.HTTPSConnectionPool):
        surround(owner, "_new_conn", pools.around_new)
    surround(module.HTTPConnectionPool, "_get_conn", pools.around_get)


class UrllibPools:
    """The pools of this process, and the connections that they made."""

    def __init__(self, pools: HttpPools, timeout: type[Exception]) -> None:
        self._pools = pools
        self._timeout = timeout
        self._known = Living()
        self._connections = Living()
        pools.watch(self.states, self.bounds, self.forget_parent)

    def note_pool(self, pool: Any) -> None:
        """Remember *pool*."""
        self._known.add(pool)

    def states(self) -> Iterator[HttpState]:
        """Tell each connection that is open, and each pool's threads that wait for one."""
        idle = {id(connection) for free in read_each(self._known, _free) for connection in free}

        def read(connection: Any) -> HttpState | None:
            if connection.sock is None:
                return None
            is_idle = id(connection) in idle
            # Through a tunnel it is the server that counts, and the proxy is what it is connected to.
            host = connection._tunnel_host or connection.host
            return HttpState(self._server(host, connection._tunnel_port or connection.port), not is_idle, is_idle)

        yield from (state for state in read_each(self._connections, read) if state is not None)
        yield from (state for state in read_each(self._known, self._waiting) if state is not None)

    def bounds(self) -> Iterator[float]:
        """Tell how many connections each pool may open that makes threads wait."""
        yield from (most for most in read_each(self._known, _bound) if most)

    def forget_parent(self) -> None:
        """Forget the connections of the parent's."""
        self._connections.clear()

    def around_new(self, new: Callable[..., Any]) -> Callable[..., Any]:
        """Note each connection."""
        note = guarded("note a connection")(self._connections.add)

        def _new_conn(pool: Any) -> Any:
            connection = new(pool)
            note(connection)
            return connection

        return _new_conn

    def around_get(self, get: Callable[..., Any]) -> Callable[..., Any]:
        """Count who waited in vain."""
        timeout = self._timeout

        def _get_conn(pool: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return get(pool, *args, **kwargs)
            except timeout:
                self._count(pool)
                raise

        return _get_conn

    @guarded("count a pool's timeout")
    def _count(self, pool: Any) -> None:
        self._pools.timeouts.add(self._server(pool.host, pool.port), 1)

    def _waiting(self, pool: Any) -> HttpState | None:
        if not _bound(pool):
            return None
        return HttpState(self._server(pool.host, pool.port), pending=waiting(pool.pool))

    def _server(self, host: Any, port: Any) -> Labels:
        return self._pools.peers.labels(host, port)


def _bound(pool: Any) -> int:
    """Return how many connections *pool* allows, once it has had one; 0 where threads do not wait for them."""
    queue = pool.pool
    return queue.maxsize if pool.block and pool.num_connections and queue is not None else 0


def _free(pool: Any) -> list[Any]:
    queue = pool.pool
    return [] if queue is None else [connection for connection in list(queue.queue) if connection is not None]
