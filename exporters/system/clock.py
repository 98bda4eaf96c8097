"""The machine's clock: what it shows, and how far it may be off."""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, gauge

TIME: Final = gauge("node_time_seconds", "seconds", "What the clock shows, since 1970.")
OFFSET: Final = gauge(
    "node_timex_offset_seconds", "seconds", "How far the clock is off, as the synchronisation sees it."
)
MAXERROR: Final = gauge("node_timex_maxerror_seconds", "seconds", "How far the clock may be off at most.")
ESTERROR: Final = gauge("node_timex_estimated_error_seconds", "seconds", "How far the clock is estimated to be off.")
SYNC_STATUS: Final = gauge("node_timex_sync_status", "", "1 if the clock is synchronised to a reliable server, else 0.")
STATUS: Final = gauge("node_timex_status", "", "The kernel's clock status bits.")
TAI_OFFSET: Final = gauge("node_timex_tai_offset_seconds", "seconds", "Atomic time less UTC.")
FREQUENCY: Final = gauge("node_timex_frequency_adjustment_ratio", "ratio", "The clock's speed, as it is corrected.")

_TIME_ERROR: Final = 5  # what adjtimex returns while nothing synchronises the clock
_STA_NANO: Final = 0x2000
_PPM16_FRAC: Final = 1_000_000 * 65536


class Timex(ctypes.Structure):
    """The kernel's struct timex."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "time_sec", "time_usec", "tick")),
        *((name, ctypes.c_long) for name in ("ppsfreq", "jitter")),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    ]


def read_timex() -> tuple[int, Timex]:
    """Return the clock's state and figures; changes nothing. Raise OSError."""
    timex = Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except AttributeError:
        raise FileNotFoundError("this system has no adjtimex") from None
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return state, timex


class TimexCollector:
    """The kernel's view of its clock's synchronisation."""

    name: ClassVar = "timex"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (OFFSET, MAXERROR, ESTERROR, SYNC_STATUS, STATUS, TAI_OFFSET, FREQUENCY)

    def __init__(self, adjtimex: Callable[[], tuple[int, Timex]] = read_timex) -> None:
        self._adjtimex = adjtimex

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; raise OSError."""
        state, timex = self._adjtimex()
        yield OFFSET.value(timex.offset / (1e9 if timex.status & _STA_NANO else 1e6))
        yield MAXERROR.value(timex.maxerror / 1e6)
        yield ESTERROR.value(timex.esterror / 1e6)
        yield SYNC_STATUS.value(state != _TIME_ERROR)
        yield STATUS.value(timex.status)
        yield TAI_OFFSET.value(timex.tai)
        yield FREQUENCY.value(1 + timex.freq / _PPM16_FRAC)


class ClockCollector:
    """What the clock shows."""

    name: ClassVar = "time"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (TIME,)

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the time."""
        yield TIME.value(self._clock())
