"""Headers of calls onwards: written as OpenTelemetry's own propagators would."""

from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from seawall.instrumentation.propagation import is_usual, usual_headers


class Own(TextMapPropagator):
    """A propagator of somebody else's."""

    fields = {"x-trace"}  # noqa: RUF012 - as the interface has it

    def extract(self, *_: Any, **__: Any) -> Context:
        """Read nothing."""
        return Context()

    def inject(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


@dataclass
class Equal(Own):
    """One that is equal to others like it, and so has no hash."""


class Derived(TraceContextTextMapPropagator):
    """What it does beyond its base nobody knows."""


@pytest.mark.parametrize(
    ("textmap", "usual"),
    [
        (propagate.get_global_textmap(), True),
        (TraceContextTextMapPropagator(), True),
        (CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]), True),
        (CompositePropagator([TraceContextTextMapPropagator(), Own()]), False),
        (CompositePropagator([W3CBaggagePropagator()]), False),
        (CompositePropagator([]), False),
        (Derived(), False),
        (Own(), False),
        (Equal(), False),
    ],
)
def test_only_w3cs_propagators_are_known(textmap: TextMapPropagator, usual: bool) -> None:
    """Whoever sets others is asked each time."""
    assert usual == is_usual(textmap)


@pytest.mark.parametrize("flags", [0, 1, 2, 3])
@pytest.mark.parametrize("trace", [1, 2**128 - 1, 0x0AF7651916CD43DD8448EB211C80319C])
def test_the_header_is_what_the_propagator_writes(trace: int, flags: int) -> None:
    """To the character."""
    ids = SpanContext(trace, 2**63 + 5, is_remote=False, trace_flags=TraceFlags(flags))
    current = set_span_in_context(NonRecordingSpan(ids), Context())
    written: dict[str, str] = {}
    propagate.inject(written, current)

    assert written == usual_headers(propagate.get_global_textmap(), ids, current)


def test_what_is_more_than_a_trace_is_left_to_the_propagator() -> None:
    """Baggage, and the state of other makers' tracing."""
    ids = SpanContext(1, 1, is_remote=False)
    state = SpanContext(1, 1, is_remote=False, trace_state=TraceState([("shop", "1")]))
    textmap, empty = propagate.get_global_textmap(), Context()

    assert usual_headers(textmap, ids, baggage.set_baggage("shop", "7", empty)) is None
    assert usual_headers(textmap, state, empty) is None
    assert usual_headers(Own(), ids, empty) is None
