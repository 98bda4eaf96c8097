"""Kafka's topics: who leads their partitions, who is in sync, from where to where they have messages."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo
from .kafka_age import Partition
from .kafka_metrics import (
    IN_SYNC,
    LEADER,
    NEWEST,
    OLDEST,
    OTHERS,
    PARTITIONS,
    PREFERRED,
    REPLICAS,
    UNDER_REPLICATED,
)

if TYPE_CHECKING:
    from confluent_kafka.admin import ClusterMetadata

MOST_PARTITIONS: Final = 2000
"""Partitions of the topics that are told one by one: in peril, then read by who is told of, then the largest."""
MOST_ALONE: Final = 500
"""Partitions of other topics that are told, for they have no leader or one replica left."""


@dataclass(frozen=True)
class Replicas:
    """The brokers of one partition; *leader* is None while none leads it."""

    leader: int | None
    all: tuple[int, ...]
    in_sync: int

    @property
    def peril(self) -> int:
        """Return 2 without a leader, 1 where one of three or more replicas is left, else 0."""
        if self.leader is None:
            return 2
        return int(self.in_sync <= 1 and len(self.all) > 2)

    @property
    def is_under_replicated(self) -> bool:
        """Whether a replica is not in sync."""
        return self.in_sync < len(self.all)


Topics = dict[str, dict[int, Replicas]]
Offsets = Mapping[Partition, int]


def topics_of(metadata: "ClusterMetadata") -> Topics:
    """Return the partitions of every topic that the reader may see."""
    return {
        name: {
            number: Replicas(each.leader if each.leader >= 0 else None, tuple(each.replicas), len(each.isrs))
            for number, each in topic.partitions.items()
        }
        for name, topic in metadata.topics.items()
        if topic.partitions
    }


def largest(topics: Topics, newest: Offsets, most: int, read: Set[str] = frozenset()) -> list[str]:
    """Return the topics that are told one by one, of at most *most* partitions together; those *read* before others."""

    def weight(name: str) -> tuple[int, bool, bool, int, str]:
        partitions = topics[name]
        peril = max(each.peril for each in partitions.values())
        trouble = any(each.is_under_replicated for each in partitions.values())
        return peril, name in read, trouble, sum(newest.get((name, number), 0) for number in partitions), name

    kept, room = [], most
    for name in sorted(topics, key=weight, reverse=True):
        if len(topics[name]) <= room:
            kept.append(name)
            room -= len(topics[name])
    return sorted(kept)


def families(
    topics: Topics, kept: Iterable[str], newest: Offsets, oldest: Offsets, read: Set[str] = frozenset()
) -> Iterator[Metric]:
    """Yield the families of the *kept* topics, and the sums of the others that are sums of something.

    Of those that are *read* it is told how many partitions they have, which lag is measured by; *oldest* is told whole.
    """
    told = {(name, number): each for name in kept for number, each in topics[name].items()}
    names = {name for name, _ in told}
    folded = [(name, number) for name in sorted(topics.keys() - names) for number in topics[name]]
    alone = _in_peril(topics, folded)
    told |= alone
    rest = [at for at in folded if at not in alone]
    names |= read & topics.keys()
    values: dict[MetricInfo, dict[Labels, float | None]] = {
        PARTITIONS: {(name,): len(topics[name]) for name in sorted(names)},
        LEADER: {_labels(at): each.leader for at, each in told.items()},
        REPLICAS: {_labels(at): len(each.all) for at, each in told.items()},
        IN_SYNC: {_labels(at): each.in_sync for at, each in told.items()},
        PREFERRED: {_labels(at): each.leader == next(iter(each.all), None) for at, each in told.items()},
        UNDER_REPLICATED: {_labels(at): each.is_under_replicated for at, each in told.items()},
        NEWEST: {_labels(at): newest.get(at) for at in told},
        OLDEST: {_labels(at): offset for at, offset in oldest.items()},
    }
    if topics.keys() - names:
        values[PARTITIONS][OTHERS,] = sum(len(topics[name]) for name in topics.keys() - names)
    if rest:
        values[UNDER_REPLICATED][OTHERS, ""] = sum(topics[name][number].is_under_replicated for name, number in rest)
        values[NEWEST][OTHERS, ""] = sum(newest.get(at, 0) for at in rest)
    yield from (info.samples(samples) for info, samples in values.items())


def _in_peril(topics: Topics, partitions: Iterable[Partition]) -> dict[Partition, Replicas]:
    found = [(name, number) for name, number in partitions if topics[name][number].peril]
    found.sort(key=lambda at: -topics[at[0]][at[1]].peril)
    return {(name, number): topics[name][number] for name, number in found[:MOST_ALONE]}


def _labels(partition: Partition) -> Labels:
    return partition[0], str(partition[1])
