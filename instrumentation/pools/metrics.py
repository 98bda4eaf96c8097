"""What is told of connection pools: nothing is counted while they are used but waits and timeouts."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from seawall.instrumentation.aggregation import Counter, Family, Histogram
from seawall.instrumentation.asked import Ask, AskedGauge
from seawall.instrumentation.bounds import Names
from seawall.instrumentation.diagnostics import guarded, say_once
from seawall.instrumentation.memory import Labels
from seawall.instrumentation.outgoing import Peers

T = TypeVar("T")

_POOL: Final = "db.client.connection.pool.name"
_SERVER: Final = ("server.address", "server.port")
# A connection that is ready takes microseconds to get, a new one milliseconds, one of a pool that is too small seconds.
_BOUNDARIES: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PoolState(NamedTuple):
    """Some or all connections of a pool, as they are now; what is None has no bound, or is told elsewhere."""

    labels: Labels
    used: float = 0
    idle: float = 0
    most: float | None = None
    most_idle: float | None = None
    pending: float | None = None


class Children:
    """What forked children must forget, which is asked for whenever a family's counts begin anew."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._forgets: list[Callable[[], object]] = []

    def add(self, forget: Callable[[], object]) -> None:
        """Call *forget* in every child."""
        self._forgets.append(guarded("forget the parent's connections")(forget))

    def forget_parent(self) -> None:
        """Do so, where this process is a child that has not done so yet."""
        if self._process != os.getpid():
            self._process = os.getpid()
            for forget in self._forgets:
                forget()


class DatabasePools:
    """Hold the metrics of pools of connections to databases and to Redis."""

    def __init__(self) -> None:
        self.names = Names()
        self.waits = Histogram(
            "db.client.connection.wait_time",
            "The time it took to obtain an open connection from the pool.",
            (_POOL,),
            boundaries=_BOUNDARIES,
        )
        self.timeouts = Counter(
            "db.client.connection.timeouts",
            "Requests for a connection that the pool let down: they waited too long, or it was full and refused them.",
            (_POOL,),
            unit="{timeout}",
        )
        self._sources: list[Callable[[], Iterable[PoolState]]] = []
        self._children = Children()
        self.waits.on_reset = self._children.forget_parent

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        yield AskedGauge(
            "db.client.connection.count",
            "The number of connections that are currently in state described by the state attribute.",
            (_POOL, "db.client.connection.state"),
            self._count,
            unit="{connection}",
        )
        for name, unit, part, help in (  # noqa: A001
            ("max", "{connection}", "most", "The maximum number of open connections allowed."),
            ("idle.max", "{connection}", "most_idle", "The maximum number of idle open connections allowed."),
            ("pending_requests", "{request}", "pending", "Current pending requests for an open connection."),
        ):
            yield AskedGauge(f"db.client.connection.{name}", help, (_POOL,), self._part(part), unit=unit)
        yield self.timeouts
        yield self.waits

    def watch(self, states: Callable[[], Iterable[PoolState]], forget: Callable[[], object]) -> None:
        """Ask *states* at each scrape; *forget* is called in a forked child, whose connections are not its parent's."""
        self._sources.append(states)
        self._children.add(forget)

    def states(self) -> Iterator[PoolState]:
        """Return every pool's state; a library that cannot be read hides no other."""
        for source in self._sources:
            yield from _safely(source)

    def _count(self) -> Iterator[tuple[Labels, float]]:
        for state in self.states():
            self.timeouts.series(state.labels)  # at zero, so that the first one is an increase
            yield (*state.labels, "used"), max(0, state.used)
            yield (*state.labels, "idle"), max(0, state.idle)

    def _part(self, name: str) -> Ask:
        def ask() -> Iterator[tuple[Labels, float]]:
            for state in self.states():
                value = getattr(state, name)
                if value is not None:
                    yield state.labels, value

        return ask


class HttpState(NamedTuple):
    """Some or all connections to a *server*, as they are now, and the requests that wait for one."""

    server: Labels
    active: float = 0
    idle: float = 0
    pending: float = 0


class HttpPools:
    """Hold the metrics of HTTP clients' pools."""

    def __init__(self) -> None:
        self.peers = Peers()
        self.timeouts = Counter(
            "seawall.http.client.connection.timeouts",
            "Requests that waited too long for a connection of their client's pool.",
            _SERVER,
            unit="{timeout}",
        )
        self._sources: list[tuple[Callable[[], Iterable[HttpState]], Callable[[], Iterable[float]]]] = []
        self._children = Children()
        self.timeouts.on_reset = self._children.forget_parent

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        yield AskedGauge(
            "http.client.open_connections",
            "Number of outbound HTTP connections that are currently active or idle on the client.",
            ("http.connection.state", *_SERVER),
            self._open,
            unit="{connection}",
        )
        yield AskedGauge(
            "seawall.http.client.connection.pending_requests",
            "Requests that wait for a connection of their client's pool.",
            _SERVER,
            lambda: ((state.server, state.pending) for state in self.states()),
            unit="{request}",
        )
        yield AskedGauge(
            "seawall.http.client.connection.max",
            "Connections that all pools of HTTP clients together may open; a pool without a bound is left out.",
            (),
            lambda: (((), most) for _, bounds in self._sources for most in bounds()),
            unit="{connection}",
        )
        yield self.timeouts

    def watch(
        self,
        states: Callable[[], Iterable[HttpState]],
        bounds: Callable[[], Iterable[float]],
        forget: Callable[[], object],
    ) -> None:
        """Ask a library for *states*, and for the bounds of its pools; *forget* is called in a forked child."""
        self._sources.append((states, bounds))
        self._children.add(forget)

    def states(self) -> Iterator[HttpState]:
        """Return every library's connections; one that cannot be read hides no other."""
        for source, _ in self._sources:
            yield from _safely(source)

    def _open(self) -> Iterator[tuple[Labels, float]]:
        for state in self.states():
            self.timeouts.series(state.server)  # at zero, so that the first one is an increase
            yield ("active", *state.server), state.active
            yield ("idle", *state.server), state.idle


def _safely(source: Callable[[], Iterable[T]]) -> list[T]:
    try:
        return list(source())
    except Exception as error:  # noqa: BLE001 - no value is the truth
        say_once(f"Seawall leaves out pools: {type(error).__name__}")
        return []
