"""Apache Kafka and what else speaks its protocol: kafka_exporter's metrics, and lag in seconds too."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Metric

from .errors import AnswerError
from .kafka_age import Found, Partition, Position, ages
from .kafka_client import Cluster, connector
from .kafka_groups import MOST_GROUPS, MOST_READERS, MOST_ROWS, Groups, Lag, Reader, furthest, lags, read_groups
from .kafka_groups import families as group_families
from .kafka_metrics import BROKER_INFO, BROKERS, METRICS, UP
from .kafka_topics import MOST_PARTITIONS, Topics, largest, topics_of
from .kafka_topics import families as topic_families
from .kinds import Kind, Target
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .probe_deadline import Deadline

MOST_BROKERS: Final = 1000
"""Brokers that are told by name."""
MOST_ASKED: Final = 10_000
"""Partitions whose offsets are asked for: those that groups read first."""
MOST_AGES: Final = 500
"""Partitions of which it is asked how long a message has waited: those with the most lag."""
_SHARE: Final = 0.9
"""Of the time that a probe has: what librdkafka says of a failure is told before the probe is cut off."""
_SHARE_OF_RIGHTS: Final = 0.2
_SHARE_OF_GROUPS: Final = 0.4
_SHARE_OF_AGES: Final = 0.5
_NONE: Final = Groups({}, {}, 0, False)


class KafkaCollector:
    """Asks a cluster through any of its brokers. Needs ``Describe`` on the cluster, all topics and all groups."""

    def __init__(self, connect: Callable[[], Cluster], timeout: float, clock: Callable[[], float] = time.time) -> None:
        self._connect, self._timeout, self._clock = connect, timeout, clock
        self._cluster: Cluster | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the families; a query that the cluster refuses is told by its sample. Raise AnswerError."""
        deadline = Deadline(self._timeout * _SHARE)
        cluster = self._cluster = self._cluster or self._connect()
        sees_all = _sees_all(cluster, Deadline(deadline.left() * _SHARE_OF_RIGHTS))
        metadata = cluster.metadata(deadline)
        yield BROKERS.value(len(metadata.brokers))
        brokers = sorted(metadata.brokers.values(), key=lambda each: each.id)[:MOST_BROKERS]
        yield BROKER_INFO.samples({(str(each.id), f"{each.host}:{each.port}"): 1 for each in brokers})
        topics = topics_of(metadata)
        try:
            groups = read_groups(cluster, MOST_GROUPS, Deadline(deadline.left() * _SHARE_OF_GROUPS))
        except AnswerError:
            groups = _NONE
        newest = self._newest(cluster, topics, groups, deadline)
        behind = lags(groups, newest)
        readers = furthest(behind, MOST_READERS)
        read = {topic for _, topic in readers}
        kept = largest(topics, newest, MOST_PARTITIONS, read)
        waiting = _waiting(behind, readers)
        oldest = self._oldest(cluster, topics, kept, waiting, deadline)
        yield from topic_families(topics, kept, newest, oldest, read)
        waited = self._ages(cluster, waiting, oldest, deadline)
        yield from group_families(groups, behind, readers, _longest(behind, readers, waited))
        led = sum(each.leader is not None for topic in topics.values() for each in topic.values())
        yield FOLDED_ROWS.samples(
            {
                ("topics",): len(topics) - len(kept),
                ("offsets",): max(0, led - MOST_ASKED),
                ("groups",): groups.unasked,
                ("lag",): len(behind) - len(readers),
                ("lag_by_partition",): max(0, sum(len(behind[each].by_partition) for each in readers) - MOST_ROWS),
            }
        )
        yield QUERY_SUCCESS.samples(
            {
                ("topics",): bool(topics) or sees_all,
                ("offsets",): len(newest) >= min(led, MOST_ASKED),
                ("groups",): groups.is_whole and (bool(groups.members) or sees_all),
            }
        )

    def close(self) -> None:
        """Let the cluster go, and with it whoever waits for it."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def _newest(self, cluster: Cluster, topics: Topics, groups: Groups, deadline: Deadline) -> dict[Partition, int]:
        led = {(name, at) for name, topic in topics.items() for at, each in topic.items() if each.leader is not None}
        read = {(topic, at) for (_, topic), committed in groups.committed.items() for at in committed}
        asked = [*sorted(led & read), *sorted(led - read)][:MOST_ASKED]
        return cluster.newest(asked, deadline)

    def _oldest(
        self, cluster: Cluster, topics: Topics, kept: list[str], waiting: set[Position], deadline: Deadline
    ) -> dict[Partition, int]:
        told = {(name, at) for name in kept for at, each in topics[name].items() if each.leader is not None}
        asked = told | {partition for partition, _ in waiting}
        return cluster.oldest(sorted(asked), deadline)

    def _ages(
        self, cluster: Cluster, waiting: set[Position], oldest: Mapping[Partition, int], deadline: Deadline
    ) -> dict[Position, float]:
        # What was deleted unread waits no longer: the oldest that is there does.
        real = {(at, offset): (at, max(offset, oldest.get(at, 0))) for at, offset in waiting}
        end = Deadline(deadline.left() * _SHARE_OF_AGES)

        def ask(moments: Mapping[Position, float]) -> dict[Position, Found | None]:
            # Two groups may stand at two places of one partition: one moment each.
            answers: dict[Position, Found | None] = {}
            left = dict(moments)
            while left:
                turn = {position[0]: position for position in left}
                found = cluster.since({at: left[position] for at, position in turn.items()}, deadline)
                answers |= {turn[at]: answer for at, answer in found.items()}
                left = {position: moment for position, moment in left.items() if turn[position[0]] != position}
            return answers

        known = ages(set(real.values()), self._clock(), ask, end.goes_on)
        return {position: known[place] for position, place in real.items() if place in known}


def _sees_all(cluster: Cluster, deadline: Deadline) -> bool:
    """Whether what is not told is not there: the reader may describe the cluster, or nobody says that it may not.

    Raise AnswerError where the cluster refuses the log-in. Brokers before 2.3 say that nobody may.
    """
    from confluent_kafka.admin import AclOperation

    asked = cluster.admin.describe_cluster(include_authorized_operations=True, request_timeout=deadline.left())
    try:
        return AclOperation.DESCRIBE in (cluster.result(asked, deadline).authorized_operations or ())
    except AnswerError:
        if cluster.refuses:
            raise
        return True  # the broker that knows may be the one that is down


def _waiting(behind: Mapping[Reader, Lag], readers: list[Reader]) -> set[Position]:
    """Return the first messages that were not yet committed, of the partitions with the most lag."""
    every = (
        (lag, ((topic, at), behind[group, topic].committed[at]))
        for group, topic in readers
        for at, lag in behind[group, topic].by_partition.items()
        if lag
    )
    return {position for _, position in sorted(every, reverse=True)[:MOST_AGES]}


def _longest(
    behind: Mapping[Reader, Lag], readers: list[Reader], waited: Mapping[Position, float]
) -> dict[Reader, float]:
    """Return how long the oldest message of each reader has waited; 0 where none does, nothing where none is known."""
    found = {}
    for group, topic in readers:
        lag = behind[group, topic]
        places = [((topic, at), lag.committed[at]) for at, count in lag.by_partition.items() if count]
        known = [waited[place] for place in places if place in waited]
        if known or not places:
            found[group, topic] = max(known, default=0.0)
    return found


def connect(target: Target) -> KafkaCollector:
    """Return a collector that connects at the first question. Raise MissingPackageError, BadUrlError."""
    return KafkaCollector(connector(target), target.timeout)


KIND: Final = Kind(name="kafka", up=UP, metrics=METRICS, connect=connect)
