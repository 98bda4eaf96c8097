"""One connection that is kept between probes, and can be ended under whoever waits on it."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .errors import BadUrlError
from .probe_deadline import BoundSocket, Deadline

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """Where a server is, and by TLS or not; *ca* is a file of the authorities to trust instead of the system's."""

    host: str
    port: int
    tls: bool = False
    ca: str = ""


class KeptSocket:
    """A connection that is opened at the first question, and then *greet* has it; one question at a time."""

    def __init__(self, address: Address, greet: Callable[[BoundSocket], None] = lambda _: None) -> None:
        self._address, self._greet = address, greet
        self._socket: socket.socket | None = None

    def ask(self, question: Callable[[BoundSocket], T], deadline: Deadline) -> T:
        """Return what *question* does; it is asked again over a new connection where the server had ended the kept one.

        Raise OSError, BadUrlError, and what *question* and *greet* raise.
        """
        if self._socket is not None:
            try:
                return question(BoundSocket(self._socket, deadline))
            except ConnectionError:  # it was restarted, or closes what is idle
                self.close()
        source = BoundSocket(self._connect(deadline), deadline)
        self._greet(source)
        return question(source)

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        kept, self._socket = self._socket, None
        if kept is not None:
            BoundSocket(kept, Deadline(0)).close()

    def _connect(self, deadline: Deadline) -> socket.socket:
        at = self._address
        context = _trusting(at.ca) if at.tls else None
        self._socket = connection = socket.create_connection((at.host, at.port), deadline.left())
        if context is not None:
            wrapped = context.wrap_socket(connection, server_hostname=at.host, do_handshake_on_connect=False)
            self._socket = connection = wrapped  # so that close ends the handshake too
            wrapped.settimeout(deadline.left())  # of the whole handshake, however it trickles
            wrapped.do_handshake()
        return connection


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise BadUrlError(f"the url's ca cannot be read: {error.strerror or error}") from None
