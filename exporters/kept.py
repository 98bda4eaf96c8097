"""What is kept between probes: one thread asks it at a time, and another may end it meanwhile."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Kept(ABC):
    """Lets go of what it holds once it is closed and nobody asks any more."""

    def __init__(self) -> None:
        self._busy = Lock()
        self._closed = False

    def close(self) -> None:
        """End the connection; who waits on it in another thread is woken, and closes it himself."""
        self._closed = True
        self._wake()
        if self._busy.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                self._busy.release()

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._busy:
            try:
                yield
            finally:
                if self._closed:
                    self._let_go()

    @abstractmethod
    def _wake(self) -> None:
        """End what another thread waits for."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close what is held."""
