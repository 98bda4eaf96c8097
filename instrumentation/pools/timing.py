"""What of a pool cannot be asked for later: how long a connection was waited for, and whether in vain."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from seawall.instrumentation.diagnostics import guarded, say_once
from seawall.instrumentation.memory import Labels

from .metrics import DatabasePools
from .noting import Living


class NamedPools(Living):
    """Pools of one library, each with its label, which *name_of* finds once it is asked for."""

    def __init__(self, pools: DatabasePools, name_of: Callable[[Any], str]) -> None:
        super().__init__()
        self._name_of = name_of
        self._pools = pools

    def labels(self, pool: Any) -> Labels:
        """Return its labels; it is known from now on, also where it was made before anybody watched."""
        found: Labels | None = self.known(pool)
        if found is None:
            found = self._pools.names.bounded((self._name_of(pool),))
            self.add(pool, found)
        return found


class Timed:
    """Put around the functions of a library that get a connection: *labels_of* a pool, and what *is_timeout*."""

    def __init__(
        self,
        pools: DatabasePools,
        labels_of: Callable[[Any], Labels],
        is_timeout: Callable[[Exception], bool],
        note: Callable[[Any], object] | None = None,
    ) -> None:
        self._pools = pools
        self._labels_of = labels_of
        self._is_timeout = is_timeout
        self._note = note
        self._record = pools.waits.record

    def around(self, get: Callable[..., Any], pool_at: int = 0) -> Callable[..., Any]:
        """Time the function *get*, whose argument number *pool_at* is the pool: the second of a class' method."""

        def call(*args: Any, **kwargs: Any) -> Any:
            begun = perf_counter()
            try:
                connection = get(*args, **kwargs)
            except Exception as error:
                self._failed(args[pool_at], error)
                raise
            self._got(args[pool_at], connection, perf_counter() - begun)
            return connection

        return call

    def around_coroutine(self, get: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Time the coroutine function *get*."""

        async def call(pool: Any, *args: Any, **kwargs: Any) -> Any:
            begun = perf_counter()
            try:
                connection = await get(pool, *args, **kwargs)
            except Exception as error:
                self._failed(pool, error)
                raise
            self._got(pool, connection, perf_counter() - begun)
            return connection

        return call

    def around_refusal(self, get: Callable[..., Any]) -> Callable[..., Any]:
        """Count what *get* refuses; it never waits, so that there is nothing to time."""

        def call(pool: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return get(pool, *args, **kwargs)
            except Exception as error:
                self._failed(pool, error)
                raise

        return call

    def _got(self, pool: Any, connection: Any, seconds: float) -> None:
        try:  # a decorator would cost as much again
            if self._note is not None:
                self._note(connection)
            self._record(self._labels_of(pool), seconds)
        except Exception as error:  # noqa: BLE001 - the application has its connection
            say_once(f"Seawall could not time a pool: {type(error).__name__}")

    @guarded("count a pool's timeout")
    def _failed(self, pool: Any, error: Exception) -> None:
        if self._is_timeout(error):
            self._pools.timeouts.add(self._labels_of(pool), 1)
