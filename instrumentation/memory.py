"""Where the numbers of every series are: in a file among those of this process' siblings, or in its own heap.

A scrape of any worker shows the sum of all. A worker that dies leaves its file, so that nothing is lost, and the next
one goes on with it, so that there are never more files than there were workers at once.
"""

import json
import mmap
import time
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from .diagnostics import say_once
from .native import RLock
from .segments import SUFFIX, Segment, SegmentFull, SegmentReader, adopt, create

Labels = tuple[str, ...]

_SCRAPED: Final = "scraped"
_TRIES: Final = 3


class Held(NamedTuple):
    """The *cells* of one series in one process; *owner* is the sibling that it is, or None for this one."""

    cells: "memoryview[float]"
    owner: SegmentReader | None


Table = dict[Labels, list[Held]]


class Memory:
    """Keep the cells of this process' series, and find those of its siblings.

    *folder* returns the group's folder, once it is needed; None keeps everything in the heap.
    """

    def __init__(self, folder: Callable[[], Path] | None = None) -> None:
        self._folder_of = folder
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked child must: it neither writes its parent's file nor holds its lock."""
        self._lock = RLock()
        self._folder: Path | None = None
        self._is_open = False
        self._segment: Segment | None = None
        self._numbers: dict[str, int] = {}
        self._adopted: dict[tuple[str, Labels], memoryview[float]] = {}
        self._readers: dict[str, SegmentReader] = {}
        self._families: dict[str, list[str]] = {}
        self._tables: dict[str, Table] = {}
        self._scraped: memoryview[float] = heap_cells(1)

    def cells(self, definition: str, labels: Labels, size: int) -> tuple["memoryview[float]", bool]:
        """Return the cells of a new series, and whether they were counted by a process that died before."""
        with self._lock:
            self._open()
            left = self._adopted.pop((definition, labels), None)
            if left is not None and len(left) == size:
                return left, True
            made = self._append(definition, labels, size)
            self._hold(definition, labels, Held(made, None))
            return made, False

    def tables(self) -> dict[str, Table]:
        """Return every series of the group by its family's definition, as they are now."""
        with self._lock:
            self._open()
            self._look_for_siblings()
            return {definition: dict(table) for definition, table in self._tables.items()}

    def has_siblings(self) -> bool:
        """Whether another process of the group counts, or did."""
        with self._lock:
            return self._folder is not None and len(list(self._files())) > 1

    @property
    def scraped(self) -> float:
        """When the group's page was asked for last, on the system's monotonic clock."""
        return self._scraped[0]

    def note_scrape(self) -> None:
        """Remember that the page is asked for now."""
        with self._lock:
            self._open()
            self._scraped[0] = time.monotonic()

    @property
    def folder(self) -> Path | None:
        """The group's folder, or None where this process is alone."""
        with self._lock:
            self._open()
            return self._folder

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        if self._folder_of is None:
            return
        try:
            self._folder = self._folder_of()
            self._scraped = _shared_double(self._folder / _SCRAPED)
            self._segment = self._own_segment(self._folder)
        except (OSError, ValueError, SegmentFull) as error:
            self._folder = self._segment = None
            self._scraped = heap_cells(1)
            say_once(f"Seawall has no memory that workers share ({error}): each tells of itself alone.")

    def _own_segment(self, folder: Path) -> Segment:
        for path in sorted(self._files()):
            try:
                found = adopt(path)
            except OSError:
                continue
            if found is not None:
                self._take_over(found)
                return found
        for _ in range(_TRIES):
            if (made := create(folder)) is not None:
                return made
        raise BlockingIOError(f"siblings take every file in {folder}")

    def _take_over(self, segment: Segment) -> None:
        """Go on with what a sibling left: its counts stand, and what it held at its end it holds no more."""
        names: list[str] = []
        for entry in segment.entries():
            if entry.family is None:
                names.append(entry.text)
                self._numbers[entry.text] = len(names) - 1
            elif entry.family < len(names):
                definition, labels = names[entry.family], _labels(entry.text)
                if is_gauge(definition):
                    for index in range(len(entry.cells)):
                        entry.cells[index] = 0.0
                self._adopted[definition, labels] = entry.cells
                self._hold(definition, labels, Held(entry.cells, None))

    def _append(self, definition: str, labels: Labels, size: int) -> "memoryview[float]":
        if self._segment is not None:
            try:
                if definition not in self._numbers:
                    self._segment.append(None, definition, 0)
                    self._numbers[definition] = len(self._numbers)
                return self._segment.append(self._numbers[definition], json.dumps(labels), size)
            except SegmentFull:
                say_once("Seawall's shared memory is full: further series tell of one worker alone.")
        return heap_cells(size)

    def _hold(self, definition: str, labels: Labels, held: Held) -> None:
        self._tables.setdefault(definition, {}).setdefault(labels, []).append(held)

    def _files(self) -> Iterable[Path]:
        return self._folder.glob(f"*{SUFFIX}") if self._folder is not None else ()

    def _look_for_siblings(self) -> None:
        own = self._segment.path.name if self._segment else ""
        for path in self._files():
            if path.name != own and path.name not in self._readers:
                try:
                    self._readers[path.name] = SegmentReader(path)
                except (OSError, ValueError):  # it is gone again, or not yet begun
                    continue
        for name, reader in self._readers.items():
            self._read(self._families.setdefault(name, []), reader)

    def _read(self, names: list[str], reader: SegmentReader) -> None:
        for entry in reader.new():
            if entry.family is None:
                names.append(entry.text)
            elif entry.family < len(names):
                self._hold(names[entry.family], _labels(entry.text), Held(entry.cells, reader))


def heap_cells(size: int) -> "memoryview[float]":
    """Return *size* numbers, all 0, of this process alone."""
    return memoryview(array("d", bytes(8 * size)))


def is_gauge(definition: str) -> bool:
    """Whether a family with that *definition* tells of now, and of nobody who is gone."""
    return '"kind": "gauge"' in definition


def _labels(text: str) -> Labels:
    return tuple(json.loads(text))


def _shared_double(path: Path) -> "memoryview[float]":
    with path.open("a+b") as file:
        if file.seek(0, 2) < mmap.PAGESIZE:
            file.write(bytes(mmap.PAGESIZE))
            file.flush()
        return memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("d")[:1]
