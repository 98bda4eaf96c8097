"""A catalog of which some files are broken: their last good copies, or nothing, are read in their place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from seawall.catalog import Catalog, CatalogError, Instead, Problem, files_of

_MOST_ROUNDS: Final = 100
"""Times that a catalog is read with ever more of its files held back: a file each that needs one of those before."""


@dataclass(frozen=True)
class Held:
    """A catalog that is whole, and of each file that was held back what is wrong with it."""

    catalog: Catalog
    instead: Instead = field(default_factory=dict)
    problems: Mapping[Path, tuple[Problem, ...]] = field(default_factory=dict)


def held_back(path: Path, good: Path, read: Callable[[Instead], Catalog]) -> Held:
    """Return what *read* makes of the catalog at *path*, with as few of its files held back as it takes.

    *read* is given what to read in place of the catalog's files, and raises CatalogError. The last good ones lie in
    *good* as they lay in *path*; a file that has none there is left out. Raise what *read* found at first where the
    rest is no catalog either: it is one file, nothing of it is whole, or too much of it needs what is broken.
    """
    problems: dict[Path, tuple[Problem, ...]] = {}
    first: CatalogError | None = None
    for _ in range(_MOST_ROUNDS):
        instead = {file: _copy(good / file.relative_to(path)) for file in problems}
        try:
            catalog = read(instead)
        except CatalogError as error:
            first = first or error
            found = _by_file(error, path)
            if not found.keys() - problems.keys():
                raise first from None
            problems |= {file: each for file, each in found.items() if file not in problems}
            continue
        if first and not catalog.services:
            raise first from None
        return Held(catalog, instead, problems)
    assert first is not None
    raise first


def _copy(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _by_file(error: CatalogError, path: Path) -> dict[Path, tuple[Problem, ...]]:
    """Return the problems of each file of the folder at *path*; nothing where the catalog is one file."""
    if not path.is_dir():
        return {}
    files = {str(file): file for file in files_of(path)}
    named = {problem.position.file for problem in error.problems}
    return {
        files[name]: tuple(problem for problem in error.problems if problem.position.file == name)
        for name in sorted(named & files.keys())
    }
