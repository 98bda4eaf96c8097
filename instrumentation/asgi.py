"""The ASGI middleware: counts each HTTP request once, outermost, and asks the framework for nothing twice."""

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from time import perf_counter
from typing import Any, Final

from .bounds import OTHER
from .diagnostics import described, say_once
from .http_server import BROKEN_OFF, CLIENT_CLOSED_REQUEST, SERVER_ERROR, HttpServerMetrics, is_length
from .tracing import ServerTracer, detach

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_KEY: Final = "seawall.request"
_NO_SCOPE: Final[Scope] = {}
_BODIES: Final = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})


class AsgiRequest:
    """Follow one request from its first byte in to its last byte out."""

    __slots__ = (
        "_begun",
        "_ended",
        "_headers",
        "_metrics",
        "_receive",
        "_received",
        "_scope",
        "_send",
        "_sent",
        "_started",
        "_streams",
        "disconnected",
        "error",
        "mount",
        "recorded",
        "route",
        "span",
        "status",
    )

    def __init__(self, metrics: HttpServerMetrics, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope: Scope = scope
        self.route: str | None = None
        self.mount = ""
        self.status = 0
        self.disconnected = False
        self.error: BaseException | None = None  # the one that the framework answered a 500 for
        self.span: Any = None
        self._metrics = metrics
        self._receive = receive
        self._send = send
        self._headers: Any = ()
        self._ended = 0.0
        self._received = 0
        self._sent = 0
        self.recorded = False
        self._streams = False
        self._started = perf_counter()
        self._begun = metrics.begin(scope.get("method", ""), scope.get("scheme", "http"))

    async def receive(self) -> Message:
        """Pass on what the server received, and notice when the client is gone."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.disconnected = True
        else:
            self._received += len(message.get("body") or b"")
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the application sends, and notice the status and the last byte."""
        # A server may say that the client is gone while it still sends the last byte, which this one gets.
        gone = self.disconnected
        try:
            await self._send(message)
        except OSError:
            self.disconnected = True  # so a server of ASGI 2.4 says that the client is gone
            raise
        if self._ended:
            return
        try:
            kind = message["type"]
            if kind in _BODIES:
                self._sent += len(message.get("body") or b"")
                if not message.get("more_body", False):
                    self._complete(gone)
                elif not self._streams:
                    self._streams = True
                    if is_event_stream(self._headers):
                        self._complete(gone)
            elif kind == "http.response.start":
                self.status = int(message["status"])
                self._headers = message.get("headers", ())
        except Exception as problem:  # noqa: BLE001 - the server took the message; so does the application
            say_once(f"Seawall could not follow a response: {described(problem)}")

    def _complete(self, gone: bool) -> None:
        self._ended = perf_counter()
        if gone:
            self.status = CLIENT_CLOSED_REQUEST
        # A failure waits for the end of the call: the exception comes after the response that it caused.
        if self.status < SERVER_ERROR:
            self.record("")

    def close(self, error: BaseException | None) -> None:
        """Count the request when the application returned or raised, unless it was counted at its last byte."""
        if self.recorded:
            return
        if error is None and self.status >= SERVER_ERROR:
            error = self.error
        failure = type(error).__qualname__ if error is not None else ""
        if not self._ended:
            self._ended = perf_counter()
            if self.disconnected or is_cancellation(error):
                self.status, failure, error = CLIENT_CLOSED_REQUEST, "", None
            elif not self.status:
                self.status = SERVER_ERROR  # what the server answers for an application that did not
            elif self.status < SERVER_ERROR:
                self.status, failure = BROKEN_OFF, failure or OTHER
        self.record(failure, error)

    def record(self, failure: str, error: BaseException | None = None) -> None:
        """Count the request, once; never raises."""
        self.recorded = True
        try:
            scope, span, route = self._scope, self.span, self.route
            if route is None:
                route = self._matched_route()
            encoding, sent = self._response_headers()
            self._metrics.end(
                self._begun,
                route,
                self.status,
                failure,
                scope.get("http_version", ""),
                self._ended - self._started,
                self._received,
                sent,
                encoding,
                None if span is None else span.sampled,
            )
            if span is not None:
                span.end(route, self.status, failure, error)
            self._scope = _NO_SCOPE  # which holds this request: together they would wait for the garbage collector
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not count a request: {described(problem)}")

    def _response_headers(self) -> tuple[str, int]:
        """Return the content encoding, and the bytes of the body: of a file that the server sends, what it is to be."""
        encoding, sent = "", self._sent
        try:
            for name, value in self._headers:
                if name == b"content-encoding":
                    encoding = value.decode("latin-1")
                elif (
                    name == b"content-length" and not sent and self._scope.get("method") != "HEAD" and is_length(value)
                ):
                    sent = int(value)
        except Exception as problem:  # noqa: BLE001 - whatever they are, the request counts
            say_once(f"Seawall could not read the headers of a response: {described(problem)}")
        return encoding, sent

    def _matched_route(self) -> str:
        """Return what an application without a framework left in the scope."""
        try:
            path = getattr(self._scope.get("route"), "path", None)
        except Exception:  # noqa: BLE001 - a property of the application's own
            path = None
        if isinstance(path, str):
            return self.mount + path
        return f"{self.mount}/{{path}}" if self.mount else ""


def is_cancellation(error: BaseException | None) -> bool:
    """Say whether *error* is how an event loop gives a request up: asyncio's, trio's, or a closed coroutine."""
    return error is not None and not isinstance(error, Exception | SystemExit | KeyboardInterrupt)


def is_event_stream(headers: Any) -> bool:
    """Say whether a response is server-sent events, whose length says nothing of the service's speed."""
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in headers
    )


def observing(
    call: Callable[..., Awaitable[None]], metrics: HttpServerMetrics, tracer: ServerTracer | None, before: Any = None
) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return the ``__call__`` of a class, around its own *call*, that counts requests in *metrics* and traces them.

    *before* is given the instance and the scope of each request.
    """

    # One coroutine for each request, whatever stands in it: the event loop steps through every one that is awaited.
    async def __call__(self: Any, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: N807
        if scope["type"] != "http":
            await call(self, scope, receive, send)
            return
        try:
            if before is not None:
                before(self, scope)
            request = None if REQUEST_KEY in scope else _begin(metrics, scope, receive, send)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not observe a request: {described(problem)}")
            request = None
        if request is None:
            await call(self, scope, receive, send)
            return
        token = None
        if tracer is not None:
            request.span, token = tracer.begin_asgi(scope)
        try:
            await call(self, scope, request.receive, request.send)
        except BaseException as error:
            request.close(error)
            raise
        else:
            if not request.recorded:
                request.close(None)
        finally:
            if token is not None:
                detach(token)

    return __call__


def _begin(metrics: HttpServerMetrics, scope: Scope, receive: Receive, send: Send) -> AsgiRequest:
    # Starlette's own middleware stands down where this key is set: each request counts once.
    scope["starlette.opentelemetry"] = True
    request = scope[REQUEST_KEY] = AsgiRequest(metrics, scope, receive, send)
    return request


async def _call_app(middleware: "AsgiMiddleware", scope: Scope, receive: Receive, send: Send) -> None:
    await middleware.app(scope, receive, send)


class AsgiMiddleware:
    """Count the HTTP requests of *app* in *metrics*, and trace them by *tracer*."""

    def __init__(self, app: ASGIApp, metrics: HttpServerMetrics, tracer: ServerTracer | None = None) -> None:
        self.app = app
        self._observed = observing(_call_app, metrics, tracer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._observed(self, scope, receive, send)
