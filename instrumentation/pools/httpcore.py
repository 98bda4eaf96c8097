"""httpcore, which is under httpx: its pools of threads and of tasks, by server."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels

from .metrics import HttpPools, HttpState
from .noting import Living, note_made, read_each, surround

if TYPE_CHECKING:
    from . import PoolMetrics

_UNBOUNDED: Final = 2**31
_PORTS: Final = {b"https": 443, b"wss": 443}


def hook_threads(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of threads."""
    pools = HttpcorePools(metrics.http)
    note_made(module.ConnectionPool, pools.note)
    surround(module.PoolRequest, "wait_for_connection", pools.around_wait)


def hook_tasks(module: Any, metrics: "PoolMetrics") -> None:
    """Watch pools of tasks."""
    pools = HttpcorePools(metrics.http)
    note_made(module.AsyncConnectionPool, pools.note)
    surround(module.AsyncPoolRequest, "wait_for_connection", pools.around_waiting_coroutine)


class HttpcorePools:
    """The pools of one class and of those that are made of it."""

    def __init__(self, pools: HttpPools) -> None:
        from httpcore._exceptions import PoolTimeout

        self._timeout = PoolTimeout
        self._pools = pools
        self._known = Living()
        pools.watch(self.states, self.bounds, self.forget_parent)

    def note(self, pool: Any) -> None:
        """Remember *pool*."""
        self._known.add(pool)

    def states(self) -> Iterator[HttpState]:
        """Tell each connection, and each request that has none yet."""
        for states in read_each(self._known, self._states):
            yield from states

    def bounds(self) -> Iterator[float]:
        """Tell how many connections each pool may open that has any."""
        for most in read_each(self._known, lambda pool: pool._max_connections if pool._connections else 0):
            if 0 < most < _UNBOUNDED:
                yield most

    def forget_parent(self) -> None:
        """Forget pools with connections of the parent's."""
        self._known.keep(lambda pool: not pool._connections)

    def around_wait(self, wait: Callable[..., Any]) -> Callable[..., Any]:
        """Count where the function *wait* was in vain."""

        def wait_for_connection(request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return wait(request, *args, **kwargs)
            except self._timeout:
                self._count(request)
                raise

        return wait_for_connection

    def around_waiting_coroutine(self, wait: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Count where the coroutine of *wait* was in vain."""

        async def wait_for_connection(request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await wait(request, *args, **kwargs)
            except self._timeout:
                self._count(request)
                raise

        return wait_for_connection

    @guarded("count a pool's timeout")
    def _count(self, request: Any) -> None:
        self._pools.timeouts.add(self._server(request.request.url.origin), 1)

    def _states(self, pool: Any) -> list[HttpState]:
        found = []
        for connection in list(pool._connections):
            if not connection.is_closed():
                is_idle = connection.is_idle()
                found.append(HttpState(self._server(_origin(connection)), not is_idle, is_idle))
        queued = [request.request.url.origin for request in list(pool._requests) if request.is_queued()]
        return [*found, *(HttpState(self._server(origin), pending=1) for origin in queued)]

    def _server(self, origin: Any) -> Labels:
        return self._pools.peers.labels(origin.host, origin.port or _PORTS.get(origin.scheme, 80))


def _origin(connection: Any) -> Any:
    # Behind a proxy it is the server that counts, and the proxy is what it is connected to.
    return getattr(connection, "_remote_origin", None) or connection._origin
