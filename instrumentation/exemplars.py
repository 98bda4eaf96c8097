"""Exemplars: for each bucket of a series the last trace that fell into it, beside the counts in the same memory."""

import struct
from collections.abc import Iterator
from typing import Final

_RECORD: Final = struct.Struct("<ddQQQQ")  # time, value, trace (high, low), span, and a sum that tells torn records
DOUBLES: Final = _RECORD.size // 8
_LOW: Final = 2**64 - 1


def write(cells: "memoryview[float]", width: int, bucket: int, exemplar: tuple[float, float, int, int]) -> None:
    """Keep *exemplar* (seconds since the epoch, value, trace id, span id) in *bucket*; numbers before *width* count."""
    at, value, trace, span = exemplar
    high, low = trace >> 64, trace & _LOW
    _RECORD.pack_into(cells.cast("B"), 8 * (width + DOUBLES * bucket), at, value, high, low, span, high ^ low ^ span)


def read(cells: "memoryview[float]", width: int) -> Iterator[tuple[int, float, str]]:
    """Yield for each bucket that has an exemplar its number, when it was, and OpenMetrics' text of it."""
    data = cells[width:].cast("B")
    for bucket, (at, value, high, low, span, check) in enumerate(_RECORD.iter_unpack(data)):
        if at and check == high ^ low ^ span:  # else it was seen half written
            yield bucket, at, f' # {{trace_id="{high:016x}{low:016x}",span_id="{span:016x}"}} {value!r} {at:.3f}'
