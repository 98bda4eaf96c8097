"""aiohttp's server, which speaks neither ASGI nor WSGI: a request is followed around its protocol's handler."""

from asyncio import CancelledError
from contextvars import ContextVar
from functools import wraps
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.diagnostics import described, guarded, say_once
from seawall.instrumentation.http_server import BROKEN_OFF, CLIENT_CLOSED_REQUEST, SERVER_ERROR
from seawall.instrumentation.tracing import ServerSpan, detach
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry

_METHOD_NOT_ALLOWED: Final = 405


class Call:
    """Follow one request from its headers to the last byte of its response."""

    __slots__ = ("_begun", "_ended", "_request", "_started", "_telemetry", "error", "route", "span", "token", "written")

    def __init__(self, telemetry: Telemetry, request: Any) -> None:
        self.error: BaseException | None = None
        self.route: str | None = None
        self.written = 0
        self._telemetry = telemetry
        self._request = request
        self._ended = False
        self._started = perf_counter()
        self._begun = telemetry.http.begin(request.method, request.scheme)
        self.span: ServerSpan | None = None
        self.token: Any = None
        if telemetry.tracer is not None:
            self.span, self.token = telemetry.tracer.begin_asgi(self._scope())

    def _scope(self) -> dict[str, Any]:
        request = self._request
        return {
            "method": request.method,
            "scheme": request.scheme,
            "path": request.path,
            "headers": [(name.lower(), value) for name, value in request.raw_headers],
            "client": (request.remote,) if request.remote else None,
            "http_version": f"{request.version[0]}.{request.version[1]}",
        }

    def answer(self, response: Any) -> None:
        """Count a request that got its whole response."""
        error = self.error if response.status >= SERVER_ERROR else None
        encoding = response.headers.get("Content-Encoding", "")
        # A body that aiohttp compresses as it goes is known with its headers alone.
        streamed = response.body_length if encoding else self.written
        length = streamed if response.content_length is None else response.content_length
        self._end(response.status, error, 0 if self._request.method == "HEAD" else length, encoding)

    def give_up(self, error: BaseException | None, gone: bool) -> None:
        """Count a request that did not: its client left, the server stops, or the response broke off."""
        if gone or isinstance(error, CancelledError):
            self._end(CLIENT_CLOSED_REQUEST, None, self.written)
        else:
            self._end(BROKEN_OFF, self.error or error, self.written)

    def forget(self) -> None:
        """Count nothing: a websocket is no request."""
        if not self._ended:
            self._ended = True
            self._telemetry.http.active.add((self._begun.method, self._begun.scheme), -1)

    def _end(self, status: int, error: BaseException | None, sent: int, encoding: str = "") -> None:
        if self._ended:
            return
        self._ended = True
        seconds = perf_counter() - self._started
        request, span = self._request, self.span
        version = f"{request.version[0]}.{request.version[1]}"
        failure = "" if error is None else type(error).__qualname__
        route = _template(request) if self.route is None else self.route
        received, trace = request.content_length or 0, span.sampled if span is not None else None
        self._telemetry.http.end(self._begun, route, status, failure, version, seconds, received, sent, encoding, trace)
        if span is not None:
            span.end(route, status, failure, error)


# aiohttp runs each request in a task of its own, and warns of what it does not know in the request itself.
_current: Final[ContextVar[Call | None]] = ContextVar("seawall_aiohttp_call", default=None)


@guarded("observe a request")
def _begin(telemetry: Telemetry, request: Any) -> Call:
    call = Call(telemetry, request)
    _current.set(call)
    return call


_answer = guarded("count a request")(Call.answer)
_give_up = guarded("count a request")(Call.give_up)


def hook_server(module: Any, telemetry: Telemetry) -> None:
    """Count what aiohttp's server answers, and know the exception that it made a 500 of."""
    _hook_handling(module.RequestHandler, telemetry)
    original = module.RequestHandler.handle_error

    @wraps(original)
    def handle_error(self: Any, request: Any, status: int = 500, exc: Any = None, message: Any = None) -> Any:
        call = _current.get()
        if call is not None:
            call.error = exc
        return original(self, request, status, exc, message)

    replace(module.RequestHandler, "handle_error", handle_error)


def _hook_handling(handler: Any, telemetry: Telemetry) -> None:
    original = handler._handle_request

    @wraps(original)
    async def _handle_request(self: Any, request: Any, start_time: Any, request_handler: Any) -> Any:
        # What is no HTTP has a handler of its own: no application sees it, here as behind any other server.
        is_counted = request_handler is self._request_handler and _is_chosen(telemetry, request_handler)
        call = _begin(telemetry, request) if is_counted else None
        if call is None:
            return await original(self, request, start_time, request_handler)
        try:
            response, gone = answer = await original(self, request, start_time, request_handler)
        except BaseException as error:
            _give_up(call, error, self.transport is None or self.transport.is_closing())
            raise
        else:
            if gone:
                _give_up(call, None, True)
            else:
                await _find_route(call, request, response.status)
                _answer(call, response)
            return answer
        finally:
            if call.token is not None:
                detach(call.token)

    replace(handler, "_handle_request", _handle_request)


def _is_chosen(telemetry: Telemetry, request_handler: Any) -> bool:
    return telemetry.chosen is None or getattr(request_handler, "__self__", None) in telemetry.chosen


def hook_streams(module: Any, _: Telemetry) -> None:
    """Count an event stream at its first event: its length says nothing of the service's speed."""
    original = module.StreamResponse.write

    @wraps(original)
    async def write(self: Any, data: Any) -> None:
        await original(self, data)
        call = _current.get()
        if call is None:
            return
        call.written += len(data)
        if self.content_type == "text/event-stream":
            _answer(call, self)

    replace(module.StreamResponse, "write", write)


def hook_websockets(module: Any, _: Telemetry) -> None:
    """Count no request that became a websocket."""
    original = module.WebSocketResponse.prepare

    @wraps(original)
    async def prepare(self: Any, request: Any) -> Any:
        writer = await original(self, request)
        call = _current.get()
        if call is not None:
            call.forget()
        return writer

    replace(module.WebSocketResponse, "prepare", prepare)


def _template(request: Any) -> str:
    """Return the template of the resource that aiohttp matched, its applications' prefixes before it; "" for none."""
    match = getattr(request, "_match_info", None)
    resource = getattr(getattr(match, "route", None), "resource", None)
    return "" if resource is None else _canonical(resource)


def _canonical(resource: Any) -> str:
    from aiohttp.web_urldispatcher import PrefixResource

    # What serves all that is below a prefix names the prefix alone.
    return f"{resource.canonical}/{{path}}" if isinstance(resource, PrefixResource) else str(resource.canonical)


async def _find_route(call: Call, request: Any, status: int) -> None:
    """Find the resource of a request whose method it lacks, which aiohttp forgets as it answers 405."""
    match = getattr(request, "_match_info", None)
    if status != _METHOD_NOT_ALLOWED or match is None or not match.apps or match.route.resource is not None:
        return
    try:
        for resource in match.apps[-1].router.resources():
            if (await resource.resolve(request))[1]:
                call.route = _canonical(resource)
                break
    except Exception as problem:  # noqa: BLE001 - the application comes first
        say_once(f"Seawall could not read a route: {described(problem)}")
