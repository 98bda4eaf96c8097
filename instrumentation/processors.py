"""What OpenTelemetry's providers hand their spans and log records to: the queues before the exporters."""

from copy import copy
from typing import Final

from opentelemetry import _logs
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from .export_queue import ExportQueue

EXIT_SECONDS: Final = 1.0  # what an end may take, whatever the collector does
_FLUSH: Final = 30_000  # milliseconds, as the SDK has it


class QueuedSpans(SpanProcessor):
    """Queue the spans that are sampled."""

    def __init__(self, queue: ExportQueue) -> None:
        self._queue = queue

    def on_end(self, span: ReadableSpan) -> None:
        """Queue *span*."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self._queue.put(span)

    def shutdown(self) -> None:
        """Export what is left, as the application asked."""
        _shut_down(self._queue)

    def force_flush(self, timeout_millis: int = _FLUSH) -> bool:
        """Export what waits."""
        return self._queue.request().wait((_FLUSH if timeout_millis is None else timeout_millis) / 1000)


class QueuedLogs(LogRecordProcessor):
    """Queue every log record."""

    def __init__(self, queue: ExportQueue) -> None:
        self._queue = queue

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue *log_record*, without its context, which may hold what is large."""
        record = copy(log_record.log_record)
        record.context = Context()
        resource = log_record.resource or Resource.get_empty()
        self._queue.put(ReadableLogRecord(record, resource, log_record.instrumentation_scope, log_record.limits))

    def shutdown(self) -> None:
        """Export what is left, as the application asked."""
        _shut_down(self._queue)

    def force_flush(self, timeout_millis: int = _FLUSH) -> bool:
        """Export what waits."""
        return self._queue.request().wait(timeout_millis / 1000)


def logger_provider(resource: Resource, queue: ExportQueue) -> _logs.LoggerProvider:
    """Return the provider of log records that the application has set, or set one whose records *queue* takes."""
    found = _logs.get_logger_provider()
    if not isinstance(found, ProxyLoggerProvider):
        return found
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(QueuedLogs(queue))
    _logs.set_logger_provider(provider)
    return provider


def _shut_down(queue: ExportQueue) -> None:
    queue.stop(ends=False)
    queue.join(EXIT_SECONDS)
