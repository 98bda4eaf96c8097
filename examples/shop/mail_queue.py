"""The queue of order mails between checkout and mailer: one table in a SQLite file."""

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

CLAIM_SECONDS = 60.0  # a mail whose mailer died is taken again after this long
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    headers TEXT NOT NULL,
    queued_at REAL NOT NULL,
    claimed_at REAL NOT NULL DEFAULT 0
)
"""


def state_folder() -> Path:
    """Return where the shop keeps its files: ``SHOP_STATE``, or a folder beside this module."""
    folder = Path(os.environ.get("SHOP_STATE") or Path(__file__).parent / ".state")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Mail:
    """One mail to send; *headers* carry the trace of the order that caused it."""

    id: int
    recipient: str
    body: str
    headers: Mapping[str, str]


class MailQueue:
    """Put, take and finish mails; safe between threads and processes, a connection an operation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)

    def put(self, recipient: str, body: str, headers: Mapping[str, str]) -> None:
        """Add a mail at the end."""
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "INSERT INTO mails (recipient, body, headers, queued_at) VALUES (?, ?, ?, ?)",
                (recipient, body, json.dumps(dict(headers)), time.time()),
            )

    def take(self) -> Mail | None:
        """Claim the oldest mail that nobody has claimed, or None."""
        now = time.time()
        with closing(self._connect()) as connection, connection:
            row = connection.execute(
                "UPDATE mails SET claimed_at = ?"
                " WHERE id = (SELECT id FROM mails WHERE claimed_at < ? ORDER BY id LIMIT 1)"
                " RETURNING id, recipient, body, headers",
                (now, now - CLAIM_SECONDS),
            ).fetchone()
        return Mail(row[0], row[1], row[2], json.loads(row[3])) if row else None

    def finish(self, mail: Mail) -> None:
        """Remove a mail that was sent."""
        with closing(self._connect()) as connection, connection:
            connection.execute("DELETE FROM mails WHERE id = ?", (mail.id,))

    def release(self, mail: Mail) -> None:
        """Give a mail that could not be sent back to the queue."""
        with closing(self._connect()) as connection, connection:
            connection.execute("UPDATE mails SET claimed_at = 0 WHERE id = ?", (mail.id,))

    def waiting(self) -> int:
        """Return how many mails wait or are being sent."""
        with closing(self._connect()) as connection:
            return int(connection.execute("SELECT count(*) FROM mails").fetchone()[0])

    def oldest_age(self) -> float:
        """Return the age in seconds of the oldest mail; 0 where none waits."""
        with closing(self._connect()) as connection:
            oldest = connection.execute("SELECT min(queued_at) FROM mails").fetchone()[0]
        return max(0.0, time.time() - oldest) if oldest is not None else 0.0

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5.0)
