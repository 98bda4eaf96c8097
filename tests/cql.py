"""A server that speaks as much of CQL's protocol as a node is asked by, and answers what a test tells it to."""

import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Final

Rows = Sequence[Mapping[str, object]]
Said = Rows | None | Callable[[], bytes]
"""Rows, a refusal, or a frame's bytes."""

_HEADER: Final = struct.Struct(">BBhBI")
_TYPES: Final = {int: 0x02, float: 0x07, str: 0x0D, bytes: 0x0D}
_REFUSED: Final = 0x2100


def frame(opcode: int, number: int, body: bytes, *, flags: int = 0) -> bytes:
    """Return an answer."""
    return _HEADER.pack(0x84, flags, number, opcode, len(body)) + body


def string(text: str) -> bytes:
    """Return a text as the protocol writes it."""
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def error(code: int, text: str) -> bytes:
    """Return the body of a refusal."""
    return code.to_bytes(4, "big") + string(text)


def rows(columns: Sequence[str], found: Rows) -> bytes:
    """Return the body of an answer with rows; the first row says which types the columns have."""
    first = found[0] if found else {}
    kinds = {name: _TYPES[type(first.get(name) if first.get(name) is not None else "")] for name in columns}
    head = struct.pack(">iii", 2, 1, len(columns)) + string("system_views") + string("a table")
    head += b"".join(string(name) + kinds[name].to_bytes(2, "big") for name in columns)
    return head + struct.pack(">i", len(found)) + b"".join(_cell(row.get(name)) for row in found for name in columns)


def _cell(value: object) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
    else:
        data = struct.pack(">d" if isinstance(value, float) else ">q", value)
    return struct.pack(">i", len(data)) + data


def node(said: Mapping[str, Said], *, last: Said = None) -> Callable[[socket.socket, Event], None]:
    """Return a behaviour: a node that answers of each table what is *said*, of the rest *last*."""

    def speak(client: socket.socket, _stop: Event) -> None:
        stream = client.makefile("rb")
        while len(head := stream.read(_HEADER.size)) == _HEADER.size:
            _, _, number, opcode, length = _HEADER.unpack(head)
            body = stream.read(length)
            if opcode == 0x01:
                client.sendall(frame(0x02, number, b""))
                continue
            text = body[4 : 4 + int.from_bytes(body[:4], "big")].decode()
            found = re.fullmatch(r"SELECT (.*) FROM \w+\.(\w+)( WHERE .*)?", text)
            assert found, text
            answer = said.get(found[2], last)
            if answer is None:
                client.sendall(frame(0x00, number, error(_REFUSED, "no")))
            elif callable(answer):
                client.sendall(answer())
            else:
                client.sendall(frame(0x08, number, rows(found[1].split(", "), answer)))

    return speak


class Session:
    """As much of a client as the tests need, for statements that answer with no rows."""

    def __init__(self, address: tuple[str, int], user: str) -> None:
        self._line = socket.create_connection(address, 60)
        self._stream = self._line.makefile("rb")
        asked, _ = self._say(0x01, b"\0\x01" + string("CQL_VERSION") + string("3.0.0"))
        if asked == 0x03:
            secret = f"\0{user}\0{user}".encode()
            self._say(0x0F, struct.pack(">i", len(secret)) + secret)

    def run(self, statement: str, consistency: int = 1) -> int:
        """Run it; return the code of the error that it ends in, 0 without."""
        text = statement.encode()
        opcode, body = self._say(0x07, struct.pack(">i", len(text)) + text + struct.pack(">hB", consistency, 0))
        return int.from_bytes(body[:4], "big") if opcode == 0 else 0

    def close(self) -> None:
        """End it."""
        self._stream.close()
        self._line.close()

    def _say(self, opcode: int, body: bytes) -> tuple[int, bytes]:
        self._line.sendall(_HEADER.pack(0x04, 0, 0, opcode, len(body)) + body)
        _, _, _, answer, length = _HEADER.unpack(self._stream.read(_HEADER.size))
        return answer, self._stream.read(length)
