"""An access log that is read as it grows: where it was left, what is complete, and which file it is by now."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from seawall.catalog import SeawallError

CHUNK: Final = 1 << 20  # bytes that are held at a time
LONGEST_LINE: Final = 1 << 16


class LogError(SeawallError):
    """The log cannot be read."""


class GrowingLog:
    """Yields the lines that were written since the last look, through renamed, truncated and missing files.

    It begins at the end of the file that it finds first: what is older was before its time. A file that appears later
    is read from its start. Of a renamed file the rest is read once more at the next look, since the server goes on
    writing there until it is told.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._current: _File | None = None
        self._renamed: _File | None = None
        self._begins_at_end = True

    def lines(self, goes_on: Callable[[], bool]) -> Iterator[bytes]:
        """Yield complete lines while *goes_on*; one that is too long is yielded empty. Raise LogError."""
        self._follow()
        for file in (self._renamed, self._current):
            if file is not None:
                yield from file.lines(goes_on)

    @property
    def unread(self) -> int:
        """Return the bytes that are not read yet."""
        return sum(file.unread() for file in (self._renamed, self._current) if file is not None)

    def _follow(self) -> None:
        """Open what *path* is by now; let go of a renamed file whose rest was read."""
        if self._renamed is not None and not self._renamed.unread():
            self._renamed.close()
            self._renamed = None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._begins_at_end = False
            raise LogError("there is no access log") from None
        except OSError as error:
            raise LogError(f"the access log cannot be read: {error.strerror}") from None
        if self._current is not None and self._current.is_same(found):
            return
        if self._renamed is not None:  # its rest first: two renames between two looks are told apart then
            return
        opened = _File(self._path)
        if self._begins_at_end:
            opened.position = opened.unread()
        self._begins_at_end = False
        self._renamed, self._current = self._current, opened


class _File:
    """One file, from a position on."""

    def __init__(self, path: Path) -> None:
        try:
            # What is no regular file may block whoever opens it.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise LogError(f"the access log cannot be read: {error.strerror}") from None
        self._found = os.fstat(self._descriptor)
        if not stat.S_ISREG(self._found.st_mode):
            self.close()
            raise LogError("the access log is no regular file")
        self.position = 0
        self._skips = False  # the rest of a line that is too long

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let it go."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)

    def is_same(self, other: os.stat_result) -> bool:
        """Whether *other* is this file."""
        return os.path.samestat(self._found, other)

    def unread(self) -> int:
        """Return the bytes beyond its position; less than none where it was cut off."""
        return os.fstat(self._descriptor).st_size - self.position

    def lines(self, goes_on: Callable[[], bool]) -> Iterator[bytes]:
        """Yield the complete lines from its position on, or from the start of what was cut off and begins anew."""
        if self.unread() < 0:
            self.position, self._skips = 0, False
        while goes_on() and self.unread() > 0:
            chunk = os.pread(self._descriptor, CHUNK, self.position)
            end = chunk.rfind(b"\n") + 1
            if not end and len(chunk) < LONGEST_LINE:
                return  # it is being written
            self.position += end or len(chunk)
            yield from self._complete(chunk[:end])
            if not end and not self._skips:
                self._skips = True
                yield b""

    def _complete(self, text: bytes) -> Iterator[bytes]:
        lines = iter(text.split(b"\n")[:-1])
        if text and self._skips:
            next(lines)
            self._skips = False
        for line in lines:
            yield line if len(line) <= LONGEST_LINE else b""
