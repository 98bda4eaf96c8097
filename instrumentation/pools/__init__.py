"""Connection pools: how many connections are used and idle, what waits for one, and who waited in vain.

A pool is known from its making by weak reference and read when a scrape asks; only the waits and timeouts are counted
as they happen. Connections that a parent opened are not told by its forked children.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.hook_table import HookTable

from .metrics import DatabasePools, HttpPools

__all__ = ["HOOKS", "PoolMetrics", "watch_pools"]

HOOKS: Final = HookTable(
    __name__,
    "watch the pools of",
    {
        "sqlalchemy.engine.create": ("sqlalchemy", "hook"),
        "psycopg_pool.pool": ("psycopg_pool", "hook_threads"),
        "psycopg_pool.pool_async": ("psycopg_pool", "hook_tasks"),
        "asyncpg.pool": ("asyncpg", "hook"),
        "redis.connection": ("redis", "hook_threads"),
        "redis.asyncio.connection": ("redis", "hook_tasks"),
        "httpcore._sync.connection_pool": ("httpcore", "hook_threads"),
        "httpcore._async.connection_pool": ("httpcore", "hook_tasks"),
        "urllib3.connectionpool": ("urllib3", "hook"),
        "aiohttp.connector": ("aiohttp", "hook"),
    },
)


@dataclass
class PoolMetrics:
    """Hold the metrics of this process' connection pools."""

    database: DatabasePools = field(default_factory=DatabasePools)
    http: HttpPools = field(default_factory=HttpPools)

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return (*self.database.families, *self.http.families)

    def hook(self) -> None:
        """Wait for each library's import."""
        HOOKS.hook(self)


def watch_pools(registry: Registry) -> None:
    """Tell of every pool of this process in *registry* from now on."""
    metrics = PoolMetrics()
    registry.add(*metrics.families)
    metrics.hook()
