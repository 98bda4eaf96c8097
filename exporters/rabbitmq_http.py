"""Asks for pages of one web server over a connection that is kept, with bounds on what it may answer."""

import http.client
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from seawall.catalog import SeawallError

from .probe_deadline import BoundSocket, Deadline

_LONGEST: Final = 64 * 2**20  # bytes of one page: 50,000 queues take 20 MiB
_LONGEST_LINE: Final = 8192


class AnswerError(SeawallError):
    """The server answered as RabbitMQ's plugin does not, or lets nobody in."""


class PageError(SeawallError):
    """The page has another *status* than 200; a redirection is not followed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the page answers {status}")
        self.status = status


@dataclass(frozen=True)
class Site:
    """Where the pages are; *prefix* stands before their paths, *authorization* is a header's value, or empty."""

    host: str
    port: int
    tls: bool = False
    prefix: str = ""
    authorization: str = field(default="", repr=False)


def basic(user: str, password: str) -> str:
    """Return the header's value for a user."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class Pages:
    """The pages of a site; one question at a time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._connection: socket.socket | None = None

    def lines(self, path: str, deadline: Deadline) -> Iterator[str]:
        """Yield the lines of a page; raise PageError where it has another status, OSError, AnswerError."""
        try:
            response = self._ask(path, deadline)
            if response.status != http.client.OK:
                self.close()  # what else it says is not waited for
                raise PageError(response.status)
            yield from _lines(response)
        except http.client.HTTPException as error:
            raise AnswerError(f"the server does not answer as HTTP: {type(error).__name__}") from None

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            BoundSocket(connection, Deadline(0)).close()

    def _ask(self, path: str, deadline: Deadline) -> http.client.HTTPResponse:
        kept, self._connection = self._connection, self._connection or self._connect(deadline)
        try:
            return self._exchange(self._connection, path, deadline)
        except ConnectionError:  # it was restarted, or closes what is idle
            self.close()
            if kept is None:
                raise
        self._connection = self._connect(deadline)
        return self._exchange(self._connection, path, deadline)

    def _connect(self, deadline: Deadline) -> socket.socket:
        plain = socket.create_connection((self._site.host, self._site.port), deadline.left())
        if not self._site.tls:
            return plain
        self._connection = plain  # so that close ends the handshake too
        plain.settimeout(deadline.left())
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self._site.host)

    def _exchange(self, connection: socket.socket, path: str, deadline: Deadline) -> http.client.HTTPResponse:
        site, source = self._site, BoundSocket(connection, deadline)
        host = f"[{site.host}]" if ":" in site.host else site.host
        head = [f"GET {site.prefix}{path} HTTP/1.1", f"Host: {host}:{site.port}", "User-Agent: Seawall"]
        head += ["Accept: text/plain", "Accept-Encoding: identity"]
        head += [f"Authorization: {site.authorization}"] if site.authorization else []
        source.sendall(("\r\n".join(head) + "\r\n\r\n").encode("ascii"))
        response = http.client.HTTPResponse(source, method="GET")  # type: ignore[arg-type]  # it asks for makefile alone
        response.begin()
        return response


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    length = 0
    while line := response.readline(_LONGEST_LINE):
        length += len(line)
        if length > _LONGEST or (not line.endswith(b"\n") and len(line) == _LONGEST_LINE):
            raise AnswerError("the server answers without end")
        yield line.decode(errors="backslashreplace").rstrip("\r\n")
    if response.length:
        raise AnswerError("the page ends before its stated length")
