"""Calls of the application's dependencies, counted in the libraries that make them.

Each call counts once, at the lowest place that still knows what the application asked for: every attempt over the
wire, behind the retries and redirects of a library, and whatever transport it goes through. Spans are left to
OpenTelemetry's instrumentations; where none is installed, the trace is still carried on.
"""

from collections.abc import Iterable
from typing import Final

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.db_client import DbClientMetrics
from seawall.instrumentation.hook_table import HookTable
from seawall.instrumentation.http_client import HttpClientMetrics
from seawall.instrumentation.http_server import METHODS
from seawall.instrumentation.rpc_client import RpcClientMetrics

__all__ = ["HOOKS", "Clients"]

HOOKS: Final = HookTable(
    __name__,
    "count the calls of",
    {
        "http.client": ("stdlib", "hook_connections"),
        "httpx._client": ("httpx", "hook_clients"),
        "urllib3.connectionpool": ("urllib3", "hook_pools"),
        "aiohttp.connector": ("aiohttp", "hook_connectors"),
        "aiohttp.client_reqrep": ("aiohttp", "hook_requests"),
        "redis.client": ("redis", "hook_client"),
        "redis.cluster": ("redis", "hook_cluster"),
        "redis.asyncio.client": ("redis", "hook_async_client"),
        "redis.asyncio.cluster": ("redis", "hook_async_cluster"),
        "psycopg": ("psycopg", "hook_driver"),
        "asyncpg": ("asyncpg", "hook_driver"),
        "grpc._channel": ("grpc", "hook_channel"),
        "grpc.aio._channel": ("grpc", "hook_aio"),
        "sqlalchemy.engine.interfaces": ("sqlalchemy", "hook_engines"),
    },
)


class Clients:
    """Count the calls of the libraries that the application imports."""

    def __init__(self, methods: frozenset[str] = METHODS) -> None:
        self.http = HttpClientMetrics(methods)
        self.db = DbClientMetrics()
        self.rpc = RpcClientMetrics()

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return (*self.http.families, *self.db.families, *self.rpc.families)

    def hook(self) -> None:
        """Wait for each library's import; one that is imported already is hooked at once."""
        HOOKS.hook(self)
