"""Calls that the application makes: how long each took, by what was called.

Applications call hosts that somebody else gave them: webhooks, crawlers. What is called becomes a label for the first
few hundred alone; what comes later is ``_OTHER``.
"""

from collections.abc import Callable, Hashable
from typing import Final

from .aggregation import SERIES_LIMIT, Family, Histogram
from .bounds import OTHER, FirstSeen
from .diagnostics import described, say_once
from .memory import Labels

MOST_PEERS: Final = 200
_LONGEST: Final = 255  # of a host's name; an address beyond it is none

# What a library says of a call, as it says it; whatever is equal is counted together.
Key = tuple[Hashable, ...]


class Peers:
    """Name what is called by its address and port."""

    def __init__(self) -> None:
        self._first = FirstSeen(MOST_PEERS)

    def labels(self, host: object, port: object) -> tuple[str, str]:
        """Return the two labels of *host*, text or bytes, and *port*."""
        text = host.decode("latin-1") if isinstance(host, bytes) else str(host or "")
        peer = (text.removeprefix("[").removesuffix("]"), str(port or ""))
        return peer if len(text) <= _LONGEST and self._first.knows(peer) else (OTHER, "")


class ClientCalls:
    """Count calls in *duration*, whose last label is the error.

    *labels_of* makes labels of a key. It is asked once a kind of call: the series is found by one look-up then. An
    exception of a new class is counted in the series that *failed_beside* names, which stands at zero from the first
    call on, until a scrape has seen its own at zero.
    """

    def __init__(
        self, duration: Histogram, labels_of: Callable[..., Labels], failed_beside: Callable[[Labels], Labels]
    ) -> None:
        self.duration = duration
        self._labels_of = labels_of
        self._failed_beside = failed_beside
        self._series: dict[Key, memoryview[float]] = {}
        duration.on_reset = self._series.clear

    @property
    def families(self) -> tuple[Family, ...]:
        """Everything to expose."""
        return (self.duration,)

    def end(self, key: Key, seconds: float) -> None:
        """Count a call that ended after *seconds*; never raises."""
        try:
            cells = self._series.get(key)
            self.duration.record_in(self._find(key) if cells is None else cells, seconds)
        except Exception as error:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not count a call: {described(error)}")

    def _find(self, key: Key) -> "memoryview[float]":
        """Return the series of a kind of call; those that will be the same next time are kept."""
        labels, duration = self._labels_of(*key), self.duration
        beside = self._failed_beside(labels)
        is_exception = bool(labels[-1]) and labels[:-1] == beside[:-1]
        is_told = not is_exception or duration.is_published(labels) or duration.is_full(labels)
        cells = duration.add_with_failure(labels)
        if not is_told:
            return duration.series(beside)
        if duration.is_counted(labels) and OTHER not in labels and len(self._series) < SERIES_LIMIT:
            self._series[key] = cells
        return cells
