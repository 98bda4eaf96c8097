"""Tells running servers to read their configuration again, for as long as it takes."""

import logging
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock, Thread, Timer
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_log: Final = logging.getLogger(__name__)
_PATIENCE: Final = 60.0  # seconds; Prometheus answers once it has read all its rules
_WAIT: Final = 1.0  # seconds that a look waits for who is told


class RefusedError(OSError):
    """The server answers, and did not reload."""


class Reloads:
    """The servers at *urls*, such as ``http://prometheus:9090/-/reload``; *post* raises OSError where one refuses."""

    def __init__(self, urls: Sequence[str], post: Callable[[str], None] | None = None) -> None:
        self._post = post or post_empty
        self._lock = Lock()
        self._wanted = 0
        self._told = dict.fromkeys(urls, 0)
        self._threads: dict[str, Thread] = {}
        self._failed: set[str] = set()

    @property
    def pending(self) -> dict[str, bool]:
        """Of each url, whether it has yet to be told."""
        with self._lock:
            return {url: told < self._wanted for url, told in self._told.items()}

    def want(self) -> None:
        """Have all of them told."""
        with self._lock:
            self._wanted += 1

    def attempt(self) -> None:
        """Tell those that have yet to be; who does not answer is told at the next attempt, and holds nobody up."""
        for url, is_due in self.pending.items():
            if is_due and not (url in self._threads and self._threads[url].is_alive()):
                self._threads[url] = Thread(target=self._tell, args=(url, self._wanted), name="reload", daemon=True)
                self._threads[url].start()
        end = time.monotonic() + _WAIT
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _tell(self, url: str, wanted: int) -> None:
        try:
            self._post(url)
        except (OSError, HTTPException, ValueError) as error:
            if url not in self._failed:
                _log.warning("%s does not reload yet: %s", _shown(url), " ".join(str(error).split())[:200])
            self._failed.add(url)
        else:
            self._failed.discard(url)
            with self._lock:
                self._told[url] = wanted


def post_empty(url: str, patience: float = _PATIENCE) -> None:
    """Send an empty POST; raise OSError or HTTPException where the answer is no success within *patience* seconds.

    A redirection is none: it would be followed by a GET, which reloads nothing, to whoever it names.
    """
    parts = urlsplit(url)
    connection = _connection(parts, patience)
    # However slowly the answer comes: each byte would begin the wait anew.
    timer = Timer(patience, _cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", parts._replace(scheme="", netloc="", fragment="").geturl() or "/", b"", _user(parts))
        answer = connection.getresponse()
        if not 200 <= answer.status < 300:
            raise RefusedError(f"it answers {answer.status} {answer.reason}")
    finally:
        timer.cancel()
        connection.close()


def _connection(parts: SplitResult, patience: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return HTTPSConnection(host, parts.port, timeout=patience, context=ssl.create_default_context())
    return HTTPConnection(host, parts.port, timeout=patience)


def _user(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _shown(url: str) -> str:
    """Return *url* without a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _cut(connection: HTTPConnection) -> None:
    with suppress(OSError, AttributeError):  # there may be no socket any more
        connection.sock.shutdown(socket.SHUT_RDWR)
