"""Real brokers of Apache Kafka, from its own jars, for the tests of whoever asks one."""

import shutil
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from servers import eventually, free_port, process

_JARS: Final = Path(__file__).parents[1] / ".cache/kafka"
JAVA: Final = (
    *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
    *("-cp", f"{_JARS}/*"),
)
_SETTINGS: Final = """
process.roles={roles}
node.id={id}
controller.quorum.voters=1@127.0.0.1:{voter}
listeners={listeners}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL
controller.listener.names=CONTROLLER
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=2000000
"""


@dataclass(frozen=True)
class KafkaBroker:
    """A broker on loopback; the first of a cluster is its controller too."""

    folder: Path
    cluster: str
    id: int = 1
    port: int = field(default_factory=free_port)
    sasl: int = field(default_factory=free_port)
    tls: int = field(default_factory=free_port)
    controller: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where it is, for whoever needs no password."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def client(self) -> dict[str, str | int | float]:
        """Return the settings of a client of librdkafka's."""
        return {"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0}

    @property
    def admin(self) -> AdminClient:
        """Return a client that may do everything."""
        return AdminClient(self.client)

    def brokers(self) -> int:
        """Return how many brokers the cluster sees; 0 while it does not answer."""
        try:
            return len(self.admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return 0

    def create(self, *topics: NewTopic) -> None:
        """Create topics, and wait for them."""
        admin = self.admin  # what it was asked is lost with it
        for future in admin.create_topics([*topics]).values():
            future.result(60)

    def publish(self, topic: str, counts: Mapping[int, int], timestamp: float = 0) -> None:
        """Publish so many messages to each partition, as if at *timestamp*, in seconds since 1970."""
        producer = Producer({**self.client, "linger.ms": 0})
        for partition, count in counts.items():
            for _ in range(count):
                producer.produce(topic, b"x", partition=partition, timestamp=int(timestamp * 1000))
        assert 0 == producer.flush(60)

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit as a group without members does."""
        with self.consumer(group) as consumer:
            consumer.commit(
                offsets=[TopicPartition(topic, at, offset) for at, offset in offsets.items()], asynchronous=False
            )

    @contextmanager
    def consumer(self, group: str) -> Iterator[Consumer]:
        """Yield a consumer that commits when it is told to."""
        settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({**self.client, **settings})
        try:
            yield consumer
        finally:
            consumer.close()

    @contextmanager
    def running(self, *settings: str, voter: int = 0, extra: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Run it until the end of the block, with further lines of settings and listeners."""
        self._format(settings, voter or self.controller, extra)
        command = (*JAVA, "kafka.Kafka", str(self.folder / "server.properties"))
        with process(*command, cwd=self.folder) as running:
            eventually(lambda: self.brokers() >= self.id, 120)
            yield running

    def _format(self, settings: tuple[str, ...], voter: int, extra: str) -> None:
        listeners = f"PLAINTEXT://127.0.0.1:{self.port}" + extra
        if self.id == 1:
            listeners += f",CONTROLLER://127.0.0.1:{self.controller}"
        roles = "broker,controller" if self.id == 1 else "broker"
        text = _SETTINGS.format(roles=roles, id=self.id, voter=voter, listeners=listeners, folder=self.folder)
        (self.folder / "server.properties").write_text(text + "".join(f"{line}\n" for line in settings))
        # As kafka-storage.sh format does it, whose JVM takes as long to start as the broker's.
        (self.folder / "data").mkdir(exist_ok=True)
        meta = self.folder / "data/meta.properties"
        if not meta.exists():  # the broker writes its folder's own id there
            meta.write_text(f"version=1\ncluster.id={self.cluster}\nnode.id={self.id}\n")


@contextmanager
def hanging(broker: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let a broker hang until the end of the block: it takes connections and answers nothing."""
    broker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.send_signal(signal.SIGCONT)


StartKafka = Callable[..., KafkaBroker]


@pytest.fixture(scope="module")
def start_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartKafka]:
    """Return a function that starts a broker with further lines of settings; or none of it, with ``run=False``."""
    if shutil.which("java") is None:
        pytest.skip("install a JVM (Debian: apt install default-jdk-headless)")
    assert _JARS.is_dir(), "fetch Kafka's jars: tools/fetch-jvm kafka .cache"
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    with ExitStack() as stack:

        def start(*settings: str, number: int = 1, run: bool = True, extra: str = "") -> KafkaBroker:
            broker = KafkaBroker(tmp_path_factory.mktemp("kafka"), cluster, number)
            if run:
                stack.enter_context(broker.running(*settings, extra=extra.format(sasl=broker.sasl, tls=broker.tls)))
            return broker

        yield start


def used(broker: KafkaBroker) -> None:
    """Give it a topic of three partitions, and a group that has read a part of it."""
    broker.create(NewTopic("orders", 3, 1))
    broker.publish("orders", {0: 10, 1: 5})
    broker.commit("billing", "orders", {0: 4, 1: 5})


@pytest.fixture(scope="module")
def kafka_broker(start_kafka: StartKafka) -> KafkaBroker:
    """Return a broker that was used."""
    broker = start_kafka()
    used(broker)
    return broker
