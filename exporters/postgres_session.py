"""One connection to PostgreSQL that is kept between probes: two round trips each, read-only, with timeouts."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Metric

from .own import FOLDED_ROWS, QUERY_SUCCESS
from .postgres_connection import KeptConnection
from .postgres_plans import Plans
from .postgres_query import Query, Row, Server, folded
from .refusals import Refusals

if TYPE_CHECKING:
    from psycopg import Connection

_LONGEST_STATEMENT: Final = 2.0  # seconds
_SHARE: Final = 0.7  # of a probe's time, after which no further query is begun
# What is asked is in the system's catalog: a function that somebody put in front of it is never called.
_BEFORE: Final = (
    "BEGIN READ ONLY; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; "
    "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL max_parallel_workers_per_gather = 0; "
)
_SERVER: Final = (
    "SELECT current_setting('server_version_num')::int AS version, pg_backend_pid() AS pid, "
    "CASE WHEN current_setting('server_version_num')::int >= 100000 THEN pg_has_role('pg_read_all_stats', 'USAGE') "
    "ELSE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) END AS sees_all, "
    "quote_ident(n.nspname) || '.pg_stat_statements' AS statements, e.extversion::text AS extension "
    "FROM (VALUES (1)) AS one (row) LEFT JOIN (pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace) "
    "ON e.extname = 'pg_stat_statements'"
)


class PostgresCollector(KeptConnection):
    """Asks one server; a query that it refuses, or does not answer in time, is missing alone."""

    def __init__(
        self, connect: "Callable[[], Connection[Any]]", queries: Iterable[Query], where: str, timeout: float
    ) -> None:
        super().__init__(connect)
        self._queries = tuple(queries)
        self._timeout = timeout
        statement = min(_LONGEST_STATEMENT, timeout / 4)
        self._before = _BEFORE.format(statement=f"{statement * 1000:.0f}", lock=f"{statement * 250:.0f}")
        self._refusals = Refusals(where)
        self._plans = Plans()

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise what *connect* does, and psycopg.Error where the server answers nothing at all."""
        with self._held():
            yield from self._families()

    def _families(self) -> Iterator[Metric]:
        end = time.monotonic() + self._timeout * _SHARE
        server = self._server()
        fitting = [query for query in self._queries if query.fits(server)]
        may = [query for query in fitting if server.sees_all or not query.needs_stats]
        answers: dict[str, Sequence[Row] | None] = dict.fromkeys((query.name for query in fitting), None)
        answers |= self._answers(may, server, end)
        for query in fitting:
            rows = answers[query.name]
            if rows is not None:
                yield from query.answer(rows)
        many = {name: folded(rows) for name, rows in answers.items() if rows is not None}
        yield FOLDED_ROWS.samples({(name,): count for name, count in many.items()})
        yield QUERY_SUCCESS.samples({(name,): rows is not None for name, rows in answers.items()})

    def _server(self) -> Server:
        """Return what the server is, over the connection that there is, or over a new one where that was closed."""
        import psycopg

        if self._connection is not None:
            try:
                return _server(self._planned({"facts": _SERVER})[0][0])
            except psycopg.OperationalError:
                if self._closed or not self._connection.closed:
                    raise
        self._connection = self._connect()
        row = self._run([_SERVER])[0][0]
        self._plans.begin(is_alone=row["pid"] == self._connection.info.backend_pid)
        return _server(row)

    def _answers(self, queries: Sequence[Query], server: Server, end: float) -> Mapping[str, Sequence[Row] | None]:
        """Return the rows of each query, None of one that failed: all in one round trip, but for those that failed."""
        import psycopg

        asked = [query for query in queries if f"the query {query.name}" not in self._refusals]
        together = {query.name: query.text(server) for query in asked}
        found: dict[str, Sequence[Row] | None] = {}
        try:
            found.update(zip(together, self._planned(together) if together else [], strict=True))
        except psycopg.Error:
            if self._is_gone():
                raise
            self._run(self._plans.forgotten())
        for query in queries:
            if query.name not in found:
                found[query.name] = self._alone(query, server) if time.monotonic() < end else None
        return found

    def _alone(self, query: Query, server: Server) -> Sequence[Row] | None:
        import psycopg

        try:
            (rows,) = self._run([query.text(server)])
        except psycopg.Error as error:
            if self._is_gone():
                raise
            self._refusals.note(f"the query {query.name}", str(error))
            return None
        self._refusals.answered(f"the query {query.name}")
        return rows

    def _planned(self, queries: Mapping[str, str]) -> list[Sequence[Row]]:
        """Return the rows of each of *queries*, which are not planned again where they were before."""
        results = self._run(self._plans.statements(queries))
        self._plans.are_made(queries)
        return results

    def _run(self, statements: Sequence[str]) -> list[Sequence[Row]]:
        """Return the rows of each of *statements*, which are one message and one transaction."""
        assert self._connection is not None
        found: list[Sequence[Row]] = []
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"{self._before}{'; '.join(statements)}; COMMIT".encode())
                more: bool | None = True
                while more:
                    found += [cursor.fetchall()] if cursor.description else []
                    more = cursor.nextset()
        except BaseException:
            with suppress(Exception):
                self._connection.rollback()
            raise
        return found


def _server(row: Row) -> Server:
    version = tuple(int(part) for part in (row["extension"] or "").split(".") if part.isdecimal())
    return Server(row["version"], bool(row["sees_all"]), row["statements"], version)
