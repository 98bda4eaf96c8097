"""What the application counts with OpenTelemetry's own instruments, as Prometheus names and writes it."""

import shutil
import subprocess
from collections.abc import Iterable

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.exposition import CLASSIC, OPENMETRICS, Registry
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.naming import label_name, metric_name, unit_name
from seawall.instrumentation.points import SdkMetrics

promtool = shutil.which("promtool")


@pytest.fixture
def reader() -> InMemoryMetricReader:
    """A reader, as the scrape has one."""
    return InMemoryMetricReader()


def page(reader: InMemoryMetricReader, *own: Family) -> str:
    """Return the classic page, which its parser must take; and so must OpenMetrics' take the other one."""
    registry = Registry()
    registry.add(*own)
    metrics = SdkMetrics(reader, registry.memory, registry.kinds)
    registry.add_mirror(metrics)
    registry.add_source(metrics.lines)
    list(parse_openmetrics(registry.render(OPENMETRICS).decode()))
    text = registry.render(CLASSIC).decode()
    names = [family.name for family in parse_classic(text)]
    assert sorted(set(names)) == sorted(names)
    return text


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds"),
        ("orders.placed", "{order}", "counter", "orders_placed"),
        ("orders_total", "", "counter", "orders"),
        ("network.io", "By", "counter", "network_io_bytes"),
        ("network.io.bytes", "By", "counter", "network_io_bytes"),
        ("flow", "By/s", "gauge", "flow_bytes_per_second"),
        ("rate", "1/s", "gauge", "rate_per_second"),
        ("cpu.utilization", "1", "gauge", "cpu_utilization_ratio"),
        ("battery", "%", "gauge", "battery_percent"),
        ("3.waves", "", "gauge", "_3_waves"),
        ("sea--level!!", "m", "gauge", "sea_level_meters"),
    ],
)
def test_names_and_units_are_translated_as_the_specification_says(
    name: str, unit: str, kind: str, expected: str
) -> None:
    """Dots become underscores, units words; a counter's _total belongs to its samples."""
    assert expected == metric_name(name, unit_name(unit), kind, unit)


@pytest.mark.parametrize(
    ("attribute", "expected"), [("http.route", "http_route"), ("1st", "key_1st"), ("", "key_"), ("a-b", "a_b")]
)
def test_attributes_become_labels(attribute: str, expected: str) -> None:
    """Whatever an attribute is called, its label's name is one."""
    assert expected == label_name(attribute)


def test_every_instrument_is_read_back(reader: InMemoryMetricReader) -> None:
    """Counters, up-down counters, observed gauges and histograms, two scopes of one name together."""
    with_reader = MeterProvider([reader], shutdown_on_exit=False)

    def level(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(3.5, {"gate": "north"})]

    for scope in ("a", "b"):
        meter = with_reader.get_meter(scope)
        meter.create_counter("orders", description='with "quotes"\nand lines').add(
            2, {"gift": True, "tags": ("x", "y"), "a.b": 1, "a_b": 2}
        )
        meter.create_up_down_counter("open").add(-1)
        meter.create_observable_gauge("level", [level], "m")
        meter.create_histogram("size", "By", explicit_bucket_boundaries_advisory=[1, 2]).record(1.5)
    text = page(reader)

    assert 'orders_total{otel_scope_name="a",a_b="1;2",gift="true",tags="(\'x\', \'y\')"} 2' in text
    assert 'open{otel_scope_name="b"} -1' in text
    assert 'level_meters{otel_scope_name="b",gate="north"} 3.5' in text
    for bound, count in (("1.0", 0), ("2.0", 1), ("+Inf", 1)):
        assert f'size_bytes_bucket{{otel_scope_name="a",le="{bound}"}} {count}' in text
    assert 'size_bytes_sum{otel_scope_name="a"} 1.5' in text


def test_an_exponential_histogram_has_buckets_too(reader: InMemoryMetricReader) -> None:
    """Its own boundaries as far as values were seen, and never a bound that is no float."""
    view = View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation(max_scale=0))
    histogram = MeterProvider([reader], views=[view], shutdown_on_exit=False).get_meter("a").create_histogram("size")
    for value in (0, 1, 3, 3, 1.7e308):
        histogram.record(value)
    lines = [line for line in page(reader).splitlines() if "_bucket" in line or "_count" in line]
    counts = [int(line.split()[-1]) for line in lines]

    assert sorted(counts) == counts
    assert ['le="+Inf"} 5', '"} 5'] == [lines[-2].partition(",")[2], lines[-1][-4:]]


def test_one_name_of_two_kinds_is_said_and_left_out(
    reader: InMemoryMetricReader, caplog: pytest.LogCaptureFixture
) -> None:
    """The first kind stands; a page with both would be refused whole."""
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("a").create_counter("orders").add(1)
    provider.get_meter("b").create_up_down_counter("orders").add(1)

    assert 'scope_name="b"' not in page(reader)
    assert ["Seawall leaves out orders of b: another scope counts that name as a counter."] == caplog.messages


def durations() -> HttpServerMetrics:
    """Return Seawall's own metrics, with one request."""
    own = HttpServerMetrics()
    own.end(own.begin("GET", "http"), "/a", 200, "", "1.1", 0.1)
    return own


def test_a_name_of_seawalls_own_stands_beside_it_and_is_said(
    reader: InMemoryMetricReader, caplog: pytest.LogCaptureFixture
) -> None:
    """A user's own counts are not lost: one family with both, told apart by the scope; each is one line of the log."""
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("shop")
    meter.create_histogram("http.server.request.duration", "s").record(1, {"http.route": "/b"})
    meter.create_up_down_counter("http.server.active_requests", "{request}").add(3)
    lines = page(reader, *durations().families).splitlines()
    name = "http_server_request_duration_seconds"

    assert 1 == lines.count(f"# TYPE {name} histogram")
    assert f'{name}_count{{otel_scope_name="shop",http_route="/b"}} 1' in lines
    assert [" 1"] == [line[-2:] for line in lines if line.startswith(f"{name}_count{{") and 'status_code="200"' in line]
    assert 'http_server_active_requests{otel_scope_name="shop"} 3' in lines
    expected = [
        f"{metric} of shop stands on /metrics beside Seawall's {own}, as otel_scope_name='shop': what sums over that name adds both. Rename it if it counts the same."
        for metric, own in (
            ("http.server.request.duration", name),
            ("http.server.active_requests", "http_server_active_requests"),
        )
    ]
    assert expected == caplog.messages


@pytest.mark.skipif(promtool is None, reason="promtool is not on PATH")
def test_promtool_takes_a_page_with_both(reader: InMemoryMetricReader) -> None:
    """Other labels, and other buckets, within one family."""
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("shop")
    meter.create_histogram("http.server.request.duration", "s").record(1, {"http.route": "/b"})
    text = page(reader, durations().duration)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_name_of_another_kind_is_said_and_left_out(
    reader: InMemoryMetricReader, caplog: pytest.LogCaptureFixture
) -> None:
    """A page with both would be refused whole."""
    exponential = View(instrument_name="http.server.request.duration", aggregation=ExponentialBucketHistogramAggregation())  # fmt: skip
    provider = MeterProvider([reader], views=[exponential], shutdown_on_exit=False)
    provider.get_meter("shop").create_histogram("http.server.request.duration", "s").record(1)
    provider.get_meter("shop").create_counter("http.server.active_requests").add(1)
    text = page(reader, *durations().families)

    assert "otel_scope_name" not in text
    owns = "is Seawall's own, and"
    assert {
        f"Seawall leaves out http.server.request.duration of shop: http_server_request_duration_seconds {owns} it is no histogram with fixed buckets.",
        f"Seawall leaves out http.server.active_requests of shop: http_server_active_requests {owns} it is no gauge.",
    } == set(caplog.messages)
