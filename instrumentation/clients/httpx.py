"""httpx, sync and async: each request that a client hands to a transport, the user's own too."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import add_trace, is_http_suppressed, remove_trace

# Counts a request, its response or its exception, and the seconds.
End = Callable[[Any, Any, BaseException | None, float], None]


def hook_clients(module: Any, clients: Clients) -> None:
    """Count the requests of both kinds of clients."""

    @guarded("count a request")
    def end(request: Any, response: Any, error: BaseException | None, seconds: float) -> None:
        url = request.url
        status = 0 if response is None else response.status_code
        failure = "" if error is None else type(error).__qualname__
        clients.http.end((request.method, url.scheme, url.raw_host, url.port, status, failure), seconds)

    _hook_client(module.Client, end)
    _hook_async_client(module.AsyncClient, end)


def _hook_client(client: Any, end: End) -> None:
    original = client._send_single_request

    @wraps(original)
    def _send_single_request(self: Any, request: Any) -> Any:
        if is_http_suppressed():
            return original(self, request)
        added = add_trace(request.headers)
        started = perf_counter()
        try:
            response = original(self, request)
        except BaseException as error:
            end(request, None, error, perf_counter() - started)
            raise
        finally:
            if added:
                remove_trace(request.headers, added)
        end(request, response, None, perf_counter() - started)
        return response

    replace(client, "_send_single_request", _send_single_request)


def _hook_async_client(client: Any, end: End) -> None:
    original = client._send_single_request

    @wraps(original)
    async def _send_single_request(self: Any, request: Any) -> Any:
        if is_http_suppressed():
            return await original(self, request)
        added = add_trace(request.headers)
        started = perf_counter()
        try:
            response = await original(self, request)
        except BaseException as error:
            end(request, None, error, perf_counter() - started)
            raise
        finally:
            if added:
                remove_trace(request.headers, added)
        end(request, response, None, perf_counter() - started)
        return response

    replace(client, "_send_single_request", _send_single_request)
