"""dramatiq: each attempt at a message counts once, by a middleware that every broker has."""

from functools import wraps
from typing import Any, Final

from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry
from .tasks import Task, begin, carried, end, inject, observe_slots

_SYSTEM: Final = "dramatiq"


def hook_brokers(module: Any, telemetry: Telemetry) -> None:
    """Give each broker that is made the middleware."""
    from dramatiq.middleware import Middleware

    class Seawall(_Observer, Middleware):  # type: ignore[misc]
        """Count what workers process, and carry traces on."""

    original = module.Broker.__init__

    @wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        self.add_middleware(Seawall(telemetry))

    replace(module.Broker, "__init__", __init__)


class _Observer:
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._tasks: dict[int, Task] = {}

    def before_enqueue(self, _: Any, message: Any, __: Any) -> None:
        """Carry the trace of the producer on."""
        inject(message.options)

    def before_process_message(self, _: Any, message: Any) -> None:
        """Begin a message."""
        headers = carried(message.options.get)
        task = begin(self._telemetry, _SYSTEM, message.actor_name, message.queue_name, headers)
        if task is not None:
            self._tasks[id(message)] = task

    def after_process_message(self, _: Any, message: Any, *, exception: Any = None, **__: Any) -> None:
        """Count a message that was processed."""
        task = self._tasks.pop(id(message), None)
        if task is not None:
            end(task, exception)

    def after_skip_message(self, broker: Any, message: Any) -> None:
        """Count a message that a middleware kept from its actor: it was dealt with."""
        self.after_process_message(broker, message)

    def after_worker_boot(self, broker: Any, worker: Any) -> None:
        """Expose the threads of a worker."""
        queues = worker.consumer_whitelist or broker.get_declared_queues()
        observe_slots(self._telemetry, queues, lambda: worker.worker_threads, lambda: len(self._tasks))
