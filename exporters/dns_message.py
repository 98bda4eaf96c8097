"""As much of DNS' messages as a probe needs (RFC 1035): one question, and the records of its answer as text."""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

TYPES: Final = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
CODES: Final = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_NAMES: Final = {number: name for name, number in TYPES.items()}
_INTERNET: Final = 1
_MOST_JUMPS: Final = 64
_MOST_RECORDS: Final = 1000


class BadMessageError(ValueError):
    """What came is no message of DNS."""


@dataclass(frozen=True)
class Answer:
    """A message's code, whether it was cut off, its records of each section counted, and its answers by type."""

    code: int
    is_truncated: bool
    counts: tuple[int, int, int]
    records: tuple[tuple[str, str], ...]


def question(identity: int, name: str, kind: str) -> bytes:
    """Return the message that asks for *name*; raise BadMessageError where it is no name."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if name.rstrip(".")]
    if any(not 1 <= len(label) <= 63 for label in labels):
        raise BadMessageError("a part of the name is empty or longer than 63 characters")
    header = struct.pack(">6H", identity, 0x0100, 1, 0, 0, 0)  # recursion desired
    encoded = b"".join(bytes([len(label)]) + label for label in labels)
    return header + encoded + b"\0" + struct.pack(">2H", TYPES[kind], _INTERNET)


def is_answer_to(message: bytes, asked: bytes) -> bool:
    """Whether *message* answers the question *asked*, and is no other's and no forgery's."""
    end = len(asked)
    return (
        message[:2] == asked[:2]
        and len(message) >= 12
        and bool(message[2] & 0x80)
        and (message[12:end].lower() == asked[12:].lower() or message[4:6] == b"\0\0")
    )


def read(message: bytes) -> Answer:
    """Return what *message* says; raise BadMessageError."""
    try:
        return _read(message)
    except (struct.error, IndexError) as error:
        raise BadMessageError("the answer is no message of DNS") from error


def _read(message: bytes) -> Answer:
    _, flags, questions, *counts = struct.unpack_from(">6H", message)
    at = 12
    for _ in range(min(questions, _MOST_RECORDS)):
        at = _name(message, at)[1] + 4
    records = [] if flags & 0x0200 else list(_records(message, at, counts[0]))
    return Answer(flags & 0xF, bool(flags & 0x0200), (counts[0], counts[1], counts[2]), tuple(records))


def _records(message: bytes, at: int, count: int) -> Iterator[tuple[str, str]]:
    for _ in range(min(count, _MOST_RECORDS)):
        _, at = _name(message, at)
        kind, _, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        if at + length > len(message):
            raise BadMessageError("a record is longer than its message")
        yield _NAMES.get(kind, str(kind)), _text(message, at, length, _NAMES.get(kind, ""))
        at += length


def _text(message: bytes, at: int, length: int, kind: str) -> str:
    data = message[at : at + length]
    match kind:
        case "A" | "AAAA":
            if length != (4 if kind == "A" else 16):
                raise BadMessageError("an address has another length")
            return str(ipaddress.ip_address(data))
        case "NS" | "CNAME" | "PTR":
            return _name(message, at)[0]
        case "MX":
            return f"{struct.unpack_from('>H', message, at)[0]} {_name(message, at + 2)[0]}"
        case "SRV":
            return " ".join(map(str, (*struct.unpack_from(">3H", message, at), _name(message, at + 6)[0])))
        case "SOA":
            _, after = _name(message, _name(message, at)[1])
            return str(struct.unpack_from(">I", message, after)[0])
        case "TXT":
            return b"".join(_strings(data)).decode(errors="replace")
    return data.hex()


def _strings(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return the name at *at*, without the last dot, and where what comes after it begins."""
    labels: list[str] = []
    end = None
    for _ in range(_MOST_JUMPS * 4):
        length = message[at]
        if length & 0xC0 == 0xC0:  # it goes on elsewhere
            end = at + 2 if end is None else end
            at = struct.unpack_from(">H", message, at)[0] & 0x3FFF
        elif length == 0:
            return ".".join(labels).lower(), at + 1 if end is None else end
        else:
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise BadMessageError("a name has no end")
