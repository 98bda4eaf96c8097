"""Requests that begin a trace: what becomes of them is drawn before a span, or even its ids, are made.

OpenTelemetry's usual samplers look at nothing but the lower half of the trace id. So that half is drawn first, and
where it falls among those that are not recorded, the rest of the id waits until a log line or a call onwards asks for
it: most requests have neither.
"""

from collections.abc import Callable
from copy import copy
from random import Random
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, TracerProvider, get_current_span

from .diagnostics import described, say_once
from .forks import after_fork

HALF: Final = 64  # bits
_ALL: Final = 1 << HALF
_LOWER: Final = _ALL - 1
_RANDOM: Final = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)  # newer versions tell whoever comes after


class Roots:
    """Draw the trace ids of requests that no caller's trace came with, as the provider's own sampler decides."""

    def __init__(self, provider: TracerProvider) -> None:
        self._sampler: Any = getattr(provider, "sampler", None)
        self._random = Random()  # noqa: S311 - trace ids are no secrets
        after_fork(self._random.seed)  # else every worker of a preloaded application would draw the same
        #: Draw so many bits.
        self.draw: Callable[[int], int] = self._random.getrandbits
        #: The halves below it are sampled; None where only the sampler can say.
        self.bound = _bound(self._sampler) if _draws_as_we_do(provider) else None
        #: The span of a request that nobody records: without an argument, which would cost a call of its own.
        self.undrawn: Callable[[], Unrecorded] = type("Unrecorded", (_Undrawn,), {"_roots": self})
        self._follows = getattr(self._sampler, "_remote_parent_not_sampled", None) is ALWAYS_OFF

    def tracer(self, tracer: Tracer) -> Tracer:
        """Return *tracer*, which draws only ids that are sampled: the decision has fallen when it is asked."""
        if self.bound is None or not 0 < self.bound < _ALL or not isinstance(tracer, SdkTracer):
            return tracer
        own = copy(tracer)
        own.id_generator = _BelowBound(self._random, self.bound)
        return own

    def follows(self, parent: Context) -> bool:
        """Whether a request is dropped because its caller's trace in *parent* is."""
        if not self._follows:
            return False
        caller = get_current_span(parent).get_span_context()
        return caller.is_valid and not caller.trace_flags.sampled

    def context(self, lower: int | None) -> SpanContext:
        """Return the ids of a request whose trace id has this *lower* half, or any; never raises."""
        if lower is None:
            lower = self.draw(HALF)
        trace_id = self.draw(HALF) << HALF | lower or 1
        flags = TraceFlags(_RANDOM | (TraceFlags.SAMPLED if self._samples(trace_id) else TraceFlags.DEFAULT))
        return SpanContext(trace_id, self.draw(HALF) or 1, is_remote=False, trace_flags=flags)

    def _samples(self, trace_id: int) -> bool:
        if self.bound is not None:
            return trace_id & _LOWER < self.bound
        try:
            sampler = self._sampler
            return sampler is None or bool(sampler.should_sample(None, trace_id, "HTTP").decision.is_sampled())
        except Exception as problem:  # noqa: BLE001 - a log line of the application's asks
            say_once(f"Seawall could not ask the sampler: {described(problem)}")
            return False


class Unrecorded(NonRecordingSpan):
    """The span of a request that nobody records: it has ids once it is asked for them.

    *carried* returns the context that the caller sent, if one did: where that has ids, these are the request's.
    """

    _roots: Roots
    _lower: int | None = None
    _carried: Callable[[], Context] | None = None

    def __init__(self, roots: Roots, lower: int, carried: Callable[[], Context] | None = None) -> None:
        self._roots = roots
        self._lower = lower
        self._carried = carried

    def get_span_context(self) -> SpanContext:
        """Return the ids: the same ones to whoever asks, in whatever thread."""
        own = self.__dict__
        made: SpanContext | None = own.get("_made")
        return made if made is not None else own.setdefault("_made", self._ids())

    def _ids(self) -> SpanContext:
        if self._carried is not None:
            try:
                caller = get_current_span(self._carried()).get_span_context()
                if caller.is_valid:
                    return caller
            except Exception as problem:  # noqa: BLE001 - a log line of the application's asks
                say_once(f"Seawall could not read a caller's trace: {described(problem)}")
        return self._roots.context(self._lower)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.get_span_context()!r})"


class _Undrawn(Unrecorded):
    __init__ = object.__init__


class _BelowBound(RandomIdGenerator):
    def __init__(self, random: Random, bound: int) -> None:
        self._random = random
        self._bound = bound

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(HALF) << HALF | self._random.randrange(self._bound) or 1


def _draws_as_we_do(provider: TracerProvider) -> bool:
    # Ids of another make may carry more than chance, which only their generator can put there.
    return isinstance(provider, SdkProvider) and type(provider.id_generator) is RandomIdGenerator


def _bound(sampler: Any) -> int | None:
    if type(sampler) in (ParentBased, ParentBasedTraceIdRatio):
        sampler = sampler._root
    if type(sampler) is TraceIdRatioBased:
        return sampler.bound
    return _ALL if sampler is ALWAYS_ON else 0 if sampler is ALWAYS_OFF else None
