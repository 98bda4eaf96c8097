"""Taking an alert's expression apart."""

import pytest

from seawall.portal.promql import Drawable, drawable


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("up", Drawable("up")),
        ("rate(x[5m]) > 0.5", Drawable("rate(x[5m])", 0.5)),
        ("rate(x[5m]) >= (0.5)", Drawable("rate(x[5m])", 0.5)),
        ("(free / total) < 0.1", Drawable("(free / total)", 0.1, above=False)),
        ("x <= -3", Drawable("x", -3.0, above=False)),
        ("burn > 14.4 and on (job) errors > 10", Drawable("burn", 14.4)),
        ("(burn > 14.4) unless on (job) maintenance", Drawable("burn", 14.4)),
        ("x > y", Drawable("x > y")),
        ("a > 1 or b > 2", Drawable("a > 1 or b > 2")),
        ("up == 0", Drawable("up == 0")),
        ("not promql (", Drawable("not promql (")),
        ("", Drawable("")),
    ],
)
def test_an_expression_is_drawn_without_its_comparison(expr: str, expected: Drawable) -> None:
    """So that the line is there while the alert is not, and the limit is a line of its own."""
    found = drawable(expr)
    assert (expected.expr.replace(" ", ""), expected.threshold, expected.above) == (
        found.expr.replace(" ", "").replace("{}", ""), found.threshold, found.above,
    )  # fmt: skip


def test_what_is_too_large_to_be_read_is_drawn_whole() -> None:
    """The parser would end the portal's process."""
    deep = f"{'(' * 10_000}x{')' * 10_000} > 1"

    assert Drawable(deep) == drawable(deep)
