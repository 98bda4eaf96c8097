"""urllib3, and requests, botocore and whatever else stands on it: each attempt over the wire."""

from functools import wraps
from time import perf_counter
from typing import Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import is_http_suppressed, trace_headers


def hook_pools(module: Any, clients: Clients) -> None:
    """Count the requests of pools, and the tunnels through proxies that fail before there is a request."""

    @guarded("count a request")
    def end(pool: Any, method: str, response: Any, error: BaseException | None, seconds: float) -> None:
        status = 0 if response is None else response.status
        failure = "" if error is None else type(error).__qualname__
        clients.http.end((method, pool.scheme, pool.host, pool.port, status, failure), seconds)

    original = module.HTTPConnectionPool._make_request

    @wraps(original)
    def _make_request(self: Any, conn: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if is_http_suppressed():
            return original(self, conn, method, *args, **kwargs)
        kwargs = _traced(kwargs) or kwargs
        started = perf_counter()
        try:
            response = original(self, conn, method, *args, **kwargs)
        except BaseException as error:
            end(self, method, None, error, perf_counter() - started)
            raise
        end(self, method, response, None, perf_counter() - started)
        return response

    replace(module.HTTPConnectionPool, "_make_request", _make_request)
    _hook_tunnels(module.HTTPSConnectionPool, end)


def _hook_tunnels(pool: Any, end: Any) -> None:
    original = pool._prepare_proxy

    @wraps(original)
    def _prepare_proxy(self: Any, conn: Any) -> None:
        started = perf_counter()
        try:
            original(self, conn)
        except BaseException as error:
            if not is_http_suppressed():
                end(self, "CONNECT", None, error, perf_counter() - started)
            raise

    replace(pool, "_prepare_proxy", _prepare_proxy)


@guarded("carry a trace on")
def _traced(kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return *kwargs* with the current trace in a copy of the headers; None where there is nothing to add."""
    carried = trace_headers()
    headers: Any = kwargs.get("headers")
    if not carried or not hasattr(headers, "copy"):
        return None
    names = {str(name).lower() for name in headers}
    if not names.isdisjoint(carried):
        return None
    headers = headers.copy()
    headers.update(carried)
    return {**kwargs, "headers": headers}
