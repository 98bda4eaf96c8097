"""The kafka collector on real brokers beside what kafka_exporter says of one, and on servers that lie."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from hostile import HEADERS, dripping, is_down, web
from kafka import KafkaBroker, StartKafka, used
from outside import Behaviour, authority, hang
from scrapes import queries, value, values
from servers import RunningExporter, Scrape, StartExporter, eventually, free_port, parse

from seawall.exporters import inventory, kafka

RECORDING: Final = Path(__file__).parent / "recordings/kafka_exporter.txt"
OUR_OWN: Final = {
    "kafka_up",
    "seawall_kafka_consumergroup_lag_seconds",
    "seawall_probe_success",
    "seawall_probe_duration_seconds",
    "seawall_probe_query_success",
    "seawall_probe_query_folded_rows",
}
LOGIN: Final = "org.apache.kafka.common.security"
SETTINGS: Final = (
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
    f"listener.name.sasl.plain.sasl.jaas.config={LOGIN}.plain.PlainLoginModule required "
    'user_reader="hunter2" user_topics="hunter2" user_nobody="hunter2";',
    f"listener.name.sasl.scram-sha-512.sasl.jaas.config={LOGIN}.scram.ScramLoginModule required;",
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
    "listener.name.tls.ssl.keystore.type=PEM",
)
EVERYTHING: Final = {ResourceType.TOPIC: "*", ResourceType.GROUP: "*", ResourceType.BROKER: "kafka-cluster"}
DAY: Final = 86400.0


@dataclass(frozen=True)
class Used:
    """A broker with users of fewer and fewer rights, its exporter, and the file of the authority that it is trusted by."""

    broker: KafkaBroker
    exporter: RunningExporter

    def probe(self, service: str) -> Scrape:
        """Return what is told of a service."""
        return self.exporter.scrape(f"/probe?service={service}")


def allow(broker: KafkaBroker, user: str, *kinds: ResourceType) -> None:
    """Let *user* describe all of each."""
    allowed = [
        AclBinding(kind, EVERYTHING[kind], ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
        for kind in kinds
    ]  # fmt: skip
    admin = broker.admin
    for future in admin.create_acls(allowed).values():
        future.result(60)


def scram(broker: KafkaBroker, user: str, password: str) -> None:
    """Give *user* a password of SCRAM."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    admin = broker.admin
    asked = [UserScramCredentialUpsertion(user, info, password.encode())]
    for future in admin.alter_user_scram_credentials(asked).values():
        future.result(60)


@pytest.fixture(scope="module")
def cluster(
    start_kafka: StartKafka, start_exporter: StartExporter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Used]:
    """Return a broker that had what the recorded one had: two groups, of which one has a member."""
    folder = tmp_path_factory.mktemp("authority")
    trusted = authority(folder)
    trusted.issue("broker", days=9)
    store = folder / "store.pem"
    store.write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())
    listeners = ",SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}"
    broker = start_kafka(*SETTINGS, f"listener.name.tls.ssl.keystore.location={store}", extra=listeners)
    used(broker)
    allow(broker, "reader", *EVERYTHING)
    allow(broker, "topics", ResourceType.TOPIC)
    scram(broker, "reader", "hunter3")
    at = f"127.0.0.1:{broker.sasl}"
    urls = {
        "all": broker.url,
        "reader": f"kafka://reader:${{P}}@{at}",
        "scrammed": f"kafka://reader:${{S}}@{at}?mechanism=SCRAM-SHA-512",
        "topics": f"kafka://topics:${{P}}@{at}",
        "nobody": f"kafka://nobody:${{P}}@{at}",
        "wrong": f"kafka://reader:${{WRONG}}@{at}",
        "plain": f"kafka://{at}",
        "secure": f"kafkas://127.0.0.1:{broker.tls}?ca={trusted.file}",
        "distrusted": f"kafkas://127.0.0.1:{broker.tls}",
        "gone": f"kafka://127.0.0.1:{free_port()}",
        "other": f"kafka://127.0.0.1:{free_port()}?brokers=127.0.0.1:{broker.port}",
    }
    exporter = start_exporter(urls, {"P": "hunter2", "S": "hunter3", "WRONG": "hunter9"})
    with broker.consumer("mailer") as member:
        member.subscribe(["orders"])
        eventually(lambda: member.poll(0.1) is not None, 60)
        member.commit(offsets=[TopicPartition("orders", 1, 3)], asynchronous=False)
        yield Used(broker, exporter)


@pytest.mark.e2e
def test_names_types_labels_and_values_are_those_of_kafka_exporter(cluster: Used) -> None:
    """But for the -1 that it says where a group has committed nothing, and which it adds up with the rest."""
    ours, theirs = cluster.probe("all"), parse(RECORDING.read_text())
    shared = ours.keys() - OUR_OWN
    said = {
        name: {key: each for key, each in family.samples.items() if each >= 0 and not moves(name, dict(key[1]))}
        for name, family in theirs.items()
    }

    assert theirs.keys() == shared
    assert {name: theirs[name].type for name in shared} == {name: ours[name].type for name in shared}
    assert said == {
        name: {key: each for key, each in ours[name].samples.items() if not moves(name, dict(key[1]))}
        for name in shared
    }
    assert {"billing": 9, "mailer": 3} == values(ours, "kafka_consumergroup_current_offset_sum", "consumergroup")


def moves(name: str, labels: dict[str, str]) -> bool:
    """Whether a sample is of Kafka's own topic, of its address, or one that is told apart."""
    return (
        (labels.get("topic") == "__consumer_offsets" and name.endswith("current_offset"))
        or name in ("kafka_broker_info", "kafka_consumergroup_current_offset_sum")
    )  # fmt: skip


@pytest.mark.e2e
def test_all_that_is_declared_is_seen(cluster: Used) -> None:
    """And nothing else; every query has its answer and nothing is folded."""
    scrape = cluster.probe("all")
    assert {info.name for info in inventory()["kafka"]} == {name for name in scrape if "_probe_" not in name}
    assert {"topics": 1, "offsets": 1, "groups": 1} == queries(scrape)
    assert {0} == set(scrape["seawall_probe_query_folded_rows"].samples.values())
    assert {"id": "1", "address": f"127.0.0.1:{cluster.broker.port}"} == dict(
        next(iter(scrape["kafka_broker_info"].label_sets))
    )


@pytest.mark.e2e
def test_lag_in_seconds_is_the_age_of_the_first_message_that_was_not_committed(cluster: Used) -> None:
    """By the broker's own index of timestamps, to a tenth; nothing waits where all is committed."""
    broker, now = cluster.broker, time.time()
    broker.create(NewTopic("aged", 4, 1))
    for at, age in enumerate((DAY, 3600, 60, 30)):
        broker.publish("aged", {at: 1}, now - 2 * age)
        broker.publish("aged", {at: 1}, now - age)
        broker.publish("aged", {at: 1}, now)
    for group, offsets in {
        "day": dict.fromkeys(range(4), 1),
        "hour": {0: 3, 1: 1},
        "two-minutes": {2: 0, 3: 0},
        "now": {0: 2},
        "none": {0: 3},
    }.items():
        broker.commit(group, "aged", offsets)
    scrape = cluster.probe("all")
    expected = {"day": DAY, "hour": 3600, "two-minutes": 120}
    for group, age in expected.items():
        found = value(scrape, "seawall_kafka_consumergroup_lag_seconds", consumergroup=group)
        assert age * 0.9 <= found <= age + 60, group
    assert value(scrape, "seawall_kafka_consumergroup_lag_seconds", consumergroup="now") < 60
    assert 0 == value(scrape, "seawall_kafka_consumergroup_lag_seconds", consumergroup="none")
    assert {"day": 8, "hour": 2, "two-minutes": 6, "now": 1, "none": 0} == {
        group: value(scrape, "kafka_consumergroup_lag_sum", consumergroup=group, topic="aged")
        for group in (*expected, "now", "none")
    }


@pytest.mark.e2e
def test_only_the_largest_are_told_one_by_one_and_the_rest_is_a_sum(
    cluster: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Topics by their messages, a group's topics by their lag, groups with members first; each is counted."""
    whole = cluster.probe("all")
    monkeypatch.setattr(kafka, "MOST_PARTITIONS", 3)
    monkeypatch.setattr(kafka, "MOST_READERS", 1)
    folded = cluster.probe("all")
    fullest = max(values(whole, "kafka_consumergroup_lag_sum", "consumergroup").values())
    assert fullest == value(folded, "kafka_consumergroup_lag_sum", topic="aged")
    for name in ("kafka_consumergroup_lag_sum", "kafka_topic_partitions"):
        assert sum(whole[name].samples.values()) == sum(folded[name].samples.values())
    others = value(folded, "kafka_topic_partitions", topic="(others)")
    # Those of the topic that is read are told too: lag is held against them.
    assert others == sum(whole["kafka_topic_partitions"].samples.values()) - 3 - 4
    assert {"(others)", "orders", "aged"} == values(folded, "kafka_topic_partitions", "topic").keys()
    assert {
        "topics": 2,
        "offsets": 0,
        "groups": 0,
        "lag": len(whole["kafka_consumergroup_lag_sum"].samples) - 1,
        "lag_by_partition": 0,
    } == values(folded, "seawall_probe_query_folded_rows", "query")
    monkeypatch.setattr(kafka, "MOST_GROUPS", 1)
    monkeypatch.setattr(kafka, "MOST_ASKED", 1)
    least = cluster.probe("all")
    assert ["mailer"] == list(values(least, "kafka_consumergroup_members", "consumergroup"))
    assert len(whole["kafka_consumergroup_members"].samples) - 1 == value(
        least, "seawall_probe_query_folded_rows", query="groups"
    )
    assert 5 == value(least, "kafka_topic_partition_current_offset", topic="orders", partition="1")
    assert 3 == len(least["kafka_topic_partition_leader"].samples)


@pytest.mark.e2e
@pytest.mark.parametrize("service", ["reader", "scrammed", "secure", "other"])
def test_who_may_describe_sees_all(cluster: Used, service: str) -> None:
    """With a password, with SCRAM, by TLS, and through another broker where the first is gone."""
    seen, whole = cluster.probe(service), cluster.probe("all")
    assert 1 == value(seen, "kafka_up")
    assert whole["kafka_consumergroup_lag"].label_sets == seen["kafka_consumergroup_lag"].label_sets
    assert {1} == set(seen["seawall_probe_query_success"].samples.values())


@pytest.mark.e2e
def test_what_a_reader_may_not_see_is_told_by_the_querys_sample(cluster: Used) -> None:
    """The rest is there."""
    topics, nobody = cluster.probe("topics"), cluster.probe("nobody")
    assert {"topics": 1, "offsets": 1, "groups": 0} == queries(topics)
    assert 10 == value(topics, "kafka_topic_partition_current_offset", topic="orders", partition="0")
    assert "kafka_consumergroup_lag" not in topics
    assert {"topics": 0, "offsets": 1, "groups": 0} == queries(nobody)
    assert 1 == value(nobody, "kafka_brokers") == value(nobody, "kafka_up")


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("wrong", "Authentication failed"),
        ("gone", "Connection refused"),
        ("distrusted", "certificate verify failed"),
        ("plain", "probe of plain failed"),
    ],
)
def test_a_cluster_that_lets_nobody_in_is_down_and_the_log_says_why(
    cluster: Used, service: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the password."""
    scrape = cluster.exporter.scrape(f"/probe?service={service}", HEADERS)
    assert 0 == value(scrape, "kafka_up")
    eventually(lambda: said in caplog.text)
    assert "hunter" not in caplog.text


def huge(client: socket.socket, stop: Event) -> None:
    """Promise two gigabytes."""
    client.recv(1000)
    client.sendall(b"\x7f\xff\xff\xff" + b"x" * 1000)
    stop.wait(60)


@pytest.mark.parametrize("behaviour", [hang, dripping(b"\x00\x01\x00\x00"), huge, web])
def test_a_hostile_server_is_down_within_the_deadline(
    start_exporter: StartExporter, behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so without the password."""
    url = "kafka://seawall:${{P}}@127.0.0.1:{port}"
    is_down(start_exporter, url, behaviour, "kafka_up", environ={"P": "hunter2"})
    eventually(lambda: "probe of it failed" in caplog.text)
    assert "hunter2" not in caplog.text
