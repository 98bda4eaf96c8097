"""Counting: buckets, limits, failures that stand at zero, threads; and the pages that parsers read back."""

from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.semconv.attributes import error_attributes, http_attributes, network_attributes, url_attributes
from opentelemetry.semconv.metrics import http_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from seawall.instrumentation import Histogram, HttpServerMetrics, UpDownCounter
from seawall.instrumentation.aggregation import DURATION_BOUNDARIES, OVERFLOW, Gauge
from seawall.instrumentation.exposition import CLASSIC, OPENMETRICS, Registry, negotiate
from seawall.instrumentation.family_text import number

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def counts(family: Histogram) -> dict[tuple[str, ...], float]:
    return {labels: sum(cells[:-1]) for labels, cells in family.collect()}


def test_the_names_are_the_conventions() -> None:
    """Metric, unit and attributes are those that OpenTelemetry publishes as stable."""
    http = HttpServerMetrics()

    assert http_metrics.HTTP_SERVER_REQUEST_DURATION == http.duration.metric
    assert "http.server.active_requests" == http.active.metric
    assert {
        http_attributes.HTTP_REQUEST_METHOD,
        http_attributes.HTTP_ROUTE,
        http_attributes.HTTP_RESPONSE_STATUS_CODE,
        error_attributes.ERROR_TYPE,
        url_attributes.URL_SCHEME,
        network_attributes.NETWORK_PROTOCOL_VERSION,
    } == set(http.duration.attributes)
    assert {http_attributes.HTTP_REQUEST_METHOD, url_attributes.URL_SCHEME} == set(http.active.attributes)
    assert ("http_server_request_duration_seconds", "http_server_active_requests") == (
        http.duration.name,
        http.active.name,
    )


def test_a_value_on_a_boundary_is_below_it() -> None:
    """A bucket holds what is less than or equal: a request of exactly the threshold is fast enough."""
    family = Histogram("t", "", ("a",), boundaries=(0.3, 1))
    for value in (0.3, 0.30001, 1, 2):
        family.record(("x",), value)

    assert [(("x",), [1, 2, 1, 0.3 + 0.30001 + 1 + 2])] == family.collect()


def test_label_sets_past_the_limit_share_one_series_and_are_counted() -> None:
    """However many a stranger invents, the page stays small and nothing is lost; each observation overflows once."""
    http = HttpServerMetrics()
    http.duration.limit = 4
    for route in range(10):
        begun = http.begin("GET", "http")
        http.end(begun, f"/{route}", 500 if route % 2 else 200, "Boom" if route % 2 else "", "1.1", 0.1)
    found = counts(http.duration)

    assert 4 + 1 == len(found)
    assert 10 == sum(found.values())
    assert found[OVERFLOW] > 0


@pytest.mark.parametrize("method", ["get", "BREW", "", "GET ", "\0"])
def test_only_known_methods_become_labels(method: str) -> None:
    """What is no method of the conventions is _OTHER."""
    begun = HttpServerMetrics().begin(method, "http")
    assert ("_OTHER", "http") == (begun.method, begun.scheme)


@settings(deadline=None)
@given(status=st.integers(), version=TEXT, scheme=TEXT)
def test_status_version_and_scheme_are_bounded(status: int, version: str, scheme: str) -> None:
    """Whatever a server or a client says, these labels come from short lists."""
    http = HttpServerMetrics()
    http.end(http.begin("GET", scheme), "/", status, "", version, 0.1)

    for _, _, code, _, own_scheme, own_version in (labels for labels, _ in http.duration.collect()):
        assert code in {"", "_OTHER", *map(str, range(100, 600))}
        assert own_scheme in {"", "http", "https"}
        assert own_version in {"", "1.0", "1.1", "2", "3"}


def test_the_first_failures_go_where_a_zero_was_scraped() -> None:
    """A new error's series is first published at zero; until then its failures count in the 500 that stands there."""
    http = HttpServerMetrics()
    failure, zero = ("GET", "/", "500", "Boom", "http", "1.1"), ("GET", "/", "500", "500", "http", "1.1")
    http.duration.record(("GET", "/", "200", "", "http", "1.1"), 0.1)
    assert 0 == counts(http.duration)[zero]
    http.duration.record_failure(failure, 0.1)
    assert (0, 1) == (counts(http.duration)[failure], counts(http.duration)[zero])
    http.duration.record_failure(failure, 0.1)

    assert (1, 1) == (counts(http.duration)[failure], counts(http.duration)[zero])


def test_threads_lose_nothing() -> None:
    """Many threads on one series and on new ones, with a scraper beside them: every observation is there."""
    family, gauge = Histogram("t", "", ("a",)), UpDownCounter("g", "", ("a",))

    def work() -> None:
        for turn in range(2000):
            family.record((str(turn % 7),), 0.1)
            gauge.add(("x",), 1)
            gauge.add(("x",), -1)
            if turn % 100 == 0:
                family.collect()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 16_000 == sum(counts(family).values())
    assert [(("x",), [0])] == gauge.collect()


def test_a_gauges_callback_that_raises_is_no_value() -> None:
    """The others are collected; nothing is made up."""
    gauge = Gauge("g", "", ("queue",))
    gauge.observe(("broken",), lambda: 1 / 0)
    gauge.observe(("nonsense",), lambda: "many")  # type: ignore[arg-type, return-value]
    gauge.observe(("mails",), lambda: 3)

    assert [(("mails",), [3.0])] == gauge.collect()


def page(registry: Registry, content_type: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    parse = parse_openmetrics if content_type == OPENMETRICS else parse_classic
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in parse(registry.render(content_type).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


@pytest.mark.parametrize("content_type", [CLASSIC, OPENMETRICS])
@settings(deadline=None)
@given(route=TEXT, error=TEXT, help=TEXT, value=st.floats(0, 1e9), gauge=st.floats(allow_nan=False))
def test_any_labels_help_and_values_are_read_back(
    content_type: str,
    route: str,
    error: str,
    help: str,  # noqa: A002
    value: float,
    gauge: float,
) -> None:
    """Quotes, backslashes, newlines and any script survive both formats, and so does every number."""
    registry = Registry()
    histogram, observed = Histogram("t.duration", help, ("route", "error")), Gauge("t.level", help, ("route",))
    registry.add(histogram, observed)
    histogram.record((route, error), value)
    observed.observe((route,), lambda: gauge)
    found = page(registry, content_type)

    labels = frozenset({"route": route, "error": error}.items())
    assert {labels: value} == found["t_duration_seconds_sum"]
    assert {labels: 1} == found["t_duration_seconds_count"]
    assert {frozenset({"route": route}.items()): gauge} == found["t_level"]
    buckets = {dict(key)["le"]: count for key, count in found["t_duration_seconds_bucket"].items()}
    assert {*map(str, DURATION_BOUNDARIES), "+Inf"} == set(buckets)
    assert [bound for bound, count in buckets.items() if float(bound) >= value] == [
        bound for bound, count in buckets.items() if count
    ]


def test_a_source_that_raises_costs_its_own_lines_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the page is served, and the log says what is missing."""
    registry = Registry()
    registry.add_source(lambda _: ["one 1"])
    registry.add_source(lambda _: [str(1 // 0)])

    assert registry.render().decode().endswith("one 1\n")
    assert [
        "Seawall leaves metrics out of /metrics: ZeroDivisionError: integer division or modulo by zero"
    ] == caplog.messages


def test_the_format_is_the_one_that_is_asked_for() -> None:
    """OpenMetrics where the scraper accepts it, else the classic text."""
    assert [OPENMETRICS, CLASSIC, CLASSIC] == [
        negotiate(accept)
        for accept in ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "text/plain", "")
    ]


def test_numbers_that_are_none_have_their_names() -> None:
    """As Prometheus writes them."""
    assert ["NaN", "+Inf", "-Inf", "0", "1e+16", "0.1"] == [
        number(value) for value in (float("nan"), float("inf"), float("-inf"), 0.0, 1e16, 0.1)
    ]
