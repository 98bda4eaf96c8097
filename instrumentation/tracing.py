"""One SERVER span a request, and the trace's context around it."""

from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import Token
from random import Random
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, TracerProvider

from .diagnostics import guarded
from .http_server import METHODS, OTHER, SERVER_ERROR

SCOPE_NAME: Final = "seawall"
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_DROPPED: Final = TraceFlags(TraceFlags.DEFAULT)

Headers = Iterable[tuple[bytes, bytes]]


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


class ServerSpan:
    """Hold a request's span and the context that it is current in."""

    __slots__ = ("_method", "_span", "_token")

    def __init__(self, span: Span, method: str, token: Token[Context]) -> None:
        self._span = span
        self._method = method
        self._token: Token[Context] | None = token

    @property
    def sampled(self) -> tuple[int, int] | None:
        """The ids of the trace and the span, where they are kept."""
        context = self._span.get_span_context()
        return (
            (context.trace_id, context.span_id) if self._span.is_recording() and context.trace_flags.sampled else None
        )

    def end(self, route: str, status: int, failure: str, error: BaseException | None) -> None:
        """End the span under the name of its *route*; *failure* is the class of the *error*, if any."""
        span = self._span
        if span.is_recording():
            if route:
                span.update_name(f"{self._method} {route}")
                span.set_attribute("http.route", route)
            if status:
                span.set_attribute("http.response.status_code", status)
            if failure or status >= SERVER_ERROR:
                span.set_attribute("error.type", failure or str(status))
                span.set_status(StatusCode.ERROR)
            if error is not None:
                span.record_exception(error)
            span.end()

    def detach(self) -> None:
        """Put the context back to what it was before the request."""
        token, self._token = self._token, None
        if token is not None:
            detach(token)


class ServerTracer:
    """Begin the span of each request, from the provider that is set when it comes in."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SCOPE_NAME)
        fields = propagate.get_global_textmap().fields
        self._header_names = frozenset(field.lower().encode("latin-1") for field in fields)
        self._wsgi_names = tuple(wsgi_name(field) for field in fields)
        self._random = Random()  # noqa: S311 - trace ids are no secrets

    @guarded("trace a request")
    def begin_asgi(self, scope: MutableMapping[str, Any]) -> ServerSpan:
        """Begin the span of an ASGI request; None, and one log line, where a propagator or a sampler raises."""
        names = self._header_names
        headers: list[tuple[bytes, bytes]] = scope.get("headers") or []
        parent = None
        for name, _ in headers:
            if name in names:
                parent = propagate.extract(headers, getter=_ASGI_HEADERS)
                break
        method = scope.get("method", "")
        if not self._exports():
            return self._correlate(method, parent)
        attributes = self._attributes(method, scope.get("scheme", "http"), scope.get("path", ""))
        if client := scope.get("client"):
            attributes["client.address"] = client[0]
        if version := scope.get("http_version"):
            attributes["network.protocol.version"] = version
        return self._begin(attributes, parent)

    @guarded("trace a request")
    def begin_wsgi(self, environ: Mapping[str, Any]) -> ServerSpan:
        """Begin the span of a WSGI request; None, and one log line, where a propagator or a sampler raises."""
        parent = None
        for name in self._wsgi_names:
            if name in environ:
                parent = propagate.extract(environ, getter=_WSGI_HEADERS)
                break
        method = environ.get("REQUEST_METHOD", "")
        if not self._exports():
            return self._correlate(method, parent)
        attributes = self._attributes(method, environ.get("wsgi.url_scheme", "http"), environ.get("PATH_INFO", ""))
        if client := environ.get("REMOTE_ADDR"):
            attributes["client.address"] = client
        if protocol := environ.get("SERVER_PROTOCOL"):
            attributes["network.protocol.version"] = protocol[5:]
        return self._begin(attributes, parent)

    def _exports(self) -> bool:
        # A span that nobody processes is not worth making; a provider of another make is taken at its word.
        processor = getattr(self._provider, "_active_span_processor", None)
        return getattr(processor, "_span_processors", True) != ()

    def _attributes(self, method: str, scheme: str, path: str) -> dict[str, Any]:
        attributes = {"http.request.method": method, "url.scheme": scheme, "url.path": path}
        if method not in METHODS:
            attributes["http.request.method"] = OTHER
            attributes["http.request.method_original"] = method
        return attributes

    def _begin(self, attributes: dict[str, Any], parent: Context | None) -> ServerSpan:
        method = attributes["http.request.method"]
        name = "HTTP" if method == OTHER else method
        span = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes)
        return ServerSpan(span, name, attach(trace.set_span_in_context(span, parent)))

    def _correlate(self, method: str, parent: Context | None) -> ServerSpan:
        """Carry the caller's trace on, or begin one, so that log lines and calls onwards belong together."""
        if parent is not None and trace.get_current_span(parent).get_span_context().is_valid:
            return ServerSpan(trace.INVALID_SPAN, method, attach(parent))
        trace_id = self._random.getrandbits(128) or 1
        flags = _SAMPLED if self._samples(trace_id) else _DROPPED
        context = SpanContext(trace_id, self._random.getrandbits(64) or 1, is_remote=False, trace_flags=flags)
        return ServerSpan(
            trace.INVALID_SPAN, method, attach(trace.set_span_in_context(NonRecordingSpan(context), parent))
        )

    def _samples(self, trace_id: int) -> bool:
        sampler = getattr(self._provider, "sampler", None)
        return sampler is None or bool(sampler.should_sample(None, trace_id, "HTTP").decision.is_sampled())


_ASGI_HEADERS: Final = _AsgiHeaders()
_WSGI_HEADERS: Final = _WsgiHeaders()
