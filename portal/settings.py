"""What the portal is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
DAY: Final = 86400.0


@dataclass(frozen=True)
class Settings:
    """Where everything is; *hosts* are the names that a Host header may carry beside loopback's.

    *retention* is in seconds, *body_limit* in bytes, *query_timeout* and *heartbeat_limit* in seconds.
    """

    catalog: Path
    build: Path
    data: Path
    prometheus: str
    alertmanager: str
    hosts: frozenset[str] = field(default=frozenset())
    retention: float = 90 * DAY
    body_limit: int = 16 * 1024 * 1024
    query_timeout: float = 2.0
    heartbeat_limit: float = 600.0

    @property
    def database(self) -> Path:
        """The inbox on disk."""
        return self.data / "portal.sqlite3"
