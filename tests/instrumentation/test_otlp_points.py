"""What is pushed of Seawall's own counts: all of them, or what came since the last push, as the exporter prefers."""

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import AggregationTemporality

from seawall.instrumentation.aggregation import Counter, Gauge, Histogram, UpDownCounter
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.otlp_points import Points

CUMULATIVE, DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA


class Shop:
    """Families of each kind, and the points of them that are pushed."""

    def __init__(self, temporality: AggregationTemporality) -> None:
        self.duration = Histogram("wait", "", ("route",), boundaries=(1,))
        self.orders = Counter("orders", "", ("route",))
        self.open = UpDownCounter("open", "", ("route",))
        self.level = Gauge("level", "", ("route",))
        self.level.observe(("/",), lambda: 7)
        self.points = Points(SimpleNamespace(_preferred_temporality={sdk.Counter: temporality}))

    def order(self, seconds: float) -> None:
        """Count one of each."""
        for family in (self.orders, self.open):
            family.add(("/",), 1)
        self.duration.record(("/",), seconds)

    def push(self, *, arrives: bool = True) -> dict[str, Any]:
        """Return the data of each metric; nothing is known of it where it does not arrive."""
        found = {one.name: one.data for one in self.points.of((self.duration, self.orders, self.open, self.level))}
        if arrives:
            self.points.keep()
        return found


def told(pushed: dict[str, Any]) -> dict[str, object]:
    """Return the values alone."""
    values = {name: data.data_points[0] for name, data in pushed.items()}
    return {name: getattr(one, "value", None) or [*one.bucket_counts, one.sum] for name, one in values.items()}


def test_all_is_told_each_time_where_it_is_cumulative() -> None:
    """Since one and the same beginning."""
    shop = Shop(CUMULATIVE)
    shop.order(0.5)
    first = shop.push()
    shop.order(2)
    second = shop.push()

    assert {"wait": [1, 0, 0.5], "orders": 1, "open": 1, "level": 7} == told(first)
    assert {"wait": [1, 1, 2.5], "orders": 2, "open": 2, "level": 7} == told(second)
    assert {CUMULATIVE} == {second[name].aggregation_temporality for name in ("wait", "orders", "open")}
    assert 1 == len({one["wait"].data_points[0].start_time_unix_nano for one in (first, second)})


def test_the_difference_is_told_where_it_is_delta() -> None:
    """Of what grows, from one push to the next, and nothing where nothing came; what comes and goes is what it is."""
    shop = Shop(DELTA)
    shop.order(0.5)
    first = shop.push()
    shop.order(2)
    second, third = shop.push(), shop.push()

    assert {"wait": [1, 0, 0.5], "orders": 1, "open": 1, "level": 7} == told(first)
    assert {"wait": [0, 1, 2], "orders": 1, "open": 2, "level": 7} == told(second)
    assert {"open": 2, "level": 7} == told(third)
    temporalities = [second[name].aggregation_temporality for name in ("wait", "orders", "open")]
    assert [DELTA, DELTA, CUMULATIVE] == temporalities
    before, after = (one["wait"].data_points[0] for one in (first, second))
    assert before.time_unix_nano == after.start_time_unix_nano


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA])
def test_what_did_not_arrive_is_told_the_next_time(temporality: AggregationTemporality) -> None:
    """A collector that was gone misses no count."""
    shop = Shop(temporality)
    shop.order(0.5)
    shop.push(arrives=False)
    shop.order(2)

    assert {"wait": [1, 1, 2.5], "orders": 2, "open": 2, "level": 7} == told(shop.push())


def test_a_trace_is_told_until_it_arrived_and_then_no_more() -> None:
    """The last of each bucket, as OpenTelemetry's exemplar."""
    http, points = HttpServerMetrics(), Points(None)
    http.end(http.begin("GET", "http"), "/", 200, "", "1.1", 0.2, trace=(0xABC, 0xDEF))
    pushed = []
    for _ in range(3):
        (metric,) = points.of([http.duration])
        pushed.append([one for point in metric.data.data_points for one in point.exemplars])
        if len(pushed) == 2:
            points.keep()

    assert [1, 1, 0] == [len(each) for each in pushed]
    ((one,), _, _) = pushed
    assert (0xABC, 0xDEF, 0.2) == (one.trace_id, one.span_id, one.value)
    assert (
        metric.data.data_points[0].start_time_unix_nano < one.time_unix_nano < metric.data.data_points[0].time_unix_nano
    )
