"""What goes wrong with Kafka for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewTopic
from kafka import KafkaBroker, StartKafka, hanging, used
from servers import eventually

from .kafka_runbooks import run_all
from .watching import PATIENCE, Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# What is read over minutes is read over the seconds that a test goes on, and a day is a minute.
QUICK: Final = {"[5m]": "[10s]", "[10m]": "[10s]", "offset 10m": "offset 10s", "[15m]": "[10s]", "[1d]": "[60s]"}
# One probe that comes late on a busy machine is no cluster that is down.
MOVED: Final = {"KafkaLagGrowing": {"above": 50}, "ServiceDown": {"for": "3s"}}
CONTROLLER: Final = ("broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")


@dataclass(frozen=True)
class Cluster:
    """Two brokers and their processes, and Prometheus over the cluster."""

    prometheus: Prometheus
    first: KafkaBroker
    processes: tuple["Popen[bytes]", "Popen[bytes]"]

    def pages(self) -> set[str]:
        """Return the alerts that page."""
        return {alert for _, alert in self.prometheus.firing("page")}


def read_all(consumer: Consumer, topic: str, partitions: int = 2) -> None:
    """Commit all that a topic has."""
    ends = [TopicPartition(topic, at, consumer.get_watermark_offsets(TopicPartition(topic, at))[1]) for at in range(partitions)]  # fmt: skip
    consumer.commit(offsets=ends, asynchronous=False)


def join(consumer: Consumer, topic: str) -> None:
    """Become a member, with partitions."""
    consumer.subscribe([topic])

    def is_member() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    eventually(is_member, PATIENCE)


@pytest.fixture(scope="module")
def cluster(start_kafka: StartKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of two, of which the first is the controller, and Prometheus over it."""
    first, second = start_kafka(run=False), start_kafka(number=2, run=False)
    with ExitStack() as stack:
        one = stack.enter_context(first.running(*CONTROLLER))
        used(first)  # before there is a second: what groups committed is on the first then
        first.commit("billing", "orders", {0: 10, 1: 5})
        two = stack.enter_context(second.running(*CONTROLLER, voter=first.controller))
        topics = [
            NewTopic(name, 2, replica_assignment=[[1], [1]]) for name in ("stalled", "left", "late", "many", "deleted")
        ]
        first.create(NewTopic("copied", 2, 2), NewTopic("single", 1, replica_assignment=[[2]]), *topics)
        catalog = catalog_of_kind("kafka", {"events": first.url}, MOVED)
        prometheus = stack.enter_context(watching(tmp_path_factory.mktemp("cluster"), catalog, QUICK))
        yield Cluster(prometheus, first, (one, two))


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = cluster.prometheus
    prometheus.knows("kafka_up", 1)
    assert 2 == prometheus.value("kafka_brokers")
    assert set() == prometheus.active()


def test_a_group_that_stands_still_pages_until_it_goes_on(cluster: Cluster) -> None:
    """Its one member keeps its partitions and commits nothing more."""
    cluster.first.publish("stalled", {0: 5, 1: 5})
    with cluster.first.consumer("stuck") as member:
        join(member, "stalled")
        member.commit(offsets=[TopicPartition("stalled", 0, 1)], asynchronous=False)
        cluster.prometheus.fires("events", "KafkaGroupStalled")
        assert {"KafkaGroupStalled"} == cluster.pages()
        read_all(member, "stalled")
        cluster.prometheus.is_quiet()


def test_a_group_that_everybody_left_pages_until_somebody_is_back(cluster: Cluster) -> None:
    """Not one that nobody was in within a day, which here is a minute."""
    with cluster.first.consumer("gone") as member:
        join(member, "left")
        read_all(member, "left")
        cluster.prometheus.has('kafka_consumergroup_members{consumergroup="gone"}')
    cluster.first.publish("left", {0: 5, 1: 5})
    cluster.prometheus.fires("events", "KafkaGroupWithoutMembers")
    assert {"KafkaGroupWithoutMembers"} == cluster.pages()
    with cluster.first.consumer("gone") as member:
        join(member, "left")
        read_all(member, "left")
        cluster.prometheus.is_quiet()


def test_a_group_that_reads_late_pages_until_it_has_caught_up(cluster: Cluster) -> None:
    """The messages are an hour old, and it is not fast."""
    cluster.first.publish("late", {0: 500}, time.time() - 3600)
    with cluster.first.consumer("slow") as member:
        join(member, "late")
        committed = iter(range(1, 400))

        def go_on() -> bool:
            member.commit(offsets=[TopicPartition("late", 0, next(committed))], asynchronous=False)
            return "KafkaLagHigh" in cluster.pages()

        eventually(go_on, PATIENCE)
        assert {"KafkaLagHigh"} == cluster.pages()
        read_all(member, "late")
        cluster.prometheus.is_quiet()


def test_a_lag_that_grows_is_a_ticket(cluster: Cluster) -> None:
    """The group goes on, and more comes than it reads."""
    with cluster.first.consumer("outrun") as member:
        join(member, "many")
        committed = iter(range(1, 2000))

        def publish() -> bool:
            cluster.first.publish("many", {0: 20})
            member.commit(offsets=[TopicPartition("many", 0, next(committed))], asynchronous=False)
            return ("events", "KafkaLagGrowing") in cluster.prometheus.alerts("firing")

        eventually(publish, PATIENCE)
        assert set() == cluster.pages()
        read_all(member, "many")
        cluster.prometheus.is_quiet()


def test_messages_that_are_deleted_unread_page(cluster: Cluster) -> None:
    """The group goes on meanwhile, and is behind the oldest message that is left."""
    cluster.first.publish("deleted", {0: 500})
    with cluster.first.consumer("robbed") as member:
        join(member, "deleted")
        committed = iter(range(1, 400))

        def go_on() -> bool:
            member.commit(offsets=[TopicPartition("deleted", 0, next(committed))], asynchronous=False)
            return "KafkaMessagesLostUnread" in cluster.pages()

        go_on()
        admin = cluster.first.admin
        for future in admin.delete_records([TopicPartition("deleted", 0, 450)]).values():
            future.result(PATIENCE)
        eventually(go_on, PATIENCE)
        assert {"KafkaMessagesLostUnread"} == cluster.pages()
        read_all(member, "deleted")
        cluster.prometheus.is_quiet()


def test_every_command_of_the_runbooks_runs(cluster: Cluster, tmp_path: Path) -> None:
    """And nothing of what they do pages: a group without members within a day is no longer in use."""
    run_all(cluster.first, tmp_path)
    cluster.prometheus.is_quiet()


def test_a_broker_that_hangs_pages_for_what_it_alone_had_until_it_goes_on(cluster: Cluster) -> None:
    """It takes connections and never answers. The exporter tells of the rest meanwhile: the cluster is not down."""
    with hanging(cluster.processes[1]):
        cluster.prometheus.fires("events", "KafkaOfflinePartitions", "KafkaUnderReplicated", "KafkaBrokerMissing")
        assert {"KafkaOfflinePartitions"} == cluster.pages()
        assert [1, 1] == [cluster.prometheus.value(name) for name in ("kafka_up", "kafka_brokers")]
    cluster.prometheus.is_quiet()


def test_a_cluster_of_which_every_broker_hangs_is_down_until_it_goes_on(cluster: Cluster) -> None:
    """Each probe ends in time, and none leaves a thread behind."""
    before = threading.active_count()
    with hanging(cluster.processes[0]), hanging(cluster.processes[1]):
        cluster.prometheus.fires("events", "ServiceDown")
        assert {"ServiceDown"} == cluster.pages()
        assert cluster.prometheus.value("max_over_time(scrape_duration_seconds{job='events'}[3s])") < 1
        assert 1 == cluster.prometheus.value("min_over_time(up{job='events'}[3s])")
    cluster.prometheus.is_quiet()
    eventually(lambda: threading.active_count() <= before, PATIENCE)


def test_a_broker_that_dies_pages_for_what_it_alone_had(cluster: Cluster) -> None:
    """What has a copy elsewhere goes on, and lacks a replica."""
    cluster.processes[1].kill()
    cluster.prometheus.fires("events", "KafkaOfflinePartitions", "KafkaUnderReplicated", "KafkaBrokerMissing")
    assert {"KafkaOfflinePartitions"} == cluster.pages()
    assert [1, 1] == [cluster.prometheus.value(name) for name in ("kafka_up", "kafka_brokers")]
