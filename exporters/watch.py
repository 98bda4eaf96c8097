"""The catalog that serves: read again when its files change, the last good one kept."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Final

from seawall.catalog import Catalog, CatalogError, load

_log: Final = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int, int], ...]


class CatalogWatch:
    """Holds the catalog at *path*, a file or a folder. Raise CatalogError where the first one is broken."""

    def __init__(
        self, path: Path, *, read: Callable[[Path], Catalog] = load, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._read = read
        self._clock = clock
        self._seen = _fingerprint(path)
        self.catalog = read(path)
        self.loaded_at = clock()
        self.is_current = True

    def run(self, stop: Event, interval: float, changed: Callable[[Catalog], None]) -> None:
        """Look every *interval* seconds until *stop*; tell *changed* of each new catalog."""
        while not stop.wait(interval):
            if self.refresh():
                changed(self.catalog)

    def refresh(self) -> bool:
        """Read the catalog again if its files differ from when it was last read; return whether a new one serves."""
        fingerprint = _fingerprint(self._path)
        if fingerprint == self._seen:
            return False
        self._seen = fingerprint
        try:
            self.catalog = self._read(self._path)
        except CatalogError as error:
            self.is_current = False
            for problem in error.problems:
                _log.error("the catalog is broken, the last good one serves on: %s", problem)
            return False
        except Exception as error:  # noqa: BLE001  # files that change while they are read; the look goes on
            self.is_current = False
            _log.error("the catalog cannot be read, the last good one serves on: %s: %s", type(error).__name__, error)
            return False
        self.loaded_at, self.is_current = self._clock(), True
        _log.info("read the catalog again: %d services", len(self.catalog.services))
        return True


def _fingerprint(path: Path) -> Fingerprint:
    return tuple(sorted(_stats(path)))


def _stats(path: Path) -> Iterator[tuple[str, int, int, int]]:
    # The folder itself is among them: a file that was renamed over another changes it.
    for file in (path, *(path.rglob("*") if path.is_dir() else ())):
        try:
            stat = file.stat()
        except OSError:  # it went away between the listing and now, or it is a link to nothing
            continue
        yield str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns
