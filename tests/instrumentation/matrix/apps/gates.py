"""Where a request waits until the test lets it go on: an upstream that is slow, a stream that has more to say.

Two files in the folder that ``MATRIX_GATE`` names are the gate, so that a test opens it in any process.
"""

import asyncio
import os
import time
from pathlib import Path

SECONDS = 20
PAUSE = 0.001


class Gate:
    """Hold requests until it is open, or for twenty seconds."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(os.environ["MATRIX_GATE"])
        self._open = self._folder / "open"
        self._entered = self._folder / "entered"

    def wait(self) -> None:
        """Hold a thread."""
        self._entered.touch()
        _await(self._open)

    async def passed(self) -> None:
        """Hold a task of an event loop."""
        self._entered.touch()
        async with asyncio.timeout(SECONDS):
            while not self._open.exists():
                await asyncio.sleep(PAUSE)

    def is_open(self) -> bool:
        """Return whether nobody is held."""
        return self._open.exists()

    def await_entry(self) -> None:
        """Wait until a request has come to the gate."""
        _await(self._entered)

    def open(self) -> None:
        """Let go all that wait and all that come."""
        self._open.touch()

    def shut(self) -> None:
        """Hold from now on."""
        self._entered.unlink(missing_ok=True)
        self._open.unlink(missing_ok=True)


def _await(flag: Path) -> None:
    end = time.monotonic() + SECONDS
    while not flag.exists():
        assert time.monotonic() < end, flag
        time.sleep(PAUSE)
