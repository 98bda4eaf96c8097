"""Exemplars: for each bucket of a series the last trace that fell into it, beside the counts in the same memory."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_RECORD: Final = struct.Struct("<ddQQQQ")  # time, value, trace (high, low), span, and a sum that tells torn records
DOUBLES: Final = _RECORD.size // 8
_LOW: Final = 2**64 - 1


class Exemplar(NamedTuple):
    """The last trace that fell into a *bucket*: when, in seconds since the epoch, what was counted, and its ids."""

    bucket: int
    at: float
    value: float
    trace: int
    span: int


def write(cells: "memoryview[float]", width: int, bucket: int, exemplar: tuple[float, float, int, int]) -> None:
    """Keep *exemplar* (seconds since the epoch, value, trace id, span id) in *bucket*; numbers before *width* count."""
    at, value, trace, span = exemplar
    high, low = trace >> 64, trace & _LOW
    _RECORD.pack_into(cells.cast("B"), 8 * (width + DOUBLES * bucket), at, value, high, low, span, high ^ low ^ span)


def text(one: Exemplar) -> str:
    """Return what OpenMetrics has of *one*."""
    return f' # {{trace_id="{one.trace:032x}",span_id="{one.span:016x}"}} {one.value!r} {one.at:.3f}'


def read(cells: "memoryview[float]", width: int) -> Iterator[Exemplar]:
    """Yield the exemplar of each bucket that has one; numbers before *width* count."""
    data = cells[width:].cast("B")
    for bucket, (at, value, high, low, span, check) in enumerate(_RECORD.iter_unpack(data)):
        if at and check == high ^ low ^ span:  # else it was seen half written
            yield Exemplar(bucket, at, value, high << 64 | low, span)
