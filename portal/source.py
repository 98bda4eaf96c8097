"""The catalog as it stands on disk: read again when it changes, the last good one kept when it breaks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from seawall.catalog import Catalog, SeawallError, load
from seawall.generator.model import ServiceView

Views = Callable[[Catalog, str], ServiceView]
_LOOK_EVERY: Final = 1.0  # seconds between two looks at the files
_VIEWS_KEPT: Final = 256

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Snapshot:
    """The last good catalog and, where the files have broken since, what is wrong with them.

    *view* returns the panels and alerts of a service; it raises SeawallError where a pack cannot be rendered.
    """

    catalog: Catalog
    view: Callable[[str], ServiceView]
    loaded: bool = False
    problem: str = ""


class CatalogSource:
    """Follows the catalog at *path*; *clock* returns seconds of any monotonic kind."""

    def __init__(self, path: Path, views: Views, clock: Callable[[], float]) -> None:
        self._path, self._views, self._clock = path, views, clock
        self._lock = asyncio.Lock()
        self._seen: Signature | None = None
        self._looked = float("-inf")
        self._snapshot = self._of(Catalog(seawall=1), loaded=False)

    @property
    def latest(self) -> Snapshot:
        """The catalog as it was last read, without another look."""
        return self._snapshot

    async def current(self) -> Snapshot:
        """Return the catalog as of now; never raises, a broken catalog is told in ``problem``."""
        async with self._lock:
            if self._clock() - self._looked >= _LOOK_EVERY:
                await asyncio.to_thread(self._look)
                self._looked = self._clock()
            return self._snapshot

    def _look(self) -> None:
        signature = _signature(self._path)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._snapshot = self._of(load(self._path), loaded=True)
        except (SeawallError, OSError, ValueError) as error:
            last = self._snapshot
            self._snapshot = Snapshot(last.catalog, last.view, last.loaded, str(error) or type(error).__name__)

    def _of(self, catalog: Catalog, *, loaded: bool) -> Snapshot:
        @lru_cache(maxsize=_VIEWS_KEPT)
        def view(name: str) -> ServiceView:
            return self._views(catalog, name)

        return Snapshot(catalog, view, loaded)


def _signature(path: Path) -> Signature:
    try:
        files = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]
        return tuple((str(file), stat.st_mtime_ns, stat.st_size) for file in files for stat in [file.stat()])
    except OSError:
        return ()
