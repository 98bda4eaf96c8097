"""One JSON object a line, in the place of whatever format the application's log has on standard output and error."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .log_text import exception_of, extras_of, message_of, text_of
from .wrapping import wrap

_IDS: Final = ("trace_id", "span_id")
_DESCRIPTORS: Final = (1, 2)


def write_json(service: str) -> None:
    """Have every stream handler on standard output or error write JSON from now on, those to come too."""

    def around(original: Callable[..., str]) -> Callable[..., str]:
        def format_(handler: logging.Handler, record: logging.LogRecord) -> str:
            return json_line(record, service) if _is_standard(handler) else original(handler, record)

        return format_

    wrap(logging.Handler, "format", around)


def json_line(record: logging.LogRecord, service: str) -> str:
    """Return *record* as one line; never raises."""
    try:
        return json.dumps(_fields(record, service))
    except Exception as error:  # noqa: BLE001 - a record of somebody's making
        return json.dumps({"message": message_of(record), "logger": text_of(record.name), "problem": text_of(error)})


def _fields(record: logging.LogRecord, service: str) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        "level": text_of(record.levelname),
        "logger": text_of(record.name),
        "message": message_of(record),
    }
    if error := exception_of(record):
        found["exception"] = error["exception.stacktrace"]
    if record.stack_info:
        found["stack"] = text_of(record.stack_info)
    found |= {key: text_of(value) for key in _IDS if (value := getattr(record, key, ""))}
    found["service.name"] = service
    for key, value in extras_of(record):
        found[f"extra.{key}" if key in found else key] = value
    return found


def _is_standard(handler: logging.Handler) -> bool:
    if not isinstance(handler, logging.StreamHandler):
        return False
    stream = handler.stream
    if stream is sys.stderr or stream is sys.stdout:
        return True
    try:
        return stream.fileno() in _DESCRIPTORS
    except Exception:  # noqa: BLE001 - no file at all, or one that is closed
        return False
