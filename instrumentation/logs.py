"""Trace ids in the standard library's log records."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

from .wrapping import is_ours, ours, replace

_FIELDS: Final = ("trace_id", "span_id")


def add_trace_ids() -> None:
    """Give every log record ``trace_id`` and ``span_id``, empty outside of a trace; a factory that is set goes on."""
    factory = logging.getLogRecordFactory()
    if not is_ours(factory):
        logging.setLogRecordFactory(ours(_with_trace_ids(factory)))
    replace(logging.Logger, "makeRecord", _allowing_own_ids(logging.Logger.makeRecord))


def _with_trace_ids(factory: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def record_with_trace_ids(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        context = get_current_span().get_span_context()
        valid = context.is_valid
        fields = record.__dict__  # the application's own factory may have set them already
        fields.setdefault("trace_id", format_trace_id(context.trace_id) if valid else "")
        fields.setdefault("span_id", format_span_id(context.span_id) if valid else "")
        return record

    return record_with_trace_ids


def _allowing_own_ids(make_record: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Let an application pass its own ``extra={"trace_id": …}``: logging raises where a field is there already."""

    @wraps(make_record)
    def make(
        self: logging.Logger,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        own = {field: extra[field] for field in _FIELDS if field in extra} if extra else None
        if own and extra:
            extra = {key: value for key, value in extra.items() if key not in own}
        record = make_record(self, name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        if own:
            record.__dict__.update(own)
        return record

    return make
