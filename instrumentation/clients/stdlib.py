"""The standard library's http.client, and urllib and xmlrpc, which stand on it. urllib3 does too, and counts itself."""

import sys
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import is_http_suppressed, trace_headers

_CALL = "_seawall_call"

# Counts the request that a connection has begun: its status, or the exception.
End = Callable[[Any, int, BaseException | None], None]


def hook_connections(module: Any, clients: Clients) -> None:
    """Count requests from their first line to the headers of the response."""

    @guarded("count a request")
    def end(connection: Any, status: int, error: BaseException | None) -> None:
        method, started = connection.__dict__.pop(_CALL)
        scheme = "https" if connection.default_port == module.HTTPS_PORT else "http"
        host, port = connection._tunnel_host or connection.host, connection._tunnel_port or connection.port
        failure = "" if error is None else type(error).__qualname__
        clients.http.end((method, scheme, host, port, status, failure), perf_counter() - started)

    connection = module.HTTPConnection
    _hook_beginning(connection)
    _hook_headers(connection, end)
    _hook_response(connection, end)


def _hook_beginning(connection: Any) -> None:
    original = connection.putrequest

    @wraps(original)
    def putrequest(self: Any, method: str, *args: Any, **kwargs: Any) -> None:
        if not _is_counted_elsewhere(self) and not is_http_suppressed():
            self.__dict__[_CALL] = (method, perf_counter())
        original(self, method, *args, **kwargs)

    replace(connection, "putrequest", putrequest)


def _hook_headers(connection: Any, end: End) -> None:
    original = connection.endheaders

    @wraps(original)
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> None:
        is_counted = _CALL in self.__dict__
        if is_counted:
            _add_trace(self)
        try:
            original(self, *args, **kwargs)  # connects, where the connection is not open yet
        except BaseException as error:
            if is_counted:
                end(self, 0, error)
            raise

    replace(connection, "endheaders", endheaders)


def _hook_response(connection: Any, end: End) -> None:
    original = connection.getresponse

    @wraps(original)
    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_counted = _CALL in self.__dict__
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            if is_counted:
                end(self, 0, error)
            raise
        if is_counted:
            end(self, response.status, None)
        return response

    replace(connection, "getresponse", getresponse)


def _is_counted_elsewhere(connection: Any) -> bool:
    urllib3 = sys.modules.get("urllib3.connection")
    return urllib3 is not None and isinstance(connection, urllib3.HTTPConnection)


@guarded("carry a trace on")
def _add_trace(connection: Any) -> None:
    carried = trace_headers()
    if carried:
        written = {line.partition(b":")[0].lower().decode("latin-1") for line in connection._buffer[1:]}
        if written.isdisjoint(carried):
            for name, value in carried.items():
                connection.putheader(name, value)
