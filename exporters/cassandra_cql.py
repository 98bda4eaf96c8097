"""Asks one node of Cassandra by version 4 of CQL's protocol: all queries at once, with bounds on the answers."""

import io
import ipaddress
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .errors import AnswerError
from .kept_socket import Address, KeptSocket
from .probe_deadline import BoundSocket, Deadline

Value = str | float | bool | None
Row = dict[str, Value]

_VERSION: Final = 4  # which Cassandra speaks from 2.2 to 5.0
_LARGEST: Final = 64 * 2**20  # bytes of all answers together: 50,000 tables take 30 MiB
_MOST_COLUMNS: Final = 100
_MOST_ROWS: Final = 200_000
_HEADER: Final = struct.Struct(">BBhBI")
_STARTUP, _AUTH_RESPONSE, _QUERY = 0x01, 0x0F, 0x07
_ERROR, _READY, _AUTHENTICATE, _RESULT, _AUTH_SUCCESS = 0x00, 0x02, 0x03, 0x08, 0x10
_WARNING: Final = 0x08  # a flag of the header: a list of texts stands before the answer
_ROWS: Final = 2
_ONE: Final = 1  # the consistency; what is asked is the node's own
_GLOBAL_SPEC, _MORE_PAGES, _NO_METADATA = 0x01, 0x02, 0x04
_BAD_CREDENTIALS, _UNAUTHORIZED, _PROTOCOL_ERROR = 0x0100, 0x2100, 0x000A

_NUMBERS: Final[Mapping[int, struct.Struct]] = {
    **dict.fromkeys((0x02, 0x05, 0x0B), struct.Struct(">q")),  # bigint, counter, timestamp in milliseconds
    0x04: struct.Struct(">?"),
    0x07: struct.Struct(">d"),
    0x08: struct.Struct(">f"),
    0x09: struct.Struct(">i"),
}
_OTHERS: Final[Mapping[int, Callable[[bytes], str]]] = {
    **dict.fromkeys((0x01, 0x0D), lambda data: data.decode(errors="backslashreplace")),
    **dict.fromkeys((0x0C, 0x0F), lambda data: str(uuid.UUID(bytes=data))),
    0x10: lambda data: str(ipaddress.ip_address(data)),
}


class CqlClient:
    """A connection to one node, which is kept. It never looks for the others, as drivers do."""

    def __init__(self, address: Address, user: str = "", password: str = "") -> None:
        self._socket = KeptSocket(address, lambda source: _log_in(source, user, password))

    def ask(self, queries: Sequence[str], deadline: Deadline) -> list["Body | None"]:
        """Return each query's answer, of which ``rows`` makes rows; None where the server refuses it.

        Raise OSError, AnswerError.
        """
        return self._socket.ask(lambda source: _ask(source, queries), deadline)

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._socket.close()


class Body:
    """What is read of an answer, from its start."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __len__(self) -> int:
        return len(self._data)

    def take(self, count: int) -> bytes:
        """Return the next bytes; raise AnswerError where there are fewer."""
        start, self._at = self._at, self._at + count
        if count < 0 or self._at > len(self._data):
            raise AnswerError("an answer ends before it is whole")
        return self._data[start : self._at]

    def short(self) -> int:
        """Return a number of two bytes."""
        return int.from_bytes(self.take(2), "big")

    def integer(self) -> int:
        """Return a number of four bytes, which may be below zero."""
        return int.from_bytes(self.take(4), "big", signed=True)

    def string(self) -> str:
        """Return a text."""
        return self.take(self.short()).decode(errors="backslashreplace")

    def blob(self) -> bytes | None:
        """Return a value; None where there is none."""
        length = self.integer()
        return None if length < 0 else self.take(length)


def _log_in(source: BoundSocket, user: str, password: str) -> None:
    stream = source.makefile("rb")
    options = {"CQL_VERSION": "3.0.0", "DRIVER_NAME": "Seawall"}
    body = len(options).to_bytes(2, "big") + b"".join(_string(word) for pair in options.items() for word in pair)
    source.sendall(_frame(_STARTUP, 0, body))
    _, opcode, said = _answer(stream)
    if opcode == _AUTHENTICATE:
        if not user:
            raise AnswerError("the server asks who comes; write cassandra://user:${VARIABLE}@host:9042")
        secret = f"\0{user}\0{password}".encode()
        source.sendall(_frame(_AUTH_RESPONSE, 0, len(secret).to_bytes(4, "big") + secret))
        _, opcode, said = _answer(stream)
    if opcode == _ERROR:
        raise AnswerError(_refusal(said.integer(), said.string()))
    if opcode not in (_READY, _AUTH_SUCCESS):
        raise AnswerError("the server wants to be convinced of who comes in a way that is not known here")


def _refusal(code: int, text: str) -> str:
    if code == _BAD_CREDENTIALS:
        return "the server does not let this user in"
    if code == _PROTOCOL_ERROR:
        return f"the server does not speak version {_VERSION} of CQL's protocol: {text}"
    return f"the server refuses (code {code:#06x}): {text}"


def _ask(source: BoundSocket, queries: Sequence[str]) -> list[Body | None]:
    """Send all, and take the answers in whatever order they come."""
    parameters = struct.pack(">hB", _ONE, 0)
    texts = [query.encode() for query in queries]
    source.sendall(
        b"".join(_frame(_QUERY, at, len(text).to_bytes(4, "big") + text + parameters) for at, text in enumerate(texts))
    )
    stream = source.makefile("rb")
    answers: dict[int, Body | None] = {}
    room = _LARGEST
    while len(answers) < len(queries):
        number, opcode, body = _answer(stream, room)
        room -= len(body)
        if opcode not in (_RESULT, _ERROR) or number not in range(len(queries)) or number in answers:
            raise AnswerError("the server answers what it was not asked")
        answers[number] = body if opcode == _RESULT else None
    return [answers[number] for number in range(len(queries))]


def _answer(stream: io.BufferedReader, room: int = _LARGEST) -> tuple[int, int, Body]:
    """Return an answer's number, what it is, and what it says, in no more than *room* bytes."""
    version, flags, number, opcode, length = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if version & 0x80 == 0 or length > room:
        raise AnswerError("the server does not answer as Cassandra does")
    body = Body(_exactly(stream, length))
    if flags & _WARNING:
        for _ in range(body.short()):
            body.string()
    return number, opcode, body


def _exactly(stream: io.BufferedReader, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise ConnectionResetError("the server hung up")
    return data


def rows(body: Body) -> list[Row]:
    """Return the rows of an answer; raise AnswerError where it has none."""
    if body.integer() != _ROWS:
        raise AnswerError("the server answers a question with something else than rows")
    flags, width = body.integer(), body.integer()
    if flags & (_MORE_PAGES | _NO_METADATA) or not flags & _GLOBAL_SPEC or not 0 < width <= _MOST_COLUMNS:
        raise AnswerError("the server answers with rows of a shape that was not asked for")
    body.string(), body.string()  # the keyspace and the table
    columns = [(body.string(), body.short()) for _ in range(width)]
    if any(kind not in _NUMBERS and kind not in _OTHERS for _, kind in columns):
        raise AnswerError("the server answers with a type that was not asked for")
    height = body.integer()
    if height > _MOST_ROWS:
        raise AnswerError("the server answers with more rows than any node has")
    return [{name: _value(kind, body.blob()) for name, kind in columns} for _ in range(height)]


def _value(kind: int, data: bytes | None) -> Value:
    if not data and (data is None or kind in _NUMBERS):
        return None
    try:
        if kind in _NUMBERS:
            return _NUMBERS[kind].unpack(data)[0]  # type: ignore[no-any-return]  # a number, by its format
        return _OTHERS[kind](data)
    except (struct.error, ValueError):
        raise AnswerError("the server answers with a value that is not of its column's type") from None


def _frame(opcode: int, number: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION, 0, number, opcode, len(body)) + body


def _string(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
