"""A question to MySQL or MariaDB as data: its SQL, whom it can be asked, and what its rows become."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo

# What a server may have without end is bounded: the largest are kept, the rest is one row of this name.
LIMIT: Final = 200
OTHERS: Final = "others"

Row = Mapping[str, str | None]
"""A row by the names of its columns in lower case; None is NULL."""

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_WORDS: Final = {
    **dict.fromkeys(("yes", "on", "primary"), 1.0),
    # A replica's thread that is "connecting" does not run; these two are of a node that is out of its cluster.
    **dict.fromkeys(("no", "off", "disabled", "connecting", "non-primary", "disconnected"), 0.0),
}


@dataclass(frozen=True)
class Server:
    """What a server is, by its *settings*, whose names are in lower case."""

    settings: Mapping[str, str]

    @property
    def is_mariadb(self) -> bool:
        """Return whether it is MariaDB."""
        return "mariadb" in self.settings.get("version", "").lower()

    @property
    def version(self) -> tuple[int, ...]:
        """Return its version, such as (10, 11, 6)."""
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", self.settings.get("version", ""), re.ASCII)
        return tuple(int(part) for part in found.groups()) if found else (0, 0, 0)

    def has(self, setting: str) -> bool:
        """Return whether *setting* is on."""
        return number(self.settings.get(setting)) == 1


@dataclass(frozen=True)
class Query:
    """One query: *read* makes *families* of its rows; *fits* says whether a server can know what is asked.

    *folded* says of how many rows an answer is bounded by one of the name OTHERS.
    """

    name: str
    families: tuple[MetricInfo, ...]
    sql: str | Callable[[Server], str]
    read: Callable[[Sequence[Row]], Iterator[Metric]]
    fits: Callable[[Server], bool] = lambda _server: True
    folded: Callable[[Sequence[Row]], float] | None = None

    def text(self, server: Server) -> str:
        """Return the SQL for *server*."""
        return self.sql if isinstance(self.sql, str) else self.sql(server)


def number(text: str | None) -> float | None:
    """Return what a status or setting says as a number; None where it is none."""
    if text is None:
        return None
    word = _WORDS.get(text.lower())
    if word is not None:
        return word
    return float(text) if _NUMBER.fullmatch(text) else None


def named(rows: Sequence[Row]) -> dict[str, str]:
    """Return the values of ``SHOW … STATUS`` or ``SHOW … VARIABLES``, by name in lower case."""
    return {str(row["variable_name"]).lower(): row["value"] or "" for row in rows}


def columns(families: Mapping[str, MetricInfo], rows: Sequence[Row]) -> Iterator[Metric]:
    """Yield a family for each column of a table, whose other columns are its labels."""
    for column, info in families.items():
        values: dict[Labels, float | None] = {}
        for row in rows:
            labels = tuple(row.get(label) or "" for label in info.labels)
            values[labels] = number(row.get(column))
        yield info.samples(values)
