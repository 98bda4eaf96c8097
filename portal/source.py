"""The catalog as it stands on disk: read again when it changes, the last good one kept when it breaks."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from seawall.catalog import Catalog, SeawallError, fingerprint, load
from seawall.generator.model import ServiceView

Views = Callable[[Catalog, str], ServiceView]
_LOOK_EVERY: Final = 1.0  # seconds between two looks at the files
_VIEWS_KEPT: Final = 256


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
    """Follows the catalog at *path*; *clock* returns seconds of any monotonic kind.

    *followed* is where ``seawall watch`` says what it holds back: the catalog that it lets serve is a good one.
    """

    def __init__(self, path: Path, views: Views, clock: Callable[[], float], followed: Path) -> None:
        self._path, self._views, self._clock, self._followed = path, views, clock, followed
        self._lock = asyncio.Lock()
        self._seen: object = None
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
        problem = _told(self._followed)
        found = (fingerprint(self._path), problem)
        if found == self._seen:
            return
        self._seen = found
        try:
            self._snapshot = replace(self._of(load(self._path), loaded=True), problem=problem)
        except (SeawallError, OSError, ValueError) as error:
            last = self._snapshot
            self._snapshot = Snapshot(last.catalog, last.view, last.loaded, str(error) or type(error).__name__)

    def _of(self, catalog: Catalog, *, loaded: bool) -> Snapshot:
        @lru_cache(maxsize=_VIEWS_KEPT)
        def view(name: str) -> ServiceView:
            return self._views(catalog, name)

        return Snapshot(catalog, view, loaded)


def _told(followed: Path) -> str:
    """Return what ``seawall watch`` says is wrong with the catalog; nothing where it does not run."""
    try:
        told = json.loads(followed.read_text(encoding="utf-8"))
        return "\n".join(str(problem) for problem in told["problems"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
