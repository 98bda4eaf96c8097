"""A process' log: rotated by size when it is written, and read back line by line."""

import codecs
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

LIMIT: Final = 5 * 1024 * 1024  # bytes, after which a log is rotated
KEPT: Final = 3  # rotated logs beside the current one
_CHUNK: Final = 64 * 1024
_POLL: Final = 0.2


class RotatingLog:
    """Appends bytes to *path*; past *limit* bytes it becomes ``path.1``, and so on up to *kept*."""

    def __init__(self, path: Path, limit: int = LIMIT, kept: int = KEPT) -> None:
        self._path, self._limit, self._kept = path, limit, kept
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Append *data*; raise OSError where the disk does not take it."""
        if self._file.tell() and self._file.tell() + len(data) > self._limit:
            self._rotate()
        self._file.write(data)

    def say(self, message: str) -> None:
        """Append a line of the supervisor's own."""
        self.write(f"[seawall] {time.strftime('%Y-%m-%dT%H:%M:%S%z')} {message}\n".encode())

    def close(self) -> None:
        """Close the file; nothing is lost, as nothing is buffered."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        try:
            for number in range(self._kept, 0, -1):
                older = _numbered(self._path, number - 1)
                if older.exists():
                    older.replace(_numbered(self._path, number))
        finally:
            self._file = self._path.open("ab", buffering=0)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def tail(path: Path, lines: int, end: int | None = None) -> list[str]:
    """Return the last *lines* lines of the log at *path* (up to byte *end*), reaching into the rotated ones."""
    found = _last_lines(path, lines, end)
    for number in range(1, KEPT + 1):
        if len(found) >= lines:
            break
        found = _last_lines(_numbered(path, number), lines - len(found)) + found
    return found


def _last_lines(path: Path, lines: int, end: int | None = None) -> list[str]:
    try:
        with path.open("rb") as file:
            position, data = file.seek(0, os.SEEK_END) if end is None else end, b""
            while position and data.count(b"\n") <= lines:
                step = min(_CHUNK, position)
                position = file.seek(position - step)
                data = file.read(step) + data
    except OSError:
        return []
    return data.decode(errors="replace").splitlines()[-lines:] if lines > 0 else []


def follow(
    path: Path, start: int, go_on: Callable[[], bool], pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Yield what is appended to *path* after byte *start*, across rotations, until *go_on* is false and all is read."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    file = path.open("rb")
    try:
        file.seek(start)
        while True:
            last_look = not go_on()  # asked first, so that what came before the end is still read
            rotated = _is_another(path, file)  # likewise: the rest of the old file comes before the new one
            if data := file.read(_CHUNK):
                yield decoder.decode(data)
            elif rotated:
                file.close()
                file = path.open("rb")
            elif last_look:
                return
            else:
                pause(_POLL)
    finally:
        file.close()


def _is_another(path: Path, file: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:  # in the middle of a rotation
        return False
