"""What goes wrong with RabbitMQ for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from rabbitmq import RabbitmqNode, StartRabbitmq
from servers import eventually, get

from .rabbitmq_runbooks import run_all
from .watching import PATIENCE, Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Rates and slopes are read over the seconds that a test goes on, and a day is a minute.
QUICK: Final = {"[5m]": "[10s]", "[15m]": "[10s]", "[1d]": "[60s]"}
MOVED: Final = {name: {"above": 50} for name in ("RabbitmqBacklogGrowing", "RabbitmqUnackedGrowing")}


@contextmanager
def joined(first: RabbitmqNode, second: RabbitmqNode) -> Iterator[None]:
    """Run *second* in a cluster with *first*, until the end of the block."""
    peers = (f"cluster_formation.classic_config.nodes.{at} = {each.name}" for at, each in enumerate((first, second), 1))
    with second.running("cluster_formation.peer_discovery_backend = classic_config", *peers):
        eventually(lambda: f'peer="{second.name}"}} 3' in get(first.metrics), PATIENCE)
        yield


@dataclass(frozen=True)
class Cluster:
    """Two nodes, of which the second runs until *running* is closed."""

    prometheus: Prometheus
    first: RabbitmqNode
    second: RabbitmqNode
    running: ExitStack


@pytest.fixture(scope="module")
def cluster(start_rabbitmq: StartRabbitmq, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of two, and Prometheus over them."""
    first, second = start_rabbitmq("one"), start_rabbitmq("two", run=False)
    catalog = catalog_of_kind("rabbitmq", {"one": first.url, "two": second.url}, MOVED)
    with ExitStack() as running:
        running.enter_context(joined(first, second))
        with watching(tmp_path_factory.mktemp("cluster"), catalog, QUICK) as prometheus:
            yield Cluster(prometheus, first, second, running)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    cluster.prometheus.knows("rabbitmq_up", 2)
    assert 2 == cluster.prometheus.value("count(erlang_vm_dist_node_state == 3)")
    assert set() == cluster.prometheus.active()


def test_a_queue_whose_consumers_went_pages_until_one_is_back(cluster: Cluster) -> None:
    """One that never had any does not: dead letters are kept like that."""
    with cluster.first.channel() as channel:
        for queue in ("orders", "kept"):
            channel.queue_declare(queue)
            channel.basic_publish("", queue, b"x")
        tag = channel.basic_consume("orders", lambda *_: None)
        seen = 'rabbitmq_detailed_queue_consumers{job="one",queue="orders"}'

        def has(count: int) -> bool:
            channel.connection.process_data_events(0)
            return cluster.prometheus.value(f"{seen} == bool {count}") == 1

        eventually(lambda: has(1), PATIENCE)
        channel.basic_cancel(tag)
    cluster.prometheus.fires("one", "RabbitmqQueueWithoutConsumers")
    assert {("one", "RabbitmqQueueWithoutConsumers")} == cluster.prometheus.firing("page")
    assert ["orders"] == [
        each["labels"]["queue"] for each in cluster.prometheus.ask("alerts")["alerts"] if "queue" in each["labels"]
    ]
    with cluster.first.channel() as channel:
        channel.basic_consume("orders", lambda *_: None)
        cluster.prometheus.is_quiet()
        channel.queue_delete("orders")
        channel.queue_delete("kept")


def test_a_backlog_that_grows_pages_until_it_is_gone(cluster: Cluster) -> None:
    """Its consumer holds one message and is done with none."""
    with cluster.first.channel() as channel:
        channel.queue_declare("mails")
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume("mails", lambda *_: None)

        def publish() -> None:
            for _ in range(20):
                channel.basic_publish("", "mails", b"x")
            channel.connection.process_data_events(0)

        cluster.prometheus.fires("one", "RabbitmqBacklogGrowing", meanwhile=publish)
        assert {("one", "RabbitmqBacklogGrowing")} == cluster.prometheus.firing("page")
        channel.queue_purge("mails")
        cluster.prometheus.is_quiet()
        channel.queue_delete("mails")


def test_consumers_that_acknowledge_nothing_are_a_ticket(cluster: Cluster) -> None:
    """They take all that comes."""
    with cluster.first.channel() as channel:
        channel.queue_declare("images")
        channel.basic_consume("images", lambda *_: None)

        def publish() -> None:
            for _ in range(20):
                channel.basic_publish("", "images", b"x")
            channel.connection.process_data_events(0.1)

        cluster.prometheus.fires("one", "RabbitmqUnackedGrowing", meanwhile=publish)
        assert set() == cluster.prometheus.firing("page")
        channel.queue_delete("images")
    cluster.prometheus.is_quiet()


def test_messages_that_fit_nowhere_page_and_rejected_ones_are_a_ticket(cluster: Cluster) -> None:
    """Both are lost to whoever waits for them."""
    with cluster.first.channel() as channel:
        channel.queue_declare("jobs")
        channel.basic_consume("jobs", lambda of, method, *_: of.basic_reject(method.delivery_tag, requeue=False))

        def publish() -> None:
            for queue in ("nowhere", *["jobs"] * 20):
                channel.basic_publish("", queue, b"x")
            channel.connection.process_data_events(0.1)

        cluster.prometheus.fires("one", "RabbitmqUnroutableDropped", "RabbitmqDeadLettering", meanwhile=publish)
        assert {("one", "RabbitmqUnroutableDropped")} == cluster.prometheus.firing("page")
        channel.queue_delete("jobs")
    cluster.prometheus.is_quiet()


def test_the_memory_alarm_pages_while_publishers_are_blocked(cluster: Cluster) -> None:
    """The command that sets the limit is a peer for a while, and is not missed."""
    cluster.first.ctl("set_vm_memory_high_watermark", "0.00001")
    cluster.prometheus.fires("one", "RabbitmqMemoryAlarm", "RabbitmqMemoryNearLimit")
    assert {("one", "RabbitmqMemoryAlarm")} == cluster.prometheus.firing("page")
    cluster.first.ctl("set_vm_memory_high_watermark", "0.4")
    cluster.prometheus.is_quiet()


def test_the_disk_alarm_pages_while_publishers_are_blocked(cluster: Cluster) -> None:
    """No disk has as much."""
    cluster.first.ctl("set_disk_free_limit", "1000000000000000")
    cluster.prometheus.fires("one", "RabbitmqDiskAlarm")
    assert {("one", "RabbitmqDiskAlarm")} == cluster.prometheus.firing("page")
    cluster.first.ctl("set_disk_free_limit", "1MB")
    cluster.prometheus.is_quiet()


def test_a_node_that_is_stopped_pages_and_so_does_the_one_that_misses_it(cluster: Cluster) -> None:
    """The rest goes on; over once it is back."""
    cluster.running.close()
    cluster.prometheus.fires("two", "ServiceDown")
    cluster.prometheus.fires("one", "RabbitmqNodeLost")
    assert {("two", "ServiceDown"), ("one", "RabbitmqNodeLost")} == cluster.prometheus.firing("page")
    assert 1 == cluster.prometheus.value('rabbitmq_up{job="one"}')
    cluster.running.enter_context(joined(cluster.first, cluster.second))
    cluster.prometheus.is_quiet()


def test_every_command_of_the_runbooks_runs_while_a_node_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    """With the words in capitals replaced."""
    with cluster.first.channel() as channel:
        channel.queue_declare("orders")
    cluster.running.close()
    run_all(cluster.first, tmp_path, "orders", cluster.second.name)
