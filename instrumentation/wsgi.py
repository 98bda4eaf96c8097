"""The WSGI middleware: counts each HTTP request once, outermost."""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, Final

from .diagnostics import described, say_once
from .http_server import BROKEN_OFF, CLIENT_CLOSED_REQUEST, SERVER_ERROR, HttpServerMetrics
from .tracing import ServerTracer, attach, detach, now
from .wsgi_headers import content_length, encoding_of, is_event_stream, length

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]
# Reads the matched route's template from what the framework left in the environ.
RouteOf = Callable[[Environ], str]

REQUEST_KEY: Final = "seawall.request"
_CODES: Final = {str(code): code for code in range(100, 1000)}
_NO_ENVIRON: Final[Environ] = {}
_NO_BODY: Final = frozenset({204, 304})
_END: Final[Any] = object()
_SEQUENCES: Final = (list, tuple)


class WsgiRequest:
    """Follow one request from the call to the last byte of the body."""

    # What most requests leave as it is: to write it down for each would cost more than to look it up here.
    status = 0
    begun = False
    headers: Any = ()  # of the response, read when somebody must know
    events: bool | None = None  # whether they are what is sent; None until the first chunk is
    sent = 0
    route = ""
    error: BaseException | None = None
    span: Any = None
    whole: object = _END  # a body that stands before the response begins, and its chunks
    chunks: Iterable[bytes | str] = ()
    context: Any = None  # what the body is made in; None where nobody traces
    recorded = False

    def __init__(
        self, metrics: HttpServerMetrics, route_of: RouteOf | None, environ: Environ, start: StartResponse
    ) -> None:
        self._metrics = metrics
        self._route_of = route_of
        self._environ = environ
        self._start_response = start
        self._started = perf_counter()
        self._begun = metrics.begin(environ.get("REQUEST_METHOD", ""), environ.get("wsgi.url_scheme", "http"))

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Pass on the start of the response; notice its status and headers, and its route.

        The route is read while the framework still knows it: Flask forgets its request before it returns.
        """
        if exc_info is None:
            self._write = self._start_response(status, headers)
        else:
            self._write = self._start_response(status, headers, exc_info)
        self.headers = headers
        try:
            self.status = _CODES.get(status[:3], 0)
        except Exception as problem:  # noqa: BLE001 - the server judges the application's status
            say_once(f"Seawall could not read the status of a response: {described(problem)}")
        try:
            if self._route_of is not None:
                self.route = self._route_of(self._environ)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not read a route: {described(problem)}")
        return self

    def __call__(self, data: bytes) -> None:
        """Pass on what the application writes by what ``start_response`` returns, as PEP 3333 lets old ones do.

        The request itself stands for it: a function of its own would cost every request that never writes.
        """
        self._write(data)
        self.begun = True
        self.sent += len(data)

    def close(self, error: BaseException | None = None) -> None:
        """Count the request, once; never raises."""
        if self.recorded:
            return
        self.recorded = True
        status, failure = self.status, ""
        try:
            if error is not None or not 0 < status < SERVER_ERROR:
                status, failure, error = self._failure(error)
            environ, span = self._environ, self.span
            received = environ.get("CONTENT_LENGTH")
            self._metrics.end(
                self._begun,
                self.route,
                status,
                failure,
                environ.get("SERVER_PROTOCOL", ""),
                perf_counter() - self._started,
                length(received) if received else 0,
                self.sent,
                encoding_of(self.headers),
                None if span is None else span.sampled,
            )
            if span is not None:
                span.end(self.route, status, failure, error)
            # These hold this request: together they would wait for the garbage collector.
            self._environ = _NO_ENVIRON
            self.whole = _END
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not count a request: {described(problem)}")

    def _failure(self, error: BaseException | None) -> tuple[int, str, BaseException | None]:
        """Return the status and the class of what failed the request, and the exception, if it was one."""
        status = self.status or SERVER_ERROR
        if error is not None:
            # Until the first chunk the server can still answer 500, and does.
            status = BROKEN_OFF if self.begun else SERVER_ERROR
        else:
            error = self.error
        return status, "" if error is None else type(error).__qualname__, error

    def abandon(self) -> None:
        """Count a request whose client left before the last byte; what has no body is complete without one."""
        if self.recorded:
            return
        if self.status not in _NO_BODY and self._environ.get("REQUEST_METHOD") != "HEAD":
            self.status = CLIENT_CLOSED_REQUEST
        self.close()


class _Body:
    """A response's body, whose end is noticed."""

    __slots__ = ("_body", "_chunks", "_request")

    def __init__(self, body: Iterable[bytes], request: WsgiRequest) -> None:
        self._body = body
        self._chunks = _followed(iter(body), request)
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks  # a generator's own step costs a server less than a method of this class

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        self._request.abandon()
        close = getattr(self._body, "close", None)
        if close is None:
            return
        context, self._request.context = self._request.context, None
        token = None if context is None else attach(context)
        try:
            close()
        finally:
            if token is not None:
                detach(token)


class _SizedBody(_Body):
    """One that says of how many chunks it is: of a single one a server tells the length beforehand."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


def _followed(chunks: Iterator[bytes], request: WsgiRequest) -> Iterator[bytes]:
    # Most of an application may run here, and in any thread: each chunk is made in the request's trace.
    context = request.context
    token = None
    try:
        while True:
            if context is not None:
                token = attach(context)
            try:
                chunk = next(chunks, _END)
            finally:
                if token is not None:
                    # A span that the body is within goes on with its next chunk, and nowhere else.
                    request.context = context = now()
                    detach(token)
            if chunk is _END:
                break
            if chunk:
                request.begun = True
                if isinstance(chunk, bytes):
                    request.sent += len(chunk)
                if request.events is None:
                    request.events = is_event_stream(request.headers)
                if request.events:
                    request.close()  # the length of server-sent events says nothing of the service's speed
            yield chunk
    except GeneratorExit:  # nobody asks for more; who closes the body counts the request
        raise
    except BaseException as error:
        request.close(error)
        raise
    request.close()


def no_route(_: Environ) -> str:
    """Return no route: plain WSGI has none."""
    return ""


def observing(
    call: Callable[..., Iterable[bytes]],
    metrics: HttpServerMetrics,
    tracer: ServerTracer | None,
    route_of: RouteOf | None = no_route,
) -> Callable[..., Iterable[bytes]]:
    """Return the ``__call__`` of a class, around its own *call*, that counts requests in *metrics* and traces them.

    *route_of* reads the matched template from the environ; None, where a hook notes it as the request's ``route``.
    """

    def __call__(self: Any, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:  # noqa: N807
        if REQUEST_KEY in environ:
            return call(self, environ, start_response)
        try:
            request = environ[REQUEST_KEY] = WsgiRequest(metrics, route_of, environ, start_response)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not observe a request: {described(problem)}")
            return call(self, environ, start_response)
        token = None
        if tracer is not None:
            span, token = tracer.begin_wsgi(environ)
            if span is not None:
                request.span = span
        try:
            body: Iterable[bytes] = call(self, environ, request.start_response)
            if body is not request.whole:
                return _follow(body, environ, request, token is not None)
            if request.status not in _NO_BODY and environ.get("REQUEST_METHOD") != "HEAD":
                request.sent += _size(request.chunks)
            request.close()
            return body
        except BaseException as error:
            request.close(error)
            raise
        finally:
            if token is not None:
                detach(token)

    return __call__


def _size(chunks: Iterable[bytes | str]) -> int:
    size = 0
    for chunk in chunks:
        if isinstance(chunk, bytes):
            size += len(chunk)
        elif isinstance(chunk, str):  # which a framework encodes as it goes
            size += len(chunk.encode(errors="surrogatepass"))
    return size


def _follow(body: Iterable[bytes], environ: Environ, request: WsgiRequest, is_traced: bool) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    sends_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    if sends_file or isinstance(body, _SEQUENCES):
        # The whole body stands: wrapped, the server could neither count its length nor send the file by itself.
        request.sent += content_length(request.headers) if sends_file else _size(body)
        request.close()
        return body
    if isinstance(body, bytes):  # against the specification, and uWSGI takes it all the same
        request.sent += len(body)
        request.close()
        return body
    if is_traced:
        request.context = now()
    return _SizedBody(body, request) if hasattr(type(body), "__len__") else _Body(body, request)


def _call_app(middleware: "WsgiMiddleware", environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return middleware.app(environ, start_response)


class WsgiMiddleware:
    """Count the requests of *app* in *metrics*; *route_of* reads the matched template from the environ."""

    def __init__(
        self,
        app: WSGIApp,
        metrics: HttpServerMetrics,
        tracer: ServerTracer | None = None,
        route_of: RouteOf | None = no_route,
    ) -> None:
        self.app = app
        self._observed = observing(_call_app, metrics, tracer, route_of)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._observed(self, environ, start_response)
