"""Kafka's consumer groups: how many members each has, and how far behind each is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo
from .kafka_age import Partition
from .kafka_client import Cluster
from .kafka_metrics import COMMITTED, COMMITTED_SUM, LAG, LAG_SECONDS, LAG_SUM, MEMBERS, OTHERS
from .probe_deadline import Deadline

if TYPE_CHECKING:
    from confluent_kafka.admin import ConsumerGroupListing

MOST_GROUPS: Final = 1000
"""Groups that are asked about: those with members first."""
MOST_READERS: Final = 500
"""A group's topics that are told one by one: those furthest behind."""

_SHARE: Final = 0.6  # brokers that do not say which groups are theirs leave time to ask of the others

Reader = tuple[str, str]
"""A group and a topic that it reads."""


@dataclass(frozen=True)
class Groups:
    """What is known of the groups: their members, what each has committed, and how many were not asked about."""

    members: Mapping[str, int]
    committed: Mapping[Reader, Mapping[int, int]]
    unasked: int
    is_whole: bool


def read_groups(cluster: Cluster, most: int, deadline: Deadline) -> Groups:
    """Ask about at most *most* groups; raise AnswerError where the cluster does not even list them."""
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException

    listed = cluster.result(cluster.admin.list_consumer_groups(request_timeout=deadline.left() * _SHARE), deadline)
    names = sorted(listing.group_id for listing in sorted(listed.valid, key=_rank)[:most] if listing.group_id)
    if not names:
        return Groups({}, {}, 0, not listed.errors)
    described = cluster.admin.describe_consumer_groups(names, request_timeout=deadline.left())
    committed = {
        name: cluster.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(name)], request_timeout=deadline.left()
        )[name]
        for name in names
    }
    cluster.wait([*described.values(), *committed.values()], deadline)
    members: dict[str, int] = {}
    positions: dict[Reader, dict[int, int]] = {}
    for name in names:
        if not (described[name].done() and committed[name].done()):
            continue
        try:
            count, found = len(described[name].result().members), committed[name].result().topic_partitions or []
        except KafkaException:  # this one may not be seen, or went just now
            continue
        members[name] = count
        for each in found:
            if each.error is None and each.offset >= 0:
                positions.setdefault((name, each.topic), {})[each.partition] = each.offset
    is_whole = not listed.errors and len(members) == len(names)
    return Groups(members, positions, max(0, len(listed.valid) - most), is_whole)


def _rank(listing: "ConsumerGroupListing") -> tuple[bool, str]:
    from confluent_kafka import ConsumerGroupState

    return listing.state in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD), listing.group_id


@dataclass(frozen=True)
class Lag:
    """How far a group is behind in a topic: what it committed, and the lag of each partition whose end is known."""

    committed: Mapping[int, int]
    by_partition: Mapping[int, int]

    @property
    def total(self) -> int:
        """Messages of all partitions."""
        return sum(self.by_partition.values())


def lags(groups: Groups, newest: Mapping[Partition, int]) -> dict[Reader, Lag]:
    """Return how far each group is behind; a topic that is gone has no reader."""
    found = {}
    for (group, topic), committed in groups.committed.items():
        known = {number: offset for number, offset in committed.items() if (topic, number) in newest}
        if known:
            behind = {number: max(0, newest[topic, number] - offset) for number, offset in known.items()}
            found[group, topic] = Lag(known, behind)
    return found


def furthest(behind: Mapping[Reader, Lag], most: int) -> list[Reader]:
    """Return the readers that are told one by one."""
    return sorted(nlargest(most, behind, key=lambda reader: (behind[reader].total, reader)))


def families(
    groups: Groups, behind: Mapping[Reader, Lag], kept: list[Reader], waited: Mapping[Reader, float]
) -> Iterator[Metric]:
    """Yield the families of the *kept* readers, and the sums of the others."""
    yield MEMBERS.samples({(group,): members for group, members in groups.members.items()})
    values: dict[MetricInfo, dict[Labels, float | None]] = {
        COMMITTED: _by_partition({reader: behind[reader].committed for reader in kept}),
        COMMITTED_SUM: {reader: sum(behind[reader].committed.values()) for reader in kept},
        LAG: _by_partition({reader: behind[reader].by_partition for reader in kept}),
        LAG_SUM: {reader: behind[reader].total for reader in kept},
        LAG_SECONDS: {reader: waited.get(reader) for reader in kept},
    }
    rest = [lag for reader, lag in behind.items() if reader not in set(kept)] if len(kept) < len(behind) else []
    if rest:
        values[COMMITTED_SUM][OTHERS, OTHERS] = sum(sum(lag.committed.values()) for lag in rest)
        values[LAG_SUM][OTHERS, OTHERS] = sum(lag.total for lag in rest)
    yield from (info.samples(samples) for info, samples in values.items())


def _by_partition(values: Mapping[Reader, Mapping[int, int]]) -> dict[Labels, float | None]:
    return {
        (group, topic, str(number)): value
        for (group, topic), partitions in values.items()
        for number, value in sorted(partitions.items())
    }
