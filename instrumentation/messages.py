"""A worker's two words: ``process_message`` and ``observe_queue``, on the metrics of this process."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ContextDecorator
from types import TracebackType
from typing import Any

from opentelemetry.trace import Span

from .start import worker_metrics


class process_message(ContextDecorator):  # noqa: N801 - reads as the verb that it is, with ``with`` and as a decorator
    """Count and trace the processing of one message: a context manager, and a decorator of plain functions.

    *operation* and *destination* become labels: names that stand in the code, never ids. *system* is
    OpenTelemetry's ``messaging.system`` (``rabbitmq``, ``kafka``, …); *headers* carry the producer's trace on.
    An exception counts as a failure under its class, and passes on.
    """

    def __init__(
        self, operation: str, *, destination: str, system: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._operation = operation
        self._destination = destination
        self._system = system
        self._headers = headers
        self._entered: AbstractContextManager[Span] | None = None

    def _recreate_cm(self) -> "process_message":
        # A decorated function runs many times, and at once in many threads: each call is a context of its own.
        return process_message(
            self._operation, destination=self._destination, system=self._system, headers=self._headers
        )

    def __enter__(self) -> Span:
        self._entered = worker_metrics().process_message(
            self._operation, destination=self._destination, system=self._system, headers=self._headers
        )
        return self._entered.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        assert self._entered is not None
        return self._entered.__exit__(kind, error, traceback)


def observe_queue(destination: str, **callbacks: Callable[[], float]) -> None:
    """Expose the state of the queue *destination*: ``messages``, ``oldest_age`` (seconds), ``slots``, ``slots_busy``.

    Each is asked at each scrape. Raises TypeError for a name that is none of these.
    """
    worker_metrics().observe_queue(destination, **callbacks)
