"""What the kafka collector makes of answers, however many and however odd: no server is needed."""

import gc
import random
import socket
from collections.abc import Mapping, Set
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, Final

import pytest
from confluent_kafka import ConsumerGroupState
from hypothesis import given
from hypothesis import strategies as st
from outside import Behaviour, tcp
from servers import eventually

from seawall.exporters import kafka_groups, kafka_topics
from seawall.exporters.kafka import connect
from seawall.exporters.kafka_age import Found, Partition, Position, ages
from seawall.exporters.kafka_client import AnswerError
from seawall.exporters.kafka_groups import Groups, furthest, lags, read_groups
from seawall.exporters.kafka_topics import Replicas, Topics, largest
from seawall.exporters.kinds import Target
from seawall.exporters.probe_deadline import Deadline

NOW: Final = 1_800_000_000.0
WELL: Final = Replicas(1, (1, 2), 2)


def log_of(times: list[float]) -> list[float]:
    """Return when each message was written, the oldest first."""
    return sorted(NOW - age for age in times)


class Broker:
    """Answers as a broker does that has one partition, and counts how often it was asked."""

    def __init__(self, written: list[float]) -> None:
        self.written, self.asked = written, 0

    def ask(self, moments: Mapping[Position, float]) -> dict[Position, Found | None]:
        """Return the first message of each moment or later."""
        self.asked += 1
        return {
            position: next(((at, when) for at, when in enumerate(self.written) if when >= moment), None)
            for position, moment in moments.items()
        }


@given(st.lists(st.floats(1, 300 * 86400), min_size=1, max_size=50), st.data())
def test_an_age_is_right_to_a_tenth_within_eight_questions(times: list[float], data: st.DataObject) -> None:
    """Whatever else the partition has; equal timestamps too."""
    written = log_of(times)
    offset = data.draw(st.integers(0, len(written) - 1))
    broker = Broker(written)
    found = ages({(("orders", 0), offset)}, NOW, broker.ask, lambda: True)
    real = NOW - written[offset]
    assert real / 1.11 <= found[("orders", 0), offset] <= real * 1.001
    assert broker.asked <= 8


def test_what_is_known_when_the_time_is_up_is_the_least_that_it_has_waited() -> None:
    """Nothing at all is a second."""
    broker = Broker(log_of([5000.0]))
    position = (("orders", 0), 0)
    assert {position: 1.0} == ages({position}, NOW, broker.ask, lambda: False)
    assert 1.0 <= ages({position}, NOW, broker.ask, lambda: broker.asked < 3)[position] <= 5000


def test_a_partition_that_has_no_answer_does_not_hold_up_the_others() -> None:
    """It is asked about once, and its age is not known."""
    broker, lost = Broker(log_of([3600.0])), (("lost", 0), 7)
    asked = []

    def ask(moments: Mapping[Position, float]) -> dict[Position, Found | None]:
        asked.append(moments)
        return broker.ask({position: moment for position, moment in moments.items() if position != lost})

    found = ages({(("orders", 0), 0), lost}, NOW, ask, lambda: True)
    assert 3600 / 1.11 <= found[("orders", 0), 0] <= 3601
    assert lost not in found
    assert 1 == sum(lost in moments for moments in asked)


def test_a_message_of_tomorrow_has_just_come() -> None:
    """A publisher's clock may be ahead."""
    broker = Broker([NOW + 86400])
    assert {(("orders", 0), 0): 1.0} == ages({(("orders", 0), 0)}, NOW, broker.ask, lambda: True)


def test_of_ten_thousand_topics_the_largest_are_told_and_the_rest_is_one() -> None:
    """Those in trouble come first, and every sum is whole."""
    count = 10_000
    topics = {f"t{index}": {0: WELL} for index in range(count)}
    topics["t7"] = {0: Replicas(None, (1, 2), 0)}
    topics["t8"] = {0: Replicas(1, (1, 2), 1)}
    newest = {(f"t{index}", 0): index for index in range(count)}
    kept = largest(topics, newest, 1000)
    assert {"t7", "t8", *(f"t{index}" for index in range(count - 998, count))} == set(kept)
    told = {family.name: family for family in kafka_topics.families(topics, kept, newest, {})}
    sums = {name: sum(sample.value for sample in family.samples) for name, family in told.items()}
    assert sum(newest.values()) == sums["kafka_topic_partition_current_offset"]
    assert count == sums["kafka_topic_partitions"]
    assert 2 == sums["kafka_topic_partition_under_replicated_partition"]
    assert 1000 == len(told["kafka_topic_partition_replicas"].samples)
    assert 999 == len(told["kafka_topic_partition_leader"].samples)


def test_of_ten_thousand_readers_those_furthest_behind_are_told_and_the_rest_is_one() -> None:
    """Names may be anything."""
    committed = {(f'g"\n{index}', "orders"): {0: index} for index in range(10_000)}
    groups = Groups(dict.fromkeys(("a", "b"), 1), committed, 0, True)
    behind = lags(groups, {("orders", 0): 10_000})
    kept = furthest(behind, 500)
    told = {family.name: family for family in kafka_groups.families(groups, behind, kept, {})}
    assert {f'g"\n{index}' for index in range(500)} == {group for group, _ in kept}
    assert 501 == len(told["kafka_consumergroup_lag_sum"].samples)
    assert sum(range(1, 10_001)) == sum(sample.value for sample in told["kafka_consumergroup_lag_sum"].samples)


def test_a_group_is_never_ahead_and_a_topic_that_is_gone_has_no_lag() -> None:
    """What was committed outlives a topic that is deleted, and one that is made anew begins at 0."""
    groups = Groups({}, {("g", "anew"): {0: 90, 1: 5}, ("g", "gone"): {0: 1}}, 0, True)
    found = lags(groups, {("anew", 0): 10, ("anew", 1): 7})
    assert {("g", "anew"): {0: 0, 1: 2}} == {reader: lag.by_partition for reader, lag in found.items()}


def told_of(
    topics: Topics, kept: list[str], oldest: Mapping[Partition, int] = {}, read: Set[str] = frozenset()
) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of each family by their labels."""
    found = kafka_topics.families(topics, kept, {}, oldest, read)
    return {each.name: {tuple(sample.labels.values()): sample.value for sample in each.samples} for each in found}


def test_what_alerts_ask_of_a_topic_that_is_read_is_told_however_small_it_is() -> None:
    """Lag is held against the number of partitions, and what was lost unread against the oldest message."""
    topics = {f"t{index:05}": {0: Replicas(1, (1, 2), 1)} for index in range(5_000)} | {"mails": {0: WELL, 1: WELL}}
    kept = largest(topics, {}, 2000, {"mails"})
    assert "mails" in kept
    found = told_of(topics, kept[:-1], {("t00001", 0): 7, ("mails", 1): 9}, {"mails", "gone"})
    partitions = found["kafka_topic_partitions"]
    assert (2, 5_002) == (partitions["mails",], sum(partitions.values()))
    assert ("gone",) not in partitions
    assert {("t00001", "0"): 7, ("mails", "1"): 9} == found["kafka_topic_partition_oldest_offset"]


def test_a_partition_in_peril_is_told_among_many_that_lack_a_replica_and_of_a_topic_that_is_too_large() -> None:
    """One broker of many is down, and here and there it was the last one."""
    topics = {f"t{index:05}": {0: Replicas(1, (1, 2, 3), 2)} for index in range(5_000)}
    topics["a-lost"] = {0: Replicas(None, (1, 2, 3), 0)}
    topics["a-last"] = {0: Replicas(1, (1, 2, 3), 1)}
    topics["vast"] = dict.fromkeys(range(5000), WELL) | {7: Replicas(None, (1, 2), 0)}
    newest = {(name, 0): 0 if name.startswith("a-") else 10 for name in topics}
    kept = largest(topics, newest, 2000)
    assert {"a-lost", "a-last"} <= set(kept)
    assert "vast" not in kept
    found = told_of(topics, kept)
    replicas, leaders = found["kafka_topic_partition_replicas"], found["kafka_topic_partition_leader"]
    assert {("a-lost", "0"), ("vast", "7")} == replicas.keys() - leaders.keys()
    assert 2001 == len(replicas)
    assert 5_003 == sum(found["kafka_topic_partition_under_replicated_partition"].values())


def test_partitions_without_a_leader_are_bounded_too() -> None:
    """All brokers are down."""
    topics = {f"t{index:05}": {0: Replicas(None, (1, 2), 0)} for index in range(5_000)}
    found = told_of(topics, largest(topics, {}, 2000))
    assert 2500 == len(found["kafka_topic_partition_replicas"])


def test_of_many_partitions_that_many_groups_read_those_furthest_behind_are_told() -> None:
    """A group's sum is whole all the same."""
    committed = {(f"g{group}", "orders"): {number: number for number in range(200)} for group in range(100)}
    groups = Groups({}, committed, 0, True)
    behind = lags(groups, {("orders", number): 1000 for number in range(200)})
    kept = furthest(behind, 500)
    found = {each.name: each for each in kafka_groups.families(groups, behind, kept, {})}
    for name in ("kafka_consumergroup_lag", "kafka_consumergroup_current_offset"):
        rows = {(each.labels["consumergroup"], int(each.labels["partition"])) for each in found[name].samples}
        assert {(f"g{group}", number) for group in range(100) for number in range(50)} == rows
    assert {sum(range(801, 1001))} == {each.value for each in found["kafka_consumergroup_lag_sum"].samples}


class ManyGroups:
    """A cluster of groups of which each has read every partition; it counts how many it was asked about at a time."""

    def __init__(self, groups: int, partitions: int) -> None:
        self._names = [f"g{number:05}" for number in range(groups)]
        self._partitions = partitions
        self.asked: list[int] = []
        self.admin = self

    def list_consumer_groups(self, request_timeout: float) -> object:
        """Return what ``result`` returns."""
        valid = [SimpleNamespace(group_id=name, state=ConsumerGroupState.STABLE) for name in self._names]
        return SimpleNamespace(valid=valid, errors=[])

    def describe_consumer_groups(self, names: list[str], request_timeout: float) -> dict[str, Future[object]]:
        """Say that each has one member."""
        self.asked.append(len(names))
        return {name: done(SimpleNamespace(members=[1])) for name in names}

    def list_consumer_group_offsets(self, asked: list[Any], request_timeout: float) -> dict[str, Future[object]]:
        """Say that it has read all."""
        offsets = [SimpleNamespace(topic="t", partition=at, offset=1, error=None) for at in range(self._partitions)]
        return {asked[0].group_id: done(SimpleNamespace(topic_partitions=offsets))}

    def result(self, found: object, _deadline: Deadline) -> object:
        """Return it."""
        return found

    def wait(self, _futures: object, _deadline: Deadline) -> None:
        """Be done."""


def done(value: object) -> "Future[object]":
    """Return a future that has come to its end."""
    future: Future[object] = Future()
    future.set_result(value)
    return future


def test_many_groups_are_asked_about_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred at a time; those that were not are counted."""
    few = ManyGroups(5_000, 1)
    found = read_groups(few, 1000, Deadline(600))  # type: ignore[arg-type]
    assert ([100] * 10, 1000, 4_000, True) == (few.asked, len(found.members), found.unasked, found.is_whole)
    monkeypatch.setattr(kafka_groups, "MOST_COMMITTED", 2000)
    vast = ManyGroups(5_000, 20)
    found = read_groups(vast, 1000, Deadline(600))  # type: ignore[arg-type]
    assert ([100], 100, 4_900, True) == (vast.asked, len(found.committed), found.unasked, found.is_whole)


@pytest.mark.parametrize("most", [0, 1, 5, 100])
def test_no_more_partitions_are_told_than_may_be(most: int) -> None:
    """A topic is told whole or not at all."""
    numbers = random.Random(7)  # the same each time
    topics = {f"t{index}": dict.fromkeys(range(numbers.randint(1, 9)), WELL) for index in range(50)}
    kept = largest(topics, {}, most)
    assert sum(len(topics[name]) for name in kept) <= most


def threads_of_librdkafka() -> int:
    """Return how many there are in this process; it names them."""
    return sum((task / "comm").read_text().startswith("rdk:") for task in Path("/proc/self/task").iterdir())


def hang_up(client: socket.socket, stop: Event) -> None:
    """Close at once."""


def silent(client: socket.socket, stop: Event) -> None:
    """Answer nothing."""
    stop.wait(60)


@pytest.mark.parametrize("behaviour", [hang_up, silent])
def test_a_client_ends_with_its_collector(behaviour: Behaviour) -> None:
    """Its threads and connections too, at once: none of them waits until Python tidies up, which may be hours."""
    gc.collect()
    eventually(lambda: threads_of_librdkafka() == 0, 60)
    gc.disable()
    try:
        with tcp(behaviour) as port:
            for _ in range(3):
                collector = connect(Target(f"kafka://127.0.0.1:{port}", 0.2))
                with pytest.raises((AnswerError, TimeoutError)):
                    list(collector.collect())
                collector.close()
            del collector
            eventually(lambda: threads_of_librdkafka() == 0, 60)
    finally:
        gc.enable()
