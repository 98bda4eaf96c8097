"""Who traces a request that Seawall traces: its spans stand aside for the one that is there."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, ProxyTracer, Span, SpanKind, Tracer, get_current_span, use_span

from .tracing import SCOPE_NAME


class _Aside(NonRecordingSpan):
    """Stands for Seawall's span, whose context it has: what is begun in it is that one's child."""


class SecondTracer(Tracer):
    """Make the spans of *tracer*, except of requests that have their SERVER span already, and of parts of these."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)

    def start_span(self, name: str, context: Context | None = None, *others: Any, **named: Any) -> Span:
        """Begin a span, or return what stands for the one that is there."""
        parent = get_current_span(context)
        if _is_seen(parent):
            return _Aside(parent.get_span_context())
        return self._tracer.start_span(name, context, *others, **named)

    def start_as_current_span(self, name: str, context: Context | None = None, *others: Any, **named: Any) -> Any:
        """Begin a span that is current until the end of the block, or do nothing in it."""
        parent = get_current_span(context)
        if _is_seen(parent):
            return use_span(_Aside(parent.get_span_context()))
        return self._tracer.start_as_current_span(name, context, *others, **named)


def is_second(tracer: Any) -> bool:
    """Whether the spans of *tracer* stand aside."""
    # What asked for it before there was a provider has a stand-in.
    return isinstance(tracer._tracer if isinstance(tracer, ProxyTracer) else tracer, SecondTracer)


def _is_seen(parent: Span) -> bool:
    return isinstance(parent, _Aside) or _is_seawalls(parent)


def _is_seawalls(span: Any) -> bool:
    scope = getattr(span, "instrumentation_scope", None)
    return getattr(scope, "name", "") == SCOPE_NAME and getattr(span, "kind", None) is SpanKind.SERVER
