"""A socket whose every wait ends at one deadline, however slowly the other side sends."""

import io
import socket
import time
from contextlib import suppress
from typing import Any


class Deadline:
    """A moment by which a probe has its answer."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raise TimeoutError where none are."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        return left

    def goes_on(self) -> bool:
        """Return whether it is still to come."""
        return time.monotonic() < self.end


class BoundSocket:
    """As much of a socket as http.client asks for; no byte that trickles in lengthens the wait."""

    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        self.inner, self._deadline = inner, deadline

    def sendall(self, data: Any) -> None:
        """Send *data*."""
        self.inner.settimeout(self._deadline.left())
        self.inner.sendall(data)

    def recv(self, size: int) -> bytes:
        """Return what came, at most *size* bytes; nothing at the end."""
        self.inner.settimeout(self._deadline.left())
        return self.inner.recv(size)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader of what comes."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """End the connection, also under somebody who waits on it."""
        with suppress(OSError):
            self.inner.shutdown(socket.SHUT_RDWR)
        self.inner.close()


class _Reader(io.RawIOBase):
    def __init__(self, source: BoundSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)
