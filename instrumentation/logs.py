"""Trace ids in the standard library's log records."""

import logging
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

_MARK: Final = "__seawall__"


def add_trace_ids() -> None:
    """Give every log record ``trace_id`` and ``span_id``, empty outside of a trace; a factory that is set goes on."""
    factory = logging.getLogRecordFactory()
    if not hasattr(factory, _MARK):
        logging.setLogRecordFactory(_with_trace_ids(factory))


def _with_trace_ids(factory: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def record_with_trace_ids(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        context = get_current_span().get_span_context()
        valid = context.is_valid
        record.trace_id = format_trace_id(context.trace_id) if valid else ""
        record.span_id = format_span_id(context.span_id) if valid else ""
        return record

    setattr(record_with_trace_ids, _MARK, True)
    return record_with_trace_ids
