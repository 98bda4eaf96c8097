"""One process' counts in a mapped file, which its siblings read while it is written.

The file only grows: after a header come entries, each one a family or a series with its numbers, and the header says up
to where they are whole. So a reader needs no lock, and a number that is one aligned double is never seen half written.
Who writes holds a POSIX lock: the system takes it back when a process dies, however it does, and it is not inherited.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = ".segment"
_MAGIC: Final = b"seawall1"
_CAPACITY: Final = 64 * 2**20  # of addresses; memory is taken by the step
_STEP: Final = 256 * 2**10
_COMMITTED: Final = slice(8, 16)
_BEGIN: Final = 64
_HEAD: Final = struct.Struct("<IIII")  # bytes of the whole entry, family, bytes of the text, how many numbers
_FAMILY: Final = 0xFFFFFFFF  # in the place of a family: the entry is one itself
_EIGHT: Final = 8


class Entry(NamedTuple):
    """A family, whose *text* defines it, or a series of the *family* of that number, whose text is its labels."""

    family: int | None
    text: str
    cells: "memoryview[float]"


class SegmentFull(Exception):  # noqa: N818 - no mistake of anybody's
    """There is no room for another series, in the file or in the memory that it lies in."""


class Segment:
    """The file that this process writes. Closing it would give up its lock, so it is kept to the end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        if os.fstat(descriptor).st_size < _CAPACITY:
            os.ftruncate(descriptor, _CAPACITY)
        self._allocated = 0
        self._allocate(_BEGIN)
        self._map = mmap.mmap(descriptor, _CAPACITY)
        self._bytes = memoryview(self._map)
        self._numbers = self._bytes.cast("d")
        self._committed = self._bytes[_COMMITTED].cast("Q")
        if bytes(self._bytes[:_EIGHT]) != _MAGIC or not _BEGIN <= self._committed[0] <= _CAPACITY:
            self._committed[0] = _BEGIN
            self._bytes[:_EIGHT] = _MAGIC
        self._allocate(self._committed[0])

    def entries(self) -> Iterator[Entry]:
        """Yield what an earlier owner left."""
        yield from _entries(self._bytes, self._numbers, _BEGIN, self._committed[0])

    def append(self, family: int | None, text: str, cells: int) -> "memoryview[float]":
        """Add an entry with so many *cells*, all of them 0, and return these. Raises SegmentFull."""
        written = text.encode()
        start = self._committed[0]
        first = _after_text(start, len(written))
        end = first + cells * _EIGHT
        self._allocate(end)
        number = _FAMILY if family is None else family
        _HEAD.pack_into(self._bytes, start, end - start, number, len(written), cells)
        self._bytes[start + _HEAD.size : start + _HEAD.size + len(written)] = written
        self._bytes[first:end] = bytes(end - first)  # whatever lay there
        self._committed[0] = end
        return self._numbers[first // _EIGHT : end // _EIGHT]

    def _allocate(self, end: int) -> None:
        """Take memory up to *end* before it is touched: where none is left, touching it would kill the process."""
        if end <= self._allocated:
            return
        if end > _CAPACITY:
            raise SegmentFull(f"{self.path} has its {_CAPACITY} bytes")
        wanted = -(-end // _STEP) * _STEP
        try:
            _take(self._descriptor, self._allocated, wanted - self._allocated)
        except OSError as error:
            raise SegmentFull(str(error)) from error
        self._allocated = wanted


class SegmentReader:
    """The file of a sibling, read from where it was read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            # Read, not mapped: where the folder is full, to look into a page that nobody took would kill the process.
            if file.read(_EIGHT) != _MAGIC:
                raise ValueError(f"{path} is not begun")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = memoryview(self._map)
        self._numbers = self._bytes.cast("d")
        self._read = _BEGIN

    def new(self) -> list[Entry]:
        """Return the entries that came since the last call."""
        (committed,) = self._bytes[_COMMITTED].cast("Q")
        entries = list(_entries(self._bytes, self._numbers, self._read, min(committed, len(self._bytes))))
        self._read = max(committed, self._read)
        return entries

    def is_owned(self) -> bool:
        """Whether a process that lives writes it."""
        try:
            descriptor = lock(self.path)
        except OSError:
            return False
        if descriptor is None:
            return True
        os.close(descriptor)
        return False


def create(folder: Path) -> Segment | None:
    """Make a file of this process' own in *folder*; None where a sibling took it first. Raises OSError, SegmentFull."""
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        return adopt(path)
    except (OSError, SegmentFull):
        path.unlink(missing_ok=True)  # nothing was counted in it
        raise


def adopt(path: Path) -> Segment | None:
    """Go on with the file of a sibling that died, or None where it lives. Raises OSError, SegmentFull."""
    descriptor = lock(path)
    if descriptor is None:
        return None
    try:
        return Segment(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def lock(path: Path) -> int | None:
    """Return an open descriptor of *path* that holds its lock, or None where another process does. Raises OSError."""
    try:
        import fcntl
    except ImportError:
        raise OSError("this system has no POSIX locks") from None
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _entries(data: "memoryview[int]", numbers: "memoryview[float]", start: int, end: int) -> Iterator[Entry]:
    while start < end:
        size, family, length, cells = _HEAD.unpack_from(data, start)
        first = _after_text(start, length)
        if size != first + cells * _EIGHT - start:
            return  # not of our making: what came before it stands
        text = bytes(data[start + _HEAD.size : start + _HEAD.size + length]).decode(errors="replace")
        view = numbers[first // _EIGHT : first // _EIGHT + cells]
        yield Entry(None if family == _FAMILY else family, text, view)
        start += size


def _after_text(start: int, length: int) -> int:
    return -(-(start + _HEAD.size + length) // _EIGHT) * _EIGHT


def _take(descriptor: int, start: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, length)
    else:
        os.pwrite(descriptor, bytes(length), start)  # macOS; nothing stands there yet
