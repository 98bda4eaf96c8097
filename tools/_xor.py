"""The encoding of a time series' samples in Prometheus' blocks: XOR chunks, varints, and the checksum beside them."""

import struct
from collections.abc import Sequence
from typing import Final

SAMPLES_PER_CHUNK: Final = 120
_POLYNOMIAL: Final = 0x82F63B78  # Castagnoli's, reflected; zlib has the other one alone
_XOR: Final = 1
_MOST_LEADING: Final = 31  # five bits say how many


def _checksum_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE: Final = _checksum_table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum of *data*."""
    table, crc = _TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


class Tail:
    """An ending that many byte strings share: the checksum of each comes from its beginning alone."""

    def __init__(self, data: bytes) -> None:
        """Work out how a checksum changes over as many bytes."""
        self.data = data
        self._own = crc32c(data)
        self._bits = [1 << bit for bit in range(32)]
        for bit, value in enumerate(self._bits):
            for _ in data:
                value = _TABLE[value & 0xFF] ^ value >> 8
            self._bits[bit] = value

    def checksum_after(self, head: bytes) -> int:
        """Return the checksum of *head* with this ending."""
        crc, found = crc32c(head), self._own
        for bit, value in enumerate(self._bits):
            if crc >> bit & 1:
                found ^= value
        return found


def uvarint(value: int) -> bytes:
    """Return *value* in groups of seven bits, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def varint(value: int) -> bytes:
    """Return a signed *value*, so that small ones of either sign are short."""
    return uvarint(value << 1 if value >= 0 else (-value << 1) - 1)


class _Bits:
    """Bits, one after the other, filled up to whole bytes in the end."""

    def __init__(self) -> None:
        self._value = 1  # a leading one keeps the zeros behind it
        self._count = 0

    def put(self, value: int, count: int) -> None:
        self._value = self._value << count | value
        self._count += count

    def to_bytes(self) -> bytes:
        spare = -self._count % 8
        whole = (self._count + spare) // 8
        return (self._value << spare).to_bytes(whole + 1, "big")[1:]


def chunk(start: int, step: int, values: Sequence[float]) -> bytes:
    """Return the chunk, its length before and its checksum behind it, of *values* a *step* of milliseconds apart."""
    bits, leading, trailing = _Bits(), 65, 65
    words = struct.unpack(f">{len(values)}Q", struct.pack(f">{len(values)}d", *values))
    for byte in varint(start):
        bits.put(byte, 8)
    bits.put(words[0], 64)
    for index in range(1, len(words)):
        if index == 1:
            for byte in uvarint(step):
                bits.put(byte, 8)
        else:
            bits.put(0, 1)  # the same step as before
        leading, trailing = _put_value(bits, words[index] ^ words[index - 1], leading, trailing)
    data = bytes([_XOR]) + struct.pack(">H", len(values)) + bits.to_bytes()
    return uvarint(len(data) - 1) + data + struct.pack(">I", crc32c(data))


def _put_value(bits: _Bits, changed: int, leading: int, trailing: int) -> tuple[int, int]:
    """Write what changed in a value; return the zeros around it that are in force for the next."""
    if not changed:
        bits.put(0, 1)
        return leading, trailing
    before = min(64 - changed.bit_length(), _MOST_LEADING)
    behind = (changed & -changed).bit_length() - 1
    if before >= leading and behind >= trailing:
        bits.put(0b10, 2)
        bits.put(changed >> trailing, 64 - leading - trailing)
        return leading, trailing
    width = 64 - before - behind
    bits.put(0b11, 2)
    bits.put(before, 5)
    bits.put(width & 63, 6)
    bits.put(changed >> behind, width)
    return before, behind
