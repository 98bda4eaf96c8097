"""Who traces a request, a call or a task that Seawall traces: its spans stand aside for the one that is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, ProxyTracer, Span, SpanKind, Tracer, get_current_span, use_span

from .tracing import SCOPE_NAME


class _Aside(NonRecordingSpan):
    """Stands for Seawall's span, whose context it has: what is begun in it is that one's child."""


class _Shared(_Aside):
    """Seawall's span in the hands of who began a second one: all that is told to it is, except that it ends."""

    def __init__(self, span: Span) -> None:
        super().__init__(span.get_span_context())
        self._span = span
        for name in _TOLD:
            setattr(self, name, getattr(span, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)

    def record_exception(self, exception: BaseException, *others: Any, **named: Any) -> None:
        """Record an exception; what a library wraps around that of a task is none, and Seawall records the task's."""
        if isinstance(exception, BaseException):
            self._span.record_exception(exception, *others, **named)


_TOLD: Final = ("set_attribute", "set_attributes", "add_event", "add_link", "set_status", "update_name", "is_recording")
# The span of the call or task that is followed here; nothing once somebody has begun the second one of it.
_followed: Final[ContextVar[tuple[Span, ...]]] = ContextVar("seawall_followed", default=())


def follow(span: Span | None) -> tuple[Span, ...]:
    """Have the next SERVER's or CONSUMER's span of a library stand aside for *span*; return what was followed."""
    before = _followed.get()
    _followed.set((span,) if span is not None and span.get_span_context().is_valid else ())
    return before


def follow_again(before: tuple[Span, ...]) -> None:
    """Follow what was followed *before*."""
    _followed.set(before)


class SecondCallTracer(Tracer):
    """Make the spans of *tracer*, except the SERVER's or CONSUMER's of a call or a task that has Seawall's already.

    Its library may have forgotten the context that Seawall set: it reads the caller's trace by itself.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)

    def start_span(
        self, name: str, context: Context | None = None, kind: SpanKind = SpanKind.INTERNAL, *others: Any, **named: Any
    ) -> Span:
        """Begin a span, or return the one that is there, which its owner ends."""
        own = _take(kind)
        return self._tracer.start_span(name, context, kind, *others, **named) if own is None else _Shared(own)

    def start_as_current_span(
        self, name: str, context: Context | None = None, kind: SpanKind = SpanKind.INTERNAL, *others: Any, **named: Any
    ) -> Any:
        """Begin a span that is current until the end of the block, or make the one that is there current in it."""
        own = _take(kind)
        if own is None:
            return self._tracer.start_as_current_span(name, context, kind, *others, **named)
        return _current(own)


@contextmanager
def _current(own: Span) -> Iterator[Span]:
    # The handler has Seawall's span itself; who began the second one tells what it sees to nobody.
    with use_span(own, record_exception=False, set_status_on_exception=False):
        yield _Aside(own.get_span_context())


def _take(kind: SpanKind) -> Span | None:
    if kind not in _ANSWERING or not (found := _followed.get()):
        return None
    _followed.set(())
    return found[0]


_ANSWERING: Final = (SpanKind.SERVER, SpanKind.CONSUMER)


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
