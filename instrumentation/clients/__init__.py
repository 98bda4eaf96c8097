"""Calls of the application's dependencies, counted in the libraries that make them.

Each call counts once, at the lowest place that still knows what the application asked for: every attempt over the
wire, behind the retries and redirects of a library, and whatever transport it goes through. Spans are left to
OpenTelemetry's instrumentations; where none is installed, the trace is still carried on.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final

from wrapt import register_post_import_hook

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.db_client import DbClientMetrics
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.http_client import HttpClientMetrics
from seawall.instrumentation.http_server import METHODS
from seawall.instrumentation.rpc_client import RpcClientMetrics

__all__ = ["HOOKS", "Clients"]

# The library's module, and the file and function of this folder that hook into it once it is imported.
HOOKS: Final[dict[str, tuple[str, str]]] = {
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
}


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
        for module in HOOKS:
            register_post_import_hook(guarded(f"count the calls of {module}")(self._hook_of(module)), module)

    def _hook_of(self, name: str) -> Callable[[Any], None]:
        # What is not imported is not paid for.
        file, function = HOOKS[name]

        def hook(module: Any) -> None:
            getattr(import_module(f".{file}", __name__), function)(module, self)

        return hook
