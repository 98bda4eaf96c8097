"""Charts are well-formed SVG, gaps stay gaps, hostile text is inert."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seawall.portal.charts import Chart, Line, describe, line_chart, segments, sparkline, text_sparkline

_SVG = "{http://www.w3.org/2000/svg}"


def _chart(*points: tuple[float, float], **fields: object) -> Chart:
    chart = Chart("Errors", (Line("checkout", points),), start=0.0, end=600.0, step=60.0, unit="percentunit")
    return replace(chart, **fields)  # type: ignore[arg-type]


def _elements(svg: str, name: str, kind: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(f"{_SVG}{name}")
    return [element for element in found if kind in element.get("class", "").split() or not kind]


def _lines(svg: str) -> list[str]:
    return [element.get("d", "") for element in _elements(svg, "path", "line")]


def test_a_line_joins_its_points() -> None:
    """From the left end to the right end of the axis."""
    (path,) = _lines(line_chart(_chart((0.0, 0.0), (60.0, 0.5), (120.0, 1.0))))
    assert re.fullmatch(r"M62 160L[\d.]+ [\d.]+L[\d.]+ 8", path)


def test_a_hole_in_time_divides_the_line() -> None:
    """A missing sample is not drawn over."""
    (path,) = _lines(line_chart(_chart((0.0, 0.1), (60.0, 0.1), (240.0, 0.1), (300.0, 0.1))))
    assert (path.count("M"), path.count("L")) == (2, 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_divides_the_line(value: float) -> None:
    """And does not stretch the axis."""
    svg = line_chart(_chart((0.0, 0.1), (60.0, 0.2), (120.0, value), (180.0, 0.1), (240.0, 0.3)))
    (path,) = _lines(svg)
    assert path.count("M") == 2
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_lone_point_is_a_dot() -> None:
    """A line needs two ends to be seen."""
    (path,) = _lines(line_chart(_chart((300.0, 0.5))))
    assert path.endswith("h0.1")


def test_a_threshold_is_a_line_with_its_value() -> None:
    """In reach of the data it is always on the chart."""
    svg = line_chart(_chart((0.0, 0.02), (60.0, 0.03), thresholds=(0.05,)))
    assert len(_elements(svg, "path", "threshold")) == 1
    assert [element.text for element in _elements(svg, "text", "threshold-label")] == ["threshold 5 %"]


def test_a_threshold_far_away_does_not_flatten_the_line() -> None:
    """It is told in the description instead."""
    chart = _chart((0.0, 0.01), (60.0, 0.02), thresholds=(0.9,))
    assert _elements(line_chart(chart), "path", "threshold") == []
    assert "threshold 90 %" in describe(chart)


def test_a_chart_without_values_still_has_axes() -> None:
    """All NaN is a chart of nothing, not an error."""
    svg = line_chart(_chart((0.0, math.nan), thresholds=(0.5,)))
    assert _lines(svg) == []
    assert _elements(svg, "path", "grid")
    assert len(_elements(svg, "path", "threshold")) == 1


def test_each_series_has_its_colour_and_title() -> None:
    """The ninth has the first one's colour again."""
    lines = tuple(Line(f"series {n}", ((0.0, float(n)), (60.0, float(n)))) for n in range(9))
    found = _elements(line_chart(_chart(lines=lines, unit="s")), "path", "line")
    assert [f"line s{n % 8}" for n in range(9)] == [element.get("class") for element in found]
    assert found[3].findtext(f"{_SVG}title") == "series 3 3 s"


def test_the_chart_is_described_in_words() -> None:
    """For those who do not see it."""
    title = ElementTree.fromstring(line_chart(_chart((0.0, 0.25), thresholds=(0.5,)))).findtext(f"{_SVG}title")
    assert title == "Errors, 00:00 to 00:10 UTC; checkout 25 %; threshold 50 %"


def test_hostile_names_are_inert() -> None:
    """Labels of metrics are anybody's text."""
    evil = "</title><script>alert(1)</script>\"' onload=x"
    svg = line_chart(_chart(title=evil, lines=(Line(evil, ((0.0, 1.0), (60.0, 2.0))),)))
    assert "<script" not in svg
    assert _elements(svg, "script") == []


def test_axis_labels_carry_the_unit() -> None:
    """Percent from 0 to 100."""
    labels = [element.text for element in _elements(line_chart(_chart((0.0, 0.9), maximum=1.0)), "text", "tick")]
    assert labels[:5] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_a_maximum_holds_the_axis() -> None:
    """So that half full looks half full."""
    labels = [
        element.text for element in _elements(line_chart(_chart((0.0, 3.0), unit="short", maximum=8.0)), "text", "tick")
    ]
    assert "8" in labels


_values = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(_values, max_size=30), st.lists(st.floats(0, 1e6), max_size=2))
@example([], [5e-324])
@example([-1.7e308, 1.7e308], [])
@example([5e-324, 1e-323], [])
def test_any_series_makes_well_formed_svg(values: list[float], thresholds: list[float]) -> None:
    """Whatever Prometheus answers."""
    points = tuple((60.0 * n, value) for n, value in enumerate(values))
    svg = line_chart(_chart(*points, unit="s", thresholds=tuple(thresholds)))
    assert f"{_SVG}svg" == ElementTree.fromstring(svg).tag
    assert not re.search(r"\bnan|\binf", svg)
    assert not re.search(r"\bnan|\binf", sparkline(points, 60.0, "x"))
    assert len(text_sparkline(points)) <= 40


def test_segments_keep_every_finite_point() -> None:
    """Divided, none lost."""
    points = [(0.0, 1.0), (60.0, math.nan), (120.0, 2.0), (180.0, 3.0), (600.0, 4.0)]
    assert [[value for _, value in run] for run in segments(points, 60.0)] == [[1.0], [2.0, 3.0], [4.0]]


def test_the_last_moment_of_the_axis_is_not_cut_off() -> None:
    """A label at the right edge ends there instead of standing across it."""
    labels = [element for element in _elements(line_chart(_chart((0.0, 1.0))), "text") if ":" in (element.text or "")]
    assert [*["middle"] * (len(labels) - 1), "end"] == [label.get("text-anchor") for label in labels]


def test_a_sparkline_is_a_line_without_axes() -> None:
    """With its title in words."""
    svg = sparkline([(0.0, 1.0), (60.0, 2.0)], 60.0, "checkout: 2 req/s")
    assert (len(_lines(svg)), len(_elements(svg, "text"))) == (1, 0)
    assert "checkout: 2 req/s" in svg


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(0.0, math.nan), (60.0, math.nan)]])
def test_a_sparkline_of_nothing_is_empty(points: list[tuple[float, float]]) -> None:
    """One point is no line."""
    assert sparkline(points, 60.0, "x") == ""


def test_a_sparkline_of_zeros_and_of_negatives_stands() -> None:
    """The axis always has a length."""
    assert sparkline([(0.0, 0.0), (60.0, 0.0)], 60.0, "x")
    assert sparkline([(0.0, -5.0), (60.0, -1.0)], 60.0, "x")


def test_a_terminal_gets_a_chart_of_characters() -> None:
    """No wider than asked for; gaps are spaces."""
    assert text_sparkline([(0.0, 0.0), (1.0, 4.0), (2.0, math.nan), (3.0, 8.0)]) == "▁▄ █"
    assert len(text_sparkline([(float(n), float(n)) for n in range(161)])) <= 40
    assert text_sparkline([(0.0, math.nan)]) == ""
