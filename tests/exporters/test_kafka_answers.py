"""What the kafka collector makes of answers, however many and however odd: no server is needed."""

import random
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.exporters import kafka_groups, kafka_topics
from seawall.exporters.kafka_age import Found, Position, ages
from seawall.exporters.kafka_groups import Groups, furthest, lags
from seawall.exporters.kafka_topics import Replicas, largest

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


@pytest.mark.parametrize("most", [0, 1, 5, 100])
def test_no_more_partitions_are_told_than_may_be(most: int) -> None:
    """A topic is told whole or not at all."""
    numbers = random.Random(7)  # the same each time
    topics = {f"t{index}": dict.fromkeys(range(numbers.randint(1, 9)), WELL) for index in range(50)}
    kept = largest(topics, {}, most)
    assert sum(len(topics[name]) for name in kept) <= most
