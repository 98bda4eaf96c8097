"""What PgBouncer's console shows, and which family each column of it is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge
from .postgres_query import LIMIT, OTHERS

Row = Mapping[str, str | None]
Rest = Callable[[Sequence[float]], float]
_MICROSECONDS: Final = 1e6  # of a second


def _as_they_are(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


@dataclass(frozen=True)
class Table:
    """What one ``SHOW`` answers. Of more than LIMIT rows the largest are kept, by the columns *rank*.

    *families* are those of its columns; a column that this version does not have is none. The rest of the rows becomes
    one for each value of the labels *apart*, of the columns that *rest* knows how to make one of. A counter is never
    among them: whoever enters or leaves the largest would look like a restart.
    """

    families: Mapping[str, MetricInfo]
    rank: tuple[str, ...]
    rest: Mapping[str, Rest] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    prepare: Callable[[Sequence[Row]], Sequence[Row]] = _as_they_are

    def answer(self, shown: Sequence[Row]) -> tuple[list[Metric], int]:
        """Return the families, and how many rows are folded into the rest."""
        rows = sorted(self.prepare(shown), key=self._place, reverse=True)
        kept, folded = rows[:LIMIT], rows[LIMIT:]
        return [info.samples(self._samples(column, info, kept, folded)) for column, info in self.families.items()], len(
            folded
        )

    def _place(self, row: Row) -> tuple[float, ...]:
        return tuple(number(row, column) or 0.0 for column in self.rank)

    def _samples(
        self, column: str, info: MetricInfo, kept: Sequence[Row], folded: Sequence[Row]
    ) -> dict[Labels, float | None]:
        divisor = _MICROSECONDS if column.endswith("_time") else 1.0
        found: dict[Labels, list[float]] = {}
        for rows, read in ((kept, self._own), (folded if column in self.rest else (), self._of_rest)):
            for row in rows:
                value = number(row, column)
                if value is not None:
                    found.setdefault(read(info, row), []).append(value / divisor)
        rest = self.rest.get(column, sum)
        return {labels: rest(values) for labels, values in found.items()}

    def _own(self, info: MetricInfo, row: Row) -> Labels:
        return tuple(row.get(label) or "" for label in info.labels)

    def _of_rest(self, info: MetricInfo, row: Row) -> Labels:
        return tuple((row.get(label) or "") if label in self.apart else OTHERS for label in info.labels)


def number(row: Row, column: str) -> float | None:
    """Return the value of *column*; None where there is none, or it is no number."""
    try:
        return float(row.get(column) or "")
    except ValueError:
        return None


def _of_database(name: str, meaning: str) -> MetricInfo:
    labels = ("name", "host", "port", "database", "force_user", "pool_mode")
    return gauge(f"pgbouncer_databases_{name}", "", meaning, *labels)


def _of_pool(name: str, meaning: str, unit: str = "") -> MetricInfo:
    return gauge(f"pgbouncer_pools_{name}", unit, meaning, "database", "user")


def _total(name: str, meaning: str, unit: str = "") -> MetricInfo:
    return counter(f"pgbouncer_stats_totals_{name}_total", unit, meaning, "database")


_RESERVE: Final = _of_database("reserve_pool", "Server connections that it may open beyond, for who waits long.")
DATABASES: Final = Table(
    {
        "pool_size": _of_database("pool_size", "Server connections that each of its pools may have."),
        "reserve_pool": _RESERVE,
        "reserve_pool_size": _RESERVE,  # its name from version 1.24 on
        "max_connections": _of_database("max_connections", "Server connections that it may have; 0 is no limit."),
        "current_connections": _of_database("current_connections", "Server connections that it has."),
        "paused": _of_database("paused", "1 while it is paused, else 0."),
        "disabled": _of_database("disabled", "1 while it is disabled, else 0."),
    },
    rank=("disabled", "paused", "current_connections"),
    rest={"current_connections": sum, "paused": max, "disabled": max},
)
_STATES: Final = {
    "cl_active": _of_pool("client_active_connections", "Clients that have a server connection, or ask for none."),
    "cl_active_cancel_req": _of_pool("client_active_cancel_connections", "Clients whose cancellation is on its way."),
    "cl_waiting": _of_pool("client_waiting_connections", "Clients that wait for a server connection."),
    "cl_waiting_cancel_req": _of_pool("client_waiting_cancel_connections", "Clients whose cancellation waits."),
    "sv_active": _of_pool("server_active_connections", "Server connections that a client has."),
    "sv_active_cancel": _of_pool("server_active_cancel_connections", "Server connections that carry a cancellation."),
    "sv_being_canceled": _of_pool("server_being_canceled_connections", "Those that wait for a cancellation's end."),
    "sv_idle": _of_pool("server_idle_connections", "Server connections that are free."),
    "sv_used": _of_pool("server_used_connections", "Server connections to be checked before they are used again."),
    "sv_tested": _of_pool("server_testing_connections", "Server connections that are being checked or reset."),
    "sv_login": _of_pool("server_login_connections", "Server connections that are logging in."),
}
POOLS: Final = Table(
    {
        **_STATES,
        "maxwait": _of_pool("client_maxwait_seconds", "How long the first in the queue has waited.", "seconds"),
    },
    rank=("maxwait", "cl_waiting", "sv_active", "cl_active"),
    rest={**dict.fromkeys(_STATES, sum), "maxwait": max},
)
STATS: Final = Table(
    {
        "xact_count": _total("sql_transactions_pooled", "Transactions."),
        "query_count": _total("queries_pooled", "Statements."),
        "bytes_received": _total("received_bytes", "Bytes received.", "bytes"),
        "bytes_sent": _total("sent_bytes", "Bytes sent.", "bytes"),
        "xact_time": _total(
            "server_in_transaction_seconds", "Time that servers were in transactions, idle or not.", "seconds"
        ),
        "query_time": _total("queries_duration_seconds", "Time that servers were at work on statements.", "seconds"),
        "wait_time": _total("client_wait_seconds", "Time that clients waited for a server.", "seconds"),
        "server_assignment_count": _total("server_assignments", "Times that a client got a server; from 1.23 on."),
        "client_parse_count": _total("client_parses", "Statements that clients prepared; from 1.24 on."),
        "server_parse_count": _total("server_parses", "Statements prepared on servers; from 1.24 on."),
        "bind_count": _total("binds", "Prepared statements made ready; from 1.24 on."),
    },
    rank=("query_count", "xact_count"),
)


def _counted(rows: Sequence[Row]) -> list[Row]:
    labels = CLIENT_CONNECTIONS.labels
    counts = Counter(tuple(row.get(label) or "" for label in labels) for row in rows)
    return [{**dict(zip(labels, values, strict=True)), "count": str(count)} for values, count in counts.items()]


CLIENT_CONNECTIONS: Final = gauge(
    "pgbouncer_client_connections", "", "Clients, by their state.", "database", "user", "application_name", "state"
)
CLIENTS: Final = Table(
    {"count": CLIENT_CONNECTIONS}, rank=("count",), rest={"count": sum}, apart=("state",), prepare=_counted
)

TABLES: Final[Mapping[str, Table]] = {
    "databases": DATABASES,
    "pools": POOLS,
    "stats_totals": STATS,
    "clients": CLIENTS,
}
"""By what is said behind ``SHOW``."""

VERSION: Final = gauge("pgbouncer_version_info", "", "The server's version; always 1.", "version")
_LISTS: Final = {
    "databases": gauge("pgbouncer_databases", "", "Databases, the console's own too."),
    "users": gauge("pgbouncer_users", "", "Users."),
    "pools": gauge("pgbouncer_pools", "", "Pools: one for each database and user that is asked for."),
    "free_clients": gauge("pgbouncer_free_clients", "", "Clients that there is memory for already."),
    "used_clients": gauge("pgbouncer_used_clients", "", "Clients that are connected, those of the console too."),
    "login_clients": gauge("pgbouncer_login_clients", "", "Clients that are logging in."),
    "free_servers": gauge("pgbouncer_free_servers", "", "Server connections that there is memory for already."),
    "used_servers": gauge("pgbouncer_used_servers", "", "Server connections."),
    "dns_names": gauge("pgbouncer_cached_dns_names", "", "Names of hosts in the cache."),
    "dns_zones": gauge("pgbouncer_cached_dns_zones", "", "Zones in the cache."),
    "dns_queries": gauge("pgbouncer_in_flight_dns_queries", "", "Questions to nameservers that are not answered yet."),
}
_CONFIG: Final = {
    "max_client_conn": gauge("pgbouncer_config_max_client_connections", "", "Clients that may be connected."),
    "max_user_connections": gauge(
        "pgbouncer_config_max_user_connections", "", "Server connections that a user may have; 0 is no limit."
    ),
}


def _version(rows: Sequence[Row]) -> Iterator[Metric]:
    yield VERSION.samples({(row.get("version") or "",): 1.0 for row in rows[:1]})


def _lists(rows: Sequence[Row]) -> Iterator[Metric]:
    yield from _named(_LISTS, rows, "list", "items")


def _config(rows: Sequence[Row]) -> Iterator[Metric]:
    yield from _named(_CONFIG, rows, "key", "value")


def _named(families: Mapping[str, MetricInfo], rows: Sequence[Row], key: str, value: str) -> Iterator[Metric]:
    found = {row.get(key): number(row, value) for row in rows}
    for name, info in families.items():
        yield info.value(found.get(name))


READERS: Final[Mapping[str, Callable[[Sequence[Row]], Iterator[Metric]]]] = {
    "version": _version,
    "lists": _lists,
    "config": _config,
}
"""What answers no table, likewise."""

TABLE_METRICS: Final[tuple[MetricInfo, ...]] = (
    VERSION,
    *_LISTS.values(),
    *_CONFIG.values(),
    *dict.fromkeys(info for table in TABLES.values() for info in table.families.values()),
)
