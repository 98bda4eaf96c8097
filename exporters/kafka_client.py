"""The connection to a cluster of Kafka: librdkafka's, of which every wait ends at the probe's deadline."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as done
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakMethod

from .errors import AnswerError, BadUrlError, MissingPackageError
from .kafka_age import Found, Partition
from .kinds import Target
from .probe_deadline import Deadline

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import ClusterMetadata, OffsetSpec

T = TypeVar("T")
_SCHEMES: Final = {"kafka": "plaintext", "kafkas": "ssl"}
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FILES: Final = {"ca": "ssl.ca.location", "cert": "ssl.certificate.location", "key": "ssl.key.location"}
_SLICE: Final = 0.05
_SHARE: Final = 0.4
"""Of the time that is left, how much one question takes that not all brokers may answer."""


class Cluster:
    """Asks one cluster, over connections that librdkafka keeps and renews; it *refuses* where the log-in failed."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from confluent_kafka.admin import AdminClient

        self._said = ""
        self.refuses = False
        self._closed = False
        # Not this very method: it would hold the client that holds it, and the client's threads until some later day.
        note = WeakMethod(self._note)
        configuration: dict[str, Any] = {**settings, "error_cb": lambda error: (note() or _forget)(error)}
        self.admin = AdminClient(configuration)

    def wait(self, futures: Iterable["Future[T]"], deadline: Deadline) -> None:
        """Wait until all are done or the time is up; raise AnswerError where the cluster refuses the log-in."""
        for future in futures:
            while not future.done() and deadline.goes_on():
                if self._closed or self.refuses:
                    raise AnswerError(self._said or "it was not waited for")
                done([future], timeout=_SLICE)
                self.admin.poll(0)  # errors of the connection come this way

    def result(self, future: "Future[T]", deadline: Deadline) -> T:
        """Return what it came to; raise AnswerError."""
        self.wait([future], deadline)
        if not future.done():
            raise AnswerError(self._said or "the cluster does not answer in time")
        refused = is_refused(future)
        if refused:
            raise AnswerError(self._said or refused)
        return future.result()

    def metadata(self, deadline: Deadline) -> "ClusterMetadata":
        """Return its brokers, topics and partitions, as one of the brokers sees them; raise AnswerError."""
        from confluent_kafka import KafkaException

        try:
            return self.admin.list_topics(timeout=deadline.left())
        except KafkaException as error:
            self.admin.poll(0)
            raise AnswerError(self._said or str(error.args[0].str())) from None

    def newest(self, partitions: Iterable[Partition], deadline: Deadline) -> dict[Partition, int]:
        """Return the offset that the next message of each will have."""
        from confluent_kafka.admin import OffsetSpec

        found = self._offsets(dict.fromkeys(partitions, OffsetSpec.latest()), deadline)
        return {partition: each[0] for partition, each in found.items() if each is not None}

    def oldest(self, partitions: Iterable[Partition], deadline: Deadline) -> dict[Partition, int]:
        """Return the offset of the oldest message that each has kept."""
        from confluent_kafka.admin import OffsetSpec

        found = self._offsets(dict.fromkeys(partitions, OffsetSpec.earliest()), deadline)
        return {partition: each[0] for partition, each in found.items() if each is not None}

    def since(self, moments: Mapping[Partition, float], deadline: Deadline) -> dict[Partition, Found | None]:
        """Return the first message that each has of a moment (in seconds since 1970) or later, or None."""
        from confluent_kafka.admin import OffsetSpec

        specs = {partition: OffsetSpec.for_timestamp(int(1000 * moment)) for partition, moment in moments.items()}
        return self._offsets(specs, deadline)

    def _offsets(self, specs: Mapping[Partition, "OffsetSpec"], deadline: Deadline) -> dict[Partition, Found | None]:
        """Return what has an answer: the leader of one may be gone or hang, and the others are told all the same."""
        from confluent_kafka import TopicPartition

        if not specs:
            return {}
        asked = {TopicPartition(topic, number): spec for (topic, number), spec in specs.items()}
        share = Deadline(deadline.left() * _SHARE)
        futures = self.admin.list_offsets(asked, request_timeout=share.left())
        self.wait(futures.values(), share)
        answers: dict[Partition, Found | None] = {}
        for partition, future in futures.items():
            if not future.done() or is_refused(future):
                continue
            found = future.result()
            known = (found.offset, max(0, found.timestamp) / 1000) if found.offset >= 0 else None
            answers[partition.topic, partition.partition] = known
        return answers

    def close(self) -> None:
        """Let who waits on it go; librdkafka ends its connections with the last who holds it."""
        self._closed = True

    def _note(self, error: "KafkaError") -> None:
        from confluent_kafka import KafkaError

        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._said = _plainly(error.str())
        self.refuses = self.refuses or error.code() == KafkaError._AUTHENTICATION


def is_refused(future: "Future[Any]") -> str:
    """Return why what is done was refused; nothing where it was not.

    Raised, the error would hold who asked, who holds the future, which holds the error: nothing of it ended by itself.
    """
    from confluent_kafka import KafkaException

    error = future.exception()
    return (str(error.args[0].str()) or "it is refused") if isinstance(error, KafkaException) else ""


def _forget(_error: "KafkaError") -> None:
    """Nobody asks any more."""


def _plainly(text: str) -> str:
    """Return librdkafka's text without what is told of its own state."""
    return text.partition(" (after ")[0]


def connector(target: Target) -> Callable[[], Cluster]:
    """Return a function that connects. Raise MissingPackageError, BadUrlError."""
    settings = _settings(target.url)
    try:
        import confluent_kafka  # noqa: F401
    except ImportError:
        raise MissingPackageError("kafka", "confluent-kafka", "kafka") from None
    return lambda: Cluster(settings)


def _settings(address: str) -> dict[str, Any]:
    url = urlsplit(address)
    words = parse_qs(url.query)
    mechanism = words.pop("mechanism", ["PLAIN"])[-1]
    brokers = words.pop("brokers", [])
    files = {_FILES[word]: words.pop(word)[-1] for word in _FILES if word in words}
    is_bad = words or url.path.strip("/") or url.fragment or (files and url.scheme != "kafkas")
    if is_bad or url.scheme not in _SCHEMES or not url.hostname or mechanism not in _MECHANISMS:
        raise BadUrlError(
            "the url is not one of Kafka; write kafka://host:9092, or "
            "kafkas://user:${VARIABLE}@host:9092?mechanism=SCRAM-SHA-512&ca=/path/of/ca.pem"
        )
    security = _SCHEMES[url.scheme]
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    settings = {
        "bootstrap.servers": ",".join([f"{host}:{url.port or 9092}", *brokers]),
        "client.id": "seawall",
        "log_level": 0,  # what it would print is in the errors
        "reconnect.backoff.max.ms": 1000,
        "security.protocol": f"sasl_{security}" if url.username else security,
        **files,
    }
    if url.username:
        settings |= {
            "sasl.mechanism": mechanism,
            "sasl.username": unquote(url.username),
            "sasl.password": unquote(url.password or ""),
        }
    return settings
