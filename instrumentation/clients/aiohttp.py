"""aiohttp's client: from the wait for a connection to the headers of the response, each redirect a call of its own."""

from asyncio import CancelledError
from functools import wraps
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import add_trace, is_http_suppressed

_STARTED: Final = "_seawall_started"
_REQUEST: Final = "_seawall_request"


def hook_connectors(module: Any, clients: Clients) -> None:
    """Begin a call as its request asks for a connection; one that gets none has failed."""
    original = module.BaseConnector.connect

    @wraps(original)
    async def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        if is_http_suppressed():
            return await original(self, req, *args, **kwargs)
        req.__dict__[_STARTED] = perf_counter()
        try:
            return await original(self, req, *args, **kwargs)
        except BaseException as error:
            _end(clients, req, 0, error, "ConnectionTimeoutError")
            raise

    replace(module.BaseConnector, "connect", connect)


def hook_requests(module: Any, clients: Clients) -> None:
    """End the call as the headers of its response came, or did not."""
    send_request, start_response = module.ClientRequest.send, module.ClientResponse.start

    @wraps(send_request)
    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _STARTED not in self.__dict__:
            return await send_request(self, *args, **kwargs)
        add_trace(self.headers)
        try:
            response = await send_request(self, *args, **kwargs)
        except BaseException as error:
            _end(clients, self, 0, error)
            raise
        response.__dict__[_REQUEST] = self
        return response

    @wraps(start_response)
    async def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        request = self.__dict__.pop(_REQUEST, None)
        try:
            response = await start_response(self, *args, **kwargs)
        except BaseException as error:
            if request is not None:
                _end(clients, request, 0, error)
            raise
        if request is not None:
            _end(clients, request, self.status, None)
        return response

    replace(module.ClientRequest, "send", send)
    replace(module.ClientResponse, "start", start)


@guarded("count a request")
def _end(clients: Clients, request: Any, status: int, error: BaseException | None, timeout: str = "") -> None:
    started = request.__dict__.pop(_STARTED, None)
    if started is not None:
        url, failure = request.url, _failure(request, error, timeout)
        key = (request.method, url.scheme, url.raw_host, url.explicit_port, status, failure)
        clients.http.end(key, perf_counter() - started)


def _failure(request: Any, error: BaseException | None, timeout: str) -> str:
    """Return the class of the exception that the application will see."""
    # The request's own limit of time cancels what waits, and becomes a TimeoutError further out.
    if isinstance(error, CancelledError) and getattr(getattr(request, "_timer", None), "_cancelled", False):
        return TimeoutError.__qualname__
    if timeout and type(error) is TimeoutError:
        return timeout
    return "" if error is None else type(error).__qualname__
