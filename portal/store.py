"""The inbox on disk: one SQLite file, one row an alert, nothing lost by a restart."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from seawall.catalog import SeawallError
from seawall.conventions import WATCHDOG

from .webhook import NotifiedAlert

# Each entry takes the schema from its index to the next version; entries are only ever appended.
_MIGRATIONS: Final = (
    """
    CREATE TABLE alerts (
      fingerprint TEXT NOT NULL, starts_at REAL NOT NULL, ends_at REAL, state TEXT NOT NULL,
      alertname TEXT NOT NULL, service TEXT NOT NULL, team TEXT NOT NULL, tier TEXT NOT NULL, severity TEXT NOT NULL,
      labels TEXT NOT NULL, annotations TEXT NOT NULL, received_at REAL NOT NULL, updated_at REAL NOT NULL,
      PRIMARY KEY (fingerprint, starts_at)
    );
    CREATE INDEX alerts_by_start ON alerts (starts_at DESC);
    CREATE INDEX alerts_by_state ON alerts (state, starts_at DESC);
    CREATE TABLE marks (name TEXT PRIMARY KEY, at REAL NOT NULL);
    """,
)
_UPSERT: Final = """
    INSERT INTO alerts VALUES (:fingerprint, :starts_at, :ends_at, :state, :alertname, :service, :team, :tier,
                               :severity, :labels, :annotations, :now, :now)
    ON CONFLICT (fingerprint, starts_at) DO UPDATE SET
      ends_at = excluded.ends_at, state = excluded.state, labels = excluded.labels, annotations = excluded.annotations,
      service = excluded.service, team = excluded.team, tier = excluded.tier, severity = excluded.severity,
      updated_at = excluded.updated_at
"""
# An alert fires once at a time: a later start means that the end of the earlier one was never told. The plus keeps
# SQLite from the index by state, with which each alert of a storm would walk over all that fire.
_SUPERSEDE: Final = """
    UPDATE alerts SET state = 'resolved', updated_at = :now,
      ends_at = (SELECT min(later.starts_at) FROM alerts AS later
                 WHERE later.fingerprint = alerts.fingerprint AND later.starts_at > alerts.starts_at)
    WHERE fingerprint = :fingerprint AND +state = 'firing'
      AND starts_at < (SELECT max(starts_at) FROM alerts WHERE fingerprint = :fingerprint)
"""
_ORDERS: Final = {"firing": "severity = 'page' DESC, starts_at DESC", "resolved": "starts_at DESC"}
_HEARTBEAT: Final = "heartbeat"
_PROBE: Final = "probe"


class StoreError(SeawallError):
    """The inbox cannot be opened, read or written."""


@dataclass(frozen=True)
class Filter:
    """Which alerts are asked for; an empty text admits all."""

    team: str = ""
    service: str = ""
    state: str = ""
    severity: str = ""


@dataclass(frozen=True)
class StoredAlert:
    """One row; times are seconds since the epoch, *ends_at* is None while the alert fires."""

    fingerprint: str
    starts_at: float
    ends_at: float | None
    state: str
    alertname: str
    service: str
    team: str
    tier: str
    severity: str
    labels: dict[str, str]
    annotations: dict[str, str]
    received_at: float
    updated_at: float

    def duration(self, now: float) -> float:
        """Return how long it fired, or has been firing until *now*, in seconds."""
        return max(0.0, (now if self.ends_at is None else self.ends_at) - self.starts_at)


class Store:
    """Alerts and the last heartbeat, in the file at *path*; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=2)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the inbox {path}: {error}; name a folder that can be written with --data"
            ) from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def record(self, alerts: Iterable[NotifiedAlert], now: float) -> int:
        """Keep *alerts*, all or none; return how many rows were written. The Watchdog is a heartbeat, not a row."""
        stored = 0
        with self._transaction() as connection:
            for alert in alerts:
                if alert.name == WATCHDOG:
                    if alert.state == "firing":
                        connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_HEARTBEAT, now))
                    continue
                connection.execute(_UPSERT, _row(alert, now))
                connection.execute(_SUPERSEDE, {"fingerprint": alert.fingerprint, "now": now})
                stored += 1
        return stored

    def alerts(self, wanted: Filter = Filter(), limit: int = 500) -> list[StoredAlert]:
        """Return the alerts that *wanted* admits, at most *limit*: firing pages first, what fires, then the latest."""
        found = list[StoredAlert]()
        with self._transaction(write=False) as connection:
            for state, order in _ORDERS.items():  # one at a time: each has an index to walk along, and sorts little
                if wanted.state in ("", state) and len(found) < limit:
                    where, given = _where(replace(wanted, state=state))
                    query = f"SELECT * FROM alerts WHERE {where} ORDER BY {order} LIMIT :limit"  # noqa: S608 - the names are Filter's own
                    rows = connection.execute(query, {**given, "limit": limit - len(found)})
                    found += [_stored(row) for row in rows]
        return found

    def count(self, wanted: Filter = Filter()) -> int:
        """Return how many alerts *wanted* admits."""
        where, given = _where(wanted)
        with self._transaction(write=False) as connection:
            query = f"SELECT count(*) FROM alerts WHERE {where}"  # noqa: S608 - the names are Filter's own
            (number,) = connection.execute(query, given).fetchone()
        return int(number)

    def last_heartbeat(self) -> float | None:
        """Return when the Watchdog was last heard, in seconds since the epoch; None if never."""
        with self._transaction(write=False) as connection:
            row = connection.execute("SELECT at FROM marks WHERE name = ?", (_HEARTBEAT,)).fetchone()
        return None if row is None else float(row[0])

    def prune(self, before: float) -> int:
        """Forget alerts that ended, or were last heard of, before *before*; return how many."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM alerts WHERE coalesce(ends_at, updated_at) < ?", (before,)).rowcount

    def probe(self, now: float) -> None:
        """Write a mark; raise StoreError where the file cannot be written."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_PROBE, now))

    def _prepare(self) -> None:
        with self._errors():
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # what was answered with 200 survives a power cut
        with self._transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(_MIGRATIONS):
                raise StoreError(
                    f"the inbox {self._path} was written by a newer Seawall; install that version or later"
                )
            for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            mend = "see that its folder can be written and its disk has room, or name another with --data"
            raise StoreError(f"cannot use the inbox {self._path}: {error}; {mend}") from error


def _where(wanted: Filter) -> tuple[str, dict[str, Any]]:
    given = {f.name: getattr(wanted, f.name) for f in fields(wanted) if getattr(wanted, f.name)}
    return " AND ".join(f"{name} = :{name}" for name in given) or "TRUE", given


def _row(alert: NotifiedAlert, now: float) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "state": alert.state,
        "alertname": alert.name,
        **{name: alert.labels.get(name, "") for name in ("service", "team", "tier", "severity")},
        "labels": json.dumps(alert.labels),
        "annotations": json.dumps(alert.annotations),
        "now": now,
    }


def _stored(row: sqlite3.Row) -> StoredAlert:
    values = dict(row)
    return StoredAlert(
        **{**values, "labels": json.loads(values["labels"]), "annotations": json.loads(values["annotations"])}
    )
