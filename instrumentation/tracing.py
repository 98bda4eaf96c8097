"""One SERVER span a request, and the trace's context around it."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
from opentelemetry.trace.propagation import _SPAN_KEY

from .bounds import OTHER
from .diagnostics import described, say_once
from .http_server import METHODS, SERVER_ERROR
from .log_text import LONGEST, error_attributes
from .propagation import BAGGAGE, is_usual
from .sampling import HALF, Roots, Unrecorded

SCOPE_NAME: Final = "seawall"
_BAGGAGE: Final = BAGGAGE.encode()
_WSGI_BAGGAGE: Final = f"HTTP_{BAGGAGE.upper()}"

# The variable behind OpenTelemetry's context, where it is one: two calls less for each request at either end.
_variable: Final = getattr(contexts._RUNTIME_CONTEXT, "_current_context", None)
_holder: Final[Any] = _variable if isinstance(_variable, ContextVar) else None
attach: Final[Callable[[Context], Any]] = _holder.set if _holder else contexts.attach
now: Final[Callable[[], Context]] = _holder.get if _holder else contexts.get_current
_reset: Final[Callable[[Any], None]] = _holder.reset if _holder else contexts.detach


def detach(token: Any) -> None:
    """Put the context back to what it was before *token* was made."""
    try:  # noqa: SIM105 - costs less
        _reset(token)
    except ValueError:  # a coroutine that is closed from elsewhere ends in another context than it began in
        pass


Headers = Iterable[tuple[bytes, bytes]]


global_textmap: Final = propagate.get_global_textmap


class _UnknownProcessors:
    _span_processors: Final = (None,)


_UNKNOWN_PROCESSORS: Final = _UnknownProcessors()


class _AsgiHeaders(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        wanted = key.lower().encode("latin-1")
        return [value.decode("latin-1") for name, value in carrier if name == wanted] or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


class _WsgiHeaders(Getter[Mapping[str, Any]]):
    def get(self, carrier: Mapping[str, Any], key: str) -> list[str] | None:
        value = carrier.get(wsgi_name(key))
        return [value] if isinstance(value, str) else None

    def keys(self, carrier: Mapping[str, Any]) -> list[str]:
        return [name[5:].replace("_", "-").lower() for name in carrier if name.startswith("HTTP_")]


def wsgi_name(header: str) -> str:
    """Return the environ's key of *header*."""
    return f"HTTP_{header.upper().replace('-', '_')}"


def record_error(span: Span, error: BaseException) -> None:
    """Record *error* in *span*, whatever its own words are: they may raise, or be longer than anybody reads."""
    try:
        if len(str(error)) <= LONGEST:
            span.record_exception(error)
            return
    except Exception:  # noqa: BLE001, S110 - what can be told is told below
        pass
    span.add_event("exception", error_attributes(error))


class ServerSpan:
    """A request's span, which is recorded."""

    __slots__ = ("_method", "_span")

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method

    @property
    def sampled(self) -> tuple[int, int] | None:
        """The ids of the trace and the span, where they are kept."""
        context = self._span.get_span_context()
        return (context.trace_id, context.span_id) if context.trace_flags.sampled else None

    def end(self, route: str, status: int, failure: str, error: BaseException | None) -> None:
        """End the span under the name of its *route*; *failure* is the class of the *error*, if any."""
        span = self._span
        try:
            if route:
                span.update_name(f"{self._method} {route}")
                span.set_attribute("http.route", route)
            if status:
                span.set_attribute("http.response.status_code", status)
            if failure or status >= SERVER_ERROR:
                span.set_attribute("error.type", failure or str(status))
                span.set_status(StatusCode.ERROR)
            if error is not None:
                record_error(span, error)
        finally:
            span.end()


# The span of a request where it is recorded, and what puts the context back that was before it.
Begun = tuple[ServerSpan | None, Any]
_NOTHING: Final[Begun] = (None, None)


class ServerTracer:
    """Begin the trace of each request, or carry its caller's on, as the *provider* decides."""

    def __init__(self, provider: TracerProvider) -> None:
        self._roots = Roots(provider)
        self._undrawn = self._roots.undrawn
        self._tracer = provider.get_tracer(SCOPE_NAME)
        self._root_tracer = self._roots.tracer(self._tracer)
        # A span that nobody processes is not worth making; a provider of another make is taken at its word.
        processors: Any = getattr(provider, "_active_span_processor", None)
        self._processors: Any = processors if hasattr(processors, "_span_processors") else _UNKNOWN_PROCESSORS
        self._follow(propagate.get_global_textmap())

    def _follow(self, textmap: TextMapPropagator) -> None:
        """Know what *textmap* reads."""
        fields = textmap.fields
        self._header_names = frozenset(field.lower().encode("latin-1") for field in fields)
        self._wsgi_names = tuple(wsgi_name(field) for field in fields)
        self._is_usual = is_usual(textmap)
        self._textmap = textmap

    def begin_asgi(self, scope: MutableMapping[str, Any]) -> Begun:
        """Begin the trace of an ASGI request; nothing, and one log line, where a propagator or a sampler raises."""
        try:
            if (textmap := global_textmap()) is not self._textmap:  # the application set its own since
                self._follow(textmap)
            names = self._header_names
            headers: list[tuple[bytes, bytes]] = scope.get("headers") or []
            parent = None
            for name, _ in headers:
                if name in names:
                    carried = partial(propagate.extract, headers, getter=_ASGI_HEADERS)
                    if self._may_wait() and not any(name == _BAGGAGE for name, _ in headers):
                        return self._unread(carried)
                    parent = carried()
                    break
            return self._unrecorded(parent) or self._begin(_asgi_attributes(scope), parent)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            return _say(problem)

    def begin_wsgi(self, environ: Mapping[str, Any]) -> Begun:
        """Begin the trace of a WSGI request; nothing, and one log line, where a propagator or a sampler raises."""
        try:
            if (textmap := global_textmap()) is not self._textmap:
                self._follow(textmap)
            parent = None
            if not environ.keys().isdisjoint(self._wsgi_names):
                # Not the environ itself, which who asks late would keep.
                sent = {each: environ[each] for each in self._wsgi_names if each in environ}
                carried = partial(propagate.extract, sent, getter=_WSGI_HEADERS)
                if self._may_wait() and _WSGI_BAGGAGE not in sent:
                    return self._unread(carried)
                parent = carried()
            elif not self._processors._span_processors and not now():
                return None, attach(Context({_SPAN_KEY: self._undrawn()}))
            return self._unrecorded(parent) or self._begin(_wsgi_attributes(environ), parent)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            return _say(problem)

    def _may_wait(self) -> bool:
        """Whether a caller's trace can be read when somebody asks for it, and baggage alone cannot."""
        return self._is_usual and not self._processors._span_processors and not now()

    def _unread(self, carried: Callable[[], Context]) -> Begun:
        span = Unrecorded(self._roots, self._roots.draw(HALF), carried)
        return None, attach(Context({_SPAN_KEY: span}))

    def _unrecorded(self, parent: Context | None) -> Begun | None:
        """Let log lines and calls onwards belong together; None where the request is to be recorded."""
        bound, current = self._roots.bound, now()
        if parent is None and not current:
            lower = self._roots.draw(HALF)
            if (bound is not None and lower >= bound) or not self._processors._span_processors:
                return None, attach(Context({_SPAN_KEY: Unrecorded(self._roots, lower)}))
        elif parent is not None and self._roots.follows(parent):
            return None, attach(parent)
        elif not self._processors._span_processors:
            context = current if parent is None else parent
            if not trace.get_current_span(context).get_span_context().is_valid:
                context = trace.set_span_in_context(Unrecorded(self._roots, self._roots.draw(HALF)), context)
            return None, attach(context)
        return None

    def _begin(self, attributes: dict[str, Any], parent: Context | None) -> Begun:
        method = attributes["http.request.method"]
        if method not in METHODS:
            attributes["http.request.method"] = OTHER
            attributes["http.request.method_original"] = method
            method = "HTTP"
        tracer = self._root_tracer if parent is None and not now() else self._tracer
        span = tracer.start_span(method, context=parent, kind=SpanKind.SERVER, attributes=attributes)
        token = attach(trace.set_span_in_context(span, parent))
        return ServerSpan(span, method) if span.is_recording() else None, token


def _asgi_attributes(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    attributes = {
        "http.request.method": scope.get("method", ""),
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope.get("path", ""),
    }
    if client := scope.get("client"):
        attributes["client.address"] = client[0]
    if version := scope.get("http_version"):
        attributes["network.protocol.version"] = version
    return attributes


def _wsgi_attributes(environ: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {
        "http.request.method": environ.get("REQUEST_METHOD", ""),
        "url.scheme": environ.get("wsgi.url_scheme", "http"),
        "url.path": environ.get("PATH_INFO", ""),
    }
    if client := environ.get("REMOTE_ADDR"):
        attributes["client.address"] = client
    if protocol := environ.get("SERVER_PROTOCOL"):
        attributes["network.protocol.version"] = protocol[5:]
    return attributes


def _say(problem: Exception) -> Begun:
    say_once(f"Seawall could not trace a request: {described(problem)}")
    return _NOTHING


_ASGI_HEADERS: Final = _AsgiHeaders()
_WSGI_HEADERS: Final = _WsgiHeaders()
