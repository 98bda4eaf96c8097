"""The catalog that serves: read again when its files change, the last good one kept."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final

from seawall.catalog import Catalog, CatalogError, fingerprint, load

_log: Final = logging.getLogger(__name__)


class CatalogWatch:
    """Holds the catalog at *path*, a file or a folder. Raise CatalogError where the first one is broken."""

    def __init__(
        self, path: Path, *, read: Callable[[Path], Catalog] = load, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._read = read
        self._clock = clock
        self._seen = fingerprint(path)
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
        found = fingerprint(self._path)
        if found == self._seen:
            return False
        self._seen = found
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
