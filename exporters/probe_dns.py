"""The probe of DNS: one question to one server, by UDP, and by TCP where the answer is too long for it."""

import secrets
import socket
import struct
import time
from urllib.parse import SplitResult

from seawall.catalog import ProbeDns

from .dns_message import CODES, Answer, BadMessageError, is_answer_to, question, read
from .probe_connection import Attempt, ProbeFailedError, connect, resolve
from .probe_deadline import BoundSocket
from .probe_metrics import (
    DNS_ADDITIONAL,
    DNS_ANSWERS,
    DNS_AUTHORITY,
    DNS_DURATION,
    DNS_SERIAL,
    DNS_SUCCEEDED,
)


def probe_dns(attempt: Attempt, url: SplitResult) -> None:
    """Ask the server at *url*; raise ProbeFailedError."""
    wanted = attempt.probe.dns
    if wanted is None:
        raise ProbeFailedError("setup", "a probe of DNS needs probe: {dns: {name: …}} in the catalog")
    for phase in ("resolve", "connect", "request"):
        attempt.found.put(DNS_DURATION, 0, phase)
    for info in (DNS_SUCCEEDED, DNS_ANSWERS, DNS_AUTHORITY, DNS_ADDITIONAL):
        attempt.found.only(info, 0)
    try:
        _judge(attempt, wanted, _ask(attempt, url, wanted))
    except TimeoutError:
        raise ProbeFailedError("timeout", "the answer took too long") from None
    except BadMessageError as error:
        raise ProbeFailedError("protocol", str(error)) from None
    except OSError as error:
        raise ProbeFailedError("connect", f"it takes no question: {error}") from None


def _ask(attempt: Attempt, url: SplitResult, wanted: ProbeDns) -> Answer:
    asked = question(secrets.randbelow(1 << 16), wanted.name, wanted.type)
    answer = _by(attempt, url, socket.SOCK_DGRAM, asked)
    return _by(attempt, url, socket.SOCK_STREAM, asked) if answer.is_truncated else answer


def _by(attempt: Attempt, url: SplitResult, kind: socket.SocketKind, asked: bytes) -> Answer:
    start = time.monotonic()
    family, address = resolve(attempt, url.hostname or "", url.port or 53, kind)
    attempt.timed(DNS_DURATION, "resolve", start)
    start = time.monotonic()
    connection = connect(attempt, family, address, kind)
    attempt.timed(DNS_DURATION, "connect", start)
    start = time.monotonic()
    try:
        message = (_datagram if kind is socket.SOCK_DGRAM else _streamed)(connection, asked)
    finally:
        attempt.timed(DNS_DURATION, "request", start)
        connection.close()
    return read(message)


def _datagram(connection: BoundSocket, asked: bytes) -> bytes:
    connection.sendall(asked)
    while True:  # until the deadline: what is no answer to this question is nobody's
        message = connection.recv(65535)
        if is_answer_to(message, asked):
            return message


def _streamed(connection: BoundSocket, asked: bytes) -> bytes:
    connection.sendall(struct.pack(">H", len(asked)) + asked)
    stream = connection.makefile("rb")
    (length,) = struct.unpack(">H", stream.read(2).ljust(2, b"\0"))
    message = stream.read(length)
    if len(message) != length or not is_answer_to(message, asked):
        raise BadMessageError("the answer is no message of DNS")
    return message


def _judge(attempt: Attempt, wanted: ProbeDns, answer: Answer) -> None:
    found = attempt.found
    found.only(DNS_SUCCEEDED, 1)
    for info, count in zip((DNS_ANSWERS, DNS_AUTHORITY, DNS_ADDITIONAL), answer.counts, strict=True):
        found.only(info, count)
    if answer.code:
        raise ProbeFailedError("answer", f"it answers {CODES.get(answer.code, answer.code)} for {wanted.name}")
    values = [text for kind, text in answer.records if kind == wanted.type]
    if wanted.type == "SOA" and values:
        found.only(DNS_SERIAL, float(values[0]))
    if not values:
        raise ProbeFailedError("answer", f"it has no record of type {wanted.type} for {wanted.name}")
    known = {value.lower().rstrip(".") for value in values}
    missing = [each for each in wanted.answers if each.lower().rstrip(".") not in known]
    if missing:
        raise ProbeFailedError("answer", f"{missing[0]} is not among the answers for {wanted.name}")
