"""OpenTelemetry's metric and span of a remote procedure call that this process answers."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, StatusCode

from .aggregation import DURATION_BOUNDARIES, Histogram
from .bounds import OTHER
from .diagnostics import guarded
from .memory import Labels
from .second_spans import follow, follow_again
from .tracing import SCOPE_NAME, record_error

# The codes that gRPC's conventions call a server's failure; the others are its answers, or the client's own doing.
FAILURES: Final = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


def _failed_beside(labels: Labels) -> Labels:
    return (*labels[:2], "UNKNOWN", "UNKNOWN")


class RpcServerMetrics:
    """Count calls: how long they took, and with which code they ended."""

    def __init__(self, thresholds: Iterable[float] = ()) -> None:
        self.duration = Histogram(
            "rpc.server.call.duration",
            "Measures the duration of an incoming Remote Procedure Call (RPC).",
            ("rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type"),
            boundaries=(*DURATION_BOUNDARIES, *thresholds),
            zero_beside=_failed_beside,
        )

    def end(self, system: str, method: str, code: str, seconds: float) -> None:
        """Count a call that ended with *code* after *seconds*."""
        if code in FAILURES:
            self.duration.record_failure((system, method, code, code), seconds)
        else:
            self.duration.record((system, method, code, ""), seconds)


class RpcCall:
    """Follow one call from its headers to its code."""

    def __init__(self, metrics: RpcServerMetrics, system: str, method: str, headers: Mapping[str, str]) -> None:
        self._metrics = metrics
        self._system = system
        self._method = method
        self._ended = False
        self._started = perf_counter()
        self._span, self.context = _begin_span(system, method, headers) or (trace.INVALID_SPAN, Context())

    def end(self, code: str, error: BaseException | None = None) -> None:
        """Count the call, once; never raises."""
        if not self._ended:
            self._ended = True
            self._count(code, error)

    @guarded("count a call")
    def _count(self, code: str, error: BaseException | None) -> None:
        self._metrics.end(self._system, self._method, code, perf_counter() - self._started)
        span = self._span
        try:
            if span.is_recording():
                span.set_attribute("rpc.response.status_code", code)
                if code in FAILURES:
                    span.set_attribute("error.type", code)
                    span.set_status(StatusCode.ERROR)
                if error is not None:
                    record_error(span, error)
        finally:
            span.end()


class current:  # noqa: N801 - reads as the words that it is: with current(call.context)
    """Make a call's trace the current one, where its handler runs."""

    __slots__ = ("_before", "_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = attach(self._context)
        self._before = follow(trace.get_current_span(self._context))

    def __exit__(self, *_: Any) -> None:
        follow_again(self._before)
        detach(self._token)


@guarded("trace a call")
def _begin_span(system: str, method: str, headers: Mapping[str, str]) -> tuple[Span, Context]:
    parent = propagate.extract(headers)
    name = system if method == OTHER else method
    attributes = {"rpc.system.name": system, "rpc.method": method}
    span = trace.get_tracer(SCOPE_NAME).start_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes)
    return span, trace.set_span_in_context(span, parent)
