"""PgBouncer: pgbouncer_exporter's metrics, from its console, over psycopg and a user who may only look."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Metric

from .declaration import gauge
from .errors import AnswerError, BadUrlError
from .kinds import Kind, Target
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .pgbouncer_tables import READERS, TABLE_METRICS, TABLES, Row
from .postgres_connection import KeptConnection, connected, require_psycopg
from .redaction import instance
from .refusals import Refusals

if TYPE_CHECKING:
    from psycopg import Connection

UP: Final = gauge("pgbouncer_up", "", "1 if the server answered, else 0.")
_CONSOLE: Final = "pgbouncer"
_PORT: Final = "6432"
_SCHEMES: Final = ("pgbouncer://", "postgresql://", "postgres://")


class PgbouncerCollector(KeptConnection):
    """Asks the console one question after the other: it knows no other way. What it refuses is missing alone."""

    def __init__(self, connect: "Callable[[], Connection[Any]]", where: str) -> None:
        super().__init__(connect)
        self._refusals = Refusals(where)

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise what *connect* does, AnswerError, and psycopg.Error where the connection breaks."""
        with self._held():
            yield from self._families()

    def _families(self) -> Iterator[Metric]:
        answers = self._answers()
        if all(rows is None for rows in answers.values()):
            raise AnswerError("what answers is not PgBouncer's console; the url's database is pgbouncer, or none")
        folded: dict[tuple[str, ...], float | None] = {}
        for name, rows in answers.items():
            if rows is not None and name in TABLES:
                families, folded[name,] = TABLES[name].answer(rows)
                yield from families
            elif rows is not None:
                yield from READERS[name](rows)
        yield FOLDED_ROWS.samples(folded)
        yield QUERY_SUCCESS.samples({(name,): rows is not None for name, rows in answers.items()})

    def _answers(self) -> dict[str, list[Row] | None]:
        """Ask all, over the connection that there is, or over a new one where that was closed."""
        import psycopg

        if self._connection is not None:
            with suppress(psycopg.OperationalError):
                return self._ask()
            if self._closed or not self._is_gone():
                raise AnswerError("the console does not answer")
        self._connection = self._connect()
        return self._ask()

    def _ask(self) -> dict[str, list[Row] | None]:
        return {name: self._shown(name) for name in (*READERS, *TABLES)}

    def _shown(self, name: str) -> list[Row] | None:
        """Return the rows of one ``SHOW``, None where it is refused."""
        import psycopg

        assert self._connection is not None
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SHOW {name}".encode())
                if cursor.description is None:
                    raise psycopg.DataError("the answer is no table")
                rows = _rows(cursor)
        except psycopg.Error as error:
            if self._is_gone():
                raise
            self._refusals.note(f"SHOW {name.upper()}", str(error))
            return None
        self._refusals.answered(f"SHOW {name.upper()}")
        return rows


def _rows(cursor: Any) -> list[Row]:
    """Return the rows as texts: names may be bytes that are no UTF-8, and no two of them become one."""
    result = cursor.pgresult
    names = [(result.fname(at) or b"").decode(errors="backslashreplace") for at in range(result.nfields)]

    def read(row: int, column: int) -> str | None:
        value = result.get_value(row, column)
        return None if value is None else bytes(value).decode(errors="backslashreplace")

    return [{name: read(row, at) for at, name in enumerate(names)} for row in range(result.ntuples)]


def connect(target: Target) -> PgbouncerCollector:
    """Return a collector that connects at the first question. Raise MissingPackageError, BadUrlError."""
    require_psycopg("pgbouncer")
    parameters = _parameters(target)
    return PgbouncerCollector(lambda: connected(parameters), instance(target.url, "the server"))


def _parameters(target: Target) -> dict[str, Any]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    scheme = next((each for each in _SCHEMES if target.url.startswith(each)), "")
    try:
        given = conninfo_to_dict("postgresql://" + target.url.removeprefix(scheme)) if scheme else {}
    except psycopg.Error:  # its text may hold a part of the password
        given = {}
    if not given or given.get("dbname", _CONSOLE) != _CONSOLE:
        raise BadUrlError(
            "the url is not one of PgBouncer's console; write pgbouncer://user:${VARIABLE}@host:6432?sslmode=verify-full"
        )
    return {
        "port": _PORT if scheme == _SCHEMES[0] else None,
        "application_name": "seawall",
        **given,
        "dbname": _CONSOLE,
        "client_encoding": "UTF8",
        "connect_timeout": math.ceil(target.timeout),
        "autocommit": True,
        "prepare_threshold": None,
    }


KIND: Final = Kind(name="pgbouncer", up=UP, metrics=(UP, *TABLE_METRICS), connect=connect)
