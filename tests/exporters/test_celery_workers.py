"""What is made of workers' heartbeats and answers, one by one: whoever can reach the broker can send them."""

import math
from typing import Any

import pytest
from celery_apps import LabelValues, event, told

from seawall.exporters.celery_workers import FORGOTTEN, MOST_WORKERS, Workers


def beat(host: str = "one@a", **more: Any) -> dict[str, Any]:
    """Return a heartbeat."""
    return {"type": "worker-heartbeat", "hostname": host, "active": 1, "processed": 5, "freq": 2.0, **more}


def watching() -> tuple[Workers, list[str]]:
    """Return what watches workers, who are lost after a minute, and the list of those that it forgot."""
    forgotten: list[str] = []
    workers = Workers(60.0, forgotten.append)
    workers.begin(0.0)
    return workers, forgotten


def test_a_worker_is_up_until_it_is_silent_and_forgotten_an_hour_later() -> None:
    """Its numbers are told while it is up alone."""
    workers, forgotten = watching()
    workers.saw(beat(), 100.0)

    assert [1, 1, 0] == [told(workers.families(at))["celery_worker_up"]["one@a",] for at in (100.0, 160.0, 161.0)]
    assert "celery_worker_tasks_active" not in told(workers.families(161.0))
    assert {} == told(workers.families(101.0 + FORGOTTEN))
    assert ["one@a"] == forgotten


def test_a_number_that_is_none_is_not_told() -> None:
    """JSON may have what no float can hold; the worker is heard of all the same."""
    workers = Workers(60, lambda host: None)
    for number in (10**400, math.inf, math.nan, True, "7"):
        beat = {"type": "worker-heartbeat", "hostname": "one@a", "freq": number, "active": number, "processed": number}
        workers.saw(beat, 100.0)
        workers.answered("one@a", {"pool": {"max-concurrency": number}}, 100.0)
        found = told(workers.families(159.0))
        assert {("one@a",): 1} == found["celery_worker_up"]
        assert not {"celery_worker_tasks_active", "seawall_celery_worker_processes"} & found.keys()


def test_silence_while_nobody_listened_is_not_held_against_it() -> None:
    """After a broker's outage it has as long as ever."""
    workers, _ = watching()
    workers.saw(beat(), 100.0)
    workers.begin(400.0)
    assert [1, 0] == [told(workers.families(at))["celery_worker_up"]["one@a",] for at in (459.0, 461.0)]


def test_a_worker_that_beats_seldom_has_three_beats() -> None:
    """As its heartbeat says; a beat of years is not believed."""
    workers, _ = watching()
    workers.saw(beat(freq=60.0), 100.0)
    workers.saw(beat("two@a", freq=1e9), 100.0)
    at = told(workers.families(270.0))["celery_worker_up"]
    assert {("one@a",): 1, ("two@a",): 1} == at
    assert {("one@a",): 0, ("two@a",): 0} == told(workers.families(100.0 + FORGOTTEN))["celery_worker_up"]


def test_who_said_goodbye_is_gone_whatever_comes_late_and_back_when_it_says_so() -> None:
    """An answer that was on its way does not bring it back."""
    workers, forgotten = watching()
    workers.saw(beat(), 100.0)
    workers.saw({"type": "worker-offline", "hostname": "one@a"}, 101.0)
    workers.answered("one@a", [{"name": "mails"}], 102.0)
    assert ({}, ["one@a"]) == (told(workers.families(102.0)), forgotten)
    workers.saw(beat() | {"type": "worker-online"}, 103.0)
    assert {("one@a",): 1} == told(workers.families(103.0))["celery_worker_up"]


def test_tasks_done_again_without_an_event_say_that_there_are_none() -> None:
    """Ten seconds after the first ones; one event says the opposite, and idleness says nothing."""
    workers, _ = watching()

    def says(at: float, processed: int) -> dict[LabelValues, float] | None:
        workers.saw(beat(processed=processed), at)
        return told(workers.families(at)).get("seawall_celery_worker_task_events")

    assert [None] * 4 == [says(100.0, 5), says(110.0, 6), says(115.0, 7), says(140.0, 7)]
    assert {("one@a",): 0} == says(142.0, 8)
    workers.saw(event("task-started"), 143.0)
    assert {("one@a",): 1} == says(160.0, 9)


def test_what_a_worker_does_as_it_starts_is_not_told_and_says_nothing() -> None:
    """Its connection for events comes later than its first tasks."""
    workers, _ = watching()
    for at, kind, processed in (
        (100, "heartbeat", 5),
        (110, "heartbeat", 6),
        (130, "online", 0),
        (140, "heartbeat", 3),
    ):
        workers.saw(beat(processed=processed) | {"type": f"worker-{kind}"}, float(at))
    assert "seawall_celery_worker_task_events" not in told(workers.families(150.0))


def test_queues_have_the_workers_and_slots_that_are_up() -> None:
    """Of processes as many as there are, of threads as many as there may be."""
    workers, _ = watching()
    for host, pool in (("one@a", {"processes": [1, 2, 3], "max-concurrency": 8}), ("two@a", {"max-concurrency": 4})):
        assert workers.answered(host, [{"name": "mails"}, {"name": "files"}, {"name": 7}, "x"], 100.0)
        assert workers.answered(host, {"pool": pool}, 100.0)
    workers.saw(beat(), 150.0)
    both = told(workers.of_queues({"mails", "empty"}, 150.0))
    one = told(workers.of_queues({"mails"}, 170.0))

    assert {("mails",): 2, ("empty",): 0} == both["celery_active_worker_count"]
    assert {("mails",): 7, ("empty",): 0} == both["celery_active_process_count"]
    assert ({("mails",): 1}, {("mails",): 3}) == tuple(one.values())
    assert {"mails", "files"} == workers.queues()


@pytest.mark.parametrize("answer", [None, "pong", 7, {}, {"pool": None}, {"pool": {"max-concurrency": "many"}}])
def test_what_is_no_answer_is_told_so(answer: Any) -> None:
    """It changes nothing else."""
    workers, _ = watching()
    assert not workers.answered("one@a", answer, 100.0)
    assert set() == workers.queues()


def test_more_workers_than_can_be_told_are_left_out_and_counted() -> None:
    """Those that are known go on."""
    workers, _ = watching()
    for number in range(MOST_WORKERS + 3):
        workers.saw(beat(f"w{number}@a"), 100.0)
    assert (MOST_WORKERS, 3) == (len(told(workers.families(100.0))["celery_worker_up"]), workers.left_out)
