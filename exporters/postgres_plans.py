"""What PostgreSQL has planned for a connection: it plans such questions longer than it takes to answer them."""

from collections.abc import Iterable, Mapping


class Plans:
    """The queries that a connection has prepared, by name; where a pooler stands between, nothing is prepared.

    A pooler lends whoever asks next the session in which a statement was left.
    """

    def __init__(self) -> None:
        self._is_alone = False
        self._made: dict[str, str] = {}

    def begin(self, *, is_alone: bool) -> None:
        """Know nothing of the connection before; *is_alone* says that this one's session is nobody else's."""
        self._is_alone = is_alone
        self._made = {}

    def statements(self, queries: Mapping[str, str]) -> list[str]:
        """Return what has the rows of *queries*, texts by name, in their order, and prepares what is not or differs."""
        if not self._is_alone:
            return list(queries.values())
        return [statement for name, text in queries.items() for statement in self._statements(name, text)]

    def are_made(self, queries: Mapping[str, str]) -> None:
        """Note that all statements for *queries* were run."""
        if self._is_alone:
            self._made |= queries

    def forgotten(self) -> list[str]:
        """Return what leaves nothing prepared, after statements of which nobody knows how far they came."""
        self._made = {}
        return ["DEALLOCATE ALL"] if self._is_alone else []

    def _statements(self, name: str, text: str) -> Iterable[str]:
        if name in self._made and self._made[name] != text:
            yield f"DEALLOCATE seawall_{name}"
        if self._made.get(name) != text:
            yield f"PREPARE seawall_{name} AS {text}"
        yield f"EXECUTE seawall_{name}"
