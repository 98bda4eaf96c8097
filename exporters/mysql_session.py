"""One connection to MySQL or MariaDB that is kept between probes: read-only, with timeouts."""

import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Metric

from .kept import Kept
from .mysql_query import Query, Row, Server, named
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .redaction import without
from .refusals import Refusals

if TYPE_CHECKING:
    from pymysql.connections import Connection

_LONGEST_STATEMENT: Final = 2.0  # seconds
_SHARE: Final = 0.7  # of a probe's time, after which no further query is begun
_ACCOUNT: Final = re.compile(r"(user )?'[^']*'@'[^']*'")
_UNKNOWN_VARIABLE: Final = 1193

Open = Callable[[socket.socket], "Connection[Any]"]


class MysqlCollector(Kept):
    """Asks one server; a query that it refuses, or does not answer in time, is missing alone.

    *variables* is asked first, and must be answered: it says what the server is. *login* begins a session over a socket
    to *address*.
    """

    def __init__(
        self,
        address: tuple[str, int],
        login: Open,
        variables: Query,
        queries: Iterable[Query],
        secrets: frozenset[str],
        timeout: float,
    ) -> None:
        super().__init__()
        self._address, self._login, self._secrets, self._timeout = address, login, secrets, timeout
        self._variables, self._queries = variables, tuple(queries)
        self._line: socket.socket | None = None
        self._connection: Connection[Any] | None = None
        self._refusals = Refusals(":".join(map(str, address)))

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise OSError, and what *login* and PyMySQL do where nothing at all is answered."""
        with self._held():
            yield from self._families()

    def _wake(self) -> None:
        line = self._line
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        connection, line, self._connection, self._line = self._connection, self._line, None, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
        if line is not None:
            line.close()

    def _families(self) -> Iterator[Metric]:
        end = time.monotonic() + self._timeout * _SHARE
        settings = self._settings()
        server = Server(named(settings))
        answers: dict[Query, Sequence[Row] | None] = {self._variables: settings}
        for query in self._queries:
            if query.fits(server):
                answers[query] = self._ask(query, server) if time.monotonic() < end else None
        for query, rows in answers.items():
            if rows is not None:
                yield from query.read(rows)
        many = {query: rows for query, rows in answers.items() if query.folded is not None and rows is not None}
        yield FOLDED_ROWS.samples({(query.name,): query.folded(rows) for query, rows in many.items() if query.folded})
        yield QUERY_SUCCESS.samples({(query.name,): rows is not None for query, rows in answers.items()})

    def _settings(self) -> Sequence[Row]:
        """Return the server's settings, over the connection that there is, or over a new one where that was closed."""
        import pymysql

        text = self._variables.text(Server({}))
        if self._connection is not None:
            try:
                return self._run(text)
            except pymysql.err.Error:
                if self._closed or self._connection.open:
                    raise
        self._connect()
        return self._run(text)

    def _connect(self) -> None:
        self._let_go()
        line = socket.create_connection(self._address, self._timeout)
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._line = line.dup()  # ends the connection also once TLS has taken the socket over
        if self._closed:
            line.close()
            raise ConnectionAbortedError("the probe is over")
        self._connection = self._login(line)
        (row,) = self._run("SELECT VERSION() AS version")
        for statement in self._before(Server({"version": row["version"] or ""})):
            self._set(statement)

    def _before(self, server: Server) -> Iterator[str]:
        statement = min(_LONGEST_STATEMENT, self._timeout / 4)
        if server.is_mariadb:
            yield f"SET SESSION max_statement_time = {statement:.3f}"
        else:
            yield f"SET SESSION max_execution_time = {statement * 1000:.0f}"
        yield "SET SESSION lock_wait_timeout = 1"
        yield "SET SESSION TRANSACTION READ ONLY"
        yield "SET SESSION time_zone = 'SYSTEM'"  # in which InnoDB says when a transaction began
        yield "SET SESSION sql_mode = ''"

    def _set(self, statement: str) -> None:
        import pymysql

        try:
            self._run(statement)
        except pymysql.err.OperationalError as error:
            if error.args[:1] != (_UNKNOWN_VARIABLE,):  # of versions that know no such timeout
                raise

    def _ask(self, query: Query, server: Server) -> Sequence[Row] | None:
        import pymysql

        assert self._connection is not None
        try:
            rows = self._run(query.text(server))
        except pymysql.err.Error as error:
            if not self._connection.open:
                raise
            self._refusals.note(f"the query {query.name}", without(told(error), self._secrets))
            return None
        self._refusals.answered(f"the query {query.name}")
        return rows

    def _run(self, statement: str) -> Sequence[Row]:
        assert self._connection is not None
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            names = [column[0].lower() for column in cursor.description or ()]
            return [dict(zip(names, map(_text, row), strict=True)) for row in cursor.fetchall()]


def told(error: Exception) -> str:
    """Return what the server says, without the name of a user."""
    return _ACCOUNT.sub("the user", str(error.args[-1] if error.args else error))


def _text(value: bytes | None) -> str | None:
    """Return a value as text; bytes that are no UTF-8 stay apart."""
    return None if value is None else value.decode(errors="backslashreplace")
