"""aiohttp's client: its connectors, by the server that is called."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels

from .metrics import HttpPools, HttpState
from .noting import Living, note_made, read_each, surround

if TYPE_CHECKING:
    from . import PoolMetrics


def hook(module: Any, metrics: "PoolMetrics") -> None:
    """Watch every connector."""
    connectors = Connectors(metrics.http)
    note_made(module.BaseConnector, connectors.note)
    for owner in (module.TCPConnector, module.UnixConnector):
        surround(owner, "_create_connection", connectors.around_create)


class Connectors:
    """The connectors of this process."""

    def __init__(self, pools: HttpPools) -> None:
        self._pools = pools
        self._known = Living()
        self._servers = Living()  # of each connection: a connector forgets it while somebody has one
        pools.watch(self.states, self.bounds, self.forget_parent)

    def note(self, connector: Any) -> None:
        """Remember *connector*."""
        self._known.add(connector)

    def states(self) -> Iterator[HttpState]:
        """Tell the connections to each server, and the requests that wait for one."""
        for states in read_each(self._known, self._states):
            yield from states

    def bounds(self) -> Iterator[float]:
        """Tell how many connections each may open that has any."""
        yield from (each._limit for each in self._known if each._limit and (each._conns or each._acquired))

    def forget_parent(self) -> None:
        """Forget those that have connections: their loop is the parent's."""
        self._known.keep(lambda connector: not connector._conns and not connector._acquired)

    def around_create(self, create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Note the server of each connection."""
        note = guarded("note a connection")(lambda made, request: self._servers.add(made, request.connection_key))

        async def _create_connection(connector: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            connection = await create(connector, request, *args, **kwargs)
            note(connection, request)
            return connection

        return _create_connection

    def _states(self, connector: Any) -> list[HttpState]:
        used = [self._servers.known(connection) for connection in [*connector._acquired]]
        return [
            *(HttpState(self._server(key), active=1) for key in used if key is not None),
            *(HttpState(self._server(key), idle=len(each)) for key, each in [*connector._conns.items()]),
            *(
                HttpState(self._server(key), pending=sum(not waiter.done() for waiter in [*each]))
                for key, each in [*connector._waiters.items()]
            ),
        ]

    def _server(self, key: Any) -> Labels:
        return self._pools.peers.labels(key.host, key.port or (443 if key.is_ssl else 80))
