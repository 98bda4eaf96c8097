"""A question to PostgreSQL as data: its SQL, and which family each column of the answer is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo

# What a server may have without end is bounded: the largest are kept, the rest is one row of this name.
LIMIT: Final = 200
OTHERS: Final = "others"
FOLDED: Final = "folded"
"""The column that says how many rows that one stands for."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """What is known of a server before it is asked: *statements* is the function of pg_stat_statements, if there."""

    version: int
    sees_all: bool
    statements: str | None = None
    statements_version: tuple[int, ...] = ()


@dataclass(frozen=True)
class Query:
    """One query. *families* are the families of its columns; the other columns are their labels.

    *sql* may depend on the server; it is there from version *since* on, and *of_statements* with that extension alone.
    *needs_stats*: without the rights of pg_read_all_stats the answer would have holes that look like values. *read*
    makes families of rows that are not such a table.
    """

    name: str
    families: Mapping[str, MetricInfo]
    sql: str | Callable[[Server], str]
    since: int = 0
    needs_stats: bool = False
    of_statements: bool = False
    read: Callable[[Sequence[Row]], Iterator[Metric]] | None = None

    def fits(self, server: Server) -> bool:
        """Return whether *server* can know what is asked."""
        return self.since <= server.version and (server.statements is not None or not self.of_statements)

    def text(self, server: Server) -> str:
        """Return the SQL for *server*."""
        return self.sql if isinstance(self.sql, str) else self.sql(server)

    def answer(self, rows: Sequence[Row]) -> Iterator[Metric]:
        """Yield the families that *rows* hold; a column that this version does not have is none."""
        if self.read is not None:
            yield from self.read(rows)
            return
        for column, info in self.families.items():
            yield info.samples(_samples(info, column, rows))


def _samples(info: MetricInfo, column: str, rows: Sequence[Row]) -> dict[Labels, float | None]:
    found: dict[Labels, float | None] = {}
    for row in rows:
        value = row.get(column)
        if value is not None:
            labels = tuple(str(row.get(label) or "") for label in info.labels)
            found[labels] = (found.get(labels) or 0.0) + float(value)  # a real one may be called others, too
    return found


def folded(rows: Sequence[Row]) -> float | None:
    """Return how many rows the answer stands for beyond those it has; None of a query that is not bounded."""
    counts = [row[FOLDED] for row in rows if row.get(FOLDED) is not None]
    return float(sum(counts)) if counts else None


def bounded(
    ranked: str,
    kept: str,
    labels: Mapping[str, tuple[str, str]],
    values: Mapping[str, tuple[str, str]],
    by: str = "",
) -> str:
    """Return SQL for at most LIMIT rows of *kept*, and one for the rest.

    *ranked* is a query with a column ``place``, 1 for the largest; *kept* is what the kept ones are read from,
    ``ranked`` joined with what describes them. Each label and value is a pair: what it is of a kept row, and of the
    rest; *by* groups the rest. A counter has no sum of the rest: whoever enters or leaves the largest would look
    like a restart.
    """
    columns = {**labels, **values}
    first = ", ".join(f'{one} AS "{name}"' for name, (one, _) in columns.items())
    rest = ", ".join(all_ for _, all_ in columns.values())
    return (
        f"WITH ranked AS ({ranked}) "
        f"SELECT {first}, NULL::bigint AS {FOLDED} FROM {kept} WHERE place <= {LIMIT} "
        f"UNION ALL SELECT {rest}, count(*) FROM ranked WHERE place > {LIMIT} "
        + (f"GROUP BY {by}" if by else "HAVING count(*) > 0")
    )


def label(name: str, rest: str = f"'{OTHERS}'") -> tuple[str, str]:
    """Return the pair of a label that is *name* of a kept row."""
    return f"{name}::text", f"{rest}::text"


def alone(expression: str) -> tuple[str, str]:
    """Return the pair of a value that the rest has not."""
    return f"({expression})::float8", "NULL::float8"


def whole(expression: str, rest: str) -> tuple[str, str]:
    """Return the pair of a value that the rest has as the aggregate *rest*."""
    return f"({expression})::float8", f"({rest})::float8"
