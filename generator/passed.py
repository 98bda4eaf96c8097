"""Proofs that held before: promtool says the same again of the same rules, input and expectations."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from .lean import RULES

_MOST: Final = 20_000  # proofs that are remembered; the oldest half is forgotten then


class Passed:
    """Remembers, in *folder*, what held with the promtool *tool*; None remembers nothing.

    The name of a file there is a digest of all that decides: the tool itself, the tests, and the rules beside them.
    A folder that cannot be written to costs the memory, and nothing else.
    """

    def __init__(self, folder: Path | None, tool: Path) -> None:
        self._folder = folder
        self._tool = _identity(tool)

    def holds(self, tests: Path) -> bool:
        """Return whether *tests*, as ``lean`` wrote them, are known to hold."""
        if self._folder is None:
            return False
        try:
            os.utime(self._file(self._folder, tests))  # it is asked for, so it is not among the oldest
        except OSError:
            return False
        return True

    def note(self, tests: Path) -> None:
        """Remember that *tests* hold."""
        if self._folder is not None:
            with suppress(OSError):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file(self._folder, tests).touch()

    def forget_the_oldest(self, most: int = _MOST) -> None:
        """Keep no more than *most*."""
        if self._folder is None or not self._folder.is_dir():
            return
        with suppress(OSError):
            kept = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(self._folder))
            for _, path in kept[: len(kept) - most // 2] if len(kept) > most else ():
                os.unlink(path)  # noqa: PTH108 - the entry is a text

    def _file(self, folder: Path, tests: Path) -> Path:
        found = hashlib.sha256(self._tool)
        for file in (tests, tests.with_name(RULES)):
            found.update(hashlib.sha256(file.read_bytes()).digest())
        return folder / found.hexdigest()


def _identity(tool: Path) -> bytes:
    try:
        stat = tool.stat()
    except OSError:
        return str(tool).encode()
    return repr((str(tool.resolve()), stat.st_size, stat.st_mtime_ns)).encode()
