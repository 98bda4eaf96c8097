"""The client of Prometheus: real answers, refusals and silence."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest

from seawall.generator.model import Panel, Query
from seawall.portal.evidence import (
    DEFAULT_RANGE,
    RANGES,
    Window,
    alert_figure,
    fill,
    fitting_range,
    legend,
    panel_figure,
)
from seawall.portal.prometheus import Prometheus, PrometheusError

from .conftest import Clock, an_alert, until

T = TypeVar("T")


def ask(
    url: str, question: Callable[[Prometheus], Awaitable[T]], timeout: float = 5.0, clock: Clock | None = None
) -> T:
    """Return the answer to *question* of the server at *url*."""

    async def run() -> T:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await question(Prometheus(client, url, timeout, clock or Clock()))

    return asyncio.run(run())


@pytest.mark.e2e
def test_vectors_scalars_and_matrices_are_read(prometheus_url: str) -> None:
    """With labels, values and times."""
    (sample,) = ask(prometheus_url, lambda p: p.instant('label_replace(vector(7), "a", "b", "", "")', 1000.0))
    assert ({"a": "b"}, 7.0) == (sample.labels, sample.value)
    assert [1000.0] == [each.value for each in ask(prometheus_url, lambda p: p.instant("time()", 1000.0))]
    (series,) = ask(prometheus_url, lambda p: p.range("vector(3)", 0.0, 60.0, 30.0))
    assert ((0.0, 3.0), (30.0, 3.0), (60.0, 3.0)) == series.points
    assert [] == ask(prometheus_url, lambda p: p.instant("nothing_of_this_name", 1000.0))


@pytest.mark.e2e
def test_a_refused_query_says_why(prometheus_url: str) -> None:
    """In Prometheus' own words."""
    with pytest.raises(PrometheusError, match=r"Prometheus refused the query: .*parse error"):
        ask(prometheus_url, lambda p: p.instant("sum(", 1000.0))


def test_a_server_that_is_down_is_told_from_one_that_is_slow() -> None:
    """Each has its sentence."""
    with pytest.raises(PrometheusError, match=r"cannot be reached \(ConnectError\)"):
        ask("http://127.0.0.1:1", lambda p: p.instant("up", 0.0))
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(PrometheusError, match=r"not answer within 0\.2 s"),
    ):
        ask(f"http://127.0.0.1:{silent.getsockname()[1]}", lambda p: p.instant("up", 0.0), timeout=0.2)


def test_a_server_that_stays_silent_is_left_alone_for_a_moment() -> None:
    """After three silences a page does not wait again; later it is asked again."""
    clock, told = Clock(0.0), list[str]()

    async def question(prometheus: Prometheus) -> None:
        for seconds in (0.0, 0.0, 0.0, 0.0, 11.0):
            clock.seconds += seconds
            with pytest.raises(PrometheusError) as caught:
                await prometheus.instant("up", 0.0)
            told.append(str(caught.value))

    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        ask(f"http://127.0.0.1:{silent.getsockname()[1]}", question, timeout=0.1, clock=clock)
    assert [False, False, False, True, False] == ["left alone" in each for each in told]


@pytest.mark.e2e
def test_something_else_that_answers_is_no_prometheus(prometheus_url: str) -> None:
    """A page of HTML is told as such."""
    with pytest.raises(PrometheusError, match="answered 404 without JSON"):
        ask(f"{prometheus_url}/nowhere", lambda p: p.instant("up", 0.0))


@pytest.mark.e2e
def test_a_young_prometheus_is_shown_in_a_short_range(prometheus_url: str) -> None:
    """It has been up for less than a quarter of an hour; one that is down gets the usual range."""
    until(lambda: ask(prometheus_url, lambda p: p.instant("up", time.time())))
    assert "15m" == ask(prometheus_url, lambda p: fitting_range(p, time.time()))
    assert DEFAULT_RANGE == ask("http://127.0.0.1:1", lambda p: fitting_range(p, time.time()))


@pytest.mark.e2e
def test_a_panel_with_one_broken_query_still_shows_the_others(prometheus_url: str) -> None:
    """And says what is missing."""
    panel = Panel("p", "Panel", "", "short", (Query("vector(1)", "one"), Query("sum(", "two")), row="")
    figure = ask(prometheus_url, lambda p: panel_figure(p, panel, Window.until(time.time(), "1h", 15.0)))
    assert ["one"] == [item.label for item in figure.legend]
    assert "parse error" in figure.missing


@pytest.mark.e2e
def test_an_alert_without_data_still_names_its_threshold(prometheus_url: str) -> None:
    """What it is held against is known without Prometheus."""
    alert = an_alert(expr="nothing > 0.5", query="nothing")
    figure = ask(prometheus_url, lambda p: alert_figure(p, alert, Window.until(time.time(), "1h", 15.0)))
    assert ("0.5 req/s", "above", "", "no data in this time range") == (
        figure.threshold, figure.direction, figure.svg, figure.missing,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*RANGES, "", "9y"])
def test_the_last_point_of_a_window_is_its_end(name: str) -> None:
    """And no range has many more points than a chart can show."""
    window = Window.until(1_790_000_000.0, name, 15.0)
    steps = (window.end - window.start) / window.step
    assert steps == int(steps)
    assert 1 <= steps <= 165
    assert (name if name in RANGES else DEFAULT_RANGE) == window.name


def test_grafanas_variables_are_filled_in() -> None:
    """In both spellings; a longer name is left alone."""
    window = Window.until(10_000.0, "3h", 15.0)
    assert "a[83s] b[68s] c[10800s] d[$__range_s]" == fill(
        "a[$__rate_interval] b[${__interval}] c[$__range] d[$__range_s]", window
    )


@pytest.mark.parametrize(
    ("pattern", "shared", "expected"),
    [
        ("{{ route }} {{gone}}", (), "/pay"),
        ("", (), "instance=a, route=/pay"),
        ("__auto", ("instance",), "route=/pay"),
        ("fixed", (), "fixed"),
    ],
)
def test_a_series_is_named_by_pattern_or_by_its_labels(pattern: str, shared: tuple[str, ...], expected: str) -> None:
    """What its siblings share tells nothing."""
    labels = {"__name__": "x", "job": "checkout", "route": "/pay", "instance": "a"}
    assert expected == legend(pattern, labels, shared)
