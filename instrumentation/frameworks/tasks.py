"""What the hooks into task queues have in common: a message that is processed, and the trace that it carries."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import propagate, trace

from seawall.instrumentation.bounds import OTHER
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.second_spans import follow, follow_again

from .hooking import Telemetry


class Task:
    """Follow one message from the moment that a worker takes it up; None of it raises into the worker."""

    def __init__(
        self, telemetry: Telemetry, system: str, operation: str, destination: str, headers: Mapping[str, str]
    ) -> None:
        self.error: BaseException | None = None
        self._entered = telemetry.worker.process_message(
            operation, destination=destination, system=system, headers=headers
        )
        self._before = follow(self._entered.__enter__())

    def end(self, error: BaseException | None = None) -> None:
        """Count the message; *error* is what failed it."""
        follow_again(self._before)
        failed = error or self.error
        if failed is None:
            self._entered.__exit__(None, None, None)
        else:
            self._entered.__exit__(type(failed), failed, failed.__traceback__)


def failure(name: str) -> Exception:
    """Return an exception of the class *name*, where a library tells no more of it; ``_OTHER`` where not even that."""
    kind = type(name if name.isidentifier() else OTHER, (Exception,), {})
    return kind("told by the library")  # type: ignore[no-any-return]


begin = guarded("observe a task")(Task)
end = guarded("count a task")(Task.end)


@guarded("carry a trace on")
def _inject(carrier: Any) -> None:
    if trace.get_current_span().get_span_context().is_valid:
        carried: dict[str, str] = {}
        propagate.inject(carried)
        for key, value in carried.items():
            carrier.setdefault(key, value)


def inject(carrier: Any) -> None:
    """Write the trace of now into a message's headers, unless they carry one: a message that is tried again does."""
    if carrier is not None:
        _inject(carrier)


def carried(read: Callable[[str], Any]) -> dict[str, str]:
    """Return the headers that propagators know, of a message whose header *read* returns."""
    found = {key: read(key) for key in propagate.get_global_textmap().fields}
    return {key: value for key, value in found.items() if isinstance(value, str)}


@guarded("observe a pool")
def observe_slots(
    telemetry: Telemetry, queues: Iterable[str], slots: Callable[[], float], busy: Callable[[], float]
) -> None:
    """Expose how many messages a worker of *queues* processes at once, and how many it does."""
    telemetry.worker.observe_queue(",".join(sorted(queues)), slots=slots, slots_busy=busy)
