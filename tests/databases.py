"""A database's server for a test: it refuses to be root, so that it runs as somebody less, in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, ClassVar, Final

from servers import eventually

LOWER: Final = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups") if os.geteuid() == 0 else ()
"""What stands before a program that refuses to be root."""


@contextmanager
def folder_of(name: str) -> Iterator[Path]:
    """Make a folder that such a program may write to, until the end of the block; pytest's own are open to nobody else."""
    folder = Path(tempfile.mkdtemp(prefix=f"seawall-{name}-"))
    try:
        if LOWER:
            shutil.chown(folder, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Database(ABC):
    """A server that can be stopped and started again."""

    port: int
    folder: Path
    command: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None
    ended_by: ClassVar[Signals]
    not_yet: ClassVar[type[Exception]]
    """What its client raises while it starts."""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen((*LOWER, *self.command), cwd=self.folder, stdout=log, stderr=log)
        eventually(self.is_ready, 60)

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.send_signal(self.ended_by)
            self.process.wait(20)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block."""
        try:
            self.start()
            yield
        finally:
            self.stop()

    def is_ready(self) -> bool:
        """Return whether it answers: while it starts it refuses everybody."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return bool(self.ask("SELECT 1"))
        except self.not_yet:
            return False

    @abstractmethod
    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run each statement by itself, as whoever may do everything; return the rows of the last one that has any."""

    def ask(self, query: str) -> Any:
        """Return the one value of *query*."""
        return self.run(query)[0][0]
