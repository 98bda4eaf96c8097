"""What the collectors share that speak PostgreSQL's protocol: one connection that is kept, and can be cut off."""

import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from .errors import ConnectError, MissingPackageError
from .kept import Kept

if TYPE_CHECKING:
    from psycopg import Connection

_ROLE: Final = re.compile(r'\b(user|role) "[^"]*"')


class KeptConnection(Kept):
    """A connection that is opened at the first question, and kept for the next probe."""

    def __init__(self, connect: "Callable[[], Connection[Any]]") -> None:
        super().__init__()
        self._connect = connect
        self._connection: Connection[Any] | None = None

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _is_gone(self) -> bool:
        return self._connection is None or self._connection.closed


def require_psycopg(kind: str) -> None:
    """Raise MissingPackageError where psycopg is not installed."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingPackageError(kind, "psycopg", "postgres") from None


def connected(parameters: Mapping[str, Any]) -> "Connection[Any]":
    """Return a connection; raise ConnectError, which does not say who it is of."""
    import psycopg

    try:
        return psycopg.connect(**parameters)
    except psycopg.Error as error:
        raise ConnectError(_ROLE.sub(r"\1", str(error))) from None
