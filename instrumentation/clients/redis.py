"""redis-py, sync and async, alone and in a cluster: each command, and each pipeline as one operation."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.diagnostics import described, guarded, say_once
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import is_suppressed

_PEER: Final = "_seawall_peer"
_PORT: Final = 6379

Peer = tuple[object, object, object]
# Tells a call from its client and arguments: where it goes and what it asks. None for one that calls nobody.
Tell = Callable[..., tuple[Peer, object] | None]
_NOWHERE: Final[Peer] = ("", "", "")


def hook_client(module: Any, clients: Clients) -> None:
    """Count what clients and pipelines ask."""
    _hook(clients, module.Redis, "execute_command", _command)
    _hook(clients, module.Pipeline, "immediate_execute_command", _command)
    _hook(clients, module.Pipeline, "execute", _pipeline)


def hook_async_client(module: Any, clients: Clients) -> None:
    """Count what clients and pipelines ask."""
    _hook_async(clients, module.Redis, "execute_command", _command)
    _hook_async(clients, module.Pipeline, "immediate_execute_command", _command)
    _hook_async(clients, module.Pipeline, "execute", _pipeline)


def hook_cluster(module: Any, clients: Clients) -> None:
    """Count what is asked of each node, and pipelines, which go to many."""
    _hook(clients, module.RedisCluster, "_execute_command", _node_command)
    _hook(clients, module.ClusterPipeline, "execute", _cluster_pipeline)


def hook_async_cluster(module: Any, clients: Clients) -> None:
    """Count what is asked of each node, and pipelines, which go to many."""
    _hook_async(clients, module.RedisCluster, "_execute_command", _node_command)
    _hook_async(clients, module.ClusterPipeline, "execute", _cluster_pipeline)


def _hook(clients: Clients, owner: Any, name: str, tell: Tell) -> None:
    original = owner.__dict__[name]
    count = clients.db.end

    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        told = None if is_suppressed() else _told(tell, self, args)
        if told is None:
            return original(self, *args, **kwargs)
        peer, operation = told
        started = perf_counter()
        try:
            answer = original(self, *args, **kwargs)
        except BaseException as error:
            count(("redis", *peer, operation, type(error).__qualname__), perf_counter() - started)
            raise
        count(("redis", *peer, operation, ""), perf_counter() - started)
        return answer

    replace(owner, name, call)


def _hook_async(clients: Clients, owner: Any, name: str, tell: Tell) -> None:
    original = owner.__dict__[name]
    count = clients.db.end

    @wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        told = None if is_suppressed() else _told(tell, self, args)
        if told is None:
            return await original(self, *args, **kwargs)
        peer, operation = told
        started = perf_counter()
        try:
            answer = await original(self, *args, **kwargs)
        except BaseException as error:
            count(("redis", *peer, operation, type(error).__qualname__), perf_counter() - started)
            raise
        count(("redis", *peer, operation, ""), perf_counter() - started)
        return answer

    replace(owner, name, call)


def _told(tell: Tell, client: Any, args: tuple[Any, ...]) -> tuple[Peer, object] | None:
    try:
        return tell(client, *args)
    except Exception as error:  # noqa: BLE001 - the application comes first
        say_once(f"Seawall could not read a Redis call: {described(error)}")
        return None


def _command(client: Any, *args: Any) -> tuple[Peer, object] | None:
    if not args:
        return None
    pool = client.connection_pool
    return pool.__dict__.get(_PEER) or _peer_of(pool) or _NOWHERE, args[0]


def _pipeline(pipeline: Any, *_: Any) -> tuple[Peer, object] | None:
    if not pipeline.command_stack and not pipeline.watching:
        return None
    pool = pipeline.connection_pool
    # The two kinds of pipelines have different names for it.
    is_transaction = getattr(pipeline, "is_transaction", None)
    is_transaction = pipeline.transaction if is_transaction is None else is_transaction
    operation = "MULTI" if is_transaction or pipeline.explicit_transaction else "PIPELINE"
    return pool.__dict__.get(_PEER) or _peer_of(pool) or _NOWHERE, operation


def _node_command(_: Any, node: Any = None, *args: Any) -> tuple[Peer, object] | None:
    return ((0, node.host, node.port), args[0]) if args else None


def _cluster_pipeline(pipeline: Any, *_: Any) -> tuple[Peer, object] | None:
    if not len(pipeline):
        return None
    return _cluster_of(pipeline) or _NOWHERE, "PIPELINE"


@guarded("tell a Redis server's address")
def _peer_of(pool: Any) -> Peer:
    """Return the number of the pool's database and its server; a sentinel's pool has the name of its group."""
    known = pool.connection_kwargs
    host = known.get("path") or getattr(pool, "service_name", None)
    peer = (known.get("db") or 0, host or known.get("host", "localhost"), "" if host else known.get("port", _PORT))
    pool.__dict__[_PEER] = peer
    return peer


@guarded("tell a Redis cluster's address")
def _cluster_of(pipeline: Any) -> Peer:
    cluster = getattr(pipeline, "cluster_client", pipeline)
    node = cluster.nodes_manager.default_node
    return (0, node.host, node.port)
