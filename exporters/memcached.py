"""Memcached: memcached_exporter's metrics, from its ``stats`` commands, all of them in one round trip."""

import io
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from prometheus_client import Metric

from .declaration import gauge
from .errors import AnswerError, BadUrlError
from .kept_socket import Address, KeptSocket
from .kinds import Kind, Target
from .memcached_stats import QUERIES, STATS_METRICS, Stats
from .own import QUERY_SUCCESS
from .probe_deadline import BoundSocket, Deadline

UP: Final = gauge("memcached_up", "", "1 if the server answered, else 0.")
_PORT: Final = 11211
_LONGEST_LINE: Final = 4096  # bytes
_MOST_LINES: Final = 10_000
_REFUSALS: Final = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")


class MemcachedCollector:
    """Asks one server, over a connection that it keeps.

    Needs no right where the server asks for none, else a user of its ``--auth-file``.
    """

    def __init__(self, address: Address, login: tuple[str, str] | None, timeout: float) -> None:
        self._login, self._timeout = login, timeout
        self._socket = KeptSocket(address, self._log_in)

    def collect(self) -> Iterator[Metric]:
        """Yield the families; what the server refuses is told by its sample. Raise OSError, AnswerError."""
        answers = self._socket.ask(_answers, Deadline(self._timeout))
        for query, families in QUERIES.items():
            answer = answers[query]
            if answer is not None:
                yield from families(answer)
        yield QUERY_SUCCESS.samples({(query,): answer is not None for query, answer in answers.items()})

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._socket.close()

    def _log_in(self, source: BoundSocket) -> None:
        if self._login is None:
            return
        words = " ".join(self._login).encode()
        source.sendall(b"set auth 0 0 %d\r\n%b\r\n" % (len(words), words))
        if _line(source.makefile("rb")) != b"STORED":
            raise AnswerError(
                "the server does not let this user in; its --auth-file has none of that name and password"
            )


def _answers(source: BoundSocket) -> dict[str, Stats | None]:
    source.sendall("".join(f"{query}\r\n" for query in QUERIES).encode())
    stream = source.makefile("rb")
    answers: dict[str, Stats | None] = {}
    for query in QUERIES:
        answers[query] = _answer(stream)
        if answers["stats"] is None:  # it hangs up then
            raise AnswerError(
                "the server refuses stats; where it has an --auth-file, write memcached://user:${VARIABLE}@host"
            )
    return answers


def _answer(stream: io.BufferedReader) -> Stats | None:
    """Return the fields of one answer, None of a refusal."""
    found: dict[str, str] = {}
    for _ in range(_MOST_LINES):
        line = _line(stream)
        if line == b"END":
            return found
        word, _, rest = line.partition(b" ")
        if word in _REFUSALS and not found:
            return None
        key, space, value = rest.decode(errors="backslashreplace").partition(" ")
        if word != b"STAT" or not space:
            raise AnswerError("the server does not answer as Memcached does")
        found[key] = value
    raise AnswerError("the server answers without end")


def _line(stream: io.BufferedReader) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line:
        raise ConnectionResetError("the server hung up")
    if not line.endswith(b"\n"):
        raise AnswerError("the server does not answer as Memcached does")
    return line.rstrip(b"\r\n")


def connect(target: Target) -> MemcachedCollector:
    """Return a collector that connects at the first question. Raise BadUrlError."""
    url = urlsplit(target.url)
    if url.scheme != "memcached" or not url.hostname or url.path not in ("", "/"):
        raise BadUrlError(
            "the url is not one of Memcached; write memcached://host:11211, or memcached://user:${VARIABLE}@host:11211"
        )
    login = (unquote(url.username), unquote(url.password or "")) if url.username else None
    if login and any(character.isspace() for word in login for character in word):
        raise BadUrlError("Memcached's users and passwords have no spaces")
    return MemcachedCollector(Address(url.hostname, url.port or _PORT), login, target.timeout)


KIND: Final = Kind(name="memcached", up=UP, metrics=(UP, *STATS_METRICS), connect=connect)
