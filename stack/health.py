"""Whether a process answers: one HTTP request, or a connection to its ports. No proxy is ever asked."""

import http.client
import socket
from typing import Final
from urllib.parse import urlsplit

HEALTHY: Final = "healthy"
TIMEOUT: Final = 2.0  # seconds


def probe(url: str | None, ports: tuple[int, ...], timeout: float = TIMEOUT) -> str:
    """Return ``healthy``, or what is wrong, for *url*; without one, for every one of *ports* on loopback."""
    try:
        if url is not None:
            return _request(url, timeout)
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout).close()
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (OSError, http.client.HTTPException) as error:
        return _reason(error)
    return HEALTHY


def _request(url: str, timeout: float) -> str:
    parts = urlsplit(url)
    assert parts.hostname is not None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        status = connection.getresponse().status
    finally:
        connection.close()
    return HEALTHY if 200 <= status < 300 else f"answers {status}"


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "does not listen yet"
    return str(error) or type(error).__name__
