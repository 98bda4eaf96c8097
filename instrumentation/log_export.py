"""The standard library's log records, handed to OpenTelemetry: each once, with the trace of its moment.

A handler of the root logger's would miss what loggers that do not propagate say (uvicorn's), and end with the
application's first ``dictConfig``. Every record that a logger takes goes through ``Logger.callHandlers``; what its
level, a filter or ``disabled`` keeps back does not come there.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from functools import wraps
from json import dumps
from time import time_ns
from typing import Any, Final
from weakref import WeakSet

from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from .diagnostics import guarded
from .log_text import exception_of, extras_of, message_of, text_of
from .wrapping import replace

_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # what OpenTelemetry calls them
_STEP: Final = 10  # from one of logging's levels to the next
_MOST_LOGGERS: Final = 1000
_HANDLER: Final = "LoggingHandler"  # the SDK's, and that of contrib


class LogExport:
    """Emit each record that a logger handles by *provider*."""

    def __init__(self, provider: LoggerProvider) -> None:
        self._provider = provider
        self._loggers: dict[str, Logger] = {}
        self._emitted: WeakSet[logging.LogRecord] = WeakSet()

    def hook(self) -> None:
        """Emit from now on, after the application's own handlers: what a filter of theirs masked stays masked."""
        original = logging.Logger.callHandlers

        @wraps(original)
        def callHandlers(logger: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802
            try:
                original(logger, record)
            finally:
                self.emit(logger, record)

        replace(logging.Logger, "callHandlers", callHandlers)

    @guarded("push a log record")
    def emit(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """Emit *record*, unless it is an exporter's own, or another one's hand emits it."""
        if not is_instrumentation_enabled() or record in self._emitted:
            return
        # What comes from another process was logged there.
        if record.process not in (None, os.getpid()) or _is_emitted_by_another(logger, record.levelno):
            return
        self._emitted.add(record)
        self._logger(record.name).emit(_translate(record))

    def _logger(self, name: str) -> Logger:
        found = self._loggers.get(name)
        if found is None:
            found = self._provider.get_logger(name)
            if len(self._loggers) < _MOST_LOGGERS:
                self._loggers[name] = found
        return found


def _is_emitted_by_another(logger: logging.Logger, level: int) -> bool:
    return any(level >= handler.level and _is_opentelemetrys(handler) for handler in _handlers(logger))


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Return every handler that is given the logger's records, and those behind a memory or a queue."""
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            yield handler
            behind = getattr(handler, "target", None), *getattr(getattr(handler, "listener", None), "handlers", ())
            yield from (each for each in behind if isinstance(each, logging.Handler))
        current = current.parent if current.propagate else None


def _is_opentelemetrys(handler: logging.Handler) -> bool:
    return any(
        kind.__name__ == _HANDLER and kind.__module__.startswith("opentelemetry.") for kind in type(handler).__mro__
    )


def _translate(record: logging.LogRecord) -> LogRecord:
    return LogRecord(
        timestamp=int(record.created * 1e9),
        observed_timestamp=time_ns(),
        context=get_current(),
        severity_text=_NAMES.get(record.levelname, text_of(record.levelname)),
        severity_number=severity(record.levelno),
        body=message_of(record),
        attributes=_attributes(record),
    )


def severity(level: int) -> SeverityNumber:
    """Return OpenTelemetry's number of logging's *level*: each of the five has four steps, and below DEBUG is TRACE."""
    if level <= 0:
        return SeverityNumber.UNSPECIFIED
    if level < logging.DEBUG:
        return SeverityNumber.TRACE
    major = min(level // _STEP, logging.CRITICAL // _STEP)
    return SeverityNumber(4 * major + 1 + min(level - _STEP * major, 3))


def _attributes(record: logging.LogRecord) -> Mapping[str, Any]:
    found = {key: value if _is_scalar(value) else dumps(value) for key, value in extras_of(record) if value is not None}
    found["code.file.path"] = text_of(record.pathname)
    found["code.line.number"] = record.lineno
    if record.funcName:
        found["code.function.name"] = text_of(record.funcName)
    return found | exception_of(record)


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool, int, float))
