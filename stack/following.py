"""Makes a folder follow a catalog: rendered and checked when its files change, and what is broken held back."""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from seawall.catalog import Catalog, CatalogError, Instead, SeawallError, Severity, contents_of, fingerprint, load
from seawall.conventions import CATALOG_DIR, FOLLOWED
from seawall.generator import Addresses, Artifact, Finding, Packs, load_packs, serves, validate

from .held_back import Held, held_back
from .layout import write_atomically
from .rendering import Source, build, digest

_log: Final = logging.getLogger(__name__)
_ONE_FILE: Final = "catalog.yaml"
_MOST_RESTLESS: Final = 15
"""Looks in a row that find other files than the one before, after which they are rendered as they are."""
_PAUSE: Final = 30.0  # seconds until what failed, and may not fail for ever, is tried again; then twice as long
_LONGEST_PAUSE: Final = 1800.0


@dataclass(frozen=True)
class Look:
    """What one look at the catalog came to.

    *serves*: the folder holds a set that was checked; *has_changed*: another one than before. *problems* are sentences
    with their places, and *held_back* the files that an older copy, or nothing, stands for; where there are problems
    and no such file, the last good set serves as it was.
    """

    serves: bool
    has_changed: bool = False
    problems: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    seconds: float = 0.0

    @property
    def is_current(self) -> bool:
        """Whether all that the files say serves."""
        return self.serves and not self.problems


class Follower:
    """Makes the folder *out* hold what *source* renders to and, in ``catalog/``, the catalog that it is of.

    *tools* are promtool and amtool, None leaves out the checks; *tell* gets a line a step.
    """

    def __init__(
        self,
        source: Source,
        out: Path,
        addresses: Addresses,
        tools: Mapping[str, Path] | None,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._out, self._addresses = source, out, addresses
        self._tools, self._tell, self._clock = tools, tell, clock
        self._seen: object = None
        self._rendered: object = None
        self._restless = 0
        self._again = math.inf
        self._pause = _PAUSE
        self._served = False

    def look(self, today: date) -> Look | None:
        """Render where the files or *today* are others than the last time, and have come to rest; else return None.

        Also where the folder no longer serves, and where the last time failed for another reason than the catalog: a
        disk was full, or somebody else rendered. Files that never come to rest are rendered now and then.
        What is wrong with the catalog, the templates or the folder is in the Look; it is not raised.
        """
        found = (today, fingerprint(self._source.catalog), digest(self._source.templates))
        self._restless = 0 if self._seen in (None, found) else self._restless + 1
        self._seen = found
        if 0 < self._restless < _MOST_RESTLESS:
            return None
        if found == self._rendered and self._clock() < self._again and (self.serves or not self._served):
            return None
        self._rendered, self._restless = found, 0
        start = self._clock()
        try:
            look = self._follow(today)
        except (SeawallError, OSError) as error:
            look = Look(self.serves, problems=tuple(str(error).splitlines()))
            self._try_again(error)
        else:
            self._again, self._pause = math.inf, _PAUSE
        self._served = look.serves
        look = replace(look, seconds=self._clock() - start)
        self._note(look)
        return look

    def _try_again(self, error: Exception) -> None:
        """Say when, if time may mend it."""
        self._again = math.inf if isinstance(error, CatalogError) else self._clock() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _follow(self, today: date) -> Look:
        packs = load_packs(self._source.templates)
        path = self._source.catalog
        said = contents_of(path)  # what is loaded is what is kept, whoever writes meanwhile
        held = held_back(path, self._out / CATALOG_DIR, lambda instead: _read(path, {**said, **instead}, packs, today))
        more = _kept(path, {**said, **held.instead})
        built = build(held.catalog, packs, self._out, self._addresses, self._tools, self._tell, more)
        return Look(True, not built.written.is_unchanged, *_told(held), built.findings)

    @property
    def serves(self) -> bool:
        """Whether the folder holds a set that was rendered, by an earlier watch perhaps."""
        with suppress(SeawallError, OSError):
            return serves(self._out)
        return False

    def _note(self, look: Look) -> None:
        for problem in look.problems:
            _log.error("%s", problem)
        if look.problems:
            _log.error("%s", _consequence(look))
        if look.has_changed:
            _log.info("a new set serves, after %.1f s", look.seconds)
        if not look.serves:
            return
        told = {"problems": look.problems, "held_back": look.held_back}
        try:
            write_atomically(self._out / FOLLOWED, json.dumps(told, indent=1) + "\n", mode=0o644)
        except OSError as error:
            _log.error("cannot write %s: %s", self._out / FOLLOWED, error.strerror)


def _consequence(look: Look) -> str:
    if look.held_back:
        return f"held back, all else serves: {', '.join(look.held_back)}"
    return "the last good set serves on" if look.serves else "nothing serves yet: mend what is said above"


def _read(path: Path, instead: Instead, packs: Packs, today: date) -> Catalog:
    catalog = load(path, today=today, instead=instead)
    errors = [problem for problem in validate(catalog, packs) if problem.severity is Severity.ERROR]
    if errors:
        raise CatalogError(errors)
    return catalog


def _kept(path: Path, read: Instead) -> list[Artifact]:
    """Return the files of a folder that is the same catalog: what serves if the next one is broken."""
    names = {file: str(file.relative_to(path)) if path.is_dir() else _ONE_FILE for file in read}
    return [Artifact(f"{CATALOG_DIR}/{names[file]}", held) for file, held in read.items() if held is not None]


def _told(held: Held) -> tuple[tuple[str, ...], tuple[str, ...]]:
    problems = [str(problem) for each in held.problems.values() for problem in each]
    return tuple(problems), tuple(str(file) for file in held.problems)
