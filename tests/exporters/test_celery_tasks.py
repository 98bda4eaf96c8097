"""What is made of Celery's events of tasks, one by one: whoever can reach the broker can send them."""

import math
from typing import Any

import pytest
from celery_apps import event, told

from seawall.exporters import celery_tasks
from seawall.exporters.celery_tasks import MOST_SETS, Tasks


def counting(*events: dict[str, Any], queue: str = "") -> Tasks:
    """Return what has seen *events*, of workers that have *queue* alone."""
    tasks = Tasks(lambda host: queue)
    for each in events:
        tasks.saw(each, each.get("timestamp") or 0.0)
    return tasks


SENT = event("task-sent", host="gen77@web", name="mail", queue="mails")


def test_a_task_is_known_by_its_first_events_in_those_that_name_nothing() -> None:
    """Its wait is from its publication; the sender's process is no label."""
    tasks = counting(SENT, event("task-started", 107.5), event("task-succeeded", 110, runtime=2.5))
    found = told(tasks.families())

    assert {("mail", "web", "mails"): 1} == found["celery_task_sent_total"]
    assert {("mail", "one@a", "mails"): 1} == found["celery_task_succeeded_total"]
    assert [7.5, 2.5] == [
        found[f"celery_task_{name}_sum"]["mail", "one@a", "mails"] for name in ("queue_wait_time", "runtime")
    ]


def test_what_can_still_happen_to_a_task_begins_at_zero() -> None:
    """The first failure of a series that was not there is none to rate()."""
    found = told(counting(SENT, event("task-started")).families())

    assert {("mail", "one@a", "mails", ""): 0} == found["celery_task_failed_total"]
    assert {("mail", "one@a", "mails"): 0} == found["celery_task_retried_total"]


@pytest.mark.parametrize(
    ("eta", "waited"),
    [
        ("1970-01-01T00:01:45+00:00", 2.5),  # it was not to begin before
        ("1970-01-01T00:00:10+00:00", 7.5),
        ("1970-01-01T00:01:45", 7.5),  # of no zone
        ("soon", 7.5),
        (5, 7.5),
        ("2970-01-01T00:00:00+00:00", 0.0),
    ],
)
def test_a_delay_on_purpose_is_no_wait(eta: Any, waited: float) -> None:
    """As far as it can be read."""
    found = told(counting(SENT | {"eta": eta}, event("task-started", 107.5)).families())
    assert {("mail", "one@a", "mails"): waited} == found["celery_task_queue_wait_time_sum"]


def test_a_repeated_attempt_does_not_wait_from_the_first_publication_on() -> None:
    """It is counted once."""
    tasks = counting(SENT, event("task-started", 101), event("task-retried", 102), event("task-started", 900))
    assert {("mail", "one@a", "mails"): 1} == told(tasks.families())["celery_task_queue_wait_time_count"]


def test_of_a_task_that_was_rejected_after_it_failed_both_are_of_its_name() -> None:
    """Celery tells of both."""
    failed = event("task-failed", exception="Reject('no', requeue=False)")
    found = told(counting(SENT, event("task-started"), failed, event("task-rejected")).families())

    assert {("mail", "one@a", "mails"): 1} == found["celery_task_rejected_total"]
    assert 1 == found["celery_task_failed_total"]["mail", "one@a", "mails", "Reject"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ValueError('x')", "ValueError"),
        ("shop.errors.NoMoney(3)", "shop.errors.NoMoney"),
        ("<broken repr>", "UnknownException"),
        ("(((", "UnknownException"),
        (None, "UnknownException"),
        ("A" * 300 + "(", "UnknownException"),
    ],
)
def test_an_exception_is_its_class(text: Any, name: str) -> None:
    """Whatever stands behind it."""
    found = told(counting(event("task-failed", exception=text)).families())["celery_task_failed_total"]
    assert {("unknown", "one@a", "unknown", ""): 0, ("unknown", "one@a", "unknown", name): 1} == found


def test_the_queue_of_a_task_that_nobody_told_of_is_that_of_its_worker() -> None:
    """Where it has but one."""
    for queue, label in (("files", "files"), ("", "unknown")):
        found = told(counting(event("task-started", name="copy"), queue=queue).families())
        assert {("copy", "one@a", label): 1} == found["celery_task_started_total"]


@pytest.mark.parametrize(
    "garbage",
    [
        {"type": "task-started"},
        event("task-started") | {"uuid": 7},
        event("task-started") | {"hostname": None},
        event("task-started") | {"timestamp": "now"},
        event("task-started") | {"timestamp": math.nan},
        event("task-started") | {"timestamp": math.inf},
        event("task-started") | {"timestamp": 10**400},  # as JSON may have it, and no float
        event("task-started") | {"timestamp": True},
    ],
)
def test_what_is_no_event_is_counted_and_dropped(garbage: dict[str, Any]) -> None:
    """It changes nothing."""
    tasks = Tasks(lambda host: "")
    tasks.saw(garbage, 0.0)
    found = told(tasks.families())
    assert {(): 1} == found["seawall_celery_discarded_events_total"]
    assert "celery_task_started_total" not in found


@pytest.mark.parametrize("runtime", [math.nan, math.inf, -math.inf, 10**400, 1e308, True, "5"])
def test_a_number_that_is_none_does_not_spoil_a_sum(runtime: Any) -> None:
    """Which would be infinite for ever."""
    tasks = counting(event("task-succeeded", name="mail", runtime=runtime), event("task-succeeded", 101.0, runtime=2.0))
    found = told(tasks.families())
    ((_, total),) = found["celery_task_runtime_sum"].items()
    assert 2.0 == total
    assert [2] == list(found["celery_task_succeeded_total"].values())


def test_names_are_bounded_and_such_as_utf_8_has() -> None:
    """A lone surrogate comes by JSON."""
    found = told(counting(event("task-started", name="\ud800" + "x" * 5000)).families())["celery_task_started_total"]
    ((name, _, _),) = found
    assert "\\ud800" + "x" * 199 == name


def test_more_label_sets_than_can_be_told_are_one_and_no_counter_falls() -> None:
    """Those that came first stay."""
    tasks = Tasks(lambda host: "")
    for number in range(MOST_SETS + 5):
        tasks.saw(event("task-sent", uuid=str(number), name=f"n{number}", queue="q"), 0.0)
    found = told(tasks.families())

    assert MOST_SETS + 1 == len(found["celery_task_sent_total"])
    assert 5 == found["celery_task_sent_total"]["others", "others", "others"]
    assert {(): 5} == found["seawall_celery_folded_events_total"]


def test_a_long_backlog_is_remembered_from_its_start_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next to be worked off are those that came first."""
    monkeypatch.setattr(celery_tasks, "MOST_REMEMBERED", 100)
    tasks = Tasks(lambda host: "")
    for number in range(101):
        tasks.saw(SENT | {"uuid": str(number)}, 100.0)
    for uuid in ("0", "100"):
        tasks.saw(event("task-started", 130.0, uuid=uuid), 130.0)
    assert {("mail", "one@a", "mails"): 1} == told(tasks.families())["celery_task_queue_wait_time_count"]
    late = 100.0 + 7 * 3600
    tasks.saw(SENT | {"uuid": "x", "timestamp": late}, late)
    tasks.saw(event("task-started", late + 5, uuid="x"), late + 5)
    assert {("mail", "one@a", "mails"): 2} == told(tasks.families())["celery_task_queue_wait_time_count"]
