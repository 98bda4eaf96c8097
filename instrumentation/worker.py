"""What a worker tells: how long each message took, what waits, and how many of its slots are busy."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from .aggregation import DURATION_BOUNDARIES, Family, Gauge, Histogram
from .bounds import OTHER
from .diagnostics import guarded
from .memory import Labels
from .tracing import SCOPE_NAME, record_error


def _failed_beside(labels: Labels) -> Labels:
    return (*labels[:3], OTHER)


@guarded("trace a message")
def _begin_span(operation: str, destination: str, system: str, headers: Mapping[str, str] | None) -> trace.Span:
    return trace.get_tracer(SCOPE_NAME).start_span(
        f"{operation} {destination}",
        context=propagate.extract(headers) if headers else None,
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.operation.name": operation,
            "messaging.operation.type": "process",
            "messaging.destination.name": destination,
            "messaging.system": system or OTHER,
        },
    )


@guarded("end the trace of a message")
def _end_span(span: trace.Span, error: BaseException | None) -> None:
    try:
        if error is not None:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            if isinstance(error, Exception):
                record_error(span, error)
    finally:
        span.end()


class WorkerMetrics:
    """Count the messages of a worker's queues, and ask for the state of the queues at each scrape."""

    def __init__(self, thresholds: Iterable[float] = ()) -> None:
        self.duration = Histogram(
            "messaging.process.duration",
            "Duration of processing operation.",
            ("messaging.operation.name", "messaging.destination.name", "messaging.system", "error.type"),
            boundaries=(*DURATION_BOUNDARIES, *thresholds),
            zero_beside=_failed_beside,
        )
        destination = ("messaging.destination.name",)
        self.messages = Gauge("seawall.worker.queue_messages", "Messages that wait in the queue.", destination)
        self.oldest_age = Gauge(
            "seawall.worker.oldest_message_age",
            "Age of the oldest message that waits in the queue; 0 where none waits.",
            destination,
            unit="s",
        )
        self.slots = Gauge("seawall.worker.slots", "Messages that the worker can process at once.", destination)
        self.slots_busy = Gauge("seawall.worker.slots_busy", "Messages that the worker is processing.", destination)

    @property
    def families(self) -> tuple[Family, ...]:
        """Everything to expose."""
        return (self.duration, self.messages, self.oldest_age, self.slots, self.slots_busy)

    @contextmanager
    def process_message(
        self, operation: str, *, destination: str, system: str = "", headers: Mapping[str, str] | None = None
    ) -> Iterator[trace.Span]:
        """Count and trace the processing of one message; an exception counts as a failure and passes on.

        *operation* and *destination* become labels: names that stand in the code, never ids. *headers* carry the
        producer's trace on. Use it as a context manager or as a decorator.
        """
        span = _begin_span(operation, destination, system, headers) or trace.INVALID_SPAN
        labels = (operation, destination, system)
        started = perf_counter()
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield span
        except BaseException as error:  # a message that was given up was not processed
            self.duration.record_failure((*labels, type(error).__qualname__), perf_counter() - started)
            _end_span(span, error)
            raise
        else:
            self.duration.record((*labels, ""), perf_counter() - started)
            _end_span(span, None)

    def observe_queue(
        self,
        destination: str,
        *,
        messages: Callable[[], float] | None = None,
        oldest_age: Callable[[], float] | None = None,
        slots: Callable[[], float] | None = None,
        slots_busy: Callable[[], float] | None = None,
    ) -> None:
        """Expose the state of the queue *destination*; each callback is asked at each scrape, the age in seconds."""
        for gauge, callback in (
            (self.messages, messages),
            (self.oldest_age, oldest_age),
            (self.slots, slots),
            (self.slots_busy, slots_busy),
        ):
            if callback is not None:
                gauge.observe((destination,), callback)
