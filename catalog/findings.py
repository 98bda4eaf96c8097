"""What has been found wrong so far, each at its place and at most once."""

from collections.abc import Collection
from typing import Final

from .places import Path, Places
from .problems import Problem, Severity
from .wording import about, did_you_mean

_MOST_GUESSES: Final = 100  # in one load; a guess among ten thousand services takes some milliseconds


class Findings:
    """Collects the problems of one load; *merged* are the mappings in which a merge key was refused."""

    def __init__(self, places: Places, merged: frozenset[Path] = frozenset()) -> None:
        self.places, self.merged = places, merged
        self.problems: list[Problem] = []
        self._guesses = _MOST_GUESSES
        self._told: set[Path] = set()

    def error(self, path: Path, said: str, *, at_key: bool = False) -> None:
        """Add that the node at *path* is wrong, unless something was said of it before."""
        if path not in self._told:
            self._told.add(path)
            self.problems.append(Problem(self.places.nearest(path, at_key=at_key), about(path, said)))

    def warn(self, path: Path, said: str) -> None:
        """Add a warning about the node at *path*."""
        self.problems.append(Problem(self.places.nearest(path), about(path, said), Severity.WARNING))

    def guess(self, word: str, known: Collection[str]) -> str:
        """Return what was probably meant by *word*, as ``; did you mean "…"?``, or nothing."""
        self._guesses -= 1
        return did_you_mean(word, known) if self._guesses >= 0 else ""

    def is_told(self, path: Path) -> bool:
        """Whether an error was added at *path*."""
        return path in self._told

    def is_told_within(self, path: Path) -> bool:
        """Whether an error was added at *path*, or at anything in it."""
        return any(told[: len(path)] == path for told in self._told)
