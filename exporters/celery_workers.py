"""Which workers are heard of, what they work on and on which queues: by their heartbeats, and by what they answer."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import Metric

from .celery_metrics import PROCESS_COUNT, PROCESSED, PROCESSES, TASK_EVENTS, TASKS_ACTIVE, WORKER_UP, WORKERS
from .celery_tasks import name_of, number_of
from .declaration import Labels

MOST_WORKERS: Final = 500
"""Workers that are told one by one; later ones are left out, and counted."""
MOST_OF_A_WORKER: Final = 100  # queues
FORGOTTEN: Final = 3600.0
"""Seconds after which a worker that fell silent is told of no more."""
_TOLD_WITHIN: Final = 10.0  # seconds, after which further tasks without an event say that there are none
_GOODBYE: Final = 30.0  # seconds in which a worker that said goodbye may still be heard of: answers come late


@dataclass
class _Worker:
    """*seen* is when it was heard of last; *active* and *processed* are None while no heartbeat told.

    *untold_since* is when it first did tasks and told of none, and *is_telling* None while that says nothing.
    """

    seen: float
    beat: float = 2.0
    active: float | None = None
    processed: float | None = None
    processes: float | None = None
    queues: tuple[str, ...] = ()
    is_telling: bool | None = None
    untold_since: float | None = None


class Workers:
    """What is known of each worker, by its node name; *silence* is how many seconds without a word are its end.

    Moments are such as no clock that is set changes.
    """

    def __init__(self, silence: float, forgot: Callable[[str], None]) -> None:
        self._silence, self._forgot = silence, forgot
        self._workers: dict[str, _Worker] = {}
        self._gone: dict[str, float] = {}
        self._heard_from = -math.inf
        self.left_out = 0

    def begin(self, now: float) -> None:
        """Begin to listen at *now*: nobody can be reproached with silence from before."""
        self._heard_from = now

    def saw(self, event: Mapping[str, Any], now: float) -> None:
        """Take an event of a worker's, which came at *now*."""
        host, kind = name_of(event.get("hostname")), event.get("type")
        if not host or kind == "task-sent" or not isinstance(kind, str):
            return
        if kind == "worker-offline":  # it said goodbye, and is not missed
            if self._workers.pop(host, None) is not None:
                self._forgot(host)
                self._gone = {host: now} | {each: at for each, at in self._gone.items() if now - at < _GOODBYE}
            return
        if kind == "worker-online":
            self._gone.pop(host, None)
        worker = self._heard(host, now)
        if worker is None:
            return
        if kind.startswith("task-"):
            worker.is_telling, worker.untold_since = True, None
        elif kind in ("worker-heartbeat", "worker-online"):
            _beat(worker, event, now)

    def answered(self, host: str, answer: Any, now: float) -> bool:
        """Take a worker's answer to ``stats`` or ``active_queues``; return whether it is one."""
        worker = self._heard(name_of(host), now) if name_of(host) else None
        if isinstance(answer, list):
            names = [name_of(each.get("name")) for each in answer if isinstance(each, dict)][:MOST_OF_A_WORKER]
            found = tuple(dict.fromkeys(name for name in names if name))
            if worker is not None:
                worker.queues = found
            return True
        slots = _slots(answer)
        if worker is not None and slots is not None:
            worker.processes = slots
        return slots is not None

    def queue_of(self, host: str) -> str:
        """Return the queue of a worker that has one alone, else nothing."""
        worker = self._workers.get(host)
        return worker.queues[0] if worker is not None and len(worker.queues) == 1 else ""

    def queues(self) -> set[str]:
        """Return the queues of all that are known."""
        return {queue for worker in self._workers.values() for queue in worker.queues}

    def families(self, now: float) -> Iterator[Metric]:
        """Yield what is so at *now* of each worker; forget who fell silent long ago."""
        for host in [host for host, worker in self._workers.items() if now - worker.seen > FORGOTTEN]:
            del self._workers[host]
            self._forgot(host)
        workers = self._workers.items()
        yield WORKER_UP.samples({(host,): self._is_up(worker, now) for host, worker in workers})
        up = [(host, worker) for host, worker in workers if self._is_up(worker, now)]
        yield TASKS_ACTIVE.samples({(host,): worker.active for host, worker in up})
        yield PROCESSED.samples({(host,): worker.processed for host, worker in up})
        yield PROCESSES.samples({(host,): worker.processes for host, worker in up})
        yield TASK_EVENTS.samples({(host,): worker.is_telling for host, worker in up})

    def of_queues(self, queues: set[str], now: float) -> Iterator[Metric]:
        """Yield how many workers and slots each of *queues* has at *now*."""
        workers: dict[Labels, float | None] = {(queue,): 0.0 for queue in queues}
        slots: dict[Labels, float | None] = {(queue,): 0.0 for queue in queues}
        for worker in self._workers.values():
            for key in ((queue,) for queue in worker.queues if queue in queues and self._is_up(worker, now)):
                workers[key] = (workers[key] or 0.0) + 1
                slots[key] = (slots[key] or 0.0) + (worker.processes or 0.0)
        yield WORKERS.samples(workers)
        yield PROCESS_COUNT.samples(slots)

    def _heard(self, host: str, now: float) -> _Worker | None:
        if now - self._gone.get(host, -math.inf) < _GOODBYE:
            return None
        if host not in self._workers and len(self._workers) >= MOST_WORKERS:
            self.left_out += 1
            return None
        worker = self._workers.setdefault(host, _Worker(now))
        worker.seen = now
        return worker

    def _is_up(self, worker: _Worker, now: float) -> bool:
        return now - max(worker.seen, self._heard_from) <= max(self._silence, 3 * worker.beat)


def _beat(worker: _Worker, event: Mapping[str, Any], now: float) -> None:
    worker.active = number_of(event.get("active"))
    worker.beat = min(number_of(event.get("freq")) or worker.beat, FORGOTTEN / 6)
    processed = number_of(event.get("processed"))
    if event.get("type") == "worker-online":
        worker.untold_since = None
    elif processed is not None and worker.processed is not None and processed > worker.processed:
        # A worker that starts with a backlog does its first tasks before it tells of any, and may be idle then.
        worker.untold_since = worker.untold_since or now
        if now - worker.untold_since > _TOLD_WITHIN:
            worker.is_telling = False
    worker.processed = processed


def _slots(answer: Any) -> float | None:
    """Return how many tasks at a time the pool of an answer to ``stats`` does."""
    pool = answer.get("pool") if isinstance(answer, dict) else None
    if not isinstance(pool, dict):
        return None
    processes = pool.get("processes")
    # Threads and greenlets say their limit alone; prefork's processes may be fewer, as it grows and shrinks.
    return float(len(processes)) if isinstance(processes, list) else number_of(pool.get("max-concurrency"))
