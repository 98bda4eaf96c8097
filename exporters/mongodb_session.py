"""Questions to one MongoDB, over pymongo: each probe has one deadline, and what is refused is told once."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .errors import BadUrlError, ConnectError, MissingPackageError
from .refusals import Refusals

if TYPE_CHECKING:
    from pymongo import MongoClient

_SHARE: Final = 0.9
"""Of the time that a probe has: what pymongo says of a server that it does not reach is told before it is cut off."""
_STEP: Final = 0.5  # seconds: as seldom pymongo looks whether the time for that is up
_HEARTBEAT: Final = 60_000  # milliseconds: pymongo's own look at the server, beside the probes
_FAREWELL: Final = 0.05  # seconds: at the end pymongo tells the server which sessions are over
Document = Mapping[str, Any]


class Session:
    """One client, which is kept between probes."""

    class Asking:
        """The questions of one probe; *told* says which of them were answered."""

        def __init__(self, kept: "Session") -> None:
            self._kept = kept
            self.told: dict[str, bool] = {}

        def must(self, command: str) -> Document:
            """Return the answer to *command*, which everybody may ask."""
            import pymongo

            with pymongo.timeout(self._kept.reach):
                return self._kept.command("admin", {command: 1})

        def __call__(
            self, command: str, value: Any = 1, further: Document | None = None, *, database: str = "admin"
        ) -> Document:
            """Return the answer to *command* with *further* fields; an empty one where it is refused."""
            from pymongo.errors import InvalidName, OperationFailure

            try:
                answer = self._kept.command(database, {command: value, **(further or {})})
            except (InvalidName, OperationFailure) as error:
                return self._refused(command, error)
            self.told.setdefault(command, True)
            return answer

        def first(self, query: str, database: str, collection: str, field: str, order: int = 1) -> Document:
            """Return *field* of the first document of *collection*, or with *order* -1 of the last; nothing of none."""
            from pymongo.errors import OperationFailure

            try:
                found = self._kept.client[database][collection].find({}, [field], limit=1, sort=[("$natural", order)])
                answer: Document = next(iter(found), {})
            except OperationFailure as error:
                return self._refused(query, error)
            self.told.setdefault(query, True)
            return answer

        def ends(self, query: str, database: str, collection: str, field: str) -> tuple[Document, Document]:
            """Return *field* of the last and of the first document of *collection*."""
            return self.first(query, database, collection, field, -1), self.first(query, database, collection, field)

        def _refused(self, query: str, error: Exception) -> Document:
            self.told[query] = False
            self._kept.refusals.note(query, str(error).partition(", full error")[0])
            return {}

    def __init__(self, client: "MongoClient[dict[str, Any]]", timeout: float, where: str) -> None:
        self.client, self._timeout, self.refusals = client, timeout, Refusals(where)
        self.reach = max(_SHARE * timeout - _STEP, timeout / 2)
        """Seconds in which the server is reached and says what it is."""

    @contextmanager
    def asking(self) -> Iterator["Session.Asking"]:
        """Bound whatever is asked in the block by one deadline. Raise ConnectError where nobody answers."""
        import pymongo
        from pymongo.errors import ServerSelectionTimeoutError

        ask = Session.Asking(self)
        try:
            with pymongo.timeout(self._timeout):
                yield ask
        except ServerSelectionTimeoutError as error:  # what follows differs each time
            said = str(error).partition(", Timeout: ")[0].partition(" (configured timeouts: ")[0]
            raise ConnectError(f"the server is not reached: {said}") from None
        self.refusals.answered(*(query for query, answered in ask.told.items() if answered))

    def command(self, database: str, command: Document) -> Document:
        """Return the answer to *command*. Raise what pymongo raises."""
        return self.client[database].command(dict(command), codec_options=self.client.codec_options)

    def close(self) -> None:
        """End the connections, whoever waits on them; a server that is gone is not waited for."""
        import pymongo

        with pymongo.timeout(_FAREWELL):
            self.client.close()


def session(url: str, timeout: float, where: str) -> Session:
    """Return a session that connects at the first question. Raise MissingPackageError, BadUrlError."""
    try:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser import parse_uri
    except ImportError:
        raise MissingPackageError("mongodb", "pymongo", "mongodb") from None
    logging.getLogger("pymongo").setLevel(logging.WARNING)  # what it says besides holds answers, and what they repeat
    milliseconds = round(timeout * 1000)
    try:
        if not url.startswith("mongodb://") or len(parse_uri(url)["nodelist"]) != 1:
            raise ValueError
        client: MongoClient[dict[str, Any]] = MongoClient(
            url,
            directConnection=True,  # this member, whoever is the primary
            connect=False,
            appname="seawall",
            maxPoolSize=2,
            retryReads=False,  # Prometheus asks again soon enough
            serverMonitoringMode="poll",
            heartbeatFrequencyMS=_HEARTBEAT,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            datetime_conversion="DATETIME_MS",
            unicode_decode_error_handler="replace",
        )
    except (PyMongoError, ValueError, TypeError):  # whose text may hold a part of the password
        raise BadUrlError(
            "the url is not one of a single MongoDB; write mongodb://user:${VARIABLE}@host:27017/?authSource=admin, "
            "a service for each member of a replica set and each mongos (mongodb+srv and lists of hosts name several)"
        ) from None
    return Session(client, timeout, where)
