"""Redis, Valkey and what else speaks their protocol: redis_exporter's metrics, from INFO."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Metric

from .declaration import gauge
from .errors import BadUrlError, MissingPackageError
from .kinds import Kind, Target
from .own import QUERY_SUCCESS
from .redis_info import INFO_METRICS, families, number, parse
from .redis_sentinel import SENTINEL_METRICS, sentinel_families

if TYPE_CHECKING:
    from redis import Redis

UP: Final = gauge("redis_up", "", "1 if the server answered, else 0.")
SLOWLOG: Final = gauge("redis_slowlog_length", "", "Entries of the slow log.")
STATE: Final = gauge("redis_cluster_state", "", "1 if the cluster can serve every slot, else 0.")
_CLUSTER: Final = {
    "cluster_slots_assigned": gauge("redis_cluster_slots_assigned", "", "Slots that a node is assigned to."),
    "cluster_slots_ok": gauge("redis_cluster_slots_ok", "", "Slots whose node is well."),
    "cluster_slots_pfail": gauge("redis_cluster_slots_pfail", "", "Slots whose node this one cannot reach."),
    "cluster_slots_fail": gauge("redis_cluster_slots_fail", "", "Slots whose node the cluster holds for dead."),
    "cluster_known_nodes": gauge("redis_cluster_known_nodes", "", "Nodes that this one knows."),
    "cluster_size": gauge("redis_cluster_size", "", "Masters that serve at least one slot."),
    "cluster_current_epoch": gauge("redis_cluster_current_epoch", "", "Goes up with each failover and moved slot."),
    "cluster_my_epoch": gauge("redis_cluster_my_epoch", "", "The epoch in which the node's own slots last changed."),
    # Counters by their nature and name; redis_exporter calls them gauges.
    "cluster_stats_messages_sent": gauge("redis_cluster_messages_sent_total", "", "Messages sent to other nodes."),
    "cluster_stats_messages_received": gauge("redis_cluster_messages_received_total", "", "Messages of other nodes."),
}


class RedisCollector:
    """Asks one server, in one round trip (two of a cluster's node or a Sentinel).

    Needs ``+info +slowlog|len +cluster|info``, of a Sentinel ``+info +sentinel|slaves +sentinel|sentinels
    +sentinel|ckquorum``.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        """Yield the families; a query that the server refuses is told by its sample. Raise RedisError without INFO."""
        text, slowlog = self._ask(("INFO", "ALL"), ("SLOWLOG", "LEN"))
        if isinstance(text, Exception):
            raise text
        info = parse(_text(text))
        yield from families(info)
        if info.get("redis_mode") == "sentinel":  # which keeps no slow log
            yield from sentinel_families(info, self._ask)
            return
        answers = {"info": text, "slowlog": slowlog}
        yield SLOWLOG.value(None if isinstance(slowlog, Exception) else float(slowlog))
        if info.get("cluster_enabled") == "1":
            (answers["cluster"],) = self._ask(("CLUSTER", "INFO"))
            yield from _cluster(answers["cluster"])
        yield QUERY_SUCCESS.samples({(query,): not isinstance(answer, Exception) for query, answer in answers.items()})

    def close(self) -> None:
        """End the connections, whoever waits on them."""
        self._client.connection_pool.disconnect(inuse_connections=True)

    def _ask(self, *commands: tuple[str, ...]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers


def connect(target: Target) -> RedisCollector:
    """Return a collector over redis-py; connects at the first question. Raise MissingPackageError, BadUrlError."""
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise MissingPackageError("redis", "redis-py", "redis") from None
    try:
        client = Redis.from_url(
            target.url,
            socket_timeout=target.timeout,
            socket_connect_timeout=target.timeout,
            retry=Retry(NoBackoff(), 0),  # Prometheus asks again soon enough
            protocol=2,  # the same answers from every version
        )
    except ValueError:  # its text may hold a part of the password
        raise BadUrlError(
            "the url is not one of Redis; write redis://user:${VARIABLE}@host:6379 "
            "(rediss:// with TLS, unix:// for a socket)"
        ) from None
    client.set_response_callback("INFO", bytes)
    client.set_response_callback("CLUSTER INFO", bytes)
    return RedisCollector(client)


def _cluster(answer: "bytes | int | Exception") -> Iterator[Metric]:
    if isinstance(answer, Exception):
        return
    info = parse(_text(answer))
    yield STATE.value(info["cluster_state"] == "ok" if "cluster_state" in info else None)
    for key, family in _CLUSTER.items():
        yield family.value(number(info, key))


def _text(answer: object) -> str:
    if not isinstance(answer, bytes):
        raise ValueError("the server does not answer as Redis does")
    return answer.decode(errors="replace")


KIND: Final = Kind(
    name="redis",
    up=UP,
    metrics=(UP, *INFO_METRICS, SLOWLOG, STATE, *_CLUSTER.values(), *SENTINEL_METRICS),
    connect=connect,
)
