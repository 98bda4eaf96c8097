"""Kafka's topics: who leads their partitions, who is in sync, from where to where they have messages."""

from collections.abc import Iterable, Iterator, Mapping
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
"""Partitions that are told one by one: of topics in trouble first, then of those with most messages ever written."""


@dataclass(frozen=True)
class Replicas:
    """The brokers of one partition; *leader* is None while none leads it."""

    leader: int | None
    all: tuple[int, ...]
    in_sync: int

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


def largest(topics: Topics, newest: Offsets, most: int) -> list[str]:
    """Return the topics that are told one by one, of at most *most* partitions together."""

    def weight(name: str) -> tuple[bool, int, str]:
        partitions = topics[name]
        trouble = any(each.leader is None or each.is_under_replicated for each in partitions.values())
        return trouble, sum(newest.get((name, number), 0) for number in partitions), name

    kept, room = [], most
    for name in sorted(topics, key=weight, reverse=True):
        if len(topics[name]) <= room:
            kept.append(name)
            room -= len(topics[name])
    return sorted(kept)


def families(topics: Topics, kept: Iterable[str], newest: Offsets, oldest: Offsets) -> Iterator[Metric]:
    """Yield the families of the *kept* topics, and the sums of the others that are sums of something."""
    told = {(name, number): each for name in kept for number, each in topics[name].items()}
    names = {name for name, _ in told}
    rest = [(name, number) for name in topics.keys() - names for number in topics[name]]
    values: dict[MetricInfo, dict[Labels, float | None]] = {
        PARTITIONS: {(name,): len(topics[name]) for name in sorted(names)},
        LEADER: {_labels(at): each.leader for at, each in told.items()},
        REPLICAS: {_labels(at): len(each.all) for at, each in told.items()},
        IN_SYNC: {_labels(at): each.in_sync for at, each in told.items()},
        PREFERRED: {_labels(at): each.leader == next(iter(each.all), None) for at, each in told.items()},
        UNDER_REPLICATED: {_labels(at): each.is_under_replicated for at, each in told.items()},
        NEWEST: {_labels(at): newest.get(at) for at in told},
        OLDEST: {_labels(at): oldest.get(at) for at in told},
    }
    if rest:
        values[PARTITIONS][OTHERS,] = len(rest)
        values[UNDER_REPLICATED][OTHERS, ""] = sum(topics[name][number].is_under_replicated for name, number in rest)
        values[NEWEST][OTHERS, ""] = sum(newest.get(at, 0) for at in rest)
    yield from (info.samples(samples) for info, samples in values.items())


def _labels(partition: Partition) -> Labels:
    return partition[0], str(partition[1])
