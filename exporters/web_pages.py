"""Asks for pages of one web server over a connection that is kept, with bounds on what it may answer."""

import http.client
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote

from seawall.catalog import SeawallError

from .errors import AnswerError
from .kept_socket import Address, KeptSocket
from .probe_deadline import BoundSocket, Deadline

_LONGEST: Final = 64 * 2**20  # bytes of one page: 50,000 queues take 20 MiB
_LONGEST_LINE: Final = 8192


class PageError(SeawallError):
    """The page has another *status* than 200; a redirection is not followed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the page answers {status}")
        self.status = status


@dataclass(frozen=True)
class Site:
    """Where the pages are; *prefix* stands before their paths, *authorization* is a header's value, or empty."""

    address: Address
    prefix: str = ""
    authorization: str = field(default="", repr=False)


def basic(url: SplitResult) -> str:
    """Return the header's value for the user of a url, empty where it names none."""
    words = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return f"Basic {b64encode(words.encode()).decode()}" if url.username else ""


class Pages:
    """The pages of a site; one question at a time."""

    def __init__(self, site: Site) -> None:
        self._site, self._socket = site, KeptSocket(site.address)

    def lines(self, path: str, deadline: Deadline) -> Iterator[str]:
        """Yield the lines of a page; raise PageError where it has another status, OSError, AnswerError."""
        request = self._request(path)
        try:
            response = self._socket.ask(lambda source: _exchange(source, request), deadline)
            if response.status != http.client.OK:
                self.close()  # what else it says is not waited for
                raise PageError(response.status)
            yield from _lines(response)
        except http.client.HTTPException as error:
            raise AnswerError(f"the server does not answer as HTTP: {type(error).__name__}") from None

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._socket.close()

    def _request(self, path: str) -> bytes:
        site, at = self._site, self._site.address
        host = f"[{at.host}]" if ":" in at.host else at.host
        head = [f"GET {site.prefix}{path} HTTP/1.1", f"Host: {host}:{at.port}", "User-Agent: Seawall"]
        head += ["Accept: text/plain", "Accept-Encoding: identity"]
        head += [f"Authorization: {site.authorization}"] if site.authorization else []
        return ("\r\n".join(head) + "\r\n\r\n").encode()


def _exchange(source: BoundSocket, request: bytes) -> http.client.HTTPResponse:
    source.sendall(request)
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
