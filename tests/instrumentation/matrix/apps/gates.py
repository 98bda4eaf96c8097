"""Where a request waits until the test lets it go on: an upstream that is slow, a stream that has more to say."""

import asyncio
import threading


class ThreadGate:
    """Hold threads."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def wait(self) -> None:
        """Wait until the gate is open, twenty seconds at most."""
        self.entered.set()
        self._open.wait(20)

    def open(self) -> None:
        """Let go all that wait and all that come."""
        self._open.set()

    def shut(self) -> None:
        """Hold from now on."""
        self.entered.clear()
        self._open.clear()


class TaskGate(ThreadGate):
    """Hold tasks of an event loop."""

    async def passed(self) -> None:
        """Wait until the gate is open, twenty seconds at most."""
        self.entered.set()
        async with asyncio.timeout(20):
            while not self._open.is_set():
                await asyncio.sleep(0.001)
