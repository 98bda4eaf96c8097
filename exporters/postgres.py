"""PostgreSQL: postgres_exporter's metrics, over psycopg and a role that only reads."""

import math
from typing import TYPE_CHECKING, Any, Final

from .declaration import MetricInfo, gauge
from .errors import BadUrlError
from .kinds import Kind, Target
from .postgres_connection import connected, require_psycopg
from .postgres_databases import DATABASE_QUERIES
from .postgres_query import Query
from .postgres_replication import REPLICATION_QUERIES
from .postgres_server import SERVER_QUERIES
from .postgres_session import PostgresCollector
from .postgres_settings import SETTINGS
from .postgres_tables import TABLE_QUERIES
from .redaction import instance

if TYPE_CHECKING:
    from psycopg import Connection

UP: Final = gauge("pg_up", "", "1 if the server answered, else 0.")
QUERIES: Final[tuple[Query, ...]] = (
    *SERVER_QUERIES,
    SETTINGS,
    *DATABASE_QUERIES,
    *REPLICATION_QUERIES,
    *TABLE_QUERIES,
)
METRICS: Final[tuple[MetricInfo, ...]] = (UP, *(info for query in QUERIES for info in query.families.values()))

_SCHEMES: Final = ("postgresql://", "postgres://")


def connect(target: Target) -> PostgresCollector:
    """Return a collector that connects at the first question. Raise MissingPackageError, BadUrlError."""
    require_psycopg("postgres")
    parameters = _parameters(target)

    def opened() -> "Connection[Any]":
        connection = connected(parameters)
        _read_any_bytes(connection)
        return connection

    return PostgresCollector(opened, QUERIES, instance(target.url, "the server"), target.timeout)


def _parameters(target: Target) -> dict[str, Any]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.rows import dict_row

    try:
        given = conninfo_to_dict(target.url) if target.url.startswith(_SCHEMES) else {}
    except psycopg.Error:  # its text may hold a part of the password
        given = {}
    if not given:
        raise BadUrlError(
            "the url is not one of PostgreSQL; write postgresql://user:${VARIABLE}@host:5432/database?sslmode=verify-full"
        )
    return {
        "dbname": "postgres",
        "application_name": "seawall",
        **given,
        "client_encoding": "UTF8",
        "connect_timeout": math.ceil(target.timeout),
        "autocommit": True,
        "prepare_threshold": None,
        "row_factory": dict_row,
    }


def _read_any_bytes(connection: "Connection[Any]") -> None:
    """Let names be read that are no UTF-8, and no two of them become one."""
    from psycopg.adapt import Buffer, Loader

    class Text(Loader):
        def load(self, data: Buffer) -> str:
            return bytes(data).decode(errors="backslashreplace")

    connection.adapters.register_loader("text", Text)
    if connection.pgconn.parameter_status(b"server_encoding") == b"SQL_ASCII":
        connection.execute("SET client_encoding = SQL_ASCII")  # else it refuses to send what is not


KIND: Final = Kind(name="postgres", up=UP, metrics=METRICS, connect=connect)
