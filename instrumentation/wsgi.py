"""The WSGI middleware: counts each HTTP request once, outermost."""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, Final

from .diagnostics import say_once
from .http_server import BROKEN_OFF, CLIENT_CLOSED_REQUEST, SERVER_ERROR, HttpServerMetrics
from .tracing import ServerTracer

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]
# Reads the matched route's template from what the framework left in the environ.
RouteOf = Callable[[Environ], str]

REQUEST_KEY: Final = "seawall.request"


class WsgiRequest:
    """Follow one request from the call to the last byte of the body."""

    __slots__ = (
        "_begun",
        "_environ",
        "_metrics",
        "_recorded",
        "_route_of",
        "_start_response",
        "_started",
        "begun",
        "encoding",
        "error",
        "events",
        "length",
        "route",
        "sent",
        "span",
        "status",
    )

    def __init__(self, metrics: HttpServerMetrics, route_of: RouteOf, environ: Environ, start: StartResponse) -> None:
        self.status = 0
        self.begun = False
        self.encoding = ""
        self.events = False
        self.length = 0
        self.sent = 0
        self.route = ""
        self.error: BaseException | None = None
        self.span: Any = None
        self._metrics = metrics
        self._route_of = route_of
        self._environ = environ
        self._start_response = start
        self._recorded = False
        self._started = perf_counter()
        self._begun = metrics.begin(environ.get("REQUEST_METHOD", ""), environ.get("wsgi.url_scheme", "http"))

    def start_response(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        """Pass on the start of the response, and notice its status."""
        answer = self._start_response(status, headers, *exc_info)
        code = str(status)[:3]
        self.status = int(code) if code.isdecimal() else 0
        self.note_headers(headers)
        self.note_route()
        return answer

    def note_headers(self, headers: list[tuple[str, str]]) -> None:
        """Read how the body is encoded and how long it is to be, of which the server sends a file by itself."""
        try:
            for name, value in headers:
                lower = name.lower()
                if lower == "content-encoding":
                    self.encoding = value
                elif lower == "content-length" and value.isdecimal():
                    self.length = int(value)
                elif lower == "content-type":
                    self.events = value.lower().startswith("text/event-stream")
        except Exception as problem:  # noqa: BLE001 - the server judges the application's headers
            say_once(f"Seawall could not read the headers of a response: {type(problem).__name__}: {problem}")

    def note_route(self) -> None:
        """Read the route while the framework still knows it: Flask forgets its request before it returns."""
        try:
            self.route = self._route_of(self._environ)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not read a route: {type(problem).__name__}: {problem}")

    def close(self, error: BaseException | None = None) -> None:
        """Count the request, once; never raises."""
        if self._recorded:
            return
        self._recorded = True
        status = self.status or SERVER_ERROR
        if error is not None:
            # Until the first chunk the server can still answer 500, and does.
            status = BROKEN_OFF if self.begun else SERVER_ERROR
        elif status >= SERVER_ERROR:
            error = self.error
        failure = "" if error is None else type(error).__qualname__
        try:
            version = self._environ.get("SERVER_PROTOCOL", "")[5:]
            seconds = perf_counter() - self._started
            length = self._environ.get("CONTENT_LENGTH") or ""
            received = int(length) if length.isdecimal() else 0
            trace = self.span.sampled if self.span is not None else None
            self._metrics.end(
                self._begun, self.route, status, failure, version, seconds, received, self.sent, self.encoding, trace
            )
            if self.span is not None:
                self.span.end(self.route, status, failure, error)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not count a request: {type(problem).__name__}: {problem}")

    def abandon(self) -> None:
        """Count a request whose client left before the last byte."""
        if not self._recorded:
            self.status = CLIENT_CLOSED_REQUEST
            self.close()


class _Body:
    """Iterate over a response's body, and notice its end."""

    __slots__ = ("_body", "_iterator", "_request")

    def __init__(self, body: Iterable[bytes], request: WsgiRequest) -> None:
        self._body = body
        self._iterator = iter(body)
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._request.close()
            raise
        except BaseException as error:
            self._request.close(error)
            raise
        self._request.begun = self._request.begun or bool(chunk)
        self._request.sent += len(chunk) if isinstance(chunk, bytes) else 0
        if self._request.events and self._request.begun:
            self._request.close()  # the length of server-sent events says nothing of the service's speed
        return chunk

    def close(self) -> None:
        self._request.abandon()
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def no_route(_: Environ) -> str:
    """Return no route: plain WSGI has none."""
    return ""


class WsgiMiddleware:
    """Count the requests of *app* in *metrics*; *route_of* reads the matched template from the environ."""

    def __init__(
        self, app: WSGIApp, metrics: HttpServerMetrics, tracer: ServerTracer | None = None, route_of: RouteOf = no_route
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.tracer = tracer
        self.route_of = route_of

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if REQUEST_KEY in environ:
            return self.app(environ, start_response)
        return observe(self.app, self.metrics, self.tracer, self.route_of, environ, start_response)


def observe(
    app: WSGIApp,
    metrics: HttpServerMetrics,
    tracer: ServerTracer | None,
    route_of: RouteOf,
    environ: Environ,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Run *app* for one request, and count it when its body ends."""
    try:
        request = environ[REQUEST_KEY] = WsgiRequest(metrics, route_of, environ, start_response)
    except Exception as problem:  # noqa: BLE001 - the application comes first
        say_once(f"Seawall could not observe a request: {type(problem).__name__}: {problem}")
        return app(environ, start_response)
    if tracer is not None:
        request.span = tracer.begin_wsgi(environ)
    try:
        body = app(environ, request.start_response)
        return _follow(body, environ, request)
    except BaseException as error:
        request.close(error)
        raise
    finally:
        if request.span is not None:
            request.span.detach()


def _size(body: Iterable[bytes]) -> int:
    return sum(len(chunk) for chunk in body if isinstance(chunk, bytes))


def _follow(body: Iterable[bytes], environ: Environ, request: WsgiRequest) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    sends_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    if sends_file or isinstance(body, list | tuple):
        # The whole body stands: wrapped, the server could neither count its length nor send the file by itself.
        request.sent = request.length if sends_file else _size(body)
        request.close()
        return body
    return _Body(body, request)
