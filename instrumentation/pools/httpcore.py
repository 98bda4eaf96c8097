"""httpcore, which is under httpx: its pools of threads and of tasks, by server."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels

from .metrics import HttpPools
from .noting import Living, note_made, read_each, surround

if TYPE_CHECKING:
    from . import PoolMetrics

_UNBOUNDED: Final = 2**31


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
        pools.watch(self.open_connections, self.pending, self.most, self.forget_parent)

    def note(self, pool: Any) -> None:
        """Remember *pool*."""
        self._known.add(pool)

    def open_connections(self) -> Iterator[tuple[Labels, float]]:
        """Tell each connection, active or idle."""
        for states in read_each(self._known, self._states):
            yield from states

    def pending(self) -> Iterator[tuple[Labels, float]]:
        """Tell each request that has no connection yet, and each server that has connections."""
        for found in read_each(self._known, self._queued):
            yield from found

    def most(self) -> Iterator[tuple[Labels, float]]:
        """Tell how many connections all pools may open that have any."""
        for most in read_each(self._known, _most):
            if 0 < most < _UNBOUNDED:
                yield (), most

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

    def _states(self, pool: Any) -> list[tuple[Labels, float]]:
        found = []
        for connection in list(pool._connections):
            if not connection.is_closed():
                labels = self._server(_origin(connection))
                self._pools.timeouts.series(labels)  # at zero, so that the first one is an increase
                is_idle = connection.is_idle()
                found += [(("idle", *labels), float(is_idle)), (("active", *labels), float(not is_idle))]
        return found

    def _queued(self, pool: Any) -> list[tuple[Labels, float]]:
        open_ones = [(self._server(_origin(connection)), 0.0) for connection in list(pool._connections)]
        queued = [request.request.url.origin for request in list(pool._requests) if request.is_queued()]
        return [*open_ones, *((self._server(origin), 1.0) for origin in queued)]

    def _server(self, origin: Any) -> Labels:
        port = origin.port or {b"https": 443, b"wss": 443}.get(origin.scheme, 80)
        return self._pools.names.bounded((origin.host.decode("ascii", "replace"), str(port)))


def _most(pool: Any) -> float:
    return float(pool._max_connections) if pool._connections else 0.0


def _origin(connection: Any) -> Any:
    # Behind a proxy it is the server that counts, and the proxy is what it is connected to.
    return getattr(connection, "_remote_origin", None) or connection._origin
