"""What Celery's events say of tasks: counted and timed, by name, worker and queue, and within bounds."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from prometheus_client import Metric

from .celery_metrics import (
    DISCARDED_EVENTS,
    FOLDED_EVENTS,
    OTHERS,
    QUEUE_WAIT,
    RUNTIME,
    RUNTIME_BOUNDS,
    STATES,
    UNKNOWN,
    WAIT_BOUNDS,
)
from .declaration import Distribution, Labels

MOST_SETS: Final = 1000
"""Of a family, label sets that are counted one by one: those that came first, so that no counter ever falls."""
MOST_REMEMBERED: Final = 50_000
"""Tasks between their publication and their end. The first ones stay: they are what a backlog is worked off from."""
_LONGEST_MEMORY: Final = 6 * 3600.0  # seconds
_LONGEST_NAME: Final = 200
_LARGEST_NUMBER: Final = 1e11  # of seconds, three thousand years
_MOST_ENDED: Final = 1000  # of which more events may come: one that is rejected has failed first
_ENDS: Final = frozenset({"task-succeeded", "task-failed", "task-rejected", "task-revoked"})
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]*(?=\()")


def name_of(value: Any) -> str:
    """Return *value* as that of a label: bounded, and such as UTF-8 can have; nothing where it is no text."""
    return value[:_LONGEST_NAME].encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def number_of(value: Any) -> float | None:
    """Return *value* as a number that can be added to others; None where it is none.

    JSON's may be NaN, infinite, or too large for a float.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_LARGEST_NUMBER < value < _LARGEST_NUMBER else None


@dataclass
class _Task:
    """What is known of one task; *ready* is when its message could have been taken, since 1970."""

    since: float
    name: str = UNKNOWN
    queue: str = ""
    ready: float | None = None


@dataclass
class _Tally:
    """A family's values by label set, beyond *most* of which all is one."""

    make: Callable[[], Any]
    values: dict[Labels, Any] = field(default_factory=dict)
    folded: int = 0

    def at(self, labels: Labels) -> Any:
        """Return what counts *labels*."""
        if labels not in self.values and len(self.values) >= MOST_SETS:
            self.folded += 1
            labels = (OTHERS,) * len(labels)
        return self.values.setdefault(labels, self.make())


@dataclass
class _Count:
    value: float = 0.0


@dataclass
class _Times:
    """A histogram of one label set: how many fell under each bound, all others last, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Tasks:
    """Counts events; *queue_of* says which queue a worker has, where that is but one.

    An event is what a worker, or whoever can reach the broker, sends: nothing of it is taken for granted.
    """

    def __init__(self, queue_of: Callable[[str], str]) -> None:
        self._queue_of = queue_of
        self._remembered: dict[str, _Task] = {}
        self._ended: dict[str, _Task] = {}
        self._counts = {kind: _Tally(_Count) for kind in STATES}
        self._runtimes = _Tally(lambda: _Times(RUNTIME_BOUNDS))
        self._waits = _Tally(lambda: _Times(WAIT_BOUNDS))
        self.discarded = 0

    def saw(self, event: Mapping[str, Any], now: float) -> None:
        """Count an event of a task's, which came at *now*; what is none of these is left alone."""
        kind, uuid = event.get("type"), event.get("uuid")
        if kind not in STATES:
            return
        host, at = name_of(event.get("hostname")), number_of(event.get("timestamp"))
        if not isinstance(uuid, str) or not host or at is None:
            self.discarded += 1
            return
        uuid = uuid[:_LONGEST_NAME]
        task = self._task(uuid, now)
        _learn(task, event, at)
        # A sender's name has the number of its process: each would be a series of its own.
        labels = (task.name, *_place(kind, host, task.queue or self._queue_of(host) or UNKNOWN))
        reason = (_exception(event.get("exception")),) if kind == "task-failed" else ()
        self._begin(kind, labels)
        self._counts[kind].at((*labels, *reason)).value += 1
        if kind == "task-started" and task.ready is not None:
            self._waits.at(labels).observe(max(0.0, at - task.ready))
            task.ready = None  # a repeated attempt did not wait from then on
        runtime = number_of(event.get("runtime"))
        if kind == "task-succeeded" and runtime is not None:
            self._runtimes.at(labels).observe(max(0.0, runtime))
        if kind in _ENDS and self._remembered.pop(uuid, None) is not None:
            self._ended[uuid] = task
            if len(self._ended) > _MOST_ENDED:
                del self._ended[next(iter(self._ended))]

    def forget(self, host: str) -> None:
        """Let go of the series of a worker that is gone for good."""
        for tally in (*self._counts.values(), self._runtimes, self._waits):
            for labels in [labels for labels in tally.values if labels[1] == host]:
                del tally.values[labels]

    def families(self, left_out: int = 0) -> Iterator[Metric]:
        """Yield the families; *left_out* events of workers were counted nowhere."""
        for kind, info in STATES.items():
            yield info.samples({labels: count.value for labels, count in self._counts[kind].values.items()})
        for info, tally in ((RUNTIME, self._runtimes), (QUEUE_WAIT, self._waits)):
            times = {labels: Distribution(of.bounds, of.counts, of.total) for labels, of in tally.values.items()}
            yield info.distributions(times)
        folded = sum(tally.folded for tally in (*self._counts.values(), self._runtimes, self._waits))
        yield FOLDED_EVENTS.value(folded + left_out)
        yield DISCARDED_EVENTS.value(self.discarded)

    def _begin(self, kind: str, labels: Labels) -> None:
        """Let what a worker may still tell of *labels* begin at zero: a rate does not see a counter's first value."""
        if kind == "task-sent" or labels in self._counts["task-started"].values:
            return
        for each, tally in self._counts.items():
            if each != "task-sent":
                tally.at((*labels, "") if each == "task-failed" else labels)

    def _task(self, uuid: str, now: float) -> _Task:
        known = self._remembered.get(uuid) or self._ended.get(uuid)
        if known is not None:
            return known
        while self._remembered and now - next(iter(self._remembered.values())).since > _LONGEST_MEMORY:
            del self._remembered[next(iter(self._remembered))]
        task = _Task(now)
        if len(self._remembered) < MOST_REMEMBERED:
            self._remembered[uuid] = task
        return task


def _learn(task: _Task, event: Mapping[str, Any], at: float) -> None:
    task.name = name_of(event.get("name")) or task.name
    if event["type"] == "task-sent":
        task.queue = name_of(event.get("queue")) or name_of(event.get("routing_key")) or task.queue
        task.ready = max(at, _moment(event.get("eta")) or at)


def _place(kind: str, host: str, queue: str) -> tuple[str, str]:
    return (host.rpartition("@")[2] if kind == "task-sent" else host), queue


def _moment(text: Any) -> float | None:
    """Return an ETA in seconds since 1970; None where it is none, or does not say of which zone it is."""
    try:
        found = datetime.fromisoformat(text)
        return found.timestamp() if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _exception(text: Any) -> str:
    found = _EXCEPTION.match(name_of(text))
    return found[0] if found else "UnknownException"
