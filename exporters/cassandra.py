"""Cassandra: the names of Instaclustr's cassandra-exporter, from the virtual tables that nodes have since 4.0."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from prometheus_client import Metric

from .cassandra_cql import Body, CqlClient, Row, rows
from .cassandra_node import (
    LOCAL,
    MOST,
    NODE_METRICS,
    OUTBOUND,
    PEERS,
    QUERIES,
    SETTINGS,
    cluster,
    local,
    settings,
    text,
)
from .cassandra_tables import HISTOGRAMS, SIZE_COLUMNS, SIZES, TABLE_METRICS, Tables
from .declaration import gauge
from .errors import AnswerError, BadUrlError
from .kept_socket import Address
from .kinds import Kind, Target
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .probe_deadline import Deadline

UP: Final = gauge("cassandra_up", "", "1 if the node answered, else 0.")
_PORT: Final = 9042

_VIEWS: Final = {
    **{name: columns for name, (columns, _) in QUERIES.items()},
    **{name: histogram.selected for name, histogram in HISTOGRAMS.items()},
    **dict.fromkeys(SIZES, SIZE_COLUMNS),
}
_TEXTS: Final = {
    "local": LOCAL,
    "peers_v2": PEERS,
    "internode_outbound": OUTBOUND,
    "settings": SETTINGS,
    **{name: f"SELECT {columns} FROM system_views.{name}" for name, columns in _VIEWS.items()},
}
_FOLDED: Final = ("peers_v2", "internode_inbound", "pending_hints", "thread_pools", "caches")
_ABSENT: Final = {"pending_hints": "4.0."}
"""Tables that a version does not have, which is no failure of the question."""


class CassandraCollector:
    """Asks one node, in one round trip. Where there are roles, it needs one with SELECT on system_views."""

    def __init__(self, client: CqlClient, timeout: float) -> None:
        self._client, self._timeout = client, timeout

    def collect(self) -> Iterator[Metric]:
        """Yield the families; what the node refuses is told by its sample. Raise OSError, AnswerError."""
        answers = self._answers()
        # One after the other: the rows of all of 50,000 tables at a time would take 200 MB.
        me = _rows(answers, "local") or []
        version = "".join(text(row, "release_version") for row in me)
        folded: dict[str, int] = {}
        yield from local(me[:1])
        peers = _rows(answers, "peers_v2")
        yield from cluster(me, peers, _rows(answers, "internode_outbound"))
        yield from settings(_rows(answers, "settings") or [])
        for name, (_, families) in QUERIES.items():
            found = _rows(answers, name)
            if found is not None:
                yield from families(found)
            if name in _FOLDED:
                folded[name] = max(0, len(found or []) - MOST)
        folded["peers_v2"] = max(0, len(peers or []) - MOST)
        tables = _tables(version, answers)
        yield from tables.families()
        names = (*_FOLDED, *HISTOGRAMS, *SIZES)
        yield FOLDED_ROWS.samples({(name,): float((folded | tables.folded).get(name, 0)) for name in names})
        yield QUERY_SUCCESS.samples(
            {
                (name,): answer is not None
                for name, answer in answers.items()
                if answer is not None or not version.startswith(_ABSENT.get(name, "none"))
            }
        )

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._client.close()

    def _answers(self) -> dict[str, Body | None]:
        found = self._client.ask(list(_TEXTS.values()), Deadline(self._timeout))
        answers = dict(zip(_TEXTS, found, strict=True))
        if answers["local"] is None:  # any role may read it
            raise AnswerError("the server refuses even system.local; is it Cassandra?")
        return answers


def _rows(answers: dict[str, Body | None], name: str) -> list[Row] | None:
    body = answers[name]
    return None if body is None else rows(body)


def _tables(version: str, answers: dict[str, Body | None]) -> Tables:
    tables = Tables(version)
    for name in HISTOGRAMS:
        tables.add_histogram(name, _rows(answers, name) or [])
    for name in SIZES:
        tables.add_sizes(name, _rows(answers, name) or [])
    return tables


def connect(target: Target) -> CassandraCollector:
    """Return a collector that connects at the first question. Raise BadUrlError."""
    url = urlsplit(target.url)
    options = parse_qs(url.query, keep_blank_values=True)
    if url.scheme not in ("cassandra", "cassandras") or not url.hostname or url.path not in ("", "/"):
        raise BadUrlError(
            "the url is not one of Cassandra; write cassandra://user:${VARIABLE}@host:9042, cassandras:// for TLS"
        )
    if options.keys() - {"ca"}:
        raise BadUrlError("the url may end in ?ca=FILE, and in nothing else")
    address = Address(url.hostname, url.port or _PORT, url.scheme == "cassandras", options.get("ca", [""])[0])
    client = CqlClient(address, unquote(url.username or ""), unquote(url.password or ""))
    return CassandraCollector(client, target.timeout)


KIND: Final = Kind(name="cassandra", up=UP, metrics=(UP, *NODE_METRICS, *TABLE_METRICS), connect=connect)
