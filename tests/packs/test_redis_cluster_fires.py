"""What goes wrong with a Redis Cluster for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from servers import RedisServer, StartRedis, eventually

from .watching import PATIENCE, Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

MASTERS: Final = ("first", "second", "third")
REPLICAS: Final = tuple(f"{name}-replica" for name in MASTERS)
OPTIONS: Final = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-timeout", "3")


@dataclass(frozen=True)
class Cluster:
    """Three masters with a replica each, and Prometheus over all six."""

    prometheus: Prometheus
    nodes: dict[str, RedisServer]

    def stop(self, name: str) -> Callable[[], None]:
        """Halt a node, and return what lets it go on."""
        fields = dict(line.split(":", 1) for line in self.nodes[name].cli("info", "server").splitlines() if ":" in line)
        pid = int(fields["process_id"])
        os.kill(pid, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)


def id_of(node: RedisServer) -> str:
    """Return the id by which the cluster knows *node*."""
    return node.cli("cluster", "myid")


def join(nodes: dict[str, RedisServer]) -> None:
    """Make a cluster of three masters, and give each the replica of its name."""
    masters = [f"127.0.0.1:{nodes[name].port}" for name in MASTERS]
    command = ["redis-cli", "--cluster", "create", *masters, "--cluster-yes"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    first = nodes[MASTERS[0]]
    for name in REPLICAS:
        nodes[name].cli("cluster", "meet", "127.0.0.1", str(first.port))
    for name in MASTERS:
        replica, own = nodes[f"{name}-replica"], id_of(nodes[name])
        eventually(lambda each=replica, id_=own: id_ in each.cli("cluster", "nodes"), PATIENCE)  # type: ignore[misc]
        replica.cli("cluster", "replicate", own)
        eventually(lambda each=nodes[name]: "state=online" in each.cli("info", "replication"), PATIENCE)  # type: ignore[misc]
    told = ("cluster_state:ok", "cluster_known_nodes:6", "cluster_size:3", "cluster_slots_ok:16384")
    eventually(lambda: all(each in node.cli("cluster", "info") for node in nodes.values() for each in told), PATIENCE)


@pytest.fixture(scope="module")
def cluster(start_redis: StartRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster that holds keys; every alert of its nodes fires at once."""
    nodes = {name: start_redis(*OPTIONS) for name in (*MASTERS, *REPLICAS)}
    join(nodes)
    for index in range(30):
        nodes["first"].cli("-c", "set", f"key-{index}", "x")
    catalog = catalog_of_kind("redis", {name: f"redis://127.0.0.1:{each.port}" for name, each in nodes.items()})
    with watching(tmp_path_factory.mktemp("cluster"), catalog) as prometheus:
        yield Cluster(prometheus, nodes)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, no alert even begins, and each node knows all."""
    cluster.prometheus.knows("redis_up", 6)
    names = ("state", "slots_ok", "known_nodes", "size")
    assert [6, 6 * 16384, 36, 18] == [cluster.prometheus.value(f"sum(redis_cluster_{name})") for name in names]
    assert set() == cluster.prometheus.active()


def test_each_node_counts_what_it_tells_the_others(cluster: Cluster) -> None:
    """The bus is never silent."""
    for name in ("sent", "received"):
        assert 6 == cluster.prometheus.value(f"count(redis_cluster_messages_{name}_total > 0)")
    assert 1 <= cluster.prometheus.value("min(redis_cluster_current_epoch)")


def test_losing_a_replica_is_a_ticket_its_master_too_a_page_and_it_ends(cluster: Cluster) -> None:
    """Slots without a node page, at every node that is left; what only one node sees is a ticket."""
    prometheus = cluster.prometheus
    stopped = [cluster.stop("first-replica")]
    try:
        prometheus.fires("first", "RedisClusterMasterWithoutReplica")
        assert {("first-replica", "ServiceDown")} >= prometheus.firing("page")
        expected = {("first", "RedisClusterMasterWithoutReplica"), ("first", "RedisReplicaMissing")}
        assert expected >= {each for each in prometheus.firing("ticket") if each[1].startswith("Redis")}

        stopped.append(cluster.stop("first"))
        for name in (name for name in cluster.nodes if not name.startswith("first")):
            prometheus.fires(name, "RedisClusterFailing")
        assert {"ServiceDown", "RedisClusterFailing"} >= {alert for _, alert in prometheus.firing("page")}

        stopped.append(cluster.stop("second"))  # nobody is left to agree with
        prometheus.fires("third", "RedisClusterNodeUnreachable")
    finally:
        for goes_on in reversed(stopped):
            goes_on()
    prometheus.is_quiet()
    assert 6 == prometheus.value("sum(redis_cluster_state)")


def test_a_replica_takes_over_and_has_none_itself(cluster: Cluster) -> None:
    """Keys are served again within seconds: a ticket remains, until the old master is back."""
    prometheus = cluster.prometheus
    goes_on = cluster.stop("third")
    try:
        prometheus.fires("third-replica", "RedisClusterMasterWithoutReplica")
        eventually(lambda: {"third"} >= {name for name, _ in prometheus.firing("page")}, PATIENCE)
        left = [each for name, each in cluster.nodes.items() if name != "third"]
        assert all("cluster_state:ok" in each.cli("cluster", "info") for each in left)
    finally:
        goes_on()
    prometheus.is_quiet()
    assert "role:slave" in cluster.nodes["third"].cli("info", "replication")
