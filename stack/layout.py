"""Where the stack keeps its files: one folder, by default ``.seawall``."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.catalog import SeawallError

_MARK: Final = "*\n"  # of the state folder's own .gitignore


class StateFolderError(SeawallError):
    """The state folder cannot be made or written to."""


@dataclass(frozen=True)
class Layout:
    """The files under *root*, an absolute path."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> "Layout":
        """Return the layout of *folder*, which need not exist."""
        return cls(folder.absolute())

    @property
    def is_ours(self) -> bool:
        """Whether the folder was made by ``create``."""
        return self._mark.is_file() and self._mark.read_text(encoding="utf-8", errors="replace") in ("", _MARK)

    @property
    def _mark(self) -> Path:
        return self.root / ".gitignore"

    @property
    def build(self) -> Path:
        """What was rendered from the catalog."""
        return self.root / "build"

    @property
    def logs(self) -> Path:
        """One log a process, rotated by size."""
        return self.root / "logs"

    @property
    def kept(self) -> Path:
        """A copy of the last catalog that could be rendered, beneath its own name."""
        return self.root / "kept"

    @property
    def data(self) -> Path:
        """What the processes themselves keep; survives ``down``."""
        return self.root / "data"

    @property
    def plan(self) -> Path:
        """What the supervisor is to run."""
        return self.root / "plan.json"

    @property
    def state(self) -> Path:
        """What the supervisor runs right now; gone after ``down``."""
        return self.root / "state.json"

    @property
    def docker(self) -> Path:
        """How the containers of this stack are reached, where it is run by Docker."""
        return self.root / "docker.json"

    @property
    def lock(self) -> Path:
        """Held by whoever starts, reloads or stops the stack."""
        return self.root / "lock"

    @property
    def faults(self) -> Path:
        """The example's switchable faults."""
        return self.root / "faults.json"

    def log_of(self, name: str) -> Path:
        """Return the log of the process *name*."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folders, readable by their owner alone and ignored by git; raise StateFolderError.

        A folder that holds something else is refused: its files are somebody's.
        """
        try:
            if self.root.exists() and any(self.root.iterdir()) and not self.is_ours:
                raise StateFolderError(f"{self.root} is not a folder of Seawall's; choose another with --state")
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._mark.exists():
                self._mark.write_text(_MARK)
            for folder in (self.logs, self.data):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.lock.open("a").close()  # what cannot be written to is told now, not in the middle of a start
        except OSError as error:
            raise StateFolderError(
                f"cannot keep the stack's files in {self.root}: {error.strerror}; choose another folder with --state"
            ) from None


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace *path* by a file that holds *text*, in one step: a reader sees the old one or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, mode)
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
