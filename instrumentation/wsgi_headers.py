"""What the headers of a WSGI response tell of its body; whatever stands in them, nothing raises."""

from typing import Any, Final

from .diagnostics import described, say_once
from .http_server import is_length

_ENCODING: Final = "content-encoding"
_SEQUENCES: Final = (list, tuple)  # what can be read once is the server's to read
_KEPT: Final = 500
_LONGEST: Final = 1000
# Responses have their headers in few combinations of names: where the encoding stands in one, or -1, is one look-up.
_places: Final[dict[tuple[str, ...], int]] = {}


def encoding_of(headers: Any) -> str:
    """Return the content encoding as *headers* say it, "" for none."""
    try:
        if not headers or not isinstance(headers, _SEQUENCES):
            return ""
        names = next(zip(*headers, strict=False))
        place = _places.get(names)
        if place is None:
            place = _find(names)
        return "" if place < 0 else headers[place][1]
    except Exception as problem:  # noqa: BLE001 - the server judges the application's headers
        say_once(f"Seawall could not read the headers of a response: {described(problem)}")
        return ""


def _find(names: tuple[str, ...]) -> int:
    lower = [name.lower() for name in names]
    place = lower.index(_ENCODING) if _ENCODING in lower else -1
    if len(_places) < _KEPT and sum(map(len, names)) <= _LONGEST:
        _places[names] = place
    return place


def is_event_stream(headers: Any) -> bool:
    """Whether a response with *headers* is server-sent events."""
    return _value(headers, "content-type").lower().startswith("text/event-stream")


def content_length(headers: Any) -> int:
    """Return the length that *headers* tell of the body, 0 for none."""
    return length(_value(headers, "content-length"))


def length(said: Any) -> int:
    """Return the number of bytes that was *said*, 0 where it cannot be true."""
    return int(said) if isinstance(said, str) and is_length(said) else 0


def _value(headers: Any, wanted: str) -> str:
    found = ""
    try:
        for name, value in headers if isinstance(headers, _SEQUENCES) else ():
            if name.lower() == wanted:
                found = value + ""
    except Exception as problem:  # noqa: BLE001 - the server judges the application's headers
        say_once(f"Seawall could not read the headers of a response: {described(problem)}")
    return found
