"""What a log record says, as plain values: whatever stands in it, nothing here raises."""

import logging
import traceback
from collections.abc import Iterator
from math import isfinite
from types import TracebackType
from typing import Any, Final

LONGEST: Final = 65_536  # characters; one record must not cost the others their place in a request
_MOST: Final = 128  # items of a list or a mapping
_MOST_EXTRAS: Final = 100  # the SDK keeps 128 attributes, and warns of more
_DEEPEST: Final = 4
_BITS: Final = 63
# What every record has, and uvicorn's message once more with escape sequences.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "color_message",
    "message",
    "span_id",
    "taskName",
    "trace_id",
}


def text_of(value: object) -> str:
    """Return *value* as text that UTF-8 can hold, cut where nobody reads on."""
    try:
        text = value if type(value) is str else str(value)
        return text[:LONGEST].encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - a __str__ of somebody's
        return f"<{type(value).__name__} that cannot be shown>"


def message_of(record: logging.LogRecord) -> str:
    """Return the message with its arguments, or both as they are where they do not fit."""
    try:
        return text_of(record.getMessage())
    except Exception:  # noqa: BLE001 - too few arguments, a __str__ of somebody's
        return f"{text_of(record.msg)} {text_of(record.args or '')}".rstrip()


def exception_of(record: logging.LogRecord) -> dict[str, str]:
    """Return OpenTelemetry's attributes of the record's exception; none where it has none."""
    found = record.exc_info
    if not isinstance(found, tuple) or len(found) < 2 or not isinstance(found[1], BaseException):
        return {}
    return error_attributes(found[1], found[-1])


def error_attributes(error: BaseException, trace: TracebackType | None = None) -> dict[str, str]:
    """Return the class, the message and the traceback of *error*, which is *trace* or its own."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        lines = "".join(traceback.format_exception(kind, error, trace or error.__traceback__))
    except Exception:  # noqa: BLE001 - an exception's own __str__ or __cause__
        lines = name
    return {
        "exception.type": name,
        "exception.message": text_of(error),
        "exception.stacktrace": text_of(lines.rstrip("\n")),
    }


def extras_of(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Return what the application added to the record, as plain values."""
    added = [(key, value) for key, value in vars(record).items() if key and key not in _OWN]
    for key, value in added[:_MOST_EXTRAS]:
        yield text_of(key), plain(value)


def plain(value: Any, depth: int = 0) -> Any:
    """Return *value* as JSON has it: text, numbers, lists and mappings; everything else becomes text."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int and value.bit_length() <= _BITS:
        return value
    if kind is float and isfinite(value):
        return value
    if depth < _DEEPEST and kind in (list, tuple, set, frozenset):
        return [plain(each, depth + 1) for each in list(value)[:_MOST]]
    if depth < _DEEPEST and kind is dict:
        return {text_of(key): plain(each, depth + 1) for key, each in list(value.items())[:_MOST]}
    return text_of(value)
