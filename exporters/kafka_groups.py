"""Kafka's consumer groups: how many members each has, and how far behind each is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo
from .kafka_age import Partition
from .kafka_client import Cluster, is_refused
from .kafka_metrics import COMMITTED, COMMITTED_SUM, LAG, LAG_SECONDS, LAG_SUM, MEMBERS, OTHERS
from .probe_deadline import Deadline

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import ConsumerGroupListing

MOST_GROUPS: Final = 1000
"""Groups that are asked about: those with members first."""
MOST_READERS: Final = 500
"""A group's topics that are told one by one: those furthest behind."""
MOST_ROWS: Final = 5000
"""Of these, partitions that are told one by one: those furthest behind."""
MOST_COMMITTED: Final = 100_000
"""Partitions of all groups, after which no further group is asked about."""
_AT_A_TIME: Final = 100  # groups, of which each may have read every partition

_SHARE: Final = 0.6  # brokers that do not say which groups are theirs leave time to ask of the others

Reader = tuple[str, str]
"""A group and a topic that it reads."""
Row = tuple[str, str, int]
"""A group, a topic and the number of a partition."""


@dataclass(frozen=True)
class Groups:
    """What is known of the groups: their members, what each has committed, and how many were not asked about."""

    members: Mapping[str, int]
    committed: Mapping[Reader, Mapping[int, int]]
    unasked: int
    is_whole: bool


def read_groups(cluster: Cluster, most: int, deadline: Deadline) -> Groups:
    """Ask about at most *most* groups; raise AnswerError where the cluster does not even list them."""
    listed = cluster.result(cluster.admin.list_consumer_groups(request_timeout=deadline.left() * _SHARE), deadline)
    names = sorted(listing.group_id for listing in sorted(listed.valid, key=_rank)[:most] if listing.group_id)
    if not names:
        return Groups({}, {}, 0, not listed.errors)
    members: dict[str, int] = {}
    positions: dict[Reader, dict[int, int]] = {}
    count = asked = 0
    while asked < len(names) and count < MOST_COMMITTED and deadline.goes_on():
        batch = names[asked : asked + _AT_A_TIME]
        asked += len(batch)
        for name, (size, committed) in _ask(cluster, batch, deadline).items():
            members[name] = size
            for each in committed:
                if each.error is None and each.offset >= 0:
                    positions.setdefault((name, each.topic), {})[each.partition] = each.offset
                    count += 1
    is_whole = not listed.errors and len(members) == (len(names) if count < MOST_COMMITTED else asked)
    return Groups(members, positions, len(listed.valid) - asked, is_whole)


def _ask(cluster: Cluster, names: list[str], deadline: Deadline) -> dict[str, tuple[int, list["TopicPartition"]]]:
    """Return the number of members and what was committed of each that answers in time."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    described = cluster.admin.describe_consumer_groups(names, request_timeout=deadline.left())
    committed = {
        name: cluster.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(name)], request_timeout=deadline.left()
        )[name]
        for name in names
    }
    cluster.wait([*described.values(), *committed.values()], deadline)
    found = {}
    for name in names:
        both = described[name], committed[name]
        # One that is refused may not be seen, or went just now.
        if all(each.done() and not is_refused(each) for each in both):
            found[name] = len(both[0].result().members), both[1].result().topic_partitions or []
    return found


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
    rows = furthest_rows(behind, kept)
    yield MEMBERS.samples({(group,): members for group, members in groups.members.items()})
    values: dict[MetricInfo, dict[Labels, float | None]] = {
        COMMITTED: {_labels(row): behind[row[0], row[1]].committed[row[2]] for row in rows},
        COMMITTED_SUM: {reader: sum(behind[reader].committed.values()) for reader in kept},
        LAG: {_labels(row): behind[row[0], row[1]].by_partition[row[2]] for row in rows},
        LAG_SUM: {reader: behind[reader].total for reader in kept},
        LAG_SECONDS: {reader: waited.get(reader) for reader in kept},
    }
    rest = [lag for reader, lag in behind.items() if reader not in set(kept)] if len(kept) < len(behind) else []
    if rest:
        values[COMMITTED_SUM][OTHERS, OTHERS] = sum(sum(lag.committed.values()) for lag in rest)
        values[LAG_SUM][OTHERS, OTHERS] = sum(lag.total for lag in rest)
    yield from (info.samples(samples) for info, samples in values.items())


def furthest_rows(behind: Mapping[Reader, Lag], kept: list[Reader], most: int = MOST_ROWS) -> list[Row]:
    """Return the partitions of the *kept* readers that are told one by one."""
    every = (
        (lag, (group, topic, number))
        for group, topic in kept
        for number, lag in behind[group, topic].by_partition.items()
    )
    return sorted(row for _, row in nlargest(most, every))


def _labels(row: Row) -> Labels:
    group, topic, number = row
    return group, topic, str(number)
