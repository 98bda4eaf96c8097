"""Writes blocks that Prometheus reads: many series, of which many share the samples of one track.

promtool makes blocks as well, at some hundred thousand samples a second; a fleet's history has a thousand million. Here
a track is encoded once and its bytes are copied for every series that has it, so that each series has chunks of its own
to be read, as it would have from a scrape.
"""

import json
import random
import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from _xor import SAMPLES_PER_CHUNK, Tail, chunk, crc32c, uvarint, varint

Labels = tuple[tuple[str, str], ...]
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SEGMENT_BYTES: Final = 512 * 2**20
_INDEX_HEAD: Final = struct.pack(">IB", 0xBAAAD700, 2)
_CHUNKS_HEAD: Final = struct.pack(">IBxxx", 0x85BD40DD, 1)


@dataclass(frozen=True, eq=False)
class Track:
    """Samples at a regular step of milliseconds; several series may have the same."""

    start: int
    step: int
    values: Sequence[float]

    def between(self, begin: int, end: int) -> "Track":
        """Return the samples from *begin* up to and without *end*."""
        times = range(self.start, self.start + self.step * len(self.values), self.step)
        first, last = bisect_left(times, begin), bisect_left(times, end)
        return Track(self.start + self.step * first, self.step, self.values[first:last])

    @cached_property
    def encoded(self) -> "Encoded":
        """The track as chunks."""
        return Encoded(self)


class Encoded:
    """A track's chunks one behind the other, and what an index says of them besides where they begin."""

    def __init__(self, track: Track) -> None:
        """Encode *track*, which is not empty."""
        data, behind, previous = bytearray(), bytearray(), 0
        for first in range(0, len(track.values), SAMPLES_PER_CHUNK):
            values = track.values[first : first + SAMPLES_PER_CHUNK]
            start = track.start + first * track.step
            length = (len(values) - 1) * track.step
            if first:
                behind += uvarint(track.step) + uvarint(length) + varint(len(data) - previous)
            else:
                self.head = varint(start) + uvarint(length)
            previous = len(data)
            data += chunk(start, track.step, values)
        self.count = -(-len(track.values) // SAMPLES_PER_CHUNK)
        self.data = bytes(data)
        self.tail = Tail(bytes(behind))


class _Segments:
    """The files of chunks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._file: BinaryIO | None = None
        folder.mkdir(parents=True)

    def add(self, data: bytes) -> int:
        """Write *data*; return the reference by which an index names its beginning."""
        if self._file is None or self._file.tell() + len(data) > _SEGMENT_BYTES:
            self.close()
            self._number += 1
            self._file = (self._folder / f"{self._number:06}").open("wb")
            self._file.write(_CHUNKS_HEAD)
        offset = self._file.tell()
        self._file.write(data)
        return (self._number - 1) << 32 | offset

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass
class _Index:
    """An index as it grows: series first, what finds them afterwards."""

    file: BinaryIO
    symbols: dict[str, bytes] = field(default_factory=dict)
    postings: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def begin(self, words: Iterable[str]) -> None:
        """Write the table of every word that a label has."""
        self.file.write(_INDEX_HEAD)
        ordered = sorted(words, key=str.encode)
        self.symbols = {word: uvarint(number) for number, word in enumerate(ordered)}
        encoded = (word.encode() for word in ordered)
        self.section(struct.pack(">I", len(ordered)) + b"".join(uvarint(len(word)) + word for word in encoded))
        self.series = self.file.tell()

    def add(self, labels: Labels, encoded: Encoded, reference: int) -> None:
        """Write a series, whose chunks begin at *reference*."""
        self.file.write(b"\0" * (-self.file.tell() % 16))
        number = self.file.tell() // 16
        head = uvarint(len(labels)) + b"".join(self.symbols[name] + self.symbols[value] for name, value in labels)
        head += uvarint(encoded.count) + encoded.head + uvarint(reference)
        checksum = struct.pack(">I", encoded.tail.checksum_after(head))
        self.file.write(uvarint(len(head) + len(encoded.tail.data)) + head + encoded.tail.data + checksum)
        for pair in (("", ""), *labels):
            self.postings.setdefault(pair, []).append(number)

    def end(self) -> None:
        """Write the postings and where each part is."""
        table: list[bytes] = []
        postings = self.file.tell()
        for name, value in sorted(self.postings, key=lambda pair: (pair[0].encode(), pair[1].encode())):
            found = self.postings[name, value]
            self.file.write(b"\0" * (-self.file.tell() % 4))
            words = (name.encode(), value.encode())
            table.append(b"\x02" + b"".join(uvarint(len(w)) + w for w in words) + uvarint(self.file.tell()))
            self.section(struct.pack(f">{len(found) + 1}I", len(found), *found))
        empty = self.file.tell()
        self.section(struct.pack(">I", 0))
        offsets = self.file.tell()
        self.section(struct.pack(">I", len(table)) + b"".join(table))
        contents = struct.pack(">6Q", len(_INDEX_HEAD), self.series, postings, empty, postings, offsets)
        self.file.write(contents + struct.pack(">I", crc32c(contents)))

    def section(self, data: bytes) -> None:
        """Write *data* between its length and its checksum."""
        self.file.write(struct.pack(">I", len(data)) + data + struct.pack(">I", crc32c(data)))


def write_block(folder: Path, series: dict[Labels, Track], begin: int, end: int) -> None:
    """Write a block into *folder* with what each of *series* has from *begin* up to and without *end*."""
    cut: dict[Track, Track] = {}
    for track in series.values():
        if track not in cut:
            cut[track] = track.between(begin, end)
    kept = {labels: cut[series[labels]] for labels in sorted(series, key=_order) if cut[series[labels]].values}
    if not kept:
        return
    name = "".join(random.choices(_CROCKFORD[:8], k=1) + random.choices(_CROCKFORD, k=25))
    segments = _Segments(folder / name / "chunks")
    with (folder / name / "index").open("wb") as file:
        index = _Index(file)
        index.begin({word for labels in kept for pair in labels for word in pair})
        for labels, track in kept.items():
            index.add(labels, track.encoded, segments.add(track.encoded.data))
        index.end()
    segments.close()
    (folder / name / "meta.json").write_text(json.dumps(_meta(name, kept, begin, end)), encoding="utf-8")


def _order(labels: Labels) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in labels]


def _meta(name: str, kept: dict[Labels, Track], begin: int, end: int) -> dict[str, object]:
    counts = {
        "numSamples": sum(len(track.values) for track in kept.values()),
        "numSeries": len(kept),
        "numChunks": sum(track.encoded.count for track in kept.values()),
    }
    compaction = {"level": 1, "sources": [name]}
    return {"ulid": name, "minTime": begin, "maxTime": end, "stats": counts, "compaction": compaction, "version": 1}
