"""What every library's hook asks before a call: whether it counts, and which trace it carries on."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry import propagate
from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.propagation import usual_headers

# What suppress_instrumentation() and suppress_http_instrumentation() of opentelemetry.instrumentation.utils set.
_SUPPRESSED: Final = (otel._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation")
_HTTP_SUPPRESSED: Final = (*_SUPPRESSED, otel._SUPPRESS_HTTP_INSTRUMENTATION_KEY)
_NOTHING: Final[Mapping[str, str]] = {}


def is_suppressed() -> bool:
    """Whether the calls of here are nobody's to see: an exporter's own."""
    current = get_current()
    return bool(current) and any(map(current.get, _SUPPRESSED))


def is_http_suppressed() -> bool:
    """Whether the HTTP requests of here are nobody's to see."""
    current = get_current()
    return bool(current) and any(map(current.get, _HTTP_SUPPRESSED))


@guarded("carry a trace on")
def trace_headers() -> Mapping[str, str]:
    """Return the headers that carry the current trace on; none where there is no trace."""
    current = get_current()
    ids = get_current_span(current).get_span_context() if current else None
    if ids is None or not ids.is_valid:
        return _NOTHING
    headers = usual_headers(propagate.get_global_textmap(), ids, current)
    if headers is None:
        headers = {}
        propagate.inject(headers, current)
    return headers


@guarded("carry a trace on")
def add_trace(headers: Any) -> tuple[str, ...]:
    """Put the current trace into *headers*, which ignore case, unless they carry one already; return what was added."""
    carried = trace_headers()
    if not carried or any(name in headers for name in carried):
        return ()
    for name, value in carried.items():  # some libraries' update() costs more than all else here
        headers[name] = value
    return tuple(carried)


@guarded("carry a trace on")
def remove_trace(headers: Any, added: Iterable[str] | None) -> None:
    """Take out of *headers* what was *added*: a request that is sent again is another trace's."""
    for name in added or ():
        headers.pop(name, None)
