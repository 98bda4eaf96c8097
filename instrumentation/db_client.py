"""OpenTelemetry's metric of operations that the application asks of databases, whichever driver asks them."""

import re
from typing import Any, Final

from .aggregation import Histogram
from .bounds import OTHER, FirstSeen
from .memory import Labels
from .outgoing import ClientCalls, Peers

CONNECT: Final = "CONNECT"  # a connection that failed: no operation came so far
# The first words of SQL that become labels. Those that only frame other statements are no operations of their own.
VERBS: Final = frozenset(
    [
        "ALTER",
        "ANALYZE",
        "ANALYSE",
        "CALL",
        "CHECKPOINT",
        "CLOSE",
        "CLUSTER",
        "COMMENT",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DECLARE",
        "DELETE",
        "DESC",
        "DESCRIBE",
        "DISCARD",
        "DO",
        "DROP",
        "EXECUTE",
        "EXPLAIN",
        "FETCH",
        "GRANT",
        "IMPORT",
        "INSERT",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MERGE",
        "MOVE",
        "NOTIFY",
        "OPTIMIZE",
        "PRAGMA",
        "PREPARE",
        "REASSIGN",
        "REFRESH",
        "REINDEX",
        "REPLACE",
        "RESET",
        "REVOKE",
        "SELECT",
        "SET",
        "SHOW",
        "TABLE",
        "TRUNCATE",
        "UNLISTEN",
        "UPDATE",
        "USE",
        "VACUUM",
        "VALUES",
        "WITH",
    ]
)
FRAMES: Final = frozenset(("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"))

_MOST_NAMES: Final = 300  # Redis has some 250 commands, and its modules more
_FIRST_WORD: Final = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*([A-Za-z]+)")
_COMMAND: Final = re.compile(r"[A-Z][A-Z0-9_.-]*(?: [A-Z][A-Z0-9_-]*)?")
_LONGEST_COMMAND: Final = 40


def verb_of(sql: Any) -> str:
    """Return the first word of *sql*, text or bytes, behind its comments; ``_OTHER`` for one that is none of SQL's."""
    text = sql.decode("latin-1") if isinstance(sql, bytes) else sql
    found = _FIRST_WORD.match(text) if isinstance(text, str) else None
    word = found[1].upper() if found is not None else OTHER
    return word if word in VERBS or word in FRAMES else OTHER


def _failed_beside(labels: Labels) -> Labels:
    return (*labels[:-1], OTHER)


class DbClientMetrics(ClientCalls):
    """Count operations.

    A key is the system, the namespace (a database's name or number), the server's address and port, the operation, and
    the class of the exception.
    """

    def __init__(self) -> None:
        self._peers = Peers()
        self._namespaces = FirstSeen(200)
        self._commands = FirstSeen(_MOST_NAMES)
        duration = Histogram(
            "db.client.operation.duration",
            "Duration of database client operations.",
            (
                "db.system.name",
                "db.namespace",
                "db.operation.name",
                "server.address",
                "server.port",
                "error.type",
            ),
            zero_beside=_failed_beside,
        )
        super().__init__(duration, self._label, _failed_beside)

    def _label(
        self, system: str, namespace: object, host: object, port: object, operation: object, error: str
    ) -> Labels:
        address, number = self._peers.labels(host, port)
        space = str("" if namespace is None else namespace)
        space = space if self._namespaces.knows(space) else OTHER
        return (system, space, self._operation(operation), address, number, error)

    def _operation(self, operation: object) -> str:
        text = operation.decode("latin-1") if isinstance(operation, bytes) else str(operation)
        if text in VERBS or text in (CONNECT, OTHER):
            return text
        name = text[: _LONGEST_COMMAND + 1].upper()
        is_name = len(name) <= _LONGEST_COMMAND and _COMMAND.fullmatch(name) is not None
        return name if is_name and self._commands.knows(name) else OTHER
