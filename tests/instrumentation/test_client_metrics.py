"""Calls of dependencies, counted: which labels they get, and what bounds them."""

import logging
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from seawall.instrumentation import aggregation, providers
from seawall.instrumentation.clients.calling import (
    add_trace,
    is_http_suppressed,
    is_suppressed,
    remove_trace,
    trace_headers,
)
from seawall.instrumentation.db_client import DbClientMetrics, verb_of
from seawall.instrumentation.http_client import HttpClientMetrics
from seawall.instrumentation.outgoing import MOST_PEERS, ClientCalls

OK = ("GET", "http", "shop", 8080, 200, "")
SPAN = NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))


def counted(calls: ClientCalls) -> dict[tuple[str, ...], int]:
    """Return what was counted, by labels, without the zeros; a look as a scrape takes it."""
    return {labels: int(sum(cells[:-1])) for labels, cells in calls.duration.collect() if sum(cells)}


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        (OK, ("GET", "shop", "8080", "200", "")),
        (("GET", "https", b"shop", None, 204, ""), ("GET", "shop", "443", "204", "")),
        (("GET", "ws", "[::1]", None, 101, ""), ("GET", "::1", "80", "101", "")),
        (("GET", "gopher", "shop", None, 200, ""), ("GET", "shop", "", "200", "")),
        (("POST", "http", "shop", 80, 404, ""), ("POST", "shop", "80", "404", "404")),
        (("GET", "http", "shop", 80, 503, ""), ("GET", "shop", "80", "503", "503")),
        (("GET", "http", "shop", 80, 999, ""), ("GET", "shop", "80", "_OTHER", "_OTHER")),
        (("BREW", "http", "shop", 80, 200, ""), ("_OTHER", "shop", "80", "200", "")),
        (("GET", "http", "s" * 256, 80, 200, ""), ("GET", "_OTHER", "", "200", "")),
    ],
)
def test_a_request_has_the_labels_of_the_conventions(key: tuple[Any, ...], labels: tuple[str, ...]) -> None:
    """The scheme's port where the URL has none; a status from 400 on is a client's failure; the rest is bounded."""
    http = HttpClientMetrics()
    http.end(key, 0.1)

    assert {labels: 1} == counted(http)


def test_hosts_beyond_the_first_are_one() -> None:
    """A crawler makes no series of every host that it visits; those that came first are still told apart."""
    http = HttpClientMetrics()
    for number in range(MOST_PEERS + 50):
        for _ in range(2):
            http.end(("GET", "http", f"host{number}", 80, 200, ""), 0.1)
    http.end(("GET", "http", "host0", 80, 200, ""), 0.1)
    http.end(("GET", "http", "host0", 81, 200, ""), 0.1)
    addresses = {labels[1]: count for labels, count in counted(http).items()}

    assert (MOST_PEERS + 1, 3, 101) == (len(addresses), addresses["host0"], addresses["_OTHER"])
    assert len(http._series) == MOST_PEERS


def test_an_exception_is_seen_by_rate() -> None:
    """The first ones are counted in a series that stood at zero before; once their own was told, in that."""
    http = HttpClientMetrics()
    http.end(OK, 0.1)
    assert ("GET", "shop", "8080", "", "_OTHER") in dict(http.duration.collect())

    refused = ("GET", "http", "shop", 8080, 0, "ConnectError")
    http.end(refused, 0.1)
    assert {("GET", "shop", "8080", "200", ""): 1, ("GET", "shop", "8080", "", "_OTHER"): 1} == counted(http)
    http.end(refused, 0.1)
    assert 1 == counted(http)["GET", "shop", "8080", "", "ConnectError"]


def test_a_series_is_found_by_one_look_up() -> None:
    """What the labels are is asked once a kind of call."""
    http = HttpClientMetrics()
    for _ in range(3):
        http.end(OK, 0.1)

    assert [OK] == list(http._series)
    http.duration.reset()
    assert ({}, {}) == (http._series, counted(http))


def test_label_sets_beyond_the_limit_overflow() -> None:
    """They are counted, in the one series of the overflow."""
    http = HttpClientMetrics()
    http.duration.limit = 4
    for number in range(20):
        http.end(("GET", "http", f"host{number}", 80, 200, ""), 0.1)

    assert 20 == sum(counted(http).values())
    assert aggregation.OVERFLOW in counted(http)


def test_what_cannot_be_counted_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """And no exception: a library may hand over anything."""
    with caplog.at_level(logging.WARNING, "seawall"):
        HttpClientMetrics().end((["GET"],), 0.1)

    assert ["Seawall could not count a call: TypeError: unhashable type: 'list'"] == caplog.messages


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("SELECT 1", "SELECT"),
        (b"insert into t values (1)", "INSERT"),
        ("\n  -- why\n /* a * b **/ (\n/**/ with x as (select 1) select 2", "WITH"),
        ("commit", "COMMIT"),
        ("SELECTED", "_OTHER"),
        ("/* never closed", "_OTHER"),
        ("", "_OTHER"),
        ("\xff", "_OTHER"),
        (b"\xff", "_OTHER"),
        (None, "_OTHER"),
    ],
)
def test_a_statement_is_told_by_its_verb(sql: Any, verb: str) -> None:
    """Behind comments and brackets, in capitals; what is no verb is _OTHER, so that no text becomes a label."""
    assert verb == verb_of(sql)


def test_the_verb_of_hostile_text_is_found_at_once() -> None:
    """The search goes over the text once: a megabyte that tempts it is done before the test's time is up."""
    for part in ("/* ", "/**/", "-- ", "(", "\n", "/* * "):
        assert "_OTHER" == verb_of(part * 300_000)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("GET", "GET"),
        (b"hset", "HSET"),
        ("CONFIG GET", "CONFIG GET"),
        ("FT.SEARCH", "FT.SEARCH"),
        ("SELECT", "SELECT"),
        ("get user:1", "_OTHER"),
        ("X" * 41, "_OTHER"),
        ("", "_OTHER"),
    ],
)
def test_an_operation_is_a_command(operation: Any, name: str) -> None:
    """Of the shape that commands have; else it is _OTHER."""
    db = DbClientMetrics()
    db.end(("redis", 0, "cache", 6379, operation, ""), 0.1)

    assert {("redis", "0", name, "cache", "6379", ""): 1} == counted(db)


def test_commands_and_databases_are_bounded() -> None:
    """Names that somebody makes up, and a database for each customer, end in _OTHER."""
    db = DbClientMetrics()
    for number in range(400):
        db.end(("redis", 0, "cache", 6379, f"MADE{number}", ""), 0.1)
        db.end(("postgresql", f"customer{number}", "db", 5432, "SELECT", ""), 0.1)
    operations = {labels[2] for labels in counted(db)}
    spaces = {labels[1] for labels in counted(db)}

    assert (True, 302, 201) == ("_OTHER" in operations & spaces, len(operations), len(spaces))


def test_both_ways_to_suppress_are_kept() -> None:
    """Exporters suppress everything; some clients the requests below them."""
    seen = []
    for suppress in (suppress_instrumentation, suppress_http_instrumentation):
        with suppress():
            seen.append((is_suppressed(), is_http_suppressed()))

    assert ([(True, True), (False, True)], False, False) == (seen, is_suppressed(), is_http_suppressed())


def test_a_trace_is_carried_on_where_there_is_one() -> None:
    """Headers that carry one already are left alone; what was added can be taken out again."""
    assert {} == trace_headers()
    token = otel.attach(trace.set_span_in_context(SPAN))
    try:
        headers, own = {"host": "shop"}, {"traceparent": "theirs"}
        added = add_trace(headers)
        assert ({"host": "shop", "traceparent": f"00-{1:032x}-{2:016x}-01"}, ()) == (headers, add_trace(own))
        remove_trace(headers, added)
        remove_trace(headers, None)
    finally:
        otel.detach(token)

    assert ({"host": "shop"}, {"traceparent": "theirs"}) == (headers, own)


def test_what_others_tell_of_the_same_calls_is_dropped() -> None:
    """Of the libraries that are counted here; another's client keeps its metric, and contrib its other metrics."""
    reader = InMemoryMetricReader()
    provider = MeterProvider((reader,), views=providers.counted_views(), shutdown_on_exit=False)
    duration, operation = "http.client.request.duration", "db.client.operation.duration"
    contrib = "opentelemetry.instrumentation."
    for scope, name in (
        *(
            (f"{contrib}{library}", duration)
            for library in ("aiohttp_client", "httpx", "requests", "urllib", "urllib3")
        ),
        ("redis-py", operation),
        ("redis-py", "db.client.connection.count"),
        (f"{contrib}httpx", "http.client.request.body.size"),
        (f"{contrib}tornado", duration),
        ("shop.pycurl", duration),
        ("shop.mongo", operation),
    ):
        provider.get_meter(scope).create_histogram(name).record(1)
    data = reader.get_metrics_data()
    kept = {(scope.scope.name, metric.name) for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics}  # fmt: skip
    provider.shutdown()

    assert {
        ("redis-py", "db.client.connection.count"),
        (f"{contrib}httpx", "http.client.request.body.size"),
        (f"{contrib}tornado", duration),
        ("shop.pycurl", duration),
        ("shop.mongo", operation),
    } == kept
