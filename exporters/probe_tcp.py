"""The probe of TCP, plain or under TLS: a connection, and a talk over it."""

import re
import socket
from typing import Final
from urllib.parse import SplitResult

from .probe_connection import Attempt, ProbeFailedError, connect, resolve, secure
from .probe_deadline import BoundSocket
from .probe_metrics import REGEX

_LONGEST_LINE: Final = 4096
_LONGEST_ANSWER: Final = 64 * 1024


def probe_tcp(attempt: Attempt, url: SplitResult) -> None:
    """Connect to *url*, and talk as its settings say; raise ProbeFailedError."""
    attempt.found.only(REGEX, 0)
    host, port = url.hostname or "", url.port or 0
    family, address = resolve(attempt, host, port, socket.SOCK_STREAM)
    connection = connect(attempt, family, address, socket.SOCK_STREAM)
    try:
        if url.scheme == "tls":
            connection = secure(
                attempt, connection, host, lambda: connect(attempt, family, address, socket.SOCK_STREAM)
            )
        _talk(attempt, connection)
    except TimeoutError:
        raise ProbeFailedError("timeout", "the answer took too long") from None
    except OSError as error:
        raise ProbeFailedError("protocol", f"the connection broke: {error}") from None
    finally:
        connection.close()


def _talk(attempt: Attempt, connection: BoundSocket) -> None:
    lines = _Lines(connection)
    for step in attempt.probe.talk:
        if step.send is not None:
            connection.sendall("".join(f"{line}\r\n" for line in step.send.split("\n")).encode())
        if step.expect is not None:
            _expect(attempt, lines, step.expect)


def _expect(attempt: Attempt, lines: "_Lines", pattern: str) -> None:
    while (line := lines.next()) is not None:
        if re.search(pattern, line):
            attempt.found.only(REGEX, 0)
            return
        attempt.found.only(REGEX, 1)
    attempt.found.only(REGEX, 1)
    raise ProbeFailedError("answer", f"no line of the answer matches {pattern}")


class _Lines:
    """The lines of an answer, each of 4096 bytes at most, 64 KiB in all."""

    def __init__(self, source: BoundSocket) -> None:
        self._source, self._rest, self._read = source, b"", 0

    def next(self) -> str | None:
        """Return the next line; None at the end."""
        while b"\n" not in self._rest and len(self._rest) < _LONGEST_LINE:
            data = self._source.recv(_LONGEST_LINE) if self._read < _LONGEST_ANSWER else b""
            if not data:
                break
            self._read += len(data)
            self._rest += data
        if not self._rest:
            return None
        line, _, rest = self._rest.partition(b"\n")
        self._rest = self._rest[_LONGEST_LINE:] if len(line) > _LONGEST_LINE else rest
        return line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
