"""Celery: each attempt at a task counts once, in the process that runs it; its signals tell all that there is."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from time import time
from typing import Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry
from .tasks import Task, begin, carried, end, failure, inject, observe_slots

_SYSTEM: Final = "celery"
_told_by: Final[ContextVar[Any]] = ContextVar("seawall_celery_request", default=None)
_SUCCEEDED: Final = frozenset({"SUCCESS", "IGNORED"})


def hook_signals(module: Any, telemetry: Telemetry) -> None:
    """Listen to what producers and workers tell."""
    worker = _Worker(telemetry)
    for signal, receiver in (
        (module.before_task_publish, _carry),
        (module.task_prerun, worker.begin),
        (module.task_failure, worker.fail),
        (module.task_retry, worker.retry),
        (module.task_postrun, worker.end),
        (module.worker_ready, worker.observe_slots),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"seawall.{signal.name}")
    _move(module.task_prerun, worker.begin, 0)
    worker.before_begin = lambda: _stay_last(module.task_postrun, worker.end)


@guarded("put a task's end behind all others'")
def _stay_last(signal: Any, receiver: Any) -> None:
    # Who puts a context of its own into that of the task takes it out again before the task's is.
    if signal.receivers[-1][1] != receiver:
        _move(signal, receiver, len(signal.receivers))


@guarded("put a task's begin before all others'")
def _move(signal: Any, receiver: Any, place: int) -> None:
    with signal.lock:
        (own,) = [each for each in signal.receivers if each[1] == receiver]
        signal.receivers.remove(own)
        signal.receivers.insert(place, own)
        signal.sender_receivers_cache.clear()


def hook_requests(module: Any, _: Telemetry) -> None:
    """Know which request the worker's own process speaks of, when it tells that a task failed."""
    for name in ("on_failure", "on_timeout"):
        replace(module.Request, name, _telling(module.Request.__dict__[name]))


def _telling(original: Any) -> Any:
    @wraps(original)
    def tell(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _told_by.set(self)
        try:
            return original(self, *args, **kwargs)
        finally:
            _told_by.reset(token)

    return tell


def _carry(headers: Any = None, **_: Any) -> None:
    inject(headers)


class _Worker:
    """Follow the tasks of this process, by their ids."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._tasks: dict[str, Task] = {}
        self.before_begin: Callable[[], None] = lambda: None

    @guarded("observe a task")
    def begin(self, task_id: str, task: Any, **_: Any) -> None:
        if task.request.is_eager:
            return  # a call of the producer's own: no message was sent
        self.before_begin()
        headers = carried(lambda key: getattr(task.request, key, None))
        found = begin(self._telemetry, _SYSTEM, task.name, _queue(task.request), headers)
        if found is not None:
            self._tasks[task_id] = found

    @guarded("observe a task")
    def fail(self, sender: Any, task_id: str, exception: Any, **_: Any) -> None:
        task = self._tasks.get(task_id)
        if task is not None:
            task.error = exception
        else:
            self._count_lost(sender, exception)

    def _count_lost(self, task: Any, exception: Any) -> None:
        # The process that ran it was killed, for its time or its memory: the worker's own tells what became of it.
        request = _told_by.get()
        if request is not None:
            seconds = max(0.0, time() - request.time_start) if request.time_start else 0.0
            labels = (task.name, _queue(request), _SYSTEM, type(exception).__qualname__)
            self._telemetry.worker.duration.record_failure(labels, seconds)

    @guarded("observe a task")
    def retry(self, request: Any, reason: Any, **_: Any) -> None:
        task = self._tasks.get(request.id)
        if task is not None:
            task.error = getattr(reason, "exc", None) or reason

    @guarded("count a task")
    def end(self, task_id: str, state: Any = None, **_: Any) -> None:
        task = self._tasks.pop(task_id, None)
        if task is not None:
            told = task.error is not None or state in _SUCCEEDED
            end(task, None if told else failure(str(state)))

    @guarded("observe a pool")
    def observe_slots(self, sender: Any, **_: Any) -> None:
        from celery.worker import state

        queues = [str(name) for name in sender.app.amqp.queues.consume_from]
        observe_slots(self._telemetry, queues, lambda: sender.pool.num_processes, lambda: len(state.active_requests))


def _queue(request: Any) -> str:
    return str((request.delivery_info or {}).get("routing_key") or _SYSTEM)
