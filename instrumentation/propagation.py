"""OpenTelemetry's usual propagators: of W3C's trace context and baggage is known what they read and write."""

from functools import lru_cache
from typing import Final

from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

BAGGAGE: Final = "baggage"
_USUAL: Final = {TraceContextTextMapPropagator, W3CBaggagePropagator}
_MAY_BE: Final = {CompositePropagator, *_USUAL}


def is_usual(textmap: TextMapPropagator) -> bool:
    """Whether *textmap* carries a trace as W3C has it, and nothing beside but baggage."""
    return type(textmap) in _MAY_BE and _is_usual(textmap)  # one of another make may have no hash


@lru_cache(maxsize=4)
def _is_usual(textmap: TextMapPropagator) -> bool:
    parts = {type(part) for part in textmap._propagators} if type(textmap) is CompositePropagator else {type(textmap)}
    return TraceContextTextMapPropagator in parts and parts <= _USUAL


def usual_headers(textmap: TextMapPropagator, ids: SpanContext, current: Context) -> dict[str, str] | None:
    """Return what *textmap* writes of *ids* in *current*; None where it has to be asked."""
    if ids.trace_state or _BAGGAGE_KEY in current or not is_usual(textmap):
        return None
    return {"traceparent": f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"}
